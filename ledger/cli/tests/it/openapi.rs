//! The description of the service: as it is committed, as it is served, and as a page.

use crate::support::{Service, http, ledger, verify};
use crate::workspace::root;
use serde_json::Value;

#[test]
fn the_committed_document_is_that_of_the_routes() {
    let written = ledger(&["openapi"]);
    assert_eq!(written.status.code(), Some(0));
    let committed = std::fs::read_to_string(root().join("spec/openapi.json")).unwrap_or_default();
    assert!(
        committed == String::from_utf8(written.stdout).unwrap(),
        "spec/openapi.json is not what the routes say: `cargo ledger openapi > spec/openapi.json`"
    );
}

#[tokio::test]
async fn everyone_may_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let get = async |path: &str| http().get(format!("{}{path}", service.url)).send().await.unwrap();
    let answer = get("/api/openapi.json").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let served: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let committed = std::fs::read(root().join("spec/openapi.json")).unwrap();
    assert_eq!(served, serde_json::from_slice::<Value>(&committed).unwrap());

    let page = get("/api/docs").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(!page.contains("<script") && !page.contains("src=\"http"), "a script, or another host");
    for methods in served["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.contains(&format!("id=\"{id}\"")), "{id} is not on the page");
        }
    }
    let data = service.data.clone();
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

//! Baselines of scans: accepted by a person, and no longer accepted once another is in use.

use crate::support::{Service, json, ledger, verify};
use serde_json::{Value, json};
use spec::Hash;

/// A line to import: a scan of the node that was compared with a baseline.
fn scan(node: &str, baseline: Option<Hash>, secs: u64) -> String {
    let mut payload = json!({
        "counts": {"critical": 0, "high": 0, "low": 0, "medium": 0, "unknown": 0}, "duration_ms": 1,
        "findings": [], "root": "/", "simulated": false, "started_at": "2026-11-21T20:42:00.000Z",
        "tree_root": Hash([3; 32]), "unchecked": [],
    });
    if let Some(baseline) = baseline {
        payload["baseline"] = json!(baseline);
    }
    let ts = format!("2026-11-21T20:42:{secs:02}.000Z");
    json!({"kind": "scan", "node_id": node, "org": "acme", "payload": payload, "ts": ts}).to_string()
}

#[test]
fn a_baseline_is_accepted_by_a_person_and_by_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let state = dir.path().join("state");
    let (token, state) = (service.enrolment_token(1), state.to_str().unwrap());
    let enrolled = ["agent", "enroll", "--url", &service.url, "--token", &token, "--state-dir", state];
    assert_eq!(ledger(&enrolled).status.code(), Some(0));
    let status = json(&["agent", "status", "--state-dir", state, "-o", "json"], 0);
    let node = status["node_id"].as_str().unwrap();
    let import = |n: u64, baseline: Option<Hash>| {
        let (line, file) = (scan(node, baseline, n), dir.path().join(format!("{n}.jsonl")));
        ::ledger::durable::write_secret(&file, &(line + "\n")).unwrap();
        json(&["import", file.to_str().unwrap(), "--data", path, "-o", "json"], 0);
    };
    let shown = || {
        let token = std::fs::read_to_string(data.join("owner.token")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("{}/api/nodes/{node}/scans", service.url);
        let request = crate::support::http().get(url).bearer_auth(token.trim());
        let answer = runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() });
        serde_json::from_str::<Value>(&answer).unwrap()["accepted"].clone()
    };
    let accept = |more: &[&str]| {
        ledger(&[&["nodes", "accept-baseline", node], more, &["--data", path]].concat()).status.code()
    };

    assert_eq!(accept(&[]), Some(1), "there is no scan");
    import(1, None);
    assert_eq!(accept(&[]), Some(1), "it was compared with none");
    import(2, Some(Hash([7; 32])));
    assert_eq!(shown(), Value::Null);
    assert_eq!(accept(&[&Hash([8; 32]).to_hex()]), Some(1), "another than the person thinks");
    assert_eq!(accept(&[&Hash([7; 32]).to_hex()]), Some(0));
    let accepted = shown();
    assert_eq!(
        (&accepted["author"], &accepted["baseline"]),
        (&json!("service:admin"), &json!(Hash([7; 32])))
    );
    assert_eq!(accepted["tree_root"], json!(Hash([3; 32])));
    import(3, Some(Hash([8; 32])));
    assert_eq!(shown(), Value::Null, "somebody put another in its place");
    assert_eq!(accept(&[]), Some(0));
    assert_eq!(shown()["baseline"], json!(Hash([8; 32])));
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

//! Files to set nodes up with.

use crate::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_filled_in_for_the_organisation() {
    let world = World::start().await;
    let token = world.token("acme", "viewer").await;
    let path = "/api/orgs/acme/nodes/config-template";
    let plain = world.get(path, Some(&token)).await.json();
    assert_eq!((&plain["kind"], &plain["path"]), (&json!("env"), &json!("/etc/vaultmesh/agent.env")));
    assert_eq!(plain["variables"]["VAULTMESH_CC_URL"], world.url(""));
    assert_eq!(plain["variables"]["RITMA_NODE_ORG_ID"], "acme");
    for kind in ["env", "systemd", "cloud-init", "container", "utld"] {
        let query = format!("kind={kind}&tenant=prod&url=https%3A%2F%2Fvault.example.org%2F");
        let answer = world.get(&format!("{path}?{query}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let text = answer.json()["text"].as_str().unwrap().to_owned();
        assert!(
            text.contains("https://vault.example.org") && !text.contains("example.org/\n"),
            "{kind}: {text}"
        );
        assert!(text.contains("RITMA_NODE_TENANT_ID"), "{kind}: {text}");
    }
    for bad in [
        "kind=x",
        "url=ftp%3A%2F%2Fa",
        "url=https%3A%2F%2Fa%22",
        "url=https%3A%2F%2Fa%0AB%3D1",
        "tenant=A%20B",
    ] {
        let answer = world.get(&format!("{path}?{bad}"), Some(&token)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-query"), "{bad}");
    }
    world.finish().await;
}

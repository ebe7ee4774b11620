//! Drafts: what the service signs for tokens, the admin and imports.

use crate::world::{World, send, with_token};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_becomes_the_service_s_claim() {
    let world = World::start().await;
    let token = world.token("acme", "org_owner").await;
    let draft = json!({
        "kind": "incident", "payload": {"title": "disk"}, "severity": "high", "tenant": "prod",
        "ts": "2026-01-02T03:04:05+01:00",
    });
    let answer = world.post("/api/events", Some(&token), &draft).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let seq = answer.json()["seq"].as_u64().unwrap();
    let header = world.ledger.reader().record(seq).await.unwrap().unwrap().entry.header;
    let id = token.split('.').nth(1).unwrap();
    assert_eq!(header.author.to_string(), format!("token:{id}"));
    assert_eq!(header.via.unwrap().subject.unwrap().as_str(), id);
    assert_eq!(header.ts.to_string(), "2026-01-02T02:04:05.000Z");
    assert_eq!((header.org.as_str(), header.tenant.unwrap().as_str()), ("acme", "prod"));

    let draft = json!({"kind": "note", "org": "acme", "payload": {"text": "x"}});
    let answer = world.admin(Method::POST, "/api/events", Some(&draft)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let seq = answer.json()["seq"].as_u64().unwrap();
    let header = world.ledger.reader().record(seq).await.unwrap().unwrap().entry.header;
    assert_eq!(header.author.to_string(), "service:admin");
    assert_eq!(world.admin(Method::GET, "/api/me", None).await.json()["kind"], "admin");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_with_an_id_can_be_sent_again() {
    let world = World::start().await;
    let token = world.token("acme", "node_admin").await;
    let id = spec::Uuid::v7(world.ledger.now(), [3; 10]);
    let draft = json!({"kind": "note", "id": id, "payload": {"text": "once"}});
    let first = world.post("/api/events", Some(&token), &draft).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let again = world.post("/api/events", Some(&token), &draft).await;
    assert_eq!((again.status, &again.json()["seq"]), (200, &first.json()["seq"]));
    let other = json!({"kind": "note", "id": id, "payload": {"text": "twice"}});
    assert_eq!(world.post("/api/events", Some(&token), &other).await.problem(), "duplicate-id");

    let batch = json!([draft, {"kind": "note", "payload": {"text": "new"}}, {"kind": "note", "payload": {}}]);
    let answer = world.post("/api/events", Some(&token), &batch).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let statuses: Vec<Value> =
        answer.json()["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(201), json!(422)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_made_once() {
    let world = World::start().await;
    let token = world.token("acme", "org_admin").await;
    let lines = [
        json!({"kind": "note", "ts": "2024-01-15T10:30:00Z", "payload": {"text": "old"}}),
        json!({"kind": "x-legacy", "ts": "2024-01-15T10:31:00Z", "payload": {"a": 1}}),
        json!({"kind": "note", "payload": {"text": "no time"}}),
        json!({"kind": "seal", "ts": "2024-01-15T10:31:00Z", "payload": {}}),
    ];
    let body = lines.map(|line| line.to_string()).join("\n");
    let import = async |path: &str| {
        let request = with_token(world.request(Method::POST, path), Some(&token));
        send(request.header("content-type", "application/x-ndjson").body(body.clone())).await
    };
    let first = import("/api/import?source=legacy.jsonl").await;
    assert_eq!(first.status, 207, "{}", first.text);
    let statuses = |answer: &Value| -> Vec<u64> {
        answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect()
    };
    assert_eq!(statuses(&first.json()), [201, 201, 422, 403]);
    let size = world.size();
    assert_eq!(statuses(&import("/api/import?source=legacy.jsonl").await.json()), [200, 200, 422, 403]);
    assert_eq!(world.size(), size);
    assert_eq!(statuses(&import("/api/import?source=another").await.json()), [201, 201, 422, 403]);
    let seq = first.json()["results"][0]["receipt"]["seq"].as_u64().unwrap();
    let header = world.ledger.reader().record(seq).await.unwrap().unwrap().entry.header;
    assert_eq!(header.author.to_string(), "import:legacy.jsonl");
    assert_eq!(header.ts.to_string(), "2024-01-15T10:30:00.000Z");
    assert_eq!(import("/api/import").await.problem(), "bad-query");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_have_one_meaning() {
    let world = World::start().await;
    let token = world.token("acme", "org_owner").await;
    let size = world.size();
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let cases = [
        (400, "not-canonical", "nonsense".to_owned()),
        (400, "bad-json", r#"{"kind":"note"}"#.to_owned()),
        (400, "bad-json", r#"{"kind":"note","payload":{"text":"x"},"payload":{"text":"y"}}"#.to_owned()),
        (400, "bad-json", r#"{"kind":"x-a","payload":{"a":{"b":1,"b":2}}}"#.to_owned()),
        (400, "bad-json", r#"{"kind":"x-a","payload":{"a":9007199254740993}}"#.to_owned()),
        (400, "bad-json", r#"{"kind":"x-a","payload":{"a":1e20}}"#.to_owned()),
        (400, "bad-json", r#"{"kind":"x-a","payload":{"a":"\ud800"}}"#.to_owned()),
        (400, "bad-json", format!(r#"{{"kind":"x-a","payload":{{"a":{deep}}}}}"#)),
        (400, "bad-json", r#"{"kind":"note","payload":{"text":"x"},"surprise":1}"#.to_owned()),
        (400, "bad-json", r#"{"kind":"note","payload":{"text":"x"},"tenant":null}"#.to_owned()),
        (400, "bad-json", r#"{"kind":7,"payload":{"text":"x"}}"#.to_owned()),
        (422, "invalid", r#"{"kind":"gossip","payload":{"text":"x"}}"#.to_owned()),
        (422, "invalid", r#"{"kind":"note","payload":{"text":"x"},"org":"A B"}"#.to_owned()),
        (422, "invalid", r#"{"kind":"note","payload":{"text":"x"},"ts":"yesterday"}"#.to_owned()),
        (422, "invalid", r#"{"kind":"note","payload":{"text":"x"},"severity":"bad"}"#.to_owned()),
        (
            422,
            "invalid",
            r#"{"kind":"note","payload":{"text":"x"},"id":"550e8400-e29b-41d4-a716-446655440000"}"#
                .to_owned(),
        ),
        (422, "bad-payload", r#"{"kind":"note","payload":{"text":7}}"#.to_owned()),
        (422, "bad-payload", r#"{"kind":"note","payload":["x"]}"#.to_owned()),
        (400, "bad-event", r#"{"author":"service:ledger","kind":"note","payload":{"text":"x"}}"#.to_owned()),
        (400, "bad-event", r#"{"kind":"note","payload":{"text":"x"},"via":{"method":"self"}}"#.to_owned()),
    ];
    for (status, code, body) in cases {
        let request = with_token(world.request(Method::POST, "/api/events"), Some(&token));
        let answer = send(request.header("content-type", "application/json").body(body.clone())).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{body}: {}", answer.text);
    }
    assert_eq!(world.size(), size);
    world.finish().await;
}

//! Enrolment: one token, its uses, and those who ask twice.

use crate::world::{Node, World};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_proves_the_introduction_and_can_be_had_again() {
    let world = World::start().await;
    let token = world.enrolment("acme", 1).await;
    let node = Node::new();
    let body = node.registration(&token);
    let answer = world.post("/api/nodes/register", None, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let first = answer.json();
    assert_eq!(first["node_id"], node.id.to_string());
    assert_eq!((&first["org"], &first["tenant"]), (&json!("acme"), &json!("prod")));
    assert_eq!(first["ledger"], world.ledger.id().to_hex());
    assert_eq!(first["origin"], world.ledger.origin());
    assert_eq!(first["log_vkey"], world.ledger.log_vkey());
    assert_eq!(first["authority"].as_array().unwrap().len(), 1);
    assert_eq!(first["heartbeat_secs"], 30);

    let size = world.size();
    let again = world.post("/api/nodes", None, &body).await;
    assert_eq!((again.status, world.size()), (200, size));
    assert_eq!(again.json()["introduction"]["record"], first["introduction"]["record"]);

    // The node can speak at once.
    let mut node = node.enrolled(&world, &first);
    let event = node.heartbeat();
    let beat = world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await;
    assert_eq!(beat.status, 201, "{}", beat.text);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_with_a_token_for_one() {
    let world = World::start().await;
    let token = world.enrolment("acme", 1).await;
    let attempts = (0..50).map(|_| {
        let (body, url, http) =
            (Node::new().registration(&token), world.url("/api/nodes/register"), world.http.clone());
        tokio::spawn(async move { http.post(url).json(&body).send().await.unwrap().status().as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 403).count(), 49, "{statuses:?}");

    // The same node fifty times: one introduction, and every answer says so.
    let token = world.enrolment("acme", 1).await;
    let body = Node::new().registration(&token);
    let size = world.size();
    let attempts: Vec<_> = (0..50)
        .map(|_| {
            let (body, url, http) = (body.clone(), world.url("/api/nodes"), world.http.clone());
            tokio::spawn(async move {
                let response = http.post(url).json(&body).send().await.unwrap();
                let status = response.status().as_u16();
                let answer: serde_json::Value = response.json().await.unwrap();
                (status, answer["introduction"]["record"].to_string())
            })
        })
        .collect();
    let mut records = BTreeSet::new();
    let mut created = 0;
    for attempt in attempts {
        let (status, record) = attempt.await.unwrap();
        assert!(matches!(status, 200 | 201), "{status} {record}");
        created += usize::from(status == 201);
        records.insert(record);
    }
    assert_eq!((created, records.len(), world.size()), (1, 1, size + 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered() {
    let world = World::start().await;
    let token = world.enrolment("acme", 10).await;
    let taken = world.node("acme").await;
    let size = world.size();
    let register = async |body: &serde_json::Value| {
        let answer = world.post("/api/nodes/register", None, body).await;
        (answer.status, answer.problem())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());

    let node = Node::new();
    let unknown = format!("vm1.{}.{}", world.ledger.id(), "ab".repeat(32));
    assert_eq!(register(&node.registration(&unknown)).await, refused(401, "token-unknown"));
    let foreign = format!("vm1.{}.{}", "cd".repeat(32), "ab".repeat(32));
    assert_eq!(register(&node.registration(&foreign)).await, refused(422, "foreign-ledger"));
    let mut body = node.registration(&token);
    body["pop"] = Node::new().registration(&token)["pop"].clone();
    assert_eq!(register(&body).await, refused(422, "bad-possession"));
    // The identity element of the curve: everybody can sign for it.
    let mut body = node.registration(&token);
    body["key"] = json!(format!("01{}", "00".repeat(31)));
    assert_eq!(register(&body).await, refused(422, "bad-key"));
    let same_author = Node { id: taken.id, ..Node::new() };
    assert_eq!(register(&same_author.registration(&token)).await, refused(409, "author-taken"));
    let same_key = Node { key: taken.key.clone(), ..Node::new() };
    assert_eq!(register(&same_key.registration(&token)).await, refused(409, "key-in-use"));
    let mut body = node.registration(&token);
    body["author"] = json!("service:ingest");
    assert_eq!(register(&body).await, refused(422, "invalid"));
    for field in ["author", "key", "pop", "token"] {
        let mut body = node.registration(&token);
        body[field] = json!(17);
        assert_eq!(register(&body).await, refused(400, "bad-json"), "{field}");
        body[field] = json!("x");
        assert_eq!(register(&body).await, refused(422, "invalid"), "{field}");
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(register(&body).await, refused(400, "bad-json"), "{field}");
    }
    assert_eq!(world.size(), size, "nothing was written");

    let id = world.admin(Method::GET, "/api/orgs/acme/nodes/enrollment-tokens", None).await.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["uses_left"] == 10)
        .unwrap()["token_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/orgs/acme/nodes/enrollment-tokens/{id}");
    assert_eq!(world.admin(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(world.admin(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(register(&node.registration(&token)).await, refused(403, "token-revoked"));
    let body = json!({"ttl_secs": 1});
    let short = world.admin(Method::POST, "/api/orgs/acme/nodes/enrollment-tokens", Some(&body)).await.json();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let short = short["token"].as_str().unwrap();
    assert_eq!(register(&node.registration(short)).await, refused(403, "token-expired"));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_s_device_joins_in_the_same_way() {
    let world = World::start().await;
    let path = "/api/orgs/acme/nodes/enrollment-tokens";
    let made = world.admin(Method::POST, path, Some(&json!({"use": "device"}))).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let device = Node::new();
    let author = format!("user:{}", device.id);
    let (ledger, secret) = token.strip_prefix("vm1.").unwrap().split_once('.').unwrap();
    let hash = spec::payload::token_hash(&spec::Hash::from_hex(secret).unwrap().0);
    let statement = spec::payload::node_possession_bytes(
        &author.parse().unwrap(),
        &device.key.public(),
        &spec::Hash::from_hex(ledger).unwrap(),
        &hash,
    );
    let mut body = device.registration(&token);
    body["pop"] = json!(device.key.sign(&statement));
    body["author"] = json!(author);
    assert_eq!(world.post("/api/nodes/register", None, &body).await.problem(), "invalid");
    body["use"] = json!("witness");
    assert_eq!(world.post("/api/nodes/register", None, &body).await.problem(), "invalid");
    body["use"] = json!("device");
    let answer = world.post("/api/nodes/register", None, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(world.post("/api/nodes/register", None, &body).await.status, 200);
    // What it is for, it is for alone.
    let made = world.admin(Method::POST, path, Some(&json!({"use": "device"}))).await.json();
    let node = Node::new();
    let refused =
        world.post("/api/nodes/register", None, &node.registration(made["token"].as_str().unwrap())).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "not-allowed"));
    // A token for one node introduces no other.
    let asked = json!({"node_id": node.id, "uses": 2});
    let made = world.admin(Method::POST, path, Some(&asked)).await.json();
    let token = made["token"].as_str().unwrap();
    let other = world.post("/api/nodes/register", None, &Node::new().registration(token)).await;
    assert_eq!((other.status, other.problem().as_str()), (403, "not-allowed"));
    assert_eq!(world.post("/api/nodes/register", None, &node.registration(token)).await.status, 201);
    world.finish().await;
}

//! Heartbeats: signed events, and the seven bare fields under a JWT.

use crate::world::{Node, World, send};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_heartbeat_needs_no_other_credential() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.heartbeat();
    let answer = world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["receipts"][0]["event_hash"], event.hash().to_hex());
    assert_eq!(body["next_heartbeat_secs"], 30);
    assert_eq!(body["commands"], json!([]));
    assert_eq!(body["witness_checkpoint"], body["receipts"][0]["checkpoint"]);
    assert!(body["server_time"].is_string());
    let again = world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await;
    assert_eq!((again.status, &again.json()["receipts"][0]["duplicate"]), (200, &json!(true)));

    let path = format!("/api/nodes/{}/heartbeat", node.id);
    let event = node.heartbeat();
    assert_eq!(world.post_bytes(&path, "application/json", event.to_canonical()).await.status, 201);
    let other = format!("/api/nodes/{}/heartbeat", Node::new().id);
    let event = node.heartbeat();
    let answer = world.post_bytes(&other, "application/json", event.to_canonical()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"));
    let answer = world.post_bytes("/api/nodes/me/heartbeat", "application/json", event.to_canonical()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-path"));
    world.finish().await;
}

type Change = Box<dyn Fn(&mut Value, &mut Value)>;

async fn bare(world: &World, path: &str, jwt: &str, body: &Value) -> crate::world::Answer {
    let request =
        world.request(Method::POST, path).bearer_auth(jwt).header("content-type", "application/json");
    send(request.body(body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seven_fields_under_a_jwt_become_an_event_of_the_service() {
    let world = World::start().await;
    let node = world.node("acme").await;
    let mut body = node.heartbeat_payload();
    body["load1_milli"] = json!(120);
    let jwt = node.jwt(body.to_string().as_bytes(), |_, _| {});
    let answer = bare(&world, "/api/agent/heartbeat", &jwt, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let seq = answer.json()["receipts"][0]["seq"].as_u64().unwrap();
    let record = world.ledger.reader().record(seq).await.unwrap().unwrap();
    let header = &record.entry.header;
    assert_eq!(header.author.to_string(), "service:ingest");
    assert_eq!(header.node_id, Some(node.id));
    assert_eq!((header.org.as_str(), header.tenant.as_ref().unwrap().as_str()), ("acme", "prod"));
    let via = header.via.as_ref().unwrap();
    assert_eq!(via.method.as_str(), "node-jwt");
    assert_eq!(via.subject.as_ref().unwrap().as_str(), node.key.public().to_string());

    // A lost answer: the same body again, under the same JWT or a new one.
    let again = bare(&world, &format!("/api/nodes/{}/heartbeat", node.id), &jwt, &body).await;
    assert_eq!((again.status, &again.json()["receipts"][0]["seq"]), (200, &json!(seq)));
    let jwt = node.jwt(body.to_string().as_bytes(), |_, claims| claims["exp"] = json!(node.now.secs() + 30));
    assert_eq!(bare(&world, "/api/agent/heartbeat", &jwt, &body).await.status, 200);

    // The seed's agent does not know what time it is; its JWT does.
    body["timestamp"] = json!("2024-01-15T10:30:00Z");
    let jwt = node.jwt(body.to_string().as_bytes(), |_, _| {});
    assert_eq!(bare(&world, "/api/agent/heartbeat", &jwt, &body).await.status, 201);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_is_good_for_one_ledger_one_node_one_body_one_minute() {
    let world = World::start().await;
    let (node, other) = (world.node("acme").await, world.node("acme").await);
    let body = node.heartbeat_payload();
    let bytes = body.to_string();
    let now = node.now.secs();
    let size = world.size();
    let set = |what: &'static str, value: Value| -> Change {
        Box::new(move |_, claims| claims[what] = value.clone())
    };
    let in_header = |what: &'static str, value: Value| -> Change {
        Box::new(move |header, _| header[what] = value.clone())
    };
    let cases: Vec<(&str, Change)> = vec![
        ("another ledger", set("aud", json!("00".repeat(32)))),
        (
            "expired",
            Box::new(move |_, c| {
                c["iat"] = json!(now - 200);
                c["exp"] = json!(now - 140);
            }),
        ),
        (
            "not yet",
            Box::new(move |_, c| {
                c["iat"] = json!(now + 100);
                c["exp"] = json!(now + 160);
            }),
        ),
        ("too long", set("exp", json!(now + 61))),
        ("backwards", set("exp", json!(now))),
        ("another body", set("body", json!("00".repeat(32)))),
        (
            "no body",
            Box::new(|_, c| {
                c.as_object_mut().unwrap().remove("body");
            }),
        ),
        ("one more claim", set("admin", json!(true))),
        ("a user", set("iss", json!(format!("user:{}", node.id)))),
        ("no algorithm", in_header("alg", json!("none"))),
        ("another algorithm", in_header("alg", json!("HS256"))),
        ("another type", in_header("typ", json!("at+jwt"))),
        ("a key in the header", in_header("jwk", json!({"kty": "OKP"}))),
        ("another's key", in_header("kid", json!(other.key.public()))),
    ];
    for (what, change) in cases {
        let answer = bare(&world, "/api/agent/heartbeat", &node.jwt(bytes.as_bytes(), change), &body).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        answer.problem();
    }
    for token in ["", "x", "a.b", "a.b.c", "e30.e30.e30", &"x".repeat(4000)] {
        assert_eq!(bare(&world, "/api/agent/heartbeat", token, &body).await.status, 401, "{token}");
    }
    // Another node's heartbeat, another author's JWT, and no JWT at all.
    let jwt = other.jwt(bytes.as_bytes(), |_, _| {});
    assert_eq!(bare(&world, "/api/agent/heartbeat", &jwt, &body).await.status, 403);
    let jwt = other.jwt(bytes.as_bytes(), |_, claims| claims["iss"] = json!(node.author()));
    assert_eq!(bare(&world, "/api/agent/heartbeat", &jwt, &body).await.problem(), "author-mismatch");
    let stranger = Node { ledger: node.ledger, now: node.now, ..Node::new() };
    let jwt = stranger.jwt(bytes.as_bytes(), |_, _| {});
    assert_eq!(bare(&world, "/api/agent/heartbeat", &jwt, &body).await.problem(), "unknown-key");
    assert_eq!(world.post("/api/agent/heartbeat", None, &body).await.status, 401);
    let token = world.token("acme", "org_owner").await;
    assert_eq!(world.post("/api/agent/heartbeat", Some(&token), &body).await.status, 403);
    assert_eq!(world.size(), size + 1, "only the token's making was written");

    // A revoked key opens nothing.
    let path = format!("/api/keys/{}/governance", node.key.public());
    let answer = world.admin(Method::PATCH, &path, Some(&json!({"status": "revoked"}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let jwt = node.jwt(bytes.as_bytes(), |_, _| {});
    let answer = bare(&world, "/api/agent/heartbeat", &jwt, &body).await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "key-revoked"));
    world.finish().await;
}

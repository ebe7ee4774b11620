//! What must be refused, with nothing written, and the service unharmed.

use crate::world::{Node, World};
use serde_json::json;
use spec::{Event, Hash, Kind};
use web::limits::{MAX_BATCH_EVENTS, MAX_EVENTS_BODY_BYTES, MAX_HEARTBEAT_BODY_BYTES};

/// Sends bytes to a route and says what came of it.
async fn refused(world: &World, path: &str, body: Vec<u8>) -> (u16, String) {
    let size = world.size();
    let shown = String::from_utf8_lossy(body.get(..body.len().min(200)).unwrap()).into_owned();
    let answer = world.post_bytes(path, "application/json", body).await;
    assert_eq!(world.size(), size, "something was written: {shown}");
    assert!(answer.status >= 400, "{shown}: {}", answer.text);
    (answer.status, answer.problem())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn replaced(event: &Event, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(event.to_canonical()).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_event() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.clone().sign(Kind::Custom(crate::world::name("x-a")), &json!({"a": 1, "b": "text"}));
    let whole = event.to_canonical();
    for path in ["/api/events", "/api/agent/heartbeat"] {
        let send = async |body: Vec<u8>| refused(&world, path, body).await;
        let canonical = is(400, "not-canonical");
        assert_eq!(send(Vec::new()).await, canonical);
        assert_eq!(send(b"not json".to_vec()).await, canonical);
        assert_eq!(send(b"\xff\xfe".to_vec()).await, canonical);
        assert_eq!(send(b"\xef\xbb\xbf{}".to_vec()).await, canonical);
        assert_eq!(send(whole[..whole.len() - 1].to_vec()).await, canonical);
        assert_eq!(send([&whole[..], b" "].concat()).await, canonical);
        assert_eq!(send([&whole[..], &whole[..]].concat()).await, canonical);
        assert_eq!(send(replaced(&event, ",\"kind\"", ", \"kind\"")).await, canonical);
        assert_eq!(send(replaced(&event, "{\"a\":1", "{\"a\":1,\"a\":1")).await, canonical);
        assert_eq!(send(replaced(&event, "{\"author\"", "{\"a\":1,\"author\"")).await, is(400, "bad-event"));
        assert_eq!(send(replaced(&event, "\"a\":1", "\"a\":9007199254740993")).await, canonical);
        assert_eq!(send(replaced(&event, "\"a\":1", "\"a\":1e20")).await, canonical);
        assert_eq!(send(replaced(&event, "\"a\":1", "\"a\":1.0")).await, canonical);
        assert_eq!(send(replaced(&event, "\"text\"", "\"\\ud800\"")).await, canonical);
        assert_eq!(send(replaced(&event, "\"text\"", "\"\\u0074ext\"")).await, canonical);
        let deep = format!("\"a\":{}{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(send(replaced(&event, "\"a\":1", &deep)).await, canonical);
        for (field, value) in [("seq", "\"0\""), ("envelope", "true"), ("envelope", "2"), ("payload", "0")] {
            let at = if field == "payload" {
                "\"envelope\":1,\"payload\":1".to_owned()
            } else {
                format!("\"{field}\":")
            };
            let text = String::from_utf8(whole.clone()).unwrap();
            let start = text.find(&at).unwrap();
            let body = if field == "payload" {
                text.replacen(&at, &format!("\"envelope\":1,\"payload\":{value}"), 1)
            } else {
                let end = start + at.len() + 1;
                format!("{}{at}{value}{}", &text[..start], &text[end..])
            };
            assert_eq!(send(body.into_bytes()).await, is(400, "bad-event"), "{field} {value}");
        }
        for key in ["author", "chain", "id", "kind", "ledger", "org", "payload", "salt", "sig", "ts"] {
            let mut value: serde_json::Value = serde_json::from_slice(&whole).unwrap();
            for wrong in [json!(7), json!([]), json!(null), json!("Wrong one")] {
                value[key] = wrong.clone();
                let (status, code) = send(spec::canonical::to_vec(&value).unwrap()).await;
                let expected = (status, code.as_str());
                assert!(
                    matches!(expected, (400, "bad-event" | "payload-hash")),
                    "{key} {wrong}: {expected:?}"
                );
            }
            value.as_object_mut().unwrap().remove(key);
            assert_eq!(send(spec::canonical::to_vec(&value).unwrap()).await, is(400, "bad-event"), "{key}");
        }
    }
    let mut tampered = event.clone();
    tampered.payload.json = "{\"a\":2,\"b\":\"text\"}".into();
    assert_eq!(refused(&world, "/api/events", tampered.to_canonical()).await, is(400, "payload-hash"));
    // The service is unharmed, and so is the node's chain.
    let good = node.note("still here");
    assert_eq!(world.post_bytes("/api/events", "application/json", good.to_canonical()).await.status, 201);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_nobody_may_send() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let send = async |event: &Event| refused(&world, "/api/events", event.to_canonical()).await;
    let good = node.sign(Kind::Note, &json!({"text": "x"}));

    let mut event = good.clone();
    event.sig.0[5] ^= 1;
    assert_eq!(send(&event).await, is(401, "bad-signature"));
    let mut event = good.clone();
    event.header.ledger = Hash([9; 32]);
    assert_eq!(send(&node.resign(event)).await, is(422, "foreign-ledger"));
    let stranger = Node { ledger: node.ledger, now: node.now, org: node.org.clone(), ..Node::new() };
    assert_eq!(send(&stranger.sign(Kind::Note, &json!({"text": "x"}))).await, is(401, "unknown-key"));
    let mut event = good.clone();
    event.header.author = Node::new().author();
    assert_eq!(send(&node.resign(event)).await, is(403, "author-mismatch"));
    // The key of a node under `via`, and the service's key without the service.
    let mut event = good.clone();
    event.header.chain = None;
    event.header.via = Some(spec::Via { method: crate::world::name("self"), subject: None });
    assert_eq!(send(&node.resign(event.clone())).await, is(403, "wrong-use"));
    event.header.key = world.ledger.service_key();
    event.header.payload_hash = event.payload.hash();
    assert_eq!(send(&event).await, is(401, "bad-signature"));
    let mut event = good.clone();
    event.header.key = world.ledger.current_key(spec::KeyUse::Checkpoint);
    assert_eq!(send(&event).await.0, 403);

    // In its place, validly signed, and refused for good: recorded as a refusal each time.
    let recorded = async |event: Event, code: &str| {
        let size = world.size();
        let answer = world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
        assert_eq!(answer.problem(), code);
        assert_eq!((answer.json()["recorded"].clone(), world.size()), (json!(true), size + 1), "{code}");
    };
    let mut event = good.clone();
    event.header.org = crate::world::name("other");
    let event = node.resign(event);
    node.advance(&event);
    recorded(event, "wrong-org").await;
    let mut event = node.sign(Kind::Note, &json!({"text": "x"}));
    event.header.tenant = None;
    let event = node.resign(event);
    node.advance(&event);
    recorded(event, "wrong-tenant").await;
    recorded(node.next(Kind::Seal, &json!({})), "bad-payload").await;
    recorded(node.next(Kind::Service, &json!({"action": "stop", "version": "1"})), "not-allowed").await;
    let mut event = node.sign(Kind::Note, &json!({"text": "x"}));
    event.header.id = spec::Uuid::v7(spec::Timestamp::from_millis(node.now.millis() + 3_600_000), [1; 10]);
    let event = node.resign(event);
    node.advance(&event);
    recorded(event, "id-time").await;
    // Another node's state.
    let mut payload = node.heartbeat_payload();
    payload["node_id"] = json!(Node::new().id);
    recorded(node.next(Kind::Heartbeat, &payload), "bad-payload").await;
    let event = node.note("and on");
    assert_eq!(world.post_bytes("/api/events", "application/json", event.to_canonical()).await.status, 201);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_of_everything() {
    let world = World::start().await;
    let node = world.node("acme").await;
    let size = world.size();
    let large = node.sign(Kind::Custom(crate::world::name("x-a")), &json!({"a": "x".repeat(1024 * 1024)}));
    assert_eq!(refused(&world, "/api/events", large.to_canonical()).await, is(413, "too-large"));
    let most = vec![b' '; MAX_EVENTS_BODY_BYTES + 1];
    assert_eq!(refused(&world, "/api/events", most.clone()).await, is(413, "too-large"));
    let most = vec![b' '; MAX_HEARTBEAT_BODY_BYTES + 1];
    assert_eq!(refused(&world, "/api/agent/heartbeat", most).await, is(413, "too-large"));
    let many = format!("[{}1]", "1,".repeat(MAX_BATCH_EVENTS));
    assert_eq!(refused(&world, "/api/events", many.into_bytes()).await, is(413, "too-large"));
    let many = "{}\n".repeat(MAX_BATCH_EVENTS + 1);
    let answer = world.post_bytes("/api/events", "application/x-ndjson", many).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
    for empty in ["[]", "[ ]"] {
        assert_eq!(refused(&world, "/api/events", empty.into()).await, is(400, "bad-json"));
    }
    let answer = world.post_bytes("/api/events", "application/x-ndjson", "\n").await;
    assert_eq!(answer.problem(), "bad-json");
    let answer = world.post_bytes("/api/events", "application/x-ndjson", "{}\n\n{}").await;
    assert_eq!(answer.json()["results"].as_array().unwrap().len(), 3);
    for media in ["text/plain", "application/xml", "multipart/form-data", "application/jsonp", ""] {
        let answer = world.post_bytes("/api/events", media, "{}").await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported-media-type"), "{media}");
    }
    let answer = world.post_bytes("/api/agent/heartbeat", "application/x-ndjson", "{}").await;
    assert_eq!(answer.status, 415);
    let request = world.request(reqwest::Method::POST, "/api/events").header("content-encoding", "gzip");
    let answer = crate::world::send(request.header("content-type", "application/json").body("{}")).await;
    assert_eq!(answer.status, 415);
    assert_eq!(world.get("/api/events?inclusion=true", None).await.status, 401);
    let answer = world.post_bytes("/api/events?inclusion=maybe", "application/json", "{}").await;
    assert_eq!(answer.json()["field"], "inclusion");
    assert_eq!(world.size(), size);
    // A full batch of the largest size is taken.
    let mut node = node;
    let events: Vec<Event> = (0..MAX_BATCH_EVENTS).map(|i| node.note(&format!("{i}"))).collect();
    let body = crate::world::ndjson(&events);
    let request = world.request(reqwest::Method::POST, "/api/events").bearer_auth(node.jwt(&body, |_, _| {}));
    let answer = crate::world::send(request.header("content-type", "application/x-ndjson").body(body)).await;
    assert_eq!(answer.status, 201, "{:.300}", answer.text);
    world.finish().await;
}

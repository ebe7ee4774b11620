//! What nodes count of their operations: under a JWT or signed, once, and of themselves alone.

use crate::world::{Answer, Node, World, send};
use reqwest::Method;
use serde_json::{Value, json};
use spec::Kind;

fn count(outcome: &str, hour: u64, count: u64) -> Value {
    json!({
        "component": "gate", "count": count, "operation": "read", "outcome": outcome,
        "window_start": format!("2026-11-30T{hour:02}:00:00Z"),
        "window_end": format!("2026-11-30T{hour:02}:59:59.999+00:00"),
    })
}

async fn report(world: &World, node: &Node, path: &str, body: &Value) -> Answer {
    let bytes = body.to_string();
    let jwt = node.jwt(bytes.as_bytes(), |_, _| {});
    let request = world.request(Method::POST, path).bearer_auth(jwt);
    send(request.header("content-type", "application/json").body(bytes)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_recorded_once_and_by_span() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let path = format!("/api/nodes/{}/slo", node.id);
    let mut of_itself = count("deny", 10, 3);
    for (name, value) in
        [("org_id", json!("acme")), ("tenant_id", json!("prod")), ("node_id", json!(node.id))]
    {
        of_itself[name] = value;
    }
    let several = json!([count("ok", 11, 7), of_itself, count("deny", 10, 2), count("allow", 10, 1)]);
    let answer = report(&world, &node, &path, &several).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["results"].as_array().unwrap().len(), 2);
    let size = world.size();
    // A reply was lost: whatever the order in which it is sent again.
    let again = json!([several[3], several[0], several[1], several[2]]);
    for _ in 0..2 {
        let answer = report(&world, &node, &path, &again).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(world.size(), size);
    let events =
        world.admin(Method::GET, "/api/events?kind=slo&order=asc", None).await.json()["items"].clone();
    let counted = |at: usize| {
        let counts = events[at]["payload"]["counts"].as_array().unwrap().iter();
        counts.map(|one| (one["outcome"].clone(), one["count"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(counted(0), [(json!("allow"), json!(1)), (json!("deny"), json!(5))]);
    assert_eq!(counted(1), [(json!("ok"), json!(7))]);
    assert_eq!(events[0]["event"]["via"]["method"], "node-jwt");
    // One count, and an event that the node signed.
    assert_eq!(report(&world, &node, &path, &count("throttle", 12, 1)).await.status, 201);
    let counts = json!([{"component": "gate", "count": 1, "operation": "read", "outcome": "isolate"}]);
    let event = node.next(Kind::Slo, &json!({"counts": counts, "from": node.now, "to": node.now}));
    let answer = world.post_bytes(&path, "application/json", event.to_canonical()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_reports_of_itself_and_nobody_else_does() {
    let world = World::start().await;
    let (mut one, other) = (world.node("acme").await, world.node("acme").await);
    let path = format!("/api/nodes/{}/slo", one.id);
    let size = world.size();
    assert_eq!(report(&world, &other, &path, &count("ok", 10, 1)).await.status, 403);
    let owner = world.token("acme", "org_owner").await;
    assert_eq!(world.post(&path, Some(&owner), &count("ok", 10, 1)).await.status, 403);
    let with = |name: &str, value: Value| {
        let mut said = count("ok", 10, 1);
        said[name] = value;
        said
    };
    let refused = [
        (with("org_id", json!("other")), 403),
        (with("tenant_id", json!("dev")), 403),
        (with("node_id", json!(other.id)), 403),
        (with("outcome", json!("won")), 422),
        (with("count", json!(1_u64 << 53)), 422),
        (with("window_end", json!("2026-11-30T09:00:00Z")), 422),
        (with("window_start", json!("yesterday")), 422),
        (with("component", json!("Gate Keeper")), 422),
        (with("more", json!(1)), 400),
        (json!([]), 422),
        (json!([count("ok", 10, (1 << 53) - 1), count("ok", 10, 1)]), 422),
    ];
    for (said, status) in refused {
        let answer = report(&world, &one, &path, &said).await;
        assert_eq!(answer.status, status, "{said}: {}", answer.text);
    }
    assert_eq!(world.size(), size + 1, "the token alone");
    let note = one.note("hello");
    let answer = world.post_bytes(&path, "application/json", note.to_canonical()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "wrong-kind"));
    world.finish().await;
}

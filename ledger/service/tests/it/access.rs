//! Isolation by trying: each route, with each role, across organisations.

use crate::world::{World, send, with_token};
use reqwest::Method;
use serde_json::{Value, json};
use service::rows;
use spec::payload::Role;
use web::Access;
use web::access::{Action, allows};

const NODE: &str = "550e8400-e29b-41d4-a716-446655440000";

#[tokio::test(flavor = "multi_thread")]
async fn each_route_with_each_role_across_organisations() {
    let world = World::start().await;
    let (mut mine, mut theirs) = (world.node("acme").await, world.node("other").await);
    for node in [&mut mine, &mut theirs] {
        let event = node.note("hello");
        assert_eq!(
            world.post_bytes("/api/events", "application/json", event.to_canonical()).await.status,
            201
        );
    }
    let made = json!({"org": "other", "name": "Other Ltd"});
    assert_eq!(world.admin(Method::POST, "/api/orgs", Some(&made)).await.status, 201);
    let other_token = world.token("other", "viewer").await;
    let other_id = other_token.split('.').nth(1).unwrap();
    let listed = world.admin(Method::GET, "/api/orgs/other/nodes/enrollment-tokens", None).await.json();
    let other_enrolment = listed["items"][0]["token_id"].as_str().unwrap();
    let other_seq = world.size() - 2;

    for role in Role::ALL {
        let token = world.token("acme", role.as_str()).await;
        let size = world.size();
        // Those that the page reads show the own organisation alone; `reading` of the executable tries them.
        for route in rows().iter().filter(|route| !route.session) {
            // Every variable part names something of the other organisation.
            let path = route.path.replace("{org}", "other").replace("{token_id}", other_enrolment);
            let path = path.replace("{id}", other_id).replace("{key}", &theirs.key.public().to_string());
            let path = path.replace("{seq}", &other_seq.to_string()).replace("{first}", "0");
            let body: Option<Value> = match (route.method.as_str(), route.path) {
                ("POST", "/api/tokens") => Some(json!({"org": "other", "role": "viewer", "label": ""})),
                ("POST", "/api/events") => {
                    Some(json!({"kind": "note", "org": "other", "payload": {"text": "x"}}))
                }
                ("POST", path) if path.ends_with("enrollment-tokens") => Some(json!({})),
                ("POST", path) if path.starts_with("/api/rollouts") => Some(json!({"org": "other"})),
                ("PUT", _) => Some(
                    json!({"command": "scan", "name": "x", "org": "other", "when": {"cron": "* * * * *"}}),
                ),
                ("PATCH", _) => Some(json!({"status": "revoked"})),
                _ => None,
            };
            let path = if path == "/api/import" { "/api/import?source=x".to_owned() } else { path };
            let mut request = with_token(world.request(route.method.clone(), &path), Some(&token));
            request = match body {
                Some(body) => request.json(&body),
                None if route.path == "/api/import" => request
                    .header("content-type", "application/x-ndjson")
                    .body(json!({"kind": "note", "org": "other", "ts": "2026-01-01T00:00:00Z", "payload": {"text": "x"}}).to_string()),
                None => request,
            };
            if matches!(route.access, Access::Public | Access::Anyone) {
                continue;
            }
            let answer = send(request).await;
            let allowed = match route.access {
                Access::Role(action) => allows(role, action),
                Access::Everywhere(_) => false,
                _ => true,
            };
            let what = format!("{role:?} {route:?}: {} {}", answer.status, answer.text);
            if !allowed {
                assert_eq!(answer.status, 403, "{what}");
                continue;
            }
            match route.path {
                // Lists show the own organisation only.
                "/api/events" if route.method == Method::GET => {
                    let items = answer.json()["items"].clone();
                    assert!(!items.as_array().unwrap().is_empty(), "{what}");
                    assert!(items.as_array().unwrap().iter().all(|i| i["event"]["org"] == "acme"), "{what}");
                }
                "/api/keys" | "/api/tokens" if route.method == Method::GET => {
                    let items = answer.json()["items"].clone();
                    assert!(items.as_array().unwrap().iter().all(|i| i["org"] == "acme"), "{what}");
                }
                "/api/orgs" => assert_eq!(answer.json()["items"], json!([]), "{what}"),
                "/api/ledger/entries" => {
                    for line in answer.text.lines() {
                        let line: Value = serde_json::from_str(line).unwrap();
                        assert_eq!(line["entry"]["event"]["org"], "acme", "{what}");
                    }
                }
                "/api/import" => assert_eq!(answer.json()["results"][0]["status"], 403, "{what}"),
                // The rest names something of the other organisation: refused, or not there at all.
                "/api/events" => assert_eq!(answer.status, 403, "{what}"),
                _ => assert!((400..500).contains(&answer.status), "{what}"),
            }
        }
        assert_eq!(world.size(), size, "{role:?} has written something");
        let answer = world.get("/api/events?org=other", Some(&token)).await;
        assert_eq!(answer.status, 403);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_its_own_organisation_a_role_may_do_what_the_matrix_says() {
    let world = World::start().await;
    let node = world.node("acme").await;
    for role in Role::ALL {
        let token = world.token("acme", role.as_str()).await;
        let token = Some(token.as_str());
        let payload = json!({"action": "create", "expires_at": "2030-01-01T00:00:00.000Z", "node": NODE, "text": "moved"});
        let silence = json!({"kind": "silence", "payload": payload});
        let document = json!({"allow": {}, "format": "vaultmesh-policy-v1", "mode": "enforce"});
        let policy = json!({"document": document, "selector": "ring=canary"});
        let tried = [
            (Action::ManageRules, world.post("/api/orgs/acme/policies", token, &policy).await),
            (
                Action::WriteNote,
                world.post("/api/events", token, &json!({"kind": "note", "payload": {"text": "x"}})).await,
            ),
            (
                Action::WriteEvent,
                world
                    .post("/api/events", token, &json!({"kind": "incident", "payload": {"title": "x"}}))
                    .await,
            ),
            (
                Action::WriteEvent,
                world
                    .post("/api/events", token, &json!({"kind": "x-mine", "payload": {"a": [1.5, null]}}))
                    .await,
            ),
            (
                Action::WriteEvent,
                world
                    .post(
                        "/api/events",
                        token,
                        &json!({"kind": "labels", "node_id": node.id, "payload": {"labels": {}}}),
                    )
                    .await,
            ),
            (Action::WriteEvent, world.post("/api/events", token, &silence).await),
            (
                Action::ManageRules,
                world
                    .post("/api/events", token, &json!({"kind": "ruleset", "payload": {"posture_cap": 40}}))
                    .await,
            ),
            (
                Action::ManageEnrolment,
                world.post("/api/orgs/acme/nodes/enrollment-tokens", token, &json!({})).await,
            ),
            (
                Action::ManageTokens,
                world
                    .post("/api/tokens", token, &json!({"org": "acme", "role": "viewer", "label": ""}))
                    .await,
            ),
        ];
        for (action, answer) in tried {
            let expected = if allows(role, action) { 201 } else { 403 };
            assert_eq!(answer.status, expected, "{role:?} {action:?}: {}", answer.text);
        }
        let answer =
            world.post("/api/tokens", token, &json!({"org": "acme", "role": "org_owner", "label": ""})).await;
        assert_eq!(answer.status, if role == Role::OrgOwner { 201 } else { 403 }, "{role:?}");
        let me = world.get("/api/me", token).await.json();
        assert_eq!(
            (&me["kind"], &me["org"], &me["roles"]),
            (&json!("token"), &json!("acme"), &json!([role]))
        );
    }
    // Kinds that have their own route, or are not for people, are refused whoever asks.
    let token = world.token("ledger", "org_owner").await;
    let size = world.size();
    for kind in [
        "key",
        "token",
        "enrolment",
        "key-status",
        "seal",
        "genesis",
        "heartbeat",
        "chain-open",
        "refusal",
        "attention",
        "command",
        "notice",
        "receipt",
        "scan",
        "schedule",
        "schedule-run",
        "rollout",
        "rollout-wave",
        "webhook",
    ] {
        let draft = json!({"kind": kind, "org": "acme", "payload": {}});
        let answer = world.post("/api/events", Some(&token), &draft).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "not-allowed"), "{kind}");
    }
    assert_eq!(world.size(), size);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sees_itself_only() {
    let world = World::start().await;
    let (mut one, mut two) = (world.node("acme").await, world.node("acme").await);
    for node in [&mut one, &mut two] {
        let event = node.heartbeat();
        world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await;
    }
    let jwt = one.jwt(b"", |_, _| {});
    let items = world.get("/api/events", Some(&jwt)).await.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!(items[0]["event"]["author"], one.author().to_string());
    assert_eq!(world.get(&format!("/api/events?node_id={}", two.id), Some(&jwt)).await.status, 403);
    let keys = world.get("/api/keys", Some(&jwt)).await.json()["items"].clone();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["key"]), (1, &json!(one.key.public())));
    assert_eq!(world.get(&format!("/api/keys/{}", two.key.public()), Some(&jwt)).await.status, 404);
    let entries = world.get("/api/ledger/entries", Some(&jwt)).await;
    assert_eq!(entries.text.lines().count(), 1, "{}", entries.text);
    assert_eq!(world.get("/api/tokens", Some(&jwt)).await.status, 403);
    assert_eq!(world.get("/api/ledger/segments", Some(&jwt)).await.status, 403);
    assert_eq!(world.get("/api/me", Some(&jwt)).await.json()["kind"], "node");
    world.finish().await;
}

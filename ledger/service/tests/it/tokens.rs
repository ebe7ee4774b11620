//! API tokens and keys: made, listed, ended.

use crate::world::{World, send, with_token};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_until_it_ends() {
    let world = World::start().await;
    let owner = world.token("acme", "org_owner").await;
    let body = json!({"org": "acme", "role": "viewer", "label": "dashboard", "ttl_secs": 3600});
    let made = world.post("/api/tokens", Some(&owner), &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (token, id) = (made.json()["token"].as_str().unwrap().to_owned(), made.json()["id"].clone());
    assert!(made.json()["expires_at"].is_string());
    assert_eq!(world.get("/api/me", Some(&token)).await.status, 200);
    let listed = world.get("/api/tokens", Some(&owner)).await;
    let mine =
        listed.json()["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap().clone();
    assert_eq!((&mine["label"], &mine["revoked"]), (&json!("dashboard"), &json!(false)));
    let secret = token.rsplit_once('.').unwrap().1;
    assert!(!listed.text.contains(secret), "a list shows no secret");

    let (head, last) = token.split_at(token.len() - 1);
    let wrong = format!("{head}{}", if last == "0" { "1" } else { "0" });
    for bad in [wrong.as_str(), head, "vmt1..", "vmt1.x.y", "vmt2.x", ""] {
        let answer = world.get("/api/me", Some(bad)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{bad}");
    }
    for value in ["Basic eDp5", "Bearer", "bearer  x", "Token x"] {
        let answer = send(world.request(Method::GET, "/api/me").header("authorization", value)).await;
        assert_eq!(answer.status, 401, "{value}");
    }
    let twice = world.request(Method::GET, "/api/me").bearer_auth(&token).bearer_auth(&token);
    assert_eq!(send(twice).await.status, 401);
    let body = json!({"org": "acme", "role": "viewer", "label": "short", "ttl_secs": 1});
    let short = world.post("/api/tokens", Some(&owner), &body).await.json()["token"].clone();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(world.get("/api/me", short.as_str()).await.status, 401, "it has ended");

    let token = world.token("acme", "org_admin").await;
    let path = format!("/api/tokens/{}", token.split('.').nth(1).unwrap());
    let delete =
        async |by: &str| send(with_token(world.request(Method::DELETE, &path), Some(by))).await.status;
    let stranger = world.token("other", "org_owner").await;
    assert_eq!(delete(&stranger).await, 404);
    assert_eq!(delete(&owner).await, 204);
    let size = world.size();
    assert_eq!(delete(&owner).await, 204);
    assert_eq!(world.size(), size, "ended is ended");
    assert_eq!(world.get("/api/me", Some(&token)).await.status, 401);
    for (body, status) in [
        (json!({"org": "acme", "role": "king", "label": ""}), 422),
        (json!({"org": "acme", "role": "viewer", "label": "x".repeat(257)}), 422),
        (json!({"org": "acme", "role": "viewer", "label": "", "ttl_secs": 0}), 422),
        (json!({"org": "acme", "role": "viewer"}), 400),
        (json!([]), 400),
    ] {
        assert_eq!(world.post("/api/tokens", Some(&owner), &body).await.status, status, "{body}");
    }
    for body in [
        json!({"ttl_secs": 31 * 86_400}),
        json!({"uses": 0}),
        json!({"uses": 10_001}),
        json!({"tenant": "A"}),
    ] {
        let answer = world.post("/api/orgs/acme/nodes/enrollment-tokens", Some(&owner), &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{body}");
    }
    let answer =
        world.admin(Method::POST, "/api/orgs/ledger/nodes/enrollment-tokens", Some(&json!({}))).await;
    assert_eq!(answer.status, 422);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once() {
    let world = World::start().await;
    let token = world.token("acme", "viewer").await;
    let code = world.codes.add(token.clone()).unwrap().to_hex();
    let ask = async |code: &str| world.post("/api/sign-in", None, &json!({"code": code})).await;
    let zeros = "0".repeat(64);
    for wrong in [zeros.as_str(), "", "x"] {
        let answer = ask(wrong).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{wrong}");
    }
    let answer = ask(&code).await;
    assert_eq!((answer.status, &answer.json()["token"]), (200, &json!(token)));
    assert_eq!(ask(&code).await.status, 401, "once");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_rehearsed_and_not_set() {
    let world = World::start().await;
    let owner = world.token("acme", "org_owner").await;
    let path = "/api/orgs/acme/rules/rehearsal";
    let size = world.size();
    let rules = json!({"rules": {"reasons": {"offline": {"weight": 10}}}});
    let answer = world.post(path, Some(&owner), &rules).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((&answer.json()["before"], &answer.json()["added"]), (&json!(0), &json!([])));
    assert_eq!(world.size(), size, "nothing is written");
    for (body, status) in [
        (json!({"rules": {"reasons": {"boredom": {"weight": 10}}}}), 422),
        (json!({"rules": {"reasons": {"offline": {"weight": 101}}}}), 422),
        (json!({"rules": {}, "since": "yesterday"}), 422),
        (json!({"rules": {"storm": {"least": 0, "percent": 9_007_199_254_740_992_u64}}}), 422),
        (json!({}), 400),
    ] {
        assert_eq!(world.post(path, Some(&owner), &body).await.status, status, "{body}");
    }
    let viewer = world.token("acme", "viewer").await;
    assert_eq!(world.post(path, Some(&viewer), &rules).await.status, 403);
    let stranger = world.token("other", "org_owner").await;
    assert_eq!(world.post(path, Some(&stranger), &rules).await.status, 403);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_once() {
    let world = World::start().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(world.node("acme").await);
    }
    let owner = world.token("acme", "org_admin").await;
    let page = world.get("/api/keys?limit=2", Some(&owner)).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let rest = format!("/api/keys?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = world.get(&rest, Some(&owner)).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &json!(null)));

    let node = &mut nodes[0];
    let path = format!("/api/keys/{}", node.key.public());
    assert_eq!(world.get(&path, Some(&owner)).await.json()["status"], "active");
    let patch = async |body: serde_json::Value| {
        let request = world.request(Method::PATCH, &format!("{path}/governance"));
        send(with_token(request, Some(&owner)).json(&body)).await
    };
    assert_eq!(patch(json!({"status": "deprecated"})).await.status, 422);
    assert_eq!(patch(json!({"status": "revoked", "suspect_from": 1})).await.status, 422);
    let answer = patch(json!({"status": "revoked", "reason": "lost"})).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("revoked")));
    let size = world.size();
    assert_eq!(patch(json!({"status": "revoked"})).await.status, 200);
    assert_eq!(world.size(), size);
    let event = node.note("too late");
    let answer = world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "key-revoked"));
    let answer = patch(json!({"status": "compromised", "suspect_from": 2})).await;
    assert_eq!(answer.json()["suspect_from"], 2, "{}", answer.text);
    assert_eq!(patch(json!({"status": "revoked"})).await.status, 409);
    let listed = world.get("/api/keys?status=compromised", Some(&owner)).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let key = world.ledger.service_key();
    assert_eq!(world.get(&format!("/api/keys/{key}"), Some(&owner)).await.status, 404);
    let answer = world
        .admin(Method::PATCH, &format!("/api/keys/{key}/governance"), Some(&json!({"status": "revoked"})))
        .await;
    assert_eq!(answer.problem(), "wrong-use", "the ledger's own keys change otherwise");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_went_over_to_another_key_is_known_by_that_alone() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let owner = world.token("acme", "org_admin").await;
    let (rotation, old) = node.rotate();
    let post = async |event: &spec::Event| {
        world.post_bytes("/api/events", "application/json", event.to_canonical()).await
    };
    assert_eq!(post(&node.note("early")).await.problem(), "unknown-key");
    node.link.prev = rotation.hash();
    node.link.seq = 0;
    let receipt = post(&rotation).await;
    assert_eq!(receipt.status, 201, "{}", receipt.text);
    let again = post(&rotation).await;
    assert_eq!((again.status, &again.json()["seq"]), (200, &receipt.json()["seq"]));
    assert_eq!(post(&node.note("with the new key")).await.status, 201);

    let asks = async |node: &crate::world::Node| {
        let request = world.request(Method::GET, "/api/me").bearer_auth(node.jwt(b"", |_, _| {}));
        send(request).await
    };
    assert_eq!(asks(&old).await.problem(), "key-revoked");
    assert_eq!(asks(&node).await.status, 200);
    let listed = world.get("/api/keys?status=superseded", Some(&owner)).await.json();
    let shown = &listed["items"][0];
    assert_eq!((&shown["key"], &shown["successor"]), (&json!(old.key.public()), &json!(node.key.public())));
    assert_eq!(shown["until"], receipt.json()["seq"]);

    // It is valid no longer, so there is nothing to revoke; what it signed can still be put in doubt.
    let path = format!("/api/keys/{}/governance", old.key.public());
    let patch = async |body: serde_json::Value| {
        send(with_token(world.request(Method::PATCH, &path), Some(&owner)).json(&body)).await
    };
    let size = world.size();
    assert_eq!(patch(json!({"status": "revoked"})).await.json()["status"], "superseded");
    assert_eq!(world.size(), size);
    assert_eq!(patch(json!({"status": "compromised"})).await.json()["status"], "compromised");
    assert_eq!(post(&node.note("all the same")).await.status, 201);
    world.finish().await;
}

//! Organisations over HTTP: made, renamed, suspended; their people, as the machine's owner and tokens see them.

use crate::world::{World, send, with_token};
use reqwest::Method;
use serde_json::{Value, json};

const ADA: &str = "550e8400-e29b-41d4-a716-446655440000";
const BOB: &str = "7b1de0c4-62a5-4f0e-8f4f-2f9f6c1b7d33";

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_made_renamed_suspended_and_let_in_again() {
    let world = World::start().await;
    let made = json!({"org": "acme", "name": "Acme"});
    let answer = world.admin(Method::POST, "/api/orgs", Some(&made)).await;
    assert_eq!((answer.status, &answer.json()["name"]), (201, &json!("Acme")), "{}", answer.text);
    let answer = world.admin(Method::POST, "/api/orgs", Some(&made)).await;
    assert_eq!((answer.status, answer.problem().as_str()), (409, "conflict"));
    for (body, status) in [
        (json!({"org": "ledger", "name": "x"}), 422),
        (json!({"org": "Acme", "name": "x"}), 422),
        (json!({"org": "new", "name": ""}), 422),
        (json!({"org": "new", "name": "x".repeat(257)}), 422),
        (json!({"org": "new"}), 400),
    ] {
        assert_eq!(world.admin(Method::POST, "/api/orgs", Some(&body)).await.status, status, "{body}");
    }
    let owner = world.token("acme", "org_owner").await;
    let stranger = world.token("other", "org_owner").await;
    let call = async |method: Method, path: &str, token: &str, body: Value| {
        send(with_token(world.request(method, path), Some(token)).json(&body)).await
    };
    let renamed = call(Method::PATCH, "/api/orgs/acme", &owner, json!({"name": "Acme Ltd"})).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("Acme Ltd")));
    // What there is and what there is not look alike from outside.
    for org in ["acme", "nowhere"] {
        let path = format!("/api/orgs/{org}");
        let answer = call(Method::PATCH, &path, &stranger, json!({"name": "Mine"})).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
        assert_eq!(world.get(&path, Some(&stranger)).await.problem(), "forbidden");
        assert_eq!(world.get(&format!("{path}/members"), Some(&stranger)).await.problem(), "forbidden");
    }
    assert_eq!(world.get("/api/orgs", Some(&stranger)).await.json()["items"], json!([]));
    let mut node = world.node("acme").await;
    let suspend = json!({"reason": "unpaid"});
    assert_eq!(call(Method::POST, "/api/orgs/acme/suspend", &owner, suspend.clone()).await.status, 403);
    let answer = world.admin(Method::POST, "/api/orgs/acme/suspend", Some(&suspend)).await;
    assert_eq!((answer.status, &answer.json()["suspended"]), (200, &json!(true)));
    for path in ["/api/me", "/api/events", "/api/orgs/acme", "/events"] {
        let answer = world.get(path, Some(&owner)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "org-suspended"), "{path}");
    }
    // Its nodes go on.
    let event = node.heartbeat();
    let answer = world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(world.admin(Method::POST, "/api/orgs/acme/resume", None).await.status, 200);
    assert_eq!(world.get("/api/me", Some(&owner)).await.json()["orgs"][0]["name"], "Acme Ltd");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_have_roles_until_these_end_and_an_owner_stays() {
    let world = World::start().await;
    let owner = world.token("acme", "org_owner").await;
    let admin = world.token("acme", "org_admin").await;
    let viewer = world.token("acme", "viewer").await;
    let grant = async |token: &str, user: &str, role: &str| {
        world.post("/api/orgs/acme/members", Some(token), &json!({"user": user, "role": role})).await
    };
    assert_eq!(grant(&viewer, ADA, "viewer").await.status, 403);
    assert_eq!(grant(&admin, ADA, "org_owner").await.status, 403);
    assert_eq!(grant(&admin, ADA, "king").await.status, 422);
    assert_eq!(grant(&owner, ADA, "org_owner").await.status, 201);
    assert_eq!(grant(&admin, BOB, "viewer").await.status, 201);
    let listed = world.get("/api/orgs/acme/members", Some(&viewer)).await.json()["items"].clone();
    assert_eq!(listed, json!([{"role": "org_owner", "user": ADA}, {"role": "viewer", "user": BOB}]));
    let end = async |token: &str, user: &str, role: &str| {
        let path = format!("/api/orgs/acme/members/{user}/{role}");
        send(with_token(world.request(Method::DELETE, &path), Some(token))).await
    };
    assert_eq!(end(&owner, ADA, "org_owner").await.problem(), "last-owner");
    assert_eq!(grant(&owner, BOB, "org_owner").await.status, 201);
    assert_eq!(end(&admin, ADA, "org_owner").await.status, 403);
    assert_eq!(end(&owner, ADA, "org_owner").await.status, 204);
    assert_eq!(end(&owner, ADA, "org_owner").await.status, 404);
    // Only people are invited, and visit.
    let made = world.post("/api/orgs/acme/invitations", Some(&admin), &json!({"role": "viewer"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let accept = json!({"invitation": made.json()["invitation"]});
    assert_eq!(world.post("/api/invitations/accept", Some(&viewer), &accept).await.status, 403);
    let visit = json!({"reason": "ticket 1"});
    assert_eq!(world.post("/api/orgs/acme/support", Some(&owner), &visit).await.status, 403);
    let open = world.get("/api/orgs/acme/invitations", Some(&admin)).await;
    assert_eq!(open.json()["items"][0]["id"], made.json()["id"]);
    let secret = made.json()["invitation"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
    assert!(!open.text.contains(&secret), "a list shows no secret");
    let path = format!("/api/orgs/acme/invitations/{}", made.json()["id"].as_str().unwrap());
    for status in [204, 404] {
        let answer = send(with_token(world.request(Method::DELETE, &path), Some(&admin))).await;
        assert_eq!(answer.status, status);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn support_of_the_ledger_sees_no_organisation_by_that() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.note("theirs");
    world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    let support = world.token("ledger", "support").await;
    assert_eq!(world.get("/api/events?org=acme", Some(&support)).await.status, 403);
    let items = world.get("/api/events", Some(&support)).await.json()["items"].clone();
    assert!(items.as_array().unwrap().iter().all(|item| item["event"]["org"] == "ledger"), "{items}");
    assert_eq!(world.get("/api/orgs/acme/keys", Some(&support)).await.status, 403);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_and_rules_are_entries_without_secrets() {
    let world = World::start().await;
    let admin = world.token("acme", "org_admin").await;
    let provider = json!({"issuer": "https://id.example.org", "audiences": ["vaultmesh"]});
    let path = "/api/identity-providers/example";
    let put = async |path: &str, token: &str, body: &Value| {
        send(with_token(world.request(Method::PUT, path), Some(token)).json(body)).await
    };
    assert_eq!(put(path, &admin, &provider).await.status, 403);
    for bad in [
        json!({"issuer": "https://id.example.org", "audiences": []}),
        json!({"issuer": "id.example.org", "audiences": ["a"]}),
        json!({"issuer": "https://id.example.org", "audiences": ["a"], "algorithms": ["HS256"]}),
        json!({"issuer": "https://id.example.org", "audiences": ["a"], "algorithms": ["none"]}),
        json!({"issuer": "https://id.example.org", "audiences": ["a"], "kind": "saml"}),
        json!({"issuer": "https://id.example.org", "audiences": ["a"], "client_secret": "hunter2"}),
    ] {
        let answer = world.admin(Method::PUT, path, Some(&bad)).await;
        assert!([400, 422].contains(&answer.status), "{bad}: {}", answer.text);
    }
    assert_eq!(world.admin(Method::PUT, path, Some(&provider)).await.status, 200);
    // Without a client nobody signs in there, so the console's first page does not name it.
    let choices = async || world.get("/sign-in/providers", None).await.json()["items"].clone();
    assert_eq!(choices().await, json!([]));
    let mut with_client = provider.clone();
    with_client["client_id"] = json!("console");
    assert_eq!(world.admin(Method::PUT, path, Some(&with_client)).await.status, 200);
    assert_eq!(choices().await, json!([{"id": "example", "issuer": "https://id.example.org"}]));
    // A person that is sent back in vain reads a page, and its way back.
    let back = world.get("/sign-in/callback?state=x&code=y", None).await;
    assert_eq!(back.status, 401);
    assert!(back.text.contains("begin again") && back.text.contains("href=\"/console/\""), "{}", back.text);
    let rules = "/api/orgs/acme/sign-in-rules";
    let rule = |role: &str, provider: &str| json!({"provider": provider, "claim": "groups", "value": "ops", "role": role});
    let of = |id: &str| format!("{rules}/{id}");
    assert_eq!(put(&of(ADA), &admin, &rule("viewer", "nobody")).await.status, 422);
    assert_eq!(put(&of(ADA), &admin, &rule("org_owner", "example")).await.status, 403);
    assert_eq!(put(&of(ADA), &admin, &rule("viewer", "example")).await.status, 200);
    let listed = world.get(rules, Some(&admin)).await.json();
    assert_eq!(listed["items"][0]["value"], "ops");
    let remove =
        async || send(with_token(world.request(Method::DELETE, &of(ADA)), Some(&admin))).await.status;
    assert_eq!(remove().await, 204);
    assert_eq!(remove().await, 404);
    assert_eq!(world.admin(Method::DELETE, path, None).await.status, 204);
    assert_eq!(world.admin(Method::DELETE, path, None).await.status, 404);
    world.finish().await;
}

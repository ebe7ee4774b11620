//! From prices and usage to an invoice, its correction, and what proves it.

use crate::world::{Answer, World};
use reqwest::Method;
use serde_json::{Value, json};
use spec::{Timestamp, Uuid};

const PROVED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/invoice.jsonl");

fn rate(metric: &str, included: u64, unit: u64, millicents: u64) -> Value {
    json!({"included": included, "metric": metric, "product": "gate", "tiers": [{"millicents": millicents}], "unit": unit})
}

async fn set(world: &World, tenant: Option<&str>, currency: &str, base_cents: u64, rates: Value) -> Answer {
    let mut said = json!({"base_cents": base_cents, "currency": currency, "plan": "team", "rates": rates});
    if let Some(tenant) = tenant {
        said["tenant"] = json!(tenant);
    }
    world.admin(Method::POST, "/api/orgs/acme/billing/price-books", Some(&said)).await
}

async fn used(world: &World, tenant: Option<&str>, metric: &str, quantity: u64, id: Option<Uuid>) -> Answer {
    let mut draft = json!({"kind": "usage", "org": "acme", "payload": {"metric": metric, "product": "gate", "quantity": quantity}});
    if let Some(tenant) = tenant {
        draft["tenant"] = json!(tenant);
    }
    if let Some(id) = id {
        draft["id"] = json!(id);
    }
    world.admin(Method::POST, "/api/events", Some(&draft)).await
}

fn month(time: Timestamp) -> String {
    time.to_string()[..7].to_owned()
}

/// Lets the present month pass; its name.
fn pass_month(world: &World) -> String {
    let was = month(world.ledger.now());
    while month(world.ledger.now()) == was {
        world.clock.pass(6 * 3_600_000);
    }
    was
}

/// Two tenants use things for a month under prices that change, and it is billed: the month, and the invoice of the first.
async fn billed(world: &World) -> (String, Answer) {
    assert_eq!(
        set(
            world,
            None,
            "EUR",
            4900,
            json!([rate("decisions", 3, 10, 500), rate("storage_bytes", 0, 1, 250)])
        )
        .await
        .status,
        201
    );
    let id = Uuid::v7(world.ledger.now(), [7; 10]);
    for expected in [201, 200, 200] {
        assert_eq!(used(world, Some("prod"), "decisions", 125, Some(id)).await.status, expected);
    }
    for (tenant, metric, quantity) in [
        (Some("prod"), "decisions", 40),
        (Some("dev"), "decisions", 1_000_000),
        (None, "decisions", 2_000_000),
        (Some("prod"), "storage_bytes", 50),
        (Some("prod"), "storage_bytes", 30),
        (Some("prod"), "api_calls", 9),
    ] {
        assert_eq!(used(world, tenant, metric, quantity, None).await.status, 201);
    }
    // A few hours later, still in the month if that is to be: the prices of one tenant change.
    assert_eq!(
        set(world, Some("prod"), "EUR", 10_000, json!([rate("decisions", 0, 1, 12_500)])).await.status,
        201
    );
    assert_eq!(used(world, Some("prod"), "decisions", 1, None).await.status, 201);
    let month = pass_month(world);
    assert_eq!(used(world, Some("prod"), "decisions", 77, None).await.status, 201, "of the month after");
    let body = json!({"month": month, "tenant": "prod"});
    (month, world.admin(Method::POST, "/api/orgs/acme/invoices", Some(&body)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_billed_corrected_and_proved() {
    let world = World::start().await;
    let viewer = world.token("acme", "viewer").await;
    let now = month(world.ledger.now());
    let early = json!({"month": now, "tenant": "prod"});
    let answer = world.admin(Method::POST, "/api/orgs/acme/invoices", Some(&early)).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    let (month, issued) = billed(&world).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let id = issued.json()["invoice"].as_str().unwrap().to_owned();
    let path = format!("/api/orgs/acme/invoices/{id}");
    let invoice = world.get(&path, Some(&viewer)).await.json()["invoice"].clone();
    let usage: Vec<(u64, u64, u64)> = invoice["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line.get("usage").is_some())
        .map(|line| {
            let of = |name: &str| line["usage"][name].as_u64().unwrap();
            (of("quantity"), of("count"), line["cents"].as_u64().unwrap())
        })
        .collect();
    // Seventeen units at half a cent, what is included being next to nothing; fifty bytes at a quarter; one at 12.5.
    assert_eq!(usage, [(165, 2, 9), (50, 2, 13), (1, 1, 13)]);
    // The estimate of that month says the same, and the tenant of none pays for itself alone.
    let estimate = format!("/api/orgs/acme/billing/estimate?month={month}&tenant=prod");
    let estimate = world.get(&estimate, Some(&viewer)).await.json();
    assert_eq!((&estimate["lines"], &estimate["complete"]), (&invoice["lines"], &json!(true)));
    // The same in the form of the daemon: of this month, and of one in which there was nothing yet.
    let present = world.get("/api/orgs/acme/billing/estimate?tenant=prod", Some(&viewer)).await.json();
    let daemon = world.get("/invoice-draft?tenant_id=prod", Some(&viewer)).await.json();
    assert_eq!(
        (&daemon["tenant_id"], &daemon["plan_id"], &daemon["currency"]),
        (&json!("prod"), &json!("team"), &json!("EUR"))
    );
    assert_eq!(daemon["subtotal_cents"], present["total_cents"]);
    let before = world.get("/invoice-draft?tenant_id=prod&period_idx=0", Some(&viewer)).await.json();
    assert_eq!((&before["subtotal_cents"], &before["period_end_ts"]), (&json!(0), &json!(31 * 86_400)));
    // Once.
    let again = world
        .admin(Method::POST, "/api/orgs/acme/invoices", Some(&json!({"month": month, "tenant": "prod"})))
        .await;
    assert_eq!(again.status, 409, "{}", again.text);
    // A correction stands beside it, rounded by itself.
    let lines = json!([{"millicents": -12_500, "text": "Half a unit.", "line": 1}, {"millicents": -100_500, "text": "Goodwill."}]);
    let answer = world.admin(Method::POST, &format!("{path}/credits"), Some(&json!({"lines": lines}))).await;
    assert_eq!((answer.status, &answer.json()["total_cents"]), (201, &json!(-114)), "{}", answer.text);
    let after = world.get(&path, Some(&viewer)).await.json()["invoice"].clone();
    assert_eq!(after["lines"], invoice["lines"]);
    let due = after["total_cents"].as_i64().unwrap() - 114;
    assert_eq!(after["due_cents"], due);
    let none = json!({"lines": [{"millicents": 1, "text": "x", "line": 99}]});
    assert_eq!(world.admin(Method::POST, &format!("{path}/credits"), Some(&none)).await.status, 422);
    // What proves it: the bundle, two price books, five entries of usage, the correction.
    let evidence = world.get(&format!("{path}/evidence"), Some(&viewer)).await;
    assert_eq!((evidence.status, evidence.text.lines().count()), (200, 9), "{}", evidence.text);
    assert!(!evidence.text.contains("1000000") && !evidence.text.contains("2000000"), "of the tenant alone");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_set_by_the_ledger_and_seen_by_their_organisation() {
    let world = World::start().await;
    let (owner, other) = (world.token("acme", "org_owner").await, world.token("other", "org_owner").await);
    let node = world.node("acme").await;
    let said = json!({"base_cents": 1, "currency": "EUR", "plan": "custom", "rates": []});
    for path in ["/api/orgs/acme/billing/price-books", "/api/orgs/acme/invoices"] {
        assert_eq!(world.post(path, Some(&owner), &said).await.status, 403);
        assert_eq!(world.get(path, Some(&other)).await.status, 403);
        let jwt = node.jwt(b"", |_, _| {});
        assert_eq!(world.get(path, Some(&jwt)).await.status, 403, "no node's affair");
    }
    assert_eq!(set(&world, None, "EUR", 1, json!([])).await.status, 201);
    let refused = [
        (set(&world, None, "USD", 1, json!([])).await, 409),
        (set(&world, None, "eur", 1, json!([])).await, 409),
        (set(&world, None, "EUR", 1 << 50, json!([])).await, 422),
        (set(&world, None, "EUR", 1, json!([rate("decisions", 0, 0, 1)])).await, 422),
        (
            set(&world, None, "EUR", 1, json!([rate("decisions", 0, 1, 1), rate("api_calls", 0, 1, 1)]))
                .await,
            422,
        ),
        (set(&world, Some("No Name"), "EUR", 1, json!([])).await, 422),
    ];
    for (answer, status) in refused {
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let books = world.get("/api/orgs/acme/billing/price-books", Some(&owner)).await.json();
    assert_eq!(books["items"].as_array().unwrap().len(), 1);
    for bad in ["month=2026-13", "month=x", "tenant=No"] {
        let answer = world.get(&format!("/api/orgs/acme/billing/estimate?{bad}"), Some(&owner)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-query"), "{bad}");
    }
    let far = format!("/invoice-draft?period_idx={}", u64::MAX);
    assert_eq!(world.get(&far, Some(&owner)).await.status, 400);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the file anew; a released vector does not change"]
async fn regenerate_vectors() {
    let world = World::start().await;
    let (_, issued) = billed(&world).await;
    let path = format!("/api/orgs/acme/invoices/{}", issued.json()["invoice"].as_str().unwrap());
    let lines = json!([{"millicents": -12_500, "text": "Half a unit.", "line": 1}]);
    world.admin(Method::POST, &format!("{path}/credits"), Some(&json!({"lines": lines}))).await;
    let evidence = world.admin(Method::GET, &format!("{path}/evidence"), None).await;
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(PROVED, evidence.text).unwrap();
    world.finish().await;
}

//! The routes of the read side: what they list, page by page, to whom, and of which point of the log.

use crate::entries::{START, at, heartbeat, name, node};
use crate::live::start;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use conformance::Document;
use ledger::service::Draft;
use ledger::{AppendOptions, Ledger, Outcome};
use serde_json::{Value, json};
use serving::history::History;
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use serving::{Reads, routes};
use spec::payload::{Command, Role};
use spec::{Author, Hash, Kind, PublicKey, Signature, Uuid, Via};
use std::sync::{Arc, LazyLock};
use tower::ServiceExt as _;
use web::{App, Config, Principal, PrincipalKind, Route, Row};

/// A ledger with a little of everything, and its routes.
pub(crate) struct Service {
    pub(crate) ledger: Ledger,
    router: Router,
}

pub(crate) async fn say(
    ledger: &Ledger,
    method: &str,
    kind: Kind,
    org: &str,
    about: Option<u16>,
    payload: Value,
) -> Hash {
    let (author, subject) = match method {
        "import" => (Author::Import(name("old")), Some(name("old"))),
        _ => (Author::Service(name(method)), None),
    };
    let draft = Draft {
        author,
        via: Via { method: name(method), subject },
        kind,
        org: name(org),
        tenant: Some(name("prod")),
        node_id: about.map(node),
        severity: None,
        ts: None,
        id: None,
        payload,
    };
    let event = ledger.sign(&draft).unwrap();
    let hash = event.hash();
    let appended = ledger.append_own(vec![event], AppendOptions::default()).await.unwrap();
    assert!(matches!(appended.outcomes[..], [Outcome::Recorded(_)]), "{:?}", appended.outcomes);
    hash
}

fn scan(severities: &[&str]) -> Value {
    let finding = |n: usize, severity: &str| {
        json!({"id": format!("check-{n}"), "remediation": "mend it", "severity": severity,
            "subject": format!("/etc/{n}"), "title": format!("Number {n} is open")})
    };
    let findings: Vec<Value> = severities.iter().enumerate().map(|(n, s)| finding(n, s)).collect();
    let count = |severity: &str| severities.iter().filter(|one| **one == severity).count();
    json!({"counts": {"critical": count("critical"), "high": count("high"), "low": count("low"),
        "medium": count("medium"), "unknown": 0}, "duration_ms": 1, "findings": findings, "root": "/",
        "simulated": false, "started_at": at(0), "unchecked": []})
}

fn order(to: u16) -> Value {
    json!({"action": "issue", "approvals": 0, "command": "scan", "expires_at": at(600), "node": node(to),
        "nonce": Hash::ZERO, "not_before": at(0), "parameters": {}, "sig": Signature([0; 64])})
}

/// An order under the ledger's command key.
fn signed(ledger: &Ledger, order: Value) -> Value {
    let Ok(Command::Issue(mut order)) = serde_json::from_value(order) else { panic!("an order") };
    order.sig = ledger.sign_order(&order);
    serde_json::to_value(Command::Issue(order)).unwrap()
}

/// Entries 1 to 16; 0 is the genesis.
async fn service() -> Service {
    service_after(async |_| ()).await
}

/// The same with what else is said.
pub(crate) async fn service_after(more: impl AsyncFnOnce(&Ledger)) -> Service {
    let live = Live::new();
    let ledger = start(Arc::clone(&live)).await;
    for (org, n) in [("acme", 1), ("acme", 2), ("beta", 3)] {
        let more = json!({"load1_milli": 100 * u64::from(n), "agent_version": format!("1.{n}")});
        say(&ledger, "import", Kind::Heartbeat, org, Some(n), heartbeat(n, 0, more)).await;
        let labels = json!({"labels": {"env": if n == 1 { "prod" } else { "test" }}});
        say(&ledger, "admin", Kind::Labels, org, Some(n), labels).await;
        say(&ledger, "import", Kind::Scan, org, Some(n), scan(&["low", "critical", "low"][..n.into()])).await;
        let counts = json!([{"component": "gate", "count": n, "operation": "read", "outcome": "ok"},
            {"component": "gate", "count": 1, "operation": "write", "outcome": "deny"}]);
        let slo = json!({"counts": counts, "from": at(0), "to": at(60)});
        say(&ledger, "import", Kind::Slo, org, Some(n), slo).await;
        say(&ledger, "admin", Kind::Command, org, Some(n), signed(&ledger, order(n))).await;
    }
    for (org, product) in [("acme", "gate"), ("acme", "vault"), ("beta", "gate")] {
        let used = json!({"metric": "decisions", "product": product, "quantity": 5});
        say(&ledger, "admin", Kind::Usage, org, None, used).await;
    }
    more(&ledger).await;
    let ladder = Arc::new(Ladder::open(ledger.reader(), Spacing::default()).unwrap());
    let history = Arc::new(History::new(ledger.reader().clone(), Arc::clone(&ladder)));
    let head = ledger.head().borrow().clone();
    live.reach(ledger.reader(), &ladder, &head).await.unwrap();
    let reads = Reads { live, history, ledger: ledger.clone() };
    let bound = routes().into_iter().map(|route| route.bind(&reads)).collect();
    let router = App::new(ledger.clone(), Config::default()).router(bound);
    Service { ledger, router }
}

/// What the routes say of themselves: every answer is held against it.
static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let rows: Vec<Row> = routes().into_iter().map(Route::row).collect();
    Document::new(web::openapi::document("", &rows, &[]))
});

impl Service {
    pub(crate) async fn ask(&self, path: &str, org: Option<&str>, node: Option<Uuid>) -> (u16, Value) {
        let kind = match node {
            Some(node) => PrincipalKind::Node { node, key: PublicKey([0; 32]), tenant: None },
            None => PrincipalKind::Token(Uuid::v4([1; 16])),
        };
        let principal =
            Principal { kind, org: Some(name(org.unwrap_or("ledger"))), roles: vec![Role::Viewer] };
        let request = Request::builder().uri(path).extension(principal);
        let request = request.body(Body::empty()).unwrap();
        let asked = request.uri().path().to_owned();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let media = headers.get("content-type").map(|media| media.to_str().unwrap()).unwrap_or_default();
        let said = conformance::Answer { method: "GET", path: &asked, status, media, body: &body };
        DOCUMENT.check(said).unwrap_or_else(|fault| panic!("{path}: {fault}"));
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The answer to somebody of an organisation.
    async fn get(&self, path: &str, org: &str) -> Value {
        let (status, answer) = self.ask(path, Some(org), None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert!(answer["checkpoint"].as_str().is_some_and(|note| note.starts_with("test.local/")), "{path}");
        assert!(answer["as_of"]["seq"].is_u64() && answer["as_of"]["time"].is_string(), "{path}: {answer}");
        answer
    }

    pub(crate) async fn items(&self, path: &str, org: &str) -> Vec<Value> {
        self.get(path, org).await["items"].as_array().unwrap().clone()
    }
}

fn with(path: &str, parameter: &str) -> String {
    format!("{path}{}{parameter}", if path.contains('?') { '&' } else { '?' })
}

/// Each list of the organisation `acme`, and how many items it has; whether it goes on page by page.
fn lists() -> Vec<(String, usize, bool)> {
    let of_node = |rest: &str| format!("/api/nodes/{}/{rest}", node(2));
    vec![
        ("/api/commands".to_owned(), 2, true),
        ("/api/findings".to_owned(), 3, true),
        ("/api/nodes".to_owned(), 2, true),
        (of_node("events"), 5, true),
        (of_node("metrics?metric=load1"), 1, false),
        (of_node("scans"), 1, false),
        (of_node("slo-summary"), 2, true),
        ("/api/orgs/acme/audit".to_owned(), 4, true),
        ("/api/orgs/acme/keys".to_owned(), 0, true),
        ("/api/orgs/acme/nodes".to_owned(), 2, true),
        (format!("/api/orgs/acme/nodes/{}/events", node(2)), 5, true),
        ("/api/orgs/acme/slo-summary".to_owned(), 2, true),
        ("/api/orgs/acme/usage/summary".to_owned(), 2, true),
        ("/api/scans".to_owned(), 2, true),
    ]
}

#[tokio::test]
async fn a_list_is_its_pages_and_refuses_what_it_does_not_know() {
    let service = service().await;
    for (path, count, paged) in lists() {
        let whole = service.items(&path, "acme").await;
        assert_eq!(whole.len(), count, "{path}: {whole:?}");
        let status = async |parameter: &str| {
            let (status, answer) = service.ask(&with(&path, parameter), Some("acme"), None).await;
            (status, answer["field"].clone())
        };
        assert_eq!(status("colour=red").await, (400, "colour".into()), "{path}");
        assert_eq!(status("as_of=seq:1000").await, (400, "as_of".into()), "{path}");
        assert_eq!(status("as_of=yesterday").await, (400, "as_of".into()), "{path}");
        if !paged {
            continue;
        }
        for wrong in ["limit=0", "limit=501", "limit=x", "cursor=", "cursor=x", "cursor=01"] {
            let field = wrong.split('=').next().unwrap();
            assert_eq!(status(wrong).await, (400, field.into()), "{path} {wrong}");
        }
        let (mut pages, mut parameter) = (Vec::new(), "limit=1".to_owned());
        loop {
            let page = service.get(&with(&path, &parameter), "acme").await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 1, "{path}");
            pages.extend(items.iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            parameter = format!("limit=1&cursor={cursor}");
        }
        assert_eq!(pages, whole, "{path}");
    }
    service.ledger.close(false);
}

#[tokio::test]
async fn nobody_sees_another_organisation_and_a_node_only_itself() {
    let service = service().await;
    for (path, count, _) in lists() {
        let of_another = service.ask(&path, Some("beta"), None).await;
        let foreign = path.starts_with("/api/orgs/acme/");
        if foreign || path.starts_with("/api/nodes/") {
            assert_eq!(of_another.0, if foreign { 403 } else { 404 }, "{path}");
        } else {
            let text = of_another.1["items"].to_string();
            assert!(of_another.0 == 200 && !text.contains("acme"), "{path}: {text}");
        }
        // Who is bound to no organisation sees all of them.
        let (status, all) = service.ask(&path, None, None).await;
        assert!(status == 200 && all["items"].as_array().unwrap().len() >= count, "{path}: {all}");
        let (status, own) = service.ask(&path, Some("acme"), Some(node(1))).await;
        if path.contains(&node(2).to_string()) {
            assert_eq!(status, 404, "{path}: {own}");
        } else {
            let text = own["items"].to_string();
            assert!(status == 200 && !text.contains(&node(2).to_string()), "{path}: {text}");
        }
    }
    let own = |path: &'static str| service.ask(path, Some("acme"), Some(node(1)));
    assert_eq!(own("/api/orgs/acme/usage/summary").await.1["items"], json!([]));
    let read = own("/api/orgs/acme/slo-summary").await.1["items"][0].clone();
    assert_eq!((&read["operation"], &read["count"]), (&"read".into(), &1.into()));
    assert_eq!(service.ask("/api/commands?org=acme", Some("beta"), None).await.0, 403);
    service.ledger.close(false);
}

#[tokio::test]
async fn every_list_answers_from_any_point() {
    let service = service().await;
    for (path, count, _) in lists() {
        let (status, before) = service.ask(&with(&path, "as_of=seq:0"), Some("acme"), None).await;
        if path.starts_with("/api/nodes/") && !path.contains("/events") {
            assert_eq!(status, 404, "the node was not there yet: {path}");
        } else {
            assert_eq!((status, &before["items"]), (200, &json!([])), "{path}");
            assert_eq!(before["as_of"], json!({"seq": 0, "time": at(0)}), "{path}");
        }
        // This ledger's clock stands still.
        let now = service.items(&with(&path, &format!("as_of={}", at(0))), "acme").await;
        assert_eq!(now.len(), count, "{path}");
    }
    let earlier = service.get("/api/orgs/acme/audit?as_of=seq:2", "acme").await;
    assert_eq!(earlier["items"].as_array().unwrap().len(), 1);
    assert_eq!(START, at(0).millis());
    service.ledger.close(false);
}

#[tokio::test]
async fn filters_pick_what_they_say() {
    let service = service().await;
    let id = node(2);
    for (path, count) in [
        ("/api/nodes?labels=env%3Dprod", 1),
        ("/api/nodes?labels=env+in+(prod,test),!old", 2),
        ("/api/nodes?labels=", 2),
        ("/api/nodes?tenant=prod", 2),
        ("/api/nodes?tenant=test", 0),
        ("/api/nodes?os_profile=DebianVault&version=1.2", 1),
        ("/api/nodes?os_profile=ArchVault", 0),
        ("/api/nodes?silence=lost", 0),
        ("/api/orgs/acme/nodes?labels=env!%3Dprod", 1),
        ("/api/scans?severity=critical", 1),
        ("/api/scans?severity=high", 0),
        (&format!("/api/scans?node_id={id}"), 1),
        ("/api/findings?severity=critical", 1),
        ("/api/findings?q=NUMBER+0", 2),
        ("/api/findings?q=%2Fetc%2F1", 1),
        (&format!("/api/findings?node_id={id}"), 2),
        ("/api/commands?state=issued", 2),
        ("/api/commands?state=expired", 0),
        (&format!("/api/commands?node_id={id}"), 1),
        ("/api/orgs/acme/slo-summary?component=gate", 2),
        ("/api/orgs/acme/slo-summary?component=door", 0),
        ("/api/orgs/acme/slo-summary?step=day", 2),
        (&format!("/api/orgs/acme/slo-summary?to={}", at(0)), 2),
        ("/api/orgs/acme/slo-summary?to=2026-11-20T00:00:00Z", 0),
        ("/api/orgs/acme/usage/summary?month=2026-11", 2),
        ("/api/orgs/acme/usage/summary?month=2026-10", 0),
        ("/api/orgs/acme/usage/summary?tenant=test", 0),
        ("/api/orgs/acme/audit?kind=labels", 2),
        (&format!("/api/orgs/acme/audit?node_id={id}"), 2),
        (&format!("/api/nodes/{id}/events?kind=scan,slo"), 2),
        (&format!("/api/nodes/{id}/metrics?metric=pressure_io"), 0),
        (&format!("/api/nodes/{id}/metrics?metric=load1&to=2026-11-20T00:00:00Z"), 0),
        (&format!("/api/nodes/{id}/metrics?metric=load1&from=2026-11-20T00:00:00Z"), 1),
    ] {
        assert_eq!(service.items(path, "acme").await.len(), count, "{path}");
    }
    for (path, field) in [
        ("/api/nodes?labels=env%3D%3D%3D", "labels"),
        ("/api/nodes?silence=loud", "silence"),
        ("/api/commands?state=odd", "state"),
        ("/api/scans?severity=info", "severity"),
        ("/api/findings?node_id=x", "node_id"),
        ("/api/orgs/acme/keys?status=lost", "status"),
        ("/api/orgs/acme/slo-summary?step=week", "step"),
        ("/api/orgs/acme/slo-summary?from=yesterday", "from"),
        ("/api/orgs/acme/usage/summary?month=2026-13", "month"),
        ("/api/orgs/acme/audit?kind=heartbeat", "kind"),
        (&format!("/api/nodes/{id}/metrics"), "metric"),
        (&format!("/api/nodes/{id}/metrics?metric=mood"), "metric"),
        (&format!("/api/nodes/{id}/events?kind=gossip"), "kind"),
    ] {
        let (status, answer) = service.ask(path, Some("acme"), None).await;
        assert_eq!((status, &answer["field"]), (400, &field.into()), "{path}: {answer}");
    }
    service.ledger.close(false);
}

#[tokio::test]
async fn items_say_what_is_known() {
    let service = service().await;
    let one = async |path: &str| service.items(path, "acme").await.remove(0);
    let id = node(2);
    let chart = one(&format!("/api/nodes/{id}/metrics?metric=load1")).await;
    assert_eq!((&chart["count"], &chart["mean"], &chart["secs"]), (&1.into(), &200.into(), &300.into()));
    let finding = one("/api/findings").await;
    assert_eq!((&finding["severity"], &finding["node_id"]), (&"critical".into(), &json!(id)));
    let command = one("/api/commands").await;
    assert_eq!((&command["node_id"], &command["state"]), (&json!(id), &"issued".into()));
    let shown = service.get(&format!("/api/commands/{}", command["hash"].as_str().unwrap()), "acme").await;
    assert_eq!(shown["command"], command);
    let scans = service.get(&format!("/api/nodes/{id}/scans"), "acme").await;
    assert_eq!(scans["latest"]["scan"]["findings"].as_array().unwrap().len(), 2);
    let sum = one("/api/orgs/acme/slo-summary").await;
    assert_eq!(
        (&sum["operation"], &sum["count"], &sum["tenant"]),
        (&"read".into(), &3.into(), &"prod".into())
    );
    let used = one("/api/orgs/acme/usage/summary").await;
    let expected = json!({"month": "2026-11", "tenant": "prod", "product": "gate", "metric": "decisions",
        "quantity": 5, "events": 1});
    assert_eq!(used, expected);
    let act = one("/api/orgs/acme/audit").await;
    let expected = json!({"seq": 10, "recorded_at": at(0), "author": "service:admin", "kind": "command",
        "via": {"method": "admin"}, "node_id": id, "event_hash": command["hash"]});
    assert_eq!(act, expected);
    let event = one(&format!("/api/nodes/{id}/events")).await;
    assert_eq!(
        (&event["event_hash"], &event["payload"]),
        (&command["hash"], &signed(&service.ledger, order(2)))
    );
    assert_eq!(event["event"]["kind"], "command");
    let row = service.get(&format!("/api/orgs/acme/nodes/{id}"), "acme").await;
    assert_eq!(row["node"]["labels"], json!({"env": "test"}));
    let keys = service.get("/api/orgs/acme/keys/summary", "acme").await;
    assert_eq!((&keys["keys"], &keys["by_status"]), (&0.into(), &json!({})));

    for (path, status) in [
        (format!("/api/commands/{}", Hash::ZERO), 404),
        ("/api/commands/x".to_owned(), 404),
        (format!("/api/nodes/{}/scans", node(9)), 404),
        (format!("/api/orgs/acme/nodes/{}", node(3)), 404),
        ("/api/orgs/ACME/keys".to_owned(), 404),
        ("/api/orgs/beta/keys/summary".to_owned(), 403),
    ] {
        assert_eq!(service.ask(&path, Some("acme"), None).await.0, status, "{path}");
    }
    let hash = command["hash"].as_str().unwrap();
    assert_eq!(service.ask(&format!("/api/commands/{hash}"), Some("beta"), None).await.0, 404);
    assert_eq!(service.ask(&format!("/api/commands/{hash}"), Some("acme"), Some(node(1))).await.0, 404);
    service.ledger.close(false);
}

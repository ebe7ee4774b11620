//! Every operation that answers with JSON, answered well: what it says is what the OpenAPI document says it says.
//!
//! All tests here hold all answers against the document ([`send`]); this one makes sure that there is one of each.

use crate::world::{DOCUMENT, Node, World, send, with_token};
use conformance::Document;
use reqwest::Method;
use serde_json::{Value, json};
use spec::{Hash, Kind, Timestamp, Uuid};
use std::collections::BTreeSet;

/// Answered well only to who holds the keys of witnesses and of the recovery (the tests of witnessing do), and once the
/// scheduler has chosen the nodes (those of schedules), once a month is over (those of billing), or to people whom a provider vouches for; and what the tests of tokens ask.
const ELSEWHERE: [&str; 11] = [
    "acceptInvitation",
    "approveRollout",
    "changeWitnesses",
    "creditInvoice",
    "exchangeCode",
    "getInvoice",
    "issueInvoice",
    "postContradiction",
    "postCosignature",
    "rehearseRules",
    "visitOrg",
];

struct Asking<'a> {
    world: &'a World,
    token: String,
    seen: BTreeSet<String>,
}

impl Asking<'_> {
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = with_token(self.world.request(method, path), Some(&self.token));
        let answer = send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
        self.seen.extend(answer.operation.clone());
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    async fn get(&mut self, path: &str) -> Value {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// A list that has something.
    async fn list(&mut self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert!(answer["items"].as_array().is_some_and(|items| !items.is_empty()), "{path}: {answer}");
        answer
    }

    async fn say(&mut self, kind: &str, about: Option<Uuid>, payload: Value) -> Value {
        let mut draft = json!({"kind": kind, "org": "acme", "payload": payload});
        if let Some(node) = about {
            draft["node_id"] = json!(node);
        }
        self.post("/api/events", draft).await
    }

    async fn of_node(&mut self, path: &str, node: &mut Node, kind: Kind, payload: Value) -> Value {
        let event = node.next(kind, &payload);
        let answer = self.world.post_bytes(path, "application/json", event.to_canonical()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.seen.extend(answer.operation.clone());
        answer.json()
    }
}

fn heartbeat(node: &Node) -> Value {
    let mut all = node.heartbeat_payload();
    for name in [
        "agent_rss_bytes",
        "clock_offset_ms",
        "disk_total_bytes",
        "disk_available_bytes",
        "load1_milli",
        "load5_milli",
        "load15_milli",
        "memory_total_bytes",
        "memory_available_bytes",
        "pressure_cpu_milli",
        "pressure_io_milli",
        "pressure_memory_milli",
        "uptime_secs",
    ] {
        all[name] = if name.starts_with("pressure") { json!("unknown") } else { json!(1000) };
    }
    for (name, value) in [("interval_secs", 30), ("spool_depth", 0), ("spool_dropped", 1)] {
        all[name] = json!(value);
    }
    for name in ["agent_version", "boot_id", "kernel_version"] {
        all[name] = json!("1.0");
    }
    all["policy_hash"] = json!(Hash::ZERO);
    all
}

fn scan(now: Timestamp) -> Value {
    let finding = json!({"evidence": Hash::ZERO, "explained": "It is open.", "id": "ssh-root", "remediation": "mend it",
        "severity": "critical", "subject": "/etc/ssh", "title": "Root may sign in"});
    json!({"baseline": Hash::ZERO, "counts": {"critical": 1, "high": 0, "low": 0, "medium": 0, "unknown": 1},
        "duration_ms": 5, "findings": [finding], "root": "/", "simulated": false, "started_at": now,
        "tree_root": Hash::ZERO, "unchecked": [{"id": "sudo-rules", "reason": "no right to read it"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_what_the_document_says() {
    let world = World::start().await;
    let (owner, admin) = (world.token("acme", "org_owner").await, world.token("acme", "org_admin").await);
    let (mut node, other) = (world.node("acme").await, world.node("acme").await);
    let mut asking = Asking { world: &world, token: owner.clone(), seen: BTreeSet::new() };
    said_by_a_node(&mut asking, &mut node).await;
    managed(&mut asking, &other).await;
    commanded(&mut asking, &admin, &mut node).await;
    rolled_out(&mut asking).await;
    matters(&mut asking, node.id).await;
    read(&mut asking, &node).await;
    asking.token = world.token("ledger", "org_owner").await;
    for path in ["/api/tasks", "/api/ledger/segments"] {
        asking.get(path).await;
    }
    organised(&mut asking).await;
    asking.ask(Method::POST, "/api/ledger/seal", None).await;
    asking.get("/PROOFCHAIN.json").await;

    let all: BTreeSet<&str> = DOCUMENT.answering_json().into_iter().collect();
    let missed: Vec<&&str> =
        all.iter().filter(|id| !asking.seen.contains(**id) && !ELSEWHERE.contains(*id)).collect();
    assert!(missed.is_empty(), "nobody asked {missed:?}");
    world.finish().await;
}

async fn said_by_a_node(asking: &mut Asking<'_>, node: &mut Node) {
    let said = heartbeat(node);
    asking.of_node("/api/agent/heartbeat", node, Kind::Heartbeat, said.clone()).await;
    asking.of_node(&format!("/api/nodes/{}/heartbeat", node.id), node, Kind::Heartbeat, said).await;
    asking.of_node("/api/events", node, Kind::Scan, scan(node.now)).await;
    let counts = json!([{"component": "gate", "count": 3, "operation": "read", "outcome": "ok"}]);
    let slo = json!({"counts": counts, "from": node.now, "to": node.now});
    asking.of_node("/api/events", node, Kind::Slo, slo.clone()).await;
    asking.of_node(&format!("/api/nodes/{}/slo", node.id), node, Kind::Slo, slo).await;
    let line = json!({"kind": "note", "org": "acme", "payload": {"text": "Old."}}).to_string();
    let request = asking.world.request(Method::POST, "/api/import?source=old");
    let request = with_token(request, Some(&asking.token)).header("content-type", "application/x-ndjson");
    asking.seen.extend(send(request.body(line)).await.operation);
}

async fn managed(asking: &mut Asking<'_>, other: &Node) {
    asking.get("/api/me").await;
    asking
        .post("/api/tokens", json!({"org": "acme", "role": "viewer", "label": "a bot", "ttl_secs": 60}))
        .await;
    asking.list("/api/tokens").await;
    let enrolments = "/api/orgs/acme/nodes/enrollment-tokens";
    let made = asking.post(enrolments, json!({"tenant": "prod", "uses": 2})).await;
    asking.list(enrolments).await;
    for path in ["/api/nodes", "/api/nodes/register"] {
        asking.post(path, Node::new().registration(made["token"].as_str().unwrap())).await;
    }
    asking.list("/api/keys").await;
    let key = format!("/api/keys/{}", other.key.public());
    asking
        .ask(
            Method::PATCH,
            &format!("{key}/governance"),
            Some(json!({"status": "revoked", "reason": "gone"})),
        )
        .await;
    asking.get(&key).await;
    let known_elsewhere = format!("/keys/{}", other.key.public());
    asking.get(&known_elsewhere).await;
    let again = json!({"status": "revoked"});
    asking.ask(Method::PATCH, &format!("{known_elsewhere}/governance"), Some(again)).await;
    asking.get("/api/orgs/acme/nodes/config-template").await;
    let types = json!(["incident.opened"]);
    let webhook = json!({"url": "https://example.org/hook", "types": types});
    asking.post("/api/orgs/acme/webhooks", webhook).await;
    asking.list("/api/orgs/acme/webhooks").await;
}

async fn commanded(asking: &mut Asking<'_>, admin: &str, node: &mut Node) {
    let order = json!({"node_id": node.id, "command": "scan", "approvals": 1, "text": "please"});
    let given = asking.post("/api/commands", order.clone()).await;
    let hash = given["command"].as_str().unwrap().to_owned();
    let owner = std::mem::replace(&mut asking.token, admin.to_owned());
    asking.post(&format!("/api/commands/{hash}/approve"), json!({})).await;
    asking.token = owner;
    let jwt = node.jwt(b"", |_, _| {});
    let polled = asking.world.get("/api/agent/commands?wait=20", Some(&jwt)).await;
    assert_eq!(polled.json()["commands"].as_array().unwrap().len(), 1, "{}", polled.text);
    asking.seen.extend(polled.operation);
    for (state, more) in
        [("running", json!({})), ("succeeded", json!({"exit": 0, "output": "done", "duration_ms": 2}))]
    {
        let mut receipt = json!({"command": hash, "state": state});
        receipt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asking.of_node("/api/events", node, Kind::Receipt, receipt).await;
    }
    asking.get(&format!("/api/commands/{hash}")).await;
    let given = asking.post("/api/commands", order).await;
    asking
        .post(&format!("/api/commands/{}/cancel", given["command"].as_str().unwrap()), json!({"text": "no"}))
        .await;
    asking.list("/api/commands").await;
}

async fn rolled_out(asking: &mut Asking<'_>) {
    let plan = json!({"name": "all", "command": "scan", "waves": [{"count": 1}, {"percent": 100}]});
    let rollout = asking.post("/api/rollouts", plan).await;
    let path = format!("/api/rollouts/{}", rollout["id"].as_str().unwrap());
    for change in ["pause", "resume", "abort"] {
        asking.post(&format!("{path}/{change}"), json!({})).await;
    }
    asking.get(&path).await;
    asking.list("/api/rollouts").await;
    let schedule = format!("/api/schedules/{}", Uuid::v4([7; 16]));
    let window = json!({"days": ["mon", "sun"], "minutes": 60, "start": "02:00"});
    let plan = json!({"name": "nightly", "command": "scan", "when": {"cron": "0 3 * * *"}, "windows": [window],
        "outside": "wait", "os_profile": "ArchVault"});
    asking.ask(Method::PUT, &schedule, Some(plan)).await;
    asking.get(&schedule).await;
    asking.list("/api/schedules").await;
}

async fn matters(asking: &mut Asking<'_>, node: Uuid) {
    asking.say("labels", Some(node), json!({"labels": {"env": "prod"}})).await;
    let made = asking.say("incident", Some(node), json!({"title": "It is loud.", "text": "Very."})).await;
    let incident = made["event_hash"].as_str().unwrap().to_owned();
    for (kind, more) in [
        ("ack", json!({"text": "seen"})),
        ("assign", json!({"assignee": "ann"})),
        ("tag", json!({"tags": ["noise"]})),
        ("note", json!({"text": "It is the fan."})),
    ] {
        let mut payload = json!({"target": incident});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asking.say(kind, Some(node), payload).await;
    }
    let until = Timestamp::from_millis(asking.world.ledger.now().millis() + 3_600_000);
    let silence =
        json!({"action": "create", "expires_at": until, "node": node, "text": "It is being mended."});
    asking.say("silence", None, silence).await;
    asking.say("usage", None, json!({"metric": "decisions", "product": "gate", "quantity": 5})).await;
    asking.say("baseline", Some(node), json!({"baseline": Hash::ZERO, "node": node})).await;
    let document = json!({"allow": {"scan": {}, "logs": {"lines": 10}}, "format": "vaultmesh-policy-v1", "mode": "enforce"});
    let assigned = asking.post("/api/orgs/acme/policies", json!({"document": document, "node": node})).await;
    asking.get(&format!("/api/policies/{}", assigned["policy"].as_str().unwrap())).await;
    asking.get(&format!("/api/incidents/{incident}")).await;
    let accepted = json!({"check": "sudo-rules", "expires_at": until, "node": node, "severity": "low", "text": "Known."});
    asking.post("/api/orgs/acme/acceptances", accepted).await;
    let all = json!({"document": document, "selector": "env=prod"});
    asking.post("/api/orgs/acme/policies", all).await;
}

async fn organised(asking: &mut Asking<'_>) {
    // Whoever has no session signs out of nothing.
    let request = with_token(asking.world.request(Method::POST, "/sign-out"), Some(&asking.token));
    let answer = send(request.header("sec-fetch-site", "same-origin")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"end_session": null})), "{}", answer.text);
    asking.seen.extend(answer.operation.clone());
    asking.post("/api/orgs", json!({"org": "new", "name": "New"})).await;
    let rate = json!({"included": 1, "metric": "decisions", "product": "gate", "tiers": [{"millicents": 5}], "unit": 1});
    let prices = json!({"base_cents": 100, "currency": "EUR", "plan": "team", "rates": [rate]});
    asking.post("/api/orgs/acme/billing/price-books", prices).await;
    asking.list("/api/orgs/acme/billing/price-books").await;
    asking.say("usage", None, json!({"metric": "decisions", "product": "gate", "quantity": 5})).await;
    for path in ["/api/orgs/acme/billing/estimate", "/api/orgs/acme/invoices", "/invoice-draft?org=acme"] {
        asking.get(path).await;
    }
    asking.list("/api/orgs").await;
    asking.get("/api/orgs/new").await;
    asking.ask(Method::PATCH, "/api/orgs/new", Some(json!({"name": "Newer"}))).await;
    asking.post("/api/orgs/new/suspend", json!({"reason": "unpaid"})).await;
    asking.ask(Method::POST, "/api/orgs/new/resume", None).await;
    let member = json!({"user": Uuid::v4([5; 16]), "role": "viewer", "ttl_secs": 60, "reason": "a look"});
    asking.post("/api/orgs/new/members", member).await;
    asking.list("/api/orgs/new/members").await;
    asking.post("/api/orgs/new/invitations", json!({"role": "viewer"})).await;
    asking.list("/api/orgs/new/invitations").await;
    let provider =
        json!({"issuer": "https://id.example.org", "audiences": ["vaultmesh"], "client_id": "console"});
    asking.ask(Method::PUT, "/api/identity-providers/example", Some(provider)).await;
    asking.list("/api/identity-providers").await;
    asking.list("/sign-in/providers").await;
    let rule = json!({"provider": "example", "claim": "groups", "value": "ops", "role": "viewer"});
    asking.ask(Method::PUT, &format!("/api/orgs/new/sign-in-rules/{}", Uuid::v4([6; 16])), Some(rule)).await;
    asking.list("/api/orgs/new/sign-in-rules").await;
}

async fn read(asking: &mut Asking<'_>, node: &Node) {
    let of_node = format!("/api/nodes/{}", node.id);
    let of_org = format!("/api/orgs/acme/nodes/{}", node.id);
    for path in [
        of_node.clone(),
        of_org.clone(),
        format!("{of_node}/policy"),
        "/api/orgs/acme/keys/summary".to_owned(),
        "/orgs/acme/keys/summary".to_owned(),
    ] {
        asking.get(&path).await;
    }
    for path in [
        "/api/events?limit=500",
        "/api/nodes",
        "/api/orgs/acme/nodes",
        "/api/incidents?state=all",
        "/api/node-names",
        "/api/silences",
        "/api/policies",
        "/api/findings",
        "/api/findings/grouped",
        "/api/acceptances",
        "/api/scans",
        "/api/orgs/acme/audit",
        "/api/orgs/acme/keys",
        "/orgs/acme/nodes",
        "/orgs/acme/keys",
        "/orgs/acme/usage",
        "/api/orgs/acme/slo-summary",
        "/api/orgs/acme/usage/summary",
    ] {
        asking.list(path).await;
    }
    for path in [
        format!("{of_node}/events"),
        format!("{of_org}/events"),
        format!("{of_node}/metrics?metric=load1"),
        format!("{of_node}/slo-summary"),
        format!("{of_node}/scans"),
    ] {
        asking.get(&path).await;
    }
    for path in [
        "/api/ledger",
        "/api/ledger/authority",
        "/api/ledger/witnesses",
        "/api/ledger/witness-checkpoint",
        "/api/ledger/proof/inclusion?seq=1",
        "/api/ledger/proof/consistency?old=1",
        "/api/ledger/entries/3",
        "/api/ledger/bundle/3",
        "/api/openapi.json",
    ] {
        asking.get(path).await;
    }
}

/// A payload of each kind, those of the vectors, is what the schema says that describes itself as of that kind.
#[test]
fn payloads_of_every_kind_are_as_their_schemas_say() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../spec/vectors/event.json")).unwrap();
    let document = service::document();
    let schemas = document.pointer("/components/schemas").unwrap().as_object().unwrap();
    let name = |kind: &str| {
        let own = schemas.iter().find(|(_, schema)| {
            let said = schema["description"].as_str().unwrap_or_default();
            said.starts_with("Payload of ") && said.contains(&format!("`{kind}`"))
        });
        own.unwrap_or_else(|| panic!("no schema says that it is the payload of `{kind}`")).0
    };
    let mut kinds = BTreeSet::new();
    for event in vectors["events"].as_array().unwrap() {
        let event: Value = serde_json::from_str(event["event"].as_str().unwrap()).unwrap();
        let kind: Kind = event["kind"].as_str().unwrap().parse().unwrap();
        if !matches!(kind, Kind::Custom(_)) {
            let checked = DOCUMENT.check_named(name(kind.as_str()), &event["payload"]);
            checked.unwrap_or_else(|fault| panic!("{kind}: {fault}: {}", event["payload"]));
            kinds.insert(kind);
        }
    }
    assert_eq!(kinds.iter().collect::<Vec<_>>(), Kind::REGISTERED.iter().collect::<Vec<_>>());
}

/// A check that lets everything through checks nothing.
#[test]
fn an_answer_with_a_member_that_the_document_lacks_is_refused() {
    let me = json!({"actions": [], "id": "x", "kind": "admin", "ledger": Hash::ZERO, "org": null, "orgs": [], "roles": []});
    let check = |document: &Document, body: &Value| {
        let body = body.to_string();
        let (method, path, media) = ("GET", "/api/me", "application/json");
        document.check(conformance::Answer { method, path, status: 200, media, body: body.as_bytes() })
    };
    assert_eq!(check(&DOCUMENT, &me), Ok(Some("getMe".to_owned())));
    let mut more = me.clone();
    more["more"] = json!(1);
    assert_eq!(check(&DOCUMENT, &more), Err("getMe, 200: /more is not in the schema".to_owned()));
    let mut less = me;
    less.as_object_mut().unwrap().remove("org");
    assert!(check(&DOCUMENT, &less).is_err());
}

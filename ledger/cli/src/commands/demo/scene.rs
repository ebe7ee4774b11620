//! What a fleet has beside its nodes: an organisation with people, policies, orders, what was promised and what was used.
//! A new demo is furnished with it over the public API, so that no page and no command has nothing to show.
//!
//! Nodes, scans and receipts are real. What components of a fleet would report, and no agent does, is imported by name.

use super::fleet::Fleet;
use crate::api::About;
use crate::client::Client;
use crate::failure::Failure;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spec::{Kind, Name, Severity, Timestamp, Uuid};

/// The organisation of the demo's nodes.
pub(super) const ORG: &str = "demo";

/// How many hours of outcomes there are.
const HOURS: u64 = 24;

const HOUR_MS: u64 = 3_600_000;

/// What is said, as the API takes it.
fn request<T: DeserializeOwned>(said: Value) -> Result<T, Failure> {
    serde_json::from_value(said).map_err(Failure::io)
}

fn name(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(Failure::io)
}

/// A made-up id that follows from a number, and looks like no other.
fn id(n: u64) -> Uuid {
    let scattered = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Uuid::v4(scattered.to_be_bytes())
}

/// Furnishes a ledger in which nothing but the nodes' enrolment has happened.
pub(super) async fn furnish(client: &Client, fleet: &Fleet, now: Timestamp) -> Result<(), Failure> {
    let nodes: Vec<Uuid> = fleet.agents.iter().filter_map(|agent| agent.node_id).collect();
    people(client).await?;
    labels(client, &nodes).await?;
    orders(client, &nodes).await?;
    reports(client, &nodes, now).await?;
    incidents(client, &nodes).await
}

async fn people(client: &Client) -> Result<(), Failure> {
    for (org, called) in [(ORG, "Demo Ltd"), ("harbour", "Harbour Works")] {
        client.create_org(&request(json!({"org": org, "name": called}))?).await?;
    }
    let org = name(ORG)?;
    for (n, role, reason) in [
        (1, "org_owner", "founded it"),
        (2, "org_admin", "runs it"),
        (3, "node_admin", "looks after the nodes"),
        (4, "auditor", "audits the year"),
        (5, "viewer", "is on call"),
    ] {
        client.grant(&org, &request(json!({"user": id(n), "role": role, "reason": reason}))?).await?;
    }
    client.invite(&org, &request(json!({"role": "support"}))?).await?;
    for (role, label) in [("viewer", "the dashboard in the hall"), ("auditor", "the auditor's scripts")] {
        client.create_token(&request(json!({"org": ORG, "role": role, "label": label}))?).await?;
    }
    Ok(())
}

async fn labels(client: &Client, nodes: &[Uuid]) -> Result<(), Failure> {
    for (n, node) in nodes.iter().enumerate() {
        let env = if n % 3 == 2 { "lab" } else { "prod" };
        let about = About { node: Some(*node), ..About::default() };
        client.say(&Kind::Labels, &name(ORG)?, &about, &json!({"labels": {"env": env}})).await?;
    }
    Ok(())
}

/// Policies, a command that a node carries out and one that waits for approval, a schedule and a roll-out.
async fn orders(client: &Client, nodes: &[Uuid]) -> Result<(), Failure> {
    let org = name(ORG)?;
    for (selector, mode, allow) in [
        ("env=prod", "enforce", json!({"scan": {}})),
        ("env=lab", "observe", json!({"scan": {}, "apply-policy": {}})),
    ] {
        let document = json!({"format": "vaultmesh-policy-v1", "mode": mode, "allow": allow});
        client.assign_policy(&org, &request(json!({"selector": selector, "document": document}))?).await?;
    }
    // The first is the one that the story kills, perhaps while it scans.
    if let Some(node) = nodes.get(1).or(nodes.first()) {
        let scan = json!({"node_id": node, "command": "scan", "text": "What is wrong with it?"});
        client.issue_command(&request(scan)?).await?;
    }
    if let Some(node) = nodes.last() {
        let waits = json!({"node_id": node, "command": "scan", "approvals": 1, "ttl_secs": 86_400, "text": "After the maintenance."});
        client.issue_command(&request(waits)?).await?;
    }
    let nightly = json!({"name": "nightly scan", "org": ORG, "command": "scan", "when": {"cron": "30 2 * * *"}, "catch_up": "once"});
    client.set_schedule(id(6), &request(nightly)?).await?;
    let waves = json!([{"count": 1}, {"percent": 100}]);
    let all = json!({"name": "scan production", "org": ORG, "command": "scan", "selector": "env=prod", "waves": waves, "approvals": 1});
    client.start_rollout(&request(all)?).await?;
    Ok(())
}

/// What a gateway decided and what was used, hour by hour, as those who meter it would say.
async fn reports(client: &Client, nodes: &[Uuid], now: Timestamp) -> Result<(), Failure> {
    let Some(node) = nodes.first() else { return Ok(()) };
    let outcomes = (1..=HOURS).map(|n| {
        let from = Timestamp::from_millis(now.millis().saturating_sub(n * HOUR_MS));
        let to = Timestamp::from_millis(from.millis() + 60_000);
        let count = |component: &str, operation: &str, outcome: &str, count: u64| {
            json!({"component": component, "operation": operation, "outcome": outcome, "count": count})
        };
        let counts = [
            count("gateway", "admit", "allow", 118 + (7 * n) % 23),
            count("gateway", "admit", "deny", n % 5),
            count("gateway", "admit", "throttle", n % 3),
            count("store", "write", "ok", 40 + n % 11),
        ];
        let payload = json!({"from": from, "to": to, "counts": counts});
        json!({"kind": "slo", "org": ORG, "node_id": node, "ts": from, "payload": payload})
    });
    import(client, "gateway", outcomes).await?;
    let metrics = [
        ("api_calls", 8150),
        ("decisions", 51_200),
        ("dig_files", 340),
        ("storage_bytes", 12_884_901_888_u64),
    ];
    let uses = [("prod", 1), ("lab", 4)].into_iter().flat_map(|(tenant, part)| {
        metrics.map(|(metric, quantity)| {
            let payload = json!({"metric": metric, "product": "runtime", "quantity": quantity / part});
            json!({"kind": "usage", "org": ORG, "tenant": tenant, "ts": now, "payload": payload})
        })
    });
    import(client, "meter", uses).await
}

async fn import(client: &Client, source: &str, lines: impl Iterator<Item = Value>) -> Result<(), Failure> {
    let lines: Vec<String> = lines.map(|line| line.to_string()).collect();
    client.import(&name(source)?, lines.join("\n").into_bytes()).await?;
    Ok(())
}

/// One that was answered and is over, and one that is open.
async fn incidents(client: &Client, nodes: &[Uuid]) -> Result<(), Failure> {
    let org = name(ORG)?;
    let about = |node: Option<&Uuid>, severity| About { node: node.copied(), severity: Some(severity) };
    let nobody = About::default();
    let over = json!({"title": "The array has lost a disk.", "text": "Slot 3."});
    let said = client.say(&Kind::Incident, &org, &about(nodes.first(), Severity::Critical), &over).await?;
    let target = said.read()?.event_hash;
    let ack = json!({"target": target, "text": "A spare is on its way."});
    client.say(&Kind::Ack, &org, &nobody, &ack).await?;
    client
        .say(&Kind::Resolve, &org, &nobody, &json!({"target": target, "text": "It is replaced and rebuilt."}))
        .await?;
    let open = json!({"title": "The certificate of the gateway ends in nine days.", "text": "Renewal waits for the new name."});
    client.say(&Kind::Incident, &org, &about(nodes.last(), Severity::High), &open).await?;
    Ok(())
}

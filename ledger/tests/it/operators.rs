//! What operators say, and what the ledger says on their behalf.

use crate::admission::{DAY, World};
use crate::support::{START, admin, draft, name, run};
use serde_json::{Value, json};
use spec::payload::{Attention, Command, RolloutWave, ScheduleRun};
use spec::{Author, Hash, Kind, Timestamp, Uuid, Via};

fn typed<T: serde::de::DeserializeOwned>(payload: &Value) -> T {
    serde_json::from_value(payload.clone()).unwrap()
}

/// A payload of each kind that only operators say, and whether a node_admin may say it.
fn operator_kinds() -> [(Kind, Value, bool); 11] {
    let until = Timestamp::from_millis(START + DAY);
    let id = Uuid::v4([4; 16]);
    [
        (Kind::Acceptance, json!({"acceptance": Hash::ZERO, "action": "withdraw"}), true),
        (Kind::Baseline, json!({"baseline": Hash::ZERO, "node": id}), true),
        (Kind::Command, json!({"action": "cancel", "target": Hash::ZERO}), true),
        (Kind::Labels, json!({"labels": {"rack": "b4"}}), true),
        (Kind::Rollout, json!({"action": "abort", "id": id}), true),
        (Kind::Rollout, json!({"action": "approve", "id": id, "target": Hash::ZERO}), true),
        (Kind::Schedule, json!({"action": "remove", "id": id}), true),
        (
            Kind::Silence,
            json!({"action": "create", "expires_at": until, "tenant": "prod", "text": "moved"}),
            true,
        ),
        (Kind::Policy, json!({"action": "withdraw", "assignment": Hash::ZERO}), false),
        (Kind::Ruleset, json!({"posture_cap": 40}), false),
        (Kind::Webhook, json!({"action": "remove", "id": id}), false),
    ]
}

#[test]
fn operators_speak_by_token_or_from_the_machine() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let say = |author: Author, method: &str, kind: &Kind, payload: &Value| {
            let via = Via { method: name(method), subject: None };
            let mut draft = draft(author, via, "acme", kind.clone(), payload.clone());
            draft.node_id = Some(node.id);
            world.ledger.sign(&draft).unwrap()
        };
        let roles = ["org_owner", "org_admin", "node_admin", "support", "viewer", "auditor"];
        let tokens: Vec<Uuid> = (10..).take(roles.len()).map(|n| Uuid::v4([n; 16])).collect();
        for (id, role) in tokens.iter().zip(roles) {
            let payload = json!({
                "action": "create", "id": id, "label": "l", "org": "acme", "role": role, "secret": Hash([9; 32]),
            });
            assert_eq!(world.own(admin(&world.ledger, "acme", Kind::Token, payload)).await, "ok");
        }
        for (kind, payload, nodes) in operator_kinds() {
            for (id, role) in tokens.iter().zip(roles) {
                let may = matches!(role, "org_owner" | "org_admin") || nodes && role == "node_admin";
                let event = say(Author::Token(*id), "token", &kind, &payload);
                assert_eq!(world.own(event).await, if may { "ok" } else { "not-allowed" }, "{kind} {role}");
            }
            for (author, method, code) in [
                (Author::Service(name("admin")), "admin", "ok"),
                (Author::Service(name("ledger")), "self", "not-allowed"),
                (Author::Service(name("ingest")), "node-jwt", "not-allowed"),
                (Author::Import(name("file")), "import", "not-allowed"),
                (Author::Service(name("scheduler")), "schedule", "not-allowed"),
            ] {
                let event = say(author, method, &kind, &payload);
                assert_eq!(world.own(event).await, code, "{kind} {method}");
            }
        }
        // Not even a node of its own.
        for (kind, payload, _) in operator_kinds() {
            let version = kind.payload_version(&payload.to_string()).unwrap();
            let event = node.craft(kind.clone(), &payload, |header| header.payload_version = version);
            node.advance(&event);
            assert_eq!(world.code(event).await, "not-allowed", "{kind}");
        }
        world.end().await;
    });
}

#[test]
fn the_ledger_speaks_of_nodes_and_webhooks_where_they_belong() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let attention = json!({
            "at": Timestamp::from_millis(START), "band": "ATTN",
            "change": {"from": "OK", "reasons": [], "to": "ATTN", "what": "band"},
            "ruleset": Hash::ZERO, "score": 25, "seq": 3,
        });
        let notice = json!({
            "attempt": 1, "events": [Hash::ZERO], "message": "m", "outcome": "failed",
            "webhook": Uuid::v4([4; 16]),
        });
        let service = json!({"action": "alive", "version": "1"});
        let say = async |method: &str, org: &str, kind: Kind, payload: &Value| {
            let via = Via { method: name(method), subject: None };
            let own = if kind == Kind::Attention { "attention" } else { "ledger" };
            let author = Author::Service(name(if method == "self" { own } else { "admin" }));
            let mut said = draft(author, via, org, kind.clone(), payload.clone());
            said.id = (kind == Kind::Attention).then(|| typed::<Attention>(payload).id(&name(org), None));
            world.own(world.ledger.sign(&said).unwrap()).await
        };
        for org in ["acme", "ledger"] {
            assert_eq!(say("self", org, Kind::Attention, &attention).await, "ok");
            assert_eq!(say("self", org, Kind::Notice, &notice).await, "ok");
        }
        assert_eq!(say("self", "acme", Kind::Service, &service).await, "wrong-org");
        assert_eq!(say("admin", "acme", Kind::Attention, &attention).await, "not-allowed");
        let event = node.craft(Kind::Notice, &notice, |_| ());
        node.advance(&event);
        assert_eq!(world.code(event).await, "not-allowed");
        world.end().await;
    });
}

#[test]
fn the_scheduler_says_what_it_decides_and_orders_and_nobody_else_does() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let due = Timestamp::from_millis(START);
        let decision = json!({
            "at": due, "count": 1, "due": due, "first": due, "outcome": "missed", "reason": "late",
            "schedule": Hash::ZERO,
        });
        let order = json!({
            "action": "issue", "approvals": 0, "command": "scan", "node": node.id, "nonce": Hash::ZERO,
            "expires_at": Timestamp::from_millis(START + DAY), "not_before": due, "parameters": {},
            "sig": spec::Signature([0; 64]),
        });
        let Command::Issue(mut issued) = typed(&order) else { panic!("an order") };
        issued.sig = world.ledger.sign_order(&issued);
        let order = serde_json::to_value(Command::Issue(issued)).unwrap();
        let node_id = node.id;
        let cancel = json!({"action": "cancel", "target": Hash::ZERO});
        let wave = json!({"at": due, "rollout": Hash::ZERO, "step": "begun", "wave": 0});
        let expired = json!({"at": due, "rollout": Hash::ZERO, "step": "expired", "wave": 0});
        let id = Uuid::v4([4; 16]).to_string();
        let approve = json!({"action": "approve", "id": id, "target": Hash::ZERO});
        let say = async |author: &str,
                         method: &str,
                         subject: Option<&str>,
                         org: &str,
                         kind: Kind,
                         payload: &Value| {
            let via = Via { method: name(method), subject: subject.map(name) };
            let author = Author::Service(name(author));
            let mut said = draft(author, via, org, kind.clone(), payload.clone());
            said.id = match kind {
                Kind::ScheduleRun => Some(typed::<ScheduleRun>(payload).id()),
                Kind::RolloutWave => Some(typed::<RolloutWave>(payload).id()),
                _ => None,
            };
            said.node_id = Some(node_id).filter(|_| kind == Kind::Command);
            world.own(world.ledger.sign(&said).unwrap()).await
        };
        let subject = Some(id.as_str());
        for (kind, payload, code) in [
            (Kind::ScheduleRun, &decision, "ok"),
            (Kind::RolloutWave, &wave, "ok"),
            (Kind::RolloutWave, &expired, "ok"),
            (Kind::Rollout, &approve, "not-allowed"),
            (Kind::Command, &order, "ok"),
            (Kind::Command, &cancel, "not-allowed"),
            (Kind::Note, &json!({"text": "x"}), "not-allowed"),
            (Kind::Service, &json!({"action": "alive", "version": "1"}), "not-allowed"),
            (Kind::Labels, &json!({"labels": {}}), "not-allowed"),
        ] {
            assert_eq!(
                say("scheduler", "schedule", subject, "acme", kind.clone(), payload).await,
                code,
                "{kind}"
            );
        }
        // Of another time, so that none of it is the decision from above.
        let mut decision = decision;
        decision["at"] = json!(Timestamp::from_millis(START + 1));
        (decision["due"], decision["first"]) = (decision["at"].clone(), decision["at"].clone());
        for (author, method, subject, org, code) in [
            ("admin", "admin", None, "acme", "not-allowed"),
            ("ledger", "self", None, "acme", "not-allowed"),
            ("scheduler", "self", subject, "acme", "not-allowed"),
            ("scheduler", "schedule", None, "acme", "not-allowed"),
            ("scheduler", "schedule", Some("nightly"), "acme", "not-allowed"),
            ("ledger", "schedule", subject, "acme", "not-allowed"),
            ("scheduler", "schedule", subject, "ledger", "wrong-org"),
        ] {
            let found = say(author, method, subject, org, Kind::ScheduleRun, &decision).await;
            assert_eq!(found, code, "{author} {method} {subject:?} {org}");
        }
        let event = node.craft(Kind::ScheduleRun, &decision, |_| ());
        node.advance(&event);
        assert_eq!(world.code(event).await, "not-allowed");
        // The organisation of the ledger has no nodes.
        let set = json!({"action": "remove", "id": id});
        assert_eq!(world.own(admin(&world.ledger, "ledger", Kind::Schedule, set)).await, "wrong-org");
        world.end().await;
    });
}

#[test]
fn a_rollout_is_approved_in_the_second_version_alone() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let approve = json!({"action": "approve", "id": Uuid::v4([4; 16]), "target": Hash::ZERO});
        let event = admin(&world.ledger, "acme", Kind::Rollout, approve.clone());
        assert_eq!((event.header.payload_version, world.own(event).await), (2, "ok"));
        // No node may say so; its payload is looked at before.
        for (version, code) in [(1, "bad-payload"), (2, "not-allowed"), (3, "bad-payload")] {
            let event = node.craft(Kind::Rollout, &approve, |header| header.payload_version = version);
            node.advance(&event);
            assert_eq!(world.code(event).await, code, "{version}");
        }
        world.end().await;
    });
}

#[test]
fn a_draft_is_signed_in_the_oldest_version_that_can_say_it() {
    run(async {
        let world = World::new().await;
        let plain = json!({"target": Hash::ZERO});
        let until = json!({"expires_at": Timestamp::from_millis(START + DAY), "target": Hash::ZERO});
        for (payload, version) in [(plain, 1), (until, 2)] {
            let event = admin(&world.ledger, "acme", Kind::Ack, payload);
            assert_eq!(event.header.payload_version, version);
            assert_eq!(world.own(event).await, "ok");
        }
        // A version does not lend its members to the one before.
        let mut node = world.node().await;
        let swapping = json!({
            "node_id": node.id, "hostname": "h", "os_profile": "ArchVault", "cloudflare_ok": true,
            "services_ok": true, "swap_used_bytes": 4096, "vaultmesh_root": "/var",
            "timestamp": "2026-11-21T20:42:00Z",
        });
        for (version, code) in [(1, "bad-payload"), (2, "ok"), (3, "bad-payload")] {
            let event = match version {
                1 => node.craft(Kind::Heartbeat, &swapping, |h| h.payload_version = 1),
                2 => node.craft(Kind::Heartbeat, &swapping, |h| h.payload_version = 2),
                _ => node.craft(Kind::Heartbeat, &swapping, |h| h.payload_version = 3),
            };
            node.advance(&event);
            assert_eq!(world.code(event).await, code, "{version}");
        }
        world.end().await;
    });
}

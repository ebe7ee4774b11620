//! The fourth group of the history: a schedule is set, comes due, and ends.

use super::{Draft, Log, NODE, Voice, at, sign};
use serde_json::{Value, json};
use spec::payload::{Command, Plan, Schedule, ScheduleRun, command_bytes, order_id, order_seed};
use spec::{Hash, Kind, Signature};

const SCHEDULE: &str = "5a6c2f0e-3a52-4f0c-9a0e-7d1f0b2c4e68";

/// How many records the group has.
pub(super) const RECORDS: usize = 6;

fn plan() -> Value {
    json!({
        "action": "set", "catch_up": "once", "command": "scan", "id": SCHEDULE, "jitter_secs": 30,
        "name": "nightly scan", "os_profile": "ArchVault", "outside": "wait", "parameters": {},
        "selector": "rack in (b4, b5)", "ttl_secs": 600, "when": {"cron": "43 20 * * mon-sat"},
        "windows": [{"days": ["fri", "sat"], "minutes": 240, "start": "20:00"}],
    })
}

/// The order to the node that follows from a decision.
fn order(ledger: &Hash, plan: &Plan, run: &ScheduleRun, seed: &Hash) -> Value {
    let (not_before, expires_at) = plan.span(run.at, seed);
    let mut value = json!({
        "action": "issue", "approvals": 0, "command": plan.command, "expires_at": expires_at, "node": NODE,
        "nonce": seed, "not_before": not_before, "parameters": {}, "sig": Signature([0; 64]),
    });
    let Ok(Command::Issue(order)) = serde_json::from_value(value.clone()) else { panic!("an order") };
    value["sig"] = json!(sign("command", &command_bytes(&order, ledger)));
    value
}

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let resigned = |voice| Voice { key: "service-2", ..voice };
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let itself = resigned(Voice::service(ledger, "service:scheduler", "schedule", Some(SCHEDULE)));

    let set = operator.say(56, Draft::new(Kind::Schedule, plan()));
    let schedule = set.hash();
    log.append(set);
    let Ok(Schedule::Set(plan)) = serde_json::from_value(plan()) else { panic!("a plan") };
    let run = json!({
        "at": at(61_000), "count": 1, "due": at(60_000), "first": at(60_000), "nodes": [NODE],
        "outcome": "started", "schedule": schedule,
    });
    let typed: ScheduleRun = serde_json::from_value(run.clone()).unwrap();
    assert_eq!(plan.when.next(at(56_000)), Some(typed.due));
    let decision = itself.say_as(61, typed.id(), Draft::new(Kind::ScheduleRun, run));
    let seed = order_seed(&decision.hash(), NODE.parse().unwrap());
    log.append(decision);
    let payload = order(&ledger, &plan, &typed, &seed);
    let command = Draft { node_id: NODE.parse().ok(), ..Draft::new(Kind::Command, payload) };
    let mut giving = Voice { tenant: Some("prod"), ..resigned(Voice::service(ledger, "", "schedule", None)) };
    (giving.author, giving.via) = (itself.author, itself.via);
    log.append(giving.say_as(61, order_id(typed.at, &seed), command));

    // Two days on, and nobody was there.
    let day = 86_400_000;
    for (n, outcome, reason, count) in [(2, "missed", "late", 2), (3, "skipped", "no-nodes", 1)] {
        let due = at(60_000 + n * day);
        let first = at(60_000 + (n + 1 - count) * day);
        let run = json!({
            "at": at(61_000 + n * day), "count": count, "due": due, "first": first, "outcome": outcome,
            "reason": reason, "schedule": schedule,
        });
        let typed: ScheduleRun = serde_json::from_value(run.clone()).unwrap();
        log.append(itself.say_as(61 + n * day / 1000, typed.id(), Draft::new(Kind::ScheduleRun, run)));
    }
    let removed = json!({"action": "remove", "id": SCHEDULE});
    log.append(operator.say(62 + 3 * day / 1000, Draft::new(Kind::Schedule, removed)));
}

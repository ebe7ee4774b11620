//! The groups of roll-outs: one is started, goes through its waves, and another is ended; later, some need approval.

use super::{API_TOKEN, Draft, Log, NODE, Voice, at, fixed};
use serde_json::json;
use spec::payload::RolloutWave;
use spec::{Hash, Kind};

const ROLLOUT: &str = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bee";
const APPROVED: &str = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bef";

/// How many records the group has.
pub(super) const RECORDS: usize = 8;

/// Records of roll-outs that need approval, a group of their own.
pub(super) const APPROVALS: usize = 4;

/// Days after the beginning, in seconds: when the group before is over.
const BEGIN: u64 = 4 * 86_400;

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let resigned = |voice| Voice { key: "service-2", ..voice };
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let itself = resigned(Voice::service(ledger, "service:scheduler", "schedule", Some(ROLLOUT)));
    let payload = json!({
        "action": "start", "command": "service-restart", "id": ROLLOUT, "may_fail": {"percent": 5},
        "name": "restart the tunnel", "os_profile": "ArchVault", "parameters": {"unit": "cloudflared.service"},
        "pause_secs": 60, "selector": "rack in (b4, b5)", "ttl_secs": 600,
        "waves": [{"count": 1}, {"percent": 10}, {"percent": 100}],
    });
    let start = operator.say(BEGIN, Draft::new(Kind::Rollout, payload));
    let rollout = start.hash();
    log.append(start);
    for (n, action) in [(1, "pause"), (2, "resume")] {
        let payload = json!({"action": action, "id": ROLLOUT});
        log.append(operator.say(BEGIN + n, Draft::new(Kind::Rollout, payload)));
    }
    let nodes = json!({"nodes": [NODE], "step": "chosen"});
    let ends = |step: &str| json!({"failed": 0, "step": step, "succeeded": 1});
    for (n, said) in (3..).zip([nodes, json!({"step": "begun"}), ends("finished"), ends("halted")]) {
        let mut payload = json!({"at": at((BEGIN + n) * 1000), "rollout": rollout, "wave": 0});
        if n == 6 {
            payload["rollout"] = json!(Hash(fixed("another roll-out")));
        }
        payload.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let typed: RolloutWave = serde_json::from_value(payload.clone()).unwrap();
        log.append(itself.say_as(BEGIN + n, typed.id(), Draft::new(Kind::RolloutWave, payload)));
    }
    let payload = json!({"action": "abort", "id": ROLLOUT});
    log.append(operator.say(BEGIN + 7, Draft::new(Kind::Rollout, payload)));
}

/// Appends the group of approvals: one roll-out is approved, for another the time runs out.
pub(super) fn append_approvals(log: &mut Log, ledger: Hash) {
    let begin = BEGIN + 8;
    let resigned = |voice| Voice { key: "service-2", ..voice };
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let other = format!("token:{API_TOKEN}");
    let other = resigned(Voice::service(ledger, &other, "token", Some(API_TOKEN)));
    let itself = resigned(Voice::service(ledger, "service:scheduler", "schedule", Some(APPROVED)));
    let second = |kind, payload| Draft { version: 2, ..Draft::new(kind, payload) };
    let payload = json!({
        "action": "start", "approvals": 1, "approve_by": at((begin + 3) * 1000), "command": "scan", "id": APPROVED,
        "may_fail": {"count": 0}, "name": "scan all", "parameters": {}, "pause_secs": 0, "selector": "",
        "ttl_secs": 600, "waves": [{"percent": 100}],
    });
    let start = operator.say(begin, second(Kind::Rollout, payload));
    let rollout = start.hash();
    log.append(start);
    let payload = json!({"action": "approve", "id": APPROVED, "target": rollout, "text": "seen"});
    log.append(other.say(begin + 1, second(Kind::Rollout, payload)));
    for (n, of, wave) in
        [(2, rollout, json!({"step": "begun"})), (3, Hash(fixed("one more")), json!({"step": "expired"}))]
    {
        let mut payload = json!({"at": at((begin + n) * 1000), "rollout": of, "wave": 0});
        payload.as_object_mut().unwrap().extend(wave.as_object().unwrap().clone());
        let typed: RolloutWave = serde_json::from_value(payload.clone()).unwrap();
        let draft = Draft { version: n - 1, ..Draft::new(Kind::RolloutWave, payload) };
        log.append(itself.say_as(begin + n, typed.id(), draft));
    }
}

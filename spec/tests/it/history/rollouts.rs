//! The fifth group of the history: a roll-out is started, goes through its waves, and another is ended.

use super::{Draft, Log, NODE, Voice, at, fixed};
use serde_json::json;
use spec::payload::RolloutWave;
use spec::{Hash, Kind};

const ROLLOUT: &str = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bee";

/// How many records the group has.
pub(super) const RECORDS: usize = 8;

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

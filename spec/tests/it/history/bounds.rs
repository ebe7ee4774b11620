//! The group after that: an enrolment token says what it is for, and the service what it asks nodes for, after a start
//! whose clock somebody vouched for.

use super::{Draft, Log, NODE, Voice, at, fixed};
use serde_json::json;
use spec::payload::token_hash;
use spec::{Hash, Kind};

/// How many records the group has.
pub(super) const RECORDS: usize = 3;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 11 * 86_400;

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let operator = Voice { key: "service-2", ..Voice::service(ledger, "service:admin", "admin", None) };
    let payload = json!({
        "action": "create", "expires_at": at(BEGIN * 1000 + 3_600_000), "node": NODE, "org": "acme",
        "tenant": "prod", "token": token_hash(&fixed("second enrolment secret")), "use": "node", "uses": 1,
    });
    log.append(operator.say(BEGIN, Draft { version: 2, ..Draft::new(Kind::Enrolment, payload) }));
    let itself = Voice { key: "service-2", ..Voice::ledger(ledger, "ledger") };
    let payload = json!({"action": "accept-clock", "last": at(BEGIN * 1000)});
    log.append(itself.say(BEGIN + 1, Draft { version: 2, ..Draft::new(Kind::Recovery, payload) }));
    let payload = json!({"action": "start", "heartbeat_secs": 30, "version": "0.1.0"});
    log.append(itself.say(BEGIN + 2, Draft { version: 2, ..Draft::new(Kind::Service, payload) }));
}

//! A group of the history: the ledger goes over to newer admission rules.

use super::{Draft, Log, Voice};
use serde_json::json;
use spec::{Hash, Kind};

/// How many records the group has.
pub(super) const RECORDS: usize = 1;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 9 * 86_400;

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let itself = Voice { key: "service-2", ..Voice::ledger(ledger, "ledger") };
    log.append(itself.say(BEGIN, Draft::new(Kind::Admission, json!({"version": 2}))));
}

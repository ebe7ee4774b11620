//! The last group of the history: its clock was an hour ahead since the group before, and is set back.

use super::{Draft, Log, Voice, at, public, sign};
use serde_json::json;
use spec::payload::Clock;
use spec::{Hash, Kind};

/// How many records the group has.
pub(super) const RECORDS: usize = 1;

/// When it is by the right clock, in seconds: before the group before.
const RIGHT: u64 = 11 * 86_400 - 3600;

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let last = log.records.last().unwrap();
    // Entries are recorded a little after they are said.
    let time = at(RIGHT * 1000 + 7);
    let since = log.records.iter().rposition(|record| record.entry.position.recorded_at <= time).unwrap() + 1;
    let mut said = Clock {
        after: last.leaf,
        last: last.entry.position.recorded_at,
        signatures: Vec::new(),
        since: since as u64,
        time,
    };
    let bytes = said.bytes(&ledger);
    let mut signatures = ["recovery-1", "recovery-2"].map(|name| (public(name), sign(name, &bytes)));
    signatures.sort_by_key(|(key, _)| *key);
    said.signatures = signatures
        .into_iter()
        .map(|(key, sig)| serde_json::from_value(json!({"key": key, "sig": sig})).unwrap())
        .collect();
    let itself = Voice { key: "service-2", ..Voice::ledger(ledger, "ledger") };
    log.append(itself.say(RIGHT, Draft::new(Kind::Clock, serde_json::to_value(said).unwrap())));
}

//! A group of the history: a node goes over to a new key, and speaks with it.

use super::{Draft, Log, NODE, Voice, fixed, next, public, sign};
use serde_json::json;
use spec::payload::rotation_possession_bytes;
use spec::{Author, ChainLink, Epoch, Hash, Kind};

/// How many records the group has.
pub(super) const RECORDS: usize = 2;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 6 * 86_400;

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let node = format!("node:{NODE}");
    let author: Author = node.parse().unwrap();
    let (old, new) = (public("node-2"), public("node-3"));
    let last = log.events.iter().rfind(|event| event.header.key == old).unwrap();
    let link = next(&last.header.chain.unwrap(), last);
    let pop = sign("node-3", &rotation_possession_bytes(&author, &new, &ledger, &old));
    let payload = json!({"key": new, "pop": pop, "replaces": old});
    let rotation = Voice { key: "node-2", ..Voice::node(ledger, &node, link) }
        .say(BEGIN, Draft::new(Kind::KeyRotation, payload));
    let epoch = Epoch(fixed("epoch of the third key")[..16].try_into().unwrap());
    let first = ChainLink { epoch, prev: rotation.hash(), seq: 0 };
    log.append(rotation);
    let goodbye = Voice { key: "node-3", ..Voice::node(ledger, &node, first) }
        .say(BEGIN + 1, Draft::new(Kind::Goodbye, json!({"reason": "maintenance"})));
    log.append(goodbye);
}

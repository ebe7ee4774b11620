//! The fourth group of the history: a node offers to cosign, the ledger names its witnesses, and somebody catches it.

use super::{Draft, Log, NODE, Voice, fixed, next, public, sign};
use serde_json::{Value, json};
use spec::payload::{WitnessSet, witness_possession_bytes, witness_set_bytes};
use spec::{ChainLink, Hash, Kind, Name, Uuid};

/// How many records the group has.
pub(super) const RECORDS: usize = 3;

/// What a witness says of itself.
fn introduction(key: &str, name: &str, ledger: &Hash) -> Value {
    let name: Name = name.parse().unwrap();
    let pop = sign(key, &witness_possession_bytes(&public(key), ledger, &name));
    json!({"key": public(key), "name": name, "pop": pop})
}

/// A set of two under the signatures of two of three recovery keys.
fn set(ledger: &Hash, prev_change: &Hash) -> Value {
    let mut outside = introduction("witness-1", "auditor.example", ledger);
    outside["outside"] = json!(true);
    let mut own = introduction("witness-2", &format!("node:{NODE}"), ledger);
    own["outside"] = json!(false);
    let set = json!({"quorum": 2, "witnesses": [outside, own]});
    let typed: WitnessSet = serde_json::from_value(set.clone()).unwrap();
    let bytes = witness_set_bytes(&typed, ledger, prev_change);
    let mut signatures = ["recovery-2", "recovery-3"].map(|name| (public(name), sign(name, &bytes)));
    signatures.sort_by_key(|(key, _)| *key);
    let signatures: Value = signatures.iter().map(|(key, sig)| json!({"key": key, "sig": sig})).collect();
    json!({"prev_change": prev_change, "set": set, "signatures": signatures})
}

pub(super) fn append(log: &mut Log, ledger: Hash, link: ChainLink) {
    let node = format!("node:{NODE}");
    let voice = Voice { key: "node-2", ..Voice::node(ledger, &node, link) };
    let payload = introduction("witness-2", &node, &ledger);
    let event = voice.say(60, Draft::new(Kind::WitnessKey, payload));
    assert_ne!(next(&link, &event), link);
    log.append(event);

    let of_kind = |kind: Kind| log.records.iter().find(|record| record.entry.header.kind == kind);
    let prev_change = of_kind(Kind::Authority).unwrap().leaf;
    let mut itself = Voice::ledger(ledger, "ledger");
    itself.key = "service-2";
    log.append(itself.say(61, Draft::new(Kind::WitnessSet, set(&ledger, &prev_change))));

    let mut about_node = Voice::ledger(ledger, "acme");
    (about_node.key, about_node.tenant) = ("service-2", Some("prod"));
    let leaf = |name: &str| Hash(fixed(name));
    let payload = json!({
        "a": "a checkpoint of 7 entries\n", "b": "another of 9 entries\n",
        "leaves": {
            "index": 6, "leaf_a": leaf("leaf a"), "leaf_b": leaf("leaf b"), "path_a": [leaf("path a")],
            "path_b": [leaf("path b"), leaf("path c")],
        },
    });
    let node_id: Uuid = NODE.parse().unwrap();
    let draft = Draft { node_id: Some(node_id), ..Draft::new(Kind::Contradiction, payload) };
    log.append(about_node.say(62, draft));
}

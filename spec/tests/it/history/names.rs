//! The group after that: a node is introduced with a name and labels, and an operator calls it something else.

use super::{Draft, Log, Voice, at, fixed, public, sign};
use serde_json::json;
use spec::payload::{node_possession_bytes, token_hash};
use spec::{Author, Hash, Kind, Uuid};

/// How many records the group has.
pub(super) const RECORDS: usize = 4;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 12 * 86_400;

const NODE: &str = "0193c6a1-5b1e-7a52-9d3f-6f8f2a4c1e77";

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let operator = Voice { key: "service-2", ..Voice::service(ledger, "service:admin", "admin", None) };
    let token = token_hash(&fixed("third enrolment secret"));
    let payload = json!({
        "action": "create", "expires_at": at(BEGIN * 1000 + 3_600_000), "org": "acme", "token": token, "uses": 1,
    });
    log.append(operator.say(BEGIN, Draft::new(Kind::Enrolment, payload)));
    let node_id: Uuid = NODE.parse().unwrap();
    let author = Author::Node(node_id);
    let pop = sign("node-4", &node_possession_bytes(&author, &public("node-4"), &ledger, &token));
    let payload = json!({
        "author": author, "key": public("node-4"), "labels": {"env": "prod", "canary": ""}, "name": "web-1",
        "pop": pop, "token": token, "use": "node",
    });
    let enrolling = Voice { key: "service-2", ..Voice::service(ledger, "service:ingest", "enrolment", None) };
    log.append(enrolling.say(BEGIN + 1, Draft { version: 2, ..Draft::new(Kind::Key, payload) }));
    let called = |payload| Draft { version: 2, node_id: Some(node_id), ..Draft::new(Kind::Labels, payload) };
    let payload = json!({"labels": {"rack": "b4", "role": "web"}, "name": "web-east-1"});
    log.append(operator.say(BEGIN + 2, called(payload)));
    log.append(operator.say(BEGIN + 3, called(json!({"name": "web-1"}))));
}

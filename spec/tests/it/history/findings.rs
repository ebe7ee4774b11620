//! The last group of the history: findings are accepted, and a node's posture is told as one.

use super::{Draft, Log, NODE, Voice, at, fixed};
use serde_json::{Value, json};
use spec::payload::Attention;
use spec::{Domain, Hash, Kind, Uuid, canonical};

/// How many records the group has.
pub(super) const RECORDS: usize = 4;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 8 * 86_400;

/// The id of an announcement, as `spec/event.md` says.
fn announced(payload: &Value) -> Uuid {
    let typed: Attention = serde_json::from_value(payload.clone()).unwrap();
    let node: Uuid = NODE.parse().unwrap();
    let bytes = canonical::to_vec(payload).unwrap();
    let hash = Hash::of(Domain::Announcement, &[b"acme", &[0], node.as_bytes(), &bytes]);
    Uuid::v7(typed.at, hash.0[..10].try_into().unwrap())
}

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let resigned = |voice| Voice { key: "service-2", ..voice };
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let node: Uuid = NODE.parse().unwrap();
    let payload = json!({
        "action": "accept", "check": "sshd-login", "expires_at": at((BEGIN + 30 * 86_400) * 1000), "node": NODE,
        "severity": "high", "subject": "/etc/ssh/sshd_config", "text": "The jump host; see change 4711.",
    });
    let accept = operator.say(BEGIN, Draft { node_id: Some(node), ..Draft::new(Kind::Acceptance, payload) });
    let acceptance = accept.hash();
    log.append(accept);
    let payload = json!({
        "action": "accept", "check": "mount-options", "expires_at": at((BEGIN + 90 * 86_400) * 1000),
        "selector": "env=lab", "text": "Nobody but us logs in there.",
    });
    log.append(operator.say(BEGIN + 1, Draft::new(Kind::Acceptance, payload)));
    let worst = json!({"reason": "finding-critical", "subject": "uid-zero toor", "weight": 80});
    let mut change = worst.clone();
    change["what"] = json!("reason");
    change["state"] = json!("firing");
    change["posture"] = json!({"critical": 1, "high": 2, "low": 38, "medium": 4, "worst": worst});
    let payload = json!({"at": at((BEGIN + 2) * 1000), "band": "CRIT", "change": change,
        "ruleset": Hash(fixed("ruleset")), "score": 100, "seq": 90});
    let itself = Voice { author: "service:attention", ..resigned(Voice::ledger(ledger, "acme")) };
    let voice = Voice { tenant: Some("prod"), ..itself };
    let draft = Draft { version: 2, node_id: Some(node), ..Draft::new(Kind::Attention, payload.clone()) };
    log.append(voice.say_as(BEGIN + 2, announced(&payload), draft));
    let payload = json!({"acceptance": acceptance, "action": "withdraw"});
    log.append(
        operator.say(BEGIN + 3, Draft { node_id: Some(node), ..Draft::new(Kind::Acceptance, payload) }),
    );
}

//! Policies: which assignment holds for a node, and what attention makes of a node that follows another.

use crate::entries::{Fact, at, name, node};
use crate::notices::{Log, expect};
use projections::attention::Attention;
use projections::{Projection as _, Projections};
use serde_json::{Value, json};
use spec::payload::PolicyDocument;
use spec::{Hash, Kind};

/// A policy that allows scans and so many lines of journals.
fn document(lines: u64) -> Value {
    let allow = json!({"scan": {}, "tail-journal": {"lines": lines}});
    json!({"allow": allow, "format": "vaultmesh-policy-v1", "mode": "enforce"})
}

fn hash(document: &Value) -> Hash {
    PolicyDocument::parse(&document.to_string()).unwrap().bytes_and_hash().unwrap().1
}

fn assign(log: &mut Log, secs: u64, document: &Value, to: (&str, Value)) -> Hash {
    let mut payload = json!({"action": "assign", "document": document});
    payload[to.0] = to.1;
    log.operator(secs, Kind::Policy, None, payload)
}

fn desired(log: &Log, id: u16) -> Option<Hash> {
    let assigned = log.announcing.folds.policies().of_node(&name("acme"), node(id));
    assigned.map(|assigned| assigned.assignment.policy)
}

#[test]
fn the_newest_that_names_the_node_comes_before_the_newest_that_selects_it() {
    let mut log = Log::started(2);
    let [a, b, c, d] = [1, 2, 3, 4].map(document);
    assert_eq!(desired(&log, 0), None);
    let everyone = assign(&mut log, 1, &a, ("selector", json!("")));
    let canary = assign(&mut log, 2, &b, ("selector", json!("ring=canary")));
    assert_eq!([desired(&log, 0), desired(&log, 1)], [Some(hash(&a)); 2]);
    log.operator(3, Kind::Labels, Some(node(0)), json!({"labels": {"ring": "canary"}}));
    assert_eq!([desired(&log, 0), desired(&log, 1)], [Some(hash(&b)), Some(hash(&a))]);
    let own = assign(&mut log, 4, &c, ("node", json!(node(0))));
    assign(&mut log, 5, &d, ("selector", json!("")));
    assert_eq!([desired(&log, 0), desired(&log, 1)], [Some(hash(&c)), Some(hash(&d))]);
    let withdraw = |log: &mut Log, id: Hash| {
        log.operator(6, Kind::Policy, None, json!({"action": "withdraw", "assignment": id}));
    };
    withdraw(&mut log, own);
    assert_eq!(desired(&log, 0), Some(hash(&d)), "newer than that of its ring");
    withdraw(&mut log, Hash::ZERO);
    withdraw(&mut log, everyone);
    withdraw(&mut log, canary);
    assert_eq!([desired(&log, 0), desired(&log, 1)], [Some(hash(&d)); 2]);
    let restored = Projections::restore(&log.announcing.folds.snapshot()).unwrap();
    assert_eq!(restored.policies(), log.announcing.folds.policies());
    assert_eq!(restored.policies().of_node(&name("other"), node(0)), None);
}

#[test]
fn of_too_many_assignments_the_oldest_go() {
    let mut log = Log::started(1);
    let first = assign(&mut log, 1, &document(0), ("node", json!(node(0))));
    for n in 1..256 {
        assign(&mut log, 1, &document(n), ("selector", json!("")));
    }
    assert_eq!(desired(&log, 0), Some(hash(&document(0))));
    assert!(log.announcing.folds.policies().assignment(&first).is_some());
    assign(&mut log, 1, &document(256), ("selector", json!("")));
    assert_eq!(desired(&log, 0), Some(hash(&document(256))));
    assert_eq!(log.announcing.folds.policies().of(&name("acme")).count(), 256);
    assert_eq!(log.announcing.folds.policies().document(&name("acme"), &hash(&document(0))), None);
}

/// Heartbeats of the node that names a policy, or none, every interval.
fn beats(log: &mut Log, until: u64, policy: Option<Hash>) {
    while log.now + 30 <= until {
        let more = policy.map_or(json!({}), |policy| json!({"policy_hash": policy}));
        log.beat(log.now + 30, 0, more);
    }
}

const DRIFT: &str = "policy-drift";

#[test]
fn a_node_that_follows_another_policy_for_a_quarter_of_an_hour_needs_a_look() {
    let mut log = Log::started(1);
    let (wanted, other) = (document(1), document(2));
    beats(&mut log, 600, Some(hash(&other)));
    let first = assign(&mut log, 610, &wanted, ("selector", json!("")));
    // The first heartbeat that shows it is at 640.
    beats(&mut log, 1510, Some(hash(&other)));
    assert!(log.reasons(0).is_empty());
    beats(&mut log, 1540, Some(hash(&other)));
    assert_eq!(log.reasons(0), [DRIFT]);
    expect(&mut log, &[(1540, "0 policy-drift firing"), (1540, "0 OK to ATTN")]);
    beats(&mut log, 1570, Some(hash(&wanted)));
    assert!(log.reasons(0).is_empty(), "it is over at once");
    log.news();

    // None at all is another one, and a withdrawal ends the matter without a word of the node.
    beats(&mut log, 3000, None);
    assert_eq!(log.reasons(0), [DRIFT]);
    log.news();
    log.operator(3001, Kind::Policy, None, json!({"action": "withdraw", "assignment": first}));
    assert!(log.reasons(0).is_empty());
    expect(&mut log, &[(3001, "0 policy-drift cleared")]);

    // So does the assignment of what it follows, and labels that take it out of a selection.
    beats(&mut log, 4000, Some(hash(&other)));
    assign(&mut log, 4001, &wanted, ("selector", json!("!done")));
    beats(&mut log, 5001, Some(hash(&other)));
    assert_eq!(log.reasons(0), [DRIFT]);
    log.operator(5002, Kind::Labels, Some(node(0)), json!({"labels": {"done": ""}}));
    assert!(log.reasons(0).is_empty());
    log.operator(5003, Kind::Labels, Some(node(0)), json!({"labels": {}}));
    beats(&mut log, 6003, Some(hash(&other)));
    assert_eq!(log.reasons(0), [DRIFT]);
    assign(&mut log, 6004, &other, ("node", json!(node(0))));
    assert!(log.reasons(0).is_empty());
}

#[test]
fn silence_neither_begins_nor_ends_a_drift() {
    let mut log = Log::started(1);
    assign(&mut log, 1, &document(1), ("selector", json!("")));
    beats(&mut log, 301, None);
    log.pass(2000);
    assert_eq!(log.reasons(0), ["offline"], "what is pending waits for a heartbeat");
    log.beat(2001, 0, json!({}));
    assert_eq!(log.reasons(0), ["offline", DRIFT]);
    // A heartbeat from the spool tells of then, not of now.
    let old = json!({"policy_hash": hash(&document(1))});
    log.say(2002, &Fact::Beat { node: 0, org: "acme", made: 400, more: old });
    assert_eq!(log.reasons(0), ["offline", DRIFT]);
    let restored: Attention = serde_json::from_slice(&serde_json::to_vec(log.attention()).unwrap()).unwrap();
    let standing = |attention: &Attention| attention.standing(&name("acme"), node(0), at(2002));
    assert_eq!(standing(&restored), standing(log.attention()));
    assert_eq!(restored.digest(), log.attention().digest());
}

/// The digest of a fixed log: whoever changes it changes what seals committed to, and bumps the version.
#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let mut log = Log::started(2);
    assign(&mut log, 1, &document(1), ("selector", json!("ring in (canary)")));
    assign(&mut log, 2, &document(2), ("node", json!(node(1))));
    let digest = &log.announcing.folds.digests()["policies"];
    assert_eq!(digest.version, 1);
    assert_eq!(digest.digest.to_hex(), "19d0971f363966e48889c5e08f91570a5d779b7cb74e9e5338006cb2eef3b891");
}

//! The fleet: what entries lead to, and that nothing else does.

use crate::entries::{Fact, START, at, entry, folded, key, log, name, node, said, user};
use crate::facts::facts;
use projections::Projections;
use projections::fleet::Node;
use proptest::prelude::*;
use serde_json::json;
use spec::payload::Reading;
use spec::{Kind, Record};
use std::time::Duration;

/// Entries one after another, ten seconds apart.
pub(crate) fn fold(facts: &[Fact]) -> Projections {
    folded(&records(facts))
}

pub(crate) fn records(facts: &[Fact]) -> Vec<Record> {
    let facts: Vec<_> = (0..).step_by(10).zip(facts.iter().cloned()).collect();
    log(&facts)
}

fn acme(folded: &Projections, id: u16) -> &Node {
    folded.fleet().node(&name("acme"), node(id)).unwrap()
}

fn beat(id: u16) -> Fact {
    Fact::Heartbeat { node: id, org: "acme", interval: 30, services_ok: Some(true) }
}

const INTRODUCED: Fact = Fact::Introduce { node: 1, key: 11, org: "acme" };

#[test]
fn a_node_is_what_it_said_last() {
    let second = Fact::Heartbeat { node: 1, org: "acme", interval: 60, services_ok: None };
    let folded = fold(&[INTRODUCED, beat(1), second, Fact::Note { node: 1, org: "acme" }]);
    let node = acme(&folded, 1);
    assert_eq!(node.key.map(|k| (k.key, k.introduced, k.ended)), Some((key(11), 0, None)));
    assert_eq!(node.heard.map(|h| (h.seq, h.recorded_at)), Some((3, at(30))));
    let said = node.heartbeat.as_ref().unwrap();
    assert_eq!((said.services_ok, said.interval_secs), (Reading::Unknown, Some(60)));
    assert_eq!(node.interval(), Duration::from_mins(1));
}

#[test]
fn a_node_speaks_with_the_key_it_went_over_to() {
    let rotation = crate::keys::rotation("acme", 1, 11, 12);
    let folded = fold(&[INTRODUCED, rotation.clone(), Fact::EndKey { key: 11 }]);
    let node = acme(&folded, 1);
    assert_eq!(node.key.map(|k| (k.key, k.introduced, k.ended)), Some((key(12), 1, None)));
    assert_eq!(node.heard.map(|h| h.seq), Some(1), "it has signed that itself");
    let folded = fold(&[INTRODUCED, rotation, Fact::EndKey { key: 12 }]);
    assert_eq!(acme(&folded, 1).key.map(|k| (k.key, k.ended)), Some((key(12), Some(2))));
}

#[test]
fn what_others_say_of_a_node_is_no_sign_of_life() {
    let folded = fold(&[INTRODUCED, Fact::RemarkOn { node: 1, org: "acme" }]);
    assert_eq!(acme(&folded, 1).heard, None);
}

#[test]
fn a_bare_heartbeat_is_a_sign_of_life() {
    let folded = fold(&[Fact::BareHeartbeat { node: 2, org: "acme" }]);
    assert_eq!(acme(&folded, 2).key, None);
    assert_eq!(acme(&folded, 2).heard.map(|h| h.seq), Some(0));
}

#[test]
fn an_imported_heartbeat_tells_of_a_node_that_has_not_spoken() {
    let imported = Fact::ImportedHeartbeat { node: 1, org: "acme" };
    let folded = fold(std::slice::from_ref(&imported));
    assert_eq!(acme(&folded, 1).heard, None);
    assert_eq!(acme(&folded, 1).interval(), Duration::from_secs(5));
    let folded = fold(&[beat(1), imported]);
    assert_eq!(acme(&folded, 1).heard.map(|h| h.seq), Some(0));
    assert_eq!(acme(&folded, 1).interval(), Duration::from_secs(30));
}

#[test]
fn a_key_that_ended_ends_its_node_until_the_next_is_introduced() {
    let key_of = |facts: &[Fact]| acme(&fold(facts), 1).key.map(|k| (k.key, k.ended));
    let mut facts = vec![INTRODUCED, beat(1), Fact::EndKey { key: 11 }];
    assert_eq!(key_of(&facts), Some((key(11), Some(2))));
    facts.push(Fact::Introduce { node: 1, key: 12, org: "acme" });
    assert_eq!(key_of(&facts), Some((key(12), None)));
    // The end of the former key is old news.
    facts.push(Fact::EndKey { key: 11 });
    assert_eq!(key_of(&facts), Some((key(12), None)));
}

#[test]
fn labels_are_those_said_last() {
    let labels = |org, labels| said(user(7), Kind::Labels, org, Some(node(1)), json!({"labels": labels}));
    let one = labels("acme", json!({"env": "prod", "zone": "a"}));
    let folded = fold(&[INTRODUCED, one, labels("beta", json!({"env": "test"}))]);
    let of = |folded: &Projections| acme(folded, 1).labels.clone();
    assert_eq!(of(&folded), [(name("env"), "prod".to_owned()), (name("zone"), "a".to_owned())].into());
    assert_eq!(acme(&folded, 1).heard, None, "labels are no sign of life");
    let folded = fold(&[INTRODUCED, labels("acme", json!({"env": "prod"})), labels("acme", json!({}))]);
    assert!(of(&folded).is_empty());
}

#[test]
fn a_name_belongs_to_one_node() {
    let call =
        |id, called: &str| said(user(7), Kind::Labels, "acme", Some(node(id)), json!({"name": called}));
    let label = said(user(7), Kind::Labels, "acme", Some(node(1)), json!({"labels": {"env": "prod"}}));
    let folded = fold(&[INTRODUCED, label, call(1, "web"), call(2, "web"), call(3, "web")]);
    let of = |folded: &Projections, id| acme(folded, id).name.as_ref().map(ToString::to_string).unwrap();
    assert_eq!([1, 2, 3].map(|id| of(&folded, id)), ["web", "web-2", "web-3"]);
    assert_eq!(acme(&folded, 1).labels.len(), 1, "a name leaves the labels alone");
    assert_eq!(folded.fleet().named(&name("acme"), &name("web-2")), Some(node(2)));
    assert_eq!(
        folded.fleet().named(&name("beta"), &name("web")),
        None,
        "each organisation has names of its own"
    );

    // What is given up is free, and whoever asks for its own name keeps it.
    let folded = fold(&[call(1, "web"), call(2, "web"), call(1, "db"), call(1, "db"), call(2, "web")]);
    assert_eq!([1, 2].map(|id| of(&folded, id)), ["db", "web"]);

    // The numbers are few, and a name has an end.
    let long = "a".repeat(128);
    let many: Vec<Fact> = (1..=101).map(|id| call(id, &long)).collect();
    let folded = fold(&many);
    assert_eq!(of(&folded, 99), format!("{}-99", "a".repeat(125)));
    let end = node(101).to_string()[24..].to_owned();
    assert_eq!(of(&folded, 101), format!("{}-{end}", "a".repeat(115)));
}

#[test]
fn a_node_is_introduced_with_a_name_and_labels() {
    let introduced = |id, key: u16, called: &str, env: &str| {
        let key = crate::entries::key(key);
        let payload = json!({
            "author": format!("node:{}", node(id)), "key": key, "labels": {"env": env}, "name": called,
            "pop": spec::Signature([0; 64]), "token": spec::Hash::ZERO, "use": "node",
        });
        said(spec::Author::Service(name("ingest")), Kind::Key, "acme", None, payload)
    };
    let folded = fold(&[introduced(1, 11, "web", "prod"), introduced(2, 12, "web", "test")]);
    assert_eq!(acme(&folded, 1).labels, [(name("env"), "prod".to_owned())].into());
    assert_eq!(acme(&folded, 2).name, Some(name("web-2")));
    let call = said(user(7), Kind::Labels, "acme", Some(node(1)), json!({"name": "db"}));
    let folded = fold(&[introduced(1, 11, "web", "prod"), call, introduced(1, 13, "web", "test")]);
    assert_eq!(acme(&folded, 1).name, Some(name("db")), "who has a name keeps it");
    assert_eq!(acme(&folded, 1).labels, [(name("env"), "test".to_owned())].into());
}

#[test]
fn an_erased_heartbeat_was_still_heard() {
    let folded = fold(&[beat(1), Fact::Erased { node: 1, org: "acme" }]);
    assert_eq!(acme(&folded, 1).heard.map(|h| h.seq), Some(1));
    assert_eq!(acme(&folded, 1).heartbeat.as_ref().map(|h| h.timestamp.clone()), Some(at(0).to_string()));
}

#[test]
fn organisations_do_not_mix() {
    let elsewhere = Fact::Heartbeat { node: 1, org: "beta", interval: 30, services_ok: Some(false) };
    let folded = fold(&[beat(1), elsewhere]);
    assert_eq!(acme(&folded, 1).heard.map(|h| h.seq), Some(0));
    assert_eq!(folded.fleet().nodes(&name("beta")).count(), 1);
    assert_eq!(folded.fleet().orgs().count(), 2);
}

#[test]
fn entries_come_in_order_or_not_at_all() {
    let mut folded = fold(&[beat(1)]);
    let before = folded.digests();
    for wrong in [0, 2] {
        assert!(folded.apply(&entry(wrong, 10, &beat(2))).is_err());
    }
    assert_eq!((folded.size(), folded.digests()), (1, before));
    assert_eq!(folded.last_recorded().millis(), START);
}

/// The digest of a fixed log: whoever changes it changes what seals committed to, and bumps the version.
#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let labels = said(user(7), Kind::Labels, "acme", Some(node(1)), json!({"labels": {"env": "prod"}}));
    let bare = Fact::BareHeartbeat { node: 2, org: "beta" };
    let facts = [INTRODUCED, beat(1), bare, Fact::EndKey { key: 11 }, labels];
    let digests = fold(&facts).digests();
    let fleet = &digests["fleet"];
    assert_eq!((fleet.version, fleet.size), (1, 5));
    assert_eq!(fleet.digest.to_hex(), "bc10c1de54d731391cafbc13178c8140aa4e731fd4422f56b0dc74944a3fd115");
}

proptest! {
    /// The same entries give the same state and the same digest.
    #[test]
    fn a_replay_is_the_same(facts in facts()) {
        let (one, two) = (fold(&facts), fold(&facts));
        prop_assert_eq!(one.fleet(), two.fleet());
        prop_assert_eq!(one.digests(), two.digests());
    }

    /// n entries and then m more are n + m entries, wherever the cut.
    #[test]
    fn a_prefix_goes_on_as_the_whole(facts in facts(), cut in any::<prop::sample::Index>()) {
        let (cut, records) = (cut.index(facts.len() + 1), records(&facts));
        let mut prefix = folded(&records[..cut]);
        for record in &records[cut..] {
            prefix.apply(record).unwrap();
        }
        let whole = folded(&records);
        prop_assert_eq!(prefix.fleet(), whole.fleet());
        prop_assert_eq!(prefix.digests(), whole.digests());
    }

    /// A digest that is the same means a state that is the same, as far as it is about nodes.
    #[test]
    fn a_digest_tells_states_apart(one in facts(), two in facts()) {
        let nodes = |folded: &Projections| -> Vec<_> {
            let fleet = folded.fleet();
            let orgs: Vec<_> = fleet.orgs().cloned().collect();
            orgs.iter().flat_map(|org| fleet.nodes(org).map(|(id, n)| (org.clone(), id, n.clone()))).collect()
        };
        let (one, two) = (fold(&one), fold(&two));
        let same = one.digests()["fleet"].digest == two.digests()["fleet"].digest;
        prop_assert_eq!(same, nodes(&one) == nodes(&two));
    }
}

//! The fleet: what entries lead to, and that nothing else does.

use crate::entries::{Fact, START, at, entry, key, name, node};
use projections::Projections;
use projections::fleet::Node;
use proptest::prelude::*;
use spec::payload::Reading;
use std::time::Duration;

/// Entries one after another, ten seconds apart.
pub(crate) fn fold(facts: &[Fact]) -> Projections {
    let mut folded = Projections::default();
    for (seq, fact) in (0..).zip(facts) {
        folded.apply(&entry(seq, seq * 10, fact)).unwrap();
    }
    folded
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
    let facts = [INTRODUCED, beat(1), Fact::BareHeartbeat { node: 2, org: "beta" }, Fact::EndKey { key: 11 }];
    let digests = fold(&facts).digests();
    let fleet = &digests["fleet"];
    assert_eq!((fleet.version, fleet.size), (1, 4));
    assert_eq!(fleet.digest.to_hex(), "5ae45fc9c4222c2f02cab3056307a5cd06d30ee24accffa846af1ca46ab51ef0");
}

pub(crate) fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let org = prop_oneof![Just("acme"), Just("beta")];
    let fact = (0..9u8, 0..5u16, org, 1..120u64, proptest::option::of(any::<bool>())).prop_map(
        |(which, n, org, interval, ok)| match which {
            0 => Fact::Introduce { node: n, key: n + 10, org },
            1 => Fact::EndKey { key: n + 10 },
            2 | 3 => Fact::Heartbeat { node: n, org, interval, services_ok: ok },
            4 => Fact::BareHeartbeat { node: n, org },
            5 => Fact::Note { node: n, org },
            6 => Fact::RemarkOn { node: n, org },
            7 => Fact::ImportedHeartbeat { node: n, org },
            _ if n == 0 => Fact::Start,
            _ => Fact::Erased { node: n, org },
        },
    );
    proptest::collection::vec(fact, 0..60)
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
        let cut = cut.index(facts.len() + 1);
        let mut folded = fold(&facts[..cut]);
        for (seq, fact) in (0..).zip(&facts).skip(cut) {
            folded.apply(&entry(seq, seq * 10, fact)).unwrap();
        }
        let whole = fold(&facts);
        prop_assert_eq!(folded.fleet(), whole.fleet());
        prop_assert_eq!(folded.digests(), whole.digests());
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

//! A node goes over to another key: what becomes of both, of resends, and of a copy.

use crate::admission::{World, body};
use crate::support::{Node, admin, key, random, run};
use ledger::admission::{Code, MAX_ROTATIONS_PER_AUTHOR};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::payload::{ChainFork, rotation_possession_bytes};
use spec::{Author, ChainLink, Epoch, Event, Kind};

impl Node {
    /// Goes over to another key: the event that says so, signed by the old one. The chain is that of the new key.
    pub(crate) fn rotate(&mut self, key: SigningKey) -> Event {
        let event = self.craft(Kind::KeyRotation, &rotation(self, &key), |_| ());
        (self.key, self.introduction, self.head) = (key, event.hash(), event.hash());
        (self.epoch, self.next) = (Epoch(random()), 0);
        event
    }
}

/// What a node says to go over to another key.
pub(crate) fn rotation(node: &Node, key: &SigningKey) -> Value {
    let (author, old, new) = (Author::Node(node.id), node.key.public(), key.public());
    let pop = key.sign(&rotation_possession_bytes(&author, &new, &node.ledger, &old));
    json!({"key": new, "pop": pop, "replaces": old})
}

#[test]
fn a_node_goes_over_to_another_key() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let notes = node.notes(2);
        assert_eq!(world.codes(notes.clone()).await, ["ok"; 2]);
        let old = node.clone();
        let rotation = node.rotate(key(8));
        // What is signed with the new key may come in the same batch, never before.
        let first = node.note("early");
        assert_eq!(world.code(first.clone()).await, "unknown-key");
        assert_eq!(world.codes(vec![rotation.clone(), first.clone()]).await, ["ok"; 2]);
        // Whoever did not hear the answer asks again, also for what stood before.
        let again = vec![notes[0].clone(), notes[1].clone(), rotation, first];
        assert_eq!(world.codes(again).await, ["again"; 4]);
        let late = old.craft(Kind::Note, &json!({"text": "late"}), |_| ());
        // A copy of the node, at the place of the rotation: the fork is on record, and the copy is told to stop.
        let (code, record) = world.recorded_of(late).await;
        let record = record.unwrap();
        assert_eq!((code, &record.entry.header.kind), (Code::KeyRevoked, &Kind::ChainFork));
        let said: ChainFork = body(&record);
        assert_eq!((said.key, said.place.seq), (old.key.public(), 2));
        assert_eq!(world.code(old.clone().rotate(key(9))).await, "key-revoked");
        // The old key is found to be bad: the node goes on with its new one.
        let lost = json!({"key": old.key.public(), "status": "compromised", "suspect_from": 0});
        assert_eq!(world.own(admin(&world.ledger, "acme", Kind::KeyStatus, lost)).await, "ok");
        let speaks = || world.ledger.directory(|d| d.authors.get(&Author::Node(node.id)).copied());
        assert_eq!(speaks(), Some(key(8).public()));
        assert_eq!(world.code(node.note("on")).await, "ok");
        assert_eq!(
            world.codes(vec![node.open_epoch(), node.rotate(key(7)), node.note("twice")]).await,
            ["ok"; 3]
        );
        let chain = |n| world.ledger.directory(|d| d.keys.get(&key(n).public()).cloned()).unwrap();
        assert_eq!((chain(8).successor, chain(7).successor), (Some(key(7).public()), None));
        assert_eq!((chain(8).until, chain(7).until), (Some(chain(7).introduced), None));
        world.end().await;
    });
}

#[test]
fn an_author_goes_through_so_many_keys_and_its_faults_are_counted_over_all() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        // A fault under the first key counts for those that come.
        let note = node.note("first");
        assert_eq!(world.code(note).await, "ok");
        let fork = node.craft(Kind::Note, &json!({"text": "second"}), |header| {
            header.chain = Some(ChainLink { epoch: node.epoch, prev: node.introduction, seq: 0 });
        });
        assert_eq!(world.code(fork).await, "chain-fork");
        let mut last = node.clone();
        for n in 0..MAX_ROTATIONS_PER_AUTHOR {
            last = node.clone();
            let event = node.rotate(SigningKey::from_seed(&random()));
            assert_eq!(world.code(event).await, "ok", "{n}");
        }
        assert_eq!(world.code(last.note("of a copy")).await, "key-revoked");
        assert_eq!(world.code(node.clone().rotate(key(9))).await, "too-many-keys");
        assert_eq!(world.code(node.note("it goes on")).await, "ok");
        let marks = |node: &Node| world.ledger.directory(|d| d.keys[&node.key.public()].chain.marks);
        assert_eq!(marks(&node), 1);
        world.end().await;
    });
}

//! Heartbeats through good and bad times: each arrives once, in order.

use crate::ledger::answer;
use crate::node::{HOUR, MINUTE, Node};
use crate::world::{Chance, Fault, World};
use serde_json::json;
use spec::{Hash, Kind};
use std::collections::BTreeSet;
use std::time::Duration;
use vaultmesh_agent::network::Response;

/// Every event of the log, from one node: in chain order without gaps or repetition, all heartbeats.
fn assert_unbroken(world: &World) -> usize {
    let ledger = world.ledger.borrow();
    let ids: BTreeSet<_> = ledger.log.iter().map(|e| e.header.id).collect();
    assert_eq!(ids.len(), ledger.log.len(), "an event arrived twice");
    let seqs: Vec<u64> = ledger.log.iter().map(|e| e.header.chain.unwrap().seq).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
    assert!(ledger.log.iter().all(|e| e.header.kind == Kind::Heartbeat));
    ledger.log.len()
}

#[test]
fn an_hour_of_heartbeats() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, HOUR), None);
    let count = assert_unbroken(&world);
    assert!((110..=130).contains(&count), "{count}");
    assert_eq!(agent.pending(), 0);
    assert_eq!(agent.memory().checkpoint.size, world.ledger.borrow().size());
    assert_eq!(agent.memory().checkpoint.root, world.ledger.borrow().checkpoint().root);
    // The offset was learnt from the first answer: the network's 20 ms, split in the middle.
    let last: serde_json::Value =
        serde_json::from_str(&world.ledger.borrow().log.last().unwrap().payload.json).unwrap();
    assert_eq!(last["clock_offset_ms"], 10);
}

#[test]
fn an_event_has_the_oldest_version_that_can_say_it_and_keeps_it_in_another_epoch() {
    let world = World::new();
    world.clones.set(true);
    let mut node = Node::enrolled(&world, 9);
    assert_eq!(node.live(MINUTE), None);
    let copy = node.disk.copy();
    let target = Hash::ZERO;
    let first = json!({ "target": target });
    let second = json!({ "target": target, "expires_at": "2026-11-22T20:42:00.000Z" });
    let mut agent = node.open().unwrap();
    world.script(|_, _| Fault::Lost);
    for payload in [&first, &second] {
        agent.enqueue(world.now(), Kind::Ack, payload).unwrap();
    }
    assert!(agent.enqueue(world.now(), Kind::Ack, &json!({"target": target, "forever": true})).is_err());
    // Another copy of the node takes the places meanwhile: both are signed again.
    world.script(|_, _| Fault::None);
    assert_eq!(Node { disk: copy, ..Node::enrolled(&world, 10) }.live(MINUTE), None);
    assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
    let ledger = world.ledger.borrow();
    let acks = ledger.log.iter().filter(|event| event.header.kind == Kind::Ack);
    let versions: Vec<u64> = acks.clone().map(|event| event.header.payload_version).collect();
    assert_eq!(versions, [1, 2]);
    for event in acks {
        assert!(event.header.kind.check_payload(event.header.payload_version, &event.payload.json).is_ok());
        assert_eq!(event.header.chain.unwrap().epoch, ledger.log.last().unwrap().header.chain.unwrap().epoch);
    }
    assert_eq!(ledger.log.iter().filter(|event| event.header.kind == Kind::ChainOpen).count(), 1);
}

#[test]
fn three_days_without_a_service() {
    let world = World::new();
    world.ledger.borrow_mut().heartbeat_secs = 60;
    let mut node = Node::enrolled(&world, 2);
    let back = 3 * 24 * HOUR;
    world.script(move |_, now| if now < back { Fault::Lost } else { Fault::None });
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, back), None);
    let waiting = agent.pending();
    assert!((4000..5000).contains(&waiting), "{waiting}");
    let tried = world.requests.borrow().len();
    assert!((3600..5200).contains(&tried), "{tried} attempts: once in a minute on average");
    drop(agent);
    assert_eq!(node.live(10 * MINUTE), None);
    let count = assert_unbroken(&world);
    assert!(count >= waiting, "{count}");
    let batches = world.requests.borrow().iter().filter(|(_, p)| p.starts_with("/api/events")).count();
    assert!(batches - tried < 40, "events go in batches");
}

#[test]
fn a_network_that_does_what_it_likes() {
    for seed in 0..6 {
        let world = World::new();
        let mut node = Node::enrolled(&world, seed);
        let mut chance = Chance::new(seed);
        world.script(move |_, _| match chance.below(10) {
            0..=2 => Fault::Lost,
            3..=5 => Fault::AnswerLost,
            6 => Fault::Instead(answer(503, &json!({"code": "overloaded"}))),
            _ => Fault::None,
        });
        for _ in 0..4 {
            assert_eq!(node.live(15 * MINUTE), None, "seed {seed}");
        }
        world.script(|_, _| Fault::None);
        assert_eq!(node.live(10 * MINUTE), None);
        assert!(assert_unbroken(&world) > 100, "seed {seed}");
        assert_eq!(world.ledger.borrow().problems, [""; 0], "seed {seed}");
    }
}

#[test]
fn the_service_says_when_to_come_back() {
    for status in [429, 503] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 4);
        let mut refused_at = None;
        world.script(move |_, now| {
            if let Some(at) = refused_at {
                assert!(now >= at + Duration::from_secs(100), "{now:?}");
                return Fault::None;
            }
            refused_at = Some(now);
            Fault::Instead(Response {
                retry_after: Some(Duration::from_secs(100)),
                ..answer(status, &json!({"code": "busy"}))
            })
        });
        assert_eq!(node.live(5 * MINUTE), None);
        assert!(assert_unbroken(&world) >= 8);
    }
}

#[test]
fn the_service_sets_the_interval_and_the_operator_has_the_last_word() {
    let world = World::new();
    world.ledger.borrow_mut().heartbeat_secs = 300;
    let mut node = Node::enrolled(&world, 5);
    assert_eq!(node.live(HOUR), None);
    let slow = assert_unbroken(&world);
    assert!((10..=14).contains(&slow), "{slow}");
    node.options.interval_secs = Some(10);
    assert_eq!(node.live(HOUR), None);
    assert!(assert_unbroken(&world) - slow > 300);
}

#[test]
fn two_copies_of_one_node() {
    let world = World::new();
    world.clones.set(true);
    let mut first = Node::enrolled(&world, 6);
    assert_eq!(first.live(10 * MINUTE), None);
    let mut second = Node { disk: first.disk.copy(), ..Node::enrolled(&world, 7) };
    for _ in 0..12 {
        assert_eq!(first.live(5 * MINUTE), None);
        assert_eq!(second.live(5 * MINUTE), None);
    }
    let ledger = world.ledger.borrow();
    let opened = ledger.log.iter().filter(|e| e.header.kind == Kind::ChainOpen).count();
    assert!((12..=30).contains(&opened), "{opened} epochs for 24 changes of hands");
    assert!(ledger.problems.iter().all(|p| ["chain-fork", "epoch-closed", "blocked"].contains(&p.as_str())));
    let beats = ledger.log.iter().filter(|e| e.header.kind == Kind::Heartbeat).count();
    assert!(beats > 200, "{beats}: what was signed for a lost place is sent in the new epoch");
}

#[test]
fn the_ledger_lost_what_it_had_acknowledged() {
    // The events are still in the node's file: they are sent again, byte for byte.
    let world = World::new();
    let mut node = Node::enrolled(&world, 8);
    assert_eq!(node.live(MINUTE), None);
    let before = world.ledger.borrow().clone();
    assert_eq!(node.live(2 * MINUTE), None);
    let hashes = |w: &World| w.ledger.borrow().log.iter().map(spec::Event::hash).collect::<Vec<Hash>>();
    let all = hashes(&world);
    *world.ledger.borrow_mut() = before;
    // What stands at which index is the same again, so nothing contradicts what the node remembers,
    // except the times at which it was recorded.
    let stop = node.live(2 * MINUTE);
    assert!(hashes(&world).starts_with(&all[..3]), "{stop:?}");
    assert!(stop.is_some_and(|stop| stop.to_string().contains("contradicts itself")));
}

//! A ledger that contradicts itself is caught, and what it signed is kept as proof.

use crate::node::{MINUTE, Node};
use crate::world::{Fault, World};
use proofs::equivocation::Equivocation;
use serde_json::Value;
use spec::Kind;
use vaultmesh_agent::identity::enrol::Enrolment;
use vaultmesh_agent::network::Request;
use vaultmesh_agent::session::{OpenError, Stop};
use vaultmesh_agent::status::Status;
use vaultmesh_agent::trust::authority::Authority;
use vaultmesh_agent::trust::memory::EQUIVOCATION_FILE;

/// The node has stopped, and the file it left proves why to anyone who knows the ledger's id.
fn assert_caught(node: &mut Node, stop: Option<&Stop>) {
    assert!(matches!(stop, Some(Stop::Contradiction(_))), "{stop:?}");
    let file = Equivocation::parse(&node.disk.contents(EQUIVOCATION_FILE).unwrap()).unwrap();
    let authority = Authority::verify(&node.world.ledger.borrow().id, &file.authority).unwrap();
    let (a, b) = file.verify(&authority.checkpoint_keys()).unwrap();
    assert_eq!(file.leaves.is_some(), a.size != b.size);
    assert_silent(node);
}

/// A node that has stopped stays stopped, and says so.
fn assert_silent(node: &mut Node) {
    let before = node.world.requests.borrow().len();
    assert!(matches!(node.open(), Err(OpenError::Contradiction)));
    assert_eq!(node.world.requests.borrow().len(), before);
    assert_eq!(Status::read(&node.disk).unwrap().stopped, Some("ledger contradicts itself"));
}

#[test]
fn two_roots_for_one_size() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let mut shown_to_others = world.ledger.borrow().clone();
    world.ledger.borrow_mut().grow("what this node is shown");
    assert_eq!(node.live(MINUTE / 6), None);
    let first = world.ledger.borrow().log[0].to_canonical();
    let request = Request::post("/api/agent/heartbeat", "application/json", first);
    assert_eq!(shown_to_others.handle(&request).status, 201);
    *world.ledger.borrow_mut() = shown_to_others;
    let stop = node.live(MINUTE);
    assert_eq!(world.ledger.borrow().size(), 4);
    assert!(stop.as_ref().is_some_and(|stop| stop.to_string().contains("two roots")), "{stop:?}");
    assert_caught(&mut node, stop.as_ref());
}

#[test]
fn a_fork_that_has_grown() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 2);
    assert_eq!(node.live(MINUTE), None);
    let fork = world.ledger.borrow().clone();
    assert_eq!(node.live(3 * MINUTE), None);
    *world.ledger.borrow_mut() = fork;
    for i in 0..40 {
        world.ledger.borrow_mut().grow(&format!("another history {i}"));
    }
    let stop = node.live(10 * MINUTE);
    assert_caught(&mut node, stop.as_ref());
}

/// The other history is shorter than what the node has seen: it has no place to compare the node's last entry
/// with, but one for an entry of before.
#[test]
fn a_fork_that_is_shorter() {
    for minutes in [10, 20, 45, 100] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 3);
        assert_eq!(node.live(10 * MINUTE), None);
        let fork = world.ledger.borrow().clone();
        assert_eq!(node.live(minutes * MINUTE), None);
        *world.ledger.borrow_mut() = fork;
        for i in 0..minutes + minutes / 3 {
            world.ledger.borrow_mut().grow(&format!("another history {i}"));
        }
        let seen = node.open().unwrap().memory().checkpoint.size;
        let stop = node.live(30 * MINUTE);
        assert!(world.ledger.borrow().size() < seen, "{minutes}");
        assert_caught(&mut node, stop.as_ref());
    }
}

#[test]
fn a_ledger_restored_from_a_backup() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 3);
    let backup = world.ledger.borrow().clone();
    for i in 0..20 {
        world.ledger.borrow_mut().grow(&format!("lost {i}"));
    }
    assert_eq!(node.live(3 * MINUTE), None);
    *world.ledger.borrow_mut() = backup;
    let stop = node.live(10 * MINUTE);
    // It is shorter than what it signed before: it cannot show what stands there in the longer tree, so
    // the file holds both notes for an auditor to complete.
    assert!(matches!(stop, Some(Stop::Contradiction(_))), "{stop:?}");
    let file = Equivocation::parse(&node.disk.contents(EQUIVOCATION_FILE).unwrap()).unwrap();
    assert_ne!(file.a, file.b);
    assert_silent(&mut node);
}

/// That two checkpoints agree was not proved, and neither was that they do not.
#[test]
fn a_proof_of_consistency_that_is_wrong_proves_nothing() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 4);
    for i in 0..5 {
        world.ledger.borrow_mut().grow(&format!("neighbour {i}"));
    }
    world.script(|request, now| {
        if now < 5 * MINUTE && request.path.starts_with("/api/ledger/proof/consistency") {
            return Fault::Changed(Box::new(|response| {
                let mut body: Value = serde_json::from_slice(&response.body).unwrap();
                body["proof"].as_array_mut().unwrap().pop();
                response.body = body.to_string().into_bytes();
            }));
        }
        Fault::None
    });
    let mut agent = node.open().unwrap();
    let known = agent.memory().checkpoint.size;
    assert_eq!(node.run(&mut agent, 4 * MINUTE), None);
    assert!(agent.pending() > 5, "nothing is taken for delivered meanwhile");
    assert_eq!(agent.memory().checkpoint.size, known);
    assert_eq!(node.run(&mut agent, 5 * MINUTE), None);
    assert_eq!(agent.pending(), 0);
    assert_eq!(agent.memory().checkpoint.size, world.ledger.borrow().size());
    assert_eq!(node.disk.contents(EQUIVOCATION_FILE), None);
}

#[test]
fn an_old_answer_is_no_contradiction() {
    // The answer to the first sending arrives late, as the answer to the second, with the checkpoint of
    // its time; meanwhile another answer has shown a newer one.
    let world = World::new();
    let mut node = Node::enrolled(&world, 5);
    let mut kept = None;
    let mut seen = 0;
    let other = std::rc::Rc::clone(&world);
    world.script(move |request, _| {
        if request.path.starts_with("/api/agent/heartbeat") {
            seen += 1;
            if seen == 2 {
                kept = Some(other.ledger.borrow_mut().handle(request));
                return Fault::Lost;
            }
            if let Some(old) = kept.take_if(|_| seen == 3) {
                return Fault::Instead(old);
            }
        }
        Fault::None
    });
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
    assert_eq!(agent.pending(), 0);
    assert_eq!(agent.memory().checkpoint.size, world.ledger.borrow().size());
}

#[test]
fn the_ledger_changes_its_checkpoint_key() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 6);
    assert_eq!(node.live(2 * MINUTE), None);
    world.ledger.borrow_mut().rotate_checkpoint_key(2);
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, 2 * MINUTE), None);
    assert_eq!(agent.pending(), 0);
    assert_eq!(agent.memory().checkpoint.size, world.ledger.borrow().size());
    drop(agent);
    // It is kept: the memory's signature holds after a restart.
    assert_eq!(Enrolment::load(&node.disk).unwrap().unwrap().0.authority.len(), 2);
    assert_eq!(node.live(2 * MINUTE), None);
    let asked = |w: &World| w.requests.borrow().iter().filter(|(_, p)| p.ends_with("authority")).count();
    assert_eq!(asked(&world), 1);
}

#[test]
fn too_few_recovery_keys() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 7);
    assert_eq!(node.live(2 * MINUTE), None);
    world.ledger.borrow_mut().rotate_checkpoint_key(1);
    let mut agent = node.open().unwrap();
    let known = agent.memory().checkpoint.size;
    assert_eq!(node.run(&mut agent, 5 * MINUTE), None);
    assert!(agent.pending() > 3);
    assert_eq!(agent.memory().checkpoint.size, known);
    assert!(!world.ledger.borrow().log.iter().any(|e| e.header.kind == Kind::ChainOpen));
}

//! A node goes over to a new key in a simulated world: by command, through outages and power cuts, and when the ledger
//! will not have it.

use crate::node::{Agent, MINUTE, Node};
use crate::world::{Chance, Fault, World};
use serde_json::Value;
use spec::payload::KeyRotation;
use spec::{Hash, Kind, PublicKey, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use vaultmesh_agent::control::commander::Commander;
use vaultmesh_agent::control::policy::Policy;
use vaultmesh_agent::identity::key::Identity;
use vaultmesh_agent::identity::rotation::ROTATION_FILE;
use vaultmesh_agent::session::OpenError;

const DONE: [&str; 2] = ["running", "succeeded"];

/// A node that obeys, which is told to go over to a new key.
fn told(seed: u64) -> (Rc<World>, Node, Hash) {
    let world = World::new();
    let node = Node::enrolled(&world, seed);
    let command = tell(&world, seed);
    (world, node, command)
}

fn tell(world: &World, seed: u64) -> Hash {
    let node = Uuid::v4([u8::try_from(seed % 256).unwrap(); 16]);
    let change = |order: &mut spec::payload::CommandOrder| {
        order.command = "rotate-key".parse().unwrap();
        order.expires_at = Timestamp::from_millis(order.not_before.millis() + 3_600_000);
    };
    world.ledger.borrow_mut().order(node, change, |_| {})
}

fn obeying(node: &mut Node) -> Result<Agent, OpenError> {
    let mut agent = node.open()?;
    agent.obey(node.world.now(), Commander::new(Policy::default(), None))?;
    Ok(agent)
}

/// The rotations on record: the key that goes, and the one that comes.
fn rotations(world: &World) -> Vec<(PublicKey, PublicKey)> {
    let ledger = world.ledger.borrow();
    let rotations = ledger.log.iter().filter(|event| event.header.kind == Kind::KeyRotation);
    let said = rotations.map(|event| serde_json::from_str::<KeyRotation>(&event.payload.json).unwrap());
    said.map(|said| (said.replaces, said.key)).collect()
}

fn count(world: &World, kind: &Kind) -> usize {
    world.ledger.borrow().log.iter().filter(|event| event.header.kind == *kind).count()
}

/// By which key, and how often, each of the heartbeats was signed; the chain of each key has no hole.
fn beats(world: &World) -> BTreeMap<PublicKey, usize> {
    let ledger = world.ledger.borrow();
    let (mut beats, mut next) = (BTreeMap::new(), BTreeMap::new());
    for event in &ledger.log {
        let (key, link) = (event.header.key, event.header.chain.unwrap());
        let place: &mut u64 = next.entry((key, link.epoch)).or_default();
        assert_eq!(link.seq, *place, "{key}");
        *place += 1;
        *beats.entry(key).or_default() += usize::from(event.header.kind == Kind::Heartbeat);
    }
    beats
}

fn key_on(node: &Node) -> PublicKey {
    Identity::load(&node.disk).unwrap().unwrap().public()
}

#[test]
fn a_command_gives_a_node_a_new_key_and_another_the_next() {
    let (world, mut node, command) = told(1);
    let first = key_on(&node);
    let mut agent = obeying(&mut node).unwrap();
    assert_eq!(node.run(&mut agent, 3 * MINUTE), None);
    assert_eq!(world.ledger.borrow().receipts(&command), DONE);
    let second = key_on(&node);
    assert_eq!(rotations(&world), [(first, second)]);
    assert_eq!(agent.speaks_with(), second);
    assert_eq!(node.disk.contents(ROTATION_FILE), None);

    // After a restart it is the same key, and another command gives it a third.
    drop(agent);
    let command = tell(&world, 1);
    let mut agent = obeying(&mut node).unwrap();
    assert_eq!(node.run(&mut agent, 3 * MINUTE), None);
    assert_eq!(world.ledger.borrow().receipts(&command), DONE);
    let third = key_on(&node);
    assert_eq!(rotations(&world), [(first, second), (second, third)]);
    let beats = beats(&world);
    assert_eq!(beats.len(), 3);
    assert!(beats[&second] >= 2 && beats[&third] >= 4 && beats.values().sum::<usize>() >= 11, "{beats:?}");
    assert_eq!(world.ledger.borrow().problems, [""; 0]);
}

/// Answers to rotations get lost for ten minutes, with the requests or after the ledger has recorded them.
#[test]
fn what_is_said_before_the_answer_is_signed_with_the_new_key_and_nothing_is_lost() {
    for arrives in [false, true] {
        for restarts in [false, true] {
            let (world, mut node, command) = told(2);
            let old = key_on(&node);
            let until = world.steady() + 10 * MINUTE;
            let rotates = |body: &[u8]| body.windows(14).any(|text| text == br#""key-rotation""#.as_slice());
            world.script(move |request, now| {
                let body = request.body.as_ref().map(|(_, body)| body.as_slice()).unwrap_or_default();
                match now < until && rotates(body) {
                    false => Fault::None,
                    true if arrives => Fault::AnswerLost,
                    true => Fault::Lost,
                }
            });
            let mut agent = obeying(&mut node).unwrap();
            assert_eq!(node.run(&mut agent, 5 * MINUTE), None);
            assert!(agent.pending() > 5, "{} wait", agent.pending());
            assert_eq!((agent.speaks_with(), key_on(&node)), (old, old));
            if restarts {
                drop(agent);
                agent = obeying(&mut node).unwrap();
            }
            assert_eq!(node.run(&mut agent, 15 * MINUTE), None);
            assert_eq!((agent.pending(), agent.dropped()), (0, 0));
            assert_eq!(world.ledger.borrow().receipts(&command), DONE);
            let new = key_on(&node);
            assert_eq!(rotations(&world), [(old, new)]);
            let beats = beats(&world);
            assert!(beats[&old] <= 2 && beats[&new] >= 33, "{beats:?}");
            assert_eq!(world.ledger.borrow().problems, [""; 0]);
        }
    }
}

/// Minutes with answers that get lost in between, so that every file is written and read more than once.
fn live(node: &mut Node) -> Result<(), OpenError> {
    let from = node.world.steady();
    let away = from + Duration::from_secs(2)..from + Duration::from_secs(100);
    node.world.script(move |_, now| if away.contains(&now) { Fault::AnswerLost } else { Fault::None });
    let mut agent = obeying(node)?;
    assert_eq!(node.run(&mut agent, 5 * MINUTE), None);
    Ok(())
}

#[test]
fn power_fails_at_every_operation_of_a_rotation() {
    let (_, mut node, _) = told(3);
    let first = node.disk.operations();
    live(&mut node).unwrap();
    let last = node.disk.operations();
    assert!(last - first > 60, "{first} to {last}");
    let (mut rotated, mut failed) = (0, 0);
    for operation in first..last {
        let (world, mut node, command) = told(3);
        let old = key_on(&node);
        let mut chance = Chance::new(operation);
        node.disk.fail_at(operation);
        let _ = live(&mut node);
        assert!(node.disk.is_dead());
        node.disk = node.disk.reboot(&mut chance);
        // A second loss of power while the first is being repaired.
        node.disk.fail_at(node.disk.operations() + chance.below(12));
        let _ = live(&mut node);
        node.disk = node.disk.reboot(&mut chance);
        world.script(|_, _| Fault::None);
        let mut agent = obeying(&mut node).unwrap_or_else(|e| panic!("operation {operation}: {e}"));
        assert_eq!(node.run(&mut agent, 8 * MINUTE), None, "operation {operation}");
        assert_eq!(agent.pending(), 0, "operation {operation}");
        assert_eq!(world.ledger.borrow().problems, [""; 0], "operation {operation}");
        assert_eq!(node.disk.contents(ROTATION_FILE), None, "operation {operation}");
        let receipts = world.ledger.borrow().receipts(&command);
        let end = receipts.iter().find(|word| *word != "running").unwrap();
        let rotations = rotations(&world);
        match end.as_str() {
            "succeeded" => assert_eq!(rotations, [(old, key_on(&node))], "operation {operation}"),
            "failed" => assert_eq!((rotations, key_on(&node)), (vec![], old), "operation {operation}"),
            other => panic!("operation {operation}: {other}"),
        }
        *(if end == "succeeded" { &mut rotated } else { &mut failed }) += 1;
        assert_eq!(agent.speaks_with(), key_on(&node));
        assert!(beats(&world).values().sum::<usize>() >= 14, "operation {operation}");
    }
    assert!(rotated > 40 && failed > 0, "{rotated} and {failed}");
}

#[test]
fn a_failing_operation_of_a_rotation_stops_nothing_for_long() {
    let (_, mut node, _) = told(4);
    let first = node.disk.operations();
    live(&mut node).unwrap();
    for operation in first..node.disk.operations() {
        let (world, mut node, command) = told(4);
        node.disk.error_at(operation);
        let Ok(mut agent) = obeying(&mut node) else {
            // It did not begin, and is begun again.
            live(&mut node).unwrap();
            continue;
        };
        assert_eq!(node.run(&mut agent, 12 * MINUTE), None, "operation {operation}");
        drop(agent);
        node.disk = node.disk.reboot(&mut Chance::new(operation));
        let mut agent = obeying(&mut node).unwrap();
        assert_eq!(node.run(&mut agent, 3 * MINUTE), None, "operation {operation}");
        assert_eq!(agent.pending(), 0, "operation {operation}");
        assert_eq!(node.disk.contents(ROTATION_FILE), None, "operation {operation}");
        assert_eq!(world.ledger.borrow().problems, [""; 0], "operation {operation}");
        let receipts = world.ledger.borrow().receipts(&command);
        let succeeded = receipts.iter().find(|word| *word != "running").unwrap() == "succeeded";
        assert_eq!(rotations(&world).len(), usize::from(succeeded), "operation {operation}: {receipts:?}");
        let beats = beats(&world);
        assert!(beats.values().sum::<usize>() >= 24, "operation {operation}: {beats:?}");
    }
}

/// A node that is told to rotate by a ledger which refuses that.
fn refused(recorded: bool) -> (Rc<World>, Node, Hash) {
    let (world, node, command) = told(5);
    world.ledger.borrow_mut().refuse.insert(Kind::KeyRotation, (422, "bad-payload", recorded));
    (world, node, command)
}

/// The old key is in place, everything else is said, and nothing is left of the rotation.
fn goes_on(world: &World, node: &Node, agent: &Agent, old: PublicKey, command: &Hash, what: &str) {
    assert_eq!(agent.pending(), 0, "{what}");
    assert_eq!((agent.speaks_with(), key_on(node)), (old, old), "{what}");
    assert_eq!(node.disk.contents(ROTATION_FILE), None, "{what}");
    let receipts = world.ledger.borrow().receipts(command);
    assert_eq!(
        receipts.last().map(String::as_str),
        Some("failed"),
        "{what}: {:?} {:?}",
        world.ledger.borrow().problems,
        world.requests.borrow().iter().take(12).collect::<Vec<_>>()
    );
    assert_eq!(rotations(world), [], "{what}");
    assert!(world.ledger.borrow().log.iter().all(|event| event.header.key == old), "{what}");
    assert!(count(world, &Kind::Heartbeat) >= 10, "{what}");
}

/// The ledger refuses the rotation, with and without a record of it; at every operation of the disk power fails, or
/// the operation does.
#[test]
fn a_rotation_that_is_refused_leaves_the_old_key_in_place() {
    for recorded in [false, true] {
        let (_, mut node, _) = refused(recorded);
        let first = node.disk.operations();
        let mut agent = obeying(&mut node).unwrap();
        assert_eq!(node.run(&mut agent, 3 * MINUTE), None);
        for operation in first..=node.disk.operations() {
            let what = format!("operation {operation}");
            let (world, mut node, command) = refused(recorded);
            let old = key_on(&node);
            node.disk.fail_at(operation);
            if let Ok(mut agent) = obeying(&mut node) {
                let _ = node.run(&mut agent, 3 * MINUTE);
            }
            node.disk = node.disk.reboot(&mut Chance::new(operation));
            let mut agent = obeying(&mut node).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(node.run(&mut agent, 5 * MINUTE), None, "{what}");
            goes_on(&world, &node, &agent, old, &command, &what);

            let (world, mut node, command) = refused(recorded);
            node.disk.error_at(operation);
            let Ok(mut agent) = obeying(&mut node) else { continue };
            assert_eq!(node.run(&mut agent, 12 * MINUTE), None, "{what}");
            goes_on(&world, &node, &agent, old, &command, &what);
        }
    }
}

/// Somebody in between says that the ledger refuses what it has recorded: the new key is not lost for that.
#[test]
fn a_refusal_that_is_a_lie_is_found_out() {
    let lied_to = || {
        let (world, node, command) = told(7);
        let mut lies = 3;
        world.script(move |request, _| {
            let body = request.body.as_ref().map(|(_, body)| String::from_utf8_lossy(body).into_owned());
            if lies == 0 || !body.unwrap_or_default().contains("key-rotation") {
                return Fault::None;
            }
            lies -= 1;
            Fault::Changed(Box::new(|response| {
                let refusal = serde_json::json!({"results": [
                    {"index": 0, "status": 422, "problem": {"code": "bad-payload", "status": 422}},
                ]});
                *response = vaultmesh_agent::network::Response {
                    body: refusal.to_string().into_bytes(),
                    ..response.clone()
                };
            }))
        });
        (world, node, command)
    };
    let (_, mut node, _) = lied_to();
    let first = node.disk.operations();
    let mut agent = obeying(&mut node).unwrap();
    assert_eq!(node.run(&mut agent, 9 * MINUTE), None);
    for operation in first..=node.disk.operations() {
        let (world, mut node, _) = lied_to();
        let old = key_on(&node);
        node.disk.fail_at(operation);
        if let Ok(mut agent) = obeying(&mut node) {
            let _ = node.run(&mut agent, 9 * MINUTE);
        }
        node.disk = node.disk.reboot(&mut Chance::new(operation));
        let mut agent = obeying(&mut node).unwrap_or_else(|e| panic!("operation {operation}: {e}"));
        assert_eq!(node.run(&mut agent, 12 * MINUTE), None, "operation {operation}");
        assert_eq!(agent.pending(), 0, "operation {operation}");
        assert_eq!(node.disk.contents(ROTATION_FILE), None, "operation {operation}");
        let new = agent.speaks_with();
        assert_eq!(key_on(&node), new, "operation {operation}");
        let known = rotations(&world);
        assert!(known == [(old, new)] || known.is_empty() && new == old, "operation {operation}: {known:?}");
        let beats = beats(&world);
        assert!(
            beats.values().sum::<usize>() >= 20,
            "operation {operation}: {beats:?} {:?}",
            world.requests.borrow()
        );
        let problems = world.ledger.borrow().problems.clone();
        let told = |code: &String| ["key-revoked", "blocked"].contains(&code.as_str());
        assert!(problems.iter().all(told), "operation {operation}: {problems:?}");
    }
}

#[test]
fn a_rotation_that_cannot_be_read_is_no_reason_to_go_on_with_any_key() {
    let (world, mut node, _) = told(6);
    let until = world.steady() + MINUTE;
    world.script(move |request, now| {
        let rotates = request
            .body
            .as_ref()
            .is_some_and(|(_, body)| String::from_utf8_lossy(body).contains("key-rotation"));
        if rotates && now < until { Fault::Lost } else { Fault::None }
    });
    let mut agent = obeying(&mut node).unwrap();
    assert_eq!(node.run(&mut agent, MINUTE / 2), None);
    drop(agent);
    let whole = node.disk.contents(ROTATION_FILE).unwrap();
    let changed = |change: fn(&mut Value)| {
        let mut file: Value = serde_json::from_slice(&whole).unwrap();
        change(&mut file);
        serde_json::to_vec(&file).unwrap()
    };
    // The same node, enrolled before with another key.
    let mut former = Node::enrolled(&world, 6 + 256);
    let mut agent = obeying(&mut former).unwrap();
    assert!(agent.rotate(world.now(), None).unwrap().is_some());
    let of_another_enrolment = former.disk.contents(ROTATION_FILE).unwrap();
    for (bytes, says) in [
        (b"{}".to_vec(), "is damaged"),
        (whole[..whole.len() / 2].to_vec(), "is damaged"),
        (changed(|file| file["format"] = "vaultmesh-rotation-v9".into()), "format is unknown"),
        (changed(|file| file["event"]["sig"] = "AA==".into()), "is damaged"),
        (changed(|file| file["event"]["key"] = "00".repeat(32).into()), "do not belong together"),
        (changed(|file| file["seed"] = "00".repeat(32).into()), "do not belong together"),
        (changed(|file| file["stage"] = "recorded".into()), "its stage"),
        (of_another_enrolment, "another enrolment"),
    ] {
        node.disk.set(ROTATION_FILE, Some(bytes));
        let error = node.open().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        let seed = serde_json::from_slice::<Value>(&whole).unwrap()["seed"].as_str().unwrap().to_owned();
        assert!(!error.contains(&seed), "the key is nobody's to see");
    }
    node.disk.set(ROTATION_FILE, Some(whole.clone()));
    let mut agent = obeying(&mut node).unwrap();
    assert_eq!(node.run(&mut agent, 5 * MINUTE), None);
    assert_eq!((agent.pending(), rotations(&world).len()), (0, 1));
}

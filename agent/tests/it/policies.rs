//! Policies in a simulated world: applied as the ledger's command says, kept through every power cut, and narrowing.

use crate::commands::looks;
use crate::node::{Agent, MINUTE, Node};
use crate::world::{Chance, World};
use serde_json::{Value, json};
use spec::payload::{CommandOrder, Heartbeat, PolicyDocument};
use spec::{Hash, Kind, Uuid};
use std::rc::Rc;
use std::sync::Arc;
use vaultmesh_agent::control::commander::Commander;
use vaultmesh_agent::control::policy::Policy;
use vaultmesh_agent::control::work::Done;

const OWN: &str = r#"
    [allow.apply-policy]
    [allow.service-status]
    units = ["a.service", "b.service"]
"#;

fn id(seed: u64) -> Uuid {
    Uuid::v4([u8::try_from(seed % 256).unwrap(); 16])
}

/// A policy that lets the node be asked of one unit, and its hash.
fn policy(unit: &str, mode: &str) -> (Value, Hash) {
    let allow = json!({"service-status": {"units": [unit]}});
    let document = json!({"allow": allow, "format": "vaultmesh-policy-v1", "mode": mode});
    let hash = PolicyDocument::parse(&document.to_string()).unwrap().bytes_and_hash().unwrap().1;
    (document, hash)
}

fn obeying(node: &mut Node) -> Agent {
    let mut agent = node.open().unwrap();
    let commander = Commander::new(Policy::parse(OWN).unwrap(), None);
    let commander = commander.working(Arc::new(|_| Done::saying(true, "done")));
    agent.obey(node.world.now(), commander).unwrap();
    agent
}

fn apply(world: &World, node: u64, policy: Hash) -> Hash {
    let change = |order: &mut CommandOrder| {
        order.command = "apply-policy".parse().unwrap();
        order.parameters.insert("policy".parse().unwrap(), policy.to_hex());
    };
    world.ledger.borrow_mut().order(id(node), change, |_| {})
}

fn status(world: &World, node: u64, unit: &str) -> Hash {
    let change = |order: &mut CommandOrder| {
        order.command = "service-status".parse().unwrap();
        order.parameters.insert("unit".parse().unwrap(), unit.to_owned());
    };
    world.ledger.borrow_mut().order(id(node), change, |_| {})
}

/// Lets the agent live until a command is over; its receipts.
fn receipts(node: &Node, agent: &mut Agent, command: &Hash) -> Vec<String> {
    for () in looks() {
        assert_eq!(node.run(agent, MINUTE), None);
        let receipts = node.world.ledger.borrow().receipts(command);
        if receipts.last().is_some_and(|last| last != "running") {
            return receipts;
        }
    }
    panic!("no end of it")
}

/// The policy that the last heartbeat names.
fn reported(world: &World) -> Option<Hash> {
    let ledger = world.ledger.borrow();
    let last = ledger.log.iter().rev().find(|event| event.header.kind == Kind::Heartbeat).unwrap();
    Heartbeat::read(&last.payload.json).unwrap().policy_hash
}

const DONE: [&str; 2] = ["running", "succeeded"];

#[test]
fn an_applied_policy_narrows_until_another_is_applied_or_none() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let (document, hash) = policy("a.service", "enforce");
    world.ledger.borrow_mut().policies.insert(hash.to_hex(), document);
    let mut agent = obeying(&mut node);
    let command = status(&world, 1, "b.service");
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    assert_eq!(reported(&world), None);

    let command = apply(&world, 1, hash);
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    node.run(&mut agent, MINUTE);
    assert_eq!(reported(&world), Some(hash));
    for restarts in [false, true] {
        if restarts {
            drop(agent);
            agent = obeying(&mut node);
        }
        for (unit, became) in
            [("a.service", &DONE[..]), ("b.service", &["narrowed"]), ("c.service", &["widened"])]
        {
            let command = status(&world, 1, unit);
            assert_eq!(receipts(&node, &mut agent, &command), became, "{unit}");
        }
        assert_eq!(reported(&world), Some(hash));
    }

    // One that only observes names what it would have refused.
    let (document, hash) = policy("a.service", "observe");
    world.ledger.borrow_mut().policies.insert(hash.to_hex(), document);
    let command = apply(&world, 1, hash);
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    let command = status(&world, 1, "b.service");
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    let said =
        |text: &str| world.ledger.borrow().log.iter().filter(|e| e.payload.json.contains(text)).count();
    assert_eq!(said("only observes"), 1);

    // And none at all.
    let command = apply(&world, 1, Hash::ZERO);
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    let command = status(&world, 1, "b.service");
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    node.run(&mut agent, MINUTE);
    assert_eq!((reported(&world), node.disk.contents("applied-policy.json")), (None, None));
}

#[test]
fn what_is_served_in_place_of_a_policy_is_not_applied() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let (good, hash) = policy("a.service", "enforce");
    let (other, _) = policy("b.service", "enforce");
    let mut agent = obeying(&mut node);
    let command = apply(&world, 1, hash);
    assert_eq!(receipts(&node, &mut agent, &command), ["running", "failed"], "there is none");
    for document in [other, json!({}), json!([]), json!("x"), json!({"allow": {}})] {
        world.ledger.borrow_mut().policies.insert(hash.to_hex(), document);
        let command = apply(&world, 1, hash);
        assert_eq!(receipts(&node, &mut agent, &command), ["running", "failed"]);
        assert_eq!(node.disk.contents("applied-policy.json"), None);
    }
    world.ledger.borrow_mut().policies.insert(hash.to_hex(), good);
    let command = apply(&world, 1, hash);
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
}

#[test]
fn a_damaged_policy_refuses_commands_but_the_next_policy_and_keeps_no_heartbeat_back() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let (document, hash) = policy("a.service", "enforce");
    world.ledger.borrow_mut().policies.insert(hash.to_hex(), document);
    let mut agent = obeying(&mut node);
    let command = apply(&world, 1, hash);
    assert_eq!(receipts(&node, &mut agent, &command), DONE);
    let whole = node.disk.contents("applied-policy.json").unwrap();
    let text = String::from_utf8(whole).unwrap();
    for damaged in ["", "{}", &text[..text.len() / 2], &text.replace("a.service", "b.service")] {
        drop(agent);
        node.disk.set("applied-policy.json", Some(damaged.as_bytes().to_vec()));
        agent = obeying(&mut node);
        let command = status(&world, 1, "a.service");
        assert_eq!(receipts(&node, &mut agent, &command), ["narrowed"], "{damaged}");
        assert_eq!(reported(&world), None, "{damaged}");
        let command = apply(&world, 1, hash);
        assert_eq!(receipts(&node, &mut agent, &command), DONE);
        let command = status(&world, 1, "a.service");
        assert_eq!(receipts(&node, &mut agent, &command), DONE);
    }
}

/// Whatever is cut off: the node follows the one policy or the other, whole, and says which.
#[test]
fn a_power_cut_at_any_moment_leaves_the_one_policy_or_the_other() {
    let mut seen = std::collections::BTreeSet::new();
    for operation in 0..60 {
        let world = World::new();
        let mut node = Node::enrolled(&world, operation);
        let (before, after) = (policy("a.service", "enforce"), policy("b.service", "enforce"));
        for (document, hash) in [&before, &after] {
            world.ledger.borrow_mut().policies.insert(hash.to_hex(), document.clone());
        }
        let mut agent = obeying(&mut node);
        let command = apply(&world, operation, before.1);
        assert_eq!(receipts(&node, &mut agent, &command), DONE);
        let command = apply(&world, operation, after.1);
        node.disk.fail_at(node.disk.operations() + operation);
        let _ = node.run(&mut agent, MINUTE * 2);
        drop(agent);
        node.disk = node.disk.reboot(&mut Chance::new(operation));
        let world = Rc::clone(&node.world);
        let mut agent = obeying(&mut node);
        assert!(matches!(
            receipts(&node, &mut agent, &command).last().map(String::as_str),
            Some("succeeded" | "failed")
        ));
        node.run(&mut agent, MINUTE);
        let follows = reported(&world).unwrap();
        assert!(follows == before.1 || follows == after.1, "operation {operation}");
        let (unit, other) =
            if follows == before.1 { ("a.service", "b.service") } else { ("b.service", "a.service") };
        let command = status(&world, operation, unit);
        assert_eq!(receipts(&node, &mut agent, &command), DONE, "operation {operation}");
        let command = status(&world, operation, other);
        assert_eq!(receipts(&node, &mut agent, &command), ["narrowed"], "operation {operation}");
        seen.insert(follows);
    }
    assert_eq!(seen.len(), 2, "some cuts came before, some after");
}

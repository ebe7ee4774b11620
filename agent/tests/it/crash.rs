//! Power lost at every single operation of the disk, and operations that fail.

use crate::node::{Agent, MINUTE, Node};
use crate::world::{Chance, Fault, SimDisk, Still, World};
use spec::payload::ChainGap;
use spec::{Event, Hash, Kind, Uuid};
use std::rc::Rc;
use std::time::Duration;
use vaultmesh_agent::chain::spool::Limits;
use vaultmesh_agent::identity::enrol::{self, Enrolment};
use vaultmesh_agent::identity::key::Identity;
use vaultmesh_agent::session::{Options, Session};

/// Small enough that a few minutes see a full spool, drops and compaction.
fn small() -> Options {
    Options { limits: Limits { max_bytes: 40_000, max_events: 4, compact_bytes: 2500 }, ..Options::default() }
}

/// Nine minutes: good, an outage that fills the spool, good again.
fn scenario(world: &Rc<World>) {
    let away = world.steady() + Duration::from_secs(70)..world.steady() + Duration::from_secs(250);
    world.script(move |_, now| if away.contains(&now) { Fault::Lost } else { Fault::None });
}

fn new_node() -> (Rc<World>, Node) {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    node.options = small();
    scenario(&world);
    (world, node)
}

#[test]
fn power_fails_at_every_operation() {
    let (world, mut node) = new_node();
    let first = node.disk.operations();
    assert_eq!(node.live(9 * MINUTE), None);
    let last = node.disk.operations();
    assert_eq!(world.ledger.borrow().log.iter().filter(|e| e.header.kind == Kind::ChainGap).count(), 1);
    assert!(last - first > 60, "{first} to {last}");
    let mut forced = 0;
    for operation in first..last {
        let (world, mut node) = new_node();
        let mut chance = Chance::new(operation);
        node.disk.fail_at(operation);
        let _ = node.live(9 * MINUTE);
        assert!(node.disk.is_dead());
        node.disk = node.disk.reboot(&mut chance);
        // A second loss of power while the first is being repaired.
        node.disk.fail_at(node.disk.operations() + chance.below(4));
        if let Ok(mut agent) = node.open() {
            let _ = node.run(&mut agent, MINUTE);
        }
        node.disk = node.disk.reboot(&mut chance);
        let mut agent = node.open().unwrap_or_else(|e| panic!("operation {operation}: {e}"));
        assert_eq!(node.run(&mut agent, 9 * MINUTE), None, "operation {operation}");
        assert_eq!(agent.pending(), 0, "operation {operation}");
        let ledger = world.ledger.borrow();
        assert_eq!(ledger.problems, [""; 0], "operation {operation}");
        let count = |kind: Kind| ledger.log.iter().filter(|e| e.header.kind == kind).count();
        assert!(count(Kind::Heartbeat) >= 12, "operation {operation}");
        forced += count(Kind::ChainOpen);
        assert!(runs_are_distinct(&ledger.log), "operation {operation}: a run was reported twice");
    }
    assert!(forced < 20, "{forced} new epochs: an unfinished line alone is no reason for one");
}

fn runs_are_distinct(log: &[Event]) -> bool {
    let gaps = log.iter().filter(|e| e.header.kind == Kind::ChainGap);
    let heads = gaps.map(|e| serde_json::from_str::<ChainGap>(&e.payload.json).unwrap().head);
    let mut heads: Vec<Hash> = heads.collect();
    heads.sort_unstable();
    heads.is_sorted_by(|a, b| a < b)
}

#[test]
fn a_failing_operation_stops_nothing_for_long() {
    let (_, mut node) = new_node();
    let first = node.disk.operations();
    assert_eq!(node.live(9 * MINUTE), None);
    let last = node.disk.operations();
    for operation in first..last {
        let (world, mut node) = new_node();
        node.disk.error_at(operation);
        let mut agent = node.open().unwrap();
        assert_eq!(node.run(&mut agent, 15 * MINUTE), None, "operation {operation}");
        assert_eq!(agent.pending(), 0, "operation {operation}");
        // And what is on the disk afterwards is as good as what is in memory.
        drop(agent);
        node.disk = node.disk.reboot(&mut Chance::new(operation));
        assert_eq!(node.live(2 * MINUTE), None, "operation {operation}");
        assert_eq!(world.ledger.borrow().problems, [""; 0], "operation {operation}");
        let ledger = world.ledger.borrow();
        assert!(!ledger.log.iter().any(|e| e.header.kind == Kind::ChainOpen), "operation {operation}");
        assert!(runs_are_distinct(&ledger.log), "operation {operation}: a run was reported twice");
    }
}

/// Enrols as the command does: a key if there is none, then the chain, then the enrolment.
fn enrol(world: &World, disk: &SimDisk, chance: &mut Chance) -> bool {
    let identity = if let Ok(Some(identity)) = Identity::load(disk) {
        identity
    } else {
        let identity = Identity::generate(Some(Uuid::v4([1; 16])), chance).unwrap();
        if identity.store(disk).is_err() {
            return false;
        }
        identity
    };
    if matches!(Enrolment::load(disk), Ok(Some(_))) {
        return true;
    }
    let token = world.ledger.borrow().token().parse().unwrap();
    let response =
        world.ledger.borrow_mut().handle(&enrol::request(&identity, &token, &enrol::Called::after_host("n")));
    let enrolment = enrol::verify(&response.body, &identity, &token, "http://ledger").unwrap();
    enrolment.store_with_chain(disk, chance).is_ok()
}

#[test]
fn power_fails_at_every_operation_of_an_enrolment() {
    for operation in 0.. {
        let world = World::new();
        let mut chance = Chance::new(operation);
        let disk = SimDisk::default();
        disk.fail_at(operation);
        let done = enrol(&world, &disk, &mut chance);
        let disk = disk.reboot(&mut chance);
        assert!(enrol(&world, &disk, &mut chance), "operation {operation}");
        let mut agent: Agent =
            Session::open(disk, Chance::new(0), Still, world.now(), Options::default()).unwrap();
        assert_eq!(world.run_for(MINUTE, agent.run(&&*world, &&*world)), None);
        assert_eq!(agent.pending(), 0);
        assert_eq!(world.ledger.borrow().problems, [""; 0]);
        if done {
            return;
        }
    }
}

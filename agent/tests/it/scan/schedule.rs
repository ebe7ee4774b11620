//! Scans of a running agent: when, one at a time, and as events of its chain.

use super::Machine;
use crate::commands::looks;
use crate::node::{MINUTE, Node};
use crate::world::{World, start};
use std::time::Duration;
use vaultmesh_agent::clock::Now;
use vaultmesh_agent::scan::Outcome;
use vaultmesh_agent::scan_schedule::ScanSchedule;

fn at(secs: u64) -> Now {
    Now { wall: start(), steady: Duration::from_secs(secs) }
}

/// Turns of the loop at one moment until a scan has come to its end.
fn outcome(schedule: &mut ScanSchedule, now: Now) -> Outcome {
    looks().find_map(|()| schedule.poll(now)).unwrap().unwrap()
}

/// Whether a turn at this moment brings no scan, and begins none that could bring one later.
fn quiet(schedule: &mut ScanSchedule, now: Now) -> bool {
    schedule.poll(now).is_none() && !schedule.is_running()
}

#[test]
fn a_scan_soon_after_the_start_and_then_by_the_clock() {
    let machine = Machine::healthy();
    let mut schedule = ScanSchedule::new(machine.options(), 86_400, at(0));
    assert!(quiet(&mut schedule, at(119)));
    let first = outcome(&mut schedule, at(120));
    assert_eq!(first.scan.started_at, start());
    assert!(quiet(&mut schedule, at(120 + 86_399)));
    outcome(&mut schedule, at(120 + 86_400));
}

#[test]
fn never_by_itself_and_yet_when_asked() {
    let machine = Machine::healthy();
    let mut schedule = ScanSchedule::new(machine.options(), 0, at(0));
    assert!(quiet(&mut schedule, at(1_000_000)));
    schedule.ask(at(1_000_000));
    outcome(&mut schedule, at(1_000_000));
    assert!(quiet(&mut schedule, at(2_000_000)));
}

#[test]
fn the_baseline_and_the_list_of_the_state_directory_are_those_of_the_moment() {
    let machine = Machine::healthy();
    let mut options = machine.options();
    options.baseline = None;
    let mut schedule = ScanSchedule::new(options, 0, at(0));
    schedule.ask(at(0));
    assert_eq!(outcome(&mut schedule, at(0)).scan.baseline, None);
    std::fs::copy(machine.baseline(), machine.state().join("scan-baseline")).unwrap();
    schedule.ask(at(1));
    let scan = outcome(&mut schedule, at(1)).scan;
    assert!(scan.baseline.is_some());
    assert_eq!(scan.findings, []);
}

#[test]
fn what_a_scan_found_comes_into_the_ledger_beside_the_heartbeats() {
    let machine = Machine::healthy();
    machine.add("etc/passwd", "toor:x:0:0::/root:/bin/sh\n");
    let world = World::new();
    let mut node = Node::enrolled(&world, 7);
    let mut agent = node.open().unwrap();
    agent.scan_by(ScanSchedule::new(machine.options(), 60, world.now()));
    let scans = || {
        let ledger = world.ledger.borrow();
        let scans = ledger.log.iter().filter(|event| event.header.kind == spec::Kind::Scan);
        scans.map(|event| event.payload.json.to_string()).collect::<Vec<_>>()
    };
    let both = looks().any(|()| {
        assert_eq!(node.run(&mut agent, MINUTE), None);
        scans().len() >= 2
    });
    assert!(both, "{:?}", scans());
    assert_eq!(world.ledger.borrow().problems, [""; 0]);
    let scan: spec::payload::Scan = serde_json::from_str(&scans()[0]).unwrap();
    assert_eq!(scan.findings[0].subject, "toor");
    let heartbeats =
        world.ledger.borrow().log.iter().filter(|e| e.header.kind == spec::Kind::Heartbeat).count();
    assert!(heartbeats > 2, "{heartbeats}");
}

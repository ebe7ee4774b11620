//! An hour without the service, for a thousand nodes in simulated time: nothing is lost, and they do not all come back
//! at once. Each node has a world of its own; what they share is the hour.

use crate::node::{HOUR, MINUTE, Node};
use crate::world::{Fault, World};
use spec::Kind;
use std::time::Duration;

/// How many nodes: `VAULTMESH_OUTAGE_NODES`, or enough to see the spread.
fn nodes() -> u64 {
    let asked = std::env::var("VAULTMESH_OUTAGE_NODES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(100)
}

/// The moment of the first request after the outage that was answered, and how many events the ledger has then lost.
fn live_through(seed: u64) -> (Duration, usize) {
    let world = World::new();
    let mut node = Node::enrolled(&world, seed);
    // A minute between heartbeats keeps a thousand nodes cheap; the way back does not depend on it.
    node.options.interval_secs = Some(60);
    let (from, to) = (world.steady() + 5 * MINUTE, world.steady() + 5 * MINUTE + HOUR);
    world.script(move |_, now| if (from..to).contains(&now) { Fault::Lost } else { Fault::None });
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, 20 * MINUTE + HOUR), None);
    assert_eq!((agent.pending(), agent.dropped()), (0, 0), "node {seed}");
    let ledger = world.ledger.borrow();
    assert_eq!(ledger.problems, [""; 0], "node {seed}");
    let beats: Vec<_> = ledger.log.iter().filter(|e| e.header.kind == Kind::Heartbeat).collect();
    // Eighty-five minutes at nine to eleven tenths of one, each in its place of the chain.
    let expected = 77..=95;
    assert!(expected.contains(&beats.len()), "node {seed}: {}", beats.len());
    let lost = beats
        .windows(2)
        .filter(|two| two[1].header.chain.unwrap().seq != two[0].header.chain.unwrap().seq + 1);
    let lost = lost.count();
    let back = world.requests.borrow().iter().map(|(at, _)| *at).find(|at| *at >= to).unwrap();
    (back.saturating_sub(to), lost)
}

#[test]
fn a_fleet_comes_back_from_an_hour_without_the_service_spread_out_and_whole() {
    let all: Vec<(Duration, usize)> = (1..=nodes()).map(live_through).collect();
    assert_eq!(all.iter().map(|(_, lost)| lost).sum::<usize>(), 0);
    let mut back: Vec<u64> = all.iter().map(|(at, _)| at.as_secs()).collect();
    back.sort_unstable();
    let at = |percent: usize| back[(back.len() - 1) * percent / 100];
    let busiest = (0..=back[back.len() - 1])
        .map(|second| back.iter().filter(|at| (second..second + 10).contains(*at)).count())
        .max()
        .unwrap();
    println!(
        "{} nodes back after {}, {}, {} s (10, 50, 90 %); at most {busiest} in ten seconds",
        back.len(),
        at(10),
        at(50),
        at(90)
    );
    // The delay is drawn evenly up to five minutes: ten seconds have a thirtieth of the fleet, if none are in step.
    assert!(busiest as u64 <= nodes() / 8 + 5, "{busiest} of {} in ten seconds", nodes());
    assert!(at(90) > 120 && back[back.len() - 1] <= 301, "{back:?}");
}

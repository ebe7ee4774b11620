//! Refusals, a full spool, and the bounds of a batch.

use crate::ledger::answer;
use crate::node::{HOUR, MINUTE, Node};
use crate::world::{Chance, Fault, Still, World};
use serde_json::json;
use spec::payload::{ChainGap, Heartbeat, Reading};
use spec::{Event, Kind};
use std::time::Duration;
use vaultmesh_agent::backoff::{BASE, Backoff, CAP, MAX_RETRY_AFTER};
use vaultmesh_agent::chain::delivery::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS};
use vaultmesh_agent::chain::outbox::Enqueued;
use vaultmesh_agent::chain::spool::Limits;
use vaultmesh_agent::heartbeat::{OwnState, Sampler};
use vaultmesh_agent::session::{Session, Stop};
use vaultmesh_agent::status::Status;

fn kinds(world: &World) -> Vec<Kind> {
    world.ledger.borrow().log.iter().map(|e| e.header.kind.clone()).collect()
}

#[test]
fn a_full_spool_says_what_it_dropped() {
    for limits in
        [Limits { max_events: 20, ..Limits::default() }, Limits { max_bytes: 32 * 1024, ..Limits::default() }]
    {
        let world = World::new();
        let mut node = Node::enrolled(&world, 1);
        node.options.limits = limits;
        world.script(|_, now| if now < HOUR { Fault::Lost } else { Fault::None });
        // Half an hour, a restart, another half: the run goes on.
        assert_eq!(node.live(HOUR / 2), None);
        let mut agent = node.open().unwrap();
        assert_eq!(node.run(&mut agent, HOUR / 2), None);
        let (waiting, dropped) = (agent.pending(), agent.dropped());
        assert!(waiting <= 30 && dropped > 80, "{waiting} {dropped}");
        assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
        let dropped = agent.dropped();
        let ledger = world.ledger.borrow();
        let gaps: Vec<&Event> = ledger.log.iter().filter(|e| e.header.kind == Kind::ChainGap).collect();
        assert_eq!(gaps.len(), 1);
        let gap: ChainGap = serde_json::from_str(&gaps[0].payload.json).unwrap();
        assert_eq!(gap.count, dropped);
        assert!(gap.to.millis() - gap.from.millis() > 35 * 60 * 1000);
        assert_eq!(ledger.problems, [""; 0]);
        let last = Heartbeat::read(&ledger.log.last().unwrap().payload.json).unwrap();
        assert_eq!(last.spool_dropped, Some(dropped));
    }
}

#[test]
fn a_refusal_on_record_is_the_end_of_one_event_only() {
    for waiting in [false, true] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 2);
        world.ledger.borrow_mut().refuse.insert("x-odd".parse().unwrap(), (422, "bad-payload", true));
        let mut agent = node.open().unwrap();
        if waiting {
            world.script(|_, now| if now < MINUTE { Fault::Lost } else { Fault::None });
        }
        agent.enqueue(world.now(), "x-odd".parse().unwrap(), &json!({"a": 1})).unwrap();
        assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
        assert_eq!(agent.pending(), 0);
        assert_eq!(world.ledger.borrow().problems, ["bad-payload"]);
        assert!(kinds(&world).iter().all(|kind| *kind == Kind::Heartbeat));
        assert!(kinds(&world).len() > 15);
    }
}

/// A node that can say what version 2 of a heartbeat brought.
struct Swapping;

impl Sampler for Swapping {
    fn sample(&mut self, own: &OwnState) -> Heartbeat {
        Heartbeat { swap_used_bytes: Some(Reading::Known(4096)), ..Still.sample(own) }
    }
}

/// One heartbeat tries the newest version, and all say it once the ledger has that one; an old service refuses one at
/// each start, and hears of the node in the first version.
#[test]
fn the_newest_version_of_a_heartbeat_is_tried_once() {
    for (known, away) in [(1, false), (1, true), (2, false), (2, true)] {
        let world = World::new();
        let node = Node::enrolled(&world, 8);
        world.ledger.borrow_mut().heartbeat_version = known;
        let back = if away { 5 * MINUTE } else { Duration::ZERO };
        world.script(move |_, now| if now < back { Fault::Lost } else { Fault::None });
        for start in 1..=2 {
            let (disk, chance) = (node.disk.clone(), Chance::new(start));
            let mut agent = Session::open(disk, chance, Swapping, world.now(), node.options).unwrap();
            assert_eq!(world.run_for(10 * MINUTE, agent.run(&&*world, &&*world)), None);
            assert_eq!(agent.pending(), 0);
            let ledger = world.ledger.borrow();
            let refused = if known == 1 { usize::try_from(start).unwrap() } else { 0 };
            assert_eq!(ledger.problems, vec!["bad-payload"; refused]);
            let versions: Vec<u64> = ledger.log.iter().map(|event| event.header.payload_version).collect();
            assert!(versions.len() >= 17 && kinds(&world).iter().all(|kind| *kind == Kind::Heartbeat));
            let first = versions.iter().filter(|version| **version == 1).count();
            match (known, away) {
                (1, _) => assert_eq!(first, versions.len()),
                (_, false) => assert_eq!(first, 0),
                // What was said while the one that tries was on its way.
                (_, true) => assert!((7..=13).contains(&first), "{versions:?}"),
            }
        }
    }
}

#[test]
fn an_event_that_can_never_be_accepted_is_given_up() {
    for (status, code) in [(400, "bad-event"), (409, "duplicate-id"), (413, "too-large"), (422, "no-right")] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 3);
        world.ledger.borrow_mut().refuse.insert("x-odd".parse().unwrap(), (status, code, false));
        let mut agent = node.open().unwrap();
        agent.enqueue(world.now(), "x-odd".parse().unwrap(), &json!({"a": 1})).unwrap();
        assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
        assert_eq!(agent.pending(), 0, "{code}");
        let kinds = kinds(&world);
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::ChainOpen).count(), 1, "{code}");
        assert!(kinds.iter().filter(|kind| **kind == Kind::Heartbeat).count() > 15, "{code}");
    }
}

#[test]
fn a_page_from_something_in_between_costs_nothing() {
    for status in [301, 400, 401, 403, 404, 405, 409, 500, 502] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 4);
        world.script(move |_, now| {
            if now < 5 * MINUTE { Fault::Instead(answer(status, &json!("<html>"))) } else { Fault::None }
        });
        assert_eq!(node.live(20 * MINUTE), None, "{status}");
        let kinds = kinds(&world);
        assert!(kinds.len() > 35 && kinds.iter().all(|kind| *kind == Kind::Heartbeat), "{status}");
    }
}

#[test]
fn a_refusal_of_a_whole_batch_blames_no_event() {
    for (status, code) in [(400, "bad-query"), (409, "conflict"), (422, "invalid")] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 7);
        world.script(move |request, now| {
            if now < MINUTE {
                Fault::Lost
            } else if now < 6 * MINUTE && request.path.starts_with("/api/events") {
                Fault::Instead(answer(status, &json!({ "code": code })))
            } else {
                Fault::None
            }
        });
        assert_eq!(node.live(25 * MINUTE), None, "{code}");
        let kinds = kinds(&world);
        assert!(kinds.len() > 45 && kinds.iter().all(|kind| *kind == Kind::Heartbeat), "{code}");
    }
}

#[test]
fn a_key_that_is_not_accepted_stops_the_node() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 5);
    assert_eq!(node.live(MINUTE), None);
    let key = world.ledger.borrow().log[0].header.key;
    world.ledger.borrow_mut().revoke(&key);
    let before = world.requests.borrow().len();
    assert!(matches!(node.live(HOUR), Some(Stop::Banned(text)) if text.contains("key-revoked")));
    assert_eq!(world.requests.borrow().len(), before + 1);
}

#[test]
fn batches_keep_within_their_bounds_and_shrink_when_asked() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 6);
    let mut agent = node.open().unwrap();
    let text = "x".repeat(30_000);
    for _ in 0..300 {
        let kind = "x-long".parse().unwrap();
        assert_eq!(agent.enqueue(world.now(), kind, &json!({ "text": text })).unwrap(), Enqueued::Spooled);
    }
    for _ in 0..450 {
        agent.enqueue(world.now(), "x-short".parse().unwrap(), &json!({})).unwrap();
    }
    world.script(|request, _| {
        let body = request.body.as_ref().map(|(_, body)| body.as_slice()).unwrap_or_default();
        assert!(body.len() <= MAX_BATCH_BYTES);
        let lines = body.split(|b| *b == b'\n').count() - 1;
        assert!(lines <= MAX_BATCH_EVENTS);
        if lines > 20 { Fault::Instead(answer(413, &json!("too large"))) } else { Fault::None }
    });
    assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
    assert_eq!(agent.pending(), 0);
    assert_eq!(world.ledger.borrow().problems, [""; 0]);
    assert!(kinds(&world).len() >= 750);
}

#[test]
fn after_an_outage_the_fleet_returns_evenly() {
    let mut fleet: Vec<Duration> = Vec::new();
    for seed in 0..3000 {
        let mut chance = Chance::new(seed);
        let mut backoff = Backoff::default();
        for _ in 0..12 {
            backoff.fail(None, &mut chance).unwrap();
        }
        fleet.push(backoff.fail(None, &mut chance).unwrap());
    }
    assert!(fleet.iter().all(|delay| *delay <= CAP));
    for tenth in 0..10 {
        let (from, to) = (CAP * tenth / 10, CAP * (tenth + 1) / 10);
        let count = fleet.iter().filter(|delay| (from..to).contains(delay)).count();
        assert!((230..370).contains(&count), "{count} of 3000 return in tenth {tenth}");
    }
}

#[test]
fn a_back_off_grows_and_what_the_service_asks_for_is_the_least() {
    let mut chance = Chance::new(1);
    let mut backoff = Backoff::default();
    for failures in 0..40 {
        let most = BASE.saturating_mul(1 << failures.min(20)).min(CAP);
        assert!(backoff.fail(None, &mut chance).unwrap() <= most);
    }
    let asked = Duration::from_secs(90);
    assert!((asked..=asked + CAP).contains(&backoff.fail(Some(asked), &mut chance).unwrap()));
    let absurd = backoff.fail(Some(Duration::from_secs(u64::MAX)), &mut chance).unwrap();
    assert!(absurd <= MAX_RETRY_AFTER + CAP);
    backoff.succeed();
    assert!(backoff.fail(None, &mut chance).unwrap() <= BASE);
}

#[test]
fn what_is_lost_is_counted_and_it_is_kept_why() {
    for waiting in [false, true] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 9);
        for (kind, code) in [("x-late", "id-time"), ("x-odd", "bad-payload")] {
            world.ledger.borrow_mut().refuse.insert(kind.parse().unwrap(), (422, code, true));
        }
        world.ledger.borrow_mut().refuse.insert("x-never".parse().unwrap(), (422, "no-right", false));
        let mut agent = node.open().unwrap();
        if waiting {
            world.script(|_, now| if now < MINUTE { Fault::Lost } else { Fault::None });
        }
        for kind in ["x-odd", "x-late", "x-late", "x-never", "x-late"] {
            agent.enqueue(world.now(), kind.parse().unwrap(), &json!({"a": 1})).unwrap();
        }
        assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
        assert_eq!(agent.pending(), 0);
        let status = Status::read(&node.disk).unwrap();
        let counted: Vec<(&str, u64)> = status.refused.iter().map(|(code, n)| (code.as_str(), *n)).collect();
        assert_eq!(counted, [("bad-payload", 1), ("id-time", 3), ("no-right", 1)]);
        let last = status.last_refusal.unwrap();
        assert_eq!(last.code, "id-time");
        assert!(
            last.why.contains("this node's clock says") && last.why.contains("the ledger's"),
            "{}",
            last.why
        );
        // A restart goes on counting.
        let mut agent = node.open().unwrap();
        agent.enqueue(world.now(), "x-odd".parse().unwrap(), &json!({"a": 1})).unwrap();
        assert_eq!(node.run(&mut agent, 5 * MINUTE), None);
        assert_eq!(Status::read(&node.disk).unwrap().refused["bad-payload"], 2);
    }
}

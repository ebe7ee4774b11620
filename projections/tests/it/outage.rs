//! An hour without the service, for a fleet of agents in simulated time, and what operators are told of it: the
//! agents run their own code, each in a world of its own, and what arrives of all of them is folded in the order in
//! which it arrived. `VAULTMESH_OUTAGE_NODES` says how many.

use crate::announcing::Announcing;
use crate::entries::{Fact, entry, name, node, said, user};
use crate::node::{MINUTE, Node};
use crate::world::{Fault, World, start};
use projections::attention::{Change, Level};
use projections::incidents::{OrgIncidents, Webhook};
use serde_json::json;
use spec::event::Payload;
use spec::payload::{AttentionChange, Band, Onset};
use spec::{Author, Event, Hash, Kind, Record, Timestamp, Uuid};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// Nobody is heard of in this hour.
const OUTAGE: Range<Duration> = Duration::from_mins(15)..Duration::from_mins(75);

/// Long enough for everything to be over.
const END: Duration = Duration::from_mins(105);

fn nodes() -> u16 {
    let asked = std::env::var("VAULTMESH_OUTAGE_NODES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(40)
}

/// Half of the fleet beats every thirty seconds, half every minute.
fn interval_secs(n: u16) -> u64 {
    if n.is_multiple_of(2) { 30 } else { 60 }
}

/// What arrived of a node.
struct Arrival {
    at: Duration,
    node: u16,
    event: Event,
}

/// The life of one node, from its enrolment to the end; it does not hear of the outage but by itself.
fn live(n: u16) -> Vec<Arrival> {
    let world = World::new();
    // No two nodes begin in step.
    world.run_for(Duration::from_millis(u64::from(n) * 7919 % 60_000), std::future::pending::<()>());
    let mut node = Node::enrolled(&world, u64::from(n) + 1);
    node.options.interval_secs = Some(interval_secs(n));
    let arrived = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&arrived);
    world.script(move |request, at| {
        if OUTAGE.contains(&at) {
            return Fault::Lost;
        }
        let body = request.body.as_ref().map_or(&[][..], |(_, body)| body);
        let events = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events = events.map(|line| Arrival { at, node: n, event: Event::parse(line).unwrap() });
        notes.borrow_mut().extend(events);
        Fault::None
    });
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, END.saturating_sub(world.steady())), None);
    assert_eq!((agent.pending(), agent.dropped()), (0, 0), "node {n}");
    assert_eq!(world.ledger.borrow().problems, [""; 0], "node {n}");
    assert_whole(n, &arrived.borrow());
    arrived.take()
}

/// Every event of a node arrived once, in the order of its chain, and those of the hour as well.
fn assert_whole(n: u16, arrived: &[Arrival]) {
    let seqs: Vec<u64> = arrived.iter().map(|arrival| arrival.event.header.chain.unwrap().seq).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "node {n}");
    let beats = END.as_secs() / interval_secs(n);
    assert!((beats * 8 / 10..=beats * 12 / 10).contains(&(seqs.len() as u64)), "node {n}: {}", seqs.len());
}

/// When each node was heard of again, counted from the end of the outage, in order.
fn back(lives: &[Vec<Arrival>]) -> Vec<Duration> {
    let first = |life: &Vec<Arrival>| life.iter().map(|arrival| arrival.at).find(|at| *at >= OUTAGE.end);
    let mut back: Vec<Duration> =
        lives.iter().map(|life| first(life).unwrap().saturating_sub(OUTAGE.end)).collect();
    back.sort_unstable();
    back
}

/// The log of the service, folded while it is written.
struct Service {
    announcing: Announcing,
    now: Duration,
}

impl Service {
    fn started(nodes: u16) -> Self {
        let mut service = Self { announcing: Announcing::default(), now: Duration::ZERO };
        service.say(Duration::ZERO, &Fact::Start);
        for n in 0..nodes {
            service.say(Duration::ZERO, &Fact::Introduce { node: n, key: n, org: "acme" });
        }
        let types = ["incident.opened", "incident.reopened", "incident.resolved", "attention.band"];
        let hook = json!({"action": "create", "id": Uuid::v4([1; 16]), "secret": Hash::ZERO, "types": types,
            "url": "https://example.org/hook"});
        service.say(Duration::ZERO, &said(user(1), Kind::Webhook, "acme", None, hook));
        service
    }

    fn record(&mut self, at: Duration, mut record: Record) {
        record.entry.position.recorded_at =
            Timestamp::from_millis(start().millis() + u64::try_from(at.as_millis()).unwrap());
        record.entry.position.seq = self.announcing.seq();
        self.announcing.record(&record);
        self.now = at;
    }

    fn say(&mut self, at: Duration, fact: &Fact) {
        self.record(at, entry(self.announcing.seq(), 0, fact));
    }

    fn hear(&mut self, arrival: &Arrival) {
        let Arrival { at, node: n, event } = arrival;
        let mut record = entry(0, 0, &Fact::Alive);
        record.entry.header = event.header.clone();
        // The worlds do not know of each other, and so give the same ids.
        record.entry.header.author = Author::Node(node(*n));
        record.entry.header.tenant = None;
        record.payload = Some(Payload { json: event.payload.json.clone(), salt: Hash::ZERO });
        self.record(*at, record);
    }

    /// Nobody is heard of until `at`: the service says that it is alive once a minute, and when something is due.
    fn wait(&mut self, at: Duration) {
        loop {
            let due = self.announcing.folds.attention().due();
            let due = due.map(|due| Duration::from_millis(due.millis() - start().millis()));
            let due = due.map_or(Duration::MAX, |due| due.max(self.now + Duration::from_millis(500)));
            let next = due.min(self.now + MINUTE);
            if next >= at {
                return;
            }
            self.say(next, &Fact::Alive);
        }
    }

    fn incidents(&self) -> Option<&OrgIncidents> {
        self.announcing.folds.incidents().of(&name("acme"))
    }

    /// The types of the messages that the webhook was owed.
    fn owed(&self) -> Vec<String> {
        let hooks = self.incidents().into_iter().flat_map(|of| of.webhooks().iter());
        let messages = hooks.flat_map(Webhook::messages);
        messages.flat_map(|message| vec![message.r#type.to_string(); message.items.len()]).collect()
    }

    /// Nodes that were silent to a degree that counts, at any time.
    fn silent(&self) -> usize {
        let silent = |change: &Change| matches!(change, Change::Silence { to, .. } if to.is_silent());
        let of = self.announcing.transitions.iter().filter(|transition| silent(&transition.change));
        of.map(|transition| transition.node).collect::<std::collections::BTreeSet<_>>().len()
    }

    fn assert_all_is_well(&self, nodes: u16) {
        let now = Timestamp::from_millis(start().millis() + u64::try_from(self.now.as_millis()).unwrap());
        let all: Vec<_> = self.announcing.folds.attention().standings(&name("acme"), now).collect();
        assert_eq!(all.len(), usize::from(nodes));
        for (id, standing) in all {
            assert!(standing.silence <= Level::Late && standing.band == Band::Ok, "{id}: {standing:?}");
        }
    }
}

/// The log of a service that hears what arrives; `away` is when it is no process at all.
fn told(nodes: u16, arrivals: &[&Arrival], away: Option<Range<Duration>>) -> Service {
    let mut service = Service::started(nodes);
    let mut returns = away.clone().map(|away| away.end);
    for arrival in arrivals {
        if let Some(at) = returns.take_if(|at| *at <= arrival.at) {
            service.wait(away.as_ref().unwrap().start);
            service.say(at, &Fact::Start);
        }
        service.wait(arrival.at);
        service.hear(arrival);
    }
    service
}

#[test]
fn an_hour_without_the_service_pages_nobody_and_one_without_the_network_pages_once() {
    let count = nodes();
    let lives: Vec<Vec<Arrival>> = (0..count).map(live).collect();
    let mut arrivals: Vec<&Arrival> = lives.iter().flatten().collect();
    arrivals.sort_by_key(|arrival| arrival.at);
    let back = back(&lives);
    let at = |percent: usize| back[(back.len() - 1) * percent / 100];
    let in_ten = |from: &Duration| back.iter().filter(|at| (*from..*from + MINUTE / 6).contains(at)).count();
    let busiest = back.iter().map(in_ten).max().unwrap();
    println!(
        "{count} nodes, {} events: back after {:?}, {:?}, {:?} and at most {:?}; at most {busiest} in ten seconds",
        arrivals.len(),
        at(10),
        at(50),
        at(90),
        at(100)
    );
    // Each waits for up to two intervals and is somewhere in that: the first ten seconds have 23 % if none are in step.
    assert!(busiest <= usize::from(count) / 4 + 5, "{busiest} of {count} in ten seconds");

    let away = told(count, &arrivals, Some(OUTAGE));
    let pages = away.announcing.announced.len();
    println!("the service away: {} silent, {pages} announcements, {:?} owed", away.silent(), away.owed());
    assert_eq!((away.silent(), pages, away.owed()), (0, 0, Vec::new()));
    assert!(away.incidents().is_none_or(|of| of.iter().next().is_none()));
    away.assert_all_is_well(count);

    let cut_off = told(count, &arrivals, None);
    let storm = |state, notice: &AttentionChange| matches!(notice, AttentionChange::Storm { state: found, .. } if *found == state);
    let told: Vec<_> =
        cut_off.announcing.announced.iter().map(|(notice, _)| &notice.payload.change).collect();
    println!("the network away: {} silent, told {told:?}, {:?} owed", cut_off.silent(), cut_off.owed());
    assert_eq!(cut_off.silent(), usize::from(count));
    assert!(told.len() == 2 && storm(Onset::Began, told[0]) && storm(Onset::Ended, told[1]), "{told:?}");
    assert_eq!(cut_off.incidents().unwrap().iter().count(), 1);
    assert_eq!(cut_off.owed(), ["incident.opened", "incident.resolved"]);
    cut_off.assert_all_is_well(count);
}

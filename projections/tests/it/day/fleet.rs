//! The nodes of the day, the service that records what they say, and the people who answer.

use super::page;
use super::script::{END, Item, NODES, SNAPSHOT, What, interval_secs, ms, site};
use crate::announcing::Announcing;
use crate::entries::{Fact, START, at, entry, event, key, name, node};
use projections::Projections;
use projections::rehearsal::Rehearsal;
use serde_json::{Value, json};
use spec::{Author, Hash, Kind, Record, Signature, Timestamp, Uuid};
use std::collections::BTreeMap;

/// Seed of everything that varies.
const SEED: u64 = 0x2545_F491_4F6C_DD1D;

/// How far a heartbeat may be off its time, in milliseconds.
const JITTER: u64 = 2000;

/// Places in `logs`.
const ODD: usize = 1;

/// Something at a moment of the day.
#[derive(Debug, Clone)]
enum Event {
    Enrol(u16),
    /// A node's next heartbeat.
    Beat(u16),
    /// The service: start, stop or crash.
    Service(Option<Fact>),
    Say(Say),
    /// A person answers what was announced.
    Answer(Kind, String),
    Snapshot,
}

/// An event that somebody has recorded.
#[derive(Debug, Clone)]
struct Say {
    org: &'static str,
    author: Author,
    kind: Kind,
    node: Option<Uuid>,
    payload: Value,
}

/// Numbers that look random and are always the same.
#[derive(Debug)]
struct Varying(u64);

impl Varying {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Everything that goes on.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    script: &'a [Item],
    events: BTreeMap<(u64, usize), Event>,
    scheduled: usize,
    varying: Varying,
    /// Heartbeats that could not be delivered yet.
    spools: Vec<Vec<(u64, Value)>>,
    /// What each node last said, and when: the next time it says the same but for the time.
    said: BTreeMap<u16, (u64, Value, Record)>,
    is_up: bool,
    /// The log as it is, one that is evaluated at odd times as well, and one that goes on from a snapshot.
    logs: Vec<Announcing>,
    next_odd: u64,
}

fn org(n: u16) -> &'static str {
    if n < 300 { "acme" } else { "umbrella" }
}

fn moment(ms: u64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

fn operator() -> Author {
    Author::Token(Uuid::v4([77; 16]))
}

impl<'a> Fleet<'a> {
    pub(super) fn new(script: &'a [Item]) -> Self {
        let mut fleet = Self {
            script,
            events: BTreeMap::new(),
            scheduled: 0,
            varying: Varying(SEED),
            spools: vec![Vec::new(); usize::from(NODES)],
            said: BTreeMap::new(),
            is_up: false,
            logs: vec![Announcing::default(); 2],
            next_odd: 0,
        };
        fleet.logs[0].rehearsal = Rehearsal::of_versions(3, Timestamp::from_millis(0));
        fleet.schedule(0, Event::Service(Some(Fact::Start)));
        fleet.schedule(ms(SNAPSHOT), Event::Snapshot);
        for n in 0..NODES {
            let at = 1 + fleet.varying.below(120_000);
            fleet.schedule(at, Event::Enrol(n));
        }
        for item in script {
            fleet.plan(item);
        }
        fleet
    }

    pub(super) fn logs(&self) -> [&Announcing; 3] {
        [&self.logs[0], &self.logs[ODD], &self.logs[2]]
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.events.insert((at, self.scheduled), event);
        self.scheduled += 1;
    }

    /// What of an item happens at certain moments; the rest is in the heartbeats.
    fn plan(&mut self, item: &Item) {
        let (from, to, n) = (ms(item.at), ms(item.until), item.nodes.start);
        let say = |author, kind, node, payload| Event::Say(Say { org: org(n), author, kind, node, payload });
        let own = |kind, payload| say(Author::Node(node(n)), kind, None, payload);
        let order = |deadline: u64| {
            let payload = json!({"action": "issue", "approvals": 0, "command": "restart",
                "expires_at": moment(deadline), "node": node(n), "nonce": Hash([3; 32]), "not_before": at(0),
                "parameters": {}, "sig": Signature([0; 64])});
            say(operator(), Kind::Command, Some(node(n)), payload)
        };
        match &item.what {
            What::Restart => {
                self.schedule(from, Event::Service(Some(Fact::Stop)));
                self.schedule(to, Event::Service(Some(Fact::Start)));
            }
            What::Crash => {
                self.schedule(from, Event::Service(None));
                self.schedule(to, Event::Service(Some(Fact::Start)));
            }
            What::Cloned => {
                let place = json!({"epoch": "00".repeat(16), "seq": 1});
                let fork = json!({"header": {}, "key": key(n), "place": place, "recorded": 1,
                    "sig": Signature([0; 64])});
                self.schedule(from, say(Author::Service(name("ingest")), Kind::ChainFork, None, fork));
                self.schedule(to, Event::Answer(Kind::Resolve, format!("{n} chain-fork")));
            }
            What::Finding => {
                self.schedule(from, own(Kind::Scan, scan(true)));
                self.schedule(to, own(Kind::Scan, scan(false)));
            }
            What::Failure => {
                let order = order(to);
                let Event::Say(said) = &order else { unreachable!() };
                let command = event_hash(&record(said, 0, from));
                self.schedule(from, order);
                let receipt = json!({"command": command, "state": "failed"});
                self.schedule(from + 5000, own(Kind::Receipt, receipt));
                self.schedule(to, Event::Answer(Kind::Ack, format!("{n} command-failed restart")));
            }
            What::Overdue => {
                self.schedule(from, order(from.midpoint(to)));
                self.schedule(to, Event::Answer(Kind::Ack, format!("{n} command-overdue restart")));
            }
            What::Goodbye { returns } => {
                let mut goodbye = json!({"reason": "maintenance"});
                if *returns {
                    goodbye["until"] = json!(moment(to));
                }
                self.schedule(from, own(Kind::Goodbye, goodbye));
            }
            What::Revoked => {
                let revoked = json!({"key": key(n), "status": "revoked"});
                self.schedule(from, say(Author::Service(name("admin")), Kind::KeyStatus, None, revoked));
            }
            What::Muted(reason) => {
                let mut rules = json!({"reasons": {}});
                rules["reasons"][reason] = json!({"weight": 0});
                self.schedule(from, say(operator(), Kind::Ruleset, None, rules));
            }
            What::Off
            | What::Flapping
            | What::Cut
            | What::Ahead(_)
            | What::Disk(_)
            | What::Down
            | What::Dropped => {}
        }
    }

    /// Lets the whole day happen.
    pub(super) fn run(&mut self) {
        while let Some(((now, _), event)) = self.events.pop_first() {
            if now > ms(END) {
                break;
            }
            self.look_at_odd_times(now);
            match event {
                Event::Enrol(n) => self.enrol(n, now),
                Event::Beat(n) => {
                    self.beat(n, now);
                    let gap = interval_secs(n) * 1000 - JITTER + self.varying.below(2 * JITTER);
                    self.schedule(now + gap, Event::Beat(n));
                }
                Event::Service(fact) => self.service(fact, now),
                Event::Say(said) => self.record(&mut record(&said, 0, now)),
                Event::Answer(kind, said) => self.answer(&kind, &said, now),
                Event::Snapshot => {
                    let mut restored = self.logs[0].clone();
                    restored.rehearsal = None;
                    restored.folds = Projections::restore(&restored.folds.snapshot()).unwrap();
                    self.logs.push(restored);
                }
            }
        }
    }

    fn record(&mut self, record: &mut Record) {
        assert!(self.is_up, "nothing is recorded while the service is away");
        for log in &mut self.logs {
            record.entry.position.seq = log.seq();
            log.record(record);
        }
    }

    /// The service comes or goes. A crash is known by nothing that follows its last word.
    fn service(&mut self, fact: Option<Fact>, now: u64) {
        let starts = matches!(fact, Some(Fact::Start));
        self.is_up = true;
        let mut word = entry(0, 0, &fact.unwrap_or(Fact::Alive));
        word.entry.position.recorded_at = moment(now);
        self.record(&mut word);
        self.is_up = starts;
        self.next_odd = self.next_odd.max(now);
    }

    /// A node is introduced and labelled, and speaks at once.
    fn enrol(&mut self, n: u16, now: u64) {
        let mut introduction = entry(0, 0, &Fact::Introduce { node: n, key: n, org: org(n) });
        introduction.entry.position.recorded_at = moment(now);
        self.record(&mut introduction);
        let payload = json!({"labels": {"site": site(n)}});
        let labels =
            Say { org: org(n), author: operator(), kind: Kind::Labels, node: Some(node(n)), payload };
        self.record(&mut record(&labels, 0, now));
        self.schedule(now, Event::Beat(n));
    }

    fn answer(&mut self, kind: &Kind, said: &str, now: u64) {
        for log in &mut self.logs {
            let page = |(notice, hash): &_| (page(notice).as_deref() == Some(said)).then_some(*hash);
            let target: Hash = log.announced.iter().rev().find_map(page).unwrap();
            let payload = json!({"target": target});
            let answer = event(log.seq(), moment(now), operator(), kind.clone(), None, &payload);
            log.record(&answer);
        }
    }

    /// A node's heartbeat, if it makes one; it is recorded if there is a way and somebody to record it.
    fn beat(&mut self, n: u16, now: u64) {
        let mut more = json!({"clock_offset_ms": 3, "disk_available_bytes": 600, "disk_total_bytes": 1000,
            "interval_secs": interval_secs(n), "spool_dropped": 0});
        let (mut made, mut is_cut) = (now, false);
        for item in self.script.iter().filter(|item| item.nodes.contains(&n)) {
            let (from, to) = (ms(item.at), ms(item.until));
            if !(from..to).contains(&now) {
                continue;
            }
            match &item.what {
                What::Off | What::Goodbye { .. } | What::Revoked => return,
                What::Flapping if (now - from) % 290_000 < 110_000 => return,
                What::Cut => {
                    is_cut = true;
                    if (1..2).contains(&((now - from) * 3 / (to - from))) {
                        more["services_ok"] = json!(false);
                    }
                }
                What::Ahead(ahead) => {
                    more["clock_offset_ms"] = json!(-ahead);
                    made = made.saturating_add_signed(*ahead);
                }
                What::Disk(used) => {
                    let nth = (now - from) * used.len() as u64 / (to - from);
                    let used = used[usize::try_from(nth).unwrap()];
                    more["disk_available_bytes"] = json!(1000 - used * 10);
                }
                What::Down => more["services_ok"] = json!(false),
                What::Dropped => more["spool_dropped"] = json!(17),
                _ => {}
            }
        }
        let spool = &mut self.spools[usize::from(n)];
        spool.push((made / 1000, more));
        if is_cut || !self.is_up {
            return;
        }
        for (made, more) in std::mem::take(spool) {
            let mut beat = self.heartbeat(n, made, more);
            beat.entry.position.recorded_at = moment(now);
            self.record(&mut beat);
        }
    }

    fn heartbeat(&mut self, n: u16, made: u64, more: Value) -> Record {
        if let Some((then, same, record)) = self.said.get(&n)
            && *same == more
        {
            let mut record = record.clone();
            let payload = record.payload.as_mut().unwrap();
            payload.json = payload.json.replace(&at(*then).to_string(), &at(made).to_string()).into();
            record.entry.header.payload_hash = payload.hash();
            (record.entry.header.id, record.entry.header.ts) = (Uuid::v7(at(made), [0; 10]), at(made));
            return record;
        }
        let record = entry(0, 0, &Fact::Beat { node: n, org: org(n), made, more: more.clone() });
        self.said.insert(n, (made, more, record.clone()));
        record
    }

    /// One of the logs has entries in which nothing happens as well, and is looked at.
    fn look_at_odd_times(&mut self, until: u64) {
        while self.next_odd < until {
            if self.is_up {
                let now = moment(self.next_odd);
                let log = &mut self.logs[ODD];
                let mut alive = entry(log.seq(), 0, &Fact::Alive);
                alive.entry.position.recorded_at = now;
                log.record(&alive);
                let ahead = Timestamp::from_millis(now.millis() + self.next_odd % 90_000);
                let seen = log.folds.attention().standing(&name("acme"), node(20), ahead);
                assert!(seen.is_some() || now < at(600));
            }
            self.next_odd += 1 + self.next_odd % 7013;
        }
    }
}

fn record(said: &Say, seq: u64, ms: u64) -> Record {
    let (author, kind) = (said.author.clone(), said.kind.clone());
    let mut record = event(seq, moment(ms), author, kind, said.node, &said.payload);
    record.entry.header.org = name(said.org);
    record
}

fn event_hash(record: &Record) -> Hash {
    record.entry.header.event_hash(&record.entry.sig)
}

fn scan(critical: bool) -> Value {
    let finding = json!({"id": "ld.preload", "remediation": "", "severity": "critical",
        "subject": "/etc/ld.so.preload", "title": "a library in front of all others"});
    let findings = if critical { vec![finding] } else { Vec::new() };
    json!({"counts": {"critical": findings.len(), "high": 0, "low": 0, "medium": 0, "unknown": 0},
        "duration_ms": 1, "findings": findings, "root": "/", "simulated": false, "started_at": at(0),
        "unchecked": []})
}

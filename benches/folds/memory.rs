//! Folds over entries that are in memory: a fleet that beats every 30 seconds.

use super::resident;
use crate::report::{Limit, Rate, rate, row, say, time};
use crate::world::heartbeat;
use projections::attention::Attention;
use projections::fact::Fact;
use projections::fleet::Fleet;
use projections::{Projection as _, Projections};
use spec::entry::{Entry, Lane, Position};
use spec::event::Payload;
use spec::payload::Heartbeat;
use spec::{Author, Hash, Header, Kind, Name, PublicKey, Record, Signature, Timestamp, Uuid, canonical};
use std::hint::black_box;

/// Nodes of a fleet that nobody asked more of.
const NODES: usize = 1000;

const INTERVAL_MS: usize = 30_000;

const START: u64 = 1_795_293_720_123;

/// Heartbeats in a node's rhythm: with as many it has all that is ever kept of one.
const RHYTHM: usize = 64;

/// Entries of `nodes` nodes, each of which beats every 30 seconds.
fn beats(nodes: usize) -> impl Iterator<Item = Record> {
    let org: Name = "acme".parse().unwrap();
    (0..).map(move |n: usize| {
        let at = Timestamp::from_millis(START + (n * INTERVAL_MS / nodes) as u64);
        let node = Uuid::v4(((n % nodes) as u128 * 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes());
        record(n as u64, at, &org, node, &heartbeat(node, (n / nodes) as u64, at))
    })
}

fn record(seq: u64, at: Timestamp, org: &Name, node: Uuid, said: &Heartbeat) -> Record {
    let json = String::from_utf8(canonical::to_vec(said).unwrap()).unwrap();
    let payload = Payload { json: json.into(), salt: Hash::ZERO };
    let header = Header {
        author: Author::Node(node),
        chain: None,
        id: Uuid::v7(at, [0; 10]),
        key: PublicKey([7; 32]),
        kind: Kind::Heartbeat,
        ledger: Hash::ZERO,
        node_id: None,
        org: org.clone(),
        payload_hash: Hash::ZERO,
        payload_version: 1,
        severity: None,
        tenant: None,
        ts: at,
        via: None,
    };
    let position = Position { seq, prev: Hash::ZERO, lane: Lane { n: 0, prev: Hash::ZERO }, recorded_at: at };
    Record {
        entry: Entry { header, sig: Signature([0; 64]), position },
        leaf: Hash::ZERO,
        payload: Some(payload),
    }
}

/// Entries a second.
pub(super) fn rates(events: usize) {
    let records: Vec<Record> = beats(NODES).take(events).collect();
    let parsed = rate(events, || {
        for record in &records {
            black_box(Fact::of(record));
        }
    });
    let parsing = Limit::stated("payloads read and dropped", parsed);
    let facts: Vec<Fact<'_>> = records.iter().map(Fact::of).collect();
    let attention = rate(events, || {
        let mut fold = Attention::default();
        for fact in &facts {
            fold.apply(fact);
        }
        black_box(fold);
    });
    row("attention, payloads read", attention, &[]);
    let fleet = rate(events, || {
        let mut fold = Fleet::default();
        for fact in &facts {
            fold.apply(fact);
        }
        black_box(fold);
    });
    row("fleet, payloads read", fleet, &[]);
    let both = rate(events, || {
        let mut folds = (Attention::default(), Fleet::default());
        for fact in &facts {
            folds.0.apply(fact);
            folds.1.apply(fact);
        }
        black_box(folds);
    });
    row("fleet and attention, payloads read", both, &[]);
    drop(facts);
    let all = rate(events, || {
        let mut folds = Projections::default();
        for record in &records {
            folds.apply(record).unwrap();
        }
        black_box(folds);
    });
    row("all folds, from records", all, &[parsing]);
}

/// What the folds of a fleet that is heard of weigh in memory, and what more entries add.
pub(super) fn weights(events: usize) {
    let mut fleets = Vec::new();
    for nodes in [NODES, 10 * NODES] {
        let before = resident();
        fleets.push(folded(nodes, nodes * (RHYTHM + 2)));
        let each = resident().saturating_sub(before) / nodes as u64;
        say(&format!("resident memory a node, of {nodes}: {each} bytes"));
    }
    let (folds, before) = (&mut fleets[0], resident());
    for record in beats(NODES).skip(NODES * (RHYTHM + 2)).take(events) {
        folds.apply(&record).unwrap();
    }
    let grown = resident().saturating_sub(before);
    say(&format!("resident memory that {events} more entries of {NODES} nodes add: {} KiB", grown / 1024));
}

/// The folds in bytes, and back.
pub(super) fn snapshots() {
    for nodes in [NODES, 10 * NODES] {
        let folds = folded(nodes, nodes * (RHYTHM + 2));
        let snapshot = folds.snapshot();
        say(&format!("snapshot of {nodes} nodes: {} bytes a node", snapshot.len() / nodes));
        let made = Rate::of(1, (0..5).map(|_| time(|| drop(black_box(folds.snapshot())))));
        row(&format!("snapshots of {nodes} nodes made"), made, &[]);
        let restore = || drop(black_box(Projections::restore(&snapshot).unwrap()));
        row(&format!("snapshots of {nodes} nodes restored"), Rate::of(1, (0..5).map(|_| time(restore))), &[]);
    }
}

fn folded(nodes: usize, events: usize) -> Projections {
    let mut folds = Projections::default();
    for record in beats(nodes).take(events) {
        folds.apply(&record).unwrap();
    }
    folds
}

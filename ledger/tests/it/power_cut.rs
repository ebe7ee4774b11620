//! Power cuts: whatever was acknowledged is there and verifies, whatever the disk forgot.
//!
//! A run is recorded once, change by change, with the moments of its acknowledgements. Then the power is
//! cut after each change, with several choices of what had reached the disk, and the ledger is opened.

use crate::sim_disk::{Image, Op, SimDisk};
use crate::support::{Node, Place, TestRows, all_recorded, append, check_whole, codes, enrol, run};
use chance::Chance;
use ledger::Ledger;
use ledger::admission::Code;
use ledger::open::{OpenError, OpenReport};
use ledger::storage::cut_place;
use spec::payload::Recovery;
use spec::{Event, Hash, Kind};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A moment at which the ledger had acknowledged its first `leaves` entries.
struct Ack {
    after: usize,
    size: u64,
    seals: usize,
    rows: Arc<TestRows>,
}

struct Recording {
    start: Image,
    ops: Vec<Op>,
    acks: Vec<Ack>,
    leaves: Vec<Hash>,
    /// Events with the position each was acknowledged at.
    events: Vec<(Event, u64)>,
}

/// Appends in batches of all sizes, large and small events, a few refusals and seals.
fn record(rounds: usize, seed: u64) -> Recording {
    let mut rng = Chance(seed);
    let disk = SimDisk::new();
    let rows = Arc::new(TestRows::default());
    let place = Place::simulated(&disk).with_rows(rows.clone());
    run(place.create());
    let start = disk.record();
    let ledger = run(place.open());
    let mut acks = Vec::new();
    let mut events = Vec::new();
    let mut nodes: Vec<Node> =
        run(async { vec![enrol(&place, &ledger, "acme").await, enrol(&place, &ledger, "other").await] });
    let mut seals = 0;
    for round in 0..rounds {
        if round % 9 == 5 {
            run(ledger.seal()).unwrap().unwrap();
            seals += 1;
        } else {
            let node = &mut nodes[round % 2];
            let count = 1 + rng.index(6);
            let size = [10, 300, 3000][rng.index(3)];
            let mut batch: Vec<Event> = (0..count).map(|_| node.note(&"x".repeat(size))).collect();
            if rng.one_in(4) {
                let bad = node.craft(Kind::Note, &serde_json::json!({"words": 1}), |_| ());
                node.advance(&bad);
                batch.push(bad);
            }
            let appended = run(append(&ledger, batch.clone())).unwrap();
            for (event, outcome) in batch.iter().zip(&appended.outcomes) {
                if let ledger::Outcome::Recorded(receipt) = outcome {
                    events.push((event.clone(), receipt.seq));
                }
            }
        }
        let size = ledger.head().borrow().size;
        acks.push(Ack { after: disk.recorded(), size, seals, rows: rows.copy() });
        place.clock.advance(1000);
        if rng.one_in(3) {
            // Time for ROOT.txt, which is written on the side.
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    }
    ledger.close(true);
    let ops = disk.take_record();
    let size = ledger.head().borrow().size;
    acks.push(Ack { after: ops.len(), size, seals: seals + 1, rows: rows.copy() });
    check_whole(&place);
    let leaves = place.leaves();
    Recording { start, ops, acks, leaves, events }
}

impl Recording {
    /// What had been acknowledged when `done` changes were made.
    fn acknowledged(&self, done: usize) -> Option<&Ack> {
        self.acks.iter().rev().find(|ack| ack.after <= done)
    }

    fn at(disk: &SimDisk, rows: Arc<TestRows>) -> Place {
        let place = Place::simulated(disk).with_rows(rows);
        place.clock.set(crate::support::START + 3_600_000);
        place
    }
}

/// The log agrees with what was acknowledged, and says once of all kept bytes of torn tails what they are.
/// Gives their number.
fn check_log(place: &Place, leaves: &[Hash], acknowledged: u64) -> usize {
    let records = place.records();
    let acknowledged = usize::try_from(acknowledged).unwrap();
    assert!(records.len() >= acknowledged);
    assert!(records.iter().zip(&leaves[..acknowledged]).all(|(record, leaf)| record.leaf == *leaf));
    let names = crate::support::now(place.storage.list("log")).unwrap();
    let kept: Vec<_> = names.iter().filter(|name| cut_place(name).is_some()).collect();
    let said: Vec<Recovery> = records
        .iter()
        .filter(|r| r.entry.header.kind == Kind::Recovery)
        .map(|r| serde_json::from_str(&r.payload.as_ref().unwrap().json).unwrap())
        .collect();
    for name in &kept {
        let (segment, offset) = cut_place(name).unwrap();
        let bytes = place.get(&format!("log/{name}")).unwrap();
        let of_this = |r: &&Recovery| {
            (r.segment, r.offset, r.bytes, r.hash)
                == (
                    Some(segment),
                    Some(offset),
                    Some(bytes.len() as u64),
                    Some(Hash::of(spec::Domain::CutTail, &[&bytes])),
                )
        };
        assert_eq!(said.iter().filter(of_this).count(), 1, "{name}: {said:?}");
    }
    kept.len()
}

/// Opens after a cut.
fn reopen(place: &Place, acknowledged: u64) -> (Ledger, OpenReport) {
    let (ledger, report) = run(place.try_open()).unwrap();
    assert!(report.size >= acknowledged, "{} entries, {acknowledged} were acknowledged", report.size);
    assert_eq!(report.cut_bytes > 0, report.cut_fault.is_some());
    (ledger, report)
}

#[test]
fn what_was_acknowledged_survives_any_cut() {
    let recording = record(25, 7);
    let Recording { ops, leaves, .. } = &recording;
    let names: BTreeSet<String> = ops
        .iter()
        .filter_map(|op| if let Op::Write(path, ..) = op { Some(path.clone()) } else { None })
        .collect();
    assert!(names.iter().filter(|n| n.starts_with("log/")).count() > 3, "several segments: {names:?}");
    assert!(names.contains("ROOT.txt.tmp") && names.contains("PROOFCHAIN.json.tmp"));
    let cuts_per_point = 2400 / ops.len() + 1;
    let mut image = recording.start.clone();
    let (mut cuts, mut torn, mut repaired) = (0, 0, 0);
    for done in 0..=ops.len() {
        for n in 0..cuts_per_point {
            let seed = (done * 1000 + n) as u64;
            let mut rng = Chance(seed);
            let mut after = image.clone();
            after.power_cut(&mut rng);
            let ack = recording.acknowledged(done);
            let rows = match ack {
                Some(ack) if rng.one_in(2) => ack.rows.copy(),
                _ => Arc::default(),
            };
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let disk = SimDisk::of(after);
                let place = Recording::at(&disk, rows);
                let acknowledged = ack.map_or(1, |ack| ack.size);
                let (ledger, report) = reopen(&place, acknowledged);
                let first = ledger.head().borrow().clone();
                ledger.close(false);
                let kept = check_log(&place, leaves, acknowledged);
                if n % 5 == 0 {
                    check_whole(&place);
                }
                if n % 10 == 0 {
                    // A second open finds nothing more to do.
                    let (ledger, report) = run(place.without_index().try_open()).unwrap();
                    assert_eq!((report.cut_bytes, report.repaired_seal), (0, false));
                    assert_eq!(ledger.head().borrow().checkpoint, first.checkpoint);
                    ledger.close(false);
                    assert_eq!(check_log(&place, leaves, acknowledged), kept);
                    check_whole(&place);
                }
                let chain = place
                    .get("PROOFCHAIN.json")
                    .map_or(0, |bytes| proofs::proofchain::ProofChain::parse(&bytes).unwrap().seals.len());
                assert!(chain >= ack.map_or(0, |ack| ack.seals));
                (kept, report.repaired_seal)
            }));
            match outcome {
                Ok((kept, row)) => {
                    torn += usize::from(kept > 0);
                    repaired += usize::from(row);
                }
                Err(panic) => {
                    eprintln!("power cut after {done} changes ({:?}), seed {seed}", ops.get(done));
                    std::panic::resume_unwind(panic);
                }
            }
            cuts += 1;
        }
        if let Some(op) = ops.get(done) {
            image.apply(op).unwrap();
        }
    }
    assert!(cuts >= 2000 && torn > 50 && repaired > 5, "{cuts} cuts, {torn} torn, {repaired} rows added");
}

#[test]
fn cuts_during_recovery_itself() {
    let recording = record(10, 11);
    let Recording { ops, leaves, .. } = &recording;
    let mut image = recording.start.clone();
    let (mut tried, mut orphans) = (0, 0);
    for (done, op) in ops.iter().enumerate() {
        let is_log = matches!(op, Op::Sync(path) if path.starts_with("log/"));
        if is_log {
            // Before this sync a group is written and not durable: a torn tail for some seeds.
            for n in 0..2 {
                let seed = (done * 10 + n) as u64;
                let mut rng = Chance(seed);
                let mut torn = image.clone();
                torn.power_cut(&mut rng);
                let acknowledged = recording.acknowledged(done).map_or(1, |ack| ack.size);
                // The open that recovers, recorded; then the power fails within it.
                let disk = SimDisk::of(torn.clone());
                let place = Recording::at(&disk, Arc::default());
                disk.record();
                reopen(&place, acknowledged).0.close(false);
                let recovery = disk.take_record();
                let step = recovery.len() / 4 + 1;
                let mut within = torn;
                for (i, repair) in recovery.iter().enumerate() {
                    within.apply(repair).unwrap();
                    if i % step != n {
                        continue;
                    }
                    let mut second = within.clone();
                    second.power_cut(&mut rng);
                    let disk = SimDisk::of(second);
                    let place = Recording::at(&disk, Arc::default());
                    let before = crate::support::now(place.storage.list("log")).unwrap();
                    // Printed only if the test fails.
                    println!("cut after {done} changes and {i} of recovery, seed {seed}");
                    reopen(&place, acknowledged).0.close(false);
                    tried += 1;
                    orphans += usize::from(before.iter().any(|name| cut_place(name).is_some()));
                    check_log(&place, leaves, acknowledged);
                    check_whole(&place);
                }
            }
        }
        image.apply(op).unwrap();
    }
    assert!(tried > 60 && orphans > 5, "{tried} cuts, {orphans} with kept bytes");
}

#[test]
fn resends_after_a_cut_are_known_or_new_but_never_twice() {
    let recording = record(20, 23);
    let mut image = recording.start.clone();
    for (done, op) in recording.ops.iter().enumerate() {
        image.apply(op).unwrap();
        if done % 11 != 3 {
            continue;
        }
        let mut after = image.clone();
        after.power_cut(&mut Chance(done as u64));
        let disk = SimDisk::of(after);
        let place = Recording::at(&disk, Arc::default());
        let acknowledged = recording.acknowledged(done + 1).map_or(1, |ack| ack.size);
        let (ledger, _) = reopen(&place, acknowledged);
        for (event, seq) in &recording.events {
            let appended = run(append(&ledger, vec![event.clone()])).unwrap();
            let code = codes(&appended)[0];
            if *seq < acknowledged {
                assert_eq!(all_recorded(&appended)[0].seq, *seq);
                assert_eq!(code, "again", "an acknowledged event");
            } else {
                // Chains whose introduction or refused links were lost cannot go on; all others do.
                let gone = [Code::UnknownKey.as_str(), Code::ChainGap.as_str()];
                assert!(matches!(code, "ok" | "again") || gone.contains(&code), "{code}");
            }
        }
        ledger.close(false);
        check_whole(&place);
    }
}

#[test]
fn a_cut_while_the_ledger_is_created() {
    let disk = SimDisk::new();
    let start = disk.record();
    let place = Place::simulated(&disk);
    run(place.create());
    let mut image = start;
    for op in disk.take_record() {
        for seed in 0..12 {
            let mut after = image.clone();
            after.power_cut(&mut Chance(seed));
            let place = Place::simulated(&SimDisk::of(after));
            // Either there is a ledger, or one can be made, or the damage to entry 0 is said aloud.
            match run(place.try_open()) {
                Ok((ledger, _)) => ledger.close(false),
                Err(OpenError::Empty) => run(async { place.start().await.close(false) }),
                Err(OpenError::Damaged(fault)) => {
                    assert!(place.get("ROOT.txt").is_none(), "{fault}");
                    continue;
                }
                Err(error) => panic!("{error}"),
            }
            check_whole(&place);
        }
        image.apply(&op).unwrap();
    }
}

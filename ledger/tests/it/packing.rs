//! Packing of closed segments: the log says the same before and after, through every power cut and fault.

use crate::sim_disk::{Form, SimDisk};
use crate::support::{Node, Place, append, check_whole, enrol, now, run};
use chance::Chance;
use ledger::Ledger;
use ledger::storage::{packed_first, segment_first};
use ledger::verify::{DiskSource, Options, Report, Verdict, verify_log};
use spec::Hash;

/// A ledger of several segments.
fn grown(disk: &SimDisk, rounds: usize) -> (Place, Ledger) {
    let place = Place::simulated(disk);
    run(place.create());
    let ledger = run(place.open());
    run(async {
        let mut nodes: Vec<Node> = Vec::new();
        for org in ["acme", "acme", "other"] {
            nodes.push(enrol(&place, &ledger, org).await);
        }
        for round in 0..rounds {
            let node = &mut nodes[round % 3];
            let batch = (0..=(round % 4)).map(|_| node.note(&"x".repeat(900))).collect();
            append(&ledger, batch).await.unwrap();
            if round % 7 == 6 {
                ledger.seal().await.unwrap();
            }
        }
    });
    (place, ledger)
}

async fn pack_all(ledger: &Ledger) -> usize {
    let mut packed = 0;
    while let Some((_, shrunk)) = ledger.pack_next().await.unwrap() {
        assert!(shrunk.plain > 0 && shrunk.packed > 0);
        packed += 1;
    }
    packed
}

fn names(place: &Place) -> (Vec<u64>, Vec<u64>) {
    let names = now(place.storage.list("log")).unwrap();
    let of = |first: fn(&str) -> Option<u64>| names.iter().filter_map(|name| first(name)).collect();
    (of(segment_first), of(packed_first))
}

fn verified(disk: &SimDisk) -> Report {
    let report = verify_log(&DiskSource(disk), &Options::default(), None, &mut |_| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    report
}

#[test]
fn a_packed_log_reads_as_it_did() {
    let disk = SimDisk::new();
    let (place, ledger) = grown(&disk, 200);
    let (segments, leaves) = (place.segments(), place.leaves());
    let reader = ledger.reader();
    let lines = |from: usize| -> Vec<String> {
        (from..leaves.len()).map(|seq| run(reader.line(seq as u64)).unwrap().unwrap().1).collect()
    };
    let before = lines(0);
    let whole = verified(&disk);
    assert!(segments.len() > 5 && leaves.len() > 300);
    assert_eq!(run(pack_all(&ledger)), segments.len() - 1);
    let (plain, packed) = names(&place);
    assert_eq!((plain.len(), packed.len()), (1, segments.len() - 1), "the newest stays as lines");
    assert_eq!(place.segments(), segments);
    assert_eq!(place.leaves(), leaves);
    assert_eq!(lines(0), before, "one by one");
    let mut records = Vec::new();
    let mut entries = reader.run(0, leaves.len() as u64);
    while let next = run(entries.next()).unwrap()
        && !next.is_empty()
    {
        records.extend(next.into_iter().map(|record| record.leaf));
    }
    assert_eq!(records, leaves, "in a run");
    let again = verified(&disk);
    assert_eq!((again.size, again.root), (whole.size, whole.root));
    ledger.close(true);
    check_whole(&place);
    // With the index and without it.
    run(place.open()).close(true);
    run(place.without_index().open()).close(true);
    check_whole(&place);
    // And back.
    for first in packed {
        assert!(now(place.storage.unpack(first)).unwrap());
        assert!(!now(place.storage.unpack(first)).unwrap());
    }
    let lines = place.segments();
    assert_eq!(lines[..segments.len() - 1], segments[..segments.len() - 1]);
    verified(&disk);
}

#[test]
fn a_log_whose_newest_segment_is_packed_goes_on() {
    let disk = SimDisk::new();
    let (place, ledger) = grown(&disk, 12);
    ledger.close(true);
    let (first, _) = *place
        .segments()
        .iter()
        .map(|(first, bytes)| (*first, bytes.len()))
        .collect::<Vec<_>>()
        .last()
        .unwrap();
    assert!(now(place.storage.pack(first, None)).unwrap().is_some());
    assert!(now(place.storage.pack(first, None)).unwrap().is_none(), "it is packed already");
    verified(&disk);
    let place = Place::simulated(&disk);
    let ledger = run(place.open());
    let node = run(enrol(&place, &ledger, "acme"));
    let mut node = node;
    run(append(&ledger, vec![node.note("on")])).unwrap();
    ledger.close(true);
    check_whole(&place);
    assert!(names(&place).0.contains(&first), "it is written to as lines");
}

/// Opens, holds the log against what it was, packs what is left, and verifies.
fn goes_on(disk: &SimDisk, leaves: &[Hash]) {
    verified(disk);
    let place = Place::simulated(disk);
    let ledger = run(place.open());
    assert_eq!(place.leaves()[..leaves.len()], *leaves);
    run(pack_all(&ledger));
    ledger.close(false);
    let (plain, packed) = names(&place);
    assert_eq!(plain.len(), 1, "{plain:?} {packed:?}");
    assert_eq!(place.leaves()[..leaves.len()], *leaves);
    check_whole(&place);
    verified(disk);
}

#[test]
fn a_power_cut_while_a_segment_is_packed_loses_nothing() {
    let disk = SimDisk::new();
    let (place, ledger) = grown(&disk, 14);
    ledger.close(true);
    let leaves = place.leaves();
    let place = Place::simulated(&disk);
    let ledger = run(place.open());
    let mut image = disk.record();
    assert!(run(pack_all(&ledger)) >= 3);
    let ops = disk.take_record();
    ledger.close(false);
    for done in 0..=ops.len() {
        for seed in 0..3 {
            println!("cut after {done} changes ({:?}), seed {seed}", ops.get(done));
            let mut after = image.clone();
            after.power_cut(&mut Chance((done * 10 + seed) as u64));
            goes_on(&SimDisk::of(after), &leaves);
        }
        if let Some(op) = ops.get(done) {
            image.apply(op).unwrap();
        }
    }
}

#[test]
fn a_fault_while_a_segment_is_packed_loses_nothing() {
    let base = SimDisk::new();
    let (place, ledger) = grown(&base, 8);
    ledger.close(true);
    let leaves = place.leaves();
    let mut failed = 0;
    for form in [Form::NotDone, Form::Done, Form::Half] {
        for n in 0.. {
            let disk = SimDisk::of(base.image());
            let (first, edge) = (0, None);
            let storage = Place::simulated(&disk).storage;
            disk.fail_after(n, form);
            let outcome = now(storage.pack(first, edge));
            let struck = disk.heal().is_some();
            assert!(struck || outcome.is_ok());
            failed += usize::from(outcome.is_err());
            println!("{form:?} at {n}");
            goes_on(&if n % 2 == 0 { disk } else { disk.power_cut(&mut Chance(n)) }, &leaves);
            if !struck {
                break;
            }
        }
    }
    assert!(failed >= 15, "{failed}");
}

#[test]
fn every_flip_in_a_packed_segment_is_found_and_placed() {
    let disk = SimDisk::new();
    let (place, ledger) = grown(&disk, 6);
    run(pack_all(&ledger));
    ledger.close(true);
    let file = ledger::storage::packed_name(names(&place).1[0]);
    let bytes = place.get(&file).unwrap();
    for at in (0..bytes.len()).step_by(41) {
        let flipped = SimDisk::of(disk.image());
        ledger::durable::Disk::write_at(&flipped, &file, at as u64, &[bytes[at] ^ 0x10]).unwrap();
        let report = verify_log(&DiskSource(&flipped), &Options::default(), None, &mut |_| {});
        assert_eq!(report.verdict, Verdict::Failed);
        let failure = &report.failures[0];
        assert_eq!(
            (failure.code, failure.file.as_deref()),
            ("packed", Some(&*file)),
            "byte {at}: {failure:?}"
        );
    }
}

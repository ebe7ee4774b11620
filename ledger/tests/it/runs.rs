//! Runs through the log give the entries that an auditor reads, or fewer; never others.

use crate::sim_disk::SimDisk;
use crate::support::{Place, TestRows, enrol, recorded, run};
use chance::Chance;
use ledger::Ledger;
use ledger::durable::Disk as _;
use ledger::index::{Rows as _, Space};
use ledger::reader::ReadError;
use ledger::storage::segment_name;
use spec::{Commit, Record};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a run from an entry to another gives, and the error it ends with.
async fn entries(ledger: &Ledger, from: u64, to: u64) -> (Vec<Record>, Option<ReadError>) {
    let (mut all, mut run) = (Vec::new(), ledger.reader().run(from, to));
    loop {
        match run.next().await {
            Ok(records) if records.is_empty() => return (all, None),
            Ok(records) => all.extend(records),
            Err(error) => return (all, Some(error)),
        }
    }
}

/// A run gives what the strict reading of the log gives: from its beginning, and between any two entries.
pub(crate) async fn check_runs(place: &Place, ledger: &Ledger) {
    let strict = place.records();
    let mut rng = Chance(strict.len() as u64);
    for n in 0..4 {
        let from = if n == 0 { 0 } else { rng.index(strict.len()) };
        let to = if n == 0 { strict.len() } else { from + rng.index(strict.len() - from + 1) };
        let (found, error) = entries(ledger, from as u64, to as u64).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found, strict[from..to], "{from} to {to}");
    }
    check_extended(&strict, ledger, &mut rng).await;
}

/// A run whose end moves on, also from inside a group, gives the same as one from end to end.
async fn check_extended(strict: &[Record], ledger: &Ledger, rng: &mut Chance) {
    let (mut all, mut to) = (Vec::new(), 0);
    let mut run = ledger.reader().run(0, 0);
    while to < strict.len() {
        to = (to + 1 + rng.index(3)).min(strict.len());
        run.extend(to as u64);
        loop {
            let records = run.next().await.unwrap();
            if records.is_empty() {
                break;
            }
            all.extend(records);
        }
        assert_eq!(all, strict[..to], "extended to {to}");
    }
}

/// A ledger of a few entries over several segments, with its index.
async fn small(rows: &Arc<TestRows>) -> (SimDisk, Place, Ledger) {
    let disk = SimDisk::new();
    let place = Place::simulated(&disk).with_rows(rows.clone());
    let ledger = place.start().await;
    let mut node = enrol(&place, &ledger, "acme").await;
    for text in ["short", &"long".repeat(1200), "the last"] {
        recorded(&ledger, node.note(text)).await;
    }
    // Closing waits for the index.
    ledger.close(false);
    let ledger = place.open().await;
    (disk, place, ledger)
}

/// Whether a place in a segment belongs to a commit line.
fn in_a_commit_line(segment: &[u8], at: usize) -> bool {
    let start = segment[..at].iter().rposition(|b| *b == b'\n').map_or(0, |lf| lf + 1);
    Commit::looks_like(&segment[start..])
}

#[test]
fn no_changed_byte_of_the_log_changes_an_entry() {
    run(async {
        let rows = Arc::new(TestRows::default());
        let (disk, place, ledger) = small(&rows).await;
        let (strict, segments) = (place.records(), place.segments());
        assert!(segments.len() > 1);
        let mut unseen = 0;
        for (first, bytes) in &segments {
            let file = segment_name(*first);
            for (at, byte) in bytes.iter().enumerate() {
                // With the index, and without.
                rows.reads_fail.store(at % 2 == 1, Ordering::SeqCst);
                disk.write_at(&file, at as u64, &[byte ^ (1 << (at / 2 % 8))]).unwrap();
                let (found, error) = entries(&ledger, 0, strict.len() as u64).await;
                assert!(strict.starts_with(&found), "byte {at} of {file}");
                if found.len() == strict.len() {
                    assert!(error.is_none() && in_a_commit_line(bytes, at), "byte {at} of {file}");
                    unseen += 1;
                }
                disk.write_at(&file, at as u64, &[*byte]).unwrap();
            }
        }
        // Roots in commit lines: they say nothing of what the entries are.
        assert!(unseen > 0);
        rows.reads_fail.store(false, Ordering::SeqCst);
        check_runs(&place, &ledger).await;
        ledger.close(false);
    });
}

#[test]
fn an_index_that_points_elsewhere_costs_speed_only() {
    run(async {
        let rows = Arc::new(TestRows::default());
        let (_, place, ledger) = small(&rows).await;
        // The last byte of each group's offset.
        for (key, mut value) in rows.range(Space::Groups, &[0; 8], &[0xff; 8], 1000, false).unwrap() {
            value[15] ^= 5;
            rows.write(vec![(Space::Groups, key, value)]).unwrap();
        }
        let strict = place.records();
        for from in 0..strict.len() {
            let (found, error) = entries(&ledger, from as u64, strict.len() as u64).await;
            assert!(error.is_none(), "{error:?}");
            assert_eq!(found, strict[from..], "from {from}");
        }
        ledger.close(false);
    });
}

//! The past: whatever way leads to a size, the folds there are the same.

use crate::entries::{START, name};
use crate::live::{beat, beats, seal, start};
use ledger::Ledger;
use projections::Projections;
use serving::history::{History, PastError, Point};
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use spec::Timestamp;
use std::sync::Arc;

/// The folds over the first `size` entries, from the log alone.
async fn from_nothing(ledger: &Ledger, size: u64) -> Projections {
    let mut folds = Projections::default();
    let mut run = ledger.reader().run(0, size);
    loop {
        let records = run.next().await.unwrap();
        if records.is_empty() {
            assert_eq!(folds.size(), size);
            return folds;
        }
        for record in &records {
            folds.apply(record).unwrap();
        }
    }
}

const SPACING: Spacing = Spacing { step: 8, budget_bytes: 1 << 20 };

#[tokio::test]
async fn every_past_is_reached_from_the_rungs_and_a_start_from_the_last() {
    let live = Live::new();
    let ledger = start(Arc::clone(&live)).await;
    for n in 0..45 {
        beat(&ledger, n % 7).await;
        if n % 20 == 10 {
            seal(&ledger).await;
        }
    }
    let head = ledger.head().borrow().clone();
    let ladder = Arc::new(Ladder::open(ledger.reader(), SPACING).unwrap());
    live.reach(ledger.reader(), &ladder, &head).await.unwrap();
    let sizes = |ladder: &Ladder| ladder.rungs().into_iter().map(|(size, _)| size).collect::<Vec<_>>();
    assert_eq!(sizes(&ladder), [8, 16, 24, 32, 40, 48]);

    // A later start finds the rungs again, and folds only what came after the last.
    let again = Arc::new(Ladder::open(ledger.reader(), SPACING).unwrap());
    assert_eq!(sizes(&again), sizes(&ladder));
    let rung = again.below(head.size, ledger.reader()).await.unwrap().unwrap();
    assert_eq!((rung.size(), rung.digests()), (48, from_nothing(&ledger, 48).await.digests()));

    let history = Arc::new(History::new(ledger.reader().clone(), again));
    let now = Timestamp::from_millis(START + 1000);
    let at = |point| history.at(point, head.size, head.recorded_at, now);
    for seq in (0..head.size).rev().chain([3, 40, 4]) {
        let past = at(Point::Seq(seq)).await.unwrap();
        let expected = from_nothing(&ledger, seq + 1).await;
        assert_eq!(past.folds.digests(), expected.digests(), "{seq}");
        assert_eq!(past.folds.snapshot(), expected.snapshot(), "{seq}");
        assert_eq!(past.now, expected.last_recorded());
    }
    // The clock of this ledger stands still: all of it was recorded at its beginning.
    assert_eq!(at(Point::Time(Timestamp::from_millis(START - 1))).await.unwrap().folds.size(), 0);
    let late = at(Point::Time(now)).await.unwrap();
    assert_eq!((late.folds.size(), late.now), (head.size, now));
    for ahead in [Point::Seq(head.size), Point::Time(Timestamp::from_millis(START + 1001))] {
        assert!(matches!(at(ahead).await, Err(PastError::Future { .. })), "{ahead:?}");
    }
    ledger.close(false);
}

#[tokio::test]
async fn a_past_may_end_inside_a_group() {
    let ledger = start(Live::new()).await;
    for first in [0, 10] {
        beats(&ledger, first..first + 10).await;
    }
    let head = ledger.head().borrow().clone();
    let ladder = Arc::new(Ladder::open(ledger.reader(), SPACING).unwrap());
    for seq in 0..head.size {
        let history = Arc::new(History::new(ledger.reader().clone(), Arc::clone(&ladder)));
        let now = Timestamp::from_millis(START);
        let past = history.at(Point::Seq(seq), head.size, head.recorded_at, now).await.unwrap();
        assert_eq!(past.folds.size(), seq + 1);
    }
    ledger.close(false);
}

#[tokio::test]
async fn a_rung_of_another_log_or_a_damaged_one_is_not_used() {
    let ledger = start(Live::new()).await;
    let other = start(Live::new()).await;
    for n in 0..20 {
        beat(&ledger, n).await;
        beat(&other, n).await;
    }
    let shelf = ledger.reader().shelf().unwrap();
    shelf.put(8, &from_nothing(&ledger, 8).await.snapshot()).unwrap();
    shelf.put(16, &from_nothing(&other, 16).await.snapshot()).unwrap();
    shelf.put(18, b"{\"versions\":{}}").unwrap();
    // Says another size than it has.
    shelf.put(20, &from_nothing(&ledger, 8).await.snapshot()).unwrap();
    let ladder = Ladder::open(ledger.reader(), SPACING).unwrap();
    let found = ladder.below(21, ledger.reader()).await.unwrap();
    assert_eq!(found.map(|folds| folds.size()), Some(8));
    assert!(ladder.below(7, ledger.reader()).await.unwrap().is_none());
    let live = Live::new();
    let head = ledger.head().borrow().clone();
    live.reach(ledger.reader(), &ladder, &head).await.unwrap();
    assert_eq!(live.with(Projections::digests), from_nothing(&ledger, 21).await.digests());
    assert_eq!(live.with(|folds| folds.fleet().nodes(&name("acme")).count()), 20);
    ledger.close(false);
    other.close(false);
}

#[test]
fn points_are_seqs_or_times() {
    assert_eq!("12".parse(), Ok(Point::Seq(12)));
    assert_eq!("seq:12".parse(), Ok(Point::Seq(12)));
    assert_eq!("2026-11-21T20:42:00.123Z".parse(), Ok(Point::Time(Timestamp::from_millis(START))));
    for wrong in ["", "-1", "yesterday", "2026-11-21"] {
        assert!(wrong.parse::<Point>().is_err(), "{wrong}");
    }
}

//! Ways to be wrong about the time, at a start and while running: each ends as it is written down in `ledger::clock`,
//! and the right clock goes on afterwards.

use crate::support::{Place, START, admin, check_whole, recorded, run};
use ledger::AppendError;
use ledger::clock::ClockError;
use ledger::open::{OpenError, Options, open};
use serde_json::json;
use spec::Kind;
use spec::payload::{Recovery, RecoveryAction};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
const YEAR: i64 = 365 * DAY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is opened, or goes on.
    Goes,
    /// It is refused or stops: the clock is behind.
    Behind,
    /// It is refused or stops: the clock is ahead.
    Ahead,
}

/// How far the clock is from the last entry at a start, and what becomes of it.
const AT_START: [(i64, End); 17] = [
    (-50 * YEAR, End::Behind),
    (-YEAR, End::Behind),
    (-DAY, End::Behind),
    (-60 * MINUTE, End::Behind),
    (-20 * MINUTE, End::Behind),
    (-5 * MINUTE - 1, End::Behind),
    (-5 * MINUTE, End::Goes),
    (-MINUTE, End::Goes),
    (0, End::Goes),
    (20 * MINUTE, End::Goes),
    (DAY, End::Goes),
    (7 * DAY, End::Goes),
    (7 * DAY + 1, End::Ahead),
    (30 * DAY, End::Ahead),
    (YEAR, End::Ahead),
    (10 * YEAR, End::Ahead),
    (200 * YEAR, End::Ahead),
];

/// How far it jumps while the ledger runs.
const WHILE_RUNNING: [(i64, End); 7] = [
    (-YEAR, End::Behind),
    (-5 * MINUTE - 1, End::Behind),
    (-5 * MINUTE, End::Goes),
    (-SECOND, End::Goes),
    (MINUTE, End::Goes),
    (MINUTE + 1, End::Ahead),
    (10 * YEAR, End::Ahead),
];

fn moved(millis: i64) -> u64 {
    START.saturating_add_signed(millis)
}

/// A ledger with one note, recorded at the start.
async fn made() -> Place {
    let place = Place::memory();
    let ledger = place.start().await;
    recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "right"}))).await;
    ledger.close(true);
    place
}

async fn opened(place: &Place, accept_clock: bool) -> End {
    match open(Options { accept_clock, ..place.options() }).await {
        Ok((ledger, _)) => {
            ledger.close(true);
            End::Goes
        }
        Err(OpenError::Clock(ClockError::Behind { .. })) => End::Behind,
        Err(OpenError::Clock(ClockError::Far { .. })) => End::Ahead,
        Err(other) => panic!("{other}"),
    }
}

/// What the log says of clocks that somebody vouched for.
fn accepted(place: &Place) -> Vec<Recovery> {
    let records = place.records().into_iter().filter(|record| record.entry.header.kind == Kind::Recovery);
    records.map(|record| serde_json::from_str(&record.payload.unwrap().json).unwrap()).collect()
}

#[test]
fn a_start_with_a_wrong_clock_writes_nothing() {
    run(async {
        for (off, end) in AT_START {
            let place = made().await;
            let before = place.records().len();
            place.clock.set(moved(off));
            assert_eq!(opened(&place, false).await, end, "{off} ms");
            if end == End::Goes {
                continue;
            }
            assert_eq!(place.records().len(), before, "{off} ms");
            // Set right, it goes on as if nothing had been.
            place.clock.set(moved(MINUTE));
            let ledger = place.open().await;
            let note = recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "on"}))).await;
            assert_eq!(note.recorded_at.millis(), moved(MINUTE));
            ledger.close(true);
            check_whole(&place);
        }
    });
}

#[test]
fn a_clock_far_ahead_is_believed_on_record_and_one_behind_never() {
    run(async {
        for (off, end) in AT_START {
            let place = made().await;
            let last = place.records().last().unwrap().entry.position.recorded_at;
            place.clock.set(moved(off));
            let behind = end == End::Behind;
            assert_eq!(opened(&place, true).await, if behind { End::Behind } else { End::Goes }, "{off} ms");
            let said: Vec<Recovery> = (end == End::Ahead)
                .then(|| Recovery { last: Some(last), ..Recovery::plain(RecoveryAction::AcceptClock) })
                .into_iter()
                .collect();
            assert_eq!(accepted(&place), said, "{off} ms");
            check_whole(&place);
        }
    });
}

#[test]
fn a_clock_that_jumps_while_running_stops_the_ledger() {
    run(async {
        for (off, end) in WHILE_RUNNING {
            let place = made().await;
            let ledger = place.open().await;
            recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "before"}))).await;
            place.clock.set(moved(off));
            let note = admin(&ledger, "acme", Kind::Note, json!({"text": "after"}));
            let answer = ledger.append_own(vec![note], ledger::AppendOptions::default()).await;
            assert_eq!(answer.is_ok(), end == End::Goes, "{off} ms");
            if let Err(error) = answer {
                assert!(matches!(error, AppendError::Poisoned(_)), "{error}");
                let said = error.to_string();
                let expected = if end == End::Ahead { "jumped" } else { "last entry was recorded" };
                assert!(said.contains(expected), "{said}");
            }
            ledger.close(true);
            place.clock.set(moved(MINUTE));
            let ledger = place.open().await;
            recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "set right"}))).await;
            ledger.close(true);
            check_whole(&place);
        }
    });
}

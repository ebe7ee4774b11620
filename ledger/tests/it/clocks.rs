//! Ways to be wrong about the time, at a start and while running: each ends as it is written down in `ledger::clock`,
//! and the right clock goes on afterwards.

use crate::support::{Place, START, admin, check_whole, enrol, key, random, recorded, recovery_keys, run};
use ledger::AppendError;
use ledger::clock::ClockError;
use ledger::open::{OpenError, Options, open};
use ledger::reader::Query;
use ledger::set_back::SetBackError;
use serde_json::json;
use spec::Kind;
use spec::payload::{Clock, Recovery, RecoveryAction};

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
                let said = std::error::Error::source(&error).unwrap().to_string();
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

/// How far a clock was ahead while entries were recorded that its right time lies before.
const SET_BACK: [i64; 6] = [7 * MINUTE, 20 * MINUTE, DAY, YEAR, 10 * YEAR, 200 * YEAR];

/// A ledger with entries of a clock that was ahead, and then set right.
async fn ahead_by(off: i64) -> Place {
    let place = made().await;
    place.clock.set(moved(off));
    let ledger = open(Options { accept_clock: true, ..place.options() }).await.unwrap().0;
    recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "ahead"}))).await;
    ledger.close(true);
    place.clock.set(moved(MINUTE));
    place
}

/// What the log says of clocks that were set back.
fn set_back(place: &Place) -> Vec<(u64, Clock)> {
    let records = place.records().into_iter().filter(|record| record.entry.header.kind == Kind::Clock);
    let said = |record: &spec::Record| serde_json::from_str(&record.payload.as_ref().unwrap().json).unwrap();
    records.map(|record| (record.entry.position.seq, said(&record))).collect()
}

#[test]
fn a_time_that_is_still_to_come_has_a_way_out() {
    run(async {
        for off in SET_BACK {
            let place = ahead_by(off).await;
            let first_ahead = place
                .records()
                .iter()
                .find(|record| record.entry.position.recorded_at.millis() > moved(MINUTE))
                .map(|record| record.entry.position.seq);
            let refused = place.try_open().await.unwrap_err();
            assert!(matches!(refused, OpenError::Clock(ClockError::Behind { .. })), "{refused}");
            assert!(refused.to_string().contains("ledger clock set-back --recovery-key"), "{refused}");
            let options = Options { set_back: Some(recovery_keys()), ..place.options() };
            let (ledger, report) = open(options).await.unwrap();
            let set = report.set_back.unwrap();
            assert_eq!(
                (Some(set.said.since), set.said.time.millis()),
                (first_ahead, moved(MINUTE)),
                "{off} ms"
            );
            let note = recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "on"}))).await;
            assert_eq!(note.recorded_at.millis(), moved(MINUTE));
            ledger.close(true);
            assert_eq!(set_back(&place), [(set.seq, *set.said)]);
            let report = check_whole(&place);
            assert!(report.findings.iter().any(|finding| finding.code == "clock-set"));
            // It is opened as any other from then on, with its index or without.
            place.open().await.close(true);
            let rows = std::sync::Arc::new(ledger::index::MemoryRows::default());
            let fresh = Place { rows, ..place.clone() };
            fresh.open().await.close(true);
            check_whole(&place);
        }
    });
}

#[test]
fn the_clock_is_set_back_under_the_recovery_keys_alone_and_only_where_it_is_ahead() {
    run(async {
        let place = ahead_by(YEAR).await;
        let before = place.records().len();
        let with = |keys: Vec<proofs::SigningKey>| open(Options { set_back: Some(keys), ..place.options() });
        let ours = recovery_keys();
        for (keys, of_ours) in [
            (vec![], 0),
            (vec![key(98), key(99)], 0),
            (vec![ours[0].clone()], 1),
            (vec![ours[0].clone(), ours[0].clone(), key(99)], 1),
        ] {
            let error = with(keys).await.unwrap_err();
            let OpenError::SetBack(SetBackError::Keys { threshold, given }) = error else {
                panic!("{error}")
            };
            assert_eq!((threshold, given), (2, of_ours));
        }
        assert_eq!(place.records().len(), before);
        place.clock.set(moved(YEAR + MINUTE));
        let error = with(recovery_keys()).await.unwrap_err();
        assert!(matches!(error, OpenError::SetBack(SetBackError::NotAhead { .. })), "{error}");
        assert_eq!(place.records().len(), before);
        check_whole(&place);
    });
}

#[test]
fn a_ledger_that_began_with_a_wrong_clock_is_set_back_to_before_its_beginning() {
    run(async {
        let place = made().await;
        place.clock.set(moved(-YEAR));
        let options = Options { set_back: Some(recovery_keys()), ..place.options() };
        let (ledger, report) = open(options).await.unwrap();
        assert_eq!(report.set_back.unwrap().said.since, 0);
        ledger.close(true);
        check_whole(&place);
        // And once more, now that it was a year too much.
        place.clock.set(moved(MINUTE));
        let ledger = open(Options { accept_clock: true, ..place.options() }).await.unwrap().0;
        ledger.close(true);
        check_whole(&place);
    });
}

#[test]
fn entries_are_found_by_time_on_both_sides_of_a_clock_that_was_set_back() {
    run(async {
        let place = ahead_by(DAY).await;
        let options = Options { set_back: Some(recovery_keys()), ..place.options() };
        let ledger = open(options).await.unwrap().0;
        place.clock.advance(60_000);
        recorded(&ledger, admin(&ledger, "acme", Kind::Note, json!({"text": "right again"}))).await;
        ledger.close(true);
        let ledger = place.open().await;
        let texts = async |since: Option<i64>, until: Option<i64>| {
            let at = |millis: Option<i64>| millis.map(|m| spec::Timestamp::from_millis(moved(m)));
            let to = ledger.head().borrow().size;
            let (since, until, kinds) = (at(since), at(until), vec![Kind::Note]);
            let query = Query { since, until, kinds, to, limit: 100, ..Query::default() };
            let page = ledger.reader().query(&query).await.unwrap();
            let text = |record: spec::Record| record.payload.unwrap().json.to_string();
            page.records.into_iter().map(text).collect::<Vec<_>>()
        };
        let all = [r#"{"text":"right"}"#, r#"{"text":"ahead"}"#, r#"{"text":"right again"}"#];
        assert_eq!(texts(None, None).await, all);
        assert_eq!(texts(None, Some(3 * MINUTE)).await, [all[0], all[2]]);
        assert_eq!(texts(Some(MINUTE), Some(3 * MINUTE)).await, [all[2]]);
        assert_eq!(texts(Some(DAY), None).await, [all[1]]);
        assert_eq!(texts(None, Some(MINUTE)).await, [all[0]]);
        ledger.close(true);
    });
}

/// Nodes whose heartbeats say other times than the ledger's.
async fn nodes_that_lie_behind(place: &Place, behind: &[i64]) {
    let ledger = place.open().await;
    for behind in behind {
        let mut node = enrol(place, &ledger, "acme").await;
        for late in [0, 20 * DAY] {
            let said = moved(-behind - late);
            let payload = json!({
                "cloudflare_ok": true, "hostname": "n", "node_id": node.id, "os_profile": "ArchVault",
                "services_ok": true, "timestamp": "2026-11-21T20:42:00Z", "vaultmesh_root": "/",
            });
            let beat = node.craft(Kind::Heartbeat, &payload, |header| {
                header.ts = spec::Timestamp::from_millis(said);
                header.id = spec::Uuid::v7(header.ts, random());
            });
            node.advance(&beat);
            recorded(&ledger, beat).await;
        }
    }
    ledger.close(true);
}

#[test]
fn a_start_asks_what_the_nodes_hold_the_time_to_be() {
    run(async {
        let cases: [(&[i64], Option<i64>, End); 7] = [
            (&[0, 0], None, End::Goes),
            (&[30 * DAY, 30 * DAY], None, End::Goes),
            (&[0, 30 * DAY, 30 * DAY], Some(0), End::Goes),
            (&[-MINUTE, 2 * MINUTE, 30 * DAY], Some(-MINUTE), End::Goes),
            (&[20 * MINUTE, 30 * MINUTE, 25 * MINUTE], Some(20 * MINUTE), End::Goes),
            (&[7 * DAY, 8 * DAY, 9 * DAY, 9 * DAY], Some(7 * DAY), End::Goes),
            (&[7 * DAY + 1, 8 * DAY, 9 * DAY], Some(7 * DAY + 1), End::Ahead),
        ];
        for (behind, nearest, end) in cases {
            let place = made().await;
            nodes_that_lie_behind(&place, behind).await;
            let before = place.records().len();
            let opened = place.try_open().await;
            if end == End::Ahead {
                let error = opened.unwrap_err();
                let OpenError::Clock(ClockError::FarFromNodes { nodes, days, .. }) = error else {
                    panic!("{error}")
                };
                assert_eq!((nodes, days, place.records().len()), (behind.len(), 7, before));
                let accepting = Options { accept_clock: true, ..place.options() };
                open(accepting).await.unwrap().0.close(true);
                assert_eq!(accepted(&place).len(), 1);
            } else {
                let (ledger, report) = opened.unwrap();
                ledger.close(true);
                let said = report.nodes_clock;
                assert_eq!(
                    said.map(|said| (said.nodes, said.behind_ms)),
                    nearest.map(|ms| (behind.len(), ms))
                );
                assert_eq!(said.is_some_and(|said| said.is_off()), nearest.is_some_and(|ms| ms > 5 * MINUTE));
                assert_eq!(accepted(&place), []);
            }
            check_whole(&place);
        }
    });
}

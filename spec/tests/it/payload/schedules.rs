//! Payloads of schedules, and what follows from them.

use super::{hash, maybe, name, round_trip, text, uuid};
use crate::history::at;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use spec::payload::{
    CatchUp, Outside, Plan, RunOutcome, RunReason, Schedule, ScheduleRun, When, order_id, order_seed,
};
use spec::window::{ClockTime, Weekday, Window, open_until};
use spec::{Hash, Kind, Timestamp, Uuid};

const DAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

pub(crate) fn windows() -> impl Strategy<Value = Window> {
    (btree_set(select(DAYS.to_vec()), 1..4), 1..=10_080u64, 0..24u64, 0..60u64).prop_map(
        |(days, minutes, hour, minute)| {
            let start: ClockTime = format!("{hour:02}:{minute:02}").parse().unwrap();
            Window { days: days.into_iter().collect(), minutes, start }
        },
    )
}

fn when() -> impl Strategy<Value = When> {
    let cron = select(vec!["* * * * *", "*/7 3 1,15 * *", "0 0 * jan-mar MON", "5 4 29 2 *"]);
    prop_oneof![
        cron.prop_map(|text| When { cron: text.parse().ok(), every_secs: None, start: None }),
        (1..=31_622_400u64, 0..1_000_000_000u64).prop_map(|(secs, start)| When {
            cron: None,
            every_secs: Some(secs),
            start: Some(at(start)),
        }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let what = (name(), uuid(), 0..=86_400u64, text(), maybe(text()), btree_map(name(), text(), 0..4));
    let selector = select(vec!["", "env=prod", "!old, zone in (a,b)"]);
    let rest = (selector, 1..=2_592_000u64, when(), vec(windows(), 0..4), any::<bool>(), any::<bool>());
    (what, rest).prop_map(|(what, (selector, ttl_secs, when, windows, waits, once))| {
        let (command, id, jitter_secs, name, os_profile, parameters) = what;
        let outside = if waits { Outside::Wait } else { Outside::Skip };
        Plan {
            catch_up: if once { CatchUp::Once } else { CatchUp::Skip },
            command,
            id,
            jitter_secs,
            name: format!("-{name}"),
            os_profile,
            outside: (!windows.is_empty()).then_some(outside),
            parameters,
            selector: selector.to_owned(),
            ttl_secs,
            when,
            windows,
        }
    })
}

fn run() -> impl Strategy<Value = ScheduleRun> {
    let reason = select(vec![
        None,
        Some(RunReason::Late),
        Some(RunReason::NoNodes),
        Some(RunReason::TooManyNodes),
        Some(RunReason::Window),
    ]);
    (reason, btree_set(uuid(), 1..5), 1..=10_000u64, 0..1_000_000_000u64, hash()).prop_map(
        |(reason, nodes, count, due, schedule)| {
            let count = if reason.is_none() { 1 } else { count };
            let outcome = match reason {
                None => RunOutcome::Started,
                Some(RunReason::Late) => RunOutcome::Missed,
                Some(_) => RunOutcome::Skipped,
            };
            ScheduleRun {
                at: at(due + 20_000),
                count,
                due: at(due + 10_000),
                first: if count == 1 { at(due + 10_000) } else { at(due) },
                nodes: if reason.is_none() { nodes.into_iter().collect() } else { Vec::new() },
                outcome,
                reason,
                schedule,
            }
        },
    )
}

proptest! {
    #[test]
    fn schedules(plan in plan(), id in uuid()) {
        round_trip(&Kind::Schedule, &Schedule::Set(Box::new(plan)))?;
        round_trip(&Kind::Schedule, &Schedule::Remove { id })?;
    }

    #[test]
    fn decisions(run in run()) {
        round_trip(&Kind::ScheduleRun, &run)?;
    }

    /// Beginnings are within the jitter, and nothing outlasts its window.
    #[test]
    fn what_nodes_may_begin_is_begun_within_the_window(plan in plan(), ms in 0..2_000_000_000u64, seed in hash()) {
        let now = at(ms);
        let (from, to) = plan.span(now, &seed);
        prop_assert!(now <= from && from < to);
        prop_assert!(from.millis() - now.millis() <= plan.jitter_secs * 1000);
        prop_assert!(to.millis() - from.millis() <= plan.ttl_secs * 1000);
        if let Some(closes) = open_until(&plan.windows, now) {
            prop_assert!(to <= closes);
            prop_assert!((from.millis() - now.millis()) * 2 <= closes.millis() - now.millis());
        } else {
            prop_assert_eq!(to.millis() - from.millis(), plan.ttl_secs * 1000);
        }
    }

    /// The next time of an interval is the first of its times that is later.
    #[test]
    fn intervals_do_not_drift(every in 1..100_000u64, start in 0..10_000_000_000u64, after in 0..20_000_000_000u64) {
        let when = When { cron: None, every_secs: Some(every), start: Some(at(start)) };
        let next = when.next(at(after)).unwrap();
        prop_assert!(next > at(after));
        prop_assert!(next >= at(start) && (next.millis() - at(start).millis()).is_multiple_of(every * 1000));
        let before = next.millis() - every * 1000;
        prop_assert!(next == at(start) || before <= at(after).millis());
    }
}

#[test]
fn a_decision_has_one_id_and_its_orders_have_their_own() {
    let run = |due: u64, late: u64| ScheduleRun {
        at: at(due + late),
        count: 1,
        due: at(due),
        first: at(due),
        nodes: Vec::new(),
        outcome: RunOutcome::Missed,
        reason: Some(RunReason::Late),
        schedule: Hash([7; 32]),
    };
    let id = run(1000, 5).id();
    assert_eq!((id, id.time()), (run(1000, 60_000).id(), Some(at(1000))), "whenever it is decided");
    assert_ne!(id, run(1001, 4).id());
    // Admission takes no id that is older than this.
    let day = 86_400_000;
    assert_eq!(run(1000, 60 * day).id().time(), Some(at(1000)));
    assert_eq!(run(1000, 60 * day + 1).id().time(), Some(at(1001 + 60 * day)));
    let nodes = [Uuid::v4([1; 16]), Uuid::v4([2; 16])];
    let seeds = nodes.map(|node| order_seed(&Hash([1; 32]), node));
    assert_ne!(seeds[0], seeds[1]);
    assert_ne!(seeds[0], order_seed(&Hash([2; 32]), nodes[0]));
    let id = order_id(at(5), &seeds[0]);
    assert_eq!((id.version(), id.time()), (7, Some(at(5))));
    assert_ne!(id, order_id(at(5), &seeds[1]));
    assert_eq!(When { cron: None, every_secs: Some(1), start: Some(at(0)) }.next(Timestamp::MAX), None);
}

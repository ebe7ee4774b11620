//! Schedules: what is due, what is to become of it, and which commands are still to be given.

use crate::entries::{Fact, at, entry, folded, log, name, node, said, saying, scheduled, user};
use crate::fleet::fold;
use projections::Projections;
use projections::schedules::{Due, LATE_MS, MAX_RUNS, ScheduleStanding};
use proptest::prelude::*;
use serde_json::{Value, json};
use spec::limits::MAX_SCHEDULES;
use spec::payload::{MAX_RUN_COUNT, RunOutcome, RunReason, order_id, order_seed};
use spec::window::open_until;
use spec::{Author, Hash, Kind, Record, Timestamp, Uuid};

pub(crate) fn id(n: u8) -> Uuid {
    Uuid::v4([n; 16])
}

fn planned(n: u8, when: Value) -> Value {
    json!({
        "action": "set", "catch_up": "skip", "command": "scan", "id": id(n), "jitter_secs": 0, "name": "s",
        "parameters": {}, "selector": "", "ttl_secs": 600, "when": when,
    })
}

/// A schedule that is set by a person.
pub(crate) fn plan(org: &'static str, n: u8, when: Value) -> Fact {
    said(user(1), Kind::Schedule, org, None, planned(n, when))
}

pub(crate) fn removed(org: &'static str, n: u8) -> Fact {
    said(user(1), Kind::Schedule, org, None, json!({"action": "remove", "id": id(n)}))
}

/// What the scheduler decides about a time, of the schedule that was set as the nth of the log.
pub(crate) fn run(org: &'static str, n: u8, nth: usize, due: u64, reason: Option<&str>) -> Fact {
    let mut payload =
        json!({"at": at(due), "count": 1, "due": at(due), "first": at(due), "outcome": "started"});
    match reason {
        None => payload["nodes"] = json!([node(1), node(2)]),
        Some(reason) => {
            let outcome = if reason == "late" { "missed" } else { "skipped" };
            (payload["outcome"], payload["reason"]) = (json!(outcome), json!(reason));
        }
    }
    let scheduler = Author::Service(name("scheduler"));
    let mut saying = saying(scheduler, Kind::ScheduleRun, org, None, payload);
    (saying.scheduled, saying.names) = (Some(id(n)), Some(("schedule", nth)));
    Fact::Said(Box::new(saying))
}

fn every(secs: u64) -> Value {
    json!({"every_secs": secs, "start": at(0)})
}

fn first(folds: &Projections) -> &ScheduleStanding {
    folds.schedules().of(&name("acme")).next().unwrap()
}

/// A schedule as it stands after it was set so many seconds after the beginning.
fn set(secs: u64, payload: Value) -> ScheduleStanding {
    let records = log(&[(secs, said(user(1), Kind::Schedule, "acme", None, payload))]);
    first(&folded(&records)).clone()
}

#[test]
fn a_schedule_stands_until_it_is_removed() {
    let folds = fold(&[plan("acme", 1, every(60)), plan("beta", 1, every(60)), plan("acme", 2, every(60))]);
    assert_eq!(folds.schedules().iter().count(), 3);
    assert_eq!(folds.schedules().schedule(&name("acme"), id(1)).unwrap().next, Some(at(60)));
    assert_eq!(folds.schedules().schedule(&name("acme"), id(3)), None);
    let folds = fold(&[plan("acme", 1, every(60)), removed("beta", 1), removed("acme", 1)]);
    assert_eq!(folds.schedules().iter().count(), 0);
    // Set anew, it is another: nothing that was due before is.
    let anew = [plan("acme", 1, every(60)), run("acme", 1, 0, 60, None), plan("acme", 1, every(7))];
    let folds = fold(&anew);
    let standing = first(&folds);
    assert_eq!((standing.next, standing.runs.len(), standing.waiting.len()), (Some(at(21)), 0, 0));
    let many: Vec<Fact> = (0..=255).chain(0..2).map(|n| plan("acme", n, every(60))).collect();
    assert_eq!(fold(&many).schedules().iter().count(), MAX_SCHEDULES);
}

#[test]
fn what_is_decided_is_not_due_again() {
    let facts =
        [plan("acme", 1, every(20)), run("acme", 1, 0, 20, None), run("acme", 1, 0, 40, Some("late"))];
    let folds = fold(&facts);
    let standing = first(&folds);
    assert_eq!((standing.decided, standing.next), (at(40), Some(at(60))));
    let counts = (standing.counts.started, standing.counts.missed, standing.counts.skipped);
    assert_eq!(counts, (1, 1, 0));
    assert_eq!(
        standing.runs.iter().map(|run| run.outcome).collect::<Vec<_>>(),
        [RunOutcome::Missed, RunOutcome::Started]
    );
    // The same again, and what others say, changes nothing.
    let Fact::Said(mut foreign) = run("acme", 1, 0, 60, None) else { unreachable!() };
    foreign.author = user(1);
    let Fact::Said(mut plain) = run("acme", 1, 0, 60, None) else { unreachable!() };
    plain.scheduled = None;
    let ignored = [
        run("acme", 1, 0, 20, None),
        run("acme", 1, 0, 40, None),
        run("acme", 2, 0, 60, None),
        run("beta", 1, 0, 60, None),
        Fact::Said(foreign),
        Fact::Said(plain),
    ];
    for fact in ignored {
        let more = fold(&[&facts[..], std::slice::from_ref(&fact)].concat());
        assert_eq!(first(&more), standing, "{fact:?}");
    }
    let many = (1..=60).map(|n| run("acme", 1, 0, n * 20, Some("no-nodes")));
    let folds = fold(&std::iter::once(plan("acme", 1, every(20))).chain(many).collect::<Vec<_>>());
    assert_eq!((first(&folds).runs.len(), first(&folds).counts.skipped), (MAX_RUNS, 60));
}

/// The record of a command to a node, as the scheduler gives it for a run.
fn order(folds: &Projections, to: u16, change: impl FnOnce(&mut Record)) -> Record {
    let run = first(folds).runs[0].clone();
    let payload = json!({"action": "issue", "approvals": 0, "command": "scan", "expires_at": at(900),
        "node": node(to), "nonce": Hash::ZERO, "not_before": at(0), "parameters": {},
        "sig": spec::Signature([0; 64])});
    let scheduler = Author::Service(name("scheduler"));
    let mut record =
        entry(folds.size(), 50, &said(scheduler, Kind::Command, "acme", Some(node(to)), payload));
    let header = &mut record.entry.header;
    header.via = Some(scheduled(id(1)));
    header.id = order_id(run.at, &order_seed(&run.hash, node(to)));
    change(&mut record);
    record
}

#[test]
fn each_node_of_a_run_waits_for_its_command() {
    let facts = [plan("acme", 1, every(20)), run("acme", 1, 0, 20, None)];
    let mut folds = fold(&facts);
    let nodes = |folds: &Projections, secs| {
        first(folds).outstanding(at(secs)).map(|(_, node)| node).collect::<Vec<_>>()
    };
    assert_eq!(nodes(&folds, 30), [node(1), node(2)]);
    // For whom the time is over, there is none.
    assert_eq!((nodes(&folds, 619).len(), nodes(&folds, 620).len()), (2, 0));
    let others: [fn(&mut Record); 4] = [
        |record| record.entry.header.id = Uuid::v7(at(1), [0; 10]),
        |record| record.entry.header.author = user(1),
        |record| record.entry.header.via = Some(scheduled(id(2))),
        |record| record.entry.header.org = name("beta"),
    ];
    for change in others {
        let record = order(&folds, 1, change);
        folds.apply(&record).unwrap();
        assert_eq!(nodes(&folds, 30).len(), 2);
    }
    for (to, left) in [(1, 1), (1, 1), (3, 1), (2, 0)] {
        let record = order(&folds, to, |_| ());
        folds.apply(&record).unwrap();
        assert_eq!((nodes(&folds, 30).len(), first(&folds).runs[0].ordered), (left, 2 - left as u64));
    }
    let restored = Projections::restore(&folds.snapshot()).unwrap();
    assert_eq!(first(&restored), first(&folds));
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside what decides")]
fn due(first: u64, due: u64, count: u64, reason: Option<RunReason>) -> Option<Due> {
    Some(Due { first: at(first), due: at(due), count, reason })
}

#[test]
fn what_is_due_is_begun_in_time_or_missed() {
    let mut payload = planned(1, every(20));
    let standing = set(5, payload.clone());
    assert_eq!((standing.decide(at(19)), standing.wakes(at(19))), (None, Some(at(20))));
    assert_eq!(standing.decide(at(20)), due(20, 20, 1, None));
    assert_eq!(standing.decide(at(39)), due(20, 20, 1, None));
    // Of several the last is begun.
    assert_eq!(standing.decide(at(60)), due(20, 40, 2, Some(RunReason::Late)));
    let late = LATE_MS / 1000;
    let standing = set(5, planned(1, every(1000)));
    assert_eq!(standing.decide(at(1000 + late)), due(1000, 1000, 1, None));
    assert_eq!(standing.decide(at(1001 + late)), due(1000, 1000, 1, Some(RunReason::Late)));
    assert_eq!(standing.decide(at(2001 + late)), due(1000, 2000, 2, Some(RunReason::Late)));
    payload["when"] = every(1000);
    payload["catch_up"] = json!("once");
    let standing = set(5, payload);
    assert_eq!(standing.decide(at(1001 + late)), due(1000, 1000, 1, None));
    assert_eq!(standing.decide(at(2001 + late)), due(1000, 1000, 1, Some(RunReason::Late)));
    let long = set(5, planned(1, every(1)));
    assert_eq!(long.decide(at(1_000_000)), due(6, 5 + MAX_RUN_COUNT, MAX_RUN_COUNT, Some(RunReason::Late)));
}

/// The beginning is a Saturday, 20:42.
fn windowed(outside: &str, every_secs: u64) -> ScheduleStanding {
    let mut payload = planned(1, every(every_secs));
    payload["windows"] = json!([{"days": ["sat"], "minutes": 30, "start": "21:42"}]);
    payload["outside"] = json!(outside);
    set(5, payload)
}

#[test]
fn nothing_is_begun_outside_of_the_windows() {
    let skips = windowed("skip", 1500);
    assert_eq!(skips.decide(at(1500)), due(1500, 1500, 1, Some(RunReason::Window)));
    // 21:57 is inside, 21:32 and 22:22 are not.
    assert_eq!(skips.decide(at(4500)), due(1500, 3000, 2, Some(RunReason::Window)));
    let waits = windowed("wait", 1500);
    assert_eq!((waits.decide(at(1500)), waits.wakes(at(1500))), (None, Some(at(3000))));
    assert_eq!(waits.decide(at(3000)), due(1500, 1500, 1, Some(RunReason::Window)), "another took its place");
    let once = windowed("wait", 2500);
    // The beginning has 123 ms.
    let opens = Timestamp::from_millis(at(3600).millis() - 123);
    assert_eq!((once.decide(at(3599)), once.wakes(at(3599))), (None, Some(opens)));
    assert_eq!(once.decide(at(3600)), due(2500, 2500, 1, None), "the window opens");
    assert_eq!(once.decide(at(3661)), due(2500, 2500, 1, Some(RunReason::Late)), "nobody was there");
}

fn plans() -> impl Strategy<Value = Value> {
    let day = proptest::sample::select(vec!["mon", "wed", "sat", "sun"]);
    let window = (day, 1..2000u64, 0..24u64).prop_map(
        |(day, minutes, hour)| json!({"days": [day], "minutes": minutes, "start": format!("{hour:02}:42")}),
    );
    let windows = proptest::collection::vec(window, 0..3);
    let when = prop_oneof![
        (600..90_000u64).prop_map(every),
        proptest::sample::select(vec!["*/30 * * * *", "17 3,21 * * *", "0 0 * * sun"])
            .prop_map(|cron| json!({"cron": cron})),
    ];
    (when, windows, any::<bool>(), any::<bool>()).prop_map(|(when, windows, waits, once)| {
        let mut payload = planned(1, when);
        payload["catch_up"] = json!(if once { "once" } else { "skip" });
        if !windows.is_empty() {
            payload["windows"] = json!(windows);
            payload["outside"] = json!(if waits { "wait" } else { "skip" });
        }
        payload
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Looked at whenever, with the service away in between: each time that is due is decided once, in order; nothing
    /// is begun outside of the windows, too early, or too late if it is not to be caught up; and nobody is woken after
    /// there is something to decide.
    #[test]
    fn each_time_is_decided_once(payload in plans(), gaps in proptest::collection::vec(1..20_000u64, 1..60)) {
        let mut standing = set(5, payload);
        let (mut now, mut decided) = (5, at(5));
        for gap in gaps {
            if let Some(wakes) = standing.wakes(at(now)) {
                prop_assert!(wakes > at(now));
                let before = Timestamp::from_millis(wakes.millis() - 1);
                prop_assert_eq!(standing.decide(before), None, "woken too late");
            }
            now += gap;
            while let Some(found) = standing.decide(at(now)) {
                let mut times = Vec::new();
                while decided < found.due {
                    decided = standing.plan.when.next(decided).unwrap();
                    times.push(decided);
                }
                prop_assert_eq!((times[0], decided, times.len() as u64), (found.first, found.due, found.count));
                prop_assert!(decided <= at(now));
                let windows = &standing.plan.windows;
                let open = |time| windows.is_empty() || open_until(windows, time).is_some();
                match found.reason {
                    None => {
                        prop_assert!(open(at(now)) && found.count == 1);
                        let next = standing.plan.when.next(decided);
                        prop_assert!(next.is_none_or(|next| next > at(now)), "the last is begun");
                    }
                    Some(RunReason::Window) => prop_assert!(!times.into_iter().any(open)),
                    Some(reason) => prop_assert_eq!(reason, RunReason::Late),
                }
                standing.decided = decided;
                standing.next = standing.plan.when.next(decided);
            }
        }
    }
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let folds = fold(&[
        plan("acme", 1, every(20)),
        run("acme", 1, 0, 20, None),
        run("acme", 1, 0, 40, Some("late")),
        plan("beta", 2, json!({"cron": "0 4 * * mon"})),
        plan("acme", 3, every(60)),
        removed("acme", 3),
    ]);
    let digest = &folds.digests()["schedules"];
    assert_eq!((digest.version, digest.size), (1, 6));
    assert_eq!(digest.digest.to_hex(), "fe1a3b43a0ef78054de1ffed2e4ca244378511397231dca56b2e83f188f3aea2");
}

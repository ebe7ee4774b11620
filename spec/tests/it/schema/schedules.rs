//! The rules of what is said of schedules.

use super::{Change, canonical_text, changed, long, zeros};
use crate::history::sample;
use serde_json::{Value, json};
use spec::Kind;

/// See `refused_changes` of the module above.
pub(super) fn refused_changes(kind: &Kind) -> Vec<Change> {
    match kind {
        Kind::Schedule => vec![
            ("/action", Some(json!("remove"))),
            ("/catch_up", Some(json!("twice"))),
            ("/catch_up", Some(json!({"once": null}))),
            ("/command", Some(json!("rm -rf"))),
            ("/id", None),
            ("/jitter_secs", Some(json!(86_401))),
            ("/name", long(0)),
            ("/outside", None),
            ("/outside", Some(json!("run"))),
            ("/parameters", None),
            ("/parameters", Some(Value::Object((0..65).map(|i| (format!("m{i}"), json!(""))).collect()))),
            ("/parameters/unit", long(4097)),
            ("/selector", Some(json!("rack in b4"))),
            ("/ttl_secs", Some(json!(0))),
            ("/ttl_secs", Some(json!(2_592_001))),
            ("/when", Some(json!({}))),
            ("/when", Some(json!({"every_secs": 60}))),
            ("/when", Some(json!({"every_secs": 0, "start": "2026-11-21T20:42:00.000Z"}))),
            ("/when", Some(json!({"every_secs": 31_622_401, "start": "2026-11-21T20:42:00.000Z"}))),
            ("/when", Some(json!(["* * * * *"]))),
            ("/when/start", Some(json!("2026-11-21T20:42:00.000Z"))),
            ("/when/every_secs", Some(json!(60))),
            ("/when/cron", Some(json!("43 20 30 2 *"))),
            ("/when/cron", Some(json!("@daily"))),
            ("/windows", None),
            ("/windows", Some(json!([]))),
            ("/windows", Some(json!(vec![json!({"days": ["mon"], "minutes": 1, "start": "00:00"}); 17]))),
            ("/windows/0", Some(json!([["mon"], 1, "00:00"]))),
            ("/windows/0/days", Some(json!([]))),
            ("/windows/0/days", Some(json!(["sat", "fri"]))),
            ("/windows/0/days", Some(json!(["fri", "fri"]))),
            ("/windows/0/minutes", Some(json!(0))),
            ("/windows/0/minutes", Some(json!(10_081))),
            ("/windows/0/start", Some(json!("24:00"))),
            ("/windows/0/start", Some(json!("7:00"))),
        ],
        Kind::ScheduleRun => vec![
            ("/at", Some(json!("2026-11-21T20:42:59.999Z"))),
            ("/count", Some(json!(0))),
            ("/count", Some(json!(2))),
            ("/due", Some(json!("2026-11-21T20:43:00.001Z"))),
            ("/first", Some(json!("2026-11-21T20:43:00.001Z"))),
            ("/nodes", None),
            ("/nodes", Some(json!([]))),
            ("/nodes", Some(json!(vec!["550e8400-e29b-41d4-a716-446655440000"; 2]))),
            ("/outcome", Some(json!("missed"))),
            ("/reason", Some(json!("late"))),
            ("/schedule", None),
        ],
        other => panic!("{other} has no rules"),
    }
}

/// Kind, version, pointer, and the most bytes that may stand there.
pub(super) fn longest() -> Vec<(Kind, u64, &'static str, usize)> {
    vec![
        (Kind::Schedule, 1, "/name", 256),
        (Kind::Schedule, 1, "/os_profile", 256),
        (Kind::Schedule, 1, "/parameters/unit", 4096),
    ]
}

fn accepts(kind: &Kind, value: &Value) -> bool {
    kind.check_payload(1, &canonical_text(value)).is_ok()
}

#[test]
fn limits_of_schedules_are_where_they_are_said_to_be() {
    let good: Value = serde_json::from_str(&sample(&Kind::Schedule).payload.json).unwrap();
    let window = json!({"days": ["mon"], "minutes": 10_080, "start": "23:59"});
    for (pointer, value) in [
        ("/jitter_secs", json!(86_400)),
        ("/ttl_secs", json!(2_592_000)),
        ("/ttl_secs", json!(1)),
        ("/when", json!({"every_secs": 31_622_400, "start": "2026-11-21T20:42:00.000Z"})),
        ("/when", json!({"every_secs": 1, "start": "2026-11-21T20:42:00.000Z"})),
        ("/when/cron", json!("0 0 29 2 *")),
        ("/windows", json!(vec![window; 16])),
        ("/selector", json!("")),
    ] {
        assert!(
            accepts(&Kind::Schedule, &changed(&good, &(pointer, Some(value.clone())))),
            "{pointer} {value}"
        );
    }
    let mut open = good.clone();
    for member in ["outside", "windows", "os_profile"] {
        open.as_object_mut().unwrap().remove(member);
    }
    assert!(accepts(&Kind::Schedule, &open));
    assert!(!accepts(&Kind::Schedule, &json!({"action": "remove", "id": good["id"], "name": "x"})));
}

#[test]
fn a_decision_is_about_so_many_times_and_nodes() {
    let node = |n: usize| format!("550e8400-e29b-41d4-a716-{n:012x}");
    let base = json!({
        "at": "2026-11-21T20:43:01.000Z", "count": 1, "due": "2026-11-21T20:43:00.000Z",
        "first": "2026-11-21T20:43:00.000Z", "outcome": "started", "schedule": zeros(),
    });
    let with = |more: Value| {
        let mut run = base.clone();
        run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        accepts(&Kind::ScheduleRun, &run)
    };
    let nodes = |n| (0..n).map(node).collect::<Vec<_>>();
    assert!(with(json!({"nodes": nodes(4096)})) && !with(json!({"nodes": nodes(4097)})));
    assert!(!with(json!({"nodes": [node(2), node(1)]})));
    let several = |count: u64, outcome: &str, reason: &str| {
        with(
            json!({"count": count, "first": "2026-11-20T20:43:00.000Z", "outcome": outcome, "reason": reason}),
        )
    };
    assert!(several(2, "missed", "late") && several(10_000, "skipped", "window"));
    assert!(!several(10_001, "missed", "late") && !several(1, "missed", "late"));
    assert!(!several(2, "missed", "window") && !several(2, "skipped", "late"));
    for (outcome, reason, fits) in [
        ("skipped", "no-nodes", true),
        ("skipped", "too-many-nodes", true),
        ("skipped", "window", true),
        ("missed", "late", true),
        ("missed", "no-nodes", false),
        ("started", "window", false),
    ] {
        assert_eq!(with(json!({"outcome": outcome, "reason": reason})), fits, "{outcome} {reason}");
    }
    assert!(!with(json!({"outcome": "missed"})));
    assert!(!with(json!({"nodes": nodes(1), "outcome": "missed", "reason": "late"})));
}

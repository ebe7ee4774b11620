//! The rules of what is said of roll-outs.

use super::{Change, canonical_text, changed, long, zeros};
use crate::history::sample;
use serde_json::{Value, json};
use spec::Kind;

/// See `refused_changes` of the module above.
pub(super) fn refused_changes(kind: &Kind) -> Vec<Change> {
    match kind {
        Kind::Rollout => vec![
            ("/action", Some(json!("pause"))),
            ("/action", Some(json!({"start": null}))),
            ("/command", Some(json!("rm -rf"))),
            ("/id", None),
            ("/may_fail", Some(json!({}))),
            ("/may_fail", Some(json!({"count": 1, "percent": 1}))),
            ("/may_fail/percent", Some(json!(101))),
            ("/may_fail", Some(json!({"count": 4097}))),
            ("/name", long(0)),
            ("/parameters/unit", long(4097)),
            ("/parameters/Unit", Some(json!(""))),
            ("/parameters", Some(Value::Object((0..65).map(|i| (format!("m{i}"), json!(""))).collect()))),
            ("/pause_secs", Some(json!(604_801))),
            ("/selector", Some(json!("rack in b4"))),
            ("/ttl_secs", Some(json!(0))),
            ("/ttl_secs", Some(json!(2_592_001))),
            ("/waves", None),
            ("/waves", Some(json!([]))),
            ("/waves", Some(json!([{"percent": 99}]))),
            ("/waves", Some(json!([{"count": 100}]))),
            ("/waves", Some(json!(vec![json!({"percent": 100}); 33]))),
            ("/waves/0", Some(json!([1]))),
            ("/waves/0", Some(json!({"percent": 101}))),
        ],
        Kind::RolloutWave => vec![
            ("/at", None),
            ("/failed", Some(json!(0))),
            ("/nodes", None),
            ("/nodes", Some(json!(vec!["550e8400-e29b-41d4-a716-446655440000"; 2]))),
            ("/rollout", None),
            ("/step", Some(json!("begun"))),
            ("/step", Some(json!("finished"))),
            ("/step", Some(json!({"chosen": null}))),
            ("/succeeded", Some(json!(0))),
            ("/wave", Some(json!(1))),
        ],
        other => panic!("{other} has no rules"),
    }
}

/// Kind, version, pointer, and the most bytes that may stand there.
pub(super) fn longest() -> Vec<(Kind, u64, &'static str, usize)> {
    vec![
        (Kind::Rollout, 1, "/name", 256),
        (Kind::Rollout, 1, "/os_profile", 256),
        (Kind::Rollout, 1, "/parameters/unit", 4096),
    ]
}

fn accepts(kind: &Kind, value: &Value) -> bool {
    kind.check_payload(1, &canonical_text(value)).is_ok()
}

#[test]
fn limits_of_rollouts_are_where_they_are_said_to_be() {
    let good: Value = serde_json::from_str(&sample(&Kind::Rollout).payload.json).unwrap();
    for (pointer, value) in [
        ("/may_fail", json!({"count": 4096})),
        ("/may_fail", json!({"percent": 100})),
        ("/pause_secs", json!(604_800)),
        ("/ttl_secs", json!(2_592_000)),
        ("/waves", json!([{"percent": 100}])),
        ("/waves", json!(vec![json!({"percent": 100}); 32])),
    ] {
        assert!(
            accepts(&Kind::Rollout, &changed(&good, &(pointer, Some(value.clone())))),
            "{pointer} {value}"
        );
    }
    assert!(!accepts(&Kind::Rollout, &json!({"action": "abort", "id": good["id"], "name": "x"})));
    let wave = |more: Value| {
        let mut wave = json!({"at": "2026-11-21T20:43:01.000Z", "rollout": zeros(), "wave": 0});
        wave.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        accepts(&Kind::RolloutWave, &wave)
    };
    let node = |n: usize| format!("550e8400-e29b-41d4-a716-{n:012x}");
    let nodes = |n| json!({"nodes": (0..n).map(node).collect::<Vec<_>>(), "step": "chosen"});
    assert!(wave(nodes(0)) && wave(nodes(4096)) && !wave(nodes(4097)));
    assert!(wave(json!({"step": "begun", "wave": 31})) && !wave(json!({"step": "begun", "wave": 32})));
    assert!(wave(json!({"failed": 1, "step": "halted", "succeeded": 0})));
    assert!(!wave(json!({"failed": 1, "step": "halted"})));
    assert!(!wave(json!({"failed": 1, "step": "begun", "succeeded": 0})));
}

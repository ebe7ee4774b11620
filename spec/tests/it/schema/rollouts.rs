//! The rules of what is said of roll-outs.

use super::{Change, canonical_text, changed, long, zeros};
use crate::history::{sample, sample_of};
use serde_json::{Value, json};
use spec::Kind;

/// See `refused_changes` of the module above.
pub(super) fn refused_changes(kind: &Kind, version: u64) -> Vec<Change> {
    let approved = [
        ("/approvals", None),
        ("/approvals", Some(json!(0))),
        ("/approvals", Some(json!(6))),
        ("/approve_by", None),
        ("/approve_by", Some(json!("2026-11-21"))),
        ("/action", Some(json!("approve"))),
    ];
    match kind {
        Kind::Rollout if version > 1 => approved.to_vec(),
        Kind::RolloutWave if version > 1 => vec![
            ("/failed", Some(json!(0))),
            ("/nodes", Some(json!([]))),
            ("/rollout", None),
            ("/succeeded", Some(json!(0))),
            ("/wave", Some(json!(1))),
        ],
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

/// What version 2 brought is nothing that version 1 says, and what version 1 says stays what it was.
#[test]
fn approvals_are_of_version_2() {
    for kind in [Kind::Rollout, Kind::RolloutWave] {
        let first = sample(&kind).payload.json;
        assert_eq!(
            (kind.check_payload(1, &first), kind.check_payload(2, &first)),
            (Ok(()), Ok(())),
            "{kind}"
        );
        let second = sample_of(&kind, 2).payload.json;
        assert!(kind.check_payload(1, &second).is_err(), "{kind}");
        assert_eq!((kind.payload_version(&first), kind.payload_version(&second)), (Ok(1), Ok(2)), "{kind}");
    }
    let approve =
        json!({"action": "approve", "id": "550e8400-e29b-41d4-a716-446655440000", "target": zeros()});
    let versions = [1, 2].map(|v| Kind::Rollout.check_payload(v, &canonical_text(&approve)).is_ok());
    assert_eq!(versions, [false, true]);
    let long = |bytes| changed(&approve, &("/text", long(bytes)));
    let accepts = |value: Value| Kind::Rollout.check_payload(2, &canonical_text(&value)).is_ok();
    assert!(accepts(long(65_536)) && !accepts(long(65_537)));
    assert!(!accepts(changed(&approve, &("/target", None))) && !accepts(changed(&approve, &("/id", None))));
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

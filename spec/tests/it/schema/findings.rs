//! The rules of accepted findings, and of a node's posture as it is told.

use super::{Change, canonical_text, changed, long, zeros};
use crate::history::sample_of;
use serde_json::{Value, json};
use spec::Kind;

/// See `refused_changes` of the module above.
pub(super) fn refused_changes(kind: &Kind) -> Vec<Change> {
    match kind {
        Kind::Acceptance => vec![
            ("/acceptance", Some(zeros())),
            ("/action", None),
            ("/action", Some(json!("withdraw"))),
            ("/action", Some(json!({"accept": null}))),
            ("/check", None),
            ("/check", Some(json!("Sshd"))),
            ("/expires_at", None),
            ("/expires_at", Some(json!(0))),
            ("/node", Some(json!("all"))),
            ("/selector", Some(json!("env=lab"))),
            ("/severity", Some(json!("info"))),
            ("/severity", Some(json!("grave"))),
            ("/subject", long(4097)),
            ("/text", None),
            ("/text", long(0)),
            ("/text", long(1025)),
        ],
        Kind::Attention => vec![
            ("/change/posture", Some(Value::Null)),
            ("/change/posture", Some(json!([1, 2, 38, 4]))),
            ("/change/posture/critical", None),
            ("/change/posture/high", Some(json!(-1))),
            ("/change/posture/info", Some(json!(1))),
            ("/change/posture/worst", None),
            ("/change/posture/worst/subject", long(4097)),
            ("/change/posture/worst/weight", Some(json!(101))),
            ("/change/what", Some(json!("band"))),
        ],
        other => panic!("{other} has rules elsewhere"),
    }
}

/// Texts at their limits: kind, version, pointer, bytes.
pub(super) fn longest() -> Vec<(Kind, u64, &'static str, usize)> {
    vec![
        (Kind::Acceptance, 1, "/subject", 4096),
        (Kind::Acceptance, 1, "/text", 1024),
        (Kind::Attention, 2, "/change/posture/worst/subject", 4096),
    ]
}

#[test]
fn a_finding_is_accepted_on_a_node_on_a_selection_or_everywhere() {
    let good: Value = serde_json::from_str(&sample_of(&Kind::Acceptance, 1).payload.json).unwrap();
    let accepts = |value: &Value| Kind::Acceptance.check_payload(1, &canonical_text(value)).is_ok();
    let everywhere = changed(&good, &("/node", None));
    assert!(accepts(&everywhere));
    for (selector, fits) in [("", true), ("env in (lab, test), !vip", true), ("env=lab,", false)] {
        assert_eq!(accepts(&changed(&everywhere, &("/selector", Some(json!(selector))))), fits, "{selector}");
    }
    for pointer in ["/subject", "/severity"] {
        assert!(accepts(&changed(&good, &(pointer, None))), "{pointer}");
    }
    assert!(accepts(&json!({"acceptance": zeros(), "action": "withdraw"})));
    assert!(!accepts(&json!({"acceptance": zeros(), "action": "withdraw", "text": "why"})));
}

#[test]
fn a_posture_is_told_from_the_second_version_on() {
    let good: Value = serde_json::from_str(&sample_of(&Kind::Attention, 2).payload.json).unwrap();
    let text = canonical_text(&good);
    assert_eq!(Kind::Attention.payload_version(&text), Ok(2));
    assert!(Kind::Attention.check_payload(1, &text).is_err());
    let alone = canonical_text(&changed(&good, &("/change/posture", None)));
    assert_eq!(Kind::Attention.payload_version(&alone), Ok(1));
    // Where nothing counts any more, nothing is the gravest.
    let nothing = json!({"critical": 0, "high": 0, "low": 0, "medium": 0});
    let over = changed(&good, &("/change/posture", Some(nothing)));
    assert_eq!(Kind::Attention.payload_version(&canonical_text(&over)), Ok(2));
}

//! The rules of what operators, nodes and the ledger say in the course of a day.

use super::{Change, canonical_text, changed, long, zeros};
use crate::history::sample;
use serde_json::{Map, Value, json};
use spec::Kind;
use spec::limits::MAX_POLICY_BYTES;

const TIME: &str = "2026-11-21T20:42:00.000Z";

#[expect(clippy::unnecessary_wraps, reason = "it stands in rows of changes")]
fn members(count: usize) -> Option<Value> {
    Some(Value::Object((0..count).map(|i| (format!("m{i}"), json!(""))).collect()))
}

/// See `refused_changes` of the module above.
#[expect(clippy::too_many_lines, reason = "one row a rule")]
pub(super) fn refused_changes(kind: &Kind) -> Vec<Change> {
    match kind {
        Kind::Assign => {
            vec![("/assignee", long(0)), ("/assignee", long(257)), ("/target", None), ("/text", long(65_537))]
        }
        Kind::Attention => vec![
            ("/at", Some(json!(0))),
            ("/band", Some(json!("Crit"))),
            ("/band", Some(json!("ATTN"))),
            ("/change", None),
            ("/change/what", None),
            ("/change/what", Some(json!("score"))),
            ("/change/what", Some(json!({"band": null}))),
            ("/change/from", Some(json!("CRIT"))),
            ("/change/surprise", Some(json!(1))),
            ("/change/reasons", Some(json!(vec![json!({"reason": "lost", "weight": 1}); 65]))),
            ("/change/reasons/0/weight", Some(json!(9))),
            ("/change/reasons/0/weight", Some(json!(101))),
            ("/change/reasons/0/reason", Some(json!("Lost"))),
            ("/change/reasons/0", Some(json!(["lost", 75]))),
            ("/change/reasons/1/subject", long(4097)),
            ("/change/reasons/1/subject", Some(Value::Null)),
            ("/ruleset", None),
            ("/score", Some(json!(101))),
            ("/seq", Some(json!("26"))),
        ],
        Kind::Baseline => vec![
            ("/baseline", None),
            ("/baseline", Some(json!(""))),
            ("/node", None),
            ("/node", Some(json!("all"))),
            ("/tree_root", Some(Value::Null)),
            ("/tree_root", Some(json!(1))),
            ("/accepted", Some(json!(true))),
        ],
        Kind::Command => vec![
            ("/action", Some(json!("approve"))),
            ("/approvals", Some(json!(6))),
            ("/command", Some(json!("rm -rf"))),
            ("/expires_at", Some(json!("2026-11-21T20:42:30.000Z"))),
            ("/node", None),
            ("/nonce", None),
            ("/parameters", None),
            ("/parameters", members(65)),
            ("/parameters/unit", long(4097)),
            ("/parameters/unit", Some(json!(1))),
            ("/parameters/Unit", Some(json!(""))),
            ("/rollout", Some(json!([zeros(), 0]))),
            ("/rollout/wave", None),
            ("/sig", Some(json!("AA=="))),
            ("/target", Some(zeros())),
            ("/text", long(65_537)),
        ],
        Kind::Goodbye => {
            vec![("/reason", None), ("/reason", long(1025)), ("/until", Some(json!("soon")))]
        }
        Kind::Labels => vec![
            ("/labels", Some(Value::Null)),
            ("/name", Some(json!("Web 1"))),
            ("/name", Some(Value::Null)),
            ("/labels", members(65)),
            ("/labels", Some(json!([]))),
            ("/labels/rack", long(257)),
            ("/labels/Rack", Some(json!(""))),
        ],
        Kind::Notice => vec![
            ("/attempt", Some(json!(0))),
            ("/events", Some(json!([]))),
            ("/events", Some(json!(vec![zeros(); 257]))),
            ("/message", long(0)),
            ("/message", long(129)),
            ("/outcome", Some(json!("given_up"))),
            ("/outcome", Some(json!({"failed": null}))),
            ("/status", Some(json!(99))),
            ("/status", Some(json!(600))),
            ("/webhook", None),
        ],
        Kind::Receipt => vec![
            ("/code", Some(json!("expired"))),
            ("/command", None),
            ("/exit", Some(json!(256))),
            ("/exit", Some(json!(-1))),
            ("/output", long(65_537)),
            ("/state", Some(json!("refused"))),
            ("/state", Some(json!("done"))),
        ],
        Kind::Ruleset => vec![
            ("/bands", Some(json!([]))),
            ("/bands/at_once", Some(json!(101))),
            ("/bands/attn", Some(json!([30, 20]))),
            ("/bands/attn/leave", Some(json!(30))),
            ("/bands/attn/leave", None),
            ("/bands/crit/enter", Some(json!(101))),
            ("/bands/patience_secs", Some(json!(86_401))),
            ("/flapping/start_percent", Some(json!(101))),
            ("/flapping/stop_percent", Some(json!(50))),
            ("/flapping/window", Some(json!(1))),
            ("/flapping/window", Some(json!(65))),
            ("/flapping/window", None),
            ("/posture_cap", Some(json!(101))),
            ("/reasons/stale/enter_secs", Some(json!(60))),
            ("/reasons/disk-low/leave_beats", Some(json!(1))),
            ("/reasons/disk-low/weight", Some(json!(101))),
            ("/reasons/Stale", Some(json!({}))),
            ("/reasons", Some(Value::Object((0..129).map(|i| (format!("r{i}"), json!({}))).collect()))),
            ("/storm/least", Some(json!(0))),
            ("/storm/percent", Some(json!(0))),
            ("/storm/percent", Some(json!(101))),
        ],
        Kind::Scan => vec![
            ("/counts", Some(json!([0, 1, 1, 0, 1]))),
            ("/counts/high", Some(json!(0))),
            ("/counts/unknown", Some(json!(0))),
            ("/counts/info", Some(json!(0))),
            ("/counts/medium", None),
            ("/duration_ms", None),
            ("/findings/0/severity", Some(json!("low"))),
            ("/findings/0/severity", Some(json!("info"))),
            ("/findings/0/subject", Some(json!("/usr/local/bin/ssh-keysign"))),
            ("/findings/0/subject", Some(json!("/usr/local/bin/ssh-keysign2"))),
            ("/findings/0/subject", None),
            ("/findings/0/surprise", Some(json!(1))),
            ("/findings/0/id", Some(json!("files.suid"))),
            ("/findings/1/explained", long(257)),
            ("/findings/1/remediation", long(4097)),
            ("/findings/1/title", long(513)),
            ("/root", long(4097)),
            ("/simulated", None),
            ("/started_at", Some(json!(0))),
            ("/tree_root", Some(json!(""))),
            ("/unchecked", Some(json!([]))),
            ("/unchecked/0", Some(json!(["kernel.lockdown", ""]))),
            ("/unchecked/0/reason", long(1025)),
        ],
        Kind::Silence => vec![
            ("/action", Some(json!("end"))),
            ("/expires_at", None),
            ("/node", Some(json!("all"))),
            ("/reason", None),
            ("/silence", Some(zeros())),
            ("/subject", long(4097)),
            ("/tenant", Some(json!("Prod"))),
            ("/text", long(0)),
            ("/text", long(1025)),
        ],
        Kind::Policy => vec![
            ("/action", Some(json!("withdraw"))),
            ("/assignment", Some(zeros())),
            ("/document", None),
            ("/document", Some(json!([{}, "vaultmesh-policy-v1", "enforce"]))),
            ("/document/allow", members(65)),
            ("/document/allow/Scan", Some(json!({}))),
            ("/document/allow/scan", Some(json!([]))),
            ("/document/allow/scan", Some(Value::Null)),
            ("/document/allow/scan/secs", Some(json!(1))),
            ("/document/allow/tail-journal/lines", Some(json!("100"))),
            ("/document/allow/tail-journal/units", Some(json!(["b", "a"]))),
            ("/document/allow/tail-journal/units", Some(json!(["a", "a"]))),
            (
                "/document/allow/tail-journal/units",
                Some(json!((100..357).map(|i| i.to_string()).collect::<Vec<_>>())),
            ),
            ("/document/allow/tail-journal/units", Some(json!(["a".repeat(4097)]))),
            ("/document/format", Some(json!("vaultmesh-policy-v2"))),
            ("/document/format", None),
            ("/document/mode", Some(json!("ignore"))),
            ("/document/mode", None),
            ("/node", Some(json!("550e8400-e29b-41d4-a716-446655440000"))),
            ("/selector", None),
            ("/selector", Some(json!("rack=b4,"))),
            ("/selector", Some(json!("a".repeat(1025)))),
        ],
        Kind::Slo => vec![
            ("/counts", Some(json!([]))),
            ("/counts/0/outcome", Some(json!("ok"))),
            ("/counts/0/outcome", Some(json!("throttle"))),
            ("/counts/0/outcome", Some(json!("fine"))),
            ("/counts/0/component", Some(json!("hall"))),
            ("/counts/1/operation", Some(json!("shut"))),
            ("/counts/0/count", Some(json!(0.5))),
            ("/counts/0", Some(json!(["gate", 4, "open", "deny"]))),
            ("/from", Some(json!("2026-11-21T20:42:40.001Z"))),
            ("/to", None),
        ],
        Kind::Usage => vec![
            ("/metric", Some(json!("seats"))),
            ("/metric", Some(json!("digFiles"))),
            ("/product", Some(json!(""))),
            ("/quantity", Some(json!(-1))),
            ("/quantity", Some(json!(1.5))),
        ],
        Kind::Contradiction => vec![
            ("/a", None),
            ("/a", long(0)),
            ("/b", long(65_537)),
            ("/leaves/index", Some(json!(-1))),
            ("/leaves/leaf_b", None),
            ("/leaves/path_a", Some(json!(vec![zeros(); 65]))),
        ],
        Kind::WitnessKey => {
            vec![("/key", None), ("/name", Some(json!("Auditor"))), ("/pop", Some(json!("AA==")))]
        }
        Kind::WitnessSet => vec![
            ("/prev_change", None),
            ("/set/quorum", Some(json!(1))),
            ("/set/quorum", Some(json!(3))),
            ("/set/witnesses", Some(json!([]))),
            ("/set/witnesses/0/outside", Some(json!(false))),
            ("/set/witnesses/0/name", Some(json!("zz.example"))),
            ("/set/witnesses/0/pop", None),
            ("/signatures", Some(json!([]))),
            ("/signatures/1/key", Some(zeros())),
        ],
        Kind::Webhook => vec![
            ("/action", Some(json!("remove"))),
            ("/id", Some(json!("hook"))),
            ("/secret", None),
            ("/types", Some(json!([]))),
            ("/types", Some(json!((10..27).map(|i| format!("t{i}")).collect::<Vec<_>>()))),
            ("/types/0", Some(json!("incident.opened"))),
            ("/types/0", Some(json!("incident.resolved"))),
            ("/url", Some(json!("ftp://hooks.example/"))),
            ("/url", Some(json!("HTTPS://hooks.example/"))),
        ],
        other => panic!("{other} has no rules"),
    }
}

/// Kind, version, pointer, and the most bytes that may stand there.
pub(super) fn longest() -> Vec<(Kind, u64, &'static str, usize)> {
    vec![
        (Kind::Ack, 2, "/text", 65_536),
        (Kind::Assign, 1, "/assignee", 256),
        (Kind::Assign, 1, "/text", 65_536),
        (Kind::Attention, 1, "/change/reasons/1/subject", 4096),
        (Kind::Command, 1, "/parameters/unit", 4096),
        (Kind::Command, 1, "/text", 65_536),
        (Kind::Goodbye, 1, "/reason", 1024),
        (Kind::Labels, 1, "/labels/rack", 256),
        (Kind::Notice, 1, "/message", 128),
        (Kind::Reopen, 1, "/text", 65_536),
        (Kind::Scan, 1, "/findings/1/explained", 256),
        (Kind::Scan, 1, "/findings/1/remediation", 4096),
        (Kind::Scan, 1, "/findings/1/subject", 4096),
        (Kind::Scan, 1, "/findings/1/title", 512),
        (Kind::Scan, 1, "/root", 4096),
        (Kind::Scan, 1, "/unchecked/0/reason", 1024),
        (Kind::Silence, 1, "/subject", 4096),
        (Kind::Silence, 1, "/text", 1024),
        (Kind::Contradiction, 1, "/a", 65_536),
        (Kind::Contradiction, 1, "/b", 65_536),
    ]
}

fn accepts(kind: &Kind, value: &Value) -> bool {
    kind.check_payload(1, &canonical_text(value)).is_ok()
}

#[test]
fn limits_of_numbers_and_counts_are_where_they_are_said_to_be() {
    let hashes = |count| Some(json!(vec![zeros(); count]));
    let objects = |count| Some(Value::Object((0..count).map(|i| (format!("m{i}"), json!({}))).collect()));
    for (kind, pointer, value) in [
        (Kind::Attention, "/score", Some(json!(100))),
        (Kind::Attention, "/change/reasons", Some(json!(vec![json!({"reason": "lost", "weight": 1}); 64]))),
        (Kind::Attention, "/change/reasons", Some(json!([]))),
        (Kind::Baseline, "/tree_root", None),
        (Kind::Command, "/approvals", Some(json!(5))),
        (Kind::Command, "/expires_at", Some(json!("2026-11-21T20:42:30.001Z"))),
        (Kind::Command, "/parameters", members(64)),
        (Kind::Labels, "/labels", members(64)),
        (Kind::Contradiction, "/leaves", None),
        (Kind::Contradiction, "/leaves/path_a", hashes(64)),
        (Kind::Notice, "/events", hashes(256)),
        (Kind::Notice, "/status", Some(json!(100))),
        (Kind::Notice, "/status", Some(json!(599))),
        (Kind::Receipt, "/exit", Some(json!(255))),
        (Kind::Ruleset, "/bands/patience_secs", Some(json!(86_400))),
        (Kind::Ruleset, "/flapping/window", Some(json!(2))),
        (Kind::Ruleset, "/flapping/window", Some(json!(64))),
        (Kind::Ruleset, "/reasons", objects(128)),
        (Kind::Ruleset, "/storm/percent", Some(json!(100))),
        (Kind::Policy, "/document/allow", Some(json!({}))),
        (Kind::Policy, "/document/allow/tail-journal/units", Some(json!([]))),
        (Kind::Policy, "/document/allow/tail-journal/units", Some(json!(["a".repeat(4096)]))),
        (Kind::Policy, "/document/allow/tail-journal/lines", Some(json!(0))),
        (Kind::Policy, "/selector", Some(json!(""))),
        (Kind::Silence, "/node", None),
        (Kind::Slo, "/from", Some(json!("2026-11-21T20:42:40.000Z"))),
        (Kind::Webhook, "/types", Some(json!((10..26).map(|i| format!("t{i}")).collect::<Vec<_>>()))),
        (Kind::Webhook, "/url", Some(json!("http://[::1]:8080/"))),
    ] {
        let good: Value = serde_json::from_str(&sample(&kind).payload.json).unwrap();
        assert!(accepts(&kind, &changed(&good, &(pointer, value))), "{kind} {pointer}");
    }
    let url = |bytes: usize| Some(json!(format!("https://{}", "a".repeat(bytes - 8))));
    let hook: Value = serde_json::from_str(&sample(&Kind::Webhook).payload.json).unwrap();
    assert!(accepts(&Kind::Webhook, &changed(&hook, &("/url", url(2048)))));
    assert!(!accepts(&Kind::Webhook, &changed(&hook, &("/url", url(2049)))));
}

#[test]
fn long_lists_end_at_their_limits() {
    let scan: Value = serde_json::from_str(&sample(&Kind::Scan).payload.json).unwrap();
    let with = |findings: usize, unchecked: usize| {
        let finding = |i: usize| json!({"id": "x", "remediation": "", "severity": "medium", "subject": format!("{i:04}"), "title": ""});
        let mut scan = scan.clone();
        scan["findings"] = (0..findings).map(finding).collect();
        scan["unchecked"] = (0..unchecked).map(|i| json!({"id": format!("{i:04}"), "reason": ""})).collect();
        scan["counts"] =
            json!({"critical": 0, "high": 0, "low": 0, "medium": findings, "unknown": unchecked});
        accepts(&Kind::Scan, &scan)
    };
    assert!(with(0, 0) && with(4096, 1024));
    assert!(!with(4097, 0) && !with(0, 1025));

    let slo = |counts: usize| {
        let count = |i: usize| json!({"component": "gate", "count": 1, "operation": format!("{i:04}"), "outcome": "ok"});
        let counts: Value = (0..counts).map(count).collect();
        accepts(&Kind::Slo, &json!({"counts": counts, "from": TIME, "to": TIME}))
    };
    assert!(slo(1024) && !slo(1025));
}

#[test]
fn a_policy_ends_at_its_limit() {
    let unit = |bytes: usize| {
        let units = [
            "a".repeat(4096),
            "b".repeat(4096),
            "c".repeat(4096),
            "d".repeat(4096),
            "e".repeat(4096),
            "f".repeat(4096),
            "g".repeat(4096),
            format!("h{}", "h".repeat(bytes)),
        ];
        let allow = json!({"scan": {"units": units}});
        let document = json!({"allow": allow, "format": "vaultmesh-policy-v1", "mode": "enforce"});
        let bytes = canonical_text(&document).len();
        (bytes, accepts(&Kind::Policy, &json!({"action": "assign", "document": document, "selector": ""})))
    };
    let (around, fits) = unit(0);
    assert!(fits && around < MAX_POLICY_BYTES);
    assert_eq!(unit(MAX_POLICY_BYTES - around), (MAX_POLICY_BYTES, true));
    assert_eq!(unit(MAX_POLICY_BYTES - around + 1), (MAX_POLICY_BYTES + 1, false));
}

/// The forms that the first sample of a kind does not have.
#[test]
fn the_other_forms_have_rules_of_their_own() {
    let attention = |change: Value| json!({"at": TIME, "band": "ATTN", "change": change, "ruleset": zeros(), "score": 0, "seq": 0});
    let storm = |nodes: u64, site: usize| {
        attention(json!({
            "nodes": nodes, "of": 4, "site": "a".repeat(site), "state": "ended", "what": "storm",
        }))
    };
    let reason = |extra: Value| {
        let mut change = json!({"reason": "lost", "state": "cleared", "weight": 0, "what": "reason"});
        let extra: Map<String, Value> = serde_json::from_value(extra).unwrap();
        change.as_object_mut().unwrap().extend(extra);
        attention(change)
    };
    let flapping = |state: &str| attention(json!({"state": state, "what": "flapping"}));
    let silence = |what: Value| {
        let mut payload = json!({"action": "create", "expires_at": TIME, "text": "why"});
        let what: Map<String, Value> = serde_json::from_value(what).unwrap();
        payload.as_object_mut().unwrap().extend(what);
        payload
    };
    let refused = |code: &str| json!({"code": code, "command": zeros(), "state": "refused"});
    let rows = [
        (Kind::Attention, storm(4, 256), true),
        (Kind::Attention, storm(5, 256), false),
        (Kind::Attention, storm(4, 257), false),
        (Kind::Attention, reason(json!({})), true),
        (Kind::Attention, reason(json!({"subject": "a".repeat(4096), "weight": 100})), true),
        (Kind::Attention, reason(json!({"subject": "a".repeat(4097)})), false),
        (Kind::Attention, reason(json!({"weight": 101})), false),
        (Kind::Attention, reason(json!({"state": "began"})), false),
        (Kind::Attention, reason(json!({"from": "OK"})), false),
        (Kind::Attention, flapping("ended"), true),
        (Kind::Attention, flapping("firing"), false),
        (Kind::Command, json!({"action": "approve", "target": zeros(), "text": "a".repeat(65_536)}), true),
        (Kind::Command, json!({"action": "approve", "target": zeros(), "text": "a".repeat(65_537)}), false),
        (Kind::Command, json!({"action": "cancel", "target": zeros(), "text": "a".repeat(65_537)}), false),
        (Kind::Command, json!({"action": "cancel", "nonce": zeros(), "target": zeros()}), false),
        (Kind::Command, json!({"action": "cancel"}), false),
        (Kind::Policy, json!({"action": "withdraw", "assignment": zeros()}), true),
        (Kind::Policy, json!({"action": "withdraw"}), false),
        (Kind::Policy, json!({"action": "withdraw", "assignment": zeros(), "selector": ""}), false),
        (Kind::Receipt, refused("expired"), true),
        (Kind::Receipt, refused("Expired"), false),
        (Kind::Silence, silence(json!({})), false),
        (Kind::Silence, silence(json!({"tenant": "prod"})), true),
        (Kind::Silence, silence(json!({"reason": "lost"})), true),
        (Kind::Silence, silence(json!({"node": "550e8400-e29b-41d4-a716-446655440000"})), true),
        (Kind::Silence, silence(json!({"subject": "x", "tenant": "prod"})), false),
        (Kind::Silence, json!({"action": "end", "silence": zeros(), "text": "why"}), false),
        (
            Kind::Webhook,
            json!({"action": "remove", "id": "7f6c1c3e-5d0a-4a8e-9a53-0c1f5b7d2e64", "url": ""}),
            false,
        ),
        (Kind::Ruleset, json!({"bands": {}}), true),
        (Kind::Ruleset, json!({"reasons": {}}), true),
    ];
    for (kind, payload, fits) in rows {
        assert_eq!(accepts(&kind, &payload), fits, "{kind} {payload}");
    }
}

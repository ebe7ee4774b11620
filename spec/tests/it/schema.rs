//! The rules of each payload schema, one by one, and the registry as the text prints it.

mod billing;
mod findings;
mod operations;
mod organisations;
mod rollouts;
mod schedules;

use crate::history::{self, sample_of};
use serde_json::{Value, json};
use spec::limits::MAX_SAFE_INTEGER;
use spec::{Epoch, Hash, Kind, PublicKey, canonical};

/// What may be done to a sample of each kind: pointer and the value put there; `None` removes it.
type Change = (&'static str, Option<Value>);

fn zeros() -> Value {
    json!(Hash::ZERO)
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in rows of changes")]
fn long(bytes: usize) -> Option<Value> {
    Some(json!("a".repeat(bytes)))
}

fn reply_changes() -> Vec<Change> {
    vec![("/target", None), ("/target", Some(json!(""))), ("/text", long(65_537)), ("/text", Some(json!(1)))]
}

/// Changes that must be refused, for the sample of a kind. Removal of any field without which the
/// payload is not of its kind, `null`, another type, and values out of their range.
#[expect(clippy::too_many_lines, reason = "one row a rule")]
fn refused_changes(kind: &Kind, version: u64) -> Vec<Change> {
    let upper = Some(json!("AB".repeat(32)));
    match kind {
        Kind::Ack if version > 1 => {
            let bad = [("/expires_at", Some(json!("tomorrow"))), ("/expires_at", Some(json!(0)))];
            bad.into_iter().chain(reply_changes()).collect()
        }
        Kind::Ack | Kind::Reopen | Kind::Resolve => {
            let later = ("/expires_at", Some(json!("2026-11-21T20:42:11.000Z")));
            std::iter::once(later).chain(reply_changes()).collect()
        }
        Kind::Admission => vec![
            ("/version", None),
            ("/version", Some(json!(1))),
            ("/version", Some(json!("2"))),
            ("/from", Some(json!(7))),
        ],
        Kind::Authority => vec![
            ("/change", None),
            ("/change/use", Some(json!("recovery"))),
            ("/change/use", Some(json!("node"))),
            ("/change/use", Some(json!("witness"))),
            ("/change/pop", Some(json!("AA=="))),
            ("/change/extra", Some(json!(1))),
            ("/prev_change", None),
            ("/signatures", Some(json!({}))),
            ("/signatures/0/key", Some(json!("ff".repeat(32)))),
            ("/signatures/1/key", Some(zeros())),
        ],
        Kind::ChainFork => vec![
            ("/header", Some(json!("{}"))),
            ("/header", Some(json!([]))),
            ("/header", None),
            ("/key", upper),
            ("/place/seq", Some(json!(-1))),
            ("/place/epoch", Some(zeros())),
            ("/place", Some(json!([Epoch([0; 16]), 1]))),
            ("/recorded", Some(json!(MAX_SAFE_INTEGER + 1))),
            ("/sig", None),
        ],
        Kind::ChainGap => vec![
            ("/count", Some(json!(0))),
            ("/count", Some(json!(1.5))),
            ("/head", None),
            ("/from", Some(json!("2026-11-21T20:42:11.000Z"))),
            ("/to", Some(json!("2026-11-21T20:42:10Z"))),
        ],
        Kind::ChainOpen => vec![("/reason", None), ("/reason", long(1025)), ("/last", upper)],
        Kind::Clock => vec![
            ("/after", None),
            ("/last", Some(json!("2026-11-21T20:42:00.000Z"))),
            ("/since", Some(json!(-1))),
            ("/since", Some(json!("7"))),
            ("/time", Some(json!("2036-11-21T20:42:00.000Z"))),
            ("/time", Some(json!("2026-11-21T20:42:00Z"))),
            ("/signatures", Some(json!([]))),
            ("/signatures/0/key", Some(json!("ff".repeat(32)))),
            ("/signatures/1/key", Some(zeros())),
        ],
        Kind::Enrolment if version > 1 => vec![
            ("/use", Some(json!("device"))),
            ("/use", Some(json!("service"))),
            ("/use", Some(json!(null))),
            ("/node", Some(json!("acme"))),
            ("/action", Some(json!("revoke"))),
        ],
        Kind::Enrolment => vec![
            ("/use", Some(json!("node"))),
            ("/node", Some(json!("550e8400-e29b-41d4-a716-446655440000"))),
            ("/action", None),
            ("/action", Some(json!("extend"))),
            ("/action", Some(json!("revoke"))),
            ("/action", Some(json!({"create": null}))),
            ("/uses", None),
            ("/uses", Some(json!(-1))),
            ("/tenant", Some(json!("Prod"))),
            ("/expires_at", Some(json!(0))),
        ],
        Kind::Genesis => vec![
            ("/admission", Some(json!("1"))),
            ("/keys/witness", Some(zeros())),
            ("/keys/service", None),
            ("/keys/service", Some(json!(history::public("command")))),
            ("/keys/recovery/threshold", Some(json!(0))),
            ("/keys/recovery/threshold", Some(json!(4))),
            ("/keys/recovery/keys", Some(json!([]))),
            ("/keys/recovery/keys", Some(json!(vec![PublicKey([7; 32]); 17]))),
            ("/keys/recovery", Some(json!([[history::public("recovery-1")], 1]))),
            ("/name", Some(json!("Ledger"))),
            ("/nonce", None),
            ("/pop", Some(json!([]))),
            ("/pop/0/key", Some(zeros())),
            ("/predecessor/size", Some(json!("1000"))),
            ("/predecessor", Some(json!("lost"))),
        ],
        Kind::Heartbeat => vec![
            ("/node_id", None),
            ("/hostname", long(257)),
            ("/vaultmesh_root", long(4097)),
            ("/services_ok", None),
            ("/services_ok", Some(json!("fine"))),
            ("/cloudflare_ok", Some(json!(0))),
            ("/timestamp", Some(json!("today"))),
            ("/load1_milli", Some(json!(0.25))),
            ("/load1_milli", Some(json!(-1))),
            ("/clock_offset_ms", Some(json!(true))),
            ("/spool_depth", Some(json!("unknown"))),
            ("/policy_hash", upper),
            ("/agent_version", long(257)),
        ],
        Kind::Incident => vec![("/title", None), ("/title", long(513)), ("/text", long(65_537))],
        Kind::Key => vec![
            ("/author", Some(json!("user:550e8400-e29b-41d4-a716-446655440000"))),
            ("/author", Some(json!("service:ledger"))),
            ("/use", Some(json!("service"))),
            ("/use", Some(json!("device"))),
            ("/use", Some(json!({"node": null}))),
            ("/key", upper),
            ("/pop", None),
            ("/token", None),
        ],
        Kind::KeyRotation => vec![
            ("/key", None),
            ("/key", Some(json!(history::public("node-2")))),
            ("/pop", Some(json!("AA=="))),
            ("/replaces", None),
            ("/replaces", upper),
        ],
        Kind::KeyStatus => vec![
            ("/key", None),
            ("/status", Some(json!("revoked"))),
            ("/status", Some(json!("active"))),
            ("/suspect_from", None),
            ("/suspect_from", Some(json!("11"))),
            ("/reason", long(257)),
        ],
        Kind::Note => vec![("/text", None), ("/text", long(65_537)), ("/target", upper)],
        Kind::Recovery if version > 1 => vec![
            ("/last", None),
            ("/last", Some(json!(0))),
            ("/bytes", Some(json!(1))),
            ("/action", Some(json!("rebuild-root"))),
        ],
        Kind::Recovery => vec![
            ("/last", Some(json!("2026-11-21T20:42:11.000Z"))),
            ("/action", Some(json!("rebuild-root"))),
            ("/action", Some(json!("cut_tail"))),
            ("/bytes", None),
            ("/hash", None),
            ("/offset", Some(json!(-1))),
            ("/segment", None),
        ],
        Kind::Refusal => vec![
            ("/code", None),
            ("/code", long(65)),
            ("/header", Some(json!("{}"))),
            ("/sig", Some(json!("AA=="))),
        ],
        Kind::Seal => vec![
            ("/admission", None),
            ("/advisory", Some(json!([]))),
            ("/advisory/fleet/size", None),
            ("/advisory/fleet", Some(json!([Hash::ZERO, 16, 1]))),
            ("/index", Some(json!(-1))),
            ("/prev", upper),
            ("/root", None),
        ],
        Kind::Service if version > 1 => vec![
            ("/action", Some(json!("stop"))),
            ("/heartbeat_secs", Some(json!(0))),
            ("/heartbeat_secs", Some(json!(86_401))),
        ],
        Kind::Service => vec![
            ("/heartbeat_secs", Some(json!(30))),
            ("/action", Some(json!("Start"))),
            ("/action", Some(json!({"start": null}))),
            ("/version", None),
            ("/version", long(129)),
        ],
        Kind::Tag => vec![
            ("/tags", Some(json!([]))),
            ("/tags", Some(json!(vec!["a"; 65]))),
            ("/tags/0", long(129)),
            ("/tags", Some(json!("network"))),
            ("/target", None),
        ],
        Kind::Token => vec![
            ("/action", Some(json!("revoke"))),
            ("/id", Some(json!("C9F0F895-fb98-4b91-9d5a-2f6d1e8b7c44"))),
            ("/label", long(257)),
            ("/role", Some(json!("root"))),
            ("/role", Some(json!("orgOwner"))),
            ("/secret", None),
            ("/expires_at", Some(json!("2026-11-21T20:42:00Z"))),
        ],
        Kind::Custom(_) => vec![],
        Kind::Acceptance => findings::refused_changes(kind),
        Kind::Attention if version > 1 => findings::refused_changes(kind),
        Kind::Rollout | Kind::RolloutWave => rollouts::refused_changes(kind, version),
        Kind::IdentityProvider | Kind::Member | Kind::Org | Kind::SignInRule | Kind::User => {
            organisations::refused_changes(kind)
        }
        Kind::Invoice | Kind::PriceBook => billing::refused_changes(kind),
        Kind::Schedule | Kind::ScheduleRun => schedules::refused_changes(kind),
        other => operations::refused_changes(other),
    }
}

/// `value` with what stands at `pointer` replaced, added or removed.
fn changed(value: &Value, (pointer, new): &Change) -> Value {
    let mut value = value.clone();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(members) => match new {
            Some(new) => drop(members.insert(last.to_owned(), new.clone())),
            None => drop(members.remove(last).unwrap()),
        },
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = new.clone().unwrap(),
        other => panic!("{pointer} leads into {other}"),
    }
    value
}

fn canonical_text(value: &Value) -> String {
    // Values out of range have no canonical form; the loose one is refused all the more.
    let bytes = canonical::to_vec(value).unwrap_or_else(|_| value.to_string().into_bytes());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn each_kind_refuses_what_is_near_its_payload() {
    for kind in Kind::REGISTERED {
        for version in 1..=kind.info().version {
            refuses_what_is_near(kind, version);
        }
    }
}

fn refuses_what_is_near(kind: &Kind, version: u64) {
    let event = sample_of(kind, version);
    let good: Value = serde_json::from_str(&event.payload.json).unwrap();
    let accepts = |value: &Value| kind.check_payload(version, &canonical_text(value)).is_ok();
    assert!(accepts(&good), "{kind}");

    let rules = refused_changes(kind, version);
    assert!(rules.len() >= 3, "{kind}");
    for change in &rules {
        assert!(!accepts(&changed(&good, change)), "{kind}: {change:?}");
    }
    for field in good.as_object().unwrap().keys() {
        let null = changed(&good, &(Box::leak(format!("/{field}").into_boxed_str()), Some(Value::Null)));
        assert!(!accepts(&null), "{kind}: {field} null");
    }
    assert!(!accepts(&changed(&good, &("/surprise", Some(json!(1))))), "{kind}");
    for other in [Value::Null, json!([]), json!({}), json!("text"), json!(1)] {
        // A ruleset that says nothing is the built-in one.
        let empty = *kind == Kind::Ruleset && other.is_object();
        assert_eq!(accepts(&other), empty, "{kind}: {other}");
    }
    // The members of the object in an array, which serde alone would take for it.
    let members: Vec<Value> = good.as_object().unwrap().values().cloned().collect();
    assert!(!accepts(&Value::Array(members)), "{kind}");

    assert!(kind.check_payload(0, &event.payload.json).is_err(), "{kind}");
    assert!(kind.check_payload(kind.info().version + 1, &event.payload.json).is_err(), "{kind}");
}

/// Texts at their limits are accepted: the limits above are where they are said to be.
#[test]
fn the_longest_texts_are_accepted() {
    let first = [
        (Kind::Ack, "/text", 65_536),
        (Kind::Note, "/text", 65_536),
        (Kind::Incident, "/text", 65_536),
        (Kind::Incident, "/title", 512),
        (Kind::Tag, "/tags/0", 128),
        (Kind::Heartbeat, "/hostname", 256),
        (Kind::Heartbeat, "/os_profile", 256),
        (Kind::Heartbeat, "/vaultmesh_root", 4096),
        (Kind::Heartbeat, "/agent_version", 256),
        (Kind::ChainOpen, "/reason", 1024),
        (Kind::KeyStatus, "/reason", 256),
        (Kind::Token, "/label", 256),
        (Kind::Service, "/version", 128),
        (Kind::Refusal, "/code", 64),
    ]
    .map(|(kind, pointer, bytes)| (kind, 1, pointer, bytes));
    let later = operations::longest().into_iter().chain(schedules::longest()).chain(rollouts::longest());
    let later = later.chain(organisations::longest());
    for (kind, version, pointer, bytes) in first.into_iter().chain(later).chain(findings::longest()) {
        let good: Value = serde_json::from_str(&sample_of(&kind, version).payload.json).unwrap();
        let fits = canonical_text(&changed(&good, &(pointer, long(bytes))));
        assert_eq!(kind.check_payload(version, &fits), Ok(()), "{kind} {pointer}");
        let over = canonical_text(&changed(&good, &(pointer, long(bytes + 1))));
        assert!(kind.check_payload(version, &over).is_err(), "{kind} {pointer}");
    }
}

/// The registry as `spec/event.md` prints it: who may say a kind, and whether its payload can be erased.
#[test]
fn the_registry_is_the_table_of_the_text() {
    let text = include_str!("../../event.md");
    for kind in Kind::REGISTERED {
        let info = kind.info();
        let speaker = info.speaker.as_str();
        let erasable = if info.erasable { "yes" } else { "no" };
        let row = format!("| `{kind}` | {speaker} | {erasable} | {} |", info.version);
        assert!(text.contains(&row), "event.md lacks the row {row}");
        assert!(text.contains(&format!("### `{kind}`")), "event.md does not describe {kind}");
    }
}

//! The schemas of what is written, and of what it is answered with, in the OpenAPI document.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use web::openapi::{closed, schema};
use web::problem::{ADMISSION_CODES, ROWS};

const EVENT: &str = "author: Author, chain?: Chain, format: text, id: Uuid, key: PublicKey, kind: Kind, \
    ledger: Hash, node_id?: Uuid, org: Name, payload_hash: Hash, schema: SchemaVersions, severity?: Severity, \
    sig: Signature, tenant?: Name, ts: time, via?: Via";

/// The schemas that the operations name, beside those of the forms.
#[expect(clippy::too_many_lines, reason = "a table: one row for each schema")]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let codes: BTreeSet<&str> =
        ROWS.iter().map(|row| row.code).chain(ADMISSION_CODES.iter().map(|code| code.as_str())).collect();
    let any_of = |names: &[&str]| {
        let refs: Vec<Value> = names.iter().map(|name| schema(name)).collect();
        json!({"anyOf": refs})
    };
    let mut draft = closed(
        "kind: Kind, payload: object, org?: Name, tenant?: Name, node_id?: Uuid, severity?: Severity, ts?: time, \
         id?: Uuid",
    );
    if let Some(members) = draft.as_object_mut() {
        let example = json!([{"kind": "note", "org": "acme", "payload": {"text": "The disk was replaced."}}]);
        members.insert("examples".to_owned(), example);
    }
    vec![
        ("Belonging", schema("name?: text, org: Name, roles: [Role], suspended: flag")),
        ("Batch", schema("results: [Result], checkpoint: Checkpoint")),
        (
            "Bundle",
            schema(
                "authority: [Record], checkpoint: Checkpoint, entry: Entry, format: text, inclusion: [Hash]",
            ),
        ),
        ("Chain", schema("epoch: text, prev: Hash, seq: count")),
        ("PolicyDocument", closed("allow: {PolicyNarrowing}, format: text, mode: enforce/observe")),
        ("PolicyNarrowing", closed("lines?: count, paths?: [text], templates?: [text], units?: [text]")),
        ("DeliveredCommand", schema("command: ProvedRecord, approvals: [ProvedRecord], since: count")),
        (
            "DifferingLeaves",
            closed("index: count, leaf_a: Hash, leaf_b: Hash, path_a: [Hash], path_b: [Hash]"),
        ),
        ("Draft", draft),
        (
            "EnrolmentToken",
            schema("token_id: Hash, tenant?: Name, expires_at: time, uses_left: count, revoked: flag"),
        ),
        ("Entry", schema("event: EventHeader, lane: Lane, prev: Hash, recorded_at: time, seq: count")),
        ("EventHeader", schema(EVENT)),
        ("Events", any_of(&["Draft", "SignedEvent", "[Draft]", "[SignedEvent]"])),
        (
            "Heartbeat",
            schema(
                "node_id: Uuid, hostname: text, os_profile: text, cloudflare_ok: Reading, services_ok: Reading, \
                 vaultmesh_root: text, timestamp: text",
            ),
        ),
        (
            "HeartbeatAnswer",
            schema(
                "receipts: [Receipt], server_time: time, next_heartbeat_secs: count, commands: [DeliveredCommand], \
                 witness_checkpoint: Checkpoint, authority: count",
            ),
        ),
        ("HeartbeatBody", any_of(&["SignedEvent", "Heartbeat"])),
        (
            "IdentityProvider",
            schema(
                "algorithms: [text], audiences: [text], client_id?: text, id: Name, issuer: text, \
                 kind: oidc/cloudflare-access",
            ),
        ),
        ("Invitation", schema("expires_at: time, id: Uuid, role: Role")),
        (
            "Introduction",
            schema(
                "node_id: Uuid, org: Name, tenant?: Name, ledger: Hash, origin: text, log_vkey: text, \
                 authority: [Record], checkpoint: Checkpoint, introduction: IntroductionProof, \
                 heartbeat_secs: count",
            ),
        ),
        ("IntroductionProof", schema("record: Record, inclusion: [Hash]")),
        ("ProvedRecord", schema("record: Record, inclusion: [Hash]")),
        (
            "Item",
            schema(
                "seq: count, recorded_at: time, event_hash: Hash, leaf: Hash, event: EventHeader, payload?: object",
            ),
        ),
        (
            "Key",
            schema(
                "key: PublicKey, use: KeyUse, author?: Author, org: Name, tenant?: Name, introduced: count, \
                 introduction: Hash, status: KeyState, until?: count, suspect_from?: count, successor?: PublicKey, chain: KeyChain",
            ),
        ),
        ("KeyChain", schema("next: count, epochs: count")),
        ("KeySignature", closed("key: PublicKey, sig: Signature")),
        ("Lane", schema("n: count, prev: Hash")),
        ("Member", schema("expires_at?: time, role: Role, rule?: Uuid, user: Uuid")),
        ("Organisation", schema("members: count, name: text, org: Name, suspended: flag")),
        ("Place", schema("epoch: text, seq: count, prev: Hash")),
        (
            "Problem",
            schema(
                "type: text, title: text, status: 400..599, detail: text, code: ProblemCode, field?: text, \
                 pointer?: text, index?: count, expected?: Place, recorded?: flag",
            ),
        ),
        ("ProblemCode", json!({"type": "string", "enum": codes})),
        (
            "Receipt",
            schema(
                "seq: count, prev: Hash, lane: Lane, recorded_at: time, event_hash: Hash, leaf: Hash, \
                 duplicate: flag, inclusion?: [Hash], checkpoint?: Checkpoint",
            ),
        ),
        ("Reading", json!({"anyOf": [schema("flag"), json!({"const": "unknown"})]})),
        ("ReceiptOrBatch", any_of(&["Receipt", "Batch"])),
        ("Record", schema("entry: Entry, payload?: object, salt?: Hash")),
        (
            "Registration",
            closed(
                "author: Author, key: PublicKey, pop: Signature, token: text, use?: node/device, \
                 hostname?: text..256, labels?: {text}",
            ),
        ),
        ("Result", schema("index: count, status: 200..599, receipt?: Receipt, problem?: Problem")),
        ("SchemaVersions", schema("envelope: count, payload: count")),
        ("Segment", schema("first: count, bytes: count")),
        ("Share", schema("count?: 0..4096, percent?: 0..100")),
        ("SignInRule", schema("claim: text, id: Uuid, provider: Name, role: Role, value: text")),
        ("SignedEvent", closed(&format!("{EVENT}, payload: object, salt: Hash"))),
        ("Token", schema("id: Uuid, org: Name, role: Role, label: text, expires_at?: time, revoked: flag")),
        ("Via", schema("method: Name, subject?: Name")),
        ("When", schema("cron?: text..512, every_secs?: 1..31622400, start?: time")),
        ("Window", schema("days: [mon/tue/wed/thu/fri/sat/sun], minutes: 1..10080, start: text")),
        ("Witness", closed("key: PublicKey, name: Name, outside: flag, pop: Signature")),
        ("WitnessSet", closed("quorum: 1..15, witnesses: [Witness]")),
        (
            "WitnessStanding",
            schema(
                "name: Name, key: PublicKey, outside: flag, pop: Signature, vkey: text, signed_size?: count, signed_at?: time",
            ),
        ),
    ]
}

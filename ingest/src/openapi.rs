//! What the routes of the table say of themselves in the OpenAPI document, and what refusals look like there.

use crate::problem::{ADMISSION_CODES, ROWS, status_of};
use crate::routes::{self, ROUTES};
use serde_json::{Map, Value, json};
use spec::openapi::{Access, JSON, NDJSON, Operation, PROBLEM, TEXT, schema};
use std::collections::{BTreeMap, BTreeSet};

const EVENT: &str = "author: Author, chain?: Chain, format: text, id: Uuid, key: PublicKey, kind: Kind, \
    ledger: Hash, node_id?: Uuid, org: Name, payload_hash: Hash, schema: SchemaVersions, severity?: Severity, \
    sig: Signature, tenant?: Name, ts: time, via?: Via";

const ENTRIES: &str = "items: [Item], next_cursor: text|null, checkpoint: Checkpoint";

/// An operation of a row of the table: who may use it is said there.
fn row(method: &'static str, path: &'static str, id: &'static str, tag: &'static str) -> Operation {
    let row = ROUTES.iter().find(|route| route.method == method && route.path == path);
    let access = match row.map(|route| route.access) {
        Some(routes::Access::Credential) => Access::Credential,
        Some(routes::Access::Anyone) => Access::Principal(""),
        Some(routes::Access::Role(action) | routes::Access::Everywhere(action)) => {
            Access::Principal(action.as_str())
        }
        Some(routes::Access::Public) | None => Access::Public,
    };
    Operation::new(method, path, id, tag, access)
}

/// One for each row of the table.
pub fn operations() -> Vec<Operation> {
    [writing(), managing(), telling(), scheduling(), proving()].concat()
}

fn writing() -> Vec<Operation> {
    let register = |path, id| {
        row("POST", path, id, "Enrolment")
            .says("Introduce a key with an enrolment token.")
            .body(JSON, "Registration")
            .answers(201, JSON, "Introduction")
            .answers(200, JSON, "Introduction")
    };
    vec![
        row("POST", "/api/agent/heartbeat", "postHeartbeat", "Events")
            .says("Record a heartbeat: a signed event, or its payload under a node's JWT.")
            .body(JSON, "HeartbeatBody")
            .answers(201, JSON, "HeartbeatAnswer")
            .answers(200, JSON, "HeartbeatAnswer"),
        row("POST", "/api/nodes/{id}/heartbeat", "postNodeHeartbeat", "Events")
            .says("Record a heartbeat of this node.")
            .takes("id: Uuid")
            .body(JSON, "HeartbeatBody")
            .answers(201, JSON, "HeartbeatAnswer")
            .answers(200, JSON, "HeartbeatAnswer"),
        row("POST", "/api/events", "postEvents", "Events")
            .says("Record one event or a batch: signed ones, or drafts that the service signs.")
            .takes("inclusion?: true/false")
            .body(JSON, "Events")
            .body(NDJSON, "text")
            .answers(201, JSON, "ReceiptOrBatch")
            .answers(200, JSON, "ReceiptOrBatch")
            .answers(207, JSON, "Batch"),
        row("GET", "/api/events", "listEvents", "Events")
            .says("Entries by time, kind, node and severity.")
            .takes(
                "since?: text, until?: text, kind?: text, node_id?: Uuid, min_severity?: Severity, org?: Name, \
                 order?: asc/desc, limit?: 1..500, cursor?: text",
            )
            .answers(200, JSON, ENTRIES),
        row("POST", "/api/import", "importEvents", "Events")
            .says("Record drafts from elsewhere; a line that was imported before adds nothing.")
            .takes("source: Name")
            .body(NDJSON, "text")
            .answers(201, JSON, "Batch")
            .answers(200, JSON, "Batch")
            .answers(207, JSON, "Batch"),
        register("/api/nodes/register", "registerNode"),
        register("/api/nodes", "createNode"),
    ]
}

fn managing() -> Vec<Operation> {
    let tokens = "/api/orgs/{org}/nodes/enrollment-tokens";
    vec![
        row("GET", "/api/me", "getMe", "Tokens").says("Who is asking.").answers(
            200,
            JSON,
            "kind: node/token/admin, id: text, org: Name|null, roles: [Role], actions: [text], ledger: Hash",
        ),
        row("POST", "/api/tokens", "createToken", "Tokens")
            .says("Make an API token; the answer is the only one that shows it.")
            .body(JSON, "org: Name, role: Role, label: text..256, ttl_secs?: 1..316224000")
            .answers(201, JSON, "token: text, id: Uuid, expires_at?: time"),
        row("GET", "/api/tokens", "listTokens", "Tokens").says("API tokens, without their secrets.").answers(
            200,
            JSON,
            "items: [Token]",
        ),
        row("DELETE", "/api/tokens/{id}", "revokeToken", "Tokens")
            .says("End an API token.")
            .takes("id: Uuid")
            .answers(204, "", "")
            .refuses(&[404]),
        row("GET", "/api/keys", "listKeys", "Keys")
            .says("Keys, in their own order.")
            .takes("org?: Name, status?: KeyState, limit?: 1..500, cursor?: PublicKey")
            .answers(200, JSON, "items: [Key], next_cursor: text|null"),
        row("GET", "/api/keys/{key}", "getKey", "Keys")
            .says("One key.")
            .takes("key: PublicKey")
            .answers(200, JSON, "Key")
            .refuses(&[404]),
        row("PATCH", "/api/keys/{key}/governance", "governKey", "Keys")
            .says("End a key.")
            .takes("key: PublicKey")
            .body(JSON, "status: revoked/compromised, reason?: text..1024, suspect_from?: count")
            .answers(200, JSON, "Key")
            .refuses(&[404, 409]),
        row("POST", tokens, "createEnrolmentToken", "Enrolment")
            .says("Make an enrolment token; the answer is the only one that shows it.")
            .takes("org: Name")
            .body(JSON, "tenant?: Name, ttl_secs?: 1..2592000, uses?: 1..10000")
            .answers(201, JSON, "token: text, token_id: Hash, expires_at: time"),
        row("GET", tokens, "listEnrolmentTokens", "Enrolment")
            .says("Enrolment tokens, without their secrets.")
            .takes("org: Name")
            .answers(200, JSON, "items: [EnrolmentToken]"),
        row(
            "DELETE",
            "/api/orgs/{org}/nodes/enrollment-tokens/{token_id}",
            "revokeEnrolmentToken",
            "Enrolment",
        )
        .says("End an enrolment token before its time.")
        .takes("org: Name, token_id: Hash")
        .answers(204, "", "")
        .refuses(&[404]),
    ]
}

fn telling() -> Vec<Operation> {
    let webhooks = "/api/orgs/{org}/webhooks";
    vec![
        row("POST", "/api/commands", "issueCommand", "Commands")
            .says("Give a node a command.")
            .body(
                JSON,
                "node_id: Uuid, command: Name, parameters?: {text}, not_before?: time, ttl_secs?: 1..2592000, \
                 approvals?: 0..5, text?: text",
            )
            .answers(201, JSON, "command: Hash, seq: count")
            .refuses(&[404]),
        row("POST", "/api/commands/{hash}/approve", "approveCommand", "Commands")
            .says("Agree to a command that somebody else gave.")
            .takes("hash: Hash")
            .body(JSON, "text?: text")
            .answers(201, JSON, "event: Hash, seq: count")
            .refuses(&[404, 409]),
        row("POST", "/api/commands/{hash}/cancel", "cancelCommand", "Commands")
            .says("Take a command back that its node has not begun.")
            .takes("hash: Hash")
            .body(JSON, "text?: text")
            .answers(201, JSON, "event: Hash, seq: count")
            .refuses(&[404, 409]),
        row("GET", "/api/agent/commands", "pollCommands", "Commands")
            .says("What the node that asks is to carry out, each with its proof.")
            .takes("after?: count, wait?: 0..25")
            .answers(200, JSON, "commands: [DeliveredCommand], checkpoint: Checkpoint"),
        row("POST", "/api/orgs/{org}/policies", "assignPolicy", "Policies")
            .says("From now on nodes are to follow a policy: one node, or those that a selector selects.")
            .takes("org: Name")
            .body(JSON, "document: PolicyDocument, node?: Uuid, selector?: text..1024")
            .answers(201, JSON, "assignment: Hash, policy: Hash, seq: count")
            .refuses(&[404]),
        row("DELETE", "/api/orgs/{org}/policies/{assignment}", "withdrawPolicy", "Policies")
            .says("End an assignment of a policy.")
            .takes("org: Name, assignment: Hash")
            .answers(204, "", "")
            .refuses(&[404]),
        row("POST", webhooks, "createWebhook", "Incidents")
            .says("Make a webhook; the answer is the only one that shows its secret.")
            .takes("org: Name")
            .body(JSON, "url: text..2048, types?: [WebhookType]")
            .answers(201, JSON, "id: Uuid, org: Name, secret: text, types: [WebhookType], url: text")
            .refuses(&[409]),
        row("DELETE", "/api/orgs/{org}/webhooks/{id}", "removeWebhook", "Incidents")
            .says("Tell a webhook nothing more.")
            .takes("org: Name, id: Uuid")
            .answers(204, "", "")
            .refuses(&[404]),
    ]
}

fn scheduling() -> Vec<Operation> {
    let change = |path, id, summary| {
        row("POST", path, id, "Commands")
            .says(summary)
            .takes("id: Uuid")
            .body(JSON, "org?: Name")
            .answers(201, JSON, "id: Uuid, org: Name, seq: count")
            .refuses(&[404, 409])
    };
    vec![
        row("POST", "/api/rollouts", "startRollout", "Commands")
            .says("Give a selection of nodes a command, in waves.")
            .body(
                JSON,
                "name: text..256, command: Name, waves: [Share], may_fail?: Share, org?: Name, \
                 parameters?: {text}, selector?: text..1024, os_profile?: text..256, ttl_secs?: 1..2592000, \
                 pause_secs?: 0..604800, approvals?: 0..5, approval_secs?: 1..2592000",
            )
            .answers(201, JSON, "id: Uuid, org: Name, seq: count, approve_by?: time")
            .refuses(&[409]),
        row("POST", "/api/rollouts/{id}/approve", "approveRollout", "Commands")
            .says("Agree to a roll-out that somebody else started.")
            .takes("id: Uuid")
            .body(JSON, "org?: Name, text?: text")
            .answers(201, JSON, "id: Uuid, org: Name, seq: count")
            .refuses(&[404, 409]),
        change("/api/rollouts/{id}/pause", "pauseRollout", "Tell nobody more until it goes on."),
        change("/api/rollouts/{id}/resume", "resumeRollout", "Let a roll-out go on."),
        change("/api/rollouts/{id}/abort", "abortRollout", "End a roll-out."),
        row("PUT", "/api/schedules/{id}", "setSchedule", "Schedules")
            .says("Make a schedule, or put it in the place of the one with this id.")
            .takes("id: Uuid")
            .body(
                JSON,
                "name: text..256, command: Name, when: When, org?: Name, parameters?: {text}, \
                 selector?: text..1024, os_profile?: text..256, ttl_secs?: 1..2592000, jitter_secs?: 0..86400, \
                 windows?: [Window], outside?: skip/wait, catch_up?: once/skip",
            )
            .answers(201, JSON, "id: Uuid, org: Name, seq: count, warning?: text")
            .answers(200, JSON, "id: Uuid, org: Name, seq: count, warning?: text")
            .refuses(&[409]),
        row("DELETE", "/api/schedules/{id}", "removeSchedule", "Schedules")
            .says("End a schedule.")
            .takes("id: Uuid, org?: Name")
            .answers(204, "", "")
            .refuses(&[404]),
    ]
}

fn proving() -> Vec<Operation> {
    let get = |path, id, summary| row("GET", path, id, "Ledger").says(summary);
    vec![
        get("/api/ledger/entries", "listEntries", "Record lines; the header Link names the next page.")
            .takes("from?: count, limit?: 1..1000")
            .answers(200, NDJSON, "text"),
        get("/api/ledger/entries/{seq}", "getEntry", "One record line.")
            .takes("seq: count")
            .answers(200, JSON, "Record")
            .refuses(&[404]),
        get("/api/ledger/bundle/{seq}", "getBundle", "Everything that proves an entry.")
            .takes("seq: count")
            .answers(200, JSON, "Bundle")
            .refuses(&[404]),
        get("/api/ledger/segments", "listSegments", "The files of the log.").answers(
            200,
            JSON,
            "items: [Segment]",
        ),
        get("/api/ledger/segments/{first}", "getSegment", "A file of the log as it lies on disk.")
            .takes("first: count")
            .answers(200, NDJSON, "text")
            .refuses(&[404]),
        row("POST", "/api/ledger/seal", "sealLedger", "Ledger")
            .says("Append a seal, unless nothing but a seal happened since the last one.")
            .answers(200, JSON, "seq: count|null"),
        get("/healthz", "getHealth", "Whether the process answers.").answers(200, TEXT, "text"),
        get("/readyz", "getReadiness", "Whether events are taken.").answers(200, TEXT, "text"),
        get("/metrics", "getMetrics", "Counters in the text format of Prometheus.")
            .answers(200, TEXT, "text"),
        get("/ROOT.txt", "getRoot", "The newest checkpoint.").answers(200, TEXT, "text"),
        get("/COSIGNED.txt", "getCosigned", "The newest checkpoint that has its quorum of witnesses.")
            .answers(200, TEXT, "text")
            .refuses(&[404]),
        get("/PROOFCHAIN.json", "getProofchain", "The proof chain.")
            .answers(200, JSON, "object")
            .refuses(&[404]),
        get("/proofchain/{file}", "getProofchainPart", "A part of the proof chain.")
            .takes("file: text")
            .answers(200, NDJSON, "text")
            .refuses(&[404]),
        get("/api/ledger", "getLedger", "The ledger's identity and size.").answers(
            200,
            JSON,
            "ledger: Hash, origin: text, log_vkey: text, size: count",
        ),
        get("/api/ledger/authority", "getAuthority", "Genesis and every change of the ledger's keys.")
            .answers(200, JSON, "authority: [Record]"),
        get("/api/ledger/checkpoint", "getCheckpoint", "The newest checkpoint.").answers(200, TEXT, "text"),
        get(
            "/api/ledger/proof/inclusion",
            "getInclusionProof",
            "That an entry is in the log; name `seq` or `index`.",
        )
        .takes("seq?: count, index?: count, size?: count")
        .answers(200, JSON, "seq: count, size: count, leaf: Hash, proof: [Hash]"),
        get("/api/ledger/proof/consistency", "getConsistencyProof", "That the log only grew.")
            .takes("old: count, new?: count")
            .answers(200, JSON, "old: count, new: count, proof: [Hash]"),
        get("/api/ledger/witnesses", "listWitnesses", "The witness set, and how far each of them has come.")
            .answers(
                200,
                JSON,
                "quorum: count, from: count|null, witnesses: [WitnessStanding], size: count, offered: count|null, \
                 cosigned: count|null, prev_change: Hash",
            ),
        row("POST", "/api/ledger/witnesses", "changeWitnesses", "Ledger")
            .says("Name another witness set, signed by the recovery keys or the quorum of the one before.")
            .body(JSON, "prev_change: Hash, set: WitnessSet, signatures: [KeySignature]")
            .answers(201, JSON, "seq: count"),
        get(
            "/api/ledger/witness-checkpoint",
            "getWitnessCheckpoint",
            "The checkpoint that witnesses are to sign, with the proof that it extends the one of size `after`.",
        )
        .takes("after?: count, wait?: 0..25")
        .answers(200, JSON, "checkpoint: Checkpoint, old: count, consistency: [Hash], authority: count"),
        row("POST", "/api/ledger/cosignatures", "postCosignature", "Ledger")
            .says("A witness's line under a checkpoint that was offered.")
            .body(JSON, "note: text")
            .answers(200, JSON, "size: count, cosigned: count, quorum: count")
            .refuses(&[409]),
        row("POST", "/api/ledger/contradictions", "postContradiction", "Ledger")
            .says("Two checkpoints under the ledger's signature that cannot both be of its history.")
            .body(JSON, "a: text, b: text, leaves?: DifferingLeaves")
            .answers(201, JSON, "seq: count")
            .answers(200, JSON, "seq: count"),
    ]
}

/// The schemas that the operations name, beside those of the forms.
#[expect(clippy::too_many_lines, reason = "a table: one row for each schema")]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let codes: BTreeSet<&str> =
        ROWS.iter().map(|row| row.code).chain(ADMISSION_CODES.iter().map(|code| code.as_str())).collect();
    let any_of = |names: &[&str]| {
        let refs: Vec<Value> = names.iter().map(|name| schema(name)).collect();
        json!({"anyOf": refs})
    };
    let closed = spec::openapi::closed;
    let mut draft = closed(
        "kind: Kind, payload: object, org?: Name, tenant?: Name, node_id?: Uuid, severity?: Severity, ts?: time, \
         id?: Uuid",
    );
    if let Some(members) = draft.as_object_mut() {
        let example = json!([{"kind": "note", "org": "acme", "payload": {"text": "The disk was replaced."}}]);
        members.insert("examples".to_owned(), example);
    }
    vec![
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

/// The refusals by status.
pub fn responses() -> Map<String, Value> {
    let rows = ROWS.iter().map(|row| (row.status, row.code));
    let codes = ADMISSION_CODES.into_iter().map(|code| (status_of(code), code.as_str()));
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for (status, code) in rows.chain(codes) {
        by_status.entry(status).or_default().insert(code);
    }
    let response = |codes: BTreeSet<&str>| {
        json!({
            "description": codes.into_iter().collect::<Vec<_>>().join(", "),
            "content": {PROBLEM: {"schema": schema("Problem")}},
        })
    };
    by_status.into_iter().map(|(status, codes)| (format!("Problem{status}"), response(codes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_an_operation_and_every_operation_a_row() {
        let rows: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.as_str(), route.path)).collect();
        let told: BTreeSet<_> = operations().iter().map(|one| (one.method, one.path)).collect();
        assert_eq!(rows, told);
        assert_eq!(operations().len(), ROUTES.len());
    }
}

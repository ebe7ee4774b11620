//! The routes that need the log alone, each beside what it says of itself.

mod organising;

use crate::authority::Ingest;
use crate::{enrolment, entries, events, import, keys, public, query, register, tokens, webhooks, witnesses};
use Access::{Anyone, Credential, Everywhere, Public, Role};
use axum::http::Method;
use web::limits::{MAX_EVENTS_BODY_BYTES, MAX_JSON_BODY_BYTES};
use web::openapi::{JSON, NDJSON, TEXT};
use web::{Access, Action, BodyRule, Handler, Route};

const NONE: BodyRule = BodyRule::None;
const SMALL: BodyRule = BodyRule::Json(MAX_JSON_BODY_BYTES);
const EVENTS: BodyRule = BodyRule::Events(MAX_EVENTS_BODY_BYTES);
const LINES: BodyRule = BodyRule::Lines(MAX_EVENTS_BODY_BYTES);

/// The members of an answer with entries.
const ENTRIES: &str = "items: [Item], next_cursor: text|null, checkpoint: Checkpoint";

fn get<A: 'static>(path: &'static str, access: Access, handler: impl Handler<Ingest, A>) -> Route<Ingest> {
    Route::new(Method::GET, path, access, NONE, handler)
}

fn post<A: 'static>(
    path: &'static str,
    access: Access,
    body: BodyRule,
    handler: impl Handler<Ingest, A>,
) -> Route<Ingest> {
    Route::new(Method::POST, path, access, body, handler)
}

fn delete<A: 'static>(path: &'static str, access: Access, handler: impl Handler<Ingest, A>) -> Route<Ingest> {
    Route::new(Method::DELETE, path, access, NONE, handler)
}

/// The list of them.
pub fn routes() -> Vec<Route<Ingest>> {
    let managing = managing().into_iter().chain(organising::routes());
    writing().into_iter().chain(managing).chain(proving()).chain(witnessing()).collect()
}

fn writing() -> Vec<Route<Ingest>> {
    let register = |path, id| {
        post(path, Credential, SMALL, register::post)
            .called(id, "Enrolment")
            .says("Introduce a key with an enrolment token.")
            .body(JSON, "Registration")
            .answers(201, JSON, "Introduction")
            .answers(200, JSON, "Introduction")
    };
    vec![
        post("/api/events", Credential, EVENTS, events::post)
            .called("postEvents", "Events")
            .says("Record one event or a batch: signed ones, or drafts that the service signs.")
            .takes("inclusion?: true/false")
            .body(JSON, "Events")
            .body(NDJSON, "text")
            .answers(201, JSON, "ReceiptOrBatch")
            .answers(200, JSON, "ReceiptOrBatch")
            .answers(207, JSON, "Batch"),
        get("/api/events", Role(Action::Read), query::get)
            .called("listEvents", "Events")
            .says("Entries by time, kind, node and severity.")
            .takes(
                "since?: text, until?: text, kind?: text, node_id?: Uuid, min_severity?: Severity, org?: Name, \
                 order?: asc/desc, limit?: 1..500, cursor?: text",
            )
            .answers(200, JSON, ENTRIES),
        post("/api/import", Role(Action::Import), LINES, import::post)
            .called("importEvents", "Events")
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

fn managing() -> Vec<Route<Ingest>> {
    let enrolment = "/api/orgs/{org}/nodes/enrollment-tokens";
    let webhooks = "/api/orgs/{org}/webhooks";
    vec![
        get("/api/me", Anyone, tokens::me).called("getMe", "Tokens").says("Who is asking.").answers(
            200,
            JSON,
            "kind: node/token/user/admin, id: text, org: Name|null, roles: [Role], actions: [text], ledger: Hash, \
             orgs: [Belonging]",
        ),
        post("/api/tokens", Role(Action::ManageTokens), SMALL, tokens::create)
            .called("createToken", "Tokens")
            .says("Make an API token; the answer is the only one that shows it.")
            .body(JSON, "org: Name, role: Role, label: text..256, ttl_secs?: 1..316224000")
            .answers(201, JSON, "token: text, id: Uuid, expires_at?: time"),
        get("/api/tokens", Role(Action::ManageTokens), tokens::list)
            .called("listTokens", "Tokens")
            .says("API tokens, without their secrets.")
            .answers(200, JSON, "items: [Token]"),
        delete("/api/tokens/{id}", Role(Action::ManageTokens), tokens::revoke)
            .called("revokeToken", "Tokens")
            .says("End an API token.")
            .takes("id: Uuid")
            .answers(204, "", "")
            .refuses(&[404]),
        get("/api/keys", Role(Action::Read), keys::list)
            .called("listKeys", "Keys")
            .says("Keys, in their own order.")
            .takes("org?: Name, status?: KeyState, limit?: 1..500, cursor?: PublicKey")
            .answers(200, JSON, "items: [Key], next_cursor: text|null"),
        get("/api/keys/{key}", Role(Action::Read), keys::get)
            .called("getKey", "Keys")
            .says("One key.")
            .takes("key: PublicKey")
            .answers(200, JSON, "Key")
            .refuses(&[404]),
        Route::new(
            Method::PATCH,
            "/api/keys/{key}/governance",
            Role(Action::GovernKeys),
            SMALL,
            keys::govern,
        )
        .called("governKey", "Keys")
        .says("End a key.")
        .takes("key: PublicKey")
        .body(JSON, "status: revoked/compromised, reason?: text..1024, suspect_from?: count")
        .answers(200, JSON, "Key")
        .refuses(&[404, 409]),
        post(enrolment, Role(Action::ManageEnrolment), SMALL, enrolment::create)
            .called("createEnrolmentToken", "Enrolment")
            .says("Make an enrolment token; the answer is the only one that shows it.")
            .takes("org: Name")
            .body(JSON, "tenant?: Name, ttl_secs?: 1..2592000, uses?: 1..10000")
            .answers(201, JSON, "token: text, token_id: Hash, expires_at: time"),
        get(enrolment, Role(Action::ManageEnrolment), enrolment::list)
            .called("listEnrolmentTokens", "Enrolment")
            .says("Enrolment tokens, without their secrets.")
            .takes("org: Name")
            .answers(200, JSON, "items: [EnrolmentToken]"),
        delete(
            "/api/orgs/{org}/nodes/enrollment-tokens/{token_id}",
            Role(Action::ManageEnrolment),
            enrolment::revoke,
        )
        .called("revokeEnrolmentToken", "Enrolment")
        .says("End an enrolment token before its time.")
        .takes("org: Name, token_id: Hash")
        .answers(204, "", "")
        .refuses(&[404]),
        post(webhooks, Role(Action::ManageRules), SMALL, webhooks::create)
            .called("createWebhook", "Incidents")
            .says("Make a webhook; the answer is the only one that shows its secret.")
            .takes("org: Name")
            .body(JSON, "url: text..2048, types?: [WebhookType]")
            .answers(201, JSON, "id: Uuid, org: Name, secret: text, types: [WebhookType], url: text")
            .refuses(&[409]),
        delete("/api/orgs/{org}/webhooks/{id}", Role(Action::ManageRules), webhooks::remove)
            .called("removeWebhook", "Incidents")
            .says("Tell a webhook nothing more.")
            .takes("org: Name, id: Uuid")
            .answers(204, "", "")
            .refuses(&[404]),
    ]
}

fn proving() -> Vec<Route<Ingest>> {
    let proof = "/api/ledger/proof/inclusion";
    vec![
        get("/api/ledger/entries", Role(Action::Read), entries::list)
            .called("listEntries", "Ledger")
            .says("Record lines; the header Link names the next page.")
            .takes("from?: count, limit?: 1..1000")
            .answers(200, NDJSON, "text"),
        get("/api/ledger/entries/{seq}", Role(Action::Read), entries::get)
            .called("getEntry", "Ledger")
            .says("One record line.")
            .takes("seq: count")
            .answers(200, JSON, "Record")
            .refuses(&[404]),
        get("/api/ledger/bundle/{seq}", Role(Action::Read), entries::bundle)
            .called("getBundle", "Ledger")
            .says("Everything that proves an entry.")
            .takes("seq: count")
            .answers(200, JSON, "Bundle")
            .refuses(&[404]),
        get("/api/ledger/segments", Everywhere(Action::Audit), entries::segments)
            .called("listSegments", "Ledger")
            .says("The files of the log.")
            .answers(200, JSON, "items: [Segment]"),
        get("/api/ledger/segments/{first}", Everywhere(Action::Audit), entries::segment)
            .called("getSegment", "Ledger")
            .says("A file of the log as it lies on disk.")
            .takes("first: count")
            .answers(200, NDJSON, "text")
            .refuses(&[404]),
        post("/api/ledger/seal", Everywhere(Action::Seal), NONE, public::seal)
            .called("sealLedger", "Ledger")
            .says("Append a seal, unless nothing but a seal happened since the last one.")
            .answers(200, JSON, "seq: count|null"),
        get("/ROOT.txt", Public, public::checkpoint)
            .called("getRoot", "Ledger")
            .says("The newest checkpoint.")
            .answers(200, TEXT, "text"),
        get("/PROOFCHAIN.json", Public, public::proofchain)
            .called("getProofchain", "Ledger")
            .says("The proof chain.")
            .answers(200, JSON, "object")
            .refuses(&[404]),
        get("/proofchain/{file}", Public, public::proofchain_part)
            .called("getProofchainPart", "Ledger")
            .says("A part of the proof chain.")
            .takes("file: text")
            .answers(200, NDJSON, "text")
            .refuses(&[404]),
        get("/api/ledger", Public, public::ledger)
            .called("getLedger", "Ledger")
            .says("The ledger's identity and size.")
            .answers(200, JSON, "ledger: Hash, origin: text, log_vkey: text, size: count"),
        get("/api/ledger/authority", Public, public::authority)
            .called("getAuthority", "Ledger")
            .says("Genesis and every change of the ledger's keys.")
            .answers(200, JSON, "authority: [Record]"),
        get("/api/ledger/checkpoint", Public, public::checkpoint)
            .called("getCheckpoint", "Ledger")
            .says("The newest checkpoint.")
            .answers(200, TEXT, "text"),
        get(proof, Public, public::inclusion)
            .called("getInclusionProof", "Ledger")
            .says("That an entry is in the log; name `seq` or `index`.")
            .takes("seq?: count, index?: count, size?: count")
            .answers(200, JSON, "seq: count, size: count, leaf: Hash, proof: [Hash]"),
        get("/api/ledger/proof/consistency", Public, public::consistency)
            .called("getConsistencyProof", "Ledger")
            .says("That the log only grew.")
            .takes("old: count, new?: count")
            .answers(200, JSON, "old: count, new: count, proof: [Hash]"),
    ]
}

fn witnessing() -> Vec<Route<Ingest>> {
    vec![
        get("/COSIGNED.txt", Public, witnesses::cosigned)
            .called("getCosigned", "Ledger")
            .says("The newest checkpoint that has its quorum of witnesses.")
            .answers(200, TEXT, "text")
            .refuses(&[404]),
        get("/api/ledger/witnesses", Public, witnesses::list)
            .called("listWitnesses", "Ledger")
            .says("The witness set, and how far each of them has come.")
            .answers(
                200,
                JSON,
                "quorum: count, from: count|null, witnesses: [WitnessStanding], size: count, offered: count|null, \
                 cosigned: count|null, prev_change: Hash",
            ),
        post("/api/ledger/witnesses", Everywhere(Action::GovernKeys), SMALL, witnesses::change)
            .called("changeWitnesses", "Ledger")
            .says("Name another witness set, signed by the recovery keys or the quorum of the one before.")
            .body(JSON, "prev_change: Hash, set: WitnessSet, signatures: [KeySignature]")
            .answers(201, JSON, "seq: count"),
        get("/api/ledger/witness-checkpoint", Public, witnesses::offer)
            .called("getWitnessCheckpoint", "Ledger")
            .says(
                "The checkpoint that witnesses are to sign, with the proof that it extends the one of size \
                 `after`.",
            )
            .takes("after?: count, wait?: 0..25")
            .answers(200, JSON, "checkpoint: Checkpoint, old: count, consistency: [Hash], authority: count"),
        post("/api/ledger/cosignatures", Credential, SMALL, witnesses::cosign)
            .called("postCosignature", "Ledger")
            .says("A witness's line under a checkpoint that was offered.")
            .body(JSON, "note: text")
            .answers(200, JSON, "size: count, cosigned: count, quorum: count")
            .refuses(&[409]),
        post("/api/ledger/contradictions", Credential, SMALL, witnesses::contradict)
            .called("postContradiction", "Ledger")
            .says("Two checkpoints under the ledger's signature that cannot both be of its history.")
            .body(JSON, "a: text, b: text, leaves?: DifferingLeaves")
            .answers(201, JSON, "seq: count")
            .answers(200, JSON, "seq: count"),
    ]
}

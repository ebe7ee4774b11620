//! The routes that need the log alone, each beside what it says of itself.

mod organising;

use crate::authority::Ingest;
use crate::entries::BundleMembers;
use crate::keys::KeyState;
use crate::public::{Authority, ConsistencyProof, InclusionProof};
use crate::query::{EntriesAnswer, Order};
use crate::slo::OutcomesRequest;
use crate::templates::{TemplateAnswer, TemplateKind};
use crate::wire::{
    BatchAnswer, EnrolmentCreated, EnrolmentRequest, EnrolmentRow, EventsRequest, Items, KeyRow,
    KeyStatusRequest, KeysAnswer, LedgerAnswer, Me, ReceiptOrBatch, Recorded, RegisterAnswer,
    RegisterRequest, SealAnswer, SegmentRow, TokenCreated, TokenRequest, TokenRow, WebhookCreated,
    WebhookRequest, WitnessesAnswer,
};
use crate::witnesses::{CosignatureAnswer, Cosigning, OfferAnswer, Report};
use crate::{
    enrolment, entries, events, import, keys, public, query, register, slo, templates, tokens, webhooks,
    witnesses,
};
use Access::{Anyone, Credential, Everywhere, Public, Role};
use axum::http::Method;
use spec::payload::WitnessSetChange;
use spec::{Hash, Name, PublicKey, Record, Severity, Uuid};
use web::limits::{MAX_EVENTS_BODY_BYTES, MAX_HEARTBEAT_BODY_BYTES, MAX_JSON_BODY_BYTES};
use web::openapi::{JSON, NDJSON, Object, TEXT};
use web::paging::{EntriesLimit, PollSecs};
use web::{Access, Action, Alias, BodyRule, Handler, Route, with_aliases};

const NONE: BodyRule = BodyRule::None;
const SMALL: BodyRule = BodyRule::Json(MAX_JSON_BODY_BYTES);
const EVENTS: BodyRule = BodyRule::Events(MAX_EVENTS_BODY_BYTES);
const REPORT: BodyRule = BodyRule::Json(MAX_HEARTBEAT_BODY_BYTES);
const LINES: BodyRule = BodyRule::Lines(MAX_EVENTS_BODY_BYTES);

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

/// Paths that clients of `ritma_cloud` know.
const ALIASES: &[Alias] = &[
    ("/api/keys/{key}", "/keys/{key}", "getKeyByName"),
    ("/api/keys/{key}/governance", "/keys/{key}/governance", "governKeyByName"),
];

/// The list of them.
pub fn routes() -> Vec<Route<Ingest>> {
    let managing = managing().into_iter().chain(organising::routes());
    let all = writing().into_iter().chain(managing).chain(proving()).chain(witnessing());
    with_aliases(all.collect(), ALIASES)
}

fn writing() -> Vec<Route<Ingest>> {
    let register = |path, id| {
        post(path, Credential, SMALL, register::post)
            .called(id, "Enrolment")
            .says("Introduce a key with an enrolment token.")
            .body::<RegisterRequest>(JSON)
            .answers::<RegisterAnswer<'static>>(201, JSON)
            .answers::<RegisterAnswer<'static>>(200, JSON)
    };
    vec![
        post("/api/events", Credential, EVENTS, events::post)
            .called("postEvents", "Events")
            .says("Record one event or a batch: signed ones, or drafts that the service signs.")
            .takes::<bool>(
                "inclusion",
                "Whether each receipt of a batch has its inclusion path; that of a single event always has.",
            )
            .body::<EventsRequest>(JSON)
            .body::<String>(NDJSON)
            .answers::<ReceiptOrBatch>(201, JSON)
            .answers::<ReceiptOrBatch>(200, JSON)
            .answers::<BatchAnswer>(207, JSON),
        get("/api/events", Role(Action::Read), query::get)
            .called("listEvents", "Events")
            .says("Entries by time, kind, node and severity.")
            .takes::<String>(
                "since",
                "From then on: a time of RFC 3339, how long ago (`90s`, `15m`, `2h`, `7d`), or `seq:N`.",
            )
            .takes::<String>("until", "Before then, as `since`.")
            .takes::<String>("kind", "Kinds, with commas between them.")
            .takes::<Uuid>("node_id", "What is about this node.")
            .takes::<Severity>("min_severity", "At least so grave.")
            .takes::<Name>("org", "Of this organisation.")
            .takes::<Order>("order", "Which come first; the newest, if absent.")
            .paged()
            .answers::<EntriesAnswer<'static>>(200, JSON),
        post("/api/import", Role(Action::Import), LINES, import::post)
            .called("importEvents", "Events")
            .says("Record drafts from elsewhere; a line that was imported before adds nothing.")
            .needs::<Name>("source", "Where they come from: part of the name of their author.")
            .body::<String>(NDJSON)
            .answers::<BatchAnswer>(201, JSON)
            .answers::<BatchAnswer>(200, JSON)
            .answers::<BatchAnswer>(207, JSON),
        post("/api/nodes/{id}/slo", Credential, REPORT, slo::post)
            .called("postOutcomes", "Nodes")
            .says("Record how operations of a node ended: counts of spans of time under its JWT, or a signed event.")
            .takes::<Uuid>("id", "The node.")
            .body::<OutcomesRequest>(JSON)
            .answers::<BatchAnswer>(201, JSON)
            .answers::<BatchAnswer>(200, JSON)
            .answers::<BatchAnswer>(207, JSON),
        register("/api/nodes/register", "registerNode"),
        register("/api/nodes", "createNode"),
    ]
}

fn managing() -> Vec<Route<Ingest>> {
    let enrolment = "/api/orgs/{org}/nodes/enrollment-tokens";
    let webhooks = "/api/orgs/{org}/webhooks";
    vec![
        get("/api/me", Anyone, tokens::me)
            .called("getMe", "Tokens")
            .says("Who is asking.")
            .answers::<Me>(200, JSON),
        post("/api/tokens", Role(Action::ManageTokens), SMALL, tokens::create)
            .called("createToken", "Tokens")
            .says("Make an API token; the answer is the only one that shows it.")
            .body::<TokenRequest>(JSON)
            .answers::<TokenCreated>(201, JSON),
        get("/api/tokens", Role(Action::ManageTokens), tokens::list)
            .called("listTokens", "Tokens")
            .says("API tokens, without their secrets.")
            .answers::<Items<TokenRow>>(200, JSON),
        delete("/api/tokens/{id}", Role(Action::ManageTokens), tokens::revoke)
            .called("revokeToken", "Tokens")
            .says("End an API token.")
            .takes::<Uuid>("id", "The API token.")
            .answers_nothing(204),
        get("/api/keys", Role(Action::Read), keys::list)
            .called("listKeys", "Keys")
            .says("Keys, in their own order.")
            .takes::<Name>("org", "Of this organisation.")
            .takes::<KeyState>("status", "Only those of this status.")
            .paged()
            .answers::<KeysAnswer>(200, JSON),
        get("/api/keys/{key}", Role(Action::Read), keys::get)
            .called("getKey", "Keys")
            .says("One key.")
            .takes::<PublicKey>("key", "The key.")
            .answers::<KeyRow>(200, JSON),
        Route::new(
            Method::PATCH,
            "/api/keys/{key}/governance",
            Role(Action::GovernKeys),
            SMALL,
            keys::govern,
        )
        .called("governKey", "Keys")
        .says("End a key.")
        .takes::<PublicKey>("key", "The key.")
        .body::<KeyStatusRequest>(JSON)
        .answers::<KeyRow>(200, JSON)
        .refuses(&[409]),
        post(enrolment, Role(Action::ManageEnrolment), SMALL, enrolment::create)
            .called("createEnrolmentToken", "Enrolment")
            .says("Make an enrolment token; the answer is the only one that shows it.")
            .takes::<Name>("org", "The organisation.")
            .body::<EnrolmentRequest>(JSON)
            .answers::<EnrolmentCreated>(201, JSON),
        get(enrolment, Role(Action::ManageEnrolment), enrolment::list)
            .called("listEnrolmentTokens", "Enrolment")
            .says("Enrolment tokens, without their secrets.")
            .takes::<Name>("org", "The organisation.")
            .answers::<Items<EnrolmentRow>>(200, JSON),
        get("/api/orgs/{org}/nodes/config-template", Role(Action::Read), templates::get)
            .called("getConfigTemplate", "Enrolment")
            .says("How a node of the organisation is set up: a file to start from, without secrets.")
            .takes::<Name>("org", "The organisation.")
            .takes::<TemplateKind>("kind", "For what; `env`, if absent.")
            .takes::<Name>("tenant", "The tenant that the node is of.")
            .takes::<Name>("os_profile", "Its operating system profile.")
            .takes::<String>("url", "The address of this service; the one that was asked, if absent.")
            .takes::<String>("usage_url", "Where `utld` reports usage to; nowhere, if absent.")
            .answers::<TemplateAnswer>(200, JSON),
        delete(
            "/api/orgs/{org}/nodes/enrollment-tokens/{token_id}",
            Role(Action::ManageEnrolment),
            enrolment::revoke,
        )
        .called("revokeEnrolmentToken", "Enrolment")
        .says("End an enrolment token before its time.")
        .takes::<Name>("org", "The organisation.")
        .takes::<Hash>("token_id", "The enrolment token, by its hash.")
        .answers_nothing(204),
        post(webhooks, Role(Action::ManageRules), SMALL, webhooks::create)
            .called("createWebhook", "Incidents")
            .says("Make a webhook; the answer is the only one that shows its secret.")
            .takes::<Name>("org", "The organisation.")
            .body::<WebhookRequest>(JSON)
            .answers::<WebhookCreated>(201, JSON)
            .refuses(&[409]),
        delete("/api/orgs/{org}/webhooks/{id}", Role(Action::ManageRules), webhooks::remove)
            .called("removeWebhook", "Incidents")
            .says("Tell a webhook nothing more.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Uuid>("id", "The webhook.")
            .answers_nothing(204),
    ]
}

fn proving() -> Vec<Route<Ingest>> {
    let proof = "/api/ledger/proof/inclusion";
    vec![
        get("/api/ledger/entries", Role(Action::Read), entries::list)
            .called("listEntries", "Ledger")
            .says("Record lines; the header Link names the next page.")
            .takes::<u64>("from", "The first of them; 0, if absent.")
            .takes::<EntriesLimit>("limit", "How many at most; 100, if absent.")
            .answers::<String>(200, NDJSON),
        get("/api/ledger/entries/{seq}", Role(Action::Read), entries::get)
            .called("getEntry", "Ledger")
            .says("One record line.")
            .takes::<u64>("seq", "The number of the entry.")
            .answers::<Record>(200, JSON),
        get("/api/ledger/bundle/{seq}", Role(Action::Read), entries::bundle)
            .called("getBundle", "Ledger")
            .says("Everything that proves an entry.")
            .takes::<u64>("seq", "The number of the entry.")
            .answers::<BundleMembers>(200, JSON),
        get("/api/ledger/segments", Everywhere(Action::Audit), entries::segments)
            .called("listSegments", "Ledger")
            .says("The files of the log.")
            .answers::<Items<SegmentRow>>(200, JSON),
        get("/api/ledger/segments/{first}", Everywhere(Action::Audit), entries::segment)
            .called("getSegment", "Ledger")
            .says("A file of the log as it lies on disk.")
            .takes::<u64>("first", "The number of its first entry.")
            .answers::<String>(200, NDJSON),
        post("/api/ledger/seal", Everywhere(Action::Seal), NONE, public::seal)
            .called("sealLedger", "Ledger")
            .says("Append a seal, unless nothing but a seal happened since the last one.")
            .answers::<SealAnswer>(200, JSON),
        get("/ROOT.txt", Public, public::checkpoint)
            .called("getRoot", "Ledger")
            .says("The newest checkpoint.")
            .answers::<String>(200, TEXT),
        get("/PROOFCHAIN.json", Public, public::proofchain)
            .called("getProofchain", "Ledger")
            .says("The proof chain.")
            .answers::<Object>(200, JSON)
            .refuses(&[404]),
        get("/proofchain/{file}", Public, public::proofchain_part)
            .called("getProofchainPart", "Ledger")
            .says("A part of the proof chain.")
            .takes::<String>("file", "The name of the part.")
            .answers::<String>(200, NDJSON),
        get("/api/ledger", Public, public::ledger)
            .called("getLedger", "Ledger")
            .says("The ledger's identity and size.")
            .answers::<LedgerAnswer>(200, JSON),
        get("/api/ledger/authority", Public, public::authority)
            .called("getAuthority", "Ledger")
            .says("Genesis and every change of the ledger's keys.")
            .answers::<Authority<'static>>(200, JSON),
        get("/api/ledger/checkpoint", Public, public::checkpoint)
            .called("getCheckpoint", "Ledger")
            .says("The newest checkpoint.")
            .answers::<String>(200, TEXT),
        get(proof, Public, public::inclusion)
            .called("getInclusionProof", "Ledger")
            .says("That an entry is in the log; name `seq` or `index`.")
            .takes::<u64>("seq", "The entry.")
            .takes::<u64>("index", "Another word for `seq`.")
            .takes::<u64>("size", "The size of the tree that it is proved in; the newest, if absent.")
            .answers::<InclusionProof>(200, JSON),
        get("/api/ledger/proof/consistency", Public, public::consistency)
            .called("getConsistencyProof", "Ledger")
            .says("That the log only grew.")
            .needs::<u64>("old", "The size of the smaller tree.")
            .takes::<u64>("new", "The size of the larger one; the newest, if absent.")
            .answers::<ConsistencyProof>(200, JSON),
    ]
}

fn witnessing() -> Vec<Route<Ingest>> {
    vec![
        get("/COSIGNED.txt", Public, witnesses::cosigned)
            .called("getCosigned", "Ledger")
            .says("The newest checkpoint that has its quorum of witnesses.")
            .answers::<String>(200, TEXT)
            .refuses(&[404]),
        get("/api/ledger/witnesses", Public, witnesses::list)
            .called("listWitnesses", "Ledger")
            .says("The witness set, and how far each of them has come.")
            .answers::<WitnessesAnswer>(200, JSON),
        post("/api/ledger/witnesses", Everywhere(Action::GovernKeys), SMALL, witnesses::change)
            .called("changeWitnesses", "Ledger")
            .says("Name another witness set, signed by the recovery keys or the quorum of the one before.")
            .body::<WitnessSetChange>(JSON)
            .answers::<Recorded>(201, JSON),
        get("/api/ledger/witness-checkpoint", Public, witnesses::offer)
            .called("getWitnessCheckpoint", "Ledger")
            .says(
                "The checkpoint that witnesses are to sign, with the proof that it extends the one of size \
                 `after`.",
            )
            .takes::<u64>("after", "The size of the tree that it is to extend; 0, if absent.")
            .takes::<PollSecs>(
                "wait",
                "For how many seconds the answer may wait for something new; 0, if absent.",
            )
            .answers::<OfferAnswer>(200, JSON),
        post("/api/ledger/cosignatures", Credential, SMALL, witnesses::cosign)
            .called("postCosignature", "Ledger")
            .says("A witness's line under a checkpoint that was offered.")
            .body::<Cosigning>(JSON)
            .answers::<CosignatureAnswer>(200, JSON)
            .refuses(&[409]),
        post("/api/ledger/contradictions", Credential, SMALL, witnesses::contradict)
            .called("postContradiction", "Ledger")
            .says("Two checkpoints under the ledger's signature that cannot both be of its history.")
            .body::<Report>(JSON)
            .answers::<Recorded>(201, JSON)
            .answers::<Recorded>(200, JSON),
    ]
}

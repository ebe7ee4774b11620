//! The one list of the service's routes: what is reachable, who may use it, and what it says of itself.

use crate::operator::commands::{CommandsAnswer, DeliveredCommand};
use crate::operator::{acceptances, billing, commands, policies, rehearsal, rollouts, schedules};
use crate::providers::{LogoutForm, ProviderChoice, SignedOut};
use crate::session::SignInForm;
use crate::state::Service;
use crate::wire::{
    AcceptanceMade, AcceptanceRequest, CommandAnswered, CommandIssued, CommandRequest, CreditRequest,
    InvoiceIssued, InvoiceRequest, OrgRequest, PolicyAssigned, PolicyRequest, PriceBookRequest, PriceBookSet,
    RehearsalRequest, RemarkRequest, RolloutApprovalRequest, RolloutChanged, RolloutRequest, ScheduleRequest,
    ScheduleSet, SignInRequest, SignedIn, TasksAnswer,
};
use crate::{docs, health, heartbeat, providers, session, sign_in};
use Access::{Anyone, Credential, Everywhere, Public, Role};
use axum::http::Method;
use ingest::heartbeat::{HeartbeatAnswer, HeartbeatRequest};
use projections::rehearsal::Difference;
use serde_json::Value;
use spec::{Hash, Name, Uuid};
use web::answer::Items;
use web::limits::{MAX_HEARTBEAT_BODY_BYTES, MAX_JSON_BODY_BYTES, MAX_POLICY_BODY_BYTES};
use web::openapi::{FORM, HTML, JSON, NDJSON, Object, TEXT, Tag};
use web::paging::PollSecs;
use web::{Access, Action, BodyRule, Handler, Route, Row};

const NONE: BodyRule = BodyRule::None;
const SMALL: BodyRule = BodyRule::Json(MAX_JSON_BODY_BYTES);
const HEARTBEAT: BodyRule = BodyRule::Json(MAX_HEARTBEAT_BODY_BYTES);
const POLICY: BodyRule = BodyRule::Json(MAX_POLICY_BODY_BYTES);
const SIGN_IN: BodyRule = BodyRule::Form(session::MAX_FORM_BYTES);
const LOGOUT: BodyRule = BodyRule::Form(providers::MAX_FORM_BYTES);

/// What the operations are about.
const TAGS: &[Tag] = &[
    ("Billing", "What usage costs, what is billed for it, and what proves a bill."),
    ("Commands", "What nodes are told to do, one by one or in waves, and what becomes of it."),
    ("Console", "The web console."),
    ("Documentation", "This document, and the same as a page."),
    ("Enrolment", "How nodes and devices come in: tokens, and keys that are introduced with them."),
    ("Events", "What is said, by whom, and the receipts for it; as it comes, and afterwards."),
    ("Incidents", "What operators are to look at, what they are not told for a while, and who else is told."),
    ("Keys", "Who signs with what, and whether that still counts."),
    ("Ledger", "The log itself: entries, checkpoints, proofs, witnesses, and how the service fares."),
    ("Members", "Who has which role in an organisation, and how people are let in."),
    ("Nodes", "The nodes of the fleet, how they stand, and what they report."),
    ("Organisations", "What people did, what operations led to, and what tenants used."),
    ("Page", "The page without scripts of others, and its session."),
    ("Policies", "What nodes let themselves be told."),
    ("Scans", "What scans of nodes found."),
    ("Schedules", "What nodes are told again and again."),
    ("Tokens", "What people and bots show to be let in."),
];

/// Every route of the service, without its handler.
pub fn rows() -> Vec<Row> {
    let log = ingest::routes().into_iter().map(Route::row);
    let read = serving::routes().into_iter().map(Route::row);
    log.chain(read).chain(own().into_iter().map(Route::row)).collect()
}

/// The OpenAPI document.
pub fn document() -> Value {
    web::openapi::document(env!("CARGO_PKG_VERSION"), &rows(), TAGS)
}

/// The document as it is written to a file.
pub fn document_text() -> String {
    format!("{:#}\n", document())
}

fn get<A: 'static>(path: &'static str, access: Access, handler: impl Handler<Service, A>) -> Route<Service> {
    Route::new(Method::GET, path, access, NONE, handler)
}

fn post<A: 'static>(
    path: &'static str,
    access: Access,
    body: BodyRule,
    handler: impl Handler<Service, A>,
) -> Route<Service> {
    Route::new(Method::POST, path, access, body, handler)
}

fn delete<A: 'static>(
    path: &'static str,
    access: Access,
    handler: impl Handler<Service, A>,
) -> Route<Service> {
    Route::new(Method::DELETE, path, access, NONE, handler)
}

/// The routes of this crate.
pub(crate) fn own() -> Vec<Route<Service>> {
    service()
        .into_iter()
        .chain(signing_in())
        .chain(heartbeats())
        .chain(telling())
        .chain(billing())
        .chain(scheduling())
        .collect()
}

fn service() -> Vec<Route<Service>> {
    vec![
        get("/healthz", Public, health::healthz)
            .called("getHealth", "Ledger")
            .says("Whether the process answers.")
            .answers::<String>(200, TEXT),
        get("/readyz", Public, health::readyz)
            .called("getReadiness", "Ledger")
            .says("Whether events are taken.")
            .answers::<String>(200, TEXT),
        get("/metrics", Public, health::metrics)
            .called("getMetrics", "Ledger")
            .says("Counters in the text format of Prometheus.")
            .answers::<String>(200, TEXT),
        get("/api/tasks", Everywhere(Action::Read), health::tasks)
            .called("listTasks", "Ledger")
            .says("What the service does by itself, and how that fares.")
            .answers::<TasksAnswer>(200, JSON),
        get("/api/openapi.json", Public, docs::document)
            .called("getDocument", "Documentation")
            .says("This document.")
            .answers::<Object>(200, JSON),
        get("/api/docs", Public, docs::page)
            .called("getDocumentation", "Documentation")
            .says("This document as a page.")
            .answers::<String>(200, HTML),
        post("/session", Public, SIGN_IN, session::sign_in)
            .called("signIn", "Page")
            .says("Begin a session of the page with an API token, or end it without.")
            .body::<SignInForm>(FORM)
            .answers_nothing(303)
            .answers::<String>(401, HTML)
            .answers::<String>(408, HTML)
            .answers::<String>(413, HTML)
            .refuses(&[403])
            .shows(session::not_signed_in),
        post("/api/sign-in", Credential, SMALL, sign_in::exchange)
            .called("exchangeCode", "Tokens")
            .says("The API token that the code of a link stands for, once.")
            .body::<SignInRequest>(JSON)
            .answers::<SignedIn>(200, JSON),
    ]
}

fn signing_in() -> Vec<Route<Service>> {
    vec![
        get("/sign-in", Public, providers::go)
            .called("beginSignIn", "Members")
            .says("Sign in to the console at a provider.")
            .takes::<Name>("provider", "The provider.")
            .answers_nothing(303)
            .answers::<String>(503, HTML)
            .refuses(&[404])
            .shows(providers::not_let_in),
        get("/sign-in/providers", Public, providers::choices)
            .called("listSignInProviders", "Members")
            .says("Where people sign in to the console.")
            .answers::<Items<ProviderChoice>>(200, JSON),
        get("/sign-in/callback", Public, providers::come)
            .called("endSignIn", "Members")
            .says("Back from the provider.")
            .takes::<String>("code", "What is redeemed for tokens.")
            .takes::<String>("error", "Why the provider let nobody in.")
            .takes::<String>("error_description", "The same in words.")
            .takes::<String>("error_uri", "Where more of it stands.")
            .takes::<String>("iss", "The provider's issuer.")
            .takes::<String>("scope", "What the tokens are good for.")
            .takes::<String>("session_state", "The state of the provider's session.")
            .takes::<String>("state", "Which sign-in it is.")
            .answers_nothing(303)
            .answers::<String>(401, HTML)
            .answers::<String>(503, HTML)
            .shows(providers::not_let_in),
        post("/sign-in/back-channel", Credential, LOGOUT, providers::over)
            .called("logOut", "Members")
            .says("A provider says that a session is over.")
            .body::<LogoutForm>(FORM)
            .answers_nothing(200),
        post("/sign-out", Anyone, NONE, providers::out)
            .called("signOut", "Members")
            .says("End the session of whoever signed in at a provider.")
            .answers::<SignedOut>(200, JSON),
    ]
}

fn heartbeats() -> Vec<Route<Service>> {
    vec![
        post("/api/agent/heartbeat", Credential, HEARTBEAT, heartbeat::post)
            .urgent()
            .called("postHeartbeat", "Events")
            .says("Record a heartbeat: a signed event, or its payload under a node's JWT.")
            .body::<HeartbeatRequest>(JSON)
            .answers::<HeartbeatAnswer<DeliveredCommand>>(201, JSON)
            .answers::<HeartbeatAnswer<DeliveredCommand>>(200, JSON),
        post("/api/nodes/{id}/heartbeat", Credential, HEARTBEAT, heartbeat::post_for_node)
            .urgent()
            .called("postNodeHeartbeat", "Events")
            .says("Record a heartbeat of this node.")
            .takes::<Uuid>("id", "The node.")
            .body::<HeartbeatRequest>(JSON)
            .answers::<HeartbeatAnswer<DeliveredCommand>>(201, JSON)
            .answers::<HeartbeatAnswer<DeliveredCommand>>(200, JSON),
    ]
}

fn telling() -> Vec<Route<Service>> {
    vec![
        post("/api/commands", Role(Action::IssueCommand), SMALL, commands::issue)
            .called("issueCommand", "Commands")
            .says("Give a node a command.")
            .body::<CommandRequest>(JSON)
            .answers::<CommandIssued>(201, JSON)
            .refuses(&[404]),
        post("/api/commands/{hash}/approve", Role(Action::IssueCommand), SMALL, commands::approve)
            .called("approveCommand", "Commands")
            .says("Agree to a command that somebody else gave.")
            .takes::<Hash>("hash", "The event hash of the command.")
            .body::<RemarkRequest>(JSON)
            .answers::<CommandAnswered>(201, JSON)
            .refuses(&[409]),
        post("/api/commands/{hash}/cancel", Role(Action::IssueCommand), SMALL, commands::cancel)
            .called("cancelCommand", "Commands")
            .says("Take a command back that its node has not begun.")
            .takes::<Hash>("hash", "The event hash of the command.")
            .body::<RemarkRequest>(JSON)
            .answers::<CommandAnswered>(201, JSON)
            .refuses(&[409]),
        get("/api/agent/commands", Anyone, commands::poll)
            .urgent()
            .called("pollCommands", "Commands")
            .says("What the node that asks is to carry out, each with its proof.")
            .takes::<u64>("after", "Only what became open after this entry.")
            .takes::<PollSecs>(
                "wait",
                "For how many seconds the answer may wait for something new; 0, if absent.",
            )
            .answers::<CommandsAnswer>(200, JSON),
        post("/api/orgs/{org}/acceptances", Role(Action::WriteEvent), SMALL, acceptances::accept)
            .called("acceptFinding", "Scans")
            .says("Accept what a check finds until a date: on a node, on those that a selector selects, or on all.")
            .takes::<Name>("org", "The organisation.")
            .body::<AcceptanceRequest>(JSON)
            .answers::<AcceptanceMade>(201, JSON),
        delete(
            "/api/orgs/{org}/acceptances/{acceptance}",
            Role(Action::WriteEvent),
            acceptances::withdraw,
        )
        .called("withdrawAcceptance", "Scans")
        .says("End an acceptance of findings.")
        .takes::<Name>("org", "The organisation.")
        .takes::<Hash>("acceptance", "The acceptance, by its event hash.")
        .answers_nothing(204),
        post("/api/orgs/{org}/policies", Role(Action::ManageRules), POLICY, policies::assign)
            .called("assignPolicy", "Policies")
            .says("From now on nodes are to follow a policy: one node, or those that a selector selects.")
            .takes::<Name>("org", "The organisation.")
            .body::<PolicyRequest>(JSON)
            .answers::<PolicyAssigned>(201, JSON),
        post("/api/orgs/{org}/rules/rehearsal", Role(Action::ManageRules), SMALL, rehearsal::rehearse)
            .called("rehearseRules", "Policies")
            .says("Which pages other rules of attention would have sent, dropped or moved.")
            .takes::<Name>("org", "The organisation.")
            .body::<RehearsalRequest>(JSON)
            .answers::<Difference>(200, JSON)
            .refuses(&[409, 503]),
        delete("/api/orgs/{org}/policies/{assignment}", Role(Action::ManageRules), policies::withdraw)
            .called("withdrawPolicy", "Policies")
            .says("End an assignment of a policy.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Hash>("assignment", "The assignment, by its event hash.")
            .answers_nothing(204),
    ]
}

fn billing() -> Vec<Route<Service>> {
    let prices = Everywhere(Action::ManageRules);
    vec![
        post("/api/orgs/{org}/billing/price-books", prices, POLICY, billing::set_prices)
            .called("setPrices", "Billing")
            .says("Set what usage costs from now on.")
            .takes::<Name>("org", "The organisation.")
            .body::<PriceBookRequest>(JSON)
            .answers::<PriceBookSet>(201, JSON)
            .refuses(&[409]),
        post("/api/orgs/{org}/invoices", prices, SMALL, billing::issue)
            .called("issueInvoice", "Billing")
            .says("Bill a month that is over, once.")
            .takes::<Name>("org", "The organisation.")
            .body::<InvoiceRequest>(JSON)
            .answers::<InvoiceIssued>(201, JSON)
            .refuses(&[409]),
        post("/api/orgs/{org}/invoices/{id}/credits", prices, SMALL, billing::credit)
            .called("creditInvoice", "Billing")
            .says("Correct an invoice by lines of its own.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Hash>("id", "The invoice, by its event hash.")
            .body::<CreditRequest>(JSON)
            .answers::<InvoiceIssued>(201, JSON),
        get("/api/orgs/{org}/invoices/{id}/evidence", Role(Action::Read), billing::evidence)
            .called("getInvoiceEvidence", "Billing")
            .says("Everything that proves an invoice, for whoever knows the ledger's id.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Hash>("id", "The invoice, by its event hash.")
            .answers::<String>(200, NDJSON)
            .refuses(&[409]),
    ]
}

/// A change of a roll-out that needs no more than its name.
fn change<A: 'static>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: impl Handler<Service, A>,
) -> Route<Service> {
    post(path, Role(Action::IssueCommand), SMALL, handler)
        .called(id, "Commands")
        .says(summary)
        .takes::<Uuid>("id", "The roll-out.")
        .body::<OrgRequest>(JSON)
        .answers::<RolloutChanged>(201, JSON)
        .refuses(&[409])
}

fn scheduling() -> Vec<Route<Service>> {
    let (pause, resume) = ("Tell nobody more until it goes on.", "Let a roll-out go on.");
    let schedule = "/api/schedules/{id}";
    vec![
        post("/api/rollouts", Role(Action::IssueCommand), SMALL, rollouts::start)
            .called("startRollout", "Commands")
            .says("Give a selection of nodes a command, in waves.")
            .body::<RolloutRequest>(JSON)
            .answers::<RolloutChanged>(201, JSON)
            .refuses(&[409]),
        post("/api/rollouts/{id}/approve", Role(Action::IssueCommand), SMALL, rollouts::approve)
            .called("approveRollout", "Commands")
            .says("Agree to a roll-out that somebody else started.")
            .takes::<Uuid>("id", "The roll-out.")
            .body::<RolloutApprovalRequest>(JSON)
            .answers::<RolloutChanged>(201, JSON)
            .refuses(&[409]),
        change("/api/rollouts/{id}/pause", "pauseRollout", pause, rollouts::pause),
        change("/api/rollouts/{id}/resume", "resumeRollout", resume, rollouts::resume),
        change("/api/rollouts/{id}/abort", "abortRollout", "End a roll-out.", rollouts::abort),
        Route::new(Method::PUT, schedule, Role(Action::IssueCommand), SMALL, schedules::set)
            .called("setSchedule", "Schedules")
            .says("Make a schedule, or put it in the place of the one with this id.")
            .takes::<Uuid>("id", "The schedule.")
            .body::<ScheduleRequest>(JSON)
            .answers::<ScheduleSet>(201, JSON)
            .answers::<ScheduleSet>(200, JSON)
            .refuses(&[409]),
        delete(schedule, Role(Action::IssueCommand), schedules::remove)
            .called("removeSchedule", "Schedules")
            .says("End a schedule.")
            .takes::<Uuid>("id", "The schedule.")
            .takes::<Name>("org", "The organisation; that of the caller, if absent.")
            .answers_nothing(204),
    ]
}

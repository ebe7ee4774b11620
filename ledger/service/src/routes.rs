//! The one list of the service's routes: what is reachable, who may use it, and what it says of itself.

use crate::operator::{acceptances, commands, policies, rollouts, schedules};
use crate::state::Service;
use crate::{docs, health, heartbeat, session};
use Access::{Anyone, Credential, Everywhere, Public, Role};
use axum::http::Method;
use serde_json::Value;
use web::limits::{MAX_HEARTBEAT_BODY_BYTES, MAX_JSON_BODY_BYTES, MAX_POLICY_BODY_BYTES};
use web::openapi::{FORM, HTML, JSON, TEXT, schema};
use web::{Access, Action, BodyRule, Handler, Route, Row};

const NONE: BodyRule = BodyRule::None;
const SMALL: BodyRule = BodyRule::Json(MAX_JSON_BODY_BYTES);
const HEARTBEAT: BodyRule = BodyRule::Json(MAX_HEARTBEAT_BODY_BYTES);
const POLICY: BodyRule = BodyRule::Json(MAX_POLICY_BODY_BYTES);
const SIGN_IN: BodyRule = BodyRule::Form(session::MAX_FORM_BYTES);

/// Every route of the service, without its handler.
pub fn rows() -> Vec<Row> {
    let log = ingest::routes().into_iter().map(Route::row);
    let read = serving::routes().into_iter().map(Route::row);
    log.chain(read).chain(own().into_iter().map(Route::row)).collect()
}

/// The OpenAPI document.
pub fn document() -> Value {
    let schemas =
        [web::openapi::forms(), ingest::schemas::schemas(), serving::schemas::schemas(), schemas()].concat();
    web::openapi::document(env!("CARGO_PKG_VERSION"), &rows(), &schemas)
}

/// The document as it is written to a file.
pub fn document_text() -> String {
    format!("{:#}\n", document())
}

fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        (
            "Task",
            schema(
                "name: text, purpose: text, last_run?: time, last_error?: TaskFault, restarts: count, \
                 failures: count, failing: flag, next_start?: time",
            ),
        ),
        ("TaskFault", schema("at: time, error: text")),
    ]
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
    service().into_iter().chain(heartbeats()).chain(telling()).chain(scheduling()).collect()
}

fn service() -> Vec<Route<Service>> {
    vec![
        get("/healthz", Public, health::healthz)
            .called("getHealth", "Ledger")
            .says("Whether the process answers.")
            .answers(200, TEXT, "text"),
        get("/readyz", Public, health::readyz)
            .called("getReadiness", "Ledger")
            .says("Whether events are taken.")
            .answers(200, TEXT, "text"),
        get("/metrics", Public, health::metrics)
            .called("getMetrics", "Ledger")
            .says("Counters in the text format of Prometheus.")
            .answers(200, TEXT, "text"),
        get("/api/tasks", Everywhere(Action::Read), health::tasks)
            .called("listTasks", "Ledger")
            .says("What the service does by itself, and how that fares.")
            .answers(200, JSON, "items: [Task]"),
        get("/api/openapi.json", Public, docs::document)
            .called("getDocument", "Documentation")
            .says("This document.")
            .answers(200, JSON, "object"),
        get("/api/docs", Public, docs::page)
            .called("getDocumentation", "Documentation")
            .says("This document as a page.")
            .answers(200, HTML, "text"),
        post("/session", Public, SIGN_IN, session::sign_in)
            .called("signIn", "Page")
            .says("Begin a session of the page with an API token, or end it without.")
            .body(FORM, "token?: text")
            .answers(303, "", "")
            .answers(401, HTML, "text")
            .answers(408, HTML, "text")
            .answers(413, HTML, "text")
            .refuses(&[403])
            .shows(session::not_signed_in),
    ]
}

fn heartbeats() -> Vec<Route<Service>> {
    vec![
        post("/api/agent/heartbeat", Credential, HEARTBEAT, heartbeat::post)
            .called("postHeartbeat", "Events")
            .says("Record a heartbeat: a signed event, or its payload under a node's JWT.")
            .body(JSON, "HeartbeatBody")
            .answers(201, JSON, "HeartbeatAnswer")
            .answers(200, JSON, "HeartbeatAnswer"),
        post("/api/nodes/{id}/heartbeat", Credential, HEARTBEAT, heartbeat::post_for_node)
            .called("postNodeHeartbeat", "Events")
            .says("Record a heartbeat of this node.")
            .takes("id: Uuid")
            .body(JSON, "HeartbeatBody")
            .answers(201, JSON, "HeartbeatAnswer")
            .answers(200, JSON, "HeartbeatAnswer"),
    ]
}

fn telling() -> Vec<Route<Service>> {
    vec![
        post("/api/commands", Role(Action::IssueCommand), SMALL, commands::issue)
            .called("issueCommand", "Commands")
            .says("Give a node a command.")
            .body(
                JSON,
                "node_id: Uuid, command: Name, parameters?: {text}, not_before?: time, ttl_secs?: 1..2592000, \
                 approvals?: 0..5, text?: text",
            )
            .answers(201, JSON, "command: Hash, seq: count")
            .refuses(&[404]),
        post("/api/commands/{hash}/approve", Role(Action::IssueCommand), SMALL, commands::approve)
            .called("approveCommand", "Commands")
            .says("Agree to a command that somebody else gave.")
            .takes("hash: Hash")
            .body(JSON, "text?: text")
            .answers(201, JSON, "event: Hash, seq: count")
            .refuses(&[404, 409]),
        post("/api/commands/{hash}/cancel", Role(Action::IssueCommand), SMALL, commands::cancel)
            .called("cancelCommand", "Commands")
            .says("Take a command back that its node has not begun.")
            .takes("hash: Hash")
            .body(JSON, "text?: text")
            .answers(201, JSON, "event: Hash, seq: count")
            .refuses(&[404, 409]),
        get("/api/agent/commands", Anyone, commands::poll)
            .called("pollCommands", "Commands")
            .says("What the node that asks is to carry out, each with its proof.")
            .takes("after?: count, wait?: 0..25")
            .answers(200, JSON, "commands: [DeliveredCommand], checkpoint: Checkpoint"),
        post("/api/orgs/{org}/acceptances", Role(Action::WriteEvent), SMALL, acceptances::accept)
            .called("acceptFinding", "Scans")
            .says("Accept what a check finds until a date: on a node, on those that a selector selects, or on all.")
            .takes("org: Name")
            .body(
                JSON,
                "check: Name, expires_at: time, text: text..1024, node?: Uuid, selector?: text..1024, \
                 severity?: low/medium/high/critical, subject?: text..4096",
            )
            .answers(201, JSON, "acceptance: Hash, seq: count")
            .refuses(&[404]),
        delete(
            "/api/orgs/{org}/acceptances/{acceptance}",
            Role(Action::WriteEvent),
            acceptances::withdraw,
        )
        .called("withdrawAcceptance", "Scans")
        .says("End an acceptance of findings.")
        .takes("org: Name, acceptance: Hash")
        .answers(204, "", "")
        .refuses(&[404]),
        post("/api/orgs/{org}/policies", Role(Action::ManageRules), POLICY, policies::assign)
            .called("assignPolicy", "Policies")
            .says("From now on nodes are to follow a policy: one node, or those that a selector selects.")
            .takes("org: Name")
            .body(JSON, "document: PolicyDocument, node?: Uuid, selector?: text..1024")
            .answers(201, JSON, "assignment: Hash, policy: Hash, seq: count")
            .refuses(&[404]),
        delete("/api/orgs/{org}/policies/{assignment}", Role(Action::ManageRules), policies::withdraw)
            .called("withdrawPolicy", "Policies")
            .says("End an assignment of a policy.")
            .takes("org: Name, assignment: Hash")
            .answers(204, "", "")
            .refuses(&[404]),
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
        .takes("id: Uuid")
        .body(JSON, "org?: Name")
        .answers(201, JSON, "id: Uuid, org: Name, seq: count")
        .refuses(&[404, 409])
}

fn scheduling() -> Vec<Route<Service>> {
    let (pause, resume) = ("Tell nobody more until it goes on.", "Let a roll-out go on.");
    let schedule = "/api/schedules/{id}";
    vec![
        post("/api/rollouts", Role(Action::IssueCommand), SMALL, rollouts::start)
            .called("startRollout", "Commands")
            .says("Give a selection of nodes a command, in waves.")
            .body(
                JSON,
                "name: text..256, command: Name, waves: [Share], may_fail?: Share, org?: Name, \
                 parameters?: {text}, selector?: text..1024, os_profile?: text..256, ttl_secs?: 1..2592000, \
                 pause_secs?: 0..604800, approvals?: 0..5, approval_secs?: 1..2592000",
            )
            .answers(201, JSON, "id: Uuid, org: Name, seq: count, approve_by?: time")
            .refuses(&[409]),
        post("/api/rollouts/{id}/approve", Role(Action::IssueCommand), SMALL, rollouts::approve)
            .called("approveRollout", "Commands")
            .says("Agree to a roll-out that somebody else started.")
            .takes("id: Uuid")
            .body(JSON, "org?: Name, text?: text")
            .answers(201, JSON, "id: Uuid, org: Name, seq: count")
            .refuses(&[404, 409]),
        change("/api/rollouts/{id}/pause", "pauseRollout", pause, rollouts::pause),
        change("/api/rollouts/{id}/resume", "resumeRollout", resume, rollouts::resume),
        change("/api/rollouts/{id}/abort", "abortRollout", "End a roll-out.", rollouts::abort),
        Route::new(Method::PUT, schedule, Role(Action::IssueCommand), SMALL, schedules::set)
            .called("setSchedule", "Schedules")
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
        delete(schedule, Role(Action::IssueCommand), schedules::remove)
            .called("removeSchedule", "Schedules")
            .says("End a schedule.")
            .takes("id: Uuid, org?: Name")
            .answers(204, "", "")
            .refuses(&[404]),
    ]
}

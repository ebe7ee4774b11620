//! The routes of the read side, each beside what it says of itself. Every one only reads, and needs somebody who may.

use crate::answers::{
    commands, entries, findings, incidents, keys, metrics, policies, rollouts, scans, schedules, slo, usage,
    webhooks,
};
use crate::reads::Reads;
use crate::{console, nodes, page, stream};
use axum::http::Method;
use web::openapi::{HTML, JSON, TEXT};
use web::{Access, Action, BodyRule, Handler, Route};

/// The filters of a list of nodes, after the organisation.
macro_rules! of_nodes {
    ($org:literal) => {
        concat!(
            $org,
            ", band?: Band, labels?: text..1024, os_profile?: text, q?: text, silence?: SilenceLevel, ",
            "tenant?: Name, version?: text, limit?: 1..500, cursor?: text, as_of?: text"
        )
    };
}

/// The read of a path: everyone who may read, with a token or the page's session.
fn read<A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Route<Reads> {
    let read = Route::new(Method::GET, path, Access::Role(Action::Read), BodyRule::None, handler)
        .called(id, tag)
        .says(summary)
        .by_session();
    if path.contains('{') { read.refuses(&[404]) } else { read }
}

/// A read that is answered with members, the point it is about, and the checkpoint it rests on.
fn fold<A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    members: &str,
) -> Route<Reads> {
    let answer = format!("{members}, as_of: Moment, checkpoint: Checkpoint");
    read(path, handler, id, tag, summary).answers(200, JSON, answer).answers(304, "", "")
}

/// A page of a list.
fn list<A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    item: &str,
) -> Route<Reads> {
    fold(path, handler, id, tag, summary, &format!("items: [{item}], next_cursor: text|null"))
}

/// A part of the page, for everyone.
fn asset<A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    media: &'static str,
) -> Route<Reads> {
    Route::new(Method::GET, path, Access::Public, BodyRule::None, handler)
        .called(id, "Page")
        .says("A part of the page.")
        .answers(200, media, "text")
}

/// A page of the console, for everyone: who looks signs in on it, and asks the API.
fn shown<A: 'static>(path: &'static str, handler: impl Handler<Reads, A>, id: &'static str) -> Route<Reads> {
    Route::new(Method::GET, path, Access::Public, BodyRule::None, handler)
        .called(id, "Console")
        .says("The web console: a page of it, or a file.")
        .answers(200, HTML, "text")
        .answers(501, TEXT, "text")
}

/// The list of them.
pub fn routes() -> Vec<Route<Reads>> {
    nodes().into_iter().chain(matters()).chain(orgs()).chain(pages()).chain(consoles()).collect()
}

fn nodes() -> Vec<Route<Reads>> {
    vec![
        list("/api/nodes", nodes::list, "listNodes", "Nodes", "Nodes, by organisation and id.", "Node")
            .takes(of_nodes!("org?: Name")),
        fold("/api/nodes/{id}", nodes::show, "getNode", "Nodes", "One node.", "node: Node")
            .takes("id: Uuid, as_of?: text"),
        list(
            "/api/nodes/{id}/events",
            entries::of_node,
            "listNodeEvents",
            "Nodes",
            "Entries about a node, the newest first.",
            "Item",
        )
        .takes("id: Uuid, kind?: text, limit?: 1..500, cursor?: text, as_of?: text"),
        fold(
            "/api/nodes/{id}/metrics",
            metrics::of_node,
            "getNodeMetrics",
            "Nodes",
            "One figure of a node over time.",
            "metric: MetricName, unit: text, items: [MetricBucket], next_cursor: text|null",
        )
        .takes("id: Uuid, metric: MetricName, from?: time, to?: time, as_of?: text"),
        fold(
            "/api/nodes/{id}/policy",
            policies::of_node,
            "getNodePolicy",
            "Policies",
            "The policy that a node is to follow, and the one it says it follows.",
            "policy: NodePolicy",
        )
        .takes("id: Uuid, as_of?: text"),
        fold(
            "/api/nodes/{id}/scans",
            scans::of_node,
            "listNodeScans",
            "Scans",
            "The latest scan of a node, and the counts of those before it.",
            "latest: ScanReport|null, accepted?: AcceptedBaseline, items: [PastScan], next_cursor: text|null",
        )
        .takes("id: Uuid, as_of?: text"),
        list(
            "/api/nodes/{id}/slo-summary",
            slo::of_node,
            "getNodeOutcomes",
            "Nodes",
            "Outcomes of operations that a node reported.",
            "Outcomes",
        )
        .takes(
            "id: Uuid, component?: Name, from?: time, to?: time, step?: hour/day, tenant?: Name, \
             limit?: 1..500, cursor?: text, as_of?: text",
        ),
        list(
            "/api/orgs/{org}/nodes",
            nodes::list_of_org,
            "listOrgNodes",
            "Nodes",
            "Nodes of an organisation.",
            "Node",
        )
        .takes(of_nodes!("org: Name")),
        fold(
            "/api/orgs/{org}/nodes/{id}",
            nodes::show_of_org,
            "getOrgNode",
            "Nodes",
            "One node of an organisation.",
            "node: Node",
        )
        .takes("org: Name, id: Uuid, as_of?: text"),
        list(
            "/api/orgs/{org}/nodes/{id}/events",
            entries::of_node_of_org,
            "listOrgNodeEvents",
            "Nodes",
            "Entries about a node of an organisation.",
            "Item",
        )
        .takes("org: Name, id: Uuid, kind?: text, limit?: 1..500, cursor?: text, as_of?: text"),
    ]
}

fn matters() -> Vec<Route<Reads>> {
    vec![
        list("/api/commands", commands::list, "listCommands", "Commands", "Commands, the newest first.", "Command").takes(
            "node_id?: Uuid, org?: Name, state?: CommandState, limit?: 1..500, cursor?: text, as_of?: text",
        ),
        fold("/api/commands/{hash}", commands::show, "getCommand", "Commands", "One command.", "command: Command")
            .takes("hash: Hash, as_of?: text"),
        list(
            "/api/incidents", incidents::list,
            "listIncidents",
            "Incidents",
            "Incidents that are not over, or those in a state; the newest first.",
            "Incident",
        )
        .takes(
            "assignee?: text, band?: Band, node_id?: Uuid, org?: Name, q?: text, \
             state?: open/acked/resolved/all, tag?: text, topic?: text, limit?: 1..500, cursor?: text, \
             as_of?: text",
        ),
        fold("/api/incidents/{id}", incidents::show, "getIncident", "Incidents", "One incident.", "incident: Incident, findings?: [OpenFinding]")
            .takes("id: Hash, as_of?: text"),
        list(
            "/api/silences", incidents::silences,
            "listSilences",
            "Incidents",
            "Silences that hold, the newest first.",
            "ListedSilence",
        )
        .takes("expired?: true/false, org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        list(
            "/api/policies", policies::list,
            "listPolicies",
            "Policies",
            "Assignments that hold, the newest first.",
            "Policy",
        )
        .takes("org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold(
            "/api/policies/{hash}", policies::show,
            "getPolicy",
            "Policies",
            "A policy that is assigned.",
            "policy: Hash, document: PolicyDocument",
        )
        .takes("hash: Hash, as_of?: text"),
        list("/api/findings", findings::list, "listFindings", "Scans", "Open findings, the gravest first.", "OpenFinding")
            .takes(
                "accepted?: true/false, node_id?: Uuid, org?: Name, q?: text, \
                 severity?: low/medium/high/critical, limit?: 1..500, cursor?: text, as_of?: text",
            ),
        list(
            "/api/findings/grouped",
            findings::grouped,
            "listFindingGroups",
            "Scans",
            "Open findings, the same one of many nodes as one; the gravest first, then those of most nodes.",
            "FindingGroup",
        )
        .takes(
            "org?: Name, q?: text, severity?: low/medium/high/critical, limit?: 1..500, cursor?: text, \
             as_of?: text",
        ),
        list(
            "/api/acceptances",
            findings::acceptances,
            "listAcceptances",
            "Scans",
            "Acceptances of findings that hold, the newest first.",
            "ListedAcceptance",
        )
        .takes("ended?: true/false, org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        list("/api/rollouts", rollouts::list, "listRollouts", "Commands", "Roll-outs, by organisation and id.", "Rollout")
            .takes("org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold("/api/rollouts/{id}", rollouts::show, "getRollout", "Commands", "One roll-out.", "rollout: Rollout")
            .takes("id: Uuid, as_of?: text"),
        list(
            "/api/schedules", schedules::list,
            "listSchedules",
            "Schedules",
            "Schedules, by organisation and id.",
            "Schedule",
        )
        .takes("org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold("/api/schedules/{id}", schedules::show, "getSchedule", "Schedules", "One schedule.", "schedule: Schedule")
            .takes("id: Uuid, as_of?: text"),
        list("/api/scans", scans::list, "listScans", "Scans", "The latest scan of each node.", "ListedScan").takes(
            "node_id?: Uuid, org?: Name, severity?: low/medium/high/critical, limit?: 1..500, cursor?: text, \
             as_of?: text",
        ),
    ]
}

fn orgs() -> Vec<Route<Reads>> {
    vec![
        list("/api/orgs/{org}/audit", entries::audit, "listAudit", "Organisations", "What people did, the newest first.", "Act")
            .takes("org: Name, kind?: text, node_id?: Uuid, limit?: 1..500, cursor?: text, as_of?: text"),
        list(
            "/api/orgs/{org}/keys", keys::list,
            "listOrgKeys",
            "Keys",
            "Keys of an organisation, by their introduction.",
            "OrgKey",
        )
        .takes(
            "org: Name, q?: text, status?: KeyState, tenant?: Name, limit?: 1..500, cursor?: text, as_of?: text",
        ),
        fold(
            "/api/orgs/{org}/keys/summary", keys::summary,
            "getOrgKeySummary",
            "Keys",
            "How many keys there are of each sort.",
            "keys: count, by_status: {count}, by_use: {count}, unused: count, suspect: count",
        )
        .takes("org: Name, as_of?: text"),
        list(
            "/api/orgs/{org}/slo-summary", slo::of_org,
            "getOrgOutcomes",
            "Organisations",
            "Outcomes of operations of an organisation's nodes.",
            "Outcomes",
        )
        .takes(
            "org: Name, component?: Name, from?: time, to?: time, step?: hour/day, tenant?: Name, \
             limit?: 1..500, cursor?: text, as_of?: text",
        ),
        fold(
            "/api/orgs/{org}/usage/summary", usage::summary,
            "getOrgUsage",
            "Organisations",
            "What tenants used, by month.",
            "items: [UsageLine], next_cursor: text|null, uncounted: count",
        )
        .takes("org: Name, month?: text, tenant?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold(
            "/api/orgs/{org}/webhooks", webhooks::list,
            "listWebhooks",
            "Incidents",
            "Webhooks of an organisation, by id, and how they fare.",
            "items: [Webhook]",
        )
        .takes("org: Name, as_of?: text"),
    ]
}

fn pages() -> Vec<Route<Reads>> {
    let stream = "text/event-stream";
    vec![
        read(
            "/events",
            stream::all,
            "streamEvents",
            "Events",
            "New entries as they come, as server-sent events.",
        )
        .takes("kind?: text, node_id?: Uuid, org?: Name, last_event_id?: count")
        .answers(200, stream, "text"),
        read(
            "/api/orgs/{org}/events/stream",
            stream::of_org,
            "streamOrgEvents",
            "Events",
            "New entries of an organisation as they come.",
        )
        .takes("org: Name, kind?: text, node_id?: Uuid, last_event_id?: count")
        .answers(200, stream, "text"),
        read("/fleet", page::table, "getFleetTable", "Page", "The tables of the page.")
            .answers(200, HTML, "text"),
        read("/", page::whole_page, "getPage", "Page", "The page, or the form to sign in with.")
            .answers(200, HTML, "text")
            .answers(401, HTML, "text")
            .answers(403, HTML, "text")
            .answers(429, HTML, "text")
            .shows(page::not_signed_in),
        asset("/assets/page.css", page::style, "getStyle", "text/css"),
        asset("/assets/page.js", page::script, "getScript", "text/javascript"),
    ]
}

fn consoles() -> Vec<Route<Reads>> {
    vec![
        shown("/console", console::at_its_name, "getConsole"),
        shown("/console/", console::at_its_folder, "getConsoleFolder"),
        shown("/console/{page}", console::page, "getConsolePage").takes("page: text").refuses(&[404]),
        shown("/console/{folder}/{page}", console::page_below, "getConsolePageBelow")
            .takes("folder: text, page: text")
            .refuses(&[404]),
    ]
}

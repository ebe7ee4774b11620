//! The routes of the read side, each beside what it says of itself. Every one only reads, and needs somebody who may.

mod billing;

use crate::answers::{
    AcceptanceRow, AuditRow, CommandAnswer, CommandRow, EntryRow, FindingGroup, FindingRow, IncidentAnswer,
    IncidentRow, MetricsAnswer, NameRow, NodeAnswer, NodePolicyAnswer, NodeRow, NodeScansAnswer, OrgKeyRow,
    OrgKeysSummary, OutcomeRow, Page, PolicyAnswer, PolicyRow, RolloutAnswer, RolloutRow, ScanRow,
    ScheduleAnswer, ScheduleRow, SilenceRow, UsageAnswer, WebhooksAnswer,
};
use crate::answers::{
    commands, entries, findings, incidents, keys, metrics, policies, rollouts, scans, schedules, slo, usage,
    webhooks,
};
use crate::reads::{AS_OF, Answer, Reads};
use crate::{console, nodes, page, stream};
use axum::http::Method;
use incidents::IncidentStates;
use projections::attention::{Band, Level};
use projections::commands::CommandState;
use projections::keys::KeyState;
use projections::metrics::Metric;
use scans::FindingSeverity;
use schemars::JsonSchema;
use slo::StepLength;
use spec::{Hash, Name, Timestamp, Uuid};
use web::openapi::{HTML, JSON, TEXT};
use web::{Access, Action, Alias, BodyRule, Handler, Route, with_aliases};

/// The read of a path: everyone who may read, with a token or the page's session.
fn read<A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Route<Reads> {
    Route::new(Method::GET, path, Access::Role(Action::Read), BodyRule::None, handler)
        .called(id, tag)
        .says(summary)
        .by_session()
}

/// A read that is answered with members, the point it is about, and the checkpoint it rests on.
fn fold<T: JsonSchema + 'static, A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Route<Reads> {
    read(path, handler, id, tag, summary)
        .long()
        .takes::<String>(
            AS_OF,
            "The point of the log that is asked about: the number of an entry, or a time of RFC 3339; its end, if absent.",
        )
        .answers::<Answer<'static, T>>(200, JSON)
        .answers_nothing(304)
}

/// A page of a list.
fn list<T: JsonSchema + 'static, A: 'static>(
    path: &'static str,
    handler: impl Handler<Reads, A>,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Route<Reads> {
    fold::<Page<T>, A>(path, handler, id, tag, summary).paged()
}

/// The filters of a list of nodes.
fn of_nodes(route: Route<Reads>) -> Route<Reads> {
    route
        .takes::<Band>("band", "In this band.")
        .takes::<String>("labels", "With these labels: a selector such as `env=prod,!canary`.")
        .takes::<String>("os_profile", "Of this operating system profile.")
        .takes::<String>("q", "With this in their id, name, host name or profile, whatever the case.")
        .takes::<Level>("silence", "Silent to this degree.")
        .takes::<Name>("tenant", "Of this tenant.")
        .takes::<String>("version", "With this version of the agent.")
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
        .answers::<String>(200, media)
}

/// A page of the console, for everyone: who looks signs in on it, and asks the API.
fn shown<A: 'static>(path: &'static str, handler: impl Handler<Reads, A>, id: &'static str) -> Route<Reads> {
    Route::new(Method::GET, path, Access::Public, BodyRule::None, handler)
        .called(id, "Console")
        .says("The web console: a page of it, or a file.")
        .answers::<String>(200, HTML)
        .answers::<String>(501, TEXT)
}

/// Paths that clients of `ritma_cloud` know.
const ALIASES: &[Alias] = &[
    ("/api/orgs/{org}/nodes", "/orgs/{org}/nodes", "listNodesOfOrg"),
    ("/api/orgs/{org}/keys", "/orgs/{org}/keys", "listKeysOfOrg"),
    ("/api/orgs/{org}/keys/summary", "/orgs/{org}/keys/summary", "getKeySummaryOfOrg"),
    ("/api/orgs/{org}/usage/summary", "/orgs/{org}/usage", "getUsageOfOrg"),
];

/// The list of them.
pub fn routes() -> Vec<Route<Reads>> {
    let reads = nodes().into_iter().chain(matters()).chain(upkeep()).chain(orgs()).chain(billing::routes());
    with_aliases(reads.chain(pages()).chain(consoles()).collect(), ALIASES)
}

fn nodes() -> Vec<Route<Reads>> {
    vec![
        of_nodes(
            list::<NodeRow<'static>, _>(
                "/api/nodes",
                nodes::list,
                "listNodes",
                "Nodes",
                "Nodes, by organisation and id.",
            )
            .takes::<Name>("org", "Of this organisation."),
        ),
        list::<NameRow<'static>, _>(
            "/api/node-names",
            nodes::names,
            "listNodeNames",
            "Nodes",
            "What nodes are called, by organisation and id.",
        )
        .takes::<Name>("org", "Of this organisation."),
        fold::<NodeAnswer<'static>, _>("/api/nodes/{id}", nodes::show, "getNode", "Nodes", "One node.")
            .takes::<Uuid>("id", "The node."),
        list::<EntryRow<'static>, _>(
            "/api/nodes/{id}/events",
            entries::of_node,
            "listNodeEvents",
            "Nodes",
            "Entries about a node, the newest first.",
        )
        .takes::<Uuid>("id", "The node.")
        .takes::<String>("kind", "Kinds, with commas between them."),
        fold::<MetricsAnswer, _>(
            "/api/nodes/{id}/metrics",
            metrics::of_node,
            "getNodeMetrics",
            "Nodes",
            "One figure of a node over time.",
        )
        .takes::<Uuid>("id", "The node.")
        .needs::<Metric>("metric", "The metric.")
        .takes::<Timestamp>("from", "From then on; as far back as is kept, if absent.")
        .takes::<Timestamp>("to", "Until then."),
        fold::<NodePolicyAnswer<'static>, _>(
            "/api/nodes/{id}/policy",
            policies::of_node,
            "getNodePolicy",
            "Policies",
            "The policy that a node is to follow, and the one it says it follows.",
        )
        .takes::<Uuid>("id", "The node."),
        fold::<NodeScansAnswer<'static>, _>(
            "/api/nodes/{id}/scans",
            scans::of_node,
            "listNodeScans",
            "Scans",
            "The latest scan of a node, and the counts of those before it.",
        )
        .takes::<Uuid>("id", "The node."),
        list::<OutcomeRow<'static>, _>(
            "/api/nodes/{id}/slo-summary",
            slo::of_node,
            "getNodeOutcomes",
            "Nodes",
            "Outcomes of operations that a node reported.",
        )
        .takes::<Uuid>("id", "The node.")
        .takes::<Name>("component", "Of this component.")
        .takes::<Timestamp>("from", "From then on; as far back as is kept, if absent.")
        .takes::<Timestamp>("to", "Until then.")
        .takes::<StepLength>("step", "The length of a span; an hour, if absent.")
        .takes::<Name>("tenant", "Of this tenant."),
        of_nodes(
            list::<NodeRow<'static>, _>(
                "/api/orgs/{org}/nodes",
                nodes::list_of_org,
                "listOrgNodes",
                "Nodes",
                "Nodes of an organisation.",
            )
            .takes::<Name>("org", "The organisation."),
        ),
        fold::<NodeAnswer<'static>, _>(
            "/api/orgs/{org}/nodes/{id}",
            nodes::show_of_org,
            "getOrgNode",
            "Nodes",
            "One node of an organisation.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<Uuid>("id", "The node."),
        list::<EntryRow<'static>, _>(
            "/api/orgs/{org}/nodes/{id}/events",
            entries::of_node_of_org,
            "listOrgNodeEvents",
            "Nodes",
            "Entries about a node of an organisation.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<Uuid>("id", "The node.")
        .takes::<String>("kind", "Kinds, with commas between them."),
    ]
}

fn matters() -> Vec<Route<Reads>> {
    vec![
        list::<CommandRow<'static>, _>(
            "/api/commands",
            commands::list,
            "listCommands",
            "Commands",
            "Commands, the newest first.",
        )
        .takes::<Uuid>("node_id", "About this node.")
        .takes::<Name>("org", "Of this organisation.")
        .takes::<CommandState>("state", "Only those that have come so far."),
        fold::<CommandAnswer<'static>, _>(
            "/api/commands/{hash}",
            commands::show,
            "getCommand",
            "Commands",
            "One command.",
        )
        .takes::<Hash>("hash", "The event hash of its command."),
        list::<IncidentRow<'static>, _>(
            "/api/incidents",
            incidents::list,
            "listIncidents",
            "Incidents",
            "Incidents that are not over, or those in a state; the newest first.",
        )
        .takes::<String>("assignee", "Looked after by this person.")
        .takes::<Band>("band", "In this band.")
        .takes::<Uuid>("node_id", "About this node.")
        .takes::<Name>("org", "Of this organisation.")
        .takes::<String>("q", "With this in their texts, whatever the case.")
        .takes::<IncidentStates>("state", "Only those in this state; those that are not over, if absent.")
        .takes::<String>("tag", "With this tag.")
        .takes::<String>("topic", "Of this topic."),
        fold::<IncidentAnswer<'static>, _>(
            "/api/incidents/{id}",
            incidents::show,
            "getIncident",
            "Incidents",
            "One incident.",
        )
        .takes::<Hash>("id", "The incident, by the event hash of its beginning."),
        list::<SilenceRow<'static>, _>(
            "/api/silences",
            incidents::silences,
            "listSilences",
            "Incidents",
            "Silences that hold, the newest first.",
        )
        .takes::<bool>("expired", "Also those that hold no longer.")
        .takes::<Name>("org", "Of this organisation."),
    ]
}

fn upkeep() -> Vec<Route<Reads>> {
    vec![
        list::<PolicyRow<'static>, _>(
            "/api/policies",
            policies::list,
            "listPolicies",
            "Policies",
            "Assignments that hold, the newest first.",
        )
        .takes::<Name>("org", "Of this organisation."),
        fold::<PolicyAnswer<'static>, _>(
            "/api/policies/{hash}",
            policies::show,
            "getPolicy",
            "Policies",
            "A policy that is assigned.",
        )
        .takes::<Hash>("hash", "The hash of the policy."),
        list::<FindingRow<'static>, _>(
            "/api/findings",
            findings::list,
            "listFindings",
            "Scans",
            "Open findings, the gravest first.",
        )
        .takes::<Uuid>("node_id", "About this node.")
        .takes::<Name>("org", "Of this organisation.")
        .takes::<String>("q", "With this in their texts, whatever the case.")
        .takes::<bool>(
            "accepted",
            "Only those that are accepted, or only those that are not; both, if absent.",
        )
        .takes::<FindingSeverity>("severity", "So grave."),
        list::<FindingGroup<'static>, _>(
            "/api/findings/grouped",
            findings::grouped,
            "listFindingGroups",
            "Scans",
            "Open findings, the same one of many nodes as one; the gravest first, then those of most nodes.",
        )
        .takes::<Name>("org", "Of this organisation.")
        .takes::<String>("q", "With this in their texts, whatever the case.")
        .takes::<FindingSeverity>("severity", "So grave."),
        list::<AcceptanceRow<'static>, _>(
            "/api/acceptances",
            findings::acceptances,
            "listAcceptances",
            "Scans",
            "Acceptances of findings that hold, the newest first.",
        )
        .takes::<bool>("ended", "Also those that hold no longer.")
        .takes::<Name>("org", "Of this organisation."),
        list::<RolloutRow<'static>, _>(
            "/api/rollouts",
            rollouts::list,
            "listRollouts",
            "Commands",
            "Roll-outs, by organisation and id.",
        )
        .takes::<Name>("org", "Of this organisation."),
        fold::<RolloutAnswer<'static>, _>(
            "/api/rollouts/{id}",
            rollouts::show,
            "getRollout",
            "Commands",
            "One roll-out.",
        )
        .takes::<Uuid>("id", "The roll-out."),
        list::<ScheduleRow<'static>, _>(
            "/api/schedules",
            schedules::list,
            "listSchedules",
            "Schedules",
            "Schedules, by organisation and id.",
        )
        .takes::<Name>("org", "Of this organisation."),
        fold::<ScheduleAnswer<'static>, _>(
            "/api/schedules/{id}",
            schedules::show,
            "getSchedule",
            "Schedules",
            "One schedule.",
        )
        .takes::<Uuid>("id", "The schedule."),
        list::<ScanRow<'static>, _>(
            "/api/scans",
            scans::list,
            "listScans",
            "Scans",
            "The latest scan of each node.",
        )
        .takes::<Uuid>("node_id", "About this node.")
        .takes::<Name>("org", "Of this organisation.")
        .takes::<FindingSeverity>("severity", "With a finding so grave."),
    ]
}

fn orgs() -> Vec<Route<Reads>> {
    vec![
        list::<AuditRow<'static>, _>(
            "/api/orgs/{org}/audit",
            entries::audit,
            "listAudit",
            "Organisations",
            "What people did, the newest first.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<String>("kind", "Kinds, with commas between them.")
        .takes::<Uuid>("node_id", "About this node."),
        list::<OrgKeyRow<'static>, _>(
            "/api/orgs/{org}/keys",
            keys::list,
            "listOrgKeys",
            "Keys",
            "Keys of an organisation, by their introduction.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<String>("q", "With this in their texts, whatever the case.")
        .takes::<KeyState>("status", "Only those of this status.")
        .takes::<Name>("tenant", "Of this tenant."),
        fold::<OrgKeysSummary, _>(
            "/api/orgs/{org}/keys/summary",
            keys::summary,
            "getOrgKeySummary",
            "Keys",
            "How many keys there are of each sort.",
        )
        .takes::<Name>("org", "The organisation."),
        list::<OutcomeRow<'static>, _>(
            "/api/orgs/{org}/slo-summary",
            slo::of_org,
            "getOrgOutcomes",
            "Organisations",
            "Outcomes of operations of an organisation's nodes.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<Name>("component", "Of this component.")
        .takes::<Timestamp>("from", "From then on; as far back as is kept, if absent.")
        .takes::<Timestamp>("to", "Until then.")
        .takes::<StepLength>("step", "The length of a span; an hour, if absent.")
        .takes::<Name>("tenant", "Of this tenant."),
        fold::<UsageAnswer<'static>, _>(
            "/api/orgs/{org}/usage/summary",
            usage::summary,
            "getOrgUsage",
            "Organisations",
            "What tenants used, by month.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<String>("month", "Only this month, such as `2026-11`.")
        .takes::<Name>("tenant", "Of this tenant.")
        .paged(),
        fold::<WebhooksAnswer<'static>, _>(
            "/api/orgs/{org}/webhooks",
            webhooks::list,
            "listWebhooks",
            "Incidents",
            "Webhooks of an organisation, by id, and how they fare.",
        )
        .takes::<Name>("org", "The organisation."),
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
        .takes::<String>("kind", "Kinds, with commas between them.")
        .takes::<Uuid>("node_id", "About this node.")
        .takes::<Name>("org", "Of this organisation.")
        .takes::<u64>("last_event_id", "Only entries after this one; those that are yet to come, if absent.")
        .answers::<String>(200, stream),
        read(
            "/api/orgs/{org}/events/stream",
            stream::of_org,
            "streamOrgEvents",
            "Events",
            "New entries of an organisation as they come.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<String>("kind", "Kinds, with commas between them.")
        .takes::<Uuid>("node_id", "About this node.")
        .takes::<u64>("last_event_id", "Only entries after this one; those that are yet to come, if absent.")
        .answers::<String>(200, stream),
        read("/fleet", page::table, "getFleetTable", "Page", "The tables of the page.")
            .answers::<String>(200, HTML),
        read("/", page::whole_page, "getPage", "Page", "The page, or the form to sign in with.")
            .answers::<String>(200, HTML)
            .answers::<String>(401, HTML)
            .answers::<String>(403, HTML)
            .answers::<String>(429, HTML)
            .shows(page::not_signed_in),
        asset("/assets/page.css", page::style, "getStyle", "text/css"),
        asset("/assets/page.js", page::script, "getScript", "text/javascript"),
    ]
}

fn consoles() -> Vec<Route<Reads>> {
    vec![
        shown("/console", console::at_its_name, "getConsole"),
        shown("/console/", console::at_its_folder, "getConsoleFolder"),
        shown("/console/{page}", console::page, "getConsolePage")
            .takes::<String>("page", "The page or file."),
        shown("/console/{folder}/{page}", console::page_below, "getConsolePageBelow")
            .takes::<String>("folder", "Its folder.")
            .takes::<String>("page", "The page or file."),
    ]
}

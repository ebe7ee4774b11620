//! What the reads say of themselves in the OpenAPI document.

use projections::metrics::Metric;
use serde_json::Value;
use spec::openapi::{Access, HTML, JSON, Operation, schema};

/// The metrics, as a choice of words.
fn metric_names() -> String {
    let names: Vec<&str> = Metric::ALL.into_iter().map(Metric::name).collect();
    names.join("/")
}

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
fn read(path: &'static str, id: &'static str, tag: &'static str, summary: &'static str) -> Operation {
    let read = Operation::new("GET", path, id, tag, Access::Principal("read")).by_session().says(summary);
    if path.contains('{') { read.refuses(&[404]) } else { read }
}

/// A read that is answered with members, the point it is about, and the checkpoint it rests on.
fn fold(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    members: &str,
) -> Operation {
    let answer = format!("{members}, as_of: Moment, checkpoint: Checkpoint");
    read(path, id, tag, summary).answers(200, JSON, answer).answers(304, "", "")
}

/// A page of a list.
fn list(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    item: &str,
) -> Operation {
    fold(path, id, tag, summary, &format!("items: [{item}], next_cursor: text|null"))
}

/// One for each route.
pub fn operations() -> Vec<Operation> {
    [nodes(), matters(), orgs(), pages()].concat()
}

fn nodes() -> Vec<Operation> {
    vec![
        list("/api/nodes", "listNodes", "Nodes", "Nodes, by organisation and id.", "Node")
            .takes(of_nodes!("org?: Name")),
        fold("/api/nodes/{id}", "getNode", "Nodes", "One node.", "node: Node")
            .takes("id: Uuid, as_of?: text"),
        list(
            "/api/nodes/{id}/events",
            "listNodeEvents",
            "Nodes",
            "Entries about a node, the newest first.",
            "Item",
        )
        .takes("id: Uuid, kind?: text, limit?: 1..500, cursor?: text, as_of?: text"),
        fold(
            "/api/nodes/{id}/metrics",
            "getNodeMetrics",
            "Nodes",
            "One figure of a node over time.",
            "metric: MetricName, unit: text, items: [MetricBucket], next_cursor: text|null",
        )
        .takes("id: Uuid, metric: MetricName, from?: time, to?: time, as_of?: text"),
        fold(
            "/api/nodes/{id}/policy",
            "getNodePolicy",
            "Policies",
            "The policy that a node is to follow, and the one it says it follows.",
            "policy: NodePolicy",
        )
        .takes("id: Uuid, as_of?: text"),
        fold(
            "/api/nodes/{id}/scans",
            "listNodeScans",
            "Scans",
            "The latest scan of a node, and the counts of those before it.",
            "latest: ScanReport|null, accepted?: AcceptedBaseline, items: [PastScan], next_cursor: text|null",
        )
        .takes("id: Uuid, as_of?: text"),
        list(
            "/api/nodes/{id}/slo-summary",
            "getNodeOutcomes",
            "Nodes",
            "Outcomes of operations that a node reported.",
            "Outcomes",
        )
        .takes(
            "id: Uuid, component?: Name, from?: time, to?: time, step?: hour/day, tenant?: Name, \
             limit?: 1..500, cursor?: text, as_of?: text",
        ),
        list("/api/orgs/{org}/nodes", "listOrgNodes", "Nodes", "Nodes of an organisation.", "Node")
            .takes(of_nodes!("org: Name")),
        fold(
            "/api/orgs/{org}/nodes/{id}",
            "getOrgNode",
            "Nodes",
            "One node of an organisation.",
            "node: Node",
        )
        .takes("org: Name, id: Uuid, as_of?: text"),
        list(
            "/api/orgs/{org}/nodes/{id}/events",
            "listOrgNodeEvents",
            "Nodes",
            "Entries about a node of an organisation.",
            "Item",
        )
        .takes("org: Name, id: Uuid, kind?: text, limit?: 1..500, cursor?: text, as_of?: text"),
    ]
}

fn matters() -> Vec<Operation> {
    vec![
        list("/api/commands", "listCommands", "Commands", "Commands, the newest first.", "Command").takes(
            "node_id?: Uuid, org?: Name, state?: CommandState, limit?: 1..500, cursor?: text, as_of?: text",
        ),
        fold("/api/commands/{hash}", "getCommand", "Commands", "One command.", "command: Command")
            .takes("hash: Hash, as_of?: text"),
        list(
            "/api/incidents",
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
        fold("/api/incidents/{id}", "getIncident", "Incidents", "One incident.", "incident: Incident")
            .takes("id: Hash, as_of?: text"),
        list(
            "/api/silences",
            "listSilences",
            "Incidents",
            "Silences that hold, the newest first.",
            "ListedSilence",
        )
        .takes("expired?: true/false, org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        list(
            "/api/policies",
            "listPolicies",
            "Policies",
            "Assignments that hold, the newest first.",
            "Policy",
        )
        .takes("org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold(
            "/api/policies/{hash}",
            "getPolicy",
            "Policies",
            "A policy that is assigned.",
            "policy: Hash, document: PolicyDocument",
        )
        .takes("hash: Hash, as_of?: text"),
        list("/api/findings", "listFindings", "Scans", "Open findings, the gravest first.", "OpenFinding")
            .takes(
                "node_id?: Uuid, org?: Name, q?: text, severity?: low/medium/high/critical, limit?: 1..500, \
             cursor?: text, as_of?: text",
            ),
        list("/api/rollouts", "listRollouts", "Commands", "Roll-outs, by organisation and id.", "Rollout")
            .takes("org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold("/api/rollouts/{id}", "getRollout", "Commands", "One roll-out.", "rollout: Rollout")
            .takes("id: Uuid, as_of?: text"),
        list(
            "/api/schedules",
            "listSchedules",
            "Schedules",
            "Schedules, by organisation and id.",
            "Schedule",
        )
        .takes("org?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold("/api/schedules/{id}", "getSchedule", "Schedules", "One schedule.", "schedule: Schedule")
            .takes("id: Uuid, as_of?: text"),
        list("/api/scans", "listScans", "Scans", "The latest scan of each node.", "ListedScan").takes(
            "node_id?: Uuid, org?: Name, severity?: low/medium/high/critical, limit?: 1..500, cursor?: text, \
             as_of?: text",
        ),
    ]
}

fn orgs() -> Vec<Operation> {
    vec![
        list("/api/orgs/{org}/audit", "listAudit", "Organisations", "What people did, the newest first.", "Act")
            .takes("org: Name, kind?: text, node_id?: Uuid, limit?: 1..500, cursor?: text, as_of?: text"),
        list(
            "/api/orgs/{org}/keys",
            "listOrgKeys",
            "Keys",
            "Keys of an organisation, by their introduction.",
            "OrgKey",
        )
        .takes(
            "org: Name, q?: text, status?: KeyState, tenant?: Name, limit?: 1..500, cursor?: text, as_of?: text",
        ),
        fold(
            "/api/orgs/{org}/keys/summary",
            "getOrgKeySummary",
            "Keys",
            "How many keys there are of each sort.",
            "keys: count, by_status: {count}, by_use: {count}, unused: count, suspect: count",
        )
        .takes("org: Name, as_of?: text"),
        list(
            "/api/orgs/{org}/slo-summary",
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
            "/api/orgs/{org}/usage/summary",
            "getOrgUsage",
            "Organisations",
            "What tenants used, by month.",
            "items: [UsageLine], next_cursor: text|null, uncounted: count",
        )
        .takes("org: Name, month?: text, tenant?: Name, limit?: 1..500, cursor?: text, as_of?: text"),
        fold(
            "/api/orgs/{org}/webhooks",
            "listWebhooks",
            "Incidents",
            "Webhooks of an organisation, by id, and how they fare.",
            "items: [Webhook]",
        )
        .takes("org: Name, as_of?: text"),
    ]
}

fn pages() -> Vec<Operation> {
    let stream = "text/event-stream";
    let asset = |path, id, media| {
        Operation::new("GET", path, id, "Page", Access::Public)
            .says("A part of the page.")
            .answers(200, media, "text")
    };
    vec![
        read(
            crate::http::STREAM,
            "streamEvents",
            "Events",
            "New entries as they come, as server-sent events.",
        )
        .takes("kind?: text, node_id?: Uuid, org?: Name, last_event_id?: count")
        .answers(200, stream, "text"),
        read(
            crate::http::STREAM_OF_ORG,
            "streamOrgEvents",
            "Events",
            "New entries of an organisation as they come.",
        )
        .takes("org: Name, kind?: text, node_id?: Uuid, last_event_id?: count")
        .answers(200, stream, "text"),
        read("/fleet", "getFleetTable", "Page", "The tables of the page.").answers(200, HTML, "text"),
        read(crate::http::PAGE, "getPage", "Page", "The page, or the form to sign in with.")
            .answers(200, HTML, "text")
            .answers(401, HTML, "text")
            .answers(403, HTML, "text")
            .answers(429, HTML, "text"),
        asset("/assets/page.css", "getStyle", "text/css"),
        asset("/assets/page.js", "getScript", "text/javascript"),
    ]
}

/// The schemas that the operations name, beside those of the forms and of the write side.
#[expect(clippy::too_many_lines, reason = "a table: one row for each schema")]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let silence = "id: Hash, by: By, text: text, until: time, node_id?: Uuid, reason?: Name, subject?: text, \
                   tenant?: Name";
    let finding = "evidence?: Hash, explained?: text, id: Name, remediation: text, severity: Severity, \
                   subject: text, title: text";
    vec![
        (
            "AcceptedBaseline",
            schema("baseline: Hash, tree_root?: Hash, author: Author, seq: count, recorded_at: time"),
        ),
        ("Acked", schema("by: By, until: time, band: Band")),
        (
            "Act",
            schema(
                "seq: count, recorded_at: time, author: Author, via?: Via, kind: Kind, node_id?: Uuid, \
                 event_hash: Hash",
            ),
        ),
        ("By", schema("author?: Author, at: time, seq: count")),
        (
            "Command",
            schema(
                "node_id: Uuid, org: Name, state: CommandState, hash: Hash, seq: count, issued_at: time, \
                 issuer: Author, tenant?: Name, order: CommandOrder, approvals: [Word], cancelled?: Word, \
                 begun?: Mark, ended?: CommandEnd",
            ),
        ),
        ("CommandEnd", schema("seq: count, recorded_at: time, output_cut: flag, receipt: CommandReceipt")),
        (
            "CommandOrder",
            schema(
                "approvals: count, command: Name, expires_at: time, node: Uuid, nonce: Hash, not_before: time, \
                 parameters: {text}, rollout?: object, sig: Signature, text?: text",
            ),
        ),
        (
            "CommandReceipt",
            schema(
                "code?: Name, command: Hash, duration_ms?: count, exit?: count, output?: text, \
                 output_bytes?: count, output_hash?: Hash, state: running/succeeded/failed/refused",
            ),
        ),
        ("CommandState", schema("issued/approved/running/succeeded/failed/refused/cancelled/expired")),
        ("FindingCounts", schema("critical: count, high: count, low: count, medium: count, unknown: count")),
        ("Finding", schema(finding)),
        (
            "Incident",
            schema(
                "org: Name, state: open/acked/resolved, silence?: Silence, id: Hash, tenant?: Name, \
                 node_id?: Uuid, site?: text, topic: text, subject?: text, title: text, text?: text, band: Band, \
                 opened: By, reopened?: By, acked?: Acked, resolved?: By, assignee?: text, tags?: [text], \
                 notes?: [Remark]",
            ),
        ),
        (
            "ListedScan",
            schema(
                "node_id: Uuid, org: Name, seq: count, recorded_at: time, started_at: time, duration_ms: count, \
                 simulated: flag, imported: flag, counts: FindingCounts, root: text, baseline?: Hash, \
                 tree_root?: Hash, accepted?: AcceptedBaseline",
            ),
        ),
        ("ListedSilence", schema(&format!("org: Name, active: flag, {silence}"))),
        ("Mark", schema("seq: count, recorded_at: time")),
        ("MetricBucket", schema("at: time, secs: count, count: count, min: count, max: count, mean: count")),
        ("MetricName", schema(&metric_names())),
        ("Moment", schema("seq: count, time: time")),
        (
            "Node",
            schema(
                "node_id: Uuid, org: Name, band: Band, flapping?: flag, silence: SilenceLevel, score: 0..100, \
                 reasons: [Reason], more_reasons?: count, tenant?: Name, key?: NodeKey, heard?: Mark, \
                 heartbeat?: Heartbeat, labels?: {text}",
            ),
        ),
        ("NodeKey", schema("key: PublicKey, introduced: count, ended?: count")),
        (
            "OpenFinding",
            schema(&format!(
                "node_id: Uuid, org: Name, seq: count, recorded_at: time, simulated: flag, {finding}"
            )),
        ),
        (
            "OrgKey",
            schema(
                "status: KeyState, suspect: flag, key: PublicKey, use: KeyUse, author: Author, tenant?: Name, \
                 introduced: Mark, ended?: OrgKeyEnd, used?: Mark",
            ),
        ),
        (
            "OrgKeyEnd",
            schema("at: Mark, status: KeyState, suspect_from?: count, reason?: text, successor?: PublicKey"),
        ),
        (
            "Outcomes",
            schema(
                "at: time, secs: count, tenant?: Name, component: Name, operation: Name, \
                 outcome: allow/deny/error/isolate/ok/throttle, count: count",
            ),
        ),
        (
            "PastScan",
            schema(
                "seq: count, recorded_at: time, started_at: time, duration_ms: count, counts: FindingCounts, \
                 simulated: flag, imported: flag",
            ),
        ),
        (
            "NodePolicy",
            schema(
                "node_id: Uuid, org: Name, desired?: Hash, reported?: Hash, drift: flag, \
                 assignment?: PolicyAssignment",
            ),
        ),
        (
            "Policy",
            schema(
                "org: Name, seq: count, id: Hash, policy: Hash, node?: Uuid, selector?: text, author: Author, \
                 recorded_at: time, document: PolicyDocument",
            ),
        ),
        (
            "PolicyAssignment",
            schema(
                "seq: count, id: Hash, policy: Hash, node?: Uuid, selector?: text, author: Author, \
                 recorded_at: time, document: PolicyDocument",
            ),
        ),
        (
            "Reason",
            schema(
                "reason: text, subject?: text, phase: pending/firing/recovering, since: time, weight: count",
            ),
        ),
        ("Remark", schema("by: By, text: text")),
        (
            "Scan",
            schema(
                "baseline?: Hash, counts: FindingCounts, duration_ms: count, findings: [Finding], root: text, \
                 simulated: flag, started_at: time, tree_root?: Hash, unchecked: [object]",
            ),
        ),
        ("ScanReport", schema("seq: count, recorded_at: time, imported: flag, scan: Scan")),
        (
            "Rollout",
            schema(
                "org: Name, state: RolloutState, hash: Hash, started_by: Author, started_at: time, \
                 plan: RolloutPlan, approvals?: [Word], nodes?: count, of_waves?: count, waves: [RolloutWave], \
                 end?: RolloutEnd",
            ),
        ),
        ("RolloutEnd", schema("state: RolloutState, at: time")),
        (
            "RolloutPlan",
            schema(
                "approvals?: 1..5, approve_by?: time, command: Name, id: Uuid, may_fail: Share, name: text, \
                 os_profile?: text, parameters: {text}, \
                 pause_secs: count, selector: text, ttl_secs: count, waves: [Share]",
            ),
        ),
        ("RolloutState", schema("waiting/running/paused/aborted/halted/finished/expired")),
        (
            "RolloutWave",
            schema("at: time, expires_at: time, nodes: count, succeeded: count, failed: count, open: count"),
        ),
        (
            "Schedule",
            schema(
                "org: Name, hash: Hash, set_by: Author, set_at: time, plan: Plan, decided: time, next?: time, \
                 runs: [ScheduleRun], counts: ScheduleCounts, waiting?: [Uuid]",
            ),
        ),
        ("ScheduleCounts", schema("started: count, missed: count, skipped: count")),
        (
            "ScheduleRun",
            schema(
                "hash: Hash, seq: count, at: time, first: time, due: time, count: count, \
                 outcome: started/missed/skipped, reason?: late/no-nodes/too-many-nodes/window, nodes: count, \
                 ordered: count",
            ),
        ),
        (
            "Plan",
            schema(
                "catch_up: once/skip, command: Name, id: Uuid, jitter_secs: count, name: text, os_profile?: text, \
                 outside?: skip/wait, parameters: {text}, selector: text, ttl_secs: count, when: When, \
                 windows?: [Window]",
            ),
        ),
        ("Silence", schema(silence)),
        (
            "Webhook",
            schema(
                "org: Name, id: Uuid, url: text, types: [WebhookType], created: By, gone?: By, delivered: count, \
                 given_up: count, last?: WebhookAttempt, owed: count, dropped: count, next_at?: time",
            ),
        ),
        (
            "WebhookAttempt",
            schema(
                "author?: Author, at: time, seq: count, outcome: delivered/failed/given-up, status?: 100..599",
            ),
        ),
        ("SilenceLevel", schema("planned/live/late/stale/offline/lost")),
        (
            "UsageLine",
            schema(
                "month: text, tenant?: Name, product: Name, \
                 metric: api_calls/decisions/dig_files/snapshot_exports/storage_bytes, quantity: count, \
                 events: count",
            ),
        ),
        ("Word", schema("author: Author, seq: count, recorded_at: time")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{PAGE, PATHS, STREAM, STREAM_OF_ORG};
    use std::collections::BTreeSet;

    #[test]
    fn every_route_has_an_operation_and_every_operation_a_route() {
        let assets = ["/assets/page.css", "/assets/page.js"];
        let routes: BTreeSet<&str> =
            PATHS.iter().chain(&[PAGE, STREAM, STREAM_OF_ORG]).chain(&assets).copied().collect();
        let told: BTreeSet<&str> = operations().iter().map(|one| one.path).collect();
        assert_eq!(routes, told);
        assert_eq!(operations().len(), PATHS.len() + 3 + assets.len());
    }
}

//! The schemas of what the reads answer with, in the OpenAPI document.

use projections::metrics::Metric;
use serde_json::Value;
use web::openapi::schema;

/// The metrics, as a choice of words.
fn metric_names() -> String {
    let names: Vec<&str> = Metric::ALL.into_iter().map(Metric::name).collect();
    names.join("/")
}

/// The schemas that the operations name, beside those of the forms and of the write side.
#[expect(clippy::too_many_lines, reason = "a table: one row for each schema")]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let silence = "id: Hash, by: By, text: text, until: time, node_id?: Uuid, reason?: Name, subject?: text, \
                   tenant?: Name";
    let finding = "evidence?: Hash, explained?: text, id: Name, remediation: text, severity: Severity, \
                   subject: text, title: text";
    let acceptance = "id: Hash, check: Name, subject?: text, severity?: low/medium/high/critical, node?: Uuid, \
                      selector?: text, text: text, until: time, author: Author, seq: count, \
                      recorded_at: time, withdrawn_by?: Author";
    vec![
        ("Acceptance", schema(acceptance)),
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
            "FindingGroup",
            schema(
                "org: Name, id: Name, subject: text, title: text, severity: Severity, nodes: count, \
                 accepted: count, node_ids: [Uuid]",
            ),
        ),
        (
            "Incident",
            schema(
                "org: Name, state: open/acked/resolved, silence?: Silence, id: Hash, tenant?: Name, \
                 node_id?: Uuid, site?: text, topic: text, subject?: text, title: text, text?: text, band: Band, \
                 opened: By, reopened?: By, acked?: Acked, resolved?: By, assignee?: text, tags?: [text], \
                 notes?: [Remark], posture?: Posture",
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
        ("ListedAcceptance", schema(&format!("org: Name, active: flag, {acceptance}"))),
        ("ListedSilence", schema(&format!("org: Name, active: flag, {silence}"))),
        ("Mark", schema("seq: count, recorded_at: time")),
        ("MetricBucket", schema("at: time, secs: count, count: count, min: count, max: count, mean: count")),
        ("MetricName", schema(&metric_names())),
        ("Moment", schema("seq: count, time: time")),
        (
            "Node",
            schema(
                "node_id: Uuid, org: Name, band: Band, flapping?: flag, silence: SilenceLevel, score: 0..100, \
                 reasons: [Reason], more_reasons?: count, accepted_findings?: count, tenant?: Name, key?: NodeKey, heard?: Mark, \
                 heartbeat?: Heartbeat, labels?: {text}",
            ),
        ),
        ("NodeKey", schema("key: PublicKey, introduced: count, ended?: count")),
        (
            "OpenFinding",
            schema(&format!(
                "node_id: Uuid, org: Name, seq: count, recorded_at: time, simulated: flag, {finding}, \
                 accepted?: Acceptance"
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
        ("Posture", schema("critical: count, high: count, low: count, medium: count, worst?: WeighedReason")),
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
        ("WeighedReason", schema("reason: Name, subject?: text, weight: 0..100")),
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

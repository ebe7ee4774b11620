//! Scans over HTTP.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::scans::{AcceptedBaseline, Latest, NodeScans, Past, Scans};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::FindingCounts;
use spec::{Hash, Name, Severity, Timestamp, Uuid};
use std::borrow::Cow;
use web::paging::{CURSOR, LIMIT, NodePlace, Paging};
use web::{Call, Problem, QueryString};

/// The severities that a finding has, the gravest first.
pub(super) const SEVERITIES: [Severity; 4] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

/// How grave a finding is.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the words of a parameter")]
pub(crate) enum FindingSeverity {
    Low,
    Medium,
    High,
    Critical,
}

/// The latest scan of a node, without its findings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NodeScan")]
pub struct ScanRow<'a> {
    /// The node.
    pub node_id: Uuid,
    /// Whose it is.
    pub org: Cow<'a, Name>,
    /// Seq of the scan's entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When it began, by the node's clock.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether it is made up for a trial.
    pub simulated: bool,
    /// Whether the node did not report it itself.
    pub imported: bool,
    /// How many findings there are.
    pub counts: FindingCounts,
    /// The directory that was scanned.
    pub root: Cow<'a, str>,
    /// What it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Hash>,
    /// Root of the tree of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_root: Option<Hash>,
    /// Who accepted that baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Cow<'a, AcceptedBaseline>>,
}

/// A node's scans.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NodeScansAnswer<'a> {
    /// The latest as a whole.
    pub latest: Option<Cow<'a, Latest>>,
    /// Who accepted the baseline in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Cow<'a, AcceptedBaseline>>,
    /// What is kept of them all, the newest first.
    pub items: Vec<Cow<'a, Past>>,
    /// Always absent: what is kept is one page.
    pub next_cursor: Option<String>,
}

impl<'a> ScanRow<'a> {
    fn of(org: &'a Name, node_id: Uuid, latest: &'a Latest, accepted: Option<&'a AcceptedBaseline>) -> Self {
        let Latest { seq, recorded_at, imported, ref scan } = *latest;
        Self {
            node_id,
            org: Cow::Borrowed(org),
            seq,
            recorded_at,
            started_at: scan.started_at,
            duration_ms: scan.duration_ms,
            simulated: scan.simulated,
            imported,
            counts: scan.counts,
            root: Cow::Borrowed(&scan.root),
            baseline: scan.baseline,
            tree_root: scan.tree_root,
            accepted: accepted.map(Cow::Borrowed),
        }
    }
}

pub(super) fn severity(parameters: &QueryString<'_>) -> Result<Option<Severity>, Problem> {
    parameters.one_of("severity", &SEVERITIES.map(|severity| (severity.as_str(), severity)))
}

fn has(scans: &NodeScans, severity: Severity) -> bool {
    scans.latest.findings().iter().any(|finding| finding.severity == severity)
}

/// What the caller may see, in order.
pub(super) fn visible<'a>(
    scans: &'a Scans,
    call: &'a Call,
    org: Option<&'a Name>,
) -> impl Iterator<Item = (&'a Name, Uuid, &'a NodeScans)> {
    let orgs = scans.orgs().filter(move |name| org.is_none_or(|org| org == *name));
    let nodes = orgs.flat_map(|org| scans.nodes(org).map(move |(id, scans)| (org, id, scans)));
    nodes.filter(|(_, id, _)| call.sees(*id))
}

/// `GET /api/scans`: the latest scan of each node, in the order of organisation and id.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "node_id", "org", "severity"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let severity = severity(&parameters)?;
    let paging = Paging::<NodePlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let nodes = visible(view.folds.scans(), &call, org.as_ref())
                .filter(|(_, id, _)| node.is_none_or(|node| node == *id))
                .filter(|(_, _, scans)| severity.is_none_or(|severity| has(scans, severity)));
            let places = nodes.map(|(org, id, scans)| ((org.clone(), id), (org, id, scans)));
            let page = paging.rising(places, |(org, id, scans)| {
                let accepted = view.folds.scans().in_use(org, id);
                Some(ScanRow::of(org, id, &scans.latest, accepted))
            });
            view.answer(&page)
        })
        .await
}

/// `GET /api/nodes/{id}/scans`: the latest scan as a whole, and the counts of those before it, newest first.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let id = id_of_path(&call)?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let org = org_of(view, &call, None, id)?;
            let (scans, accepted) = (view.folds.scans().node(org, id), view.folds.scans().in_use(org, id));
            let items = scans.into_iter().flat_map(|scans| scans.history.iter().rev());
            Some(view.answer(&NodeScansAnswer {
                latest: scans.map(|scans| Cow::Borrowed(&scans.latest)),
                accepted: accepted.map(Cow::Borrowed),
                items: items.map(Cow::Borrowed).collect(),
                next_cursor: None,
            }))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}

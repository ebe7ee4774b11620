//! Scans and open findings over HTTP.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::paging::{CURSOR, LIMIT, NodePlace, Paging};
use crate::reads::{AS_OF, Call, Parameters, Reads, Refusal};
use crate::scans::{Accepted, Latest, NodeScans, Past, Scans};
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use spec::payload::{Finding, FindingCounts};
use spec::{Hash, Name, Severity, Timestamp, Uuid};

/// The severities that a finding has, the gravest first.
const SEVERITIES: [Severity; 4] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

/// Where the numbers of the gravest severity begin.
type FindingPlace = (u64, Name, Uuid, u64);

/// The latest scan of a node, without its findings.
#[derive(Debug, Serialize)]
struct Row<'a> {
    node_id: Uuid,
    org: &'a Name,
    seq: u64,
    recorded_at: Timestamp,
    started_at: Timestamp,
    duration_ms: u64,
    simulated: bool,
    imported: bool,
    counts: FindingCounts,
    root: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree_root: Option<Hash>,
    /// Who accepted that baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<&'a Accepted>,
}

impl<'a> Row<'a> {
    fn of(org: &'a Name, node_id: Uuid, latest: &'a Latest, accepted: Option<&'a Accepted>) -> Self {
        let Latest { seq, recorded_at, imported, ref scan } = *latest;
        Self {
            node_id,
            org,
            seq,
            recorded_at,
            started_at: scan.started_at,
            duration_ms: scan.duration_ms,
            simulated: scan.simulated,
            imported,
            counts: scan.counts,
            root: &scan.root,
            baseline: scan.baseline,
            tree_root: scan.tree_root,
            accepted,
        }
    }
}

fn severity(parameters: &Parameters<'_>) -> Result<Option<Severity>, Refusal> {
    parameters.one_of("severity", &SEVERITIES.map(|severity| (severity.as_str(), severity)))
}

fn has(scans: &NodeScans, severity: Severity) -> bool {
    scans.latest.findings().iter().any(|finding| finding.severity == severity)
}

/// What the caller may see, in order.
fn visible<'a>(
    scans: &'a Scans,
    call: &'a Call,
    org: Option<&'a Name>,
) -> impl Iterator<Item = (&'a Name, Uuid, &'a NodeScans)> {
    let orgs = scans.orgs().filter(move |name| org.is_none_or(|org| org == *name));
    let nodes = orgs.flat_map(|org| scans.nodes(org).map(move |(id, scans)| (org, id, scans)));
    nodes.filter(|(_, id, _)| call.sees(*id))
}

/// `GET /api/scans`: the latest scan of each node, in the order of organisation and id.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&[AS_OF, CURSOR, LIMIT, "node_id", "org", "severity"])?;
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
                Some(Row::of(org, id, &scans.latest, accepted))
            });
            view.answer(&page)
        })
        .await
}

/// `GET /api/nodes/{id}/scans`: the latest scan as a whole, and the counts of those before it, newest first.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    #[derive(Serialize)]
    struct Answer<'a> {
        latest: Option<&'a Latest>,
        #[serde(skip_serializing_if = "Option::is_none")]
        accepted: Option<&'a Accepted>,
        items: Vec<&'a Past>,
        next_cursor: Option<String>,
    }
    let id = id_of_path(&call, 3)?;
    let answer = reads
        .view(&call.parameters(&[AS_OF])?, |view| {
            let org = org_of(view, &call, None, id)?;
            let (scans, accepted) = (view.folds.scans().node(org, id), view.folds.scans().in_use(org, id));
            let items = scans.into_iter().flat_map(|scans| scans.history.iter().rev()).collect();
            let latest = scans.map(|scans| &scans.latest);
            Some(view.answer(&Answer { latest, accepted, items, next_cursor: None }))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}

/// `GET /api/findings`: the open findings, the gravest first, then in the order of organisation and node.
pub(crate) async fn findings(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    #[derive(Serialize)]
    struct Open<'a> {
        node_id: Uuid,
        org: &'a Name,
        /// Of the scan that has it.
        seq: u64,
        recorded_at: Timestamp,
        simulated: bool,
        #[serde(flatten)]
        finding: &'a Finding,
    }
    let parameters = call.parameters(&[AS_OF, CURSOR, LIMIT, "node_id", "org", "q", "severity"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let severity = severity(&parameters)?;
    let q = parameters.get("q").map(str::to_lowercase);
    let paging = Paging::<FindingPlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let wanted = |finding: &Finding| q.as_deref().is_none_or(|q| mentions(finding, q));
            let (call, org, scans) = (&call, org.as_ref(), view.folds.scans());
            let severities = (0..).zip(SEVERITIES).filter(|(_, one)| severity.is_none_or(|s| s == *one));
            let open = severities.flat_map(|(rank, severity)| {
                let nodes =
                    visible(scans, call, org).filter(|(_, id, _)| node.is_none_or(|node| node == *id));
                nodes.flat_map(move |(org, node_id, scans)| {
                    let findings = (0..).zip(scans.latest.findings());
                    findings.filter(move |(_, finding)| finding.severity == severity).map(
                        move |(n, finding)| {
                            let Latest { seq, recorded_at, ref scan, .. } = scans.latest;
                            let simulated = scan.simulated;
                            let open = Open { node_id, org, seq, recorded_at, simulated, finding };
                            ((rank, org.clone(), node_id, n), open)
                        },
                    )
                })
            });
            view.answer(&paging.rising(open, |open| wanted(open.finding).then_some(open)))
        })
        .await
}

fn mentions(finding: &Finding, q: &str) -> bool {
    [finding.id.as_str(), &finding.title, &finding.subject].iter().any(|text| text.to_lowercase().contains(q))
}

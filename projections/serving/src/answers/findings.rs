//! Open findings over HTTP: one by one, those that are the same as one, and what people accepted of them.

use super::scans::{SEVERITIES, severity, visible};
use crate::reads::{AS_OF, Reads, View};
use axum::body::Body;
use axum::http::Response;
use projections::acceptances::{Acceptance, Found};
use projections::scans::Latest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Finding;
use spec::{Name, Severity, Timestamp, Uuid};
use std::borrow::Cow;
use std::collections::BTreeMap;
use web::paging::{CURSOR, LIMIT, Paging};
use web::{Call, Problem};

/// Nodes that a group of findings names; of more, only how many there are.
pub const MAX_NAMED: usize = 16;

/// Where the numbers of the gravest severity begin.
type FindingPlace = (u64, Name, Uuid, u64);

/// The gravest first, then what is found on the most nodes.
type GroupPlace = (u64, u64, Name, String);

/// A finding that is open.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NodeFinding")]
pub struct FindingRow<'a> {
    /// The node.
    pub node_id: Uuid,
    /// Whose it is.
    pub org: Cow<'a, Name>,
    /// Seq of the scan that has it.
    pub seq: u64,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// Whether it is made up for a trial.
    pub simulated: bool,
    /// What was found.
    #[serde(flatten)]
    pub finding: Cow<'a, Finding>,
    /// The acceptance that covers it: it counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Cow<'a, Acceptance>>,
}

/// The same finding on many nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FindingGroup<'a> {
    /// Whose the nodes are.
    pub org: Cow<'a, Name>,
    /// The check.
    pub id: Cow<'a, Name>,
    /// What it is about.
    pub subject: Cow<'a, str>,
    /// One line, as one of the gravest has it.
    pub title: Cow<'a, str>,
    /// How grave the gravest is, accepted ones only if all are.
    pub severity: Severity,
    /// On how many nodes it counts.
    pub nodes: u64,
    /// On how many others it is accepted.
    pub accepted: u64,
    /// The nodes, by id, at most [`MAX_NAMED`]; those on which it counts come first.
    pub node_ids: Vec<Uuid>,
}

/// An acceptance as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrgAcceptance")]
pub struct AcceptanceRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// Whether it holds.
    pub active: bool,
    /// What is accepted, by whom, and until when.
    #[serde(flatten)]
    pub acceptance: Cow<'a, Acceptance>,
}

/// How grave a finding is when it counts: what a package explains is low at most.
fn counts_as(finding: &Finding) -> Severity {
    if finding.explained.is_some() { Severity::Low } else { finding.severity }
}

/// The acceptance over a finding of a node.
fn accepted<'a>(view: &View<'a>, org: &Name, node: Uuid, finding: &Finding) -> Option<&'a Acceptance> {
    let unlabelled = BTreeMap::new();
    let labels = view.folds.fleet().node(org, node).map_or(&unlabelled, |node| &node.labels);
    let (check, subject) = (finding.id.as_str(), finding.subject.as_str());
    let found = Found { node, labels, check, subject, severity: counts_as(finding) };
    view.folds.scans().acceptances().over(org, &found, view.now)
}

fn row<'a>(
    view: &View<'a>,
    org: &'a Name,
    node_id: Uuid,
    latest: &'a Latest,
    finding: &'a Finding,
) -> FindingRow<'a> {
    let Latest { seq, recorded_at, ref scan, .. } = *latest;
    FindingRow {
        node_id,
        org: Cow::Borrowed(org),
        seq,
        recorded_at,
        simulated: scan.simulated,
        finding: Cow::Borrowed(finding),
        accepted: accepted(view, org, node_id, finding).map(Cow::Borrowed),
    }
}

/// The findings that make up a node's posture, the gravest first.
pub(super) fn of_posture<'a>(view: &View<'a>, org: &'a Name, node: Uuid) -> Vec<FindingRow<'a>> {
    let latest = view.folds.scans().node(org, node).map(|scans| &scans.latest);
    // What is made up or told says nothing of how a node is.
    let latest = latest.filter(|latest| !latest.scan.simulated && !latest.imported);
    let findings = latest.into_iter().flat_map(|latest| latest.findings().iter().map(move |f| (latest, f)));
    let mut rows: Vec<_> = findings.map(|(latest, finding)| row(view, org, node, latest, finding)).collect();
    rows.sort_by_key(|row| (row.accepted.is_some(), std::cmp::Reverse(counts_as(&row.finding))));
    rows
}

/// `GET /api/findings`: the open findings, the gravest first, then in the order of organisation and node.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let known = ["accepted", AS_OF, CURSOR, LIMIT, "node_id", "org", "q", "severity"];
    let parameters = call.query(&known)?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let (severity, is_accepted) = (severity(&parameters)?, parameters.parse::<bool>("accepted")?);
    let q = parameters.get("q").map(str::to_lowercase);
    let paging = Paging::<FindingPlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let wanted = |row: &FindingRow<'_>| {
                q.as_deref().is_none_or(|q| mentions(&row.finding, q))
                    && is_accepted.is_none_or(|is| is == row.accepted.is_some())
            };
            let (call, org, scans) = (&call, org.as_ref(), view.folds.scans());
            let severities = (0..).zip(SEVERITIES).filter(|(_, one)| severity.is_none_or(|s| s == *one));
            let open = severities.flat_map(|(rank, severity)| {
                let nodes =
                    visible(scans, call, org).filter(|(_, id, _)| node.is_none_or(|node| node == *id));
                nodes.flat_map(move |(org, node_id, scans)| {
                    let findings = (0..).zip(scans.latest.findings());
                    let findings = findings.filter(move |(_, finding)| finding.severity == severity);
                    findings.map(move |(n, finding)| {
                        ((rank, org.clone(), node_id, n), (org, node_id, &scans.latest, finding))
                    })
                })
            });
            view.answer(&paging.rising(open, |(org, node_id, latest, finding)| {
                Some(row(view, org, node_id, latest, finding)).filter(|row| wanted(row))
            }))
        })
        .await
}

fn mentions(finding: &Finding, q: &str) -> bool {
    [finding.id.as_str(), &finding.title, &finding.subject].iter().any(|text| text.to_lowercase().contains(q))
}

/// What is said of a group while its nodes are gone through.
struct Group<'a> {
    title: &'a str,
    severity: Severity,
    counting: Vec<Uuid>,
    accepted: Vec<Uuid>,
}

impl<'a> Group<'a> {
    fn of(finding: &'a Finding) -> Self {
        let (counting, accepted) = (Vec::new(), Vec::new());
        Self { title: &finding.title, severity: Severity::Info, counting, accepted }
    }

    fn add(&mut self, node: Uuid, finding: &'a Finding, is_accepted: bool) {
        let severity = counts_as(finding);
        // One that counts comes before all that are accepted.
        let is_first = !is_accepted && self.counting.is_empty();
        if is_first || (severity > self.severity && is_accepted == self.counting.is_empty()) {
            (self.severity, self.title) = (severity, &finding.title);
        }
        if is_accepted { &mut self.accepted } else { &mut self.counting }.push(node);
    }
}

/// `GET /api/findings/grouped`: what is found on many nodes as one, the gravest first, then what is found on the most
/// nodes; what is accepted everywhere comes last.
pub(crate) async fn grouped(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "org", "q", "severity"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let severity = severity(&parameters)?;
    let q = parameters.get("q").map(str::to_lowercase);
    let paging = Paging::<GroupPlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let mut groups: BTreeMap<(&Name, &Name, &str), Group<'_>> = BTreeMap::new();
            for (org, node, scans) in visible(view.folds.scans(), &call, org.as_ref()) {
                for finding in scans.latest.findings() {
                    if q.as_deref().is_some_and(|q| !mentions(finding, q)) {
                        continue;
                    }
                    let group = groups.entry((org, &finding.id, &finding.subject));
                    let is_accepted = accepted(view, org, node, finding).is_some();
                    group.or_insert_with(|| Group::of(finding)).add(node, finding, is_accepted);
                }
            }
            let wanted = groups.into_iter().filter(|(_, group)| severity.is_none_or(|s| s == group.severity));
            let mut rows: Vec<(GroupPlace, FindingGroup<'_>)> = wanted
                .map(|((org, id, subject), Group { title, severity, counting, accepted })| {
                    let (nodes, accepted_nodes) = (counting.len() as u64, accepted.len() as u64);
                    let last = (SEVERITIES.len() as u64, accepted_nodes);
                    let rank = SEVERITIES.iter().take_while(|one| **one != severity).count() as u64;
                    let (rank, many) = if nodes == 0 { last } else { (rank, nodes) };
                    let place = (rank, u64::MAX - many, org.clone(), format!("{id} {subject}"));
                    let group = FindingGroup {
                        org: Cow::Borrowed(org),
                        id: Cow::Borrowed(id),
                        subject: Cow::Borrowed(subject),
                        title: Cow::Borrowed(title),
                        severity,
                        nodes,
                        accepted: accepted_nodes,
                        node_ids: counting.into_iter().chain(accepted).take(MAX_NAMED).collect(),
                    };
                    (place, group)
                })
                .collect();
            rows.sort_by(|(a, _), (b, _)| a.cmp(b));
            view.answer(&paging.rising(rows.into_iter(), Some))
        })
        .await
}

/// `GET /api/acceptances`: what is accepted, the newest first.
pub(crate) async fn acceptances(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, "ended", LIMIT, "org"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let ended = parameters.parse("ended")?.unwrap_or(false);
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let all = view.folds.scans().acceptances();
            let orgs = all.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name));
            let held = orgs.flat_map(|org| all.of(org).map(move |acceptance| (org, acceptance)));
            let mut rows: Vec<(u64, AcceptanceRow<'_>)> = held
                .filter(|(_, acceptance)| {
                    call.principal.node().is_none_or(|own| acceptance.node == Some(own))
                })
                .filter(|(_, acceptance)| ended || acceptance.holds(view.now))
                .map(|(org, acceptance)| {
                    let (org, active) = (Cow::Borrowed(org), acceptance.holds(view.now));
                    (acceptance.seq, AcceptanceRow { org, active, acceptance: Cow::Borrowed(acceptance) })
                })
                .collect();
            rows.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

//! Incidents and silences over HTTP: lists, and one incident.

use super::findings::{FindingRow, of_posture};
use crate::reads::{AS_OF, Reads, View};
use axum::body::Body;
use axum::http::Response;
use projections::incidents::{Incident, IncidentState, OrgIncidents, Silence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Band;
use spec::{Hash, Name, Timestamp, Uuid};
use std::borrow::Cow;
use std::cmp::Reverse;
use web::paging::{CURSOR, LIMIT, Paging};
use web::problem::NOT_FOUND;
use web::{Call, Problem};

/// An incident as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Incident")]
pub struct IncidentRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// How it stands.
    pub state: IncidentState,
    /// What it is about, and what was said of it.
    #[serde(flatten)]
    pub incident: Cow<'a, Incident>,
    /// The silence over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Cow<'a, Silence>>,
}

/// Which incidents are wanted.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the words of a parameter")]
pub(crate) enum IncidentStates {
    Open,
    Acked,
    Resolved,
    All,
}

/// One incident.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct IncidentAnswer<'a> {
    /// It.
    pub incident: IncidentRow<'a>,
    /// Of a node's posture that is not over: what scans find there now, what counts first, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingRow<'a>>,
}

impl<'a> IncidentRow<'a> {
    fn of(org: &'a Name, all: &'a OrgIncidents, incident: &'a Incident, now: Timestamp) -> Self {
        let silence = all.silences().over(&incident.matter, now).map(Cow::Borrowed);
        let state = incident.state(now);
        Self { org: Cow::Borrowed(org), state, incident: Cow::Borrowed(incident), silence }
    }

    /// The same without what was said of it, which is for whoever asks for one incident.
    fn without_notes(mut self) -> Self {
        if !self.incident.notes.is_empty() {
            self.incident = Cow::Owned(self.incident.without_notes());
        }
        self
    }
}

fn orgs<'a>(view: &View<'a>, org: Option<&Name>) -> impl Iterator<Item = (&'a Name, &'a OrgIncidents)> {
    let all: Vec<_> =
        view.folds.incidents().iter().filter(|(name, _)| org.is_none_or(|o| o == *name)).collect();
    all.into_iter()
}

/// Whether a node may see it: it is about the node itself.
fn sees(call: &Call, node: Option<Uuid>) -> bool {
    call.principal.node().is_none_or(|own| node == Some(own))
}

/// `GET /api/incidents`: those that are not over, or those in a state; the newest first.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let known = [AS_OF, "assignee", "band", CURSOR, LIMIT, "node_id", "org", "q", "state", "tag", "topic"];
    let parameters = call.query(&known)?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let bands = [("OK", Band::Ok), ("ATTN", Band::Attn), ("CRIT", Band::Crit)];
    let band = parameters.one_of("band", &bands)?;
    let words = [
        ("open", vec![IncidentState::Open]),
        ("acked", vec![IncidentState::Acked]),
        ("resolved", vec![IncidentState::Resolved]),
        ("all", vec![IncidentState::Open, IncidentState::Acked, IncidentState::Resolved]),
    ];
    let state = match parameters.get("state") {
        None => vec![IncidentState::Open, IncidentState::Acked],
        Some(text) => {
            let found = words.iter().find(|(word, _)| *word == text).map(|(_, states)| states.clone());
            found.ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                web::bad("state", format_args!("expected one of {}", words.join(", ")))
            })?
        }
    };
    let q = parameters.get("q").map(str::to_lowercase);
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let fits = |incident: &Incident| {
                let matter = &incident.matter;
                sees(&call, matter.node_id)
                    && node.is_none_or(|node| matter.node_id == Some(node))
                    && band.is_none_or(|band| band == incident.band)
                    && parameters.get("topic").is_none_or(|topic| topic == matter.topic)
                    && parameters.get("assignee").is_none_or(|who| incident.assignee.as_deref() == Some(who))
                    && parameters.get("tag").is_none_or(|tag| incident.tags.contains(tag))
                    && q.as_deref().is_none_or(|q| mentions(incident, q))
            };
            let mut rows: Vec<(u64, IncidentRow<'_>)> = Vec::new();
            for (org, all) in orgs(view, org.as_ref()) {
                let found = all.iter().filter(|incident| fits(incident));
                let found = found.map(|incident| IncidentRow::of(org, all, incident, view.now));
                rows.extend(
                    found.filter(|row| state.contains(&row.state)).map(|r| (r.incident.opened.seq, r)),
                );
            }
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), |row| Some(row.without_notes())))
        })
        .await
}

fn mentions(incident: &Incident, q: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(q);
    has(&incident.title)
        || incident.text.as_deref().is_some_and(has)
        || incident.notes.iter().any(|note| has(&note.text))
}

/// `GET /api/incidents/{id}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let text = call.part("id");
    let unknown = || Problem::new(NOT_FOUND, format!("there is no incident {text}, or no more"));
    let id = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let mut all = orgs(view, call.principal.bound_to());
            let (org, all, incident) = all.find_map(|(org, all)| Some((org, all, all.get(&id)?)))?;
            let is_posture = incident.posture.is_some() && incident.resolved.is_none();
            let of = incident.matter.node_id.filter(|_| is_posture);
            let findings = of.map(|node| of_posture(view, org, node)).unwrap_or_default();
            let answer = IncidentAnswer { incident: IncidentRow::of(org, all, incident, view.now), findings };
            sees(&call, incident.matter.node_id).then(|| view.answer(&answer))
        })
        .await?;
    answer.ok_or_else(unknown)
}

/// A silence as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrgSilence")]
pub struct SilenceRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// Whether it holds.
    pub active: bool,
    /// What is silenced, by whom, and until when.
    #[serde(flatten)]
    pub silence: Cow<'a, Silence>,
}

/// `GET /api/silences`: those that hold, the newest first.
pub(crate) async fn silences(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, "expired", LIMIT, "org"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let expired = parameters.parse("expired")?.unwrap_or(false);
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let mut rows: Vec<(u64, SilenceRow<'_>)> = Vec::new();
            for (org, all) in orgs(view, org.as_ref()) {
                let found = all.silences().iter().filter(|silence| sees(&call, silence.node_id));
                for silence in found {
                    let active = silence.until > view.now;
                    if active || expired {
                        let (org, seq) = (Cow::Borrowed(org), silence.by.seq);
                        rows.push((seq, SilenceRow { org, active, silence: Cow::Borrowed(silence) }));
                    }
                }
            }
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

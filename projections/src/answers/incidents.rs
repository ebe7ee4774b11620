//! Incidents and silences over HTTP: lists, and one incident.

use crate::incidents::{Incident, OrgIncidents, Silence, State};
use crate::paging::{CURSOR, LIMIT, Paging};
use crate::reads::{AS_OF, Call, Reads, Refusal, View};
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use spec::payload::Band;
use spec::{Hash, Name, Timestamp, Uuid};
use std::cmp::Reverse;

/// An incident as it stands.
#[derive(Debug, Serialize)]
struct Row<'a> {
    org: &'a Name,
    state: State,
    #[serde(flatten)]
    incident: &'a Incident,
    /// The silence over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<&'a Silence>,
}

impl<'a> Row<'a> {
    fn of(org: &'a Name, all: &'a OrgIncidents, incident: &'a Incident, now: Timestamp) -> Self {
        let silence = all.silences().over(&incident.matter, now);
        Row { org, state: incident.state(now), incident, silence }
    }
}

fn orgs<'a>(view: &View<'a>, org: Option<&Name>) -> impl Iterator<Item = (&'a Name, &'a OrgIncidents)> {
    let all: Vec<_> =
        view.folds.incidents().iter().filter(|(name, _)| org.is_none_or(|o| o == *name)).collect();
    all.into_iter()
}

/// Whether a node may see it: it is about the node itself.
fn sees(call: &Call, node: Option<Uuid>) -> bool {
    call.viewer.node.is_none_or(|own| node == Some(own))
}

/// `GET /api/incidents`: those that are not over, or those in a state; the newest first.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let known = [AS_OF, "assignee", "band", CURSOR, LIMIT, "node_id", "org", "q", "state", "tag", "topic"];
    let parameters = call.parameters(&known)?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let bands = [("OK", Band::Ok), ("ATTN", Band::Attn), ("CRIT", Band::Crit)];
    let band = parameters.one_of("band", &bands)?;
    let words = [
        ("open", vec![State::Open]),
        ("acked", vec![State::Acked]),
        ("resolved", vec![State::Resolved]),
        ("all", vec![State::Open, State::Acked, State::Resolved]),
    ];
    let state = match parameters.get("state") {
        None => vec![State::Open, State::Acked],
        Some(text) => {
            let found = words.iter().find(|(word, _)| *word == text).map(|(_, states)| states.clone());
            found.ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                crate::reads::bad("state", format_args!("expected one of {}", words.join(", ")))
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
            let mut rows: Vec<(u64, Row<'_>)> = Vec::new();
            for (org, all) in orgs(view, org.as_ref()) {
                let found = all.iter().filter(|incident| fits(incident));
                let found = found.map(|incident| Row::of(org, all, incident, view.now));
                rows.extend(
                    found.filter(|row| state.contains(&row.state)).map(|r| (r.incident.opened.seq, r)),
                );
            }
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
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
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let text = call.part(3);
    let unknown = || Refusal::NotFound(format!("there is no incident {text}, or no more"));
    let id = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.parameters(&[AS_OF])?, |view| {
            let mut all = orgs(view, call.viewer.org.as_ref());
            let (org, all, incident) = all.find_map(|(org, all)| Some((org, all, all.get(&id)?)))?;
            let row = Row::of(org, all, incident, view.now);
            sees(&call, incident.matter.node_id).then(|| view.answer(&serde_json::json!({"incident": row})))
        })
        .await?;
    answer.ok_or_else(unknown)
}

/// A silence as it stands.
#[derive(Debug, Serialize)]
struct SilenceRow<'a> {
    org: &'a Name,
    active: bool,
    #[serde(flatten)]
    silence: &'a Silence,
}

/// `GET /api/silences`: those that hold, the newest first.
pub(crate) async fn silences(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&[AS_OF, CURSOR, "expired", LIMIT, "org"])?;
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
                        rows.push((silence.by.seq, SilenceRow { org, active, silence }));
                    }
                }
            }
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

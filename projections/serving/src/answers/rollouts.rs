//! Roll-outs over HTTP: a list, by organisation and id, and one.

use super::schedules::unless_node;
use crate::nodes::id_of_path;
use crate::reads::{AS_OF, Reads, View};
use axum::body::Body;
use axum::http::Response;
use projections::commands::Word;
use projections::rollouts::{Rollout, RolloutEnd, RolloutState, RolloutTally};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::RolloutPlan;
use spec::{Author, Hash, Name, Timestamp};
use std::borrow::Cow;
use web::paging::{CURSOR, LIMIT, NodePlace, Paging};
use web::problem::NOT_FOUND;
use web::{Call, Problem};

/// A roll-out as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Rollout")]
pub struct RolloutRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// How far it has come.
    pub state: RolloutState,
    /// Event hash of its start.
    pub hash: Hash,
    /// Who started it.
    pub started_by: Cow<'a, Author>,
    /// When that was recorded.
    pub started_at: Timestamp,
    /// What is to be done, by whom, and in which waves.
    pub plan: Cow<'a, RolloutPlan>,
    /// Who approved it, if it needs that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Cow<'a, [Word]>>,
    /// How many nodes it is for; absent: they are not chosen yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// How many waves it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_waves: Option<usize>,
    /// The waves that began, in order.
    pub waves: Vec<WaveRow>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RolloutEnd>,
}

/// A wave that began.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RolloutWave")]
pub struct WaveRow {
    /// When that was decided.
    pub at: Timestamp,
    /// When its commands run out.
    pub expires_at: Timestamp,
    /// How many nodes it has.
    pub nodes: u64,
    /// How they fare.
    #[serde(flatten)]
    pub tally: RolloutTally,
}

/// One roll-out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RolloutAnswer<'a> {
    /// It.
    pub rollout: RolloutRow<'a>,
}

impl<'a> RolloutRow<'a> {
    fn of(org: &'a Name, rollout: &'a Rollout, view: &View<'_>) -> Self {
        let nodes = rollout.nodes.as_ref().map(Vec::len);
        let waves = (0..).zip(&rollout.waves).map(|(n, wave)| WaveRow {
            at: wave.at,
            expires_at: wave.expires_at,
            nodes: wave.nodes,
            tally: rollout.tally(n, view.now),
        });
        Self {
            org: Cow::Borrowed(org),
            state: rollout.state(),
            hash: rollout.hash,
            started_by: Cow::Borrowed(&rollout.started_by),
            started_at: rollout.started_at,
            plan: Cow::Borrowed(&rollout.plan),
            approvals: rollout.plan.approvals.map(|_| Cow::Borrowed(rollout.approvals.as_slice())),
            nodes,
            of_waves: nodes.map(|nodes| rollout.plan.totals(nodes as u64).len()),
            waves: waves.collect(),
            end: rollout.end,
        }
    }
}

/// `GET /api/rollouts`.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    unless_node(&call)?;
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "org"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let paging = Paging::<NodePlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let all = view.folds.rollouts().iter();
            let wanted = all.filter(|(name, _)| org.as_ref().is_none_or(|org| org == *name));
            let places = wanted.map(|(org, rollout)| ((org.clone(), rollout.plan.id), (org, rollout)));
            view.answer(&paging.rising(places, |(org, rollout)| Some(RolloutRow::of(org, rollout, view))))
        })
        .await
}

/// `GET /api/rollouts/{id}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    unless_node(&call)?;
    let unknown = || Problem::new(NOT_FOUND, format!("there is no roll-out {}, or no more", call.part("id")));
    let id = id_of_path(&call).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let all = view.folds.rollouts().iter();
            let mut own = all.filter(|(org, _)| call.principal.bound_to().is_none_or(|own| own == *org));
            let (org, rollout) = own.find(|(_, rollout)| rollout.plan.id == id)?;
            Some(view.answer(&RolloutAnswer { rollout: RolloutRow::of(org, rollout, view) }))
        })
        .await?;
    answer.ok_or_else(unknown)
}

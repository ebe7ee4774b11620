//! Schedules over HTTP: a list, by organisation and id, and one.

use crate::nodes::id_of_path;
use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::schedules::ScheduleStanding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Name;
use std::borrow::Cow;
use web::paging::{CURSOR, LIMIT, NodePlace, Paging};
use web::problem::NOT_FOUND;
use web::{Call, Problem};

/// A schedule as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Schedule")]
pub struct ScheduleRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// What is to be done, when, and what became of it lately.
    #[serde(flatten)]
    pub standing: Cow<'a, ScheduleStanding>,
}

/// One schedule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleAnswer<'a> {
    /// It.
    pub schedule: ScheduleRow<'a>,
}

impl<'a> ScheduleRow<'a> {
    fn of(org: &'a Name, standing: &'a ScheduleStanding) -> Self {
        Self { org: Cow::Borrowed(org), standing: Cow::Borrowed(standing) }
    }
}

/// A node sees its commands, and nothing of where they come from.
pub(super) fn unless_node(call: &Call) -> Result<(), Problem> {
    match call.principal.node() {
        Some(_) => Err(Problem::new(NOT_FOUND, "a node has no schedules".to_owned())),
        None => Ok(()),
    }
}

/// `GET /api/schedules`.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    unless_node(&call)?;
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "org"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let paging = Paging::<NodePlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let all = view.folds.schedules().iter();
            let wanted = all.filter(|(name, _)| org.as_ref().is_none_or(|org| org == *name));
            let places = wanted.map(|(org, standing)| ((org.clone(), standing.plan.id), (org, standing)));
            view.answer(&paging.rising(places, |(org, standing)| Some(ScheduleRow::of(org, standing))))
        })
        .await
}

/// `GET /api/schedules/{id}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    unless_node(&call)?;
    let unknown = || Problem::new(NOT_FOUND, format!("there is no schedule {}", call.part("id")));
    let id = id_of_path(&call).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let all = view.folds.schedules().iter();
            let mut own = all.filter(|(org, _)| call.principal.bound_to().is_none_or(|own| own == *org));
            let (org, standing) = own.find(|(_, standing)| standing.plan.id == id)?;
            Some(view.answer(&ScheduleAnswer { schedule: ScheduleRow::of(org, standing) }))
        })
        .await?;
    answer.ok_or_else(unknown)
}

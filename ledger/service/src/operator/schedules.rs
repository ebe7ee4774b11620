//! `/api/schedules/{id}`: what nodes are told to do again and again is set and removed by people. What is due, and
//! what becomes of it, is the scheduler's affair.

use super::commands::{parameters, ttl};
use super::selection::Selection;
use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ingest::saying::say;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::cron::Cron;
use spec::limits::MAX_SCHEDULES;
use spec::payload::{CatchUp, Outside, Plan, Schedule, When};
use spec::schema::CommandParameters;
use spec::time::parse_rfc3339;
use spec::window::Window;
use spec::{Kind, Name, Timestamp, Uuid};
use std::collections::BTreeMap;
use web::Action;
use web::Call;
use web::answer;
use web::answer::no_content;
use web::limits::MAX_COMMAND_TTL_SECS;
use web::problem::{CONFLICT, NOT_FOUND, Problem};
use web::strict::present;
use web::strict::{invalid, member};

/// A request to set a schedule.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name, command and when")]
pub struct ScheduleRequest {
    /// What people call it.
    #[schemars(length(max = 256))]
    pub name: String,
    /// What nodes are to do.
    #[schemars(with = "Name")]
    pub command: String,
    /// When it is due.
    pub when: WhenRequest,
    /// The organisation; that of the caller, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub org: Option<String>,
    /// With which parameters, by name.
    #[serde(default)]
    #[schemars(with = "CommandParameters")]
    pub parameters: BTreeMap<String, String>,
    /// Which nodes, by their labels; all, if empty.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub selector: String,
    /// Only nodes of this operating system profile.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub os_profile: Option<String>,
    /// For how many seconds a command may be begun.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_COMMAND_TTL_SECS))]
    pub ttl_secs: Option<u64>,
    /// Over how many seconds the nodes' beginnings are spread.
    #[serde(default)]
    #[schemars(range(max = 86_400))]
    pub jitter_secs: u64,
    /// Outside of these nothing is begun.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// What becomes of what is due outside of them.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
    /// What becomes of what fell due while the service was away.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
}

/// The times at which a schedule is due: `cron` or `every_secs`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleTimingRequest")]
#[serde(deny_unknown_fields, expecting = "an object with cron or every_secs")]
pub struct WhenRequest {
    /// At times of cron in UTC.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Cron>")]
    pub cron: Option<String>,
    /// Every so many seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31_622_400))]
    pub every_secs: Option<u64>,
    /// The first time of `every_secs`, in RFC 3339; now, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub start: Option<String>,
}

/// A schedule that was set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleSet {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub org: Name,
    /// Seq of the entry.
    pub seq: u64,
    /// What is to be thought of, such as that it selects nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl WhenRequest {
    /// When it is due; an interval without a beginning begins now.
    fn when(self, now: Timestamp) -> Result<When, Problem> {
        let start = match self.start.as_deref() {
            None => self.every_secs.map(|_| now),
            Some(text) => Some(
                parse_rfc3339(text).ok_or_else(|| invalid("/when/start", "expected a time of RFC 3339"))?,
            ),
        };
        let cron: Option<Cron> = self.cron.as_deref().map(|text| member("/when/cron", text)).transpose()?;
        Ok(When { cron, every_secs: self.every_secs, start })
    }
}

impl ScheduleRequest {
    fn plan(self, id: Uuid, now: Timestamp) -> Result<Plan, Problem> {
        let outside = self.outside.or((!self.windows.is_empty()).then_some(Outside::Skip));
        Ok(Plan {
            catch_up: self.catch_up.unwrap_or(CatchUp::Skip),
            command: member("/command", &self.command)?,
            id,
            jitter_secs: self.jitter_secs,
            name: self.name,
            os_profile: self.os_profile,
            outside,
            parameters: parameters(self.parameters)?,
            selector: self.selector,
            ttl_secs: ttl(self.ttl_secs)?,
            when: self.when.when(now)?,
            windows: self.windows,
        })
    }
}

/// `PUT /api/schedules/{id}`: makes one, or puts it in the place of the one with this id.
pub(crate) async fn set(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let id: Uuid = call.param("id")?;
    let request: ScheduleRequest = call.json()?;
    let org = org_of(&call, "/org", request.org.as_deref())?;
    let selection = Selection::of(&request.selector, request.os_profile.as_deref())?;
    let payload = Schedule::Set(Box::new(request.plan(id, call.app.ledger().now())?));
    let selected = selection.count(&service, &call, &org).await?;
    let _turn = call.app.turns().of(&org).await;
    let known = known(&service, &call, &org).await?;
    if known.len() >= MAX_SCHEDULES && !known.contains(&id) {
        let detail = format!("the organisation has {MAX_SCHEDULES} schedules already; remove one first");
        return Err(Problem::new(CONFLICT, detail));
    }
    let receipt = say(&call, &org, Kind::Schedule, &payload).await?;
    let status = if known.contains(&id) { StatusCode::OK } else { StatusCode::CREATED };
    // No refusal: nodes may be labelled, or enrol, until it is due.
    let warning = (selected == 0).then(|| selection.nobody(&org));
    Ok(answer::value(status, &ScheduleSet { id, org, seq: receipt.seq, warning }))
}

/// `DELETE /api/schedules/{id}`: nothing more is due, and commands that were not given yet are not given.
pub(crate) async fn remove(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["org"])?;
    let (id, asked): (Uuid, Option<String>) = (call.param("id")?, query.parse("org")?);
    let org = org_of(&call, "/org", asked.as_deref())?;
    if !known(&service, &call, &org).await?.contains(&id) {
        return Err(Problem::new(NOT_FOUND, format!("{org} has no schedule {id}")));
    }
    say(&call, &org, Kind::Schedule, &Schedule::Remove { id }).await?;
    Ok(no_content())
}

/// The organisation that is named, or the one that the principal is bound to.
pub(crate) fn org_of(call: &Call, pointer: &str, asked: Option<&str>) -> Result<Name, Problem> {
    let org = match (asked, call.principal.bound_to()) {
        (Some(text), _) => member(pointer, text)?,
        (None, Some(own)) => own.clone(),
        (None, None) => return Err(invalid(pointer, "name the organisation")),
    };
    call.principal.require_in(Action::IssueCommand, &org)?;
    Ok(org)
}

/// The ids of the organisation's schedules.
async fn known(service: &Service, call: &Call, org: &Name) -> Result<Vec<Uuid>, Problem> {
    let look = service.look(call, |folds| {
        let own = folds.schedules().iter().filter(|(of, _)| *of == org);
        own.map(|(_, standing)| standing.plan.id).collect()
    });
    look.await
}

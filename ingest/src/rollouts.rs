//! `/api/rollouts`: a command to a selection of nodes in waves is started, held and ended by people. When a wave
//! begins, and when it stops, is the executable's affair.

use crate::answer;
use crate::commands::{FOLDS_PATIENCE, desk, parameters, ttl};
use crate::dispatch::Call;
use crate::draft::{invalid, member};
use crate::problem::{CONFLICT, NOT_FOUND, Problem, UNAVAILABLE, internal};
use crate::query_string::QueryString;
use crate::schedules::org_of;
use crate::strict::present;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use spec::limits::MAX_ROLLOUTS;
use spec::payload::{RolloutAction, RolloutPlan, Share};
use spec::{Kind, Name, Uuid};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with name, command and waves")]
struct Request {
    name: String,
    command: String,
    waves: Vec<Share>,
    #[serde(default, deserialize_with = "present")]
    may_fail: Option<Share>,
    #[serde(default, deserialize_with = "present")]
    org: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    selector: String,
    #[serde(default, deserialize_with = "present")]
    os_profile: Option<String>,
    #[serde(default, deserialize_with = "present")]
    ttl_secs: Option<u64>,
    #[serde(default)]
    pause_secs: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with or without org")]
struct Of {
    #[serde(default, deserialize_with = "present")]
    org: Option<String>,
}

/// `POST /api/rollouts`.
pub(crate) async fn start(call: Call) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let request: Request = call.json()?;
    let org = org_of(&call, "/org", request.org.as_deref())?;
    let id = Uuid::v4(ledger::keyring::random().map_err(internal)?);
    let plan = RolloutPlan {
        command: member("/command", &request.command)?,
        id,
        may_fail: request.may_fail.unwrap_or(Share { count: Some(0), percent: None }),
        name: request.name,
        os_profile: request.os_profile,
        parameters: parameters(request.parameters)?,
        pause_secs: request.pause_secs,
        selector: request.selector,
        ttl_secs: ttl(request.ttl_secs)?,
        waves: request.waves,
    };
    if plan.waves.is_empty() {
        return Err(invalid("/waves", "at least one, the last 100 percent"));
    }
    let running = known(&call, &org).await?.into_iter().filter(|(_, is_over)| !is_over).count();
    if running >= MAX_ROLLOUTS {
        let detail = format!("{MAX_ROLLOUTS} roll-outs of the organisation are not over; end one first");
        return Err(Problem::new(CONFLICT, detail));
    }
    let payload = RolloutAction::Start(Box::new(plan));
    let receipt = call.app.say(&call.principal, &org, Kind::Rollout, &payload).await?;
    Ok(answer::value(StatusCode::CREATED, &json!({"id": id, "org": org, "seq": receipt.seq})))
}

/// `POST /api/rollouts/{id}/pause`.
pub(crate) async fn pause(call: Call) -> Result<Response<Body>, Problem> {
    change(call, |id| RolloutAction::Pause { id }).await
}

/// `POST /api/rollouts/{id}/resume`.
pub(crate) async fn resume(call: Call) -> Result<Response<Body>, Problem> {
    change(call, |id| RolloutAction::Resume { id }).await
}

/// `POST /api/rollouts/{id}/abort`.
pub(crate) async fn abort(call: Call) -> Result<Response<Body>, Problem> {
    change(call, |id| RolloutAction::Abort { id }).await
}

async fn change(call: Call, action: fn(Uuid) -> RolloutAction) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let id: Uuid = call.param("id")?;
    let of: Of = call.json()?;
    let org = org_of(&call, "/org", of.org.as_deref())?;
    let known = known(&call, &org).await?;
    match known.into_iter().find(|(known, _)| *known == id) {
        None => Err(Problem::new(NOT_FOUND, format!("{org} has no roll-out {id}, or no more"))),
        Some((_, true)) => Err(Problem::new(CONFLICT, "the roll-out is over")),
        Some((_, false)) => {
            let receipt = call.app.say(&call.principal, &org, Kind::Rollout, &action(id)).await?;
            Ok(answer::value(StatusCode::CREATED, &json!({"id": id, "org": org, "seq": receipt.seq})))
        }
    }
}

/// The ids of the organisation's roll-outs, and whether each is over.
async fn known(call: &Call, org: &Name) -> Result<Vec<(Uuid, bool)>, Problem> {
    let size = call.app.ledger.head().borrow().size;
    let all = tokio::time::timeout(FOLDS_PATIENCE, desk(&call.app)?.rollouts(size)).await;
    let all = all.map_err(|_| Problem::new(UNAVAILABLE, "the folds do not keep up with the log"))?;
    Ok(all.into_iter().filter(|(of, ..)| of == org).map(|(_, id, is_over)| (id, is_over)).collect())
}

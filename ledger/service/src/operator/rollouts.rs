//! `/api/rollouts`: a command to a selection of nodes in waves is started, approved, held and ended by people. When a
//! wave begins, and when it stops, is the scheduler's affair.

use super::commands::{parameters, ttl};
use super::schedules::org_of;
use super::selection::Selection;
use crate::state::{FOLDS_PATIENCE, Service};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ingest::saying::say;
use ingest::saying::speaker;
use projections::rollouts::Rollout;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_ROLLOUTS;
use spec::payload::{MAX_ROLLOUT_NODES, RolloutAction, RolloutPlan, Share};
use spec::schema::CommandParameters;
use spec::{Author, Hash, Kind, Name, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use web::Call;
use web::answer;
use web::limits::{MAX_APPROVAL_SECS, MAX_COMMAND_TTL_SECS};
use web::problem::{CONFLICT, FORBIDDEN, NOT_FOUND, Problem, internal};
use web::strict::present;
use web::strict::within;
use web::strict::{invalid, member};

/// How long a roll-out that needs approval waits for it, if it does not say.
const DEFAULT_APPROVAL_SECS: u64 = 86_400;

/// How often it is looked whether the nodes are chosen.
const CHOOSING: Duration = Duration::from_millis(50);

/// A request to start a roll-out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name, command and waves")]
pub struct RolloutRequest {
    /// What people call it.
    #[schemars(length(max = 256))]
    pub name: String,
    /// What nodes are to do.
    #[schemars(with = "Name")]
    pub command: String,
    /// How many have been told after each wave, the last all.
    pub waves: Vec<Share>,
    /// How many of a wave may fail; none, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub may_fail: Option<Share>,
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
    /// How many seconds are waited after each wave.
    #[serde(default)]
    #[schemars(range(max = 604_800))]
    pub pause_secs: u64,
    /// How many other people must approve it first.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub approvals: u64,
    /// For how many seconds it waits for them.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_APPROVAL_SECS))]
    pub approval_secs: Option<u64>,
}

/// A roll-out of which something was said.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RolloutChanged {
    /// Until when it may be approved, if it was started just now and needs that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_by: Option<Timestamp>,
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub org: Name,
    /// Seq of the entry.
    pub seq: u64,
}

impl RolloutRequest {
    /// Until when it may be approved, if it needs that.
    fn approve_by(&self, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        if self.approvals == 0 {
            let unasked = || invalid("/approval_secs", "a roll-out without approvals waits for none");
            return self.approval_secs.map_or(Ok(None), |_| Err(unasked()));
        }
        let secs = within("/approval_secs", self.approval_secs, DEFAULT_APPROVAL_SECS, MAX_APPROVAL_SECS)?;
        Ok(Some(Timestamp::from_millis(now.millis().saturating_add(secs * 1000))))
    }

    fn plan(self, id: Uuid, now: Timestamp) -> Result<RolloutPlan, Problem> {
        if self.waves.is_empty() {
            return Err(invalid("/waves", "at least one, the last 100 percent"));
        }
        let approve_by = self.approve_by(now)?;
        Ok(RolloutPlan {
            approvals: approve_by.map(|_| self.approvals),
            approve_by,
            command: member("/command", &self.command)?,
            id,
            may_fail: self.may_fail.unwrap_or(Share { count: Some(0), percent: None }),
            name: self.name,
            os_profile: self.os_profile,
            parameters: parameters(self.parameters)?,
            pause_secs: self.pause_secs,
            selector: self.selector,
            ttl_secs: ttl(self.ttl_secs)?,
            waves: self.waves,
        })
    }
}

/// A request to approve a roll-out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with or without org and text")]
pub struct RolloutApprovalRequest {
    /// The organisation; that of the caller, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub org: Option<String>,
    /// A remark.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The organisation whose roll-out is held, let go on or ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with or without org")]
pub struct OrgRequest {
    /// The organisation; that of the caller, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub org: Option<String>,
}

/// `POST /api/rollouts`.
pub(crate) async fn start(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let request: RolloutRequest = call.json()?;
    let org = org_of(&call, "/org", request.org.as_deref())?;
    let id = Uuid::v4(ledger::keyring::random().map_err(internal)?);
    let plan = request.plan(id, call.app.ledger().now())?;
    let approve_by = plan.approve_by;
    let selection = Selection::of(&plan.selector, plan.os_profile.as_deref())?;
    match selection.count(&service, &call, &org).await? {
        0 => return Err(Problem::new(CONFLICT, selection.nobody(&org)).pointer("/selector")),
        count if count > MAX_ROLLOUT_NODES => {
            let detail = format!("{count} nodes are selected; a roll-out is for at most {MAX_ROLLOUT_NODES}");
            return Err(Problem::new(CONFLICT, detail).pointer("/selector"));
        }
        _ => {}
    }
    let _turn = call.app.turns().of(&org).await;
    let running = known(&service, &call, &org).await?.into_iter().filter(|rollout| !rollout.is_over).count();
    if running >= MAX_ROLLOUTS {
        let detail = format!("{MAX_ROLLOUTS} roll-outs of the organisation are not over; end one first");
        return Err(Problem::new(CONFLICT, detail));
    }
    let payload = RolloutAction::Start(Box::new(plan));
    let receipt = say(&call, &org, Kind::Rollout, &payload).await?;
    Ok(answer::value(StatusCode::CREATED, &RolloutChanged { approve_by, id, org, seq: receipt.seq }))
}

/// `POST /api/rollouts/{id}/approve`: another person agrees.
pub(crate) async fn approve(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let id: Uuid = call.param("id")?;
    let RolloutApprovalRequest { org, text } = call.json()?;
    let org = org_of(&call, "/org", org.as_deref())?;
    let rollout = chosen(&service, &call, &org, id).await?;
    let (author, _) = speaker(&call.principal)?;
    if author == rollout.started_by {
        return Err(Problem::new(FORBIDDEN, "nobody approves a roll-out of their own"));
    }
    if rollout.approved_by.contains(&author) {
        return Err(Problem::new(CONFLICT, "you approved the roll-out before; another person is needed"));
    }
    match rollout.waits_until {
        None => return Err(Problem::new(CONFLICT, "the roll-out waits for no approval")),
        Some(until) if until <= call.app.ledger().now() => {
            return Err(Problem::new(CONFLICT, format!("the roll-out was to be approved before {until}")));
        }
        Some(_) => {}
    }
    let payload = RolloutAction::Approve { id, target: rollout.hash, text };
    let receipt = say(&call, &org, Kind::Rollout, &payload).await?;
    Ok(answer::value(StatusCode::CREATED, &RolloutChanged { approve_by: None, id, org, seq: receipt.seq }))
}

/// `POST /api/rollouts/{id}/pause`.
pub(crate) async fn pause(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    change(service, call, |id| RolloutAction::Pause { id }).await
}

/// `POST /api/rollouts/{id}/resume`.
pub(crate) async fn resume(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    change(service, call, |id| RolloutAction::Resume { id }).await
}

/// `POST /api/rollouts/{id}/abort`.
pub(crate) async fn abort(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    change(service, call, |id| RolloutAction::Abort { id }).await
}

async fn change(
    service: Service,
    call: Call,
    action: fn(Uuid) -> RolloutAction,
) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let id: Uuid = call.param("id")?;
    let of: OrgRequest = call.json()?;
    let org = org_of(&call, "/org", of.org.as_deref())?;
    one(&service, &call, &org, id).await?;
    let receipt = say(&call, &org, Kind::Rollout, &action(id)).await?;
    Ok(answer::value(StatusCode::CREATED, &RolloutChanged { approve_by: None, id, org, seq: receipt.seq }))
}

/// The organisation's roll-out with this id, unless it is over.
async fn one(service: &Service, call: &Call, org: &Name, id: Uuid) -> Result<Known, Problem> {
    let unknown = || Problem::new(NOT_FOUND, format!("{org} has no roll-out {id}, or no more"));
    let rollout =
        known(service, call, org).await?.into_iter().find(|known| known.id == id).ok_or_else(unknown)?;
    if rollout.is_over {
        return Err(Problem::new(CONFLICT, "the roll-out is over"));
    }
    Ok(rollout)
}

/// The same once its nodes are chosen, which the scheduler does within moments.
async fn chosen(service: &Service, call: &Call, org: &Name, id: Uuid) -> Result<Known, Problem> {
    let asked = Instant::now();
    loop {
        let rollout = one(service, call, org, id).await?;
        if rollout.is_chosen || rollout.waits_until.is_none() {
            return Ok(rollout);
        }
        if asked.elapsed() >= FOLDS_PATIENCE {
            let detail = "its nodes are not chosen yet, and they are what is approved; try again in a moment";
            return Err(Problem::new(CONFLICT, detail));
        }
        tokio::time::sleep(CHOOSING).await;
    }
}

/// What is to be known of a roll-out.
struct Known {
    id: Uuid,
    is_over: bool,
    /// Event hash of its start.
    hash: Hash,
    started_by: Author,
    is_chosen: bool,
    approved_by: Vec<Author>,
    /// Until when it may be approved; absent: it lacks no approval.
    waits_until: Option<Timestamp>,
}

impl Known {
    fn of(rollout: &Rollout) -> Self {
        Self {
            id: rollout.plan.id,
            is_over: rollout.end.is_some(),
            hash: rollout.hash,
            started_by: rollout.started_by.clone(),
            is_chosen: rollout.nodes.is_some(),
            approved_by: rollout.approvals.iter().map(|word| word.author.clone()).collect(),
            waits_until: rollout.waits_until(),
        }
    }
}

/// The organisation's roll-outs.
async fn known(service: &Service, call: &Call, org: &Name) -> Result<Vec<Known>, Problem> {
    let look = service.look(call, |folds| {
        let own = folds.rollouts().iter().filter(|(of, _)| *of == org);
        own.map(|(_, rollout)| Known::of(rollout)).collect()
    });
    look.await
}

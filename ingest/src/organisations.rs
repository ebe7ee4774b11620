//! `/api/orgs`: organisations, made, renamed, suspended and let in again.

use crate::saying::say;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::organisations::OrgState;
use ledger::service::Directory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Organisation;
use spec::{Kind, LEDGER_ORG, Name};
use web::answer::{self, Items};
use web::problem::{CONFLICT, INVALID, NOT_FOUND, Problem};
use web::strict::{invalid, member};
use web::{Action, Call};

/// Longest name, as its schema has it.
const MAX_NAME_BYTES: usize = 256;

/// Longest reason, as its schema has it.
const MAX_REASON_BYTES: usize = 1024;

/// A request for an organisation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with org and name")]
pub struct OrganisationRequest {
    /// By this everything names it.
    #[schemars(with = "Name")]
    pub org: String,
    /// What people call it.
    #[schemars(length(max = 256))]
    pub name: String,
}

/// A request to rename an organisation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name")]
pub struct RenameRequest {
    /// What people call it from now on.
    #[schemars(length(max = 256))]
    pub name: String,
}

/// The reason why an organisation is suspended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with reason")]
pub struct SuspendRequest {
    /// Why.
    #[schemars(length(max = 1024))]
    pub reason: String,
}

/// An organisation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Organisation")]
pub struct OrgRow {
    /// How many people have a role in it.
    pub members: u64,
    /// What people call it.
    pub name: String,
    /// By this everything names it.
    pub org: Name,
    /// Whether its people and tokens are kept out.
    pub suspended: bool,
}

impl OrgRow {
    /// None while nobody has made it.
    fn of(org: &Name, state: &OrgState) -> Option<Self> {
        Some(Self {
            members: state.members.len() as u64,
            name: state.name.clone()?,
            org: org.clone(),
            suspended: state.suspended,
        })
    }
}

/// `GET /api/orgs`: those that the caller may see.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let items: Vec<OrgRow> = call.app.ledger().directory(|directory: &Directory| {
        let all = directory.organisations.orgs.iter();
        let seen = all.filter(|(org, _)| call.principal.bound_to().is_none_or(|own| own == *org));
        seen.filter_map(|(org, state)| OrgRow::of(org, state)).collect()
    });
    Ok(answer::value(StatusCode::OK, &Items { items }))
}

/// `GET /api/orgs/{org}`.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org = call.org_of_path()?;
    shown(&call, &org, StatusCode::OK)
}

/// `POST /api/orgs`: makes one.
pub(crate) async fn create(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let request: OrganisationRequest = call.json()?;
    let org: Name = member("/org", &request.org)?;
    if org.as_str() == LEDGER_ORG {
        return Err(Problem::new(INVALID, "ledger is the ledger's own organisation").pointer("/org"));
    }
    let name = text("/name", request.name, MAX_NAME_BYTES)?;
    if known(&call, &org) {
        return Err(Problem::new(CONFLICT, format!("there is an organisation {org} already")));
    }
    say(&call, &org, Kind::Org, &Organisation::Create { name }).await?;
    shown(&call, &org, StatusCode::CREATED)
}

/// `PATCH /api/orgs/{org}`: renames it.
pub(crate) async fn rename(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let request: RenameRequest = call.json()?;
    let name = text("/name", request.name, MAX_NAME_BYTES)?;
    say(&call, &org, Kind::Org, &Organisation::Rename { name }).await?;
    shown(&call, &org, StatusCode::OK)
}

/// `POST /api/orgs/{org}/suspend`: keeps its people and tokens out.
pub(crate) async fn suspend(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let request: SuspendRequest = call.json()?;
    let reason = text("/reason", request.reason, MAX_REASON_BYTES)?;
    say(&call, &org, Kind::Org, &Organisation::Suspend { reason }).await?;
    shown(&call, &org, StatusCode::OK)
}

/// `POST /api/orgs/{org}/resume`: lets them in again.
pub(crate) async fn resume(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    say(&call, &org, Kind::Org, &Organisation::Resume {}).await?;
    shown(&call, &org, StatusCode::OK)
}

/// The organisation of the path, that there is and whose members the caller may manage.
fn managed(call: &Call) -> Result<Name, Problem> {
    call.query(&[])?;
    let org = call.org_of_path()?;
    call.principal.require_in(Action::ManageMembers, &org)?;
    if known(call, &org) { Ok(org) } else { Err(unknown(&org)) }
}

fn known(call: &Call, org: &Name) -> bool {
    let name = |directory: &Directory| directory.organisations.get(org).and_then(|state| state.name.clone());
    call.app.ledger().directory(name).is_some()
}

fn unknown(org: &Name) -> Problem {
    Problem::new(NOT_FOUND, format!("nobody has made an organisation {org}"))
}

fn shown(call: &Call, org: &Name, status: StatusCode) -> Result<Response<Body>, Problem> {
    let row = call.app.ledger().directory(|directory: &Directory| {
        directory.organisations.get(org).and_then(|state| OrgRow::of(org, state))
    });
    row.map(|row| answer::value(status, &row)).ok_or_else(|| unknown(org))
}

/// A text of 1 to `most` bytes.
pub(crate) fn text(pointer: &str, text: String, most: usize) -> Result<String, Problem> {
    if (1..=most).contains(&text.len()) {
        Ok(text)
    } else {
        Err(invalid(pointer, format_args!("expected 1 to {most} bytes")))
    }
}

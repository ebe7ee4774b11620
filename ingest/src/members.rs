//! `/api/orgs/{org}/members` and `…/invitations`: who has which role, who may have one, and who visits.

use crate::organisations::text;
use crate::saying::{say, secret};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::organisations::OrgState;
use ledger::service::Directory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::hash::read_hex;
use spec::payload::{Member, Role, token_hash};
use spec::{Kind, Name, Timestamp, Uuid};
use web::answer::{self, Items, no_content};
use web::limits::{
    DEFAULT_INVITATION_TTL_SECS, MAX_INVITATION_TTL_SECS, MAX_SUPPORT_TTL_SECS, MAX_TOKEN_TTL_SECS,
};
use web::problem::{FORBIDDEN, NOT_FOUND, Problem, UNAUTHENTICATED, internal};
use web::strict::{member, present, within};
use web::{Action, Call, PrincipalKind};

/// Longest reason, as its schema has it.
const MAX_REASON_BYTES: usize = 1024;

/// A request to give a person a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with user and role")]
pub struct GrantRequest {
    /// The person.
    #[schemars(with = "Uuid")]
    pub user: String,
    /// The role.
    #[schemars(with = "Role")]
    pub role: String,
    /// For how many seconds; until it is ended, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 316_224_000))]
    pub ttl_secs: Option<u64>,
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
}

/// A request to open an organisation to support for a while.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with reason")]
pub struct VisitRequest {
    /// Why.
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// For how many seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub ttl_secs: Option<u64>,
}

/// A request for an invitation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with role")]
pub struct InvitationRequest {
    /// The role.
    #[schemars(with = "Role")]
    pub role: String,
    /// How many seconds it is good for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub ttl_secs: Option<u64>,
}

/// An invitation that was made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct InvitationCreated {
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its id.
    pub id: Uuid,
    /// What the invited person shows; no other answer shows it.
    pub invitation: String,
}

/// A request to take up an invitation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with invitation")]
pub struct AcceptRequest {
    /// The invitation as it was shown.
    pub invitation: String,
}

/// A role that a person has.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberRow {
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The role.
    pub role: Role,
    /// The rule by which they have it; none: it was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Uuid>,
    /// The person.
    pub user: Uuid,
}

/// An invitation that nobody has taken up, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationRow {
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its id.
    pub id: Uuid,
    /// The role.
    pub role: Role,
}

/// `GET …/members`: roles that people have, by person.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org = call.org_of_path()?;
    let now = call.app.ledger().now();
    let items = state_of(&call, &org, |state| {
        let all =
            state.members.iter().flat_map(|(user, grants)| grants.iter().map(move |grant| (user, grant)));
        let live = all.filter(|(_, grant)| grant.live_at(now));
        let rows = live.map(|(user, grant)| MemberRow {
            expires_at: grant.expires_at,
            role: grant.role,
            rule: grant.rule,
            user: *user,
        });
        rows.collect::<Vec<_>>()
    });
    Ok(answer::value(StatusCode::OK, &Items { items: items.unwrap_or_default() }))
}

/// `POST …/members`: gives a person a role.
pub(crate) async fn grant(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let request: GrantRequest = call.json()?;
    let (user, role): (Uuid, Role) = (member("/user", &request.user)?, member("/role", &request.role)?);
    may_deal_with(&call, role)?;
    let expires_at = match request.ttl_secs {
        None => None,
        some => Some(after(&call, within("/ttl_secs", some, 1, MAX_TOKEN_TTL_SECS)?)),
    };
    let reason = request.reason.map(|reason| text("/reason", reason, MAX_REASON_BYTES)).transpose()?;
    let said = Member::Grant { expires_at, invitation: None, reason, role, rule: None, user };
    say(&call, &org, Kind::Member, &said).await?;
    let row = MemberRow { expires_at, role, rule: None, user };
    Ok(answer::value(StatusCode::CREATED, &row))
}

/// `DELETE …/members/{user}/{role}`: ends a role that was granted. Everybody may give up his own.
pub(crate) async fn end(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    let (user, role): (Uuid, Role) = (call.param("user")?, call.param("role")?);
    let himself = matches!(&call.principal.kind, PrincipalKind::User { user: own, .. } if *own == user);
    if !himself {
        call.principal.require_in(Action::ManageMembers, &org)?;
        may_deal_with(&call, role)?;
    }
    if state_of(&call, &org, |state| state.has(&user, role, None)) != Some(true) {
        return Err(Problem::new(NOT_FOUND, "nobody granted this person this role here"));
    }
    say(&call, &org, Kind::Member, &Member::End { reason: None, role, rule: None, user }).await?;
    Ok(no_content())
}

/// `POST …/support`: a supporter of the ledger visits; the organisation sees it, and ends it when it likes.
pub(crate) async fn visit(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    let request: VisitRequest = call.json()?;
    let PrincipalKind::User { user, .. } = call.principal.kind else {
        return Err(Problem::new(FORBIDDEN, "only a person visits an organisation"));
    };
    let reason = Some(text("/reason", request.reason, MAX_REASON_BYTES)?);
    let secs = within("/ttl_secs", request.ttl_secs, 3600, MAX_SUPPORT_TTL_SECS)?;
    let (expires_at, role) = (Some(after(&call, secs)), Role::Support);
    let said = Member::Grant { expires_at, invitation: None, reason, role, rule: None, user };
    say(&call, &org, Kind::Member, &said).await?;
    let row = MemberRow { expires_at, role, rule: None, user };
    Ok(answer::value(StatusCode::CREATED, &row))
}

/// `POST …/invitations`: makes one; the only answer that ever shows it.
pub(crate) async fn invite(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let request: InvitationRequest = call.json()?;
    let role: Role = member("/role", &request.role)?;
    may_deal_with(&call, role)?;
    let secs = within("/ttl_secs", request.ttl_secs, DEFAULT_INVITATION_TTL_SECS, MAX_INVITATION_TTL_SECS)?;
    let expires_at = after(&call, secs);
    let (id, secret) = (Uuid::v4(ledger::keyring::random().map_err(internal)?), secret()?);
    let said = Member::Invite { expires_at, id, role, secret: token_hash(&secret.0) };
    say(&call, &org, Kind::Member, &said).await?;
    let answer = InvitationCreated { expires_at, id, invitation: format!("vmi1.{id}.{secret}") };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `GET …/invitations`: those that nobody has taken up, without secrets.
pub(crate) async fn invitations(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let items = state_of(&call, &org, |state| {
        let all = state.invitations.iter();
        let rows = all.map(|(id, one)| InvitationRow { expires_at: one.expires_at, id: *id, role: one.role });
        rows.collect::<Vec<_>>()
    });
    Ok(answer::value(StatusCode::OK, &Items { items: items.unwrap_or_default() }))
}

/// `DELETE …/invitations/{id}`: takes one back.
pub(crate) async fn uninvite(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let id: Uuid = call.param("id")?;
    if state_of(&call, &org, |state| state.invitations.contains_key(&id)) != Some(true) {
        return Err(Problem::new(NOT_FOUND, "this organisation has no such invitation"));
    }
    say(&call, &org, Kind::Member, &Member::Uninvite { id }).await?;
    Ok(no_content())
}

/// `POST /api/invitations/accept`: whoever is signed in takes up an invitation.
pub(crate) async fn accept(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let request: AcceptRequest = call.json()?;
    let PrincipalKind::User { user, .. } = call.principal.kind else {
        return Err(Problem::new(FORBIDDEN, "sign in as the person that is invited"));
    };
    let (org, id, role) = shown(&call, &request.invitation)?;
    call.introduce().await?;
    let said = Member::Grant { expires_at: None, invitation: Some(id), reason: None, role, rule: None, user };
    say(&call, &org, Kind::Member, &said).await?;
    Ok(answer::value(StatusCode::CREATED, &MemberRow { expires_at: None, role, rule: None, user }))
}

/// The organisation, id and role of an invitation whose secret was shown.
fn shown(call: &Call, invitation: &str) -> Result<(Name, Uuid, Role), Problem> {
    let unknown = || {
        call.charge_failures(1);
        Problem::new(UNAUTHENTICATED, "the invitation is unknown, has ended, or was taken up")
    };
    let parts = invitation.strip_prefix("vmi1.").and_then(|rest| rest.split_once('.'));
    let (id, text) = parts.ok_or_else(unknown)?;
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let mut bytes = [0; 32];
    if !read_hex(text, &mut bytes) {
        return Err(unknown());
    }
    // The comparison of blake3::Hash takes the same time wherever two hashes differ.
    let shown = blake3::Hash::from_bytes(token_hash(&bytes).0);
    let now = call.app.ledger().now();
    let found = call.app.ledger().directory(|directory: &Directory| {
        let orgs = directory.organisations.orgs.iter();
        let mut named = orgs.filter_map(|(org, state)| Some((org, state.invitations.get(&id)?)));
        named.next().map(|(org, state)| (org.clone(), state.clone()))
    });
    let found = found.filter(|(_, state)| blake3::Hash::from_bytes(state.secret.0) == shown);
    let (org, state) = found.filter(|(_, state)| now < state.expires_at).ok_or_else(unknown)?;
    Ok((org, id, state.role))
}

/// The organisation of the path, whose members the caller may manage.
pub(crate) fn managed(call: &Call) -> Result<Name, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::ManageMembers, &org)?;
    Ok(org)
}

/// Nobody but an owner deals with owners.
pub(crate) fn may_deal_with(call: &Call, role: Role) -> Result<(), Problem> {
    if role == Role::OrgOwner && !call.principal.roles.contains(&Role::OrgOwner) {
        return Err(Problem::new(FORBIDDEN, "only an owner deals with owners"));
    }
    Ok(())
}

/// Something about an organisation; `None` if nothing is known of it.
pub(crate) fn state_of<T>(call: &Call, org: &Name, look: impl FnOnce(&OrgState) -> T) -> Option<T> {
    call.app.ledger().directory(|directory: &Directory| directory.organisations.get(org).map(look))
}

/// A time so many seconds from now.
fn after(call: &Call, secs: u64) -> Timestamp {
    Timestamp::from_millis(call.app.ledger().now().millis() + secs * 1000)
}

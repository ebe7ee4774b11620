//! `/api/tokens`: what people and bots show to be let in.

use crate::saying::say;
use crate::saying::secret;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::service::Directory;
use ledger::state::TokenState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Role, Token, token_hash};
use spec::{Hash, Kind, Name, Timestamp, Uuid};
use std::borrow::Cow;
use web::Call;
use web::answer::no_content;
use web::answer::{self, Items};
use web::limits::MAX_TOKEN_TTL_SECS;
use web::problem::{FORBIDDEN, NOT_FOUND, Problem, internal};
use web::strict::present;
use web::strict::within;
use web::strict::{invalid, member};
use web::{Action, Principal};

/// Longest label, as its schema has it.
const MAX_LABEL_BYTES: usize = 256;

/// A request for an API token.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with org, role and label")]
pub struct TokenRequest {
    /// The organisation it is good for.
    #[schemars(with = "Name")]
    pub org: String,
    /// What it may do.
    #[schemars(with = "Role")]
    pub role: String,
    /// What it is for.
    #[schemars(length(max = MAX_LABEL_BYTES))]
    pub label: String,
    /// How many seconds it is good for; until revoked, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_TOKEN_TTL_SECS))]
    pub ttl_secs: Option<u64>,
}

/// An API token that was made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TokenCreated {
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Its id.
    pub id: Uuid,
    /// What is shown to be let in; no other answer shows it.
    pub token: String,
}

/// An API token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Token")]
pub struct TokenRow {
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Its id.
    pub id: Uuid,
    /// What it is for.
    pub label: String,
    /// The organisation it is good for.
    pub org: Name,
    /// Whether it was ended before its time.
    pub revoked: bool,
    /// What it may do.
    pub role: Role,
}

impl TokenRow {
    fn of(id: Uuid, state: &TokenState) -> Self {
        Self {
            expires_at: state.expires_at,
            id,
            label: state.label.clone(),
            org: state.org.clone(),
            revoked: state.revoked,
            role: state.role,
        }
    }
}

/// The asker.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Caller")]
pub struct Me {
    /// What they may do somewhere.
    pub actions: Vec<Cow<'static, str>>,
    /// Their id: that of a token or a node.
    pub id: String,
    /// What they are; `admin` is whoever uses the admin socket.
    #[schemars(extend("enum" = ["node", "token", "user", "admin"]))]
    pub kind: Cow<'static, str>,
    /// The ledger's id.
    pub ledger: Hash,
    /// The organisation they are bound to; all of them without.
    pub org: Option<Name>,
    /// Their roles there.
    pub roles: Vec<Role>,
    /// Every organisation in which they have roles of their own.
    #[serde(default)]
    pub orgs: Vec<Belonging>,
}

/// An organisation that somebody belongs to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Belonging {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The organisation.
    pub org: Name,
    /// Their roles there.
    pub roles: Vec<Role>,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// `POST /api/tokens`: makes a token; the only answer that ever shows it.
pub(crate) async fn create(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let request: TokenRequest = call.json()?;
    let (org, role): (Name, Role) = (member("/org", &request.org)?, member("/role", &request.role)?);
    may_deal_with(&call.principal, &org, role)?;
    if request.label.len() > MAX_LABEL_BYTES {
        return Err(invalid("/label", format_args!("at most {MAX_LABEL_BYTES} bytes")));
    }
    let expires_at = match request.ttl_secs {
        None => None,
        some => {
            let secs = within("/ttl_secs", some, 1, MAX_TOKEN_TTL_SECS)?;
            Some(Timestamp::from_millis(call.app.ledger().now().millis() + secs * 1000))
        }
    };
    let (id, secret) = (Uuid::v4(ledger::keyring::random().map_err(internal)?), secret()?);
    let payload = Token::Create {
        expires_at,
        id,
        label: request.label,
        org: org.clone(),
        role,
        secret: token_hash(&secret.0),
    };
    say(&call, &org, Kind::Token, &payload).await?;
    let answer = TokenCreated { expires_at, id, token: format!("vmt1.{id}.{secret}") };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `GET /api/tokens`: those of the principal's organisation, without secrets.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let mine = |state: &TokenState| call.principal.bound_to().is_none_or(|org| state.org == *org);
    let items: Vec<TokenRow> = call.app.ledger().directory(|directory: &Directory| {
        let tokens = directory.tokens.iter().filter(|(_, state)| mine(state));
        tokens.map(|(id, state)| TokenRow::of(*id, state)).collect()
    });
    Ok(answer::value(StatusCode::OK, &Items { items }))
}

/// `DELETE /api/tokens/{id}`: ends a token; again, and nothing happens.
pub(crate) async fn revoke(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let id: Uuid = call.param("id")?;
    let found = call.app.ledger().directory(|directory| directory.tokens.get(&id).cloned());
    let visible = |state: &TokenState| call.principal.bound_to().is_none_or(|org| state.org == *org);
    let state = found
        .filter(visible)
        .ok_or_else(|| Problem::new(NOT_FOUND, "your organisation has no such API token"))?;
    may_deal_with(&call.principal, &state.org, state.role)?;
    if !state.revoked {
        say(&call, &state.org, Kind::Token, &Token::Revoke { id }).await?;
    }
    Ok(no_content())
}

/// Nobody makes or ends a token that may do more than he himself.
fn may_deal_with(principal: &Principal, org: &Name, role: Role) -> Result<(), Problem> {
    principal.require_in(Action::ManageTokens, org)?;
    if role == Role::OrgOwner && !principal.roles.contains(&Role::OrgOwner) {
        return Err(Problem::new(FORBIDDEN, "only an owner makes and ends owners' tokens"));
    }
    Ok(())
}

/// The organisations in which somebody has roles.
fn belongings(call: &Call) -> Vec<Belonging> {
    let (principal, now) = (&call.principal, call.app.ledger().now());
    call.app.ledger().directory(|directory: &Directory| {
        let known = &directory.organisations;
        let own = match &principal.kind {
            web::PrincipalKind::User { user, .. } => known.of(user, now),
            _ => principal.org.iter().map(|org| (org.clone(), principal.roles.clone())).collect(),
        };
        let shown = own.into_iter().map(|(org, roles)| {
            let state = known.get(&org);
            let suspended = state.is_some_and(|state| state.suspended);
            Belonging { name: state.and_then(|state| state.name.clone()), org, roles, suspended }
        });
        shown.collect()
    })
}

/// `GET /api/me`: who is asking.
pub(crate) async fn me(call: Call) -> Result<Response<Body>, Problem> {
    use web::PrincipalKind;
    call.query(&[])?;
    let principal = &call.principal;
    let kind = match principal.kind {
        PrincipalKind::Anonymous => "anonymous",
        PrincipalKind::Node { .. } => "node",
        PrincipalKind::Token(_) => "token",
        PrincipalKind::User { .. } => "user",
        PrincipalKind::Admin => "admin",
    };
    let actions = Action::ALL.into_iter().filter(|action| principal.may_somewhere(*action));
    let answer = Me {
        actions: actions.map(Action::as_str).map(Cow::Borrowed).collect(),
        id: principal.id(),
        kind: Cow::Borrowed(kind),
        ledger: call.app.ledger().id(),
        org: principal.org.clone(),
        roles: principal.roles.clone(),
        orgs: belongings(&call),
    };
    Ok(answer::value(StatusCode::OK, &answer))
}

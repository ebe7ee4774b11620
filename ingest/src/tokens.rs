//! `/api/tokens`: what people and bots show to be let in.

use crate::access::{Action, Principal};
use crate::answer;
use crate::dispatch::Call;
use crate::draft::{invalid, member};
use crate::enrolment::within;
use crate::limits::MAX_TOKEN_TTL_SECS;
use crate::management::{no_content, secret};
use crate::problem::{FORBIDDEN, NOT_FOUND, Problem, internal};
use crate::query_string::QueryString;
use crate::strict::present;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::service::Directory;
use ledger::state::TokenState;
use serde::Deserialize;
use serde_json::json;
use spec::payload::{Role, Token, token_hash};
use spec::{Kind, Name, Timestamp, Uuid};

/// Longest label, as its schema has it.
const MAX_LABEL_BYTES: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with org, role and label")]
struct Request {
    org: String,
    role: String,
    label: String,
    #[serde(default, deserialize_with = "present")]
    ttl_secs: Option<u64>,
}

/// `POST /api/tokens`: makes a token; the only answer that ever shows it.
pub(crate) async fn create(call: Call) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let request: Request = call.json()?;
    let (org, role): (Name, Role) = (member("/org", &request.org)?, member("/role", &request.role)?);
    may_deal_with(&call.principal, &org, role)?;
    if request.label.len() > MAX_LABEL_BYTES {
        return Err(invalid("/label", format_args!("at most {MAX_LABEL_BYTES} bytes")));
    }
    let expires_at = match request.ttl_secs {
        None => None,
        some => {
            let secs = within("/ttl_secs", some, 1, MAX_TOKEN_TTL_SECS)?;
            Some(Timestamp::from_millis(call.app.ledger.now().millis() + secs * 1000))
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
    call.app.say(&call.principal, &org, Kind::Token, &payload).await?;
    let mut answer = json!({"token": format!("vmt1.{id}.{secret}"), "id": id});
    add_end(&mut answer, expires_at);
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `GET /api/tokens`: those of the principal's organisation, without secrets.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let mine = |state: &TokenState| call.principal.bound_to().is_none_or(|org| state.org == *org);
    let items: Vec<serde_json::Value> = call.app.ledger.directory(|directory: &Directory| {
        directory.tokens.iter().filter(|(_, state)| mine(state)).map(|(id, state)| item(id, state)).collect()
    });
    Ok(answer::value(StatusCode::OK, &json!({"items": items})))
}

fn item(id: &Uuid, state: &TokenState) -> serde_json::Value {
    let mut item = json!({
        "id": id, "org": state.org, "role": state.role, "label": state.label, "revoked": state.revoked,
    });
    add_end(&mut item, state.expires_at);
    item
}

fn add_end(answer: &mut serde_json::Value, expires_at: Option<Timestamp>) {
    if let (Some(end), Some(members)) = (expires_at, answer.as_object_mut()) {
        members.insert("expires_at".to_owned(), json!(end));
    }
}

/// `DELETE /api/tokens/{id}`: ends a token; again, and nothing happens.
pub(crate) async fn revoke(call: Call) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let id: Uuid = call.param("id")?;
    let found = call.app.ledger.directory(|directory| directory.tokens.get(&id).cloned());
    let visible = |state: &TokenState| call.principal.bound_to().is_none_or(|org| state.org == *org);
    let state = found
        .filter(visible)
        .ok_or_else(|| Problem::new(NOT_FOUND, "your organisation has no such API token"))?;
    may_deal_with(&call.principal, &state.org, state.role)?;
    if !state.revoked {
        call.app.say(&call.principal, &state.org, Kind::Token, &Token::Revoke { id }).await?;
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

/// `GET /api/me`: who is asking.
pub(crate) async fn me(call: Call) -> Result<Response<Body>, Problem> {
    use crate::access::PrincipalKind;
    QueryString::read(call.query(), &[])?;
    let principal = &call.principal;
    let kind = match principal.kind {
        PrincipalKind::Anonymous => "anonymous",
        PrincipalKind::Node { .. } => "node",
        PrincipalKind::Token(_) => "token",
        PrincipalKind::Admin => "admin",
    };
    let actions: Vec<&str> = Action::ALL
        .into_iter()
        .filter(|action| principal.may_somewhere(*action))
        .map(Action::as_str)
        .collect();
    let answer = json!({
        "kind": kind, "id": principal.id(), "org": principal.org, "roles": principal.roles, "actions": actions,
        "ledger": call.app.ledger.id(),
    });
    Ok(answer::value(StatusCode::OK, &answer))
}

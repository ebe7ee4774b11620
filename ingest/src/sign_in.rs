//! `/api/identity-providers` and `/api/orgs/{org}/sign-in-rules`: who is believed of people, and what it gives them.

use crate::members::{managed, may_deal_with, state_of};
use crate::organisations::text;
use crate::saying::{name, say};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::service::Directory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{IdentityProvider, ProviderKind, ProviderSettings, Role, SignInRule};
use spec::{Kind, LEDGER_ORG, Name, Uuid};
use web::Call;
use web::answer::{self, Items, no_content};
use web::problem::{INVALID, NOT_FOUND, Problem};
use web::strict::{member, present};

/// Longest claim and value, as their schema has them.
const MAX_CLAIM_BYTES: usize = 256;

/// The terms on which a provider is believed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IdentityProviderRequest")]
#[serde(deny_unknown_fields, expecting = "an object with issuer and audiences")]
pub struct ProviderRequest {
    /// Its `iss`, exactly.
    #[schemars(length(max = 2048))]
    pub issuer: String,
    /// What its tokens may be for.
    pub audiences: Vec<String>,
    /// Algorithms by which it may sign; those of elliptic curves and RSA with SHA-256, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// The client by which people sign in to the console.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub client_id: Option<String>,
    /// `oidc` or `cloudflare-access`; the first, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProviderKind>,
}

/// A provider.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IdentityProvider")]
pub struct ProviderRow {
    /// Algorithms by which it may sign.
    pub algorithms: Vec<String>,
    /// What its tokens may be for.
    pub audiences: Vec<String>,
    /// The client by which people sign in to the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its id.
    pub id: Name,
    /// Its `iss`.
    pub issuer: String,
    /// What kind it is.
    pub kind: ProviderKind,
}

impl ProviderRow {
    fn of(id: &Name, settings: &ProviderSettings) -> Self {
        let ProviderSettings { algorithms, audiences, client_id, issuer, kind } = settings.clone();
        Self { algorithms, audiences, client_id, id: id.clone(), issuer, kind }
    }
}

/// A request for a rule of sign-in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SignInRuleRequest")]
#[serde(deny_unknown_fields, expecting = "an object with provider, claim, value and role")]
pub struct RuleRequest {
    /// The provider.
    #[schemars(with = "Name")]
    pub provider: String,
    /// The claim's name.
    #[schemars(length(max = 256))]
    pub claim: String,
    /// What it must be, or have among others.
    #[schemars(length(max = 256))]
    pub value: String,
    /// The role.
    #[schemars(with = "Role")]
    pub role: String,
}

/// A rule of sign-in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SignInRule")]
pub struct RuleRow {
    /// The claim's name.
    pub claim: String,
    /// Its id.
    pub id: Uuid,
    /// The provider.
    pub provider: Name,
    /// The role.
    pub role: Role,
    /// What the claim must be, or have among others.
    pub value: String,
}

/// `GET /api/identity-providers`.
pub(crate) async fn providers(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let items: Vec<ProviderRow> = call.app.ledger().directory(|directory: &Directory| {
        let all = directory.organisations.providers.iter();
        all.map(|(id, settings)| ProviderRow::of(id, settings)).collect()
    });
    Ok(answer::value(StatusCode::OK, &Items { items }))
}

/// `PUT /api/identity-providers/{id}`: from now on it is believed so.
pub(crate) async fn set_provider(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let id: Name = call.param("id")?;
    let request: ProviderRequest = call.json()?;
    let usual = || ["ES256", "ES384", "EdDSA", "PS256", "RS256"].map(str::to_owned).to_vec();
    let mut settings = ProviderSettings {
        algorithms: request.algorithms.unwrap_or_else(usual),
        audiences: request.audiences,
        client_id: request.client_id,
        issuer: request.issuer,
        kind: request.kind.unwrap_or(ProviderKind::Oidc),
    };
    settings.algorithms.sort_unstable();
    settings.audiences.sort_unstable();
    let row = ProviderRow::of(&id, &settings);
    let said = IdentityProvider::Set { id, settings };
    check(&Kind::IdentityProvider, &said)?;
    say(&call, &name(LEDGER_ORG)?, Kind::IdentityProvider, &said).await?;
    Ok(answer::value(StatusCode::OK, &row))
}

/// `DELETE /api/identity-providers/{id}`: it is believed no longer.
pub(crate) async fn remove_provider(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let id: Name = call.param("id")?;
    let known = |directory: &Directory| directory.organisations.providers.contains_key(&id);
    if !call.app.ledger().directory(known) {
        return Err(Problem::new(NOT_FOUND, format!("there is no provider {id}")));
    }
    say(&call, &name(LEDGER_ORG)?, Kind::IdentityProvider, &IdentityProvider::Remove { id }).await?;
    Ok(no_content())
}

/// `GET /api/orgs/{org}/sign-in-rules`.
pub(crate) async fn rules(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let items = state_of(&call, &org, |state| {
        let rows = state.rules.iter().map(|(id, rule)| RuleRow {
            claim: rule.claim.clone(),
            id: *id,
            provider: rule.provider.clone(),
            role: rule.role,
            value: rule.value.clone(),
        });
        rows.collect::<Vec<_>>()
    });
    Ok(answer::value(StatusCode::OK, &Items { items: items.unwrap_or_default() }))
}

/// `PUT /api/orgs/{org}/sign-in-rules/{id}`: from now on such claims give a role.
pub(crate) async fn set_rule(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let id: Uuid = call.param("id")?;
    let request: RuleRequest = call.json()?;
    let role: Role = member("/role", &request.role)?;
    may_deal_with(&call, role)?;
    let provider: Name = member("/provider", &request.provider)?;
    let known = |directory: &Directory| directory.organisations.providers.contains_key(&provider);
    if !call.app.ledger().directory(known) {
        return Err(Problem::new(INVALID, format!("there is no provider {provider}")).pointer("/provider"));
    }
    let row = RuleRow {
        claim: text("/claim", request.claim, MAX_CLAIM_BYTES)?,
        id,
        provider,
        role,
        value: text("/value", request.value, MAX_CLAIM_BYTES)?,
    };
    let RuleRow { claim, provider, value, .. } = row.clone();
    say(&call, &org, Kind::SignInRule, &SignInRule::Set { claim, id, provider, role, value }).await?;
    Ok(answer::value(StatusCode::OK, &row))
}

/// `DELETE /api/orgs/{org}/sign-in-rules/{id}`: they give it no longer.
pub(crate) async fn remove_rule(call: Call) -> Result<Response<Body>, Problem> {
    let org = managed(&call)?;
    let id: Uuid = call.param("id")?;
    let role = state_of(&call, &org, |state| state.rules.get(&id).map(|rule| rule.role)).flatten();
    let role = role.ok_or_else(|| Problem::new(NOT_FOUND, "this organisation has no such rule"))?;
    may_deal_with(&call, role)?;
    say(&call, &org, Kind::SignInRule, &SignInRule::Remove { id }).await?;
    Ok(no_content())
}

/// Refuses a payload that its kind does not take, in the words of its schema.
fn check<P: Serialize>(kind: &Kind, payload: &P) -> Result<(), Problem> {
    let json = serde_json::to_string(payload).map_err(web::problem::internal)?;
    kind.check_payload(1, &json).map_err(|error| Problem::new(INVALID, error.to_string()))
}

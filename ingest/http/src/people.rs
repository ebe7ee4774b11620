//! People: whoever shows a provider's token, what the log says they may do, and what their claims give them.
//!
//! What a provider says counts as far as a rule of sign-in gives it weight; the role that follows is an entry before
//! anything is said by it. Whom no rule and no grant knows leaves no trace in the log.

use crate::access::{Principal, PrincipalKind};
use crate::app::App;
use crate::problem::{PROVIDER_UNAVAILABLE, Problem, UNAUTHENTICATED, internal};
use axum::http::{HeaderMap, Uri, header};
use identity::{IdentityError, Person, issuer_of};
use ledger::admission::Code;
use ledger::organisations::{OrgState, Organisations};
use ledger::service::{Directory, Draft};
use ledger::{AppendOptions, Ledger, Outcome};
use spec::payload::{Member, ProviderKind, ProviderSettings, Role, User, user_id};
use spec::{Author, Kind, LEDGER_ORG, Name, Timestamp, Uuid, Via};

/// In this header Cloudflare Access says who somebody is.
const ASSERTION: &str = "cf-access-jwt-assertion";

/// In this header somebody of several organisations says which one is meant.
const ORG: &str = "x-org-id";

/// A token of a provider that is believed.
pub(crate) struct Shown<'a> {
    provider: Name,
    settings: ProviderSettings,
    token: &'a str,
}

/// The token among the headers, if there is one of a provider that is believed. An `Authorization` goes before the
/// header of Cloudflare Access, which a proxy adds to everything.
pub(crate) fn shown<'a>(ledger: &Ledger, headers: &'a HeaderMap) -> Option<Shown<'a>> {
    let bearer = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            let of_provider = scheme.eq_ignore_ascii_case("bearer") && !token.starts_with("vmt1.");
            Some(of_provider.then_some(token)?)
        }
    };
    let token = bearer.or_else(|| headers.get(ASSERTION)?.to_str().ok())?;
    let issuer = issuer_of(token)?;
    let found = ledger.directory(|directory: &Directory| {
        let mut all = directory.organisations.providers.iter();
        all.find(|(_, settings)| settings.issuer == issuer).map(|(id, said)| (id.clone(), said.clone()))
    });
    let (provider, settings) = found?;
    // A provider of another kind does not speak through the proxy's header.
    let through = bearer.is_some() || settings.kind == ProviderKind::CloudflareAccess;
    through.then_some(Shown { provider, settings, token })
}

/// Renews the token of whoever has a session, if it ends soon.
pub(crate) async fn renew(app: &App, headers: &HeaderMap) {
    let settings = |id: &Name| {
        app.ledger().directory(|directory: &Directory| directory.organisations.providers.get(id).cloned())
    };
    let secret = |id: &Name| app.provider_secret(id);
    app.people().renew(app.identity(), settings, secret, headers, app.ledger().now()).await;
}

/// Sees to it that a token can be judged at once, and that the log says what its claims give.
pub(crate) async fn prepare(app: &App, headers: &HeaderMap, access: Option<&str>) -> Result<(), Problem> {
    let Some(shown) = shown(app.ledger(), headers) else { return Ok(()) };
    let (identity, ledger) = (app.identity(), app.ledger());
    identity.prepare(&shown.settings, shown.token).await;
    // Why a token does not hold is said where it is asked for.
    let Ok(mut person) = identity.verify(&shown.settings, shown.token, ledger.now()) else { return Ok(()) };
    let lacks = |directory: &Directory| {
        let rules = directory.organisations.orgs.values().flat_map(|state| state.rules.values());
        let mut own = rules.filter(|rule| rule.provider == shown.provider);
        own.any(|rule| !person.claims.contains_key(&rule.claim))
    };
    if ledger.directory(lacks) {
        identity.ask_more(&shown.settings, shown.token, access, &mut person).await;
    }
    settle(ledger, &shown.provider, &person).await
}

/// Records who the person is that asks, as their provider has it.
///
/// # Errors
/// Nobody vouches for them any more, or the ledger does not take it.
pub(crate) async fn introduce_whoever_asks(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(shown) = shown(app.ledger(), headers) else { return Ok(()) };
    let person = app
        .identity()
        .verify(&shown.settings, shown.token, app.ledger().now())
        .map_err(|error| refusal(&error))?;
    introduce(app.ledger(), &shown.provider, &person).await
}

/// Records what a person's claims give by rules, and take, where the log does not say so yet.
async fn settle(ledger: &Ledger, provider: &Name, person: &Person) -> Result<(), Problem> {
    let user = user_id(&ledger.id(), &person.issuer, &person.subject);
    let due =
        ledger.directory(|directory: &Directory| changes(&directory.organisations, provider, user, person));
    if due.iter().any(|(_, said)| matches!(said, Member::Grant { .. })) {
        introduce(ledger, provider, person).await?;
    }
    for (org, said) in due {
        let payload = serde_json::to_value(said).map_err(internal)?;
        say(ledger, user, provider, org, Kind::Member, payload).await?;
    }
    Ok(())
}

/// Records who a person is, as the provider has it.
async fn introduce(ledger: &Ledger, provider: &Name, person: &Person) -> Result<(), Problem> {
    let said = User {
        email: person.email().map(str::to_owned),
        issuer: person.issuer.clone(),
        name: person.name().map(str::to_owned),
        subject: person.subject.clone(),
    };
    let (org, user) = (LEDGER_ORG.parse().map_err(internal)?, said.id(&ledger.id()));
    say(ledger, user, provider, org, Kind::User, serde_json::to_value(said).map_err(internal)?).await
}

fn changes(known: &Organisations, provider: &Name, user: Uuid, person: &Person) -> Vec<(Name, Member)> {
    let open = known.orgs.iter().filter(|(_, state)| !state.suspended);
    let rules =
        open.flat_map(|(org, state)| state.rules.iter().map(move |(id, rule)| (org, state, *id, rule)));
    let changed =
        rules.filter(|(.., rule)| rule.provider == *provider).filter_map(|(org, state, id, rule)| {
            let (fits, has) = (person.says(&rule.claim, &rule.value), state.has(&user, rule.role, Some(id)));
            let (role, rule_id) = (rule.role, Some(id));
            let said = match (fits, has) {
                (true, false) => Member::Grant {
                    expires_at: None,
                    invitation: None,
                    reason: None,
                    role,
                    rule: rule_id,
                    user,
                },
                // A token that does not speak of it takes nothing from the log; the request has no role by it all the same.
                (false, true) if person.claims.contains_key(&rule.claim) => {
                    Member::End { reason: None, role, rule: rule_id, user }
                }
                _ => return None,
            };
            Some((org.clone(), said))
        });
    changed.collect()
}

async fn say(
    ledger: &Ledger,
    user: Uuid,
    provider: &Name,
    org: Name,
    kind: Kind,
    payload: serde_json::Value,
) -> Result<(), Problem> {
    let method = "sign-in".parse().map_err(internal)?;
    let event = ledger.sign(&Draft {
        author: Author::User(user),
        via: Via { method, subject: Some(provider.clone()) },
        kind,
        org,
        tenant: None,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload,
    })?;
    let outcome = ledger.append_own(vec![event], AppendOptions::default()).await?.outcomes.pop();
    match outcome {
        Some(Outcome::Recorded(_)) => Ok(()),
        // Another request of the same person was quicker.
        Some(Outcome::Refused { refused, .. }) if refused.code == Code::BadPayload => Ok(()),
        Some(Outcome::Refused { refused, recorded }) => Err(Problem::refused(&refused, recorded)),
        None => Err(internal("the ledger said nothing of an event")),
    }
}

/// Who a token vouches for, and what they may do in the organisation that is meant.
pub(crate) fn principal(app: &App, shown: &Shown<'_>, named: Option<&Name>) -> Result<Principal, Problem> {
    let ledger = app.ledger();
    let now = ledger.now();
    let person = app.identity().verify(&shown.settings, shown.token, now).map_err(|error| refusal(&error))?;
    let user = user_id(&ledger.id(), &person.issuer, &person.subject);
    ledger.directory(|directory: &Directory| {
        let known = &directory.organisations;
        let roles = |state: &OrgState| roles(state, &user, &shown.provider, &person, now);
        let mut all = known.orgs.iter().map(|(org, state)| (org.clone(), roles(state)));
        let own: Vec<(Name, Vec<Role>)> = all.by_ref().filter(|(_, roles)| !roles.is_empty()).collect();
        let kind = PrincipalKind::User { user, provider: shown.provider.clone() };
        let (org, roles) = meant(own, named);
        let principal = Principal { kind, org, roles };
        match &principal.org {
            Some(org) if !principal.is_everywhere() && known.is_suspended(org) => {
                Err(Problem::of_code(Code::OrgSuspended))
            }
            _ => Ok(principal),
        }
    })
}

/// The organisation that is meant, with the roles there: that of the ledger for those who belong to all, the one that
/// the request names, or the only one.
fn meant(mut own: Vec<(Name, Vec<Role>)>, named: Option<&Name>) -> (Option<Name>, Vec<Role>) {
    let everywhere = |(org, roles): &(Name, Vec<Role>)| {
        org.as_str() == LEDGER_ORG && roles.iter().any(|role| *role != Role::Support)
    };
    if let Some(at) = own.iter().position(everywhere) {
        let (org, roles) = own.swap_remove(at);
        return (Some(org), roles);
    }
    match named {
        // Whoever names one of others is bound to it without any role: that is refused as one that nobody has made.
        Some(named) => {
            let found = own.into_iter().find(|(org, _)| org == named);
            (Some(named.clone()), found.map(|(_, roles)| roles).unwrap_or_default())
        }
        None if own.len() == 1 => own.pop().map_or((None, Vec::new()), |(org, roles)| (Some(org), roles)),
        None => (None, Vec::new()),
    }
}

/// The roles a person has by grants, and by the rules that the claims fit now.
fn roles(state: &OrgState, user: &Uuid, provider: &Name, person: &Person, now: Timestamp) -> Vec<Role> {
    let grants = state.members.get(user).into_iter().flatten().filter(|grant| grant.live_at(now));
    let holds = grants.filter(|grant| {
        grant.rule.is_none_or(|id| {
            let rule = state.rules.get(&id).filter(|rule| rule.provider == *provider);
            rule.is_some_and(|rule| person.says(&rule.claim, &rule.value))
        })
    });
    let mut roles: Vec<Role> = holds.map(|grant| grant.role).collect();
    roles.dedup();
    roles
}

/// The organisation that a request names: in its path, its query, or a header of its own.
pub(crate) fn named(path: &str, uri: &Uri, headers: &HeaderMap) -> Option<Name> {
    let mut parts = path.split('/').zip(uri.path().split('/'));
    let in_path = parts.find(|(name, _)| *name == "{org}").map(|(_, text)| text.to_owned());
    let query = || form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let in_query = || query().find(|(name, _)| name == "org").map(|(_, text)| text.into_owned());
    let in_header = || headers.get(ORG).and_then(|value| value.to_str().ok()).map(str::to_owned);
    in_path.or_else(in_query).or_else(in_header)?.parse().ok()
}

/// A token's refusal; a provider that does not answer is no fault of the caller's.
fn refusal(error: &IdentityError) -> Problem {
    let row = if error.is_of_provider() { PROVIDER_UNAVAILABLE } else { UNAUTHENTICATED };
    let problem = Problem::new(row, error.to_string());
    if error.is_of_provider() { problem.retry_after(RETRY_SECS) } else { problem }
}

/// Seconds after which a provider may have come back, as [`identity::Pace`] has it.
const RETRY_SECS: u64 = 10;

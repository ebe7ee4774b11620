//! Signing in to the console at a provider: there, back, out, and out because the provider says so.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use identity::escaped;
use ledger::service::Directory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serving::page;
use spec::Name;
use spec::payload::ProviderSettings;
use web::answer::{self, Items};
use web::problem::{
    BAD_LOGOUT, BAD_QUERY, FORBIDDEN, NOT_FOUND, PROVIDER_UNAVAILABLE, Problem, UNAUTHENTICATED, internal,
};
use web::{Call, SignedIn};

/// Largest body of a logout from behind: a token, under its name.
pub(crate) const MAX_FORM_BYTES: usize = 16 * 1024 + 64;

/// What a provider posts to end a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "the form is read by hand: what a provider adds is passed over")]
pub(crate) struct LogoutForm {
    /// The logout token.
    logout_token: Option<String>,
}

/// A provider at which people sign in to the console, as whoever is not signed in may know it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SignInProvider")]
pub(crate) struct ProviderChoice {
    /// By this `GET /sign-in` names it.
    pub(crate) id: Name,
    /// Its `iss`, which the browser is sent to anyhow.
    pub(crate) issuer: String,
}

/// What becomes of a session that ends.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SignedOut {
    /// Where the provider ends its own.
    pub(crate) end_session: Option<String>,
}

/// What a logout token says in `events` (OpenID Connect Back-Channel Logout, section 2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a provider may add to the way back.
const BACK: [&str; 8] =
    ["code", "error", "error_description", "error_uri", "iss", "scope", "session_state", "state"];

/// `GET /sign-in/providers`: where one may sign in.
pub(crate) async fn choices(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let items: Vec<ProviderChoice> = call.app.ledger().directory(|directory: &Directory| {
        let all = directory.organisations.providers.iter();
        let open = all.filter(|(_, settings)| settings.client_id.is_some());
        open.map(|(id, settings)| ProviderChoice { id: id.clone(), issuer: settings.issuer.clone() })
            .collect()
    });
    Ok(answer::value(StatusCode::OK, &Items { items }))
}

/// In place of a refusal, for the browser that was sent here: why, and the way back.
pub(crate) fn not_let_in(problem: Problem) -> Response<Body> {
    if !matches!(problem.status(), StatusCode::UNAUTHORIZED | StatusCode::SERVICE_UNAVAILABLE) {
        return problem.into_response();
    }
    page::document(problem.status(), &page::not_let_in(problem.detail()))
}

/// `GET /sign-in`: to the provider.
pub(crate) async fn go(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["provider"])?;
    let missing = || Problem::new(NOT_FOUND, "there is no such provider at which people sign in");
    let provider: Name = query.parse("provider")?.ok_or_else(missing)?;
    let settings = settings(&call, &provider).ok_or_else(missing)?;
    let client_id = settings.client_id.clone().ok_or_else(missing)?;
    let endpoint = call.app.identity().endpoints(&settings).await.authorization;
    let endpoint = endpoint.ok_or_else(|| {
        Problem::new(PROVIDER_UNAVAILABLE, "the provider does not say where people sign in")
    })?;
    let redirect = format!("{}/sign-in/callback", origin(&call)?);
    let (state, begun, cookie) = call.app.people().go(provider, redirect.clone()).map_err(internal)?;
    let scope = "openid profile email groups offline_access";
    let parameters = [
        ("response_type", "code"),
        ("client_id", &client_id),
        ("redirect_uri", &redirect),
        ("scope", scope),
        ("state", &state),
        ("nonce", &begun.nonce),
        ("code_challenge", &begun.challenge()),
        ("code_challenge_method", "S256"),
        // Without it some providers give no refresh token.
        ("prompt", "consent"),
    ];
    let query: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    to(&format!("{endpoint}{mark}{}", query.join("&")), &cookie)
}

/// `GET /sign-in/callback`: back from the provider, with a code for a session.
pub(crate) async fn come(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&BACK)?;
    let state: Option<String> = query.parse("state")?;
    let going = state.and_then(|state| call.app.people().come(&state, call.headers()));
    let going = going.ok_or_else(|| {
        Problem::new(UNAUTHENTICATED, "this sign-in was not begun in this browser, or is over; begin again")
    })?;
    if query.parse::<String>("error")?.is_some() {
        return Err(Problem::new(UNAUTHENTICATED, "the provider did not let you in"));
    }
    let code: String = query.parse("code")?.ok_or_else(|| Problem::new(BAD_QUERY, "code is missing"))?;
    let settings = settings(&call, &going.provider)
        .ok_or_else(|| Problem::new(UNAUTHENTICATED, "the provider is believed no longer"))?;
    // RFC 9207: an answer of another provider is no answer.
    if query.parse::<String>("iss")?.is_some_and(|issuer| issuer != settings.issuer) {
        return Err(Problem::new(UNAUTHENTICATED, "the answer is of another provider"));
    }
    let identity = call.app.identity();
    let secret = call.app.provider_secret(&going.provider);
    let refused = |error: identity::IdentityError| {
        let row = if error.is_of_provider() { PROVIDER_UNAVAILABLE } else { UNAUTHENTICATED };
        Problem::new(row, error.to_string())
    };
    let tokens = identity.redeem(&settings, secret.as_deref(), &going.begun, &code).await.map_err(refused)?;
    identity.prepare(&settings, &tokens.id_token).await;
    let now = call.app.ledger().now();
    let person = identity.signed_in(&settings, &tokens, &going.begun.nonce, now).map_err(refused)?;
    let sid = person.claims.get("sid").and_then(Value::as_str).map(str::to_owned);
    let signed_in =
        SignedIn { provider: going.provider, issuer: settings.issuer, subject: person.subject, sid, tokens };
    to("/console/", &call.app.people().begin(signed_in).map_err(internal)?)
}

/// `POST /sign-out`: ends the session; where the provider's own is ended is in the answer.
pub(crate) async fn out(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    if call.header("sec-fetch-site") != Some("same-origin") {
        return Err(Problem::new(FORBIDDEN, "sign out from the console itself"));
    }
    let (ended, cookie) = call.app.people().end(call.headers());
    let mut elsewhere = None;
    if let Some(ended) = ended
        && let Some(settings) = settings(&call, &ended.provider)
    {
        let endpoint = call.app.identity().endpoints(&settings).await.end_session;
        elsewhere = endpoint.map(|url| {
            let mark = if url.contains('?') { '&' } else { '?' };
            format!("{url}{mark}id_token_hint={}", escaped(&ended.tokens.id_token))
        });
    }
    let mut response = answer::value(StatusCode::OK, &SignedOut { end_session: elsewhere });
    let cookie = HeaderValue::from_str(&cookie).map_err(internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /sign-in/back-channel`: the provider says that a session is over.
pub(crate) async fn over(call: Call) -> Result<Response<Body>, Problem> {
    let bad = || {
        call.charge_failures(1);
        Problem::new(BAD_LOGOUT, "the logout token does not hold")
    };
    let mut fields = form_urlencoded::parse(&call.body);
    let token = fields.find(|(name, _)| name == "logout_token").ok_or_else(bad)?.1.into_owned();
    let issuer = identity::issuer_of(&token).ok_or_else(bad)?;
    let found = call.app.ledger().directory(|directory: &Directory| {
        let mut all = directory.organisations.providers.values();
        all.find(|settings| settings.issuer == issuer).cloned()
    });
    let settings = found.ok_or_else(bad)?;
    let identity = call.app.identity();
    identity.prepare(&settings, &token).await;
    let claims = identity.claims(&settings, &token, call.app.ledger().now()).map_err(|_| bad())?;
    let is_logout =
        claims.get("events").is_some_and(|events| events.get(LOGOUT).is_some_and(Value::is_object));
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    let (subject, sid) = (text("sub"), text("sid"));
    // With a nonce it would be an ID token.
    if !is_logout || claims.contains_key("nonce") || (subject.is_none() && sid.is_none()) {
        return Err(bad());
    }
    call.app.people().end_of(&issuer, subject, sid);
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn settings(call: &Call, provider: &Name) -> Option<ProviderSettings> {
    call.app
        .ledger()
        .directory(|directory: &Directory| directory.organisations.providers.get(provider).cloned())
}

/// How the browser calls this service.
fn origin(call: &Call) -> Result<String, Problem> {
    let host = call.header("host").filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Problem::new(BAD_QUERY, "the request names no host"))?;
    let scheme = if call.header("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    Ok(format!("{scheme}://{host}"))
}

fn to(location: &str, cookie: &str) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_str(location).map_err(internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::SET_COOKIE, HeaderValue::from_str(cookie).map_err(internal)?);
    Ok(response)
}

//! Signing in to the page: an API token, shown once, for a session that reads.
//!
//! The cookie holds a random name of the session and nothing else: a cookie goes to every port of a host, and
//! whoever else listens there shall learn no token. Sessions end with the process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use ingest::access::Action;
use ingest::problem::{FORBIDDEN, Problem, UNAUTHENTICATED};
use ingest::{App, Peer};
use ledger::keyring::random;
use serving::page;
use spec::Hash;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const COOKIE: &str = "vm_session";

/// Largest body of a sign-in: a token of 106 bytes under its name.
const MAX_FORM_BYTES: usize = 1024;

/// Most sessions at once; the oldest makes room.
const MAX_SESSIONS: usize = 1024;

/// How long a session lasts.
const LASTS: Duration = Duration::from_hours(12);

/// The sessions of this process: by name, since when, and the token that reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<BTreeMap<String, (Instant, HeaderValue)>>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, HeaderValue)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, bearer: HeaderValue) -> std::io::Result<String> {
        let name = Hash(random()?).to_hex();
        let mut all = self.all();
        all.retain(|_, (since, _)| since.elapsed() < LASTS);
        if all.len() >= MAX_SESSIONS {
            let oldest = all.iter().min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        all.insert(name.clone(), (Instant::now(), bearer));
        Ok(name)
    }

    fn end(&self, headers: &HeaderMap) {
        if let Some(name) = named(headers) {
            self.all().remove(name);
        }
    }

    /// The headers, with the session's token as the bearer's if they name none.
    pub(crate) fn with_token<'a>(&self, headers: &'a HeaderMap) -> Cow<'a, HeaderMap> {
        let bearer =
            named(headers).filter(|_| !headers.contains_key(header::AUTHORIZATION)).and_then(|name| {
                let all = self.all();
                all.get(name).filter(|(since, _)| since.elapsed() < LASTS).map(|(_, bearer)| bearer.clone())
            });
        let Some(bearer) = bearer else { return Cow::Borrowed(headers) };
        let mut headers = headers.clone();
        headers.insert(header::AUTHORIZATION, bearer);
        Cow::Owned(headers)
    }
}

/// The session a request names.
fn named(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// `POST /session`: signs in with `token`, or out without.
pub(crate) fn routes(app: &App, sessions: &Sessions) -> Router {
    let (app, sessions) = (app.clone(), sessions.clone());
    let answer = move |request: Request| answer(app.clone(), sessions.clone(), request);
    Router::new().route(crate::openapi::SESSION, post(answer))
}

async fn answer(app: App, sessions: Sessions, request: Request) -> Response<Body> {
    let peer = request.extensions().get::<Peer>().copied();
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    // A browser says where a form came from; other clients do not, and have no session to lose.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return Problem::new(FORBIDDEN, "sign in from the page itself").into_response();
    }
    let form = tokio::time::timeout(app.body_timeout(), to_bytes(body, MAX_FORM_BYTES)).await;
    let token = match form {
        Err(_) => {
            return page::document(StatusCode::REQUEST_TIMEOUT, &page::sign_in(Some("That took too long.")));
        }
        Ok(Err(_)) => {
            return page::document(StatusCode::PAYLOAD_TOO_LARGE, &page::sign_in(Some("That is no token.")));
        }
        Ok(Ok(form)) => token_in(&form),
    };
    let https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    sessions.end(&headers);
    if token.is_empty() {
        return back_home(&cookie("", 0, https));
    }
    let unknown = || {
        page::document(
            StatusCode::UNAUTHORIZED,
            &page::sign_in(Some("The token is unknown, ended or revoked.")),
        )
    };
    let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else { return unknown() };
    headers.insert(header::AUTHORIZATION, bearer.clone());
    let known = app.admit(peer, &headers).and_then(|principal| principal.require(Action::Read));
    match known.map(|()| sessions.begin(bearer)) {
        Ok(Ok(name)) => back_home(&cookie(&name, LASTS.as_secs(), https)),
        Ok(Err(error)) => Problem::new(ingest::problem::INTERNAL, error.to_string()).into_response(),
        Err(problem) if problem.code() == UNAUTHENTICATED.code => unknown(),
        Err(problem) => problem.into_response(),
    }
}

fn token_in(form: &[u8]) -> String {
    let mut fields = form_urlencoded::parse(form);
    let token = fields.find(|(name, _)| name == "token").map_or(Cow::Borrowed(""), |(_, value)| value);
    token.trim().to_owned()
}

fn cookie(name: &str, seconds: u64, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE}={name}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn back_home(cookie: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static("/"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

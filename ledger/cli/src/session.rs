//! Signing in to the page: an API token in a cookie that no script can read and no other site can send.
//!
//! The cookie counts for routes that only read; whoever writes shows the token itself.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use ingest::App;
use ingest::access::Action;
use projections::page;
use std::borrow::Cow;

const COOKIE: &str = "vm_session";

/// Largest body of a sign-in: a token of 106 bytes under its name.
const MAX_FORM_BYTES: usize = 1024;

/// `POST /session`: signs in with `token`, or out without.
pub(crate) fn routes(app: &App) -> Router {
    let app = app.clone();
    Router::new().route("/session", post(move |request: Request| answer(app.clone(), request)))
}

async fn answer(app: App, request: Request) -> Response<Body> {
    let https = request.headers().get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let Ok(body) = to_bytes(request.into_body(), MAX_FORM_BYTES).await else {
        return page::document(StatusCode::PAYLOAD_TOO_LARGE, &page::sign_in(Some("That is no token.")));
    };
    let token = token_in(&body);
    if token.is_empty() {
        return back_home(&cookie("", 0, https));
    }
    let known = bearer(&token)
        .and_then(|headers| app.principal(None, &headers).ok())
        .is_some_and(|principal| principal.require(Action::Read).is_ok());
    if known {
        back_home(&cookie(&token, 12 * 60 * 60, https))
    } else {
        let problem = "The token is unknown, ended or revoked.";
        page::document(StatusCode::UNAUTHORIZED, &page::sign_in(Some(problem)))
    }
}

fn token_in(body: &[u8]) -> String {
    let mut fields = form_urlencoded::parse(body);
    let token = fields.find(|(name, _)| name == "token").map_or(Cow::Borrowed(""), |(_, value)| value);
    token.trim().to_owned()
}

fn bearer(token: &str) -> Option<HeaderMap> {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    Some(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}

fn cookie(token: &str, seconds: u32, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn back_home(cookie: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The headers, with the session's token as the bearer's if they name none.
pub(crate) fn with_session(headers: &HeaderMap) -> Cow<'_, HeaderMap> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Cow::Borrowed(headers);
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let token = cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|token| !token.is_empty());
    token.and_then(bearer).map_or(Cow::Borrowed(headers), Cow::Owned)
}

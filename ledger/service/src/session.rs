//! Signing in to the page: an API token, shown once, for a session that reads.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemars::JsonSchema;
use serving::page;
use std::borrow::Cow;
use web::problem::{FORBIDDEN, TIMEOUT, TOO_LARGE, UNAUTHENTICATED, internal};
use web::{Action, Call, Problem};

/// Largest body of a sign-in: a token of 106 bytes under its name.
pub(crate) const MAX_FORM_BYTES: usize = 1024;

/// What signs in.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what `token_in` reads")]
pub(crate) struct SignInForm {
    /// An API token; without it, the session ends.
    token: Option<String>,
}

/// `POST /session`: signs in with `token`, or out without.
pub(crate) async fn sign_in(call: Call) -> Result<Response<Body>, Problem> {
    // A browser says where a form came from; other clients do not, and have no session to lose.
    if !matches!(call.header("sec-fetch-site"), None | Some("same-origin" | "none")) {
        return Err(Problem::new(FORBIDDEN, "sign in from the page itself"));
    }
    let token = token_in(&call.body);
    let https = call.header("x-forwarded-proto") == Some("https");
    let ended = call.app.sessions().end(call.headers(), https);
    if token.is_empty() {
        return Ok(back_home(&ended));
    }
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Problem::new(UNAUTHENTICATED, "a token has no such characters"))?;
    call.principal_of(bearer.clone())?.require(Action::Read)?;
    Ok(back_home(&call.app.sessions().begin(bearer, https).map_err(internal)?))
}

/// The form once more, with why it was not taken.
pub(crate) fn not_signed_in(problem: Problem) -> Response<Body> {
    let words = match problem.code() {
        code if code == UNAUTHENTICATED.code => "The token is unknown, ended or revoked.",
        code if code == TIMEOUT.code => "That took too long.",
        code if code == TOO_LARGE.code => "That is no token.",
        _ => return problem.into_response(),
    };
    page::document(problem.status(), &page::sign_in(Some(words)))
}

fn token_in(form: &[u8]) -> String {
    let mut fields = form_urlencoded::parse(form);
    let token = fields.find(|(name, _)| name == "token").map_or(Cow::Borrowed(""), |(_, value)| value);
    token.trim().to_owned()
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

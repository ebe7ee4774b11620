//! The web console: one document for all of its pages, and the files beside it. What it shows it asks for over the API,
//! as whoever signs in there; nothing here needs to know who looks.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use web::problem::{NOT_FOUND, Problem};
use web::{Call, answer};

/// What the console may load and reach: its own files and this service. Its base is set by the document itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

const LACKING: &str = "This executable was built without its web console: npm was not there, or could not reach its \
                       registry. Build it again where Node.js and npm are; the plain page of the fleet is at /.\n";

/// `GET /console`.
pub(crate) async fn at_its_name(_: Call) -> Result<Response<Body>, Problem> {
    Ok(document(None))
}

/// `GET /console/`.
pub(crate) async fn at_its_folder(_: Call) -> Result<Response<Body>, Problem> {
    Ok(document(Some(0)))
}

/// `GET /console/{page}`: a page, or a file of the console.
pub(crate) async fn page(call: Call) -> Result<Response<Body>, Problem> {
    let name = call.part("page");
    match web_console::file(name) {
        Some(file) => Ok(sent(file, &call)),
        None if name.contains('.') => Err(Problem::new(NOT_FOUND, format!("the console has no {name}"))),
        None => Ok(document(Some(0))),
    }
}

/// `GET /console/{folder}/{page}`: a page about one thing, or a file below a folder of the console.
pub(crate) async fn page_below(call: Call) -> Result<Response<Body>, Problem> {
    let path = format!("{}/{}", call.part("folder"), call.part("page"));
    match web_console::file(&path) {
        Some(file) => Ok(sent(file, &call)),
        None if path.starts_with("assets/") => {
            Err(Problem::new(NOT_FOUND, format!("the console has no {path}; it is of another version")))
        }
        None => Ok(document(Some(1))),
    }
}

fn document(folders: Option<usize>) -> Response<Body> {
    let Some(page) = web_console::page(folders) else {
        return answer::text(StatusCode::NOT_IMPLEMENTED, LACKING);
    };
    let mut response = answer::with_type(StatusCode::OK, "text/html; charset=utf-8", Body::from(page));
    harden(&mut response);
    response
}

/// A file as it is, or compressed for whoever takes that (RFC 9110, section 12.5.3).
fn sent(file: &'static web_console::File, call: &Call) -> Response<Body> {
    let accepted = call.header("accept-encoding").unwrap_or_default();
    let is_gzip = |one: &str| matches!(one.split(';').next().map(str::trim), Some("gzip" | "*"));
    let compressed = accepted.split(',').any(|one| is_gzip(one) && !one.replace(' ', "").ends_with(";q=0"));
    let bytes = if compressed { file.gzip } else { file.bytes };
    let mut response = answer::with_type(StatusCode::OK, file.media_type(), Body::from(bytes));
    harden(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if file.is_forever() {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, forever);
    }
    response
}

fn harden(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

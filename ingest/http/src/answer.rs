//! Answers that are not problems.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A list that is one page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Items<T> {
    /// Its items.
    pub items: Vec<T>,
}

/// The place of something that was appended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct Recorded {
    /// Seq of the entry.
    pub seq: u64,
}

/// JSON that has been written already.
pub fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    with_type(status, "application/json", Body::from(body))
}

/// A value as JSON.
pub fn value<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // The answers are texts, numbers and lists of them.
    json(status, serde_json::to_vec(value).unwrap_or_default())
}

/// A text.
pub fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", body.into())
}

/// Bytes of some type.
pub fn with_type(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer with nothing in it.
pub fn no_content() -> Response<Body> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! Requests and answers as plain values, and the trait that carries them.

use std::future::Future;
use std::time::Duration;

/// Largest answer that is read, in bytes: 200 receipts with their paths take under one MiB.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// One request to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query, from the slash on.
    pub path: String,
    /// Media type and bytes of the body; a request without one is a GET, others are POSTs.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// The token that shows who asks, if it is not in the body.
    pub bearer: Option<String>,
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), body: None, bearer: None }
    }

    /// A POST.
    pub fn post(path: impl Into<String>, media_type: &'static str, body: Vec<u8>) -> Self {
        Self { path: path.into(), body: Some((media_type, body)), bearer: None }
    }
}

impl Request {
    /// The same with a token.
    #[must_use]
    pub fn with_bearer(mut self, token: String) -> Self {
        self.bearer = Some(token);
        self
    }
}

/// The service's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, if it was given in seconds.
    pub retry_after: Option<Duration>,
    /// The body, at most [`MAX_ANSWER_BYTES`].
    pub body: Vec<u8>,
}

/// No answer: whether the request had an effect is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no answer from the service: {0}")]
pub struct NetworkError(pub String);

/// Carries requests.
pub trait Network {
    /// Sends a request and waits for the whole answer, within a time of the implementation's choice.
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, NetworkError>>;
}

//! Documents of a provider: bounded, without redirects, and not for long.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Longest document: key sets with certificate chains have some 40 KiB.
const MAX_BYTES: usize = 256 * 1024;

/// How long an answer may take, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client for providers.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    // Installed already when a second client is made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.timeout(PATIENCE).build()
}

/// The reason why a provider gives nothing that is of use.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// It is not reached, or stops in the midst of its answer.
    #[error("{}", cause(&**.0))]
    Transport(Arc<reqwest::Error>),
    /// It answers with another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// Its answer is longer than any that is meant well.
    #[error("the document has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Its answer is another document than the one that was asked for.
    #[error("{0}")]
    Document(&'static str),
    /// Nobody has asked it.
    #[error("its keys were not asked for yet")]
    NotAsked,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(Arc::new(error))
    }
}

/// A JSON document.
pub(crate) async fn json(request: reqwest::RequestBuilder) -> Result<Value, FetchError> {
    let mut answer = request.send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| FetchError::Document("the document is not JSON"))
}

/// The innermost error: the outer ones repeat the address.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

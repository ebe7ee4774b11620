//! Documents of a provider: bounded, without redirects, and not for long.

use serde_json::Value;
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

/// A JSON document, in words what is wrong with it otherwise.
pub(crate) async fn json(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let mut answer = request.send().await.map_err(|error| cause(&error))?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("status {}", answer.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| cause(&error))? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the document has more than {MAX_BYTES} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| "the document is not JSON".to_owned())
}

/// The innermost error: the outer ones repeat the address.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

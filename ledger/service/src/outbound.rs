//! Requests to others: a client over TLS, and what went wrong in a word.

/// A client over rustls with ring.
pub fn builder() -> reqwest::ClientBuilder {
    // Installed already when a second client is made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// The innermost error: the outer ones repeat the address.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

//! The network for real: HTTP over TCP, with TLS where the address asks for it.

use crate::network::{MAX_ANSWER_BYTES, Network, NetworkError, Request, Response};
use std::time::Duration;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take, answer included; a batch of 200 events commits in milliseconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A service at one address.
#[derive(Debug, Clone)]
pub struct HttpClient {
    http: reqwest::Client,
    base: String,
}

/// An address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is not an address of the web.
    #[error("{url:?} is not an http:// or https:// address: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(#[from] reqwest::Error),
}

impl HttpClient {
    /// A client for the service at `url`, such as `https://vault.example.org`.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::Url { url: url.to_owned(), reason };
        let parsed = reqwest::Url::parse(url).map_err(|e| bad(e.to_string()))?;
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty() {
            return Err(bad("only scheme, host, port and path may be given".to_owned()));
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("vaultmesh-agent/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only();
        // Installing fails only if someone did so before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = match parsed.scheme() {
            // The machine's certificates are loaded only where they are needed: they take memory.
            "https" => builder.https_only(true).build()?,
            "http" => builder.tls_certs_only([]).build()?,
            scheme => return Err(bad(format!("{scheme} is another scheme"))),
        };
        Ok(Self { http, base: url.trim_end_matches('/').to_owned() })
    }
}

impl Network for HttpClient {
    async fn send(&self, request: Request) -> Result<Response, NetworkError> {
        let url = format!("{}{}", self.base, request.path);
        let builder = match request.body {
            None => self.http.get(url),
            Some((media_type, body)) => {
                self.http.post(url).header(reqwest::header::CONTENT_TYPE, media_type).body(body)
            }
        };
        let builder = match request.bearer {
            None => builder,
            Some(token) => builder.bearer_auth(token),
        };
        let mut response = builder.send().await.map_err(|e| describe(&e))?;
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| describe(&e))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(NetworkError(format!("the answer is longer than {MAX_ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: response.status().as_u16(), retry_after, body })
    }
}

/// The whole chain of causes: the first of them alone says only that sending failed.
fn describe(error: &reqwest::Error) -> NetworkError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    NetworkError(text)
}

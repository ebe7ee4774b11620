//! Talking to a ledger: over HTTP, over `admin.sock`, or, when nothing runs, by opening it here.

use crate::data::{self, DataDir, Manner};
use crate::failure::Failure;
use crate::options::Global;
use axum::body::Body;
use axum::http::{Method, Request, header};
use ledger::Ledger;
use serde_json::Value;
use service::outbound::{builder, root_cause};
use service::wire::ProblemBody;
use std::path::Path;
use tower::ServiceExt as _;

/// Largest answer that is read into memory.
const MAX_ANSWER_BYTES: usize = 512 * 1024 * 1024;

/// A way to the ledger.
#[derive(Debug)]
pub(crate) enum Client {
    /// A service at an address.
    Http { client: reqwest::Client, base: String, token: Option<String> },
    /// A ledger opened in this process.
    Local { ledger: Ledger, router: axum::Router },
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// `--url` if given, else the service that has the data directory open, else the directory itself.
    pub(crate) async fn connect(global: &Global) -> Result<Self, Failure> {
        if let Some(url) = &global.url {
            return Self::http(url, global.token.clone());
        }
        let dir = DataDir::new(global.data());
        let socket = dir.admin_socket();
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            return Self::socket(&socket);
        }
        let (ledger, _) = dir.open(Manner::default()).await?;
        let router = service::local(&ledger, dir.path(), false).await?;
        Ok(Self::Local { ledger, router })
    }

    /// As [`Client::connect`], for routes of the read side: a directory is folded from its log first.
    pub(crate) async fn connect_to_read(global: &Global) -> Result<Self, Failure> {
        match Self::connect(global).await? {
            Self::Local { ledger, .. } => {
                let router = service::local(&ledger, DataDir::new(global.data()).path(), true).await?;
                Ok(Self::Local { ledger, router })
            }
            http @ Self::Http { .. } => Ok(http),
        }
    }

    /// The service behind an `admin.sock`.
    pub(crate) fn socket(path: &Path) -> Result<Self, Failure> {
        let client = builder().tls_certs_only([]).unix_socket(path).build().map_err(Failure::io)?;
        Ok(Self::Http { client, base: "http://admin.sock".to_owned(), token: None })
    }

    /// A service at an address.
    pub(crate) fn http(url: &str, token: Option<String>) -> Result<Self, Failure> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::usage(format!("{url} is not an http(s) address")));
        }
        // The machine's certificates are loaded only where they are needed.
        let builder = if url.starts_with("https://") { builder() } else { builder().tls_certs_only([]) };
        let client = builder.build().map_err(Failure::io)?;
        Ok(Self::Http { client, base: url.trim_end_matches('/').to_owned(), token })
    }

    /// Sends a request and returns the answer, whatever its status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer, Failure> {
        match self {
            Self::Http { client, base, token } => {
                let mut request = client.request(method, format!("{base}{path}"));
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                if let Some((content_type, body)) = body {
                    request = request.header(header::CONTENT_TYPE, content_type).body(body);
                }
                let failed = |e: reqwest::Error| Failure::io(format!("{base}: {}", root_cause(&e)));
                let response = request.send().await.map_err(failed)?;
                let status = response.status().as_u16();
                Ok(Answer { status, body: response.bytes().await.map_err(failed)?.to_vec() })
            }
            Self::Local { router, .. } => {
                let mut request = Request::builder().method(method).uri(path);
                let body = match body {
                    Some((content_type, body)) => {
                        request = request.header(header::CONTENT_TYPE, content_type);
                        Body::from(body)
                    }
                    None => Body::empty(),
                };
                // Whoever may open the ledger's files is its owner.
                let request = request.extension(web::Peer::Admin).body(body).map_err(Failure::usage)?;
                let response = router.clone().oneshot(request).await.map_err(Failure::io)?;
                let status = response.status().as_u16();
                let body = axum::body::to_bytes(response.into_body(), MAX_ANSWER_BYTES)
                    .await
                    .map_err(Failure::io)?;
                Ok(Answer { status, body: body.to_vec() })
            }
        }
    }

    /// Closes a ledger that was opened here.
    pub(crate) async fn close(self) {
        if let Self::Local { ledger, .. } = self {
            data::close(ledger, false).await;
        }
    }
}

impl Answer {
    /// The body, unless the status is an error.
    pub(crate) fn good(self) -> Result<Vec<u8>, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let text = match serde_json::from_slice::<ProblemBody>(&self.body) {
            Ok(problem) => format!("{}: {}", problem.code, problem.detail),
            Err(_) => format!("status {}", self.status),
        };
        let next = match self.status {
            401 => "; sign in with `ledger login`, or give a token in VAULTMESH_TOKEN",
            503 => "; try again in a second",
            _ => "",
        };
        let text = format!("{text}{next}");
        Err(if self.status >= 500 || self.status == 429 { Failure::io(text) } else { Failure::refused(text) })
    }

    /// The body as JSON, unless the status is an error.
    pub(crate) fn json(self) -> Result<Value, Failure> {
        let body = self.good()?;
        serde_json::from_slice(&body).map_err(|e| Failure::io(format!("the answer is not JSON: {e}")))
    }
}

/// Runs a command's asynchronous part.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::io)?;
    runtime.block_on(future)
}

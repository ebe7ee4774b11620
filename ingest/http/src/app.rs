//! What the service is composed of, and its router.

use crate::access::Principal;
use crate::body::BodyGauge;
use crate::bucket::{Buckets, Subject};
use crate::commands::Desk;
use crate::dispatch;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::principal::{Peer, establish};
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use crate::seats::Seats;
use axum::Router;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use ledger::Ledger;
use serde_json::value::RawValue;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore};

/// How the service behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory, for the disk figures of `/metrics`; none are given without.
    pub data_dir: Option<PathBuf>,
    /// Seconds between two heartbeats that nodes are asked for.
    pub heartbeat_secs: u64,
    /// A header in which a tunnel or proxy on this machine names the client's address, such as
    /// `cf-connecting-ip`. Believed only from loopback.
    pub client_address_header: Option<HeaderName>,
    /// The limits.
    pub limits: Limits,
    /// What the folds know of commands; without it none are delivered.
    pub desk: Option<Arc<dyn Desk>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            heartbeat_secs: 30,
            client_address_header: None,
            limits: Limits::default(),
            desk: None,
        }
    }
}

/// The HTTP side of a ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) ledger: Ledger,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) bodies: Arc<BodyGauge>,
    pub(crate) reads: Semaphore,
    pub(crate) identities: Buckets,
    pub(crate) addresses: Buckets,
    pub(crate) failures: Buckets,
    pub(crate) seats: Seats,
    pub(crate) draining: AtomicBool,
    /// Those who wait for something are told that the service stops.
    pub(crate) stopping: Notify,
    pub(crate) started: Instant,
    /// The authority's records, as of so many of them.
    pub(crate) authority: Mutex<Arc<[Box<RawValue>]>>,
}

impl App {
    /// The HTTP side of `ledger`.
    pub fn new(ledger: Ledger, config: Config) -> Self {
        let limits = &config.limits;
        let inner = Inner {
            metrics: Metrics::new(),
            bodies: Arc::default(),
            reads: Semaphore::new(limits.reads.max(1)),
            identities: Buckets::new(limits.identity_events),
            addresses: Buckets::new(limits.address_requests),
            failures: Buckets::new(limits.address_failures),
            seats: Seats::default(),
            draining: AtomicBool::new(false),
            stopping: Notify::new(),
            started: Instant::now(),
            authority: Mutex::new(Arc::from([])),
            ledger,
            config,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The routes of this crate, to be merged with others before [`App::complete`].
    pub fn routes(&self) -> Router {
        dispatch::routes(&self.inner)
    }

    /// Gives a router the answers to unknown paths and wrong methods.
    pub fn complete(&self, router: Router) -> Router {
        let (unknown, wrong) = (self.clone(), self.clone());
        router
            .method_not_allowed_fallback(move |method: Method, uri: Uri| {
                let detail = format!("{} does not take {method}", uri.path());
                std::future::ready(wrong.inner.refuse_unrouted(Problem::new(METHOD_NOT_ALLOWED, detail)))
            })
            .fallback(move |uri: Uri| {
                let detail = format!("there is no {}", uri.path());
                std::future::ready(unknown.inner.refuse_unrouted(Problem::new(NOT_FOUND, detail)))
            })
    }

    /// The whole router of this crate alone.
    pub fn router(&self) -> Router {
        self.complete(self.routes())
    }

    /// The router for whoever has opened the ledger himself: every request is the admin's.
    pub fn admin_router(&self) -> Router {
        self.router().layer(axum::Extension(Peer::Admin))
    }

    /// Lets a request to a route of another crate in: the limits of its address, then who asks. No credentials
    /// is [`Principal::ANONYMOUS`]. Such a route has no body, or one that is no part of the credentials.
    ///
    /// # Errors
    /// The answer to somebody who has spent all they may, or whose credentials do not hold.
    pub fn admit(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<Principal, Problem> {
        let address = self.inner.address_of(peer, headers);
        let admitted = self.inner.charge(address, true).and_then(|()| self.principal(peer, headers));
        if let Err(problem) = &admitted {
            self.refused(peer, headers, problem);
        }
        admitted
    }

    /// Lets a request to a public route of another crate in: the limits of its address alone.
    ///
    /// # Errors
    /// The answer to somebody who has spent all they may.
    pub fn admit_anyone(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<(), Problem> {
        let admitted = self.inner.charge(self.inner.address_of(peer, headers), false);
        if let Err(problem) = &admitted {
            self.refused(peer, headers, problem);
        }
        admitted
    }

    /// Counts a refusal that a route of another crate gives.
    pub fn refused(&self, peer: Option<Peer>, headers: &HeaderMap, problem: &Problem) {
        self.inner.refuse(self.inner.address_of(peer, headers), problem);
    }

    /// Establishes who asks, and counts nothing: for asking again.
    ///
    /// # Errors
    /// The answer to credentials that do not hold.
    pub fn principal(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<Principal, Problem> {
        let established = establish(&self.inner.ledger, peer, headers)?;
        established.check_body(b"")?;
        Ok(established.principal)
    }

    /// How long a body may take to arrive.
    pub fn body_timeout(&self) -> std::time::Duration {
        self.inner.config.limits.body_timeout
    }

    /// The metrics as Prometheus text, for a caller that adds its own.
    pub fn metrics(&self) -> String {
        crate::metrics::render(&self.inner)
    }

    /// From now on `/readyz` says that the service is stopping, and nobody is kept waiting.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
        self.inner.stopping.notify_waiters();
    }
}

impl Inner {
    fn refuse_unrouted(&self, problem: Problem) -> axum::response::Response {
        self.metrics.request(crate::routes::ROUTES.len(), problem.status());
        self.metrics.refusal(problem.code());
        problem.into_response()
    }

    /// Charges an address for a request; `credentials` says whether failed ones count against it as well.
    pub(crate) fn charge(&self, address: Option<Subject>, credentials: bool) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        let failures = || if credentials { self.failures.wait_secs(&address) } else { None };
        if let Some(secs) = self.addresses.wait_secs(&address).or_else(failures) {
            return Err(dispatch::too_many("from your address", secs));
        }
        self.addresses.charge(address, 1);
        Ok(())
    }

    /// Counts a refusal, against its address if it was for want of credentials.
    pub(crate) fn refuse(&self, address: Option<Subject>, problem: &Problem) {
        self.metrics.refusal(problem.code());
        if let Some(address) = address
            && problem.status() == StatusCode::UNAUTHORIZED
        {
            self.failures.charge(address, 1);
        }
    }

    /// The bucket of a request's address, if addresses are limited where it comes from.
    pub(crate) fn address_of(&self, peer: Option<Peer>, headers: &HeaderMap) -> Option<Subject> {
        let Some(Peer::Tcp(address)) = peer else { return None };
        if !address.ip().to_canonical().is_loopback() {
            return Some(Subject::address(address.ip()));
        }
        let name = self.config.client_address_header.as_ref()?;
        let named = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        Some(Subject::address(named))
    }
}

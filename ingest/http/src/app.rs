//! What the HTTP side of a ledger has for all its routes, and their router.

use crate::body::BodyGauge;
use crate::bucket::{Buckets, Subject};
use crate::dispatch;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::principal::Peer;
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, RATE_LIMITED};
use crate::route::Bound;
use crate::seats::Seats;
use crate::sessions::Sessions;
use axum::Router;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use ledger::Ledger;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, watch};

/// How the HTTP side behaves.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The data directory, for the disk figures among the metrics; none are given without.
    pub data_dir: Option<PathBuf>,
    /// A header in which a tunnel or proxy on this machine names the client's address, such as
    /// `cf-connecting-ip`. Believed only from loopback.
    pub client_address_header: Option<HeaderName>,
    /// The limits.
    pub limits: Limits,
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
    pub(crate) sessions: Sessions,
    pub(crate) bodies: Arc<BodyGauge>,
    pub(crate) reads: Semaphore,
    pub(crate) seats: Seats,
    pub(crate) started: Instant,
    identities: Buckets,
    addresses: Buckets,
    failures: Buckets,
    /// Becomes true when the service stops: nobody is kept waiting any more.
    stopping: watch::Sender<bool>,
}

impl App {
    /// The HTTP side of `ledger`.
    pub fn new(ledger: Ledger, config: Config) -> Self {
        let limits = &config.limits;
        let inner = Inner {
            metrics: Metrics::new(),
            sessions: Sessions::default(),
            bodies: Arc::default(),
            reads: Semaphore::new(limits.reads.max(1)),
            identities: Buckets::new(limits.identity_events),
            addresses: Buckets::new(limits.address_requests),
            failures: Buckets::new(limits.address_failures),
            seats: Seats::default(),
            stopping: watch::Sender::new(false),
            started: Instant::now(),
            ledger,
            config,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// How it behaves.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The sessions of the page.
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// One router over the whole list of routes: nothing is reachable that is not in it.
    pub fn router(&self, routes: Vec<Bound>) -> Router {
        let (unknown, wrong) = (self.clone(), self.clone());
        dispatch::routes(self, routes)
            .method_not_allowed_fallback(move |method: Method, uri: Uri| {
                let detail = format!("{} does not take {method}", uri.path());
                std::future::ready(wrong.refuse_unrouted(Problem::new(METHOD_NOT_ALLOWED, detail)))
            })
            .fallback(move |uri: Uri| {
                let detail = format!("there is no {}", uri.path());
                std::future::ready(unknown.refuse_unrouted(Problem::new(NOT_FOUND, detail)))
            })
    }

    /// The metrics of ledger, HTTP and process as Prometheus text, for whoever adds to them.
    pub fn metrics(&self) -> String {
        crate::metrics::render(&self.inner)
    }

    /// Counts a refusal of something that is not a whole request.
    pub fn count_refusal(&self, code: &str) {
        self.inner.metrics.refusal(code);
    }

    /// From now on the service stops, and nobody is kept waiting.
    pub fn drain(&self) {
        self.inner.stopping.send_replace(true);
    }

    /// Becomes true when the service stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.inner.stopping.subscribe()
    }

    /// Whether the service stops.
    pub fn is_draining(&self) -> bool {
        *self.inner.stopping.borrow()
    }

    /// Refuses an identity that has spent all it may; `how` says how it speaks.
    ///
    /// # Errors
    /// The refusal, with the seconds to wait.
    pub fn check_rate(&self, subject: &Subject, how: &str) -> Result<(), Problem> {
        match self.inner.identities.wait_secs(subject) {
            Some(secs) => Err(too_many(how, secs)),
            None => Ok(()),
        }
    }

    /// Charges an identity for so many events.
    pub fn charge(&self, subject: Subject, count: usize) {
        self.inner.identities.charge(subject, count);
    }

    /// Charges an address for credentials that did not hold.
    pub(crate) fn charge_failures(&self, address: Subject, count: usize) {
        self.inner.failures.charge(address, count);
    }

    /// Refuses an address from which too many credentials did not hold.
    pub(crate) fn check_failures(&self, address: Option<&Subject>) -> Result<(), Problem> {
        match address.and_then(|address| self.inner.failures.wait_secs(address)) {
            Some(secs) => Err(too_many("from your address", secs)),
            None => Ok(()),
        }
    }

    /// Charges an address for a request; `credentials` says whether failed ones count against it as well.
    pub(crate) fn charge_address(&self, address: Option<Subject>, credentials: bool) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        if let Some(secs) = self.inner.addresses.wait_secs(&address) {
            return Err(too_many("from your address", secs));
        }
        if credentials {
            self.check_failures(Some(&address))?;
        }
        self.inner.addresses.charge(address, 1);
        Ok(())
    }

    /// Counts a refusal, against its address if it was for want of credentials.
    pub(crate) fn refuse(&self, address: Option<Subject>, problem: &Problem) {
        self.inner.metrics.refusal(problem.code());
        if let Some(address) = address
            && problem.status() == StatusCode::UNAUTHORIZED
        {
            self.charge_failures(address, 1);
        }
    }

    /// The bucket of a request's address, if addresses are limited where it comes from.
    pub(crate) fn address_of(&self, peer: Option<Peer>, headers: &HeaderMap) -> Option<Subject> {
        let Some(Peer::Tcp(address)) = peer else { return None };
        if !address.ip().to_canonical().is_loopback() {
            return Some(Subject::address(address.ip()));
        }
        let name = self.inner.config.client_address_header.as_ref()?;
        let named = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        Some(Subject::address(named))
    }

    fn refuse_unrouted(&self, problem: Problem) -> axum::response::Response {
        self.inner.metrics.unrouted(problem.status());
        self.inner.metrics.refusal(problem.code());
        problem.into_response()
    }
}

/// The refusal of someone who has spent all they may.
fn too_many(what: &str, secs: u64) -> Problem {
    Problem::new(RATE_LIMITED, format!("too much {what}; wait {secs} seconds")).retry_after(secs)
}

//! What the HTTP side of a ledger has for all its routes, and their router.

use crate::bucket::{Buckets, Subject};
use crate::budget::{Holder, Pool};
use crate::dispatch;
use crate::guests::Guests;
use crate::lanes::Lanes;
use crate::limits::{BODY_RETRY_SECS, Limits, STREAM_RETRY_SECS};
use crate::metrics::Metrics;
use crate::principal::Peer;
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, too_many};
use crate::route::{Bound, Row};
use crate::sessions::Sessions;
use crate::signed_in::People;
use crate::spending::Purses;
use crate::turns::Turns;
use axum::Router;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use identity::{Identity, Pace};
use ledger::Ledger;
use spec::Name;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// The behaviour of the HTTP side.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The data directory, for the disk figures among the metrics; none are given without.
    pub data_dir: Option<PathBuf>,
    /// A header in which a tunnel or proxy on this machine names the client's address, such as
    /// `cf-connecting-ip`. Believed only from loopback.
    pub client_address_header: Option<HeaderName>,
    /// The limits.
    pub limits: Limits,
    /// How often keys of identity providers are fetched.
    pub identity: Pace,
    /// Whether people may say who they are in plain headers. Believed only from loopback; for development.
    pub development_headers: bool,
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
    pub(crate) identity: Identity,
    pub(crate) people: People,
    pub(crate) guests: Arc<Guests>,
    pub(crate) bodies: Arc<Pool>,
    pub(crate) heartbeat_bodies: Arc<Pool>,
    pub(crate) streams: Arc<Pool>,
    pub(crate) polls: Arc<Pool>,
    pub(crate) open_polls: Arc<Pool>,
    pub(crate) reads: Arc<Lanes>,
    pub(crate) public_reads: Arc<Lanes>,
    pub(crate) delivery_reads: Arc<Lanes>,
    pub(crate) works: Arc<Lanes>,
    pub(crate) renders: Arc<Lanes>,
    pub(crate) purses: Purses,
    turns: Turns,
    pub(crate) started: Instant,
    requests: Buckets,
    heartbeats: Buckets,
    network_requests: Buckets,
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
            identity: Identity::new(config.identity),
            people: People::default(),
            guests: Guests::new(limits.connections),
            bodies: Pool::new(limits.bodies, "bytes of requests", BODY_RETRY_SECS),
            heartbeat_bodies: Pool::new(limits.heartbeat_bodies, "bytes of heartbeats", BODY_RETRY_SECS),
            streams: Pool::new(limits.streams, "streams are open", STREAM_RETRY_SECS),
            polls: Pool::new(limits.polls, "questions", STREAM_RETRY_SECS),
            open_polls: Pool::new(limits.open_polls, "questions", STREAM_RETRY_SECS),
            reads: Lanes::new(limits.reads, limits.turn_patience),
            public_reads: Lanes::new(limits.public_reads, limits.turn_patience),
            delivery_reads: Lanes::new(limits.delivery_reads, limits.turn_patience),
            works: Lanes::new(limits.works, limits.turn_patience),
            renders: Lanes::new(limits.renders, limits.turn_patience),
            purses: Purses::new(limits),
            turns: Turns::default(),
            requests: Buckets::new(limits.address_requests),
            heartbeats: Buckets::new(limits.address_heartbeats),
            network_requests: Buckets::new(limits.network_requests),
            failures: Buckets::new(limits.address_failures),
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

    /// Turns at counting what an organisation has.
    pub fn turns(&self) -> &Turns {
        &self.inner.turns
    }

    /// The sessions of the page.
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// What is known of identity providers.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// The sessions of people who signed in at a provider.
    pub fn people(&self) -> &People {
        &self.inner.people
    }

    /// The client secret that a provider gave this service, if it gave one: a file of the data directory, for the log
    /// keeps none.
    pub fn provider_secret(&self, provider: &Name) -> Option<String> {
        let dir = self.inner.config.data_dir.as_ref()?.join("sign-in");
        let secret = std::fs::read_to_string(dir.join(format!("{provider}.secret"))).ok()?;
        Some(secret.trim().to_owned()).filter(|secret| !secret.is_empty())
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

    /// Charges an address, and its network, for a request. Credentials that did not hold count against it as well,
    /// where there may be one that does not: what a heartbeat is signed with cannot be guessed.
    pub(crate) fn charge_address(
        &self,
        from: &Holder,
        row: &Row,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let Some(address) = from.address else { return Ok(()) };
        let shows = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
        if row.access != crate::Access::Public && (shows || !row.urgent) {
            self.check_failures(Some(&address))?;
        }
        let inner = &self.inner;
        if row.urgent {
            return inner.heartbeats.settle([address], 1).map_err(|secs| too_many("from your address", secs));
        }
        inner.requests.settle([address], 1).map_err(|secs| too_many("from your address", secs))?;
        inner.network_requests.settle(from.network, 1).map_err(|secs| too_many("from your network", secs))
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

    /// Where a request came from: the socket's address, or the client's that a tunnel or a proxy on this machine names.
    pub(crate) fn origin(&self, peer: Option<Peer>, headers: &HeaderMap) -> Holder {
        let Some(Peer::Tcp(address)) = peer else { return Holder::default() };
        let named = || -> Option<IpAddr> {
            let name = self.inner.config.client_address_header.as_ref()?;
            headers.get(name)?.to_str().ok()?.trim().parse().ok()
        };
        let ip = address.ip();
        let ip = if ip.to_canonical().is_loopback() { named().unwrap_or(ip) } else { ip };
        Holder { address: Some(Subject::address(ip)), network: Subject::network(ip), ..Holder::default() }
    }

    fn refuse_unrouted(&self, problem: Problem) -> axum::response::Response {
        self.inner.metrics.unrouted(problem.status());
        self.inner.metrics.refusal(problem.code());
        problem.into_response()
    }
}

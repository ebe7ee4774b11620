//! What a read needs: the folds at the head of the log, who asks, and how a refusal is said.
//!
//! Who asks, and what a refusal looks like, is the service's affair: it hands in a [`Door`].

use crate::live::Live;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, header};
use axum::routing::{MethodRouter, get};
use ledger::Ledger;
use serde::Serialize;
use spec::{Name, Timestamp, Uuid};
use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long an answer waits for the folds to reach the head of the log.
const FOLDS_PATIENCE: Duration = Duration::from_secs(2);

/// Through whose eyes somebody reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Viewer {
    /// The organisation they are bound to; all of them without.
    pub org: Option<Name>,
    /// The node they are bound to, if they are one.
    pub node: Option<Uuid>,
}

/// Why a read is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter is unknown or malformed: its name, and what is wrong.
    Query(String, String),
    /// There is no such thing.
    NotFound(String),
    /// Whoever asks does not belong to this organisation.
    Foreign(Name),
    /// The folds do not keep up with the log.
    Behind,
}

/// A place among the streams that may be open; dropped, it is free again.
pub type Seat = Box<dyn Any + Send + Sync>;

/// The service's say in who reads.
pub trait Door: Debug + Send + Sync {
    /// Who asks.
    ///
    /// # Errors
    /// The answer to somebody who may not read.
    fn viewer(&self, request: &Parts) -> Result<Viewer, Box<Response<Body>>>;

    /// Whether they may read still: a stream outlives what let its reader in.
    fn is_open(&self, request: &Parts) -> bool;

    /// A place for one more stream of theirs.
    ///
    /// # Errors
    /// The answer when there is none.
    fn seat(&self, request: &Parts) -> Result<Seat, Box<Response<Body>>>;

    /// The answer to a refused read.
    fn refuse(&self, refusal: Refusal) -> Response<Body>;
}

/// What the routes read from.
#[derive(Debug, Clone)]
pub struct Reads {
    /// The folds.
    pub live: Arc<Live>,
    /// The ledger.
    pub ledger: Ledger,
    /// The way in.
    pub door: Arc<dyn Door>,
    /// Becomes true when the service stops: streams end.
    pub stopping: watch::Receiver<bool>,
}

pub(crate) type Answered = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send>>;

/// A route that somebody who may read gets to.
pub(crate) fn route(reads: &Reads, handler: fn(Reads, Call) -> Answered) -> MethodRouter {
    let reads = reads.clone();
    get(move |request: Request| {
        let reads = reads.clone();
        async move {
            let (parts, _) = request.into_parts();
            let viewer = match reads.door.viewer(&parts) {
                Ok(viewer) => viewer,
                Err(answer) => return *answer,
            };
            let door = Arc::clone(&reads.door);
            let call = Call { viewer, parts };
            handler(reads, call).await.unwrap_or_else(|refusal| door.refuse(refusal))
        }
    })
}

/// A request by somebody who may read.
pub(crate) struct Call {
    pub(crate) viewer: Viewer,
    pub(crate) parts: Parts,
}

impl Call {
    /// The parameters, each one of `known` and given once.
    pub(crate) fn parameters(&self, known: &[&str]) -> Result<Parameters<'_>, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(bad(&name, format_args!("unknown; this route takes {}", known.join(", "))));
            }
            if parameters.insert(name.clone(), value).is_some() {
                return Err(bad(&name, "given twice"));
            }
        }
        Ok(Parameters(parameters))
    }

    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The organisations the caller wants and may see; all of them is `None`.
    pub(crate) fn orgs(&self, asked: Option<Name>) -> Result<Option<Name>, Refusal> {
        match (asked, &self.viewer.org) {
            (Some(asked), Some(own)) if asked != *own => Err(Refusal::Foreign(asked)),
            (asked, own) => Ok(asked.or_else(|| own.clone())),
        }
    }
}

/// The parameters of a request.
pub(crate) struct Parameters<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl Parameters<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.get(name).map(|text| text.parse().map_err(|e| bad(name, e))).transpose()
    }
}

pub(crate) fn bad(name: &str, problem: impl Display) -> Refusal {
    Refusal::Query(name.to_owned(), problem.to_string())
}

impl Reads {
    /// Looks at the folds when they have reached the head of the log, with its checkpoint.
    pub(crate) async fn at_head<T>(
        &self,
        look: impl Fn(&crate::Projections, Timestamp, &str) -> T,
    ) -> Result<T, Refusal> {
        let mut size = self.live.size();
        let wait = async {
            loop {
                let head = self.ledger.head().borrow().clone();
                if size.wait_for(|size| *size >= head.size).await.is_err() {
                    return None;
                }
                let now = self.ledger.now().max(head.recorded_at);
                let seen =
                    self.live.with(|folds| (folds.size() == head.size).then(|| look(folds, now, &head.note)));
                // Entries came while it looked: the checkpoint is to be the one the answer rests on.
                if seen.is_some() {
                    return seen;
                }
            }
        };
        tokio::time::timeout(FOLDS_PATIENCE, wait).await.ok().flatten().ok_or(Refusal::Behind)
    }
}

/// An answer in JSON that nobody may keep.
pub(crate) fn json<T: Serialize>(value: &T) -> Response<Body> {
    // The answers are texts, numbers and lists of them.
    let mut response = Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.path(), self.viewer)
    }
}

//! What a read needs: the folds at the head of the log, who asks, and how a refusal is said.
//!
//! Who asks, and what a refusal looks like, is the service's affair: it hands in a [`Door`].

use crate::history::{History, PastError, Point};
use crate::live::Live;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{MethodRouter, get};
use ledger::Ledger;
use ledger::reader::{Query, ReadError, Reader};
use projections::Projections;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde::{Deserialize, Serialize};
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

/// The parameter that every read of the folds takes.
pub(crate) const AS_OF: &str = "as_of";

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
    /// The log could not be read.
    Log(String),
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
    /// The folds at the head.
    pub live: Arc<Live>,
    /// The folds at any other point.
    pub history: Arc<History>,
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
            let known = parts.headers.get(header::IF_NONE_MATCH).cloned();
            let call = Call { viewer, parts };
            match handler(reads, call).await {
                Ok(answer) => unless_known(answer, known.as_ref()),
                Err(refusal) => door.refuse(refusal),
            }
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

    /// A part of the path: of `/api/nodes/{id}`, `api` is the first.
    pub(crate) fn part(&self, n: usize) -> &str {
        self.path().split('/').nth(n).unwrap_or_default()
    }

    /// The organisation of a path `/api/orgs/{org}/…`, if the caller may see it.
    pub(crate) fn org_of_path(&self) -> Result<Name, Refusal> {
        let text = self.part(3);
        let org: Name =
            text.parse().map_err(|_| Refusal::NotFound(format!("there is no organisation {text}")))?;
        self.orgs(Some(org.clone()))?;
        Ok(org)
    }

    /// Whether the caller may see what is about a node of their organisation.
    pub(crate) fn sees(&self, node: Uuid) -> bool {
        self.viewer.node.is_none_or(|own| own == node)
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

impl Parameters<'_> {
    /// A word that is one of a few.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| bad(name, format_args!("expected one of {}", all())))
    }

    /// A word that a type is written with in JSON.
    pub(crate) fn word<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let deserializer: StrDeserializer<'_, serde_json::Error> = text.into_deserializer();
        T::deserialize(deserializer).map(Some).map_err(|error| bad(name, error))
    }

    /// A time.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let time = spec::time::parse_rfc3339(text);
        time.map(Some).ok_or_else(|| bad(name, "expected a time of RFC 3339"))
    }
}

pub(crate) fn bad(name: &str, problem: impl Display) -> Refusal {
    Refusal::Query(name.to_owned(), problem.to_string())
}

/// The folds at the point that was asked for.
pub(crate) struct View<'a> {
    pub(crate) folds: &'a Projections,
    /// The time at which they are looked at.
    pub(crate) now: Timestamp,
    /// The newest checkpoint: it commits to every entry folded.
    pub(crate) checkpoint: &'a str,
}

impl View<'_> {
    /// An answer in JSON: `members`, the checkpoint it rests on, and the point it is about.
    pub(crate) fn answer<T: Serialize>(&self, members: &T) -> Response<Body> {
        answer(members, self.folds.size(), self.now, self.checkpoint)
    }
}

/// The log at the point that was asked for, without the folds.
pub(crate) struct LogView {
    /// Entries until then.
    pub(crate) size: u64,
    now: Timestamp,
    checkpoint: Arc<str>,
}

impl LogView {
    /// An answer as that of a [`View`].
    pub(crate) fn answer<T: Serialize>(&self, members: &T) -> Response<Body> {
        answer(members, self.size, self.now, &self.checkpoint)
    }
}

/// The point that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// The last entry that counts.
    pub seq: u64,
    /// The time at which it is looked at.
    pub time: Timestamp,
}

fn answer<T: Serialize>(members: &T, size: u64, now: Timestamp, checkpoint: &str) -> Response<Body> {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        #[serde(flatten)]
        members: &'a T,
        as_of: AsOf,
        checkpoint: &'a str,
    }
    let seq = size.saturating_sub(1);
    let as_of = AsOf { seq, time: now };
    // The answers are texts, numbers and lists of them.
    let body = serde_json::to_vec(&Answer { members, as_of, checkpoint }).unwrap_or_default();
    // What time alone changes, a seq does not tell.
    let tag = blake3::hash(&body).to_hex();
    let tag = format!("\"{seq}-{}\"", tag.get(..16).unwrap_or_default());
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// 304 in place of an answer that the client has already (RFC 9110, section 13.1.2).
fn unless_known(answer: Response<Body>, known: Option<&HeaderValue>) -> Response<Body> {
    let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let known = known.and_then(|known| known.to_str().ok()).unwrap_or_default();
    let has = tag.is_some_and(|tag| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
    });
    if !has {
        return answer;
    }
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    Response::from_parts(parts, Body::empty())
}

impl Reads {
    /// Looks at the folds: at the point that the parameter `as_of` names, or at the head of the log.
    pub(crate) async fn view<T>(
        &self,
        parameters: &Parameters<'_>,
        look: impl Fn(&View<'_>) -> T,
    ) -> Result<T, Refusal> {
        match parameters.parse::<Point>(AS_OF)? {
            None => self.at_head(look).await,
            Some(point) => self.at_point(point, look).await,
        }
    }

    /// The point that the parameter `as_of` names, or the head of the log, without the folds.
    pub(crate) async fn log_view(&self, parameters: &Parameters<'_>) -> Result<LogView, Refusal> {
        let head = self.ledger.head().borrow().clone();
        let present = self.ledger.now().max(head.recorded_at);
        let (size, last) = (head.size, head.recorded_at);
        let future = || bad(AS_OF, PastError::Future { size, last });
        let (size, now) = match parameters.parse::<Point>(AS_OF)? {
            None => (size, present),
            Some(Point::Seq(seq)) => {
                let record = self.log(move |reader| async move { reader.record(seq).await });
                let record = if seq < size { record.await? } else { None };
                (seq + 1, record.ok_or_else(future)?.entry.position.recorded_at)
            }
            Some(Point::Time(time)) if time > present => return Err(future()),
            Some(Point::Time(time)) => {
                let until = Some(Timestamp::from_millis(time.millis().saturating_add(1)));
                let last = Query { until, to: size, descending: true, limit: 1, ..Query::default() };
                let page = self.log(|reader| async move { reader.query(&last).await }).await?;
                (page.records.first().map_or(0, |record| record.entry.position.seq + 1), time)
            }
        };
        Ok(LogView { size, now, checkpoint: Arc::clone(&head.note) })
    }

    /// Reads the log. The reader's futures block, so they run elsewhere, and only so many at once.
    pub(crate) async fn log<T, F>(
        &self,
        read: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>>,
    {
        // Never closed.
        let _turn = self.live.log_reads().acquire().await;
        let (reader, runtime) = (self.ledger.reader().clone(), tokio::runtime::Handle::current());
        match tokio::task::spawn_blocking(move || runtime.block_on(read(reader))).await {
            Ok(read) => read.map_err(|error| Refusal::Log(error.to_string())),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn at_point<T>(&self, point: Point, look: impl Fn(&View<'_>) -> T) -> Result<T, Refusal> {
        let head = self.ledger.head().borrow().clone();
        let past = self.history.at(point, head.size, head.recorded_at, self.ledger.now()).await;
        let past = past.map_err(|error| match error {
            PastError::Future { .. } => bad(AS_OF, error),
            PastError::Read(_) | PastError::Order(_) => Refusal::Log(error.to_string()),
        })?;
        Ok(look(&View { folds: &past.folds, now: past.now, checkpoint: &head.note }))
    }

    /// Looks at the folds when they have reached the head of the log.
    pub(crate) async fn at_head<T>(&self, look: impl Fn(&View<'_>) -> T) -> Result<T, Refusal> {
        let mut size = self.live.size();
        let least = self.ledger.head().borrow().size;
        let wait = async {
            loop {
                size.wait_for(|size| *size >= least).await.ok()?;
                let seen = self.live.with_head(|folds, head| {
                    let now = self.ledger.now().max(head.recorded_at);
                    (head.size >= least).then(|| look(&View { folds, now, checkpoint: &head.note }))
                });
                if let Some(seen) = seen.flatten() {
                    return Some(seen);
                }
                // They are on their way to another head; it is not far.
                size.changed().await.ok()?;
            }
        };
        tokio::time::timeout(FOLDS_PATIENCE, wait).await.ok().flatten().ok_or(Refusal::Behind)
    }
}

impl Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.path(), self.viewer)
    }
}

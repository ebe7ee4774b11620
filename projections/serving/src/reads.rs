//! What a read needs: the folds at the head of the log, and at any other point of it.

use crate::history::{History, PastError, Point};
use crate::live::Live;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use ledger::Ledger;
use ledger::reader::{Query, ReadError, Reader};
use ledger::service::Head;
use projections::Projections;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::RuntimeFlavor;
use web::problem::{UNAVAILABLE, internal};
use web::{Problem, QueryString, bad};

/// How long an answer waits for the folds to reach the head of the log.
const FOLDS_PATIENCE: Duration = Duration::from_secs(2);

/// The parameter that every read of the folds takes.
pub(crate) const AS_OF: &str = "as_of";

/// Folds and log that the routes read from.
#[derive(Debug, Clone)]
pub struct Reads {
    /// The folds at the head.
    pub live: Arc<Live>,
    /// The folds at any other point.
    pub history: Arc<History>,
    /// The ledger.
    pub ledger: Ledger,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AsOf {
    /// The last entry that counts.
    pub seq: u64,
    /// The time at which it is looked at.
    pub time: Timestamp,
}

/// An answer of the folds: its members, the point that it is about, and the checkpoint that it rests on.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}")]
pub(crate) struct Answer<'a, T> {
    #[serde(flatten)]
    members: &'a T,
    /// The point of the log that the answer is about.
    as_of: AsOf,
    /// The newest checkpoint, as a signed note: it commits to every entry that counts.
    checkpoint: &'a str,
}

fn answer<T: Serialize>(members: &T, size: u64, now: Timestamp, checkpoint: &str) -> Response<Body> {
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

impl Reads {
    /// Looks at the folds: at the point that the parameter `as_of` names, or at the head of the log.
    pub(crate) async fn view<T>(
        &self,
        parameters: &QueryString<'_>,
        look: impl Fn(&View<'_>) -> T,
    ) -> Result<T, Problem> {
        match parameters.parse::<Point>(AS_OF)? {
            None => self.at_head(look).await,
            Some(point) => self.at_point(point, look).await,
        }
    }

    /// The point that the parameter `as_of` names, or the head of the log, without the folds.
    pub(crate) async fn log_view(&self, parameters: &QueryString<'_>) -> Result<LogView, Problem> {
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
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>>,
    {
        // Never closed.
        let _turn = self.live.log_reads().acquire().await;
        let (reader, runtime) = (self.ledger.reader().clone(), tokio::runtime::Handle::current());
        match tokio::task::spawn_blocking(move || runtime.block_on(read(reader))).await {
            Ok(read) => read.map_err(internal),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn at_point<T>(&self, point: Point, look: impl Fn(&View<'_>) -> T) -> Result<T, Problem> {
        let head = self.ledger.head().borrow().clone();
        let past = self.history.at(point, head.size, head.recorded_at, self.ledger.now()).await;
        let past = past.map_err(|error| match error {
            PastError::Future { .. } => bad(AS_OF, error),
            PastError::Read(_) | PastError::Order(_) => internal(error),
        })?;
        Ok(aside(|| look(&View { folds: &past.folds, now: past.now, checkpoint: &head.note })))
    }

    /// Looks at the folds when they have reached the head of the log.
    pub(crate) async fn at_head<T>(&self, look: impl Fn(&View<'_>) -> T) -> Result<T, Problem> {
        let mut size = self.live.size();
        let least = self.ledger.head().borrow().size;
        let wait = async {
            loop {
                size.wait_for(|size| *size >= least).await.ok()?;
                let rendered = |folds: &Projections, head: &Head| {
                    let now = self.ledger.now().max(head.recorded_at);
                    (head.size >= least).then(|| look(&View { folds, now, checkpoint: &head.note }))
                };
                let seen = aside(|| self.live.with_head(rendered));
                if let Some(seen) = seen.flatten() {
                    return Some(seen);
                }
                // They are on their way to another head; it is not far.
                size.changed().await.ok()?;
            }
        };
        tokio::time::timeout(FOLDS_PATIENCE, wait).await.ok().flatten().ok_or_else(behind)
    }
}

/// Runs what may take a while beside the threads that serve connections: they go on meanwhile.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        // It has one thread, and nowhere to go.
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}

/// The refusal of whoever asks before the folds have read the log.
fn behind() -> Problem {
    Problem::new(UNAVAILABLE, "the folds are still reading the log; ask again").retry_after(1)
}

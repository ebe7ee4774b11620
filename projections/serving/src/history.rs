//! The past: the folds as they were after any entry, or at any time.
//!
//! What is asked for is climbed to from the nearest rung of the [ladder](crate::ladder) below it, or from
//! the last answer, if that is nearer.

use crate::ladder::Ladder;
use ledger::reader::{ReadError, Reader};
use projections::fold::{OutOfOrder, Projections};
use spec::Timestamp;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

/// Pasts that are climbed to at once; the others wait their turn.
pub const MAX_CLIMBS: usize = 2;

/// Pasts kept in memory, for whoever asks for the same or a little later.
pub const MAX_KEPT: usize = 2;

/// A point in the ledger's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Right after the entry with this seq.
    Seq(u64),
    /// At this time: after the last entry recorded until then.
    Time(Timestamp),
}

/// A text that names no point of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the seq of an entry, or a time of RFC 3339")]
pub struct PointError;

impl FromStr for Point {
    type Err = PointError;

    fn from_str(text: &str) -> Result<Self, PointError> {
        if let Ok(seq) = text.strip_prefix("seq:").unwrap_or(text).parse() {
            return Ok(Self::Seq(seq));
        }
        let time = spec::time::parse_rfc3339(text).map(Self::Time);
        time.ok_or(PointError)
    }
}

/// The folds at a point.
#[derive(Debug, Clone)]
pub struct Past {
    /// The folds over the entries until then.
    pub folds: Arc<Projections>,
    /// The time at which they are looked at.
    pub now: Timestamp,
}

/// The reason why a past cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The ledger has not come so far.
    #[error("the ledger has not come so far: it has {size} entries, the last of {last}")]
    Future {
        /// Entries there are.
        size: u64,
        /// When the last of them was recorded.
        last: Timestamp,
    },
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log gave another entry than the next one.
    #[error(transparent)]
    Order(#[from] OutOfOrder),
}

/// Every past of a ledger.
#[derive(Debug)]
pub struct History {
    reader: Reader,
    ladder: Arc<Ladder>,
    climbs: Semaphore,
    kept: Mutex<Vec<Arc<Projections>>>,
}

impl History {
    /// The past of the log behind `reader`.
    pub fn new(reader: Reader, ladder: Arc<Ladder>) -> Self {
        Self { reader, ladder, climbs: Semaphore::new(MAX_CLIMBS), kept: Mutex::default() }
    }

    /// The ladder that is climbed from.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// The folds at a point of a ledger that has `size` entries, the last of them recorded at `last`; `now` is
    /// the present.
    ///
    /// # Errors
    /// [`PastError::Future`] for a point that is still to come. Others: the log cannot be read.
    pub async fn at(
        self: &Arc<Self>,
        point: Point,
        size: u64,
        last: Timestamp,
        now: Timestamp,
    ) -> Result<Past, PastError> {
        let future = PastError::Future { size, last };
        let (wanted, until) = match point {
            Point::Seq(seq) if seq >= size => return Err(future),
            Point::Seq(seq) => (seq + 1, None),
            Point::Time(time) if time > now.max(last) => return Err(future),
            Point::Time(time) => {
                let after = Timestamp::from_millis(time.millis().saturating_add(1));
                (self.reader.end_before(after, size)?, Some(time))
            }
        };
        // Never closed.
        let _turn = self.climbs.acquire().await;
        let (history, runtime, span) =
            (Arc::clone(self), tokio::runtime::Handle::current(), tracing::Span::current());
        // The reader's futures block.
        let climb = tokio::task::spawn_blocking(move || {
            runtime.block_on(history.climb(wanted, until, size).instrument(span))
        });
        let folds = match climb.await {
            Ok(folds) => folds?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let now = until.unwrap_or_else(|| folds.last_recorded());
        Ok(Past { folds, now })
    }

    /// Folds on to `wanted` entries, and from there as long as entries were recorded `until` then.
    async fn climb(
        &self,
        wanted: u64,
        until: Option<Timestamp>,
        size: u64,
    ) -> Result<Arc<Projections>, PastError> {
        let near =
            self.kept().iter().filter(|folds| folds.size() <= wanted).max_by_key(|f| f.size()).cloned();
        let near_size = near.as_ref().map_or(0, |folds| folds.size());
        let rung = self.ladder.rungs().into_iter().map(|(at, _)| at).filter(|at| *at <= wanted).max();
        let from = if rung.is_some_and(|rung| rung > near_size) {
            self.ladder.below(wanted, &self.reader).await?.map(Arc::new)
        } else {
            None
        };
        let mut folds = from.or(near).unwrap_or_default();
        let at = folds.size();
        let mut run = self.reader.run(folds.size(), if until.is_some() { size } else { wanted });
        'climb: loop {
            let records = run.next().await?;
            if records.is_empty() {
                break;
            }
            let folds = Arc::make_mut(&mut folds);
            for record in &records {
                let late = until.is_some_and(|until| record.entry.position.recorded_at > until);
                if late && folds.size() >= wanted {
                    break 'climb;
                }
                folds.apply(record)?;
            }
        }
        if folds.size() < wanted {
            let detail = "the log ends before it".to_owned();
            return Err(ReadError::Damaged { seq: folds.size(), detail }.into());
        }
        tracing::debug_span!("fold", of = "past", from = at, to = folds.size())
            .in_scope(|| tracing::debug!("folded"));
        let mut kept = self.kept();
        kept.retain(|other| other.size() != folds.size());
        let surplus = (kept.len() + 1).saturating_sub(MAX_KEPT);
        kept.drain(..surplus);
        kept.push(Arc::clone(&folds));
        Ok(folds)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Projections>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The folds of a running ledger: kept at its head, and asked at its seals.

use crate::{OutOfOrder, Projections};
use ledger::open::Digests;
use ledger::reader::{Query, ReadError, Reader};
use ledger::service::Head;
use spec::payload::Digest;
use spec::{Kind, Record};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Semaphore, watch};

/// Entries folded under one lock, so that readers wait a few milliseconds at most.
const BATCH: usize = 1024;

/// Entries kept in memory for those who follow the ledger; whoever is further behind reads the log.
pub const MAX_RECENT_ENTRIES: usize = 4096;

/// Streams that read the log at once; the others wait their turn.
pub const MAX_LOG_READS: usize = 4;

/// Projections that follow a ledger.
#[derive(Debug)]
pub struct Live {
    log_reads: Semaphore,
    folds: RwLock<Folds>,
    recent: RwLock<VecDeque<Arc<Record>>>,
    size: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Folds {
    now: Projections,
    /// What they were right before the last seal.
    at_seal: BTreeMap<String, Digest>,
}

/// Why projections no longer follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log gave another entry than the next one.
    #[error(transparent)]
    Order(#[from] OutOfOrder),
    /// The log has no entry where its head says that there is one.
    #[error("entry {0} is missing below the head")]
    Missing(u64),
}

impl Live {
    /// Projections of no entries yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            log_reads: Semaphore::new(MAX_LOG_READS),
            folds: RwLock::default(),
            recent: RwLock::default(),
            size: watch::Sender::new(0),
        })
    }

    /// Looks at the folds as of one moment. Keep it short: new entries wait for it.
    pub fn with<T>(&self, look: impl FnOnce(&Projections) -> T) -> T {
        look(&self.folds.read().unwrap_or_else(PoisonError::into_inner).now)
    }

    /// Turns at the log for streams.
    pub(crate) fn log_reads(&self) -> &Semaphore {
        &self.log_reads
    }

    /// How many entries are folded, and word of more.
    pub fn size(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    /// Folds entry after entry up to the head, and on as it moves, until the ledger is closed.
    pub async fn follow(
        &self,
        reader: Reader,
        mut head: watch::Receiver<Arc<Head>>,
    ) -> Result<(), FollowError> {
        loop {
            let target = head.borrow_and_update().size;
            self.catch_up(&reader, target).await?;
            if head.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// Folds entry after entry until there are `target`.
    pub async fn catch_up(&self, reader: &Reader, target: u64) -> Result<(), FollowError> {
        let mut at = self.with(Projections::size);
        while at < target {
            let page =
                reader.query(&Query { from: at, to: target, limit: BATCH, ..Query::default() }).await?;
            if page.records.is_empty() {
                return Err(FollowError::Missing(at));
            }
            at = self.take(page.records)?;
            // Reading blocks; whoever waits to end this gets a look here.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The entries from `seq` on, at most `limit`; `None` if the first of them is no longer in memory.
    pub fn recent(&self, seq: u64, limit: usize) -> Option<Vec<Arc<Record>>> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let first = recent.front()?.entry.position.seq;
        let skip = usize::try_from(seq.checked_sub(first)?).ok()?;
        Some(recent.iter().skip(skip).take(limit).cloned().collect())
    }

    fn take(&self, records: Vec<Record>) -> Result<u64, OutOfOrder> {
        let mut folds = self.folds.write().unwrap_or_else(PoisonError::into_inner);
        for record in &records {
            if record.entry.header.kind == Kind::Seal {
                folds.at_seal = folds.now.digests();
            }
            folds.now.apply(record)?;
        }
        let size = folds.now.size();
        drop(folds);
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.extend(records.into_iter().map(Arc::new));
        let surplus = recent.len().saturating_sub(MAX_RECENT_ENTRIES);
        recent.drain(..surplus);
        drop(recent);
        self.size.send_replace(size);
        Ok(size)
    }
}

impl Digests for Live {
    /// Projections that lag report what they were at the seal before: a size at which an auditor looks.
    fn digests(&self, size: u64) -> BTreeMap<String, Digest> {
        let folds = self.folds.read().unwrap_or_else(PoisonError::into_inner);
        if folds.now.size() == size { folds.now.digests() } else { folds.at_seal.clone() }
    }
}

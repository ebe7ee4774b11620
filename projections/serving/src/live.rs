//! The folds of a running ledger: kept at its head, and asked at its seals.

use crate::followers::{CommandWord, Followers};
use crate::ladder::Ladder;
use crate::recent::{Recent, Told};
use ledger::open::Digests;
use ledger::reader::{ReadError, Reader, Run};
use ledger::service::Head;
use projections::{OutOfOrder, Projections};
use spec::payload::Digest;
use spec::{Record, Uuid};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use tokio::sync::{Semaphore, watch};

pub use crate::recent::{MAX_RECENT_BYTES, MAX_RECENT_ENTRIES};

/// Entries folded under one lock, so that readers wait a few milliseconds at most.
const BATCH: usize = 1024;

/// Streams that read the log at once; the others wait their turn.
pub const MAX_LOG_READS: usize = 4;

/// Entries that folds may lack for a seal to wait for them.
const MAX_LACKED: u64 = 1024;

/// How long a seal waits for the folds: appends wait as long, once a seal.
const SEAL_PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

/// Projections that follow a ledger.
#[derive(Debug)]
pub struct Live {
    log_reads: Semaphore,
    folds: RwLock<Folds>,
    recent: RwLock<Recent>,
    followers: Arc<Followers>,
    size: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Folds {
    now: Projections,
    /// The head that they have come up to, unless they are on their way to another.
    head: Option<Arc<Head>>,
}

/// The reason why folds no longer follow.
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
            followers: Arc::default(),
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

    /// Looks at the folds with the head they have come up to; `None` while they are on their way to one.
    pub fn with_head<T>(&self, look: impl FnOnce(&Projections, &Head) -> T) -> Option<T> {
        let folds = self.folds.read().unwrap_or_else(PoisonError::into_inner);
        Some(look(&folds.now, folds.head.as_deref()?))
    }

    /// Folds entry after entry up to the head, and on as it moves, until the ledger is closed. Begins at the
    /// ladder's highest rung, and makes rungs on the way. `reached` is called each time they have come up to a head.
    ///
    /// # Errors
    /// The log cannot be read; the folds stay where they are and can follow again.
    pub async fn follow(
        &self,
        reader: Reader,
        ladder: &Ladder,
        mut head: watch::Receiver<Arc<Head>>,
        reached: &(dyn Fn() + Send + Sync),
    ) -> Result<(), FollowError> {
        let target = Arc::clone(&head.borrow_and_update());
        self.reach(&reader, ladder, &target).await?;
        reached();
        let mut run = reader.run(self.with(Projections::size), target.size);
        while head.changed().await.is_ok() {
            let target = Arc::clone(&head.borrow_and_update());
            run.extend(target.size);
            self.catch_up(&mut run, ladder, &target).await?;
            reached();
        }
        Ok(())
    }

    /// Folds up to a head, from the ladder's highest rung if nothing is folded yet.
    ///
    /// # Errors
    /// The log cannot be read; the folds stay where they are and can go on.
    pub async fn reach(&self, reader: &Reader, ladder: &Ladder, head: &Arc<Head>) -> Result<(), FollowError> {
        if self.with(Projections::size) == 0 {
            // They may have come further before, and failed: what is kept of that would leave a gap.
            *self.recent.write().unwrap_or_else(PoisonError::into_inner) = Recent::default();
            self.size.send_replace(0);
        }
        if self.with(Projections::size) == 0
            && let Some(folds) = ladder.below(head.size, reader).await?
        {
            let size = folds.size();
            self.folds.write().unwrap_or_else(PoisonError::into_inner).now = folds;
            // Those who follow from here on read what is before from the log.
            self.followers.announce([], size);
            self.size.send_replace(size);
        }
        let mut run = reader.run(self.with(Projections::size), head.size);
        self.catch_up(&mut run, ladder, head).await
    }

    /// Folds entry after entry until there are as many as the head says.
    async fn catch_up(&self, run: &mut Run, ladder: &Ladder, head: &Arc<Head>) -> Result<(), FollowError> {
        let mut at = self.with(Projections::size);
        while at < head.size {
            let mut records = run.next().await?;
            if records.is_empty() {
                return Err(FollowError::Missing(at));
            }
            while !records.is_empty() {
                let most = usize::try_from(ladder.until_due(at)).unwrap_or(BATCH).min(BATCH);
                let rest = records.split_off(records.len().min(most));
                at = self.take(records, head)?;
                records = rest;
                self.with(|folds| ladder.keep(folds)).unwrap_or_else(|error| {
                    tracing::warn!(%error, "a snapshot of the folds could not be kept; the next start takes longer");
                });
            }
            // Reading blocks; whoever waits to end this gets a look here.
            tokio::task::yield_now().await;
        }
        let mut folds = self.folds.write().unwrap_or_else(PoisonError::into_inner);
        if folds.now.size() == head.size {
            folds.head = Some(Arc::clone(head));
        }
        Ok(())
    }

    /// Word of what is said of commands to a node from now on.
    pub fn commands_of(&self, node: Uuid) -> CommandWord {
        CommandWord::of(&self.followers, node)
    }

    /// Those who wait for entries.
    pub(crate) fn followers(&self) -> &Arc<Followers> {
        &self.followers
    }

    /// Of the entries from `from` to `to`, at most `look` of them, those that are wanted, and where to go on;
    /// `None` if the first is no longer in memory.
    pub(crate) fn recent(
        &self,
        from: u64,
        to: u64,
        look: usize,
        wants: impl Fn(&Told) -> bool,
    ) -> Option<(Vec<Arc<Told>>, u64)> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let mut next = from;
        let looked_at = recent.since(from)?.take(look).take_while(|told| told.seq() < to);
        let told = looked_at.inspect(|told| next = told.seq() + 1).filter(|told| wants(told));
        let told = told.cloned().collect();
        Some((told, next))
    }

    fn take(&self, records: Vec<Record>, head: &Arc<Head>) -> Result<u64, OutOfOrder> {
        let mut folds = Changing(self.folds.write().unwrap_or_else(PoisonError::into_inner));
        let from = folds.0.now.size();
        let _fold =
            tracing::debug_span!("fold", of = "head", from, to = from + records.len() as u64).entered();
        folds.0.head = None;
        for record in &records {
            folds.0.now.apply(record)?;
        }
        let size = folds.0.now.size();
        if size == head.size {
            folds.0.head = Some(Arc::clone(head));
        }
        drop(folds);
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<_> = records.into_iter().map(|record| Arc::new(Told::new(record))).collect();
        for told in &told {
            recent.push(Arc::clone(told));
        }
        drop(recent);
        tracing::debug!("folded");
        self.followers.announce(told.iter().map(|told| &told.record), size);
        self.size.send_replace(size);
        Ok(size)
    }
}

/// Folds that are being changed. Whoever panics meanwhile leaves none behind: an entry that some of them have and others
/// do not is no state to go on from, nor one to show.
struct Changing<'a>(RwLockWriteGuard<'a, Folds>);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0 = Folds::default();
        }
    }
}

impl Digests for Live {
    /// Folds that are nearly there are waited for, as the sequencer has just committed what they lack. Folds that
    /// lag report what they were at the seal before: a size at which an auditor looks.
    fn digests(&self, size: u64) -> BTreeMap<String, Digest> {
        let started = std::time::Instant::now();
        loop {
            let folds = self.folds.read().unwrap_or_else(PoisonError::into_inner);
            let lacks = size.checked_sub(folds.now.size());
            if lacks == Some(0) {
                return folds.now.digests();
            }
            let soon = lacks.is_some_and(|lacks| lacks <= MAX_LACKED);
            if !soon || started.elapsed() > SEAL_PATIENCE {
                return folds.now.sealed().clone();
            }
            drop(folds);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent::tests::told_about;

    #[test]
    fn folds_that_a_panic_left_half_changed_are_not_gone_on_with() {
        let live = Live::new();
        let first = told_about(0, 1, None);
        live.folds.write().unwrap().now.apply(&first.record).unwrap();
        let changing = Arc::clone(&live);
        let panicked = std::thread::spawn(move || {
            let mut folds = Changing(changing.folds.write().unwrap());
            // Some of the folds have the entry now, and in their midst somebody stumbles.
            folds.0.now.apply(&told_about(1, 1, None).record).unwrap();
            panic!("a fault that a test injects");
        });
        assert!(panicked.join().is_err());
        assert_eq!(live.with(Projections::size), 0, "they are folded anew");
        live.folds.write().unwrap_or_else(PoisonError::into_inner).now.apply(&first.record).unwrap();
        assert_eq!(live.with(Projections::size), 1);
    }
}

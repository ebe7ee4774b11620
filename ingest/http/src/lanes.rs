//! Turns at what takes a while: reads of the log, parsing, rendering.
//!
//! Whoever has as many turns as are its share waits for one of its own to end, in the order of coming, and nobody else
//! does. So a reader with a thousand requests delays itself.

use crate::bucket::Subject;
use crate::budget::Holder;
use crate::limits::Shares;
use crate::problem::{Problem, QUEUE_FULL, internal};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns of one kind.
#[derive(Debug)]
pub(crate) struct Lanes {
    shares: Shares,
    patience: Duration,
    all: Arc<Semaphore>,
    of: Mutex<BTreeMap<Subject, Arc<Semaphore>>>,
}

/// A turn; when it is dropped, the next begins.
#[derive(Debug)]
pub(crate) struct Turn {
    lanes: Arc<Lanes>,
    /// The turn among all, then those of each share.
    permits: Vec<(Subject, OwnedSemaphorePermit)>,
    all: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(crate) fn new(shares: Shares, patience: Duration) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(shares.all.max(1)));
        Arc::new(Self { shares, patience, all, of: Mutex::default() })
    }

    /// Waits for a turn of whoever asks.
    ///
    /// # Errors
    /// It did not come in time.
    pub(crate) async fn turn(self: &Arc<Self>, holder: Holder) -> Result<Turn, Problem> {
        let turn = tokio::time::timeout(self.patience, self.wait(holder)).await;
        turn.unwrap_or_else(|_| {
            let detail = "the service has more to read than it may do at once; ask again, and for less";
            Err(Problem::new(QUEUE_FULL, detail).retry_after(self.patience.as_secs().max(1)))
        })
    }

    async fn wait(self: &Arc<Self>, holder: Holder) -> Result<Turn, Problem> {
        let mut turn = Turn { lanes: Arc::clone(self), permits: Vec::new(), all: None };
        // Everybody asks in this order, so that no two can wait for each other.
        for (subject, most, _) in holder.shares(&self.shares) {
            let lane = self.lane(subject, most);
            turn.permits.push((subject, lane.acquire_owned().await.map_err(internal)?));
        }
        turn.all = Some(Arc::clone(&self.all).acquire_owned().await.map_err(internal)?);
        Ok(turn)
    }

    fn lane(&self, subject: Subject, most: usize) -> Arc<Semaphore> {
        let lane = || Arc::new(Semaphore::new(most.max(1)));
        Arc::clone(self.lock().entry(subject).or_insert_with(lane))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Subject, Arc<Semaphore>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.all.take());
        for (subject, permit) in self.permits.drain(..) {
            drop(permit);
            let mut of = self.lanes.lock();
            // Nobody has a turn of it, or waits for one.
            if of.get(&subject).is_some_and(|lane| Arc::strong_count(lane) == 1) {
                of.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Uuid;

    const SHARES: Shares = Shares { all: 3, org: 3, network: 3, address: 3, principal: 2, strangers: 1 };

    fn token(n: u8) -> Holder {
        Holder { principal: Some(Subject::Token(Uuid::v4([n; 16]))), ..Holder::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_its_share_waits_for_itself() {
        let lanes = Lanes::new(SHARES, Duration::from_secs(10));
        let (first, second) = (lanes.turn(token(1)).await.unwrap(), lanes.turn(token(1)).await.unwrap());
        let (waiting, asked) = (Arc::clone(&lanes), token(1));
        let third = tokio::spawn(async move { waiting.turn(asked).await });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        let other = lanes.turn(token(2)).await.unwrap();
        drop(first);
        let third = third.await.unwrap().unwrap();
        drop((third, other, second));
        assert!(lanes.lock().is_empty(), "what nobody waits for is not remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_does_not_come_is_refused() {
        let lanes = Lanes::new(SHARES, Duration::from_secs(10));
        let _held = (lanes.turn(token(1)).await.unwrap(), lanes.turn(token(1)).await.unwrap());
        let problem = lanes.turn(token(1)).await.unwrap_err();
        assert_eq!((problem.code(), problem.status().as_u16()), ("queue-full", 503));
    }
}

//! Offering checkpoints to witnesses: one a minute, and one soon when something waits for it.

use super::{Next, Task, TaskError};
use ledger::Ledger;
use ledger::witnessing::{OFFER_EVERY, OFFER_PAUSE};
use std::future::pending;
use tokio::time::{Instant, sleep_until};

/// Offers checkpoints.
#[derive(Debug)]
pub(crate) struct Offers {
    ledger: Ledger,
    /// When it was offered last; the first has what the start itself records.
    offered_at: Option<Instant>,
    waited: bool,
}

impl Offers {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger, offered_at: None, waited: false }
    }
}

impl Task for Offers {
    async fn step(&mut self) -> Result<Next, TaskError> {
        if !self.waited {
            self.waited = true;
            return Ok(Next::In(OFFER_PAUSE));
        }
        let newest = self.ledger.head().borrow().clone();
        self.ledger.witnessing().offer(&newest);
        self.offered_at = Some(Instant::now());
        Ok(Next::In(OFFER_EVERY))
    }

    async fn word(&mut self) {
        let Some(offered_at) = self.offered_at else { return pending().await };
        self.ledger.witnessing().asked().await;
        sleep_until(offered_at + OFFER_PAUSE).await;
    }
}

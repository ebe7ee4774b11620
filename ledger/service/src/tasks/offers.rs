//! Offering checkpoints to witnesses: one a minute, and one soon when something waits for it.

use ledger::Ledger;
use ledger::witnessing::{OFFER_EVERY, OFFER_PAUSE};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Offers checkpoints until `stopping` becomes true.
pub(crate) async fn offer(ledger: Ledger, mut stopping: watch::Receiver<bool>) {
    let head = ledger.head();
    // The first has what the start itself records.
    sleep_until(Instant::now() + OFFER_PAUSE).await;
    loop {
        let newest = head.borrow().clone();
        ledger.witnessing().offer(&newest);
        let offered_at = Instant::now();
        let asked = tokio::select! {
            () = sleep_until(offered_at + OFFER_EVERY) => false,
            () = ledger.witnessing().asked() => true,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        if asked {
            sleep_until(offered_at + OFFER_PAUSE).await;
        }
    }
}

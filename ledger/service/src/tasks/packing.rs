//! Packing of closed segments, one after another, and never more than a fifth of one processor's time.

use super::{Next, Task, TaskError};
use ledger::Ledger;
use std::future::pending;
use std::time::Duration;
use tokio::time::Instant;

/// How often it looks for a segment that was closed. A busy fleet closes one in minutes.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// After a segment it rests this many times as long as that took.
const REST: u32 = 4;

/// Packs segments.
#[derive(Debug)]
pub(crate) struct Packing {
    ledger: Ledger,
}

impl Packing {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }
}

impl Task for Packing {
    async fn step(&mut self) -> Result<Next, TaskError> {
        let (ledger, runtime) = (self.ledger.clone(), tokio::runtime::Handle::current());
        let begun = Instant::now();
        // It reads, compresses and writes for about a second.
        let packed = tokio::task::spawn_blocking(move || runtime.block_on(ledger.pack_next()));
        let packed = match packed.await {
            Ok(packed) => packed?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let Some((segment, shrunk)) = packed else { return Ok(Next::In(LOOK_EVERY)) };
        tracing::info!(segment, bytes = shrunk.plain, packed = shrunk.packed, "packed a segment");
        Ok(Next::In(begun.elapsed() * REST))
    }

    async fn word(&mut self) {
        pending::<()>().await;
    }
}

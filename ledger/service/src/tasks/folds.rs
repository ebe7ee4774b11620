//! Keeping the folds at the head of the log.

use super::{Next, Ran, Task, TaskError};
use ledger::Ledger;
use ledger::reader::Reader;
use ledger::service::Head;
use serving::ladder::Ladder;
use serving::live::Live;
use std::future::pending;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{Instrument as _, Span};

/// Folds that follow the ledger until it is closed.
pub(crate) struct Follower {
    live: Arc<Live>,
    ladder: Arc<Ladder>,
    reader: Reader,
    head: watch::Receiver<Arc<Head>>,
    /// Becomes true when the ledger is closed.
    closed: watch::Receiver<bool>,
    ran: Ran,
}

impl Follower {
    pub(crate) fn new(
        live: Arc<Live>,
        ladder: Arc<Ladder>,
        ledger: &Ledger,
        closed: watch::Receiver<bool>,
        ran: Ran,
    ) -> Self {
        Self { live, ladder, reader: ledger.reader().clone(), head: ledger.head(), closed, ran }
    }
}

impl Task for Follower {
    /// One step for as long as there is a ledger: what was read of the log is gone on with.
    async fn step(&mut self) -> Result<Next, TaskError> {
        let (live, ladder, ran) = (Arc::clone(&self.live), Arc::clone(&self.ladder), Arc::clone(&self.ran));
        let (reader, head, mut closed) = (self.reader.clone(), self.head.clone(), self.closed.clone());
        let (runtime, span) = (Handle::current(), Span::current());
        // The reader's futures block.
        let following = spawn_blocking(move || {
            let following = async {
                tokio::select! {
                    followed = live.follow(reader, &ladder, head, &*ran) => followed,
                    _ = closed.wait_for(|closed| *closed) => Ok(()),
                }
            };
            runtime.block_on(following.instrument(span))
        });
        match following.await {
            Ok(followed) => followed.map(|()| Next::Over).map_err(TaskError::from),
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }

    async fn word(&mut self) {
        pending::<()>().await;
    }
}

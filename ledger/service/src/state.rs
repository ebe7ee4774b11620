//! The state of this crate's routes: the folds beside the ledger, and the tasks.

use crate::sign_in::Codes;
use crate::tasks::Tasks;
use axum::body::Bytes;
use ingest::Ingest;
use projections::Projections;
use serving::live::Live;
use serving::page::Markup;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use web::problem::UNAVAILABLE;
use web::{Call, Problem};

/// How long is waited for the folds to know what was said just now.
pub(crate) const FOLDS_PATIENCE: Duration = Duration::from_secs(2);

/// What this crate's routes need. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) ingest: Ingest,
    pub(crate) tasks: Tasks,
    /// The OpenAPI document as it is sent.
    pub(crate) document: Bytes,
    /// The same as a page.
    pub(crate) page: Arc<Markup>,
    pub(crate) live: Option<Arc<Live>>,
    /// The codes with which somebody may sign in.
    pub(crate) codes: Codes,
    /// Who may rehearse rules at present.
    pub(crate) rehearsals: Arc<Semaphore>,
}

impl Service {
    /// The folds.
    pub(crate) fn live(&self) -> Result<&Arc<Live>, Problem> {
        let live = self.live.as_ref();
        live.ok_or_else(|| Problem::new(UNAVAILABLE, "nothing is folded here; ask a running service"))
    }

    /// Looks at the folds once they have everything that the ledger has.
    pub(crate) async fn look<T>(
        &self,
        call: &Call,
        look: impl FnOnce(&Projections) -> T,
    ) -> Result<T, Problem> {
        let live = self.live()?;
        let (mut size, least) = (live.size(), call.app.ledger().head().borrow().size);
        let reached = size.wait_for(|folded| *folded >= least);
        match tokio::time::timeout(FOLDS_PATIENCE, reached).await.map(drop) {
            // The sender lives as long as the folds.
            Ok(()) => Ok(live.with(look)),
            Err(_) => Err(Problem::new(UNAVAILABLE, "the folds do not keep up with the log")),
        }
    }
}

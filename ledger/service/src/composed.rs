//! What answers requests, put under one router.

use crate::routes::{document, own};
use crate::sign_in::Codes;
use crate::state::Service;
use crate::tasks::Tasks;
use axum::Router;
use ingest::Ingest;
use serving::Reads;
use std::sync::Arc;
use tokio::sync::Semaphore;
use web::App;

/// The parts that answer requests, to be put under one router.
#[derive(Debug)]
pub struct Composed {
    /// The HTTP side.
    pub app: App,
    /// The routes that need the log alone.
    pub ingest: Ingest,
    /// The folds, where there are any; the routes that read them are not there without.
    pub reads: Option<Reads>,
    /// What goes on by itself.
    pub tasks: Tasks,
    /// The codes with which somebody may sign in.
    pub codes: Codes,
}

impl Composed {
    /// The router over the one list.
    pub fn router(&self) -> Router {
        let document = document();
        let state = Service {
            ingest: self.ingest.clone(),
            tasks: self.tasks.clone(),
            page: Arc::new(serving::docs::page(&document)),
            document: document.to_string().into(),
            codes: self.codes.clone(),
            rehearsals: Arc::new(Semaphore::new(1)),
            live: self.reads.as_ref().map(|reads| Arc::clone(&reads.live)),
        };
        let log = ingest::routes().into_iter().map(|route| route.bind(&self.ingest));
        let own = own().into_iter().map(|route| route.bind(&state));
        let read = self.reads.iter().flat_map(|reads| {
            serving::routes().into_iter().map(|route| route.bind(reads)).collect::<Vec<_>>()
        });
        self.app.router(log.chain(read).chain(own).collect())
    }
}

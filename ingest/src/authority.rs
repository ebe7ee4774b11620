//! What the routes of this crate keep beside the ledger: its authority, read once.

use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};
use web::problem::internal;
use web::{App, Problem};

/// The state of this crate's routes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    heartbeat_secs: u64,
    /// The authority's records, as of so many of them.
    authority: Mutex<Arc<[Box<RawValue>]>>,
}

impl Ingest {
    /// Nodes are asked for a heartbeat every so many seconds.
    pub fn new(heartbeat_secs: u64) -> Self {
        Self(Arc::new(Inner { heartbeat_secs, authority: Mutex::new(Arc::from([])) }))
    }

    /// Seconds between two heartbeats that nodes are asked for.
    pub fn heartbeat_secs(&self) -> u64 {
        self.0.heartbeat_secs
    }

    /// The records of genesis and of each change of the ledger's keys. Blocks while they are read.
    pub(crate) async fn authority(&self, app: &App) -> Result<Arc<[Box<RawValue>]>, Problem> {
        let seqs = app.ledger().directory(|directory| directory.authority_seqs.clone());
        let known = Arc::clone(&self.0.authority.lock().unwrap_or_else(PoisonError::into_inner));
        if known.len() == seqs.len() {
            return Ok(known);
        }
        let mut records = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let line = app.ledger().reader().line(seq).await.map_err(internal)?;
            let (_, line) = line.ok_or_else(|| internal("no such entry"))?;
            records.push(RawValue::from_string(line).map_err(internal)?);
        }
        let records: Arc<[Box<RawValue>]> = records.into();
        *self.0.authority.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&records);
        Ok(records)
    }
}

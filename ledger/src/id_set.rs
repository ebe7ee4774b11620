//! Identities and chain places of everything in the log: memory for the open segment, files for the rest.

use crate::ids::{ClosedIds, OpenIds};
use crate::reader::Reader;
use crate::storage::{Storage, StorageError};
use spec::Hash;
use std::sync::Arc;

/// Most bytes of closed segments' ids kept in memory. Under load a segment closes every second, and nodes
/// whose clocks lag send ids of the last few; reading a file for each of their events would be the end.
const MAX_CACHED_BYTES: usize = 128 * 1024 * 1024;

/// Identities and chain places of everything in the log.
#[derive(Debug)]
pub(crate) struct IdSet {
    pub(crate) open: OpenIds,
    closed: Vec<ClosedMeta>,
    /// Which closed segments' rows are in memory, by their number, the one used last at the end.
    cached: Vec<usize>,
}

/// What is kept in memory of a closed segment's ids.
#[derive(Debug, Clone)]
pub(crate) struct ClosedMeta {
    pub(crate) first: u64,
    pub(crate) oldest: u64,
    pub(crate) newest: u64,
    pub(crate) checksum: Hash,
    /// The rows themselves, for the segments asked for last.
    pub(crate) rows: Option<Arc<ClosedIds>>,
}

impl IdSet {
    pub(crate) fn new(open: OpenIds, closed: Vec<ClosedMeta>) -> Self {
        Self { open, closed, cached: Vec::new() }
    }

    pub(crate) fn closed(&self) -> &[ClosedMeta] {
        &self.closed
    }

    /// Keeps the rows of segment `i`, and lets go of those not used for longest.
    fn keep(&mut self, i: usize, rows: &Arc<ClosedIds>) {
        if let Some(meta) = self.closed.get_mut(i) {
            meta.rows = Some(Arc::clone(rows));
        }
        self.cached.retain(|other| *other != i);
        self.cached.push(i);
        let size = |n: &usize| {
            self.closed.get(*n).and_then(|meta| meta.rows.as_ref()).map_or(0, |r| r.bytes().len())
        };
        let mut total: usize = self.cached.iter().map(size).sum();
        while total > MAX_CACHED_BYTES && self.cached.len() > 1 {
            let oldest = self.cached.remove(0);
            if let Some(rows) = self.closed.get_mut(oldest).and_then(|meta| meta.rows.take()) {
                total -= rows.bytes().len();
            }
        }
    }

    pub(crate) async fn by_identity(
        &mut self,
        identity: &Hash,
        time: u64,
        storage: &dyn Storage,
        reader: &Reader,
    ) -> Result<Option<u64>, String> {
        if let Some(seq) = self.open.get(identity) {
            return Ok(Some(seq));
        }
        for i in 0..self.closed.len() {
            let within = self.closed.get(i).is_some_and(|meta| (meta.oldest..=meta.newest).contains(&time));
            if within && let Some(seq) = self.rows(i, storage, reader).await?.get(identity) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    pub(crate) async fn by_place(
        &mut self,
        place: &Hash,
        storage: &dyn Storage,
        reader: &Reader,
    ) -> Result<Option<u64>, String> {
        if let Some(seq) = self.open.get(place) {
            return Ok(Some(seq));
        }
        for i in (0..self.closed.len()).rev() {
            if let Some(seq) = self.rows(i, storage, reader).await?.get(place) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// The rows of a closed segment: from memory, from its file, or, if that is damaged, from the segment.
    pub(crate) async fn rows(
        &mut self,
        i: usize,
        storage: &dyn Storage,
        reader: &Reader,
    ) -> Result<Arc<ClosedIds>, String> {
        let meta = self.closed.get(i).cloned().ok_or("no such segment")?;
        if let Some(rows) = meta.rows {
            if self.cached.last() != Some(&i) {
                self.cached.retain(|other| *other != i);
                self.cached.push(i);
            }
            return Ok(rows);
        }
        let previous = i.checked_sub(1).and_then(|p| self.closed.get(p)).map_or(Hash::ZERO, |p| p.checksum);
        let name = crate::ids::file_name(meta.first);
        let stored = storage.get(&name).await.map_err(|e| e.to_string())?;
        let parsed = stored.and_then(|bytes| ClosedIds::parse(bytes, Some(previous)));
        let rows = if let Some(rows) = parsed.filter(|rows| rows.checksum == meta.checksum) {
            rows
        } else {
            tracing::warn!(file = name, "id file missing or damaged; reading its segment");
            let rows = reader.ids_of_segment(meta.first).await.map_err(|e| e.to_string())?.to_file(previous);
            storage.put(&name, rows.bytes()).await.map_err(|e: StorageError| e.to_string())?;
            rows
        };
        let rows = Arc::new(rows);
        self.keep(i, &rows);
        Ok(rows)
    }

    pub(crate) async fn close_segment(
        &mut self,
        next: u64,
        storage: &dyn Storage,
    ) -> Result<(), StorageError> {
        let open = std::mem::replace(&mut self.open, OpenIds::new(next));
        // Entries of the group that opens the next segment were added before it was known to open one.
        let (closing, rest) = open.split(next);
        self.open = rest;
        let previous = self.closed.last().map_or(Hash::ZERO, |meta| meta.checksum);
        let rows = closing.to_file(previous);
        storage.put(&crate::ids::file_name(rows.first), rows.bytes()).await?;
        let (first, oldest, newest, checksum) = (rows.first, rows.oldest, rows.newest, rows.checksum);
        self.closed.push(ClosedMeta { first, oldest, newest, checksum, rows: None });
        self.keep(self.closed.len() - 1, &Arc::new(rows));
        Ok(())
    }
}

//! Identities and chain places of everything in the log: memory for the open segment, files for the rest.
//!
//! The sequencer adds to them. Others look into them beside it: whether an event has been recorded can be told without
//! asking the one thread that everything waits for.

use crate::ids::{ClosedIds, OpenIds};
use crate::reader::{ReadError, Reader};
use crate::storage::{Storage, StorageError};
use spec::{Hash, Header};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Most bytes of closed segments' ids kept in memory. Under load a segment closes every second, and nodes
/// whose clocks lag send ids of the last few; reading a file for each of their events would be the end.
const MAX_CACHED_BYTES: usize = 128 * 1024 * 1024;

/// Identities and chain places of everything in the log.
#[derive(Debug)]
pub(crate) struct IdSet {
    open: RwLock<OpenIds>,
    closed: RwLock<Closed>,
}

#[derive(Debug)]
struct Closed {
    segments: Vec<ClosedMeta>,
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

impl Closed {
    /// Keeps the rows of segment `i`, and lets go of those not used for longest.
    fn keep(&mut self, i: usize, rows: &Arc<ClosedIds>) {
        if let Some(meta) = self.segments.get_mut(i) {
            meta.rows = Some(Arc::clone(rows));
        }
        self.cached.retain(|other| *other != i);
        self.cached.push(i);
        let size = |n: &usize| {
            self.segments.get(*n).and_then(|meta| meta.rows.as_ref()).map_or(0, |r| r.bytes().len())
        };
        let mut total: usize = self.cached.iter().map(size).sum();
        while total > MAX_CACHED_BYTES && self.cached.len() > 1 {
            let oldest = self.cached.remove(0);
            if let Some(rows) = self.segments.get_mut(oldest).and_then(|meta| meta.rows.take()) {
                total -= rows.bytes().len();
            }
        }
    }

    /// The segments whose ids have such a time among them.
    fn around(&self, time: u64) -> impl Iterator<Item = (usize, &ClosedMeta)> {
        let within = move |meta: &ClosedMeta| (meta.oldest..=meta.newest).contains(&time);
        self.segments.iter().enumerate().filter(move |(_, meta)| within(meta))
    }
}

impl IdSet {
    pub(crate) fn new(open: OpenIds, segments: Vec<ClosedMeta>) -> Self {
        let closed = Closed { segments, cached: Vec::new() };
        Self { open: RwLock::new(open), closed: RwLock::new(closed) }
    }

    fn open(&self) -> RwLockReadGuard<'_, OpenIds> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn filling(&self) -> RwLockWriteGuard<'_, OpenIds> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments(&self) -> RwLockReadGuard<'_, Closed> {
        self.closed.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> RwLockWriteGuard<'_, Closed> {
        self.closed.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// First seq, oldest and newest time, and checksum of each closed segment.
    pub(crate) fn closed(&self) -> Vec<(u64, u64, u64, Hash)> {
        self.segments().segments.iter().map(|m| (m.first, m.oldest, m.newest, m.checksum)).collect()
    }

    /// Adds an entry's ids; `identity` is the header's.
    pub(crate) fn insert(&self, header: &Header, identity: Hash, seq: u64) {
        self.filling().insert(header, identity, seq);
    }

    /// Adds a place that a refusal took without an entry of its own.
    pub(crate) fn insert_place(&self, place: Hash, seq: u64) {
        self.filling().insert_place(place, seq);
    }

    /// The group that was being filled is in the log.
    pub(crate) fn end_group(&self) {
        self.filling().end_group();
    }

    /// Whether an identity may be in the log, as far as memory tells: not if this says no.
    pub(crate) fn may_have(&self, identity: &Hash, time: u64) -> bool {
        if self.open().get(identity).is_some() {
            return true;
        }
        let closed = self.segments();
        closed
            .around(time)
            .any(|(_, meta)| meta.rows.as_ref().is_none_or(|rows| rows.get(identity).is_some()))
    }

    pub(crate) async fn by_identity(
        &self,
        identity: &Hash,
        time: u64,
        storage: &dyn Storage,
        reader: &Reader,
    ) -> Result<Option<u64>, ReadError> {
        if let Some(seq) = self.open().get(identity) {
            return Ok(Some(seq));
        }
        let around: Vec<usize> = self.segments().around(time).map(|(i, _)| i).collect();
        for i in around {
            if let Some(seq) = self.rows(i, storage, reader).await?.get(identity) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    pub(crate) async fn by_place(
        &self,
        place: &Hash,
        storage: &dyn Storage,
        reader: &Reader,
    ) -> Result<Option<u64>, ReadError> {
        if let Some(seq) = self.open().get(place) {
            return Ok(Some(seq));
        }
        let count = self.segments().segments.len();
        for i in (0..count).rev() {
            if let Some(seq) = self.rows(i, storage, reader).await?.get(place) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// The rows of a closed segment: from memory, from its file, or, if that is damaged, from the segment.
    async fn rows(
        &self,
        i: usize,
        storage: &dyn Storage,
        reader: &Reader,
    ) -> Result<Arc<ClosedIds>, ReadError> {
        let (meta, previous, is_last) = {
            let closed = self.segments();
            let meta = closed.segments.get(i).cloned().ok_or(ReadError::NoIds)?;
            let previous = i.checked_sub(1).and_then(|p| closed.segments.get(p));
            (meta, previous.map_or(Hash::ZERO, |p| p.checksum), closed.cached.last() == Some(&i))
        };
        if let Some(rows) = meta.rows {
            if !is_last {
                self.changing().keep(i, &rows);
            }
            return Ok(rows);
        }
        let name = crate::ids::file_name(meta.first);
        let stored = storage.get(&name).await?;
        let parsed = stored.and_then(|bytes| ClosedIds::parse(bytes, Some(previous)));
        let rows = if let Some(rows) = parsed.filter(|rows| rows.checksum == meta.checksum) {
            rows
        } else {
            tracing::warn!(file = name, "id file missing or damaged; reading its segment");
            let rows = reader.ids_of_segment(meta.first).await?.to_file(previous);
            storage.put(&name, rows.bytes()).await?;
            rows
        };
        let rows = Arc::new(rows);
        self.changing().keep(i, &rows);
        Ok(rows)
    }

    pub(crate) async fn close_segment(&self, next: u64, storage: &dyn Storage) -> Result<(), StorageError> {
        let open = std::mem::replace(&mut *self.filling(), OpenIds::new(next));
        // Entries of the group that opens the next segment were added before it was known to open one.
        let (closing, rest) = open.split(next);
        *self.filling() = rest;
        let previous = self.segments().segments.last().map_or(Hash::ZERO, |meta| meta.checksum);
        let rows = closing.to_file(previous);
        storage.put(&crate::ids::file_name(rows.first), rows.bytes()).await?;
        let (first, oldest, newest, checksum) = (rows.first, rows.oldest, rows.newest, rows.checksum);
        let mut closed = self.changing();
        closed.segments.push(ClosedMeta { first, oldest, newest, checksum, rows: None });
        let last = closed.segments.len() - 1;
        closed.keep(last, &Arc::new(rows));
        Ok(())
    }
}

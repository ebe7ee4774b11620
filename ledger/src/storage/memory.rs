//! Storage in memory: for tests and for whoever wants a ledger that ends with the process.

use super::{BoxFuture, SegmentInfo, Storage, StorageError, cut_names};
use crate::segment::SEGMENT_BYTES;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Segments and documents in memory; "durable" means: as long as the value lives.
#[derive(Debug)]
pub struct MemoryStorage {
    inner: Mutex<Inner>,
    segment_bytes: u64,
}

#[derive(Debug, Default)]
struct Inner {
    segments: BTreeMap<u64, Vec<u8>>,
    documents: BTreeMap<String, Vec<u8>>,
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self { inner: Mutex::default(), segment_bytes: SEGMENT_BYTES }
    }
}

impl MemoryStorage {
    /// The same storage with segments of another size.
    #[must_use]
    pub fn with_segment_bytes(self, segment_bytes: u64) -> Self {
        Self { segment_bytes, ..self }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStorage {
    fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentInfo>, StorageError>> {
        let inner = self.inner();
        let all = inner.segments.iter().map(|(first, b)| SegmentInfo {
            first: *first,
            len: b.len() as u64,
            packed: false,
        });
        let all = Ok(all.collect());
        Box::pin(std::future::ready(all))
    }

    fn append<'a>(
        &'a self,
        segment: u64,
        expected: u64,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let mut inner = self.inner();
        let found = inner.segments.get(&segment).map_or(0, Vec::len) as u64;
        let result = if found == expected {
            inner.segments.entry(segment).or_default().extend_from_slice(bytes);
            Ok(())
        } else {
            Err(StorageError::Conflict { segment, expected, found })
        };
        Box::pin(std::future::ready(result))
    }

    fn read(&self, segment: u64, offset: u64, len: usize) -> BoxFuture<'_, Result<Vec<u8>, StorageError>> {
        let inner = self.inner();
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = inner.segments.get(&segment).and_then(|b| b.get(from..)).unwrap_or_default();
        let bytes = rest.iter().take(len).copied().collect();
        Box::pin(std::future::ready(Ok(bytes)))
    }

    fn cut(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        let mut inner = self.inner();
        let at = usize::try_from(len).unwrap_or(usize::MAX);
        let cut = match inner.segments.get_mut(&segment) {
            Some(bytes) if bytes.len() > at => Some(bytes.split_off(at)),
            _ => None,
        };
        if let Some(cut) = cut {
            let free = |name: &String| inner.documents.get(name).is_none_or(|others| *others == cut);
            if let Some(name) = cut_names(segment, len).find(free) {
                inner.documents.insert(name, cut);
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn rewrite_tail(&self, _segment: u64, _len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn put<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StorageError>> {
        self.inner().documents.insert(name.to_owned(), bytes.to_owned());
        Box::pin(std::future::ready(Ok(())))
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StorageError>> {
        let found = self.inner().documents.get(name).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, StorageError>> {
        let prefix = format!("{folder}/");
        let inner = self.inner();
        let names = inner.documents.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned);
        let names = Ok(names.collect());
        Box::pin(std::future::ready(names))
    }
}

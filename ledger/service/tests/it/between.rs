//! Something between the ledger and its files.

use ledger::space::Space;
use ledger::storage::{BoxFuture, SegmentInfo, Storage, StorageError};
use std::fmt;
use std::sync::{Arc, Mutex};

type Before = Box<dyn Fn() -> Result<(), StorageError> + Send + Sync>;

/// Storage that does something before each append; it may block, as the sequencer has a thread of its own.
pub(crate) struct Between {
    inner: Arc<dyn Storage>,
    before_append: Before,
    /// What the disk is said to have; nothing is put on one that has nothing.
    space: Arc<Mutex<Option<Space>>>,
}

impl Between {
    pub(crate) fn new(
        inner: Arc<dyn Storage>,
        before_append: impl Fn() -> Result<(), StorageError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner, before_append: Box::new(before_append), space: Arc::default() })
    }

    /// On a disk of which so much is free.
    pub(crate) fn on_disk(inner: Arc<dyn Storage>, space: &Arc<Mutex<Option<Space>>>) -> Arc<Self> {
        Arc::new(Self { inner, before_append: Box::new(|| Ok(())), space: Arc::clone(space) })
    }
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Storage for Between {
    fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentInfo>, StorageError>> {
        self.inner.segments()
    }

    fn append<'a>(
        &'a self,
        segment: u64,
        expected: u64,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        if let Err(error) = (self.before_append)() {
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inner.append(segment, expected, bytes)
    }

    fn read(&self, segment: u64, offset: u64, len: usize) -> BoxFuture<'_, Result<Vec<u8>, StorageError>> {
        self.inner.read(segment, offset, len)
    }

    fn cut(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.cut(segment, len)
    }

    fn rewrite_tail(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.rewrite_tail(segment, len)
    }

    fn space(&self) -> Option<Space> {
        *self.space.lock().unwrap()
    }

    fn put<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StorageError>> {
        if self.space().is_some_and(|space| space.free == 0) {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            let error = StorageError::Unknown { operation: "write", name: name.to_owned(), source };
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inner.put(name, bytes)
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StorageError>> {
        self.inner.get(name)
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, StorageError>> {
        self.inner.list(folder)
    }
}

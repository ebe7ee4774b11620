//! Storage in files: the embedded default.

use super::{BoxFuture, SegmentInfo, Storage, StorageError, cut_names, segment_first, segment_name};
use crate::durable::{Disk, parent, replace};
use crate::segment::SEGMENT_BYTES;
use std::io;
use std::sync::Arc;

/// Segments and documents as files below one directory. The futures never wait: calls block.
#[derive(Debug, Clone)]
pub struct FsStorage {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
}

impl FsStorage {
    /// Storage on `disk`; makes the folders it needs durable.
    pub fn new(disk: Arc<dyn Disk>) -> io::Result<Self> {
        for folder in ["log", "proofchain", "ids"] {
            if disk.list("")?.iter().all(|name| name != folder) {
                disk.create_dir(folder)?;
            }
        }
        // Also when they are there: whoever made them may have died, or failed, before this.
        disk.sync_dir("")?;
        Ok(Self::read_only(disk))
    }

    /// Storage that is only read: nothing is created.
    pub fn read_only(disk: Arc<dyn Disk>) -> Self {
        Self { disk, segment_bytes: SEGMENT_BYTES }
    }

    /// The same storage with segments of another size.
    #[must_use]
    pub fn with_segment_bytes(self, segment_bytes: u64) -> Self {
        Self { segment_bytes, ..self }
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        match self.disk.len(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            other => other,
        }
    }

    fn append_now(&self, segment: u64, expected: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let name = segment_name(segment);
        let found = self.len(&name).map_err(read_failed(&name))?;
        if found != expected {
            return Err(StorageError::Conflict { segment, expected, found });
        }
        self.disk.write_at(&name, expected, bytes).map_err(unknown("write", &name))?;
        self.disk.sync(&name).map_err(unknown("sync", &name))?;
        if expected == 0 {
            self.disk.sync_dir(parent(&name)).map_err(unknown("sync the folder of", &name))?;
        }
        Ok(())
    }

    fn cut_now(&self, segment: u64, len: u64) -> Result<(), StorageError> {
        let name = segment_name(segment);
        let found = self.len(&name).map_err(read_failed(&name))?;
        if found <= len {
            return Ok(());
        }
        let rest = usize::try_from(found - len).unwrap_or(usize::MAX);
        let bytes = self.disk.read_at(&name, len, rest).map_err(read_failed(&name))?;
        for kept in cut_names(segment, len) {
            match self.disk.read(&kept) {
                Ok(others) if others != bytes => {}
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(read_failed(&kept)(e)),
                _ => {
                    replace(&*self.disk, &kept, &bytes).map_err(unknown("keep", &kept))?;
                    break;
                }
            }
        }
        self.disk.set_len(&name, len).map_err(unknown("cut", &name))?;
        self.disk.sync(&name).map_err(unknown("sync", &name))
    }

    fn rewrite_now(&self, segment: u64, len: u64) -> Result<(), StorageError> {
        let name = segment_name(segment);
        let found = self.len(&name).map_err(read_failed(&name))?;
        let from = found.saturating_sub(len);
        let count = usize::try_from(found - from).unwrap_or(usize::MAX);
        let bytes = self.disk.read_at(&name, from, count).map_err(read_failed(&name))?;
        self.disk.write_at(&name, from, &bytes).map_err(unknown("write", &name))?;
        self.disk.sync(&name).map_err(unknown("sync", &name))?;
        self.disk.sync_dir(parent(&name)).map_err(unknown("sync the folder of", &name))
    }
}

fn unknown(operation: &'static str, name: &str) -> impl FnOnce(io::Error) -> StorageError + use<> {
    let name = name.to_owned();
    move |source| StorageError::Unknown { operation, name, source }
}

fn read_failed(name: &str) -> impl FnOnce(io::Error) -> StorageError + use<> {
    let name = name.to_owned();
    move |source| StorageError::Read { name, source }
}

impl Storage for FsStorage {
    fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentInfo>, StorageError>> {
        Box::pin(async {
            let names = self.disk.list("log").map_err(read_failed("log"))?;
            names
                .iter()
                .filter_map(|name| segment_first(name))
                .map(|first| {
                    let name = segment_name(first);
                    Ok(SegmentInfo { first, len: self.len(&name).map_err(read_failed(&name))? })
                })
                .collect()
        })
    }

    fn append<'a>(
        &'a self,
        segment: u64,
        expected: u64,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.append_now(segment, expected, bytes) })
    }

    fn read(&self, segment: u64, offset: u64, len: usize) -> BoxFuture<'_, Result<Vec<u8>, StorageError>> {
        Box::pin(async move {
            let name = segment_name(segment);
            self.disk.read_at(&name, offset, len).map_err(read_failed(&name))
        })
    }

    fn cut(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move { self.cut_now(segment, len) })
    }

    fn rewrite_tail(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move { self.rewrite_now(segment, len) })
    }

    fn put<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { replace(&*self.disk, name, bytes).map_err(unknown("replace", name)) })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(async move {
            match self.disk.read(name) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(read_failed(name)(e)),
            }
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, StorageError>> {
        Box::pin(async move { self.disk.list(folder).map_err(read_failed(folder)) })
    }
}

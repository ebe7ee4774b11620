//! Storage in files: the embedded default.

use super::packed::{PackedFile, PackedFiles};
use super::{
    BoxFuture, SegmentInfo, Shrunk, Storage, StorageError, cut_names, packed_first, packed_name,
    segment_first, segment_name,
};
use crate::durable::{Disk, parent, replace};
use crate::segment::SEGMENT_BYTES;
use crate::space::Space;
use pack::{Alone, UnpackError};
use proofs::Blake3;
use proofs::tree::Frontier;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// Segments and documents as files below one directory. The futures never wait: calls block.
#[derive(Debug, Clone)]
pub struct FsStorage {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    packed: Arc<PackedFiles>,
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
        Self { disk, segment_bytes: SEGMENT_BYTES, packed: Arc::default() }
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

    /// Length of a segment's lines where they lie; `None` if there are none.
    fn plain_len(&self, segment: u64) -> Result<Option<u64>, StorageError> {
        let name = segment_name(segment);
        match self.disk.len(&name) {
            Ok(len) => Ok(Some(len)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(read_failed(&name)(e)),
        }
    }

    fn file(&self, segment: u64) -> PackedFile<Arc<dyn Disk>> {
        PackedFile::new(Arc::clone(&self.disk), segment)
    }

    fn segment_now(&self, first: u64) -> Result<SegmentInfo, StorageError> {
        if let Some(len) = self.plain_len(first)? {
            return Ok(SegmentInfo { first, len, packed: false });
        }
        let len = self.packed.length(first, || self.file(first)).map_err(packed_failed(first))?;
        Ok(SegmentInfo { first, len, packed: true })
    }

    fn read_now(&self, segment: u64, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let name = segment_name(segment);
        match self.disk.read_at(&name, offset, len) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other.map_err(read_failed(&name)),
        }
        if self.packed_len(segment)?.is_none() {
            return Err(read_failed(&name)(io::ErrorKind::NotFound.into()));
        }
        let plain = self.packed.plain(segment, || self.file(segment)).map_err(packed_failed(segment))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(plain.len());
        let to = from.saturating_add(len).min(plain.len());
        Ok(plain.get(from..to).unwrap_or_default().to_vec())
    }

    /// Length of a packed segment's file, if there is one.
    fn packed_len(&self, segment: u64) -> Result<Option<u64>, StorageError> {
        let name = packed_name(segment);
        match self.disk.len(&name) {
            Ok(len) => Ok(Some(len)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(read_failed(&name)(e)),
        }
    }

    fn alone_now(&self, segment: u64, seq: u64) -> Result<Option<Alone>, StorageError> {
        if self.plain_len(segment)?.is_some() || self.packed_len(segment)?.is_none() {
            return Ok(None);
        }
        let packed = self.packed.open(segment, || self.file(segment)).map_err(packed_failed(segment))?;
        packed.alone(seq).map_err(packed_failed(segment))
    }

    fn pack_now(
        &self,
        segment: u64,
        edge: Option<&Frontier<Blake3>>,
    ) -> Result<Option<Shrunk>, StorageError> {
        let (name, packed) = (segment_name(segment), packed_name(segment));
        if self.plain_len(segment)?.is_none() {
            return Ok(None);
        }
        let plain = self.disk.read(&name).map_err(read_failed(&name))?;
        let refused = |source| StorageError::Pack { name: name.clone(), source };
        let bytes = pack::pack(segment, &plain, edge).map_err(refused)?;
        replace(&*self.disk, &packed, &bytes).map_err(unknown("write", &packed))?;
        self.packed.forget(segment);
        // What counts is what the disk gives back, not what was meant to be written.
        let back = self.file(segment).plain().map_err(packed_failed(segment))?;
        if back != plain {
            return Err(packed_failed(segment)(UnpackError::Hash));
        }
        self.disk.remove(&name).map_err(unknown("remove", &name))?;
        self.disk.sync_dir(parent(&name)).map_err(unknown("sync the folder of", &name))?;
        Ok(Some(Shrunk { plain: plain.len() as u64, packed: bytes.len() as u64 }))
    }

    fn unpack_now(&self, segment: u64) -> Result<bool, StorageError> {
        let (name, packed) = (segment_name(segment), packed_name(segment));
        if self.packed_len(segment)?.is_none() {
            return Ok(false);
        }
        if self.plain_len(segment)?.is_none() {
            let plain = self.file(segment).plain().map_err(packed_failed(segment))?;
            replace(&*self.disk, &name, &plain).map_err(unknown("write", &name))?;
        }
        self.packed.forget(segment);
        self.disk.remove(&packed).map_err(unknown("remove", &packed))?;
        self.disk.sync_dir(parent(&packed)).map_err(unknown("sync the folder of", &packed))?;
        Ok(true)
    }

    fn append_now(&self, segment: u64, expected: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let name = segment_name(segment);
        // The newest segment is packed where somebody put a copy to use: it goes on as lines.
        if expected > 0 && self.plain_len(segment)?.is_none() {
            self.unpack_now(segment)?;
        }
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
        if self.plain_len(segment)?.is_none() {
            self.unpack_now(segment)?;
        }
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
        if self.plain_len(segment)?.is_none() {
            self.unpack_now(segment)?;
        }
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

fn packed_failed(segment: u64) -> impl FnOnce(UnpackError) -> StorageError + use<> {
    move |source| StorageError::Packed { name: packed_name(segment), source }
}

impl Storage for FsStorage {
    fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn space(&self) -> Option<Space> {
        self.disk.space()
    }

    fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentInfo>, StorageError>> {
        Box::pin(async {
            let names = self.disk.list("log").map_err(read_failed("log"))?;
            let firsts = names.iter().filter_map(|name| segment_first(name).or_else(|| packed_first(name)));
            firsts.collect::<BTreeSet<_>>().into_iter().map(|first| self.segment_now(first)).collect()
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
        Box::pin(async move { self.read_now(segment, offset, len) })
    }

    fn alone(&self, segment: u64, seq: u64) -> BoxFuture<'_, Result<Option<Alone>, StorageError>> {
        Box::pin(async move { self.alone_now(segment, seq) })
    }

    fn pack(
        &self,
        segment: u64,
        edge: Option<Frontier<Blake3>>,
    ) -> BoxFuture<'_, Result<Option<Shrunk>, StorageError>> {
        Box::pin(async move { self.pack_now(segment, edge.as_ref()) })
    }

    fn unpack(&self, segment: u64) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { self.unpack_now(segment) })
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

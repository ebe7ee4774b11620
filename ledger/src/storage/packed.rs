//! Packed segments on a disk, and what is kept of them in memory.

use super::packed_name;
use crate::durable::Disk;
use pack::{Packed, Source, UnpackError};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Footers kept, each a third of a megabyte: as many segments as somebody looks into at a time.
const MAX_OPEN: usize = 32;

/// The file of a packed segment on a disk.
#[derive(Debug)]
pub struct PackedFile<D> {
    disk: D,
    first: u64,
    name: String,
}

impl<D> PackedFile<D>
where
    D: Deref<Target: Disk> + Send + Sync + Debug,
{
    /// The file of the segment that begins at `first`.
    pub fn new(disk: D, first: u64) -> Self {
        Self { disk, first, name: packed_name(first) }
    }

    /// The lines of the segment.
    pub fn plain(self) -> Result<Vec<u8>, UnpackError> {
        let first = self.first;
        let packed = Packed::open(self)?;
        if packed.about().first != first {
            return Err(UnpackError::Foreign(format!("it is segment {}", packed.about().first)));
        }
        packed.unpack()
    }
}

impl<D> Source for PackedFile<D>
where
    D: Deref<Target: Disk> + Send + Sync + Debug,
{
    fn size(&self) -> io::Result<u64> {
        self.disk.len(&self.name)
    }

    fn read_at(&self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        self.disk.read_at(&self.name, from, length)
    }
}

/// A packed segment that was opened.
type Opened = Arc<Packed<'static>>;

/// What is kept of packed segments. Their files never change; one that is packed or unpacked anew is forgotten.
#[derive(Debug, Default)]
pub(super) struct PackedFiles {
    /// The one used last at the end.
    opened: Mutex<Vec<(u64, Opened)>>,
    /// The lines of the segment that was read last: whoever reads a log reads on where he is.
    plain: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
    /// Lengths of the lines of all that were opened once: a list of segments asks for each.
    lengths: Mutex<BTreeMap<u64, u64>>,
}

impl PackedFiles {
    /// A packed segment with its footer read.
    pub(super) fn open<S: Source + 'static>(
        &self,
        first: u64,
        file: impl FnOnce() -> S,
    ) -> Result<Opened, UnpackError> {
        if let Some(found) = self.kept(first) {
            return Ok(found);
        }
        // Not under the lock: two who ask at once both read it.
        let packed = Arc::new(Packed::open(file())?);
        if packed.about().first != first {
            return Err(UnpackError::Foreign(format!("it is segment {}", packed.about().first)));
        }
        let mut opened = lock(&self.opened);
        opened.retain(|(other, _)| *other != first);
        opened.push((first, Arc::clone(&packed)));
        if opened.len() > MAX_OPEN {
            opened.remove(0);
        }
        Ok(packed)
    }

    /// Length of the lines of a packed segment.
    pub(super) fn length<S: Source + 'static>(
        &self,
        first: u64,
        file: impl FnOnce() -> S,
    ) -> Result<u64, UnpackError> {
        if let Some(length) = lock(&self.lengths).get(&first) {
            return Ok(*length);
        }
        let length = self.open(first, file)?.about().bytes;
        lock(&self.lengths).insert(first, length);
        Ok(length)
    }

    fn kept(&self, first: u64) -> Option<Opened> {
        let mut opened = lock(&self.opened);
        let at = opened.iter().position(|(other, _)| *other == first)?;
        let found = opened.remove(at);
        let packed = Arc::clone(&found.1);
        opened.push(found);
        Some(packed)
    }

    /// The lines of a packed segment.
    pub(super) fn plain<S: Source + 'static>(
        &self,
        first: u64,
        file: impl FnOnce() -> S,
    ) -> Result<Arc<Vec<u8>>, UnpackError> {
        if let Some((kept, plain)) = &*lock(&self.plain)
            && *kept == first
        {
            return Ok(Arc::clone(plain));
        }
        let plain = Arc::new(self.open(first, file)?.unpack()?);
        *lock(&self.plain) = Some((first, Arc::clone(&plain)));
        Ok(plain)
    }

    /// Lets go of a segment whose file is another one now.
    pub(super) fn forget(&self, first: u64) {
        lock(&self.opened).retain(|(other, _)| *other != first);
        lock(&self.lengths).remove(&first);
        lock(&self.plain).take_if(|(other, _)| *other == first);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

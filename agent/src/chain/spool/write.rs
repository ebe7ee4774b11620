//! A whole spool file that is written to take another's place.

use super::index::Index;
use super::line::{Base, SPOOL_FILE, line};
use crate::disk::Disk;
use crate::durable::Replacement;
use spec::{ChainLink, Event, canonical};
use std::io;

/// A spool that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Replacement,
    index: Index,
}

impl Writer {
    /// Starts a file whose chain goes on at `base`.
    pub(crate) fn begin(disk: &impl Disk, base: ChainLink) -> io::Result<Self> {
        let mut file = Replacement::begin(disk, SPOOL_FILE)?;
        let json = canonical::to_vec(&Base::from(base)).map_err(io::Error::other)?;
        let first = line(b'b', &json);
        file.push(disk, &first)?;
        Ok(Self { file, index: Index::new(base, first.len() as u64) })
    }

    /// Adds an event that follows the one before.
    pub(crate) fn push(&mut self, disk: &impl Disk, event: &Event) -> io::Result<()> {
        let json = event.to_canonical();
        self.file.push(disk, &line(b'e', &json))?;
        self.index.note_event(&json, event);
        Ok(())
    }

    /// Brings the file to the disk and gives it its name.
    pub(crate) fn commit(self, disk: &impl Disk) -> io::Result<Index> {
        self.file.commit(disk)?;
        Ok(self.index)
    }
}

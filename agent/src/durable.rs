//! Writes that survive a crash at any point, from the single operations of a [`Disk`].
//!
//! Replacing a file is: make `<name>.tmp`, write, sync, rename over `<name>`, sync the directory. Whoever
//! opens the directory later finds the old file or the new one, whole.

use crate::disk::Disk;
use std::io;

/// Bytes gathered before they are written to a file that is being replaced.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads a whole file of at most `limit` bytes; `None` if there is none.
pub fn read(disk: &impl Disk, name: &str, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(len) = disk.len(name)? else { return Ok(None) };
    match usize::try_from(len) {
        Ok(len) if len <= limit => disk.read_at(name, 0, len).map(Some),
        _ => Err(io::Error::other(format!("{name} has {len} bytes; at most {limit} are read"))),
    }
}

/// Replaces a file's contents; on return the new contents are on the disk.
pub fn replace(disk: &impl Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = Replacement::begin(disk, name)?;
    file.push(disk, bytes)?;
    file.commit(disk)
}

/// Makes a file that must not exist yet; on return it is on the disk.
pub fn create(disk: &impl Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    if disk.len(name)?.is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} exists already")));
    }
    replace(disk, name, bytes)
}

/// A file that is written piece by piece and takes its name at the end.
#[derive(Debug)]
pub struct Replacement {
    name: String,
    temporary: String,
    buffer: Vec<u8>,
}

impl Replacement {
    /// Starts `<name>.tmp`; one that a crash left behind is removed.
    pub fn begin(disk: &impl Disk, name: &str) -> io::Result<Self> {
        let temporary = format!("{name}.tmp");
        disk.remove(&temporary)?;
        disk.create(&temporary)?;
        Ok(Self { name: name.to_owned(), temporary, buffer: Vec::new() })
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, disk: &impl Disk, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush(disk) } else { Ok(()) }
    }

    /// Brings the file to the disk and gives it its name.
    pub fn commit(mut self, disk: &impl Disk) -> io::Result<()> {
        self.flush(disk)?;
        disk.sync(&self.temporary)?;
        disk.rename(&self.temporary, &self.name)?;
        disk.sync_dir()
    }

    fn flush(&mut self, disk: &impl Disk) -> io::Result<()> {
        disk.append(&self.temporary, &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

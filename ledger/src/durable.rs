//! The only module that opens, writes, syncs and renames files.
//!
//! [`Disk`] is what the storage needs of a file system, in the terms in which file systems fail: bytes
//! written are not durable before `sync`, names are not durable before `sync_dir`. The real one is
//! [`RealDisk`]; tests put a simulated one in its place that forgets what was not synced.
//!
//! Expected system calls of one append: `pwrite64`, `fdatasync`. Of one replacement: `openat`, `pwrite64`,
//! `fdatasync`, `renameat`, `fsync` of the directory.

pub use disk::{DirLock, lock, write_secret};

use crate::space::Space;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file system below one directory. Paths are relative to it, parts divided by `/`.
pub trait Disk: Send + Sync + Debug + 'static {
    /// The whole file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// Up to `len` bytes from `offset`; fewer at the end of the file.
    fn read_at(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Length of the file in bytes.
    fn len(&self, path: &str) -> io::Result<u64>;

    /// Names in a directory, sorted; empty if there is no such directory.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Creates a directory and those above it. Durable after `sync_dir` of the directory above.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Writes `bytes` at `offset`, creating the file if it is missing.
    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts or extends the file.
    fn set_len(&self, path: &str, len: u64) -> io::Result<()>;

    /// Makes the file's bytes and length durable.
    fn sync(&self, path: &str) -> io::Result<()>;

    /// Renames, replacing what is there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// How much is free; `None` where that is not known.
    fn space(&self) -> Option<Space> {
        None
    }
}

/// The directory part of a path, empty for the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// Replaces a file's contents so that a crash leaves the old or the new, and returns when the new is durable.
pub fn replace(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}.tmp");
    disk.write_at(&temporary, 0, bytes)?;
    disk.set_len(&temporary, bytes.len() as u64)?;
    disk.sync(&temporary)?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(parent(path))
}

/// A directory of the operating system's file system. Files are readable by their owner only.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// The files last written to, the newest last. Writing and syncing through one descriptor makes sure
    /// that an error of write-back is reported to the sync that asks about those bytes.
    written: Mutex<Vec<(String, Arc<File>)>>,
}

/// Files kept open for writing: a segment, `ROOT.txt`, and a document or two.
const MAX_WRITTEN: usize = 4;

impl RealDisk {
    /// The file system below `root`, which is created if it is missing.
    pub fn new(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        Ok(Self::existing(root))
    }

    /// The file system below `root`, which is not created.
    pub fn existing(root: &Path) -> Self {
        Self { root: root.to_owned(), written: Mutex::default() }
    }

    /// Where a path lies.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn open_to_write(&self, path: &str) -> io::Result<Arc<File>> {
        let mut written = self.written();
        if let Some((_, file)) = written.iter().find(|(name, _)| name == path) {
            return Ok(Arc::clone(file));
        }
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).clone();
        let file = Arc::new(options.open(self.path(path))?);
        if written.len() >= MAX_WRITTEN {
            written.remove(0);
        }
        written.push((path.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    /// The name is about to stand for another file, or for none.
    fn forget(&self, path: &str) {
        self.written().retain(|(name, _)| name != path);
    }

    fn written(&self) -> MutexGuard<'_, Vec<(String, Arc<File>)>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for RealDisk {
    fn space(&self) -> Option<Space> {
        let (free, size) = disk_space(&self.path("")).ok()?;
        Some(Space { free, size })
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(path))
    }

    fn read_at(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(path))?;
        let rest = file.metadata()?.len().saturating_sub(offset);
        let len = len.min(usize::try_from(rest).unwrap_or(usize::MAX));
        let mut bytes = Vec::with_capacity(len);
        file.seek(SeekFrom::Start(offset))?;
        file.take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        std::fs::metadata(self.path(path)).map(|m| m.len())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.path(dir)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<String>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        std::fs::create_dir_all(self.path(dir))
    }

    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.open_to_write(path)?.write_all_at(bytes, offset)
    }

    fn set_len(&self, path: &str, len: u64) -> io::Result<()> {
        self.open_to_write(path)?.set_len(len)
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        self.open_to_write(path)?.sync_data()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where files are renamed")]
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.forget(from);
        self.forget(to);
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.forget(path);
        std::fs::remove_file(self.path(path))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.path(dir))?.sync_all()
    }
}

/// Bytes free for an unprivileged process on the file system that holds `dir`, and its size.
pub fn disk_space(dir: &Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok((stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize))
}

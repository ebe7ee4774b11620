//! One agent to a state directory.

use disk::DirLock;
use std::io;
use std::path::{Path, PathBuf};

pub use disk::LOCK_FILE;
pub use disk::create_dir as create_private_dir;

/// A lock that is held as long as this lives.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "it holds the directory")] DirLock);

/// The reason why the directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error("another agent works in {}", .0.display())]
    Taken(PathBuf),
    /// The directory or the lock cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateLock {
    /// Takes the directory for this process.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: dir.join(LOCK_FILE), source };
        let lock = disk::lock(dir).map_err(failed)?;
        lock.map(Self).ok_or_else(|| LockError::Taken(dir.to_owned()))
    }
}

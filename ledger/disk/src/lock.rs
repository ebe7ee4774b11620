//! One writer to a directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The lock's file.
pub const LOCK_FILE: &str = "lock";

/// Keeps other processes from a directory as long as it lives; the kernel lets go of it when the process ends, however
/// it ends.
#[derive(Debug)]
pub struct DirLock(#[expect(dead_code, reason = "the open file holds the lock")] File);

/// Takes a directory for this process; `None` if another has it.
///
/// # Errors
/// The lock's file cannot be opened, or the file system has no locks.
pub fn lock(dir: &Path) -> io::Result<Option<DirLock>> {
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).clone();
    let file = options.open(dir.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(DirLock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        assert!(held.is_some() && lock(dir.path()).unwrap().is_none());
        drop(held);
        assert!(lock(dir.path()).unwrap().is_some());
        assert!(lock(&dir.path().join("none")).is_err());
    }
}

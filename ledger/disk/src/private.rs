//! Files and directories for their owner alone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a directory that only its owner can enter, and those above it, unless it exists.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a secret to a new file that only its owner may read, and brings it to the disk; fails if the file exists.
pub fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_folder(path)
}

/// Puts a file that only its owner may read in place of the one that is there, so that it is never half there.
///
/// # Errors
/// The old file is there as it was, or the new one whole.
#[expect(clippy::disallowed_methods, reason = "the folder is synced right behind it")]
pub fn replace_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    write_secret(beside.as_ref(), text)?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Brings the names beside a path to the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nobody_else_may() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");
        create_dir(&dir).unwrap();
        create_dir(&dir).unwrap();
        let file = dir.join("key");
        write_secret(&file, "secret").unwrap();
        assert!(write_secret(&file, "other").is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret");
        replace_secret(&file, "another").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "another");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "nothing is left beside it");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
    }
}

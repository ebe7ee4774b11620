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
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
    }
}

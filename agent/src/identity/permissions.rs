//! Who may enter the state directory, and read the files with keys.

use super::key::{IdentityError, KEY_FILE};
use super::rotation::ROTATION_FILE;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Refuses a state directory that others can write to, or a key file that others can read.
pub fn check_permissions(dir: &Path) -> Result<(), IdentityError> {
    let key = |name| (dir.join(name), 0o077, "0600");
    for (path, forbidden, wanted) in [(dir.to_owned(), 0o022, "0700"), key(KEY_FILE), key(ROTATION_FILE)] {
        let mode = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.permissions().mode() & 0o7777,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        };
        if mode & forbidden != 0 {
            return Err(IdentityError::Exposed { path: path.display().to_string(), mode, wanted });
        }
    }
    Ok(())
}

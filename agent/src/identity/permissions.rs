//! Who may enter the state directory, and read the files with keys.

use super::key::{IdentityError, KEY_FILE};
use super::rotation::ROTATION_FILE;
use crate::control::trusted;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Refuses a state directory that is somebody else's or that others can write to, or a key file that others can read.
pub fn check_permissions(dir: &Path) -> Result<(), IdentityError> {
    let key = |name| (dir.join(name), 0o077, "0600");
    for (path, forbidden, wanted) in [(dir.to_owned(), 0o022, "0700"), key(KEY_FILE), key(ROTATION_FILE)] {
        let mode = match std::fs::metadata(&path) {
            // Whoever owns it gives it any mode.
            Ok(metadata) if !trusted::is_ours(&metadata) => {
                return Err(IdentityError::Foreign { path: path.display().to_string() });
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Only root gives files away; for everybody else there is nothing to try.
    #[test]
    fn a_directory_and_a_key_of_somebody_else_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join(KEY_FILE);
        std::fs::File::create(&key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(check_permissions(dir.path()).is_ok());
        let mine = Some(rustix::process::geteuid());
        let theirs = Some(rustix::fs::Uid::from_raw(12_345));
        for path in [dir.path(), &key] {
            if rustix::fs::chown(path, theirs, None).is_err() {
                return;
            }
            let refused = check_permissions(dir.path());
            assert!(matches!(refused, Err(IdentityError::Foreign { .. })), "{refused:?}");
            rustix::fs::chown(path, mine, None).unwrap();
        }
    }
}

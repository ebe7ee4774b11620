//! What the node takes at its word: files that nobody but root and the agent's own user can have written.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// The reason why a file is not taken at its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is not its owner's alone to write.
    #[error("group or others may write it; chmod go-w")]
    Writable,
    /// It is somebody else's.
    #[error("it belongs to somebody else than root and the agent's user")]
    Owner,
}

/// Whether it is root's or the agent's, and nobody else may write it.
pub(crate) fn check(metadata: &Metadata) -> Result<(), Untrusted> {
    if metadata.mode() & 0o022 != 0 {
        return Err(Untrusted::Writable);
    }
    if is_ours(metadata) { Ok(()) } else { Err(Untrusted::Owner) }
}

/// Whether it is root's or the agent's.
pub(crate) fn is_ours(metadata: &Metadata) -> bool {
    [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid())
}

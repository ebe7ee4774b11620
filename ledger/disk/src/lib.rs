//! What the ledger and the agent do alike with their directories: one writer to each, and secrets for their owner alone.
//!
//! It knows no format and no other crate of the workspace. How each brings its own files to the disk is its own: the log
//! writes at offsets below a tree of directories, the agent at the end of a few flat files, and what is simulated of
//! either are the faults that it has to live with.

mod lock;
mod private;

pub use lock::{DirLock, LOCK_FILE, lock};
pub use private::{create_dir, replace_secret, write_secret};

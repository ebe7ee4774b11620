//! Backups of a data directory: objects, each named by the hash of its bytes, and a manifest that says what they are.
//! The format is that of `spec/backup.md`.
//!
//! ```text
//! DIR/backup.json      the manifest: replaced as a whole, and last
//! DIR/progress.json    the same of a backup that is not done yet
//! DIR/objects/<hash>   a file of the data directory as it was, or encrypted with age
//! ```
//!
//! An object is never changed, so whatever a crash leaves behind, the manifest names what was there before or what is
//! there now.

mod manifest;
mod secrecy;
mod store;

pub(crate) use manifest::{Manifest, Stored};
pub(crate) use secrecy::{Opening, Sealing};
pub(crate) use store::Store;

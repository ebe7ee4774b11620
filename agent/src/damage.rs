//! Why a file of the state directory is not what was written there.

use crate::trust::authority::AuthorityError;
use proofs::CheckpointError;
use spec::payload::PayloadError;
use spec::{EventError, Hash, canonical};
use std::io;

/// A fault of a file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not the JSON that it should be.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is of another format.
    #[error("its format is not {0}")]
    Format(&'static str),
    /// A part of it is not as it should be, which is said without a byte of the file: it may hold a key.
    #[error("{0}")]
    Part(&'static str),
    /// It has no canonical form.
    #[error(transparent)]
    Canonical(#[from] canonical::WriteError),
    /// An event in it is malformed.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The authority in it does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The checkpoint in it does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The document in it is not one of its kind.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The document in it is another one.
    #[error("its hash is {0}")]
    Hash(Hash),
}

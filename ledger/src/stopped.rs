//! Why a ledger accepts nothing more: what its sequencer could not go on after.

use crate::admission::Code;
use crate::clock::ClockError;
use crate::reader::ReadError;
use crate::state::ApplyError;
use crate::storage::StorageError;
use proofs::tile::MissingNode;
use spec::canonical::WriteError;
use spec::ids::TextError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The reason after which the sequencer could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// The store failed: what was in flight may be in the log, or not.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is in the log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry that is in the log is not found there.
    #[error("entry {0} cannot be read back")]
    Gone(u64),
    /// The clock cannot be right.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// An admitted event does not go into the state.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The tree lacks a node that a proof takes.
    #[error(transparent)]
    Tree(#[from] MissingNode),
    /// The ledger's own rules do not let it say what it has to.
    #[error("the ledger refused its own entry: {0}")]
    Own(Code),
    /// An entry of the ledger's own cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// An entry of the ledger's own has no canonical form.
    #[error(transparent)]
    Canonical(#[from] WriteError),
    /// The canonical form of an entry of the ledger's own is no text.
    #[error(transparent)]
    Utf8(#[from] std::string::FromUtf8Error),
    /// A name of the ledger's own is none.
    #[error(transparent)]
    Name(#[from] TextError),
    /// The system gives no random numbers, or no thread.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The newest checkpoint could not be written; the thread that tried has said why.
    #[error("ROOT.txt could not be written")]
    Root,
    /// A thread of the ledger has died.
    #[error("a thread of the ledger ended without an answer")]
    Unanswered,
}

/// The stop of a ledger, which everyone who waits for it hears of. Equal is what is said of the same stop.
#[derive(Debug, Clone)]
pub struct Stopped(Arc<StopReason>);

impl Stopped {
    /// What it stopped for.
    pub fn reason(&self) -> &StopReason {
        &self.0
    }
}

impl<E> From<E> for Stopped
where
    StopReason: From<E>,
{
    fn from(error: E) -> Self {
        Self(Arc::new(error.into()))
    }
}

impl PartialEq for Stopped {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Stopped {}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stopped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppendError;

    #[test]
    fn a_stop_keeps_what_caused_it() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = StorageError::Unknown { operation: "sync", name: "log/0".to_owned(), source: full };
        let stopped = Stopped::from(error);
        assert!(matches!(stopped.reason(), StopReason::Storage(StorageError::Unknown { .. })));
        let told = AppendError::Poisoned(stopped.clone());
        assert_eq!(told, AppendError::Poisoned(stopped));
        assert_ne!(told, AppendError::Poisoned(StopReason::Root.into()));
        let mut cause: &(dyn std::error::Error + 'static) = &told;
        while let Some(source) = cause.source() {
            cause = source;
        }
        assert_eq!(cause.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::StorageFull);
    }
}

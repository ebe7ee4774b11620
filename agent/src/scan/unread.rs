//! Why something could not be read.

use rustix::io::Errno;
use std::io;

/// A source that a check needs and could not read or understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} {reason}")]
pub struct Unread {
    path: String,
    reason: String,
    missing: bool,
}

impl Unread {
    /// It could not be read.
    pub(super) fn of(path: &str, error: Errno) -> Self {
        Self::io(path, &error.into())
    }

    /// It could not be read.
    pub(super) fn io(path: &str, error: &io::Error) -> Self {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let reason = if missing { "does not exist".to_owned() } else { format!("cannot be read: {error}") };
        Self { path: path.to_owned(), reason, missing }
    }

    /// It could be read and is not what it should be.
    pub(super) fn odd(path: &str, reason: &str) -> Self {
        Self { path: path.to_owned(), reason: reason.to_owned(), missing: false }
    }

    /// The same about another path.
    pub(super) fn at(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Whether there is nothing at the path.
    pub fn is_missing(&self) -> bool {
        self.missing
    }
}

impl From<Unread> for String {
    fn from(unread: Unread) -> Self {
        unread.to_string()
    }
}

impl From<&Unread> for String {
    fn from(unread: &Unread) -> Self {
        unread.to_string()
    }
}

/// Turns "there is none" into `None`: for a check to say that this is fine with it.
pub(super) trait Optional<T> {
    /// `None` if there is nothing at the path; other troubles stay.
    fn optional(self) -> Result<Option<T>, Unread>;
}

impl<T> Optional<T> for Result<T, Unread> {
    fn optional(self) -> Result<Option<T>, Unread> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(unread) if unread.missing => Ok(None),
            Err(unread) => Err(unread),
        }
    }
}

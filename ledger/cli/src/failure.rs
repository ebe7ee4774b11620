//! Why a command failed, and with which exit code.

use crate::safe::safe_lines;
use service::StartError;
use service::data::DataError;
use std::fmt::{self, Display};
use std::process::ExitCode;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Does not verify, or was refused.
    pub(crate) fn refused(text: impl Display) -> Self {
        Self { code: 1, text: text.to_string() }
    }

    /// Called in a way that makes no sense.
    pub(crate) fn usage(text: impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// Could not read or write.
    pub(crate) fn io(text: impl Display) -> Self {
        Self { code: 3, text: text.to_string() }
    }

    /// Whether it was refused, in place of going wrong.
    pub(crate) fn is_refusal(&self) -> bool {
        self.code == 1
    }

    /// Says why on standard error and gives the exit code.
    #[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("ledger: {}", safe_lines(&self.text));
        ExitCode::from(self.code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::io(error)
    }
}

impl From<ledger::open::OpenError> for Failure {
    fn from(error: ledger::open::OpenError) -> Self {
        use ledger::open::OpenError;
        match error {
            OpenError::Storage(_) | OpenError::Io(_) | OpenError::Read(_) => Self::io(error),
            OpenError::Empty | OpenError::Exists => Self::usage(error),
            _ => Self::refused(error),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Open(error) => error.into(),
            DataError::NoLedger(_) | DataError::Exists(_) => Self::usage(error),
            DataError::Token(_) => Self::refused(error),
            DataError::Locked(_) | DataError::File { .. } | DataError::Io(_) | DataError::Index(_) => {
                Self::io(error)
            }
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Data(error) => error.into(),
            StartError::Socket { .. }
            | StartError::Listener(_)
            | StartError::Ladder(_)
            | StartError::Follow(_) => Self::io(error),
            StartError::Development => Self::usage(error),
        }
    }
}

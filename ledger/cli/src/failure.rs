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
        eprintln!("ledger: {}", safe_lines(&plain(&self.text)));
        ExitCode::from(self.code)
    }
}

/// Says what was typed wrongly, or answers a question for help or the version.
#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
pub(crate) fn mistyped(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    eprint!("{}", plain(&error.render().to_string()));
    ExitCode::from(2)
}

/// What libraries and the system say, and what people are told in its place.
const WORDS: [(&str, &str); 15] = [
    ("invalid digit found in string", "expected a whole number"),
    ("Connection refused", "nobody answers there: is the service running?"),
    ("No such file or directory", "there is no such file or directory"),
    ("Permission denied", "you may not: permission denied"),
    ("Address already in use", "something listens there already"),
    ("Is a directory", "it is a directory, and a file is expected"),
    ("received corrupt message of type InvalidContentType", "it does not speak TLS: try http://"),
    ("stream did not contain valid UTF-8", "it is no text"),
    ("expected value at", "it is not JSON: see"),
    ("EOF while parsing a value at", "it is not JSON, or ends too early: see"),
    ("EOF while parsing an object at", "it is not JSON, or ends too early: see"),
    ("key must be a string at", "it is not JSON: see"),
    ("trailing characters at", "something follows behind the JSON: see"),
    ("unknown variant", "there is no"),
    ("unknown field", "there is no member"),
];

/// A text without the words of libraries, which are for those who know them.
pub(crate) fn plain(text: &str) -> String {
    let mut text = WORDS.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    // The number of an error of the system helps nobody who has its name.
    while let Some(from) = text.find(" (os error ") {
        let Some(length) = text.get(from..).and_then(|rest| rest.find(')')) else { break };
        text.replace_range(from..=from + length, "");
    }
    text.replace(" at line ", " in line ").replace(" column ", ", column ")
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

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn the_words_of_libraries_stay_with_them() {
        for (theirs, ours) in [
            (
                "http://127.0.0.1:9: Connection refused (os error 111)",
                "http://127.0.0.1:9: nobody answers there: is the service running?",
            ),
            ("x: key must be a string at line 1 column 12", "x: it is not JSON: see line 1, column 12"),
            ("a (os error 2), b (os error 13)", "a, b"),
            ("(os error", "(os error"),
            ("nothing to mend", "nothing to mend"),
        ] {
            assert_eq!(plain(theirs), ours);
        }
    }
}

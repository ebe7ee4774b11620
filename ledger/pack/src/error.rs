//! Why a segment is not packed, and why a packed one is not read.

/// The reason why a segment stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// What stands there is no run of whole groups that go on from one another.
    #[error("byte {at}: {problem}")]
    Unsound {
        /// Where in the segment.
        at: u64,
        /// What is wrong.
        problem: String,
    },
    /// It is longer than what is packed.
    #[error("{0} bytes are more than a packed segment may hold")]
    TooLarge(u64),
    /// The library did not write the file.
    #[error("Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
}

/// The reason why a packed segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The bytes could not be had.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is no packed segment, or one of another format.
    #[error("{0}")]
    Foreign(String),
    /// Bytes of the file are not those that were written.
    #[error("bytes {from} to {to} are not what was written: {problem}")]
    Damaged {
        /// The first byte of the damaged part.
        from: u64,
        /// The byte behind it.
        to: u64,
        /// What shows it.
        problem: String,
    },
    /// The file is whole, and what it says does not make a segment.
    #[error("row {row} of row group {group}: {problem}")]
    Row {
        /// The row group, from 0.
        group: usize,
        /// The row within it, from 0.
        row: usize,
        /// What is wrong.
        problem: String,
    },
    /// It would take more memory than a segment may.
    #[error("{what} is {size}, at most {limit} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it says it is.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// What comes out is not what went in.
    #[error("the entries do not have the hash that the file names")]
    Hash,
    /// The library could not read it.
    #[error("Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
}

impl UnpackError {
    /// The first byte of the file that is at fault, if it is known.
    pub fn byte(&self) -> Option<u64> {
        match self {
            Self::Damaged { from, .. } => Some(*from),
            _ => None,
        }
    }

    pub(crate) fn foreign(problem: impl std::fmt::Display) -> Self {
        Self::Foreign(problem.to_string())
    }

    pub(crate) fn row(group: usize, row: usize, problem: impl std::fmt::Display) -> Self {
        Self::Row { group, row, problem: problem.to_string() }
    }
}

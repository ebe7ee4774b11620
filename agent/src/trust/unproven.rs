//! Why the service's word does not count, for now: it is asked again later.

use super::authority::AuthorityError;
use crate::network::{NetworkError, Response};
use crate::problem::Problem;
use proofs::CheckpointError;
use serde::Deserialize;
use std::io;

/// A statement that is not proved, or cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// There is no answer.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The service refuses.
    #[error("status {status}, {}", problem.describe())]
    Refused {
        /// The status code.
        status: u16,
        /// Why.
        problem: Box<Problem>,
    },
    /// The answer does not have its form.
    #[error("not an answer: {0}")]
    Shape(#[from] serde_json::Error),
    /// The checkpoint does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The authority is another one.
    #[error("the ledger's keys do not extend those known so far")]
    OtherAuthority,
    /// The newest authority was asked for in vain.
    #[error("the ledger's keys cannot be had: {0}")]
    NoAuthority(#[source] Box<Self>),
    /// A consistency proof was asked for in vain.
    #[error("no consistency proof: {0}")]
    NoConsistency(#[source] Box<Self>),
    /// Two checkpoints do not agree as far as the service shows, and nothing that it shows proves that.
    #[error("{0}")]
    Unshown(Disagreement),
    /// The entry that a checkpoint is remembered with is not shown.
    #[error("the newest entry is not shown")]
    NoEntry,
    /// What is proved cannot be remembered, so it does not count yet.
    #[error("{file} cannot be stored: {source}")]
    Store {
        /// The file.
        file: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// The way in which two checkpoints contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// They are of one size.
    #[error("two roots for one size")]
    Roots,
    /// The one is no part of the other.
    #[error("checkpoints of {old} and {new} entries do not agree")]
    Histories {
        /// Size of the smaller.
        old: u64,
        /// Size of the larger.
        new: u64,
    },
}

impl Unproven {
    /// An answer whose status says that the service refuses.
    pub(crate) fn refused(response: &Response) -> Self {
        Self::Refused { status: response.status, problem: Box::new(Problem::read(&response.body)) }
    }
}

/// Reads the answer of status 200.
pub(crate) fn read<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T, Unproven> {
    if response.status == 200 {
        Ok(serde_json::from_slice(&response.body)?)
    } else {
        Err(Unproven::refused(response))
    }
}

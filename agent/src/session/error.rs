//! Why the agent cannot begin, or go on for now.

use crate::control::orders::OrdersError;
use crate::damage::Damage;
use crate::exchange::ExchangeError;
use crate::identity::enrol::EnrolmentError;
use crate::identity::key::IdentityError;
use crate::identity::node::NodeError;
use crate::identity::rotation::RotationError;
use crate::trust::follower::FollowerError;
use crate::trust::memory::EQUIVOCATION_FILE;
use std::io;

/// The agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no key or no enrolment.
    #[error(transparent)]
    NotEnrolled(NodeError),
    /// The ledger was caught before.
    #[error(
        "stopped: ledger contradicts itself; the proof is in {EQUIVOCATION_FILE}. Give it to the ledger's \
         auditors; this node sends nothing more until the file is moved away"
    )]
    Contradiction,
    /// Key and enrolment are not of the same node.
    #[error("the key in the state directory is not the one that was enrolled")]
    Mismatch,
    /// The key cannot be used.
    #[error(transparent)]
    Identity(IdentityError),
    /// The enrolment cannot be used.
    #[error(transparent)]
    Enrolment(EnrolmentError),
    /// A rotation under way cannot be used.
    #[error(transparent)]
    Rotation(RotationError),
    /// The spool, or another file, cannot be used.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// A failure to make something durable.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// An event, or a key, could not.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// What is remembered of commands cannot be used.
    #[error(transparent)]
    Orders(#[from] OrdersError),
    /// Another file cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<NodeError> for OpenError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::NotEnrolled => Self::NotEnrolled(error),
            NodeError::Mismatch => Self::Mismatch,
            NodeError::Identity(error) => Self::Identity(error),
            NodeError::Enrolment(error) => Self::Enrolment(error),
            NodeError::Rotation(error) => Self::Rotation(error),
        }
    }
}

impl From<FollowerError> for OpenError {
    fn from(error: FollowerError) -> Self {
        match error {
            FollowerError::Io(error) => Self::Session(error.into()),
            FollowerError::Checkpoint(error) => {
                Self::Enrolment(EnrolmentError::Damaged(Damage::Checkpoint(error)))
            }
        }
    }
}

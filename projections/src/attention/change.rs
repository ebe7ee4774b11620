//! What changes about a node, for those who watch attention at work.

use super::liveness::Level;
use super::reason::{Phase, Reason, Subject};
use serde::Serialize;
use spec::payload::Band;
use spec::{Name, Timestamp, Uuid};

/// A change of how a node stands, at the time at which it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// When, by the ledger's clock.
    pub at: Timestamp,
    /// Entries folded when it came about: the same transition has the same seq in every fold.
    pub seq: u64,
    /// The organisation.
    pub org: Name,
    /// The node.
    pub node: Uuid,
    /// What changed.
    pub change: Change,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Change {
    /// The node's silence.
    Silence {
        /// Before.
        from: Level,
        /// After.
        to: Level,
    },
    /// A reason; `None` stands for one that is not at work.
    Reason {
        /// Which.
        reason: Reason,
        /// What it is about.
        subject: Subject,
        /// Before.
        from: Option<Phase>,
        /// After.
        to: Option<Phase>,
    },
    /// The band.
    Band {
        /// Before.
        from: Band,
        /// After.
        to: Band,
        /// The score that led to it.
        score: u64,
    },
}

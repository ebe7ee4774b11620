//! What keys are for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The use of a key. One key, one use, introduced once per ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Changes the ledger's own keys; kept off the machine.
    Recovery,
    /// Signs native checkpoints.
    Checkpoint,
    /// Signs checkpoints of the SHA-256 face.
    CheckpointSha256,
    /// Signs events on behalf of authors without a key, and the ledger's own.
    Service,
    /// Signs commands.
    Command,
    /// Signs a node's events.
    Node,
    /// Cosigns checkpoints.
    Witness,
    /// Signs a person's events.
    Device,
}

impl KeyUse {
    /// The word as it stands in a payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Checkpoint => "checkpoint",
            Self::CheckpointSha256 => "checkpoint-sha256",
            Self::Service => "service",
            Self::Command => "command",
            Self::Node => "node",
            Self::Witness => "witness",
            Self::Device => "device",
        }
    }
}

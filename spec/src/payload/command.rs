//! Commands to nodes, and what became of them.

use super::keys::signed_statement;
use super::{PayloadError, Schema, at_most, present, rule, within};
use crate::hash::Hash;
use crate::ids::{Name, Signature, Uuid};
use crate::schema::CommandParameters;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands in front of a command before the ledger's command key signs it.
pub const COMMAND_CONTEXT: &[u8] = b"vaultmesh/command/v1\n";

const MAX_APPROVALS: u64 = 5;
const MAX_PARAMETERS: u64 = 64;
const MAX_PARAMETER_BYTES: usize = 4096;
const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
const MAX_EXIT: u64 = 255;

/// The part of a roll-out that a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RolloutReference")]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The roll-out.
    pub id: Uuid,
    /// Which of its waves, from 0.
    pub wave: u64,
}

/// A command to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandOrder {
    /// How many other people must approve it, 0 to 5.
    pub approvals: u64,
    /// Which typed command it is.
    pub command: Name,
    /// From when on it is not to be carried out; after `not_before`.
    pub expires_at: Timestamp,
    /// The node.
    pub node: Uuid,
    /// 32 random bytes.
    pub nonce: Hash,
    /// From when on it may be carried out.
    pub not_before: Timestamp,
    /// Its parameters by name: at most 64, each text at most 4,096 bytes.
    #[schemars(with = "CommandParameters")]
    pub parameters: BTreeMap<Name, String>,
    /// The roll-out it is part of.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// The signature of the ledger's command key over [`command_bytes`].
    pub sig: Signature,
    /// A remark, at most 65,536 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl CommandOrder {
    fn validate(&self) -> Result<(), PayloadError> {
        within("approvals", self.approvals, 0..=MAX_APPROVALS)?;
        rule(self.not_before < self.expires_at, "expires_at must be after not_before")?;
        within("parameters", self.parameters.len(), 0..=MAX_PARAMETERS)?;
        self.parameters.values().try_for_each(|value| at_most("parameters", value, MAX_PARAMETER_BYTES))?;
        at_most("text", self.text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
    }
}

/// Payload of `command`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CommandPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Command {
    /// A command is given.
    Issue(CommandOrder),
    /// Another person approves a command.
    Approve {
        /// Event hash of the command.
        target: Hash,
        /// A remark, at most 65,536 bytes.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A command is taken back.
    Cancel {
        /// Event hash of the command.
        target: Hash,
        /// A remark, at most 65,536 bytes.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

impl Schema for Command {
    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Issue(order) => order.validate(),
            Self::Approve { text, .. } | Self::Cancel { text, .. } => {
                at_most("text", text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
            }
        }
    }
}

/// What the ledger's command key signs of an order: the context and
/// J({command,expires_at,ledger,node,nonce,not_before,parameters}). Its other members bind no node, and
/// `sig` may hold anything.
pub fn command_bytes(order: &CommandOrder, ledger: &Hash) -> Vec<u8> {
    let statement = serde_json::json!({
        "command": order.command, "expires_at": order.expires_at, "ledger": ledger, "node": order.node,
        "nonce": order.nonce, "not_before": order.not_before, "parameters": order.parameters,
    });
    signed_statement(COMMAND_CONTEXT, &statement)
}

/// The state to which a command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// It is being carried out.
    Running,
    /// It was carried out.
    Succeeded,
    /// It was begun, and failed.
    Failed,
    /// It was not begun.
    Refused,
}

/// Payload of `receipt`: what became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandReceipt {
    /// Why it was refused; present exactly with [`ReceiptState::Refused`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub code: Option<Name>,
    /// Event hash of the command.
    pub command: Hash,
    /// How long it took, in milliseconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// With which status its process ended, 0 to 255.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub exit: Option<u64>,
    /// What it wrote, or a part of that; at most 65,536 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Length of the whole output, in bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// BLAKE3 of the whole output.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub output_hash: Option<Hash>,
    /// How far it has come.
    pub state: ReceiptState,
}

impl Schema for CommandReceipt {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(
            self.code.is_some() == (self.state == ReceiptState::Refused),
            "code belongs to refused and only to it",
        )?;
        within("exit", self.exit.unwrap_or_default(), 0..=MAX_EXIT)?;
        at_most("output", self.output.as_deref().unwrap_or_default(), MAX_OUTPUT_BYTES)
    }
}

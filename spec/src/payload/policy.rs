//! Policies: what an organisation lets its nodes be told, within what each node lets itself be told.

use super::{PayloadError, Schema, at_most, check_object, present, rule, within};
use crate::canonical::{self, WriteError};
use crate::hash::{Domain, Hash};
use crate::ids::{Name, Uuid};
use crate::limits::MAX_POLICY_BYTES;
use crate::selector::Selector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_COMMANDS: u64 = 64;
const MAX_LISTED: u64 = 256;
const MAX_TEXT_BYTES: usize = 4096;

/// The format that a document says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum PolicyFormat {
    /// What nodes may be told, as a narrowing.
    #[default]
    #[serde(rename = "vaultmesh-policy-v1")]
    V1,
}

/// The fate of a command that a policy does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyMode {
    /// It is refused.
    Enforce,
    /// It is carried out, and its receipt says that it would have been refused.
    Observe,
}

/// The bounds of one command. Whatever is absent is as the node has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyNarrowing")]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    /// Lines of a journal, at most.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Paths of files: at most 256, sorted, each once.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Names of templates, as `paths`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub templates: Option<Vec<String>>,
    /// Names of units, as `paths`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<String>>,
}

/// The commands that a node may be told, of what it lets itself be told: a document that is named by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The commands by name, at most 64; no other is allowed.
    pub allow: BTreeMap<Name, Narrowing>,
    /// What it is.
    pub format: PolicyFormat,
    /// What becomes of what it does not allow.
    pub mode: PolicyMode,
}

impl PolicyDocument {
    /// Reads a document from JSON, in any spacing and order.
    ///
    /// # Errors
    /// It is none, or breaks a rule of it.
    pub fn parse(json: &str) -> Result<Self, PayloadError> {
        check_object(json.trim_start())?;
        let document: Self = serde_json::from_str(json).map_err(|e| PayloadError::Schema(e.to_string()))?;
        document.validate()?;
        Ok(document)
    }

    /// Its bytes, and the hash of these by which everybody names it: `BLAKE3(30 ‖ J(document))`.
    ///
    /// # Errors
    /// A number in it has no canonical form; no document that was read has one.
    pub fn bytes_and_hash(&self) -> Result<(Vec<u8>, Hash), WriteError> {
        let bytes = canonical::to_vec(self)?;
        let hash = Hash::of(Domain::Policy, &[&bytes]);
        Ok((bytes, hash))
    }
}

impl Schema for PolicyDocument {
    fn validate(&self) -> Result<(), PayloadError> {
        within("allow", self.allow.len(), 0..=MAX_COMMANDS)?;
        for narrowing in self.allow.values() {
            let lists = [&narrowing.paths, &narrowing.templates, &narrowing.units];
            for list in lists.into_iter().flatten() {
                within("a list", list.len(), 0..=MAX_LISTED)?;
                rule(list.is_sorted_by(|a, b| a < b), "lists must be sorted, each member once")?;
                list.iter().try_for_each(|text| at_most("a member of a list", text, MAX_TEXT_BYTES))?;
            }
        }
        let (bytes, _) = self.bytes_and_hash().map_err(|e| PayloadError::Schema(e.to_string()))?;
        within("bytes of the document", bytes.len(), 0..=MAX_POLICY_BYTES as u64)
    }
}

/// Payload of `policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Policy {
    /// Nodes are to follow a policy: one node, or all that a selector selects at any time.
    Assign {
        /// The policy.
        document: PolicyDocument,
        /// The node; exactly one of this and `selector` is present.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        node: Option<Uuid>,
        /// Which nodes, by their labels: a [`Selector`].
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        selector: Option<String>,
    },
    /// An assignment holds no longer.
    Withdraw {
        /// Event hash of the assignment.
        assignment: Hash,
    },
}

impl Schema for Policy {
    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Assign { document, node, selector } = self else { return Ok(()) };
        rule(node.is_some() != selector.is_some(), "an assignment names a node or has a selector")?;
        if let Some(selector) = selector {
            let read = selector.parse::<Selector>();
            read.map_err(|e| PayloadError::Schema(format!("selector: {e}")))?;
        }
        document.validate()
    }
}

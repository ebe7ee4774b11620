//! The baseline of a node's scans: which one is right, by a person's word.

use super::{Schema, present};
use crate::hash::Hash;
use crate::ids::Uuid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Payload of `baseline`: a person has accepted what a node's scans are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BaselinePayload")]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The baseline's id, as scans name it.
    pub baseline: Hash,
    /// The node.
    pub node: Uuid,
    /// Root of the tree of watched files in the scan that the person looked at; absent if it had none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tree_root: Option<Hash>,
}

impl Schema for Baseline {}

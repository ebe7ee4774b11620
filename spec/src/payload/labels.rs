//! The labels of a node.

use super::{PayloadError, Schema, at_most, within};
use crate::ids::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_LABELS: u64 = 64;
const MAX_LABEL_BYTES: usize = 256;

/// Payload of `labels`: all labels of the node that the header names, in place of those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LabelsPayload")]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The labels by name: at most 64, each text at most 256 bytes.
    pub labels: BTreeMap<Name, String>,
}

impl Schema for Labels {
    fn validate(&self) -> Result<(), PayloadError> {
        within("labels", self.labels.len(), 0..=MAX_LABELS)?;
        self.labels.values().try_for_each(|label| at_most("labels", label, MAX_LABEL_BYTES))
    }
}

//! The labels of a node, and what people call it.

use super::{PayloadError, Schema, at_most, present, rule, within};
use crate::ids::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_LABELS: u64 = 64;
const MAX_LABEL_BYTES: usize = 256;

/// Payload of `labels`: what operators call the node that the header names. What is absent stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LabelsPayload")]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// All labels by name, in place of those before: at most 64, each text at most 256 bytes. Always there in
    /// version 1.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<Name, String>>,
    /// The name of the node, in place of the one before (from version 2 on).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}

impl Schema for Labels {
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        if self.name.is_some() || self.labels.is_none() { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.labels.is_some() || self.name.is_some(), "labels or a name are expected")?;
        self.labels.as_ref().map_or(Ok(()), check_labels)
    }
}

/// Refuses labels that are too many or too long.
pub(super) fn check_labels(labels: &BTreeMap<Name, String>) -> Result<(), PayloadError> {
    within("labels", labels.len(), 0..=MAX_LABELS)?;
    labels.values().try_for_each(|label| at_most("labels", label, MAX_LABEL_BYTES))
}

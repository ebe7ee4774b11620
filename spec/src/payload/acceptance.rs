//! Acceptances: findings of scans that people know of and take as they are, for a reason and until a date.

use super::{PayloadError, Schema, at_most, filled, present, rule};
use crate::event::Severity;
use crate::hash::Hash;
use crate::ids::{Name, Uuid};
use crate::selector::Selector;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_SUBJECT_BYTES: usize = 4096;
const MAX_TEXT_BYTES: usize = 1024;

/// Payload of `acceptance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AcceptancePayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Acceptance {
    /// What a check finds is accepted: on one node, on those that a selector selects at any time, or on all.
    Accept {
        /// The check.
        check: Name,
        /// When it is accepted no longer.
        expires_at: Timestamp,
        /// The node; not beside `selector`.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        node: Option<Uuid>,
        /// Which nodes, by their labels: a [`Selector`]; absent without `node`: every node of the organisation.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        selector: Option<String>,
        /// The gravest that is accepted, not [`Severity::Info`]; absent: whatever it comes to be.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
        /// What the finding is about, at most 4,096 bytes; absent: everything the check finds.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// Why, 1 to 1,024 bytes.
        text: String,
    },
    /// An acceptance holds no longer.
    Withdraw {
        /// Event hash of the acceptance.
        acceptance: Hash,
    },
}

impl Schema for Acceptance {
    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Accept { node, selector, severity, subject, text, .. } = self else { return Ok(()) };
        rule(node.is_none() || selector.is_none(), "an acceptance names a node or has a selector")?;
        if let Some(selector) = selector {
            let read = selector.parse::<Selector>();
            read.map_err(|e| PayloadError::Schema(format!("selector: {e}")))?;
        }
        rule(*severity != Some(Severity::Info), "a finding is low at least")?;
        at_most("subject", subject.as_deref().unwrap_or_default(), MAX_SUBJECT_BYTES)?;
        filled("text", text, MAX_TEXT_BYTES)
    }
}

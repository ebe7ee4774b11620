//! Silences: what operators do not want to be told for a while.

use super::{PayloadError, Schema, at_most, filled, present, rule};
use crate::hash::Hash;
use crate::ids::{Name, Uuid};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_SUBJECT_BYTES: usize = 4096;
const MAX_TEXT_BYTES: usize = 1024;

/// Payload of `silence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SilencePayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Silence {
    /// A silence begins, over whatever fits all of its members; it has a node, a reason or a tenant.
    Create {
        /// When it ends by itself.
        expires_at: Timestamp,
        /// The node.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        node: Option<Uuid>,
        /// The reason of attention.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        reason: Option<Name>,
        /// The subject of the reason, at most 4,096 bytes; only beside `reason`.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// The tenant.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        tenant: Option<Name>,
        /// Why, 1 to 1,024 bytes.
        text: String,
    },
    /// A silence ends before its time.
    End {
        /// Event hash of the one that ends.
        silence: Hash,
    },
}

impl Schema for Silence {
    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Create { node, reason, subject, tenant, text, .. } = self else { return Ok(()) };
        rule(
            node.is_some() || reason.is_some() || tenant.is_some(),
            "a silence names a node, a reason or a tenant",
        )?;
        rule(subject.is_none() || reason.is_some(), "subject belongs to a reason")?;
        at_most("subject", subject.as_deref().unwrap_or_default(), MAX_SUBJECT_BYTES)?;
        filled("text", text, MAX_TEXT_BYTES)
    }
}

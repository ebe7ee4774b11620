//! Webhooks: who is told of events elsewhere, and what they were told.

use super::{PayloadError, Schema, at_most, filled, present, rule, within};
use crate::hash::Hash;
use crate::ids::{Name, Uuid};
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::RangeInclusive;

const MAX_URL_BYTES: usize = 2048;
const MAX_TYPES: u64 = 16;
const MAX_EVENTS: u64 = 256;
const MAX_MESSAGE_BYTES: usize = 128;

/// The statuses HTTP has.
const STATUSES: RangeInclusive<u64> = 100..=599;

/// What a webhook can be told, sorted.
pub const WEBHOOK_TYPES: [&str; 5] =
    ["attention.band", "incident.acked", "incident.opened", "incident.reopened", "incident.resolved"];

/// A type of what a webhook can be told: one of [`WEBHOOK_TYPES`].
#[derive(Debug, Clone, Copy)]
pub struct WebhookType;

impl JsonSchema for WebhookType {
    fn schema_name() -> Cow<'static, str> {
        "WebhookType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "string", "description": "What a webhook can be told.", "enum": WEBHOOK_TYPES})
    }
}

/// Payload of `webhook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Webhook {
    /// A webhook is made.
    Create {
        /// Its id, by which the log names it.
        id: Uuid,
        /// `BLAKE3(14 ‖ secret)`; the secret is never stored in the log.
        secret: Hash,
        /// What it is told, such as `incident.opened`: 1 to 16, sorted.
        types: Vec<Name>,
        /// Where it is told, at most 2,048 bytes; begins with `https://` or `http://`.
        url: String,
    },
    /// A webhook is told no more.
    Remove {
        /// Its id.
        id: Uuid,
    },
}

impl Schema for Webhook {
    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Create { types, url, .. } = self else { return Ok(()) };
        within("types", types.len(), 1..=MAX_TYPES)?;
        rule(types.is_sorted_by(|a, b| a < b), "types must be sorted, each once")?;
        at_most("url", url, MAX_URL_BYTES)?;
        rule(
            url.starts_with("https://") || url.starts_with("http://"),
            "url must begin with https:// or http://",
        )
    }
}

/// The fate of a message to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DeliveryOutcome")]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It was taken.
    Delivered,
    /// It was not taken, and will be sent again.
    Failed,
    /// It was not taken, and will not be sent again.
    GivenUp,
}

/// Payload of `notice`: what a webhook was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticePayload")]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Which attempt it was, from 1.
    pub attempt: u64,
    /// Event hashes of what it told, 1 to 256.
    pub events: Vec<Hash>,
    /// The id of the message, 1 to 128 bytes.
    pub message: String,
    /// What became of it.
    pub outcome: Delivery,
    /// The status of the answer, 100 to 599; absent: there was no answer.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
    /// The webhook.
    pub webhook: Uuid,
}

impl Schema for Notice {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.attempt >= 1, "attempt must be at least 1")?;
        within("events", self.events.len(), 1..=MAX_EVENTS)?;
        filled("message", &self.message, MAX_MESSAGE_BYTES)?;
        self.status.map_or(Ok(()), |status| within("status", status, STATUSES))
    }
}

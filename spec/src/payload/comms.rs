//! What people and bots say to each other through the log: notes, incidents and the answers to them.

use super::{PayloadError, Schema, at_most, filled, present};
use crate::hash::Hash;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_TITLE_BYTES: usize = 512;
const MAX_TAGS: usize = 64;
const MAX_TAG_BYTES: usize = 128;
const MAX_ASSIGNEE_BYTES: usize = 256;

/// Payload of `note`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NotePayload")]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Event hash of what the note is about.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub target: Option<Hash>,
    /// The remark.
    pub text: String,
}

/// Payload of `incident`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IncidentPayload")]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// More than the title says.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// One line.
    pub title: String,
}

/// Payload of `reopen` and of `resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReplyPayload")]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Event hash of the incident.
    pub target: Hash,
    /// A remark.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Payload of `ack`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AckPayload")]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// From version 2 on: until when the incident is being looked after; absent: as the ruleset says.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Event hash of the incident.
    pub target: Hash,
    /// A remark, at most 65,536 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Payload of `assign`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AssignPayload")]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// Who looks after it from now on, 1 to 256 bytes; absent: nobody.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Event hash of the incident.
    pub target: Hash,
    /// A remark, at most 65,536 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Payload of `tag`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TagPayload")]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// The words, at least one.
    pub tags: Vec<String>,
    /// Event hash of what they belong to.
    pub target: Hash,
}

impl Schema for Note {
    const FLAT: bool = true;

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("text", &self.text, MAX_TEXT_BYTES)
    }
}

impl Schema for Incident {
    const FLAT: bool = true;

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("title", &self.title, MAX_TITLE_BYTES)?;
        at_most("text", self.text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
    }
}

impl Schema for Reply {
    const FLAT: bool = true;

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("text", self.text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
    }
}

impl Schema for Ack {
    const FLAT: bool = true;
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        if self.expires_at.is_some() { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("text", self.text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
    }
}

impl Schema for Assign {
    const FLAT: bool = true;

    fn validate(&self) -> Result<(), PayloadError> {
        if let Some(assignee) = &self.assignee {
            filled("assignee", assignee, MAX_ASSIGNEE_BYTES)?;
        }
        at_most("text", self.text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
    }
}

impl Schema for Tag {
    const FLAT: bool = true;

    fn validate(&self) -> Result<(), PayloadError> {
        if self.tags.is_empty() || self.tags.len() > MAX_TAGS {
            return Err(PayloadError::Schema(format!("tags must be 1 to {MAX_TAGS} words")));
        }
        self.tags.iter().try_for_each(|tag| at_most("tags", tag, MAX_TAG_BYTES))
    }
}

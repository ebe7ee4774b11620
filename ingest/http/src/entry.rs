//! An entry as lists of entries have it, whoever answers with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spec::{Hash, Header, Record, Timestamp};
use std::borrow::Cow;

/// An entry as lists of entries have it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EventEntry")]
pub struct EntryRow<'a> {
    /// Its number.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// By this others name its event.
    pub event_hash: Hash,
    /// Its leaf of the tree.
    pub leaf: Hash,
    /// Its event without the payload, as it was signed.
    #[schemars(with = "Header")]
    pub event: Box<RawValue>,
    /// What the event says, of the schema of its kind; absent after an erasure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub payload: Option<Cow<'a, RawValue>>,
}

impl<'a> EntryRow<'a> {
    /// A record as lists of entries have it. Both texts are canonical JSON already; `None` if one is not.
    pub fn of(record: &'a Record) -> Option<Self> {
        let entry = &record.entry;
        let mut header = Vec::with_capacity(1024);
        entry.header.write(Some(&entry.sig), &mut header);
        let payload = record.payload.as_ref().map(|payload| serde_json::from_str(&payload.json));
        Some(Self {
            seq: entry.position.seq,
            recorded_at: entry.position.recorded_at,
            event_hash: entry.header.event_hash(&entry.sig),
            leaf: record.leaf,
            event: RawValue::from_string(String::from_utf8(header).ok()?).ok()?,
            payload: payload.transpose().ok()?.map(Cow::Borrowed),
        })
    }
}

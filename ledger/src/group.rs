//! The group that the sequencer fills: what will be one write, and what is to be told once it is durable.

use crate::admission::Code;
use spec::entry::Position;
use spec::limits::{MAX_GROUP_BYTES, MAX_GROUP_ENTRIES};
use spec::{Hash, Header, Kind, PublicKey, Timestamp};
use std::collections::BTreeMap;

/// The group that is being filled.
#[derive(Debug, Default)]
pub(crate) struct GroupInProgress {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lengths: Vec<u64>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) entries: Vec<(u64, Hash, Position)>,
    pub(crate) terms: BTreeMap<String, Vec<u64>>,
    /// Event hash and code of what refusal entries of this group quote, by their seq.
    pub(crate) refusals: BTreeMap<u64, (Hash, Code)>,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) changed: Vec<PublicKey>,
    pub(crate) directory_changed: bool,
}

impl GroupInProgress {
    pub(crate) fn is_full(&self, room: usize) -> bool {
        self.lengths.len() >= MAX_GROUP_ENTRIES || self.bytes.len() + room > MAX_GROUP_BYTES - 64 * 1024
    }

    pub(crate) fn find(&self, seq: u64) -> Option<(Position, Hash)> {
        let at = self.entries.iter().position(|(s, _, _)| *s == seq)?;
        Some((self.entries.get(at)?.2, *self.leaves.get(at)?))
    }

    /// Remembers what readers must see changed once the group is durable.
    pub(crate) fn note_changes(&mut self, header: &Header, payload: &str) {
        match header.kind {
            Kind::Key | Kind::KeyStatus => {
                self.directory_changed = true;
                self.changed.extend(key_in(payload));
            }
            Kind::Token | Kind::Enrolment => self.directory_changed = true,
            Kind::Authority => {
                self.directory_changed = true;
                let change = serde_json::from_str::<spec::payload::Authority>(payload).ok().map(|p| p.change);
                self.changed.extend(change.into_iter().flat_map(|change| [change.old, change.new]));
            }
            _ => {}
        }
    }
}

fn key_in(payload: &str) -> Option<PublicKey> {
    let value: serde_json::Value = serde_json::from_str(payload).ok()?;
    value.get("key")?.as_str()?.parse().ok()
}

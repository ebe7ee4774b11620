//! The receipt: what the ledger answers to an event, and how the author checks it.
//!
//! The entry is rebuilt from the author's own event and the place the receipt names; its leaf, computed
//! here, must be in the tree of a checkpoint that the ledger signed. What the receipt says of hashes is
//! compared, never trusted.

use proofs::Checkpoint;
use proofs::tree::{Blake3, ProofError, TreeHash as _, verify_inclusion};
use serde::{Deserialize, Serialize};
use spec::entry::Position;
use spec::{Event, Hash, Lane, Timestamp};

/// A receipt as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The entry's number.
    pub seq: u64,
    /// Leaf of the entry before.
    pub prev: Hash,
    /// The entry's place within its organisation.
    pub lane: LanePlace,
    /// When the ledger recorded it.
    pub recorded_at: Timestamp,
    /// Event hash of the event it is about.
    pub event_hash: Hash,
    /// The entry's leaf.
    pub leaf: Hash,
    /// Whether the event was in the ledger already.
    pub duplicate: bool,
    /// Inclusion path of the leaf to the checkpoint.
    #[serde(default)]
    pub inclusion: Vec<Hash>,
    /// The checkpoint, unless the answer has one for all its receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// [`Lane`] as it stands in a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanePlace {
    /// Number within the organisation.
    pub n: u64,
    /// Leaf of the organisation's entry before.
    pub prev: Hash,
}

/// The reason why a receipt proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is about another event.
    #[error("the receipt is about another event")]
    OtherEvent,
    /// Its leaf is not that of the entry it describes.
    #[error("the receipt's leaf is not that of the entry it describes")]
    Leaf,
    /// The entry is not in the checkpoint's tree.
    #[error("the entry is not in the checkpoint's tree: {0}")]
    Inclusion(#[from] ProofError),
}

impl Receipt {
    /// Checks the receipt against the author's own event and a checkpoint whose signature was checked.
    /// Returns the entry's leaf.
    pub fn verify(&self, event: &Event, checkpoint: &Checkpoint) -> Result<Hash, ReceiptError> {
        if self.event_hash != event.hash() {
            return Err(ReceiptError::OtherEvent);
        }
        let mut signed = Vec::with_capacity(1024);
        event.header.write(Some(&event.sig), &mut signed);
        let mut entry = Vec::with_capacity(signed.len() + 320);
        self.position().write_entry(&signed, &mut entry);
        let leaf = Blake3::leaf(&entry);
        if leaf != self.leaf {
            return Err(ReceiptError::Leaf);
        }
        verify_inclusion::<Blake3>(&leaf, self.seq, checkpoint.size, &self.inclusion, &checkpoint.root)?;
        Ok(leaf)
    }

    fn position(&self) -> Position {
        Position {
            seq: self.seq,
            prev: self.prev,
            lane: Lane { n: self.lane.n, prev: self.lane.prev },
            recorded_at: self.recorded_at,
        }
    }
}

//! The receipt on the wire.
//!
//! ```text
//! {"seq":42,"prev":"…","lane":{"n":7,"prev":"…"},"recorded_at":"…","event_hash":"…","leaf":"…",
//!  "duplicate":false,"inclusion":["…"],"checkpoint":"<note>"}
//! ```

use ledger::Receipt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::canonical::{write_string, write_u64};
use spec::hash::write_hex;
use spec::{Hash, Timestamp};

/// A receipt as clients read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Receipt")]
pub struct ReceiptRow {
    /// Seq of the entry.
    pub seq: u64,
    /// Leaf of the entry before it.
    pub prev: Hash,
    /// Its place among the entries of its organisation.
    pub lane: LaneRow,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// By this others name the event.
    pub event_hash: Hash,
    /// Its leaf of the tree.
    pub leaf: Hash,
    /// Whether it was in the ledger before.
    pub duplicate: bool,
    /// The path from its leaf to the root of the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion: Option<Vec<Hash>>,
    /// The checkpoint that has it; a batch has one for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// A place among the entries of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct LaneRow {
    /// Number within the organisation, from 0 without gaps.
    pub n: u64,
    /// Leaf of the organisation's entry before.
    pub prev: Hash,
}

/// Bytes a receipt takes without its inclusion path and checkpoint.
pub(crate) const RECEIPT_BYTES: usize = 512;

/// Appends a receipt; with its own checkpoint unless the answer has one for all.
pub(crate) fn write_receipt(receipt: &Receipt, checkpoint: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"seq\":");
    write_u64(receipt.seq, out);
    write_hash(b",\"prev\":\"", &receipt.prev, out);
    out.extend_from_slice(b",\"lane\":{\"n\":");
    write_u64(receipt.lane.n, out);
    write_hash(b",\"prev\":\"", &receipt.lane.prev, out);
    out.extend_from_slice(b"},\"recorded_at\":\"");
    receipt.recorded_at.write(out);
    write_hash(b"\",\"event_hash\":\"", &receipt.event_hash, out);
    write_hash(b",\"leaf\":\"", &receipt.leaf, out);
    out.extend_from_slice(if receipt.duplicate { b",\"duplicate\":true" } else { b",\"duplicate\":false" });
    if checkpoint.is_some() || !receipt.inclusion.is_empty() {
        out.extend_from_slice(b",\"inclusion\":");
        write_hashes(&receipt.inclusion, out);
    }
    if let Some(note) = checkpoint {
        out.extend_from_slice(b",\"checkpoint\":");
        write_string(note, out);
    }
    out.push(b'}');
}

/// Appends hashes as an array of hex texts.
pub(crate) fn write_hashes(hashes: &[Hash], out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, hash) in hashes.iter().enumerate() {
        write_hash(if i == 0 { b"\"" } else { b",\"" }, hash, out);
    }
    out.push(b']');
}

/// Appends `lead`, the hash's hex digits and a closing quote.
pub(crate) fn write_hash(lead: &[u8], hash: &Hash, out: &mut Vec<u8>) {
    out.extend_from_slice(lead);
    write_hex(&hash.0, out);
    out.push(b'"');
}

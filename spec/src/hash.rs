//! BLAKE3 with one domain byte in front, and its hex form.
//!
//! `hash(domain, a ‖ b ‖ …) = BLAKE3(domain byte ‖ a ‖ b ‖ …)`. Inputs are raw bytes, never hex.

use crate::ids::TextError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The use of a hash: the first byte hashed, so that no two uses can be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Domain {
    /// A leaf of the Merkle tree (RFC 9162, section 2.1.1).
    Leaf = 0x00,
    /// An inner node of the Merkle tree (RFC 9162, section 2.1.1).
    Node = 0x01,
    /// A payload under its salt.
    Payload = 0x02,
    /// An event: header and signature.
    Event = 0x03,
    /// The bytes of a group, named by its commit line.
    Commit = 0x04,
    /// The path of a member in the key map, and in every map that is not the lane map.
    KeyPath = 0x10,
    /// The path of an organisation in the lane map.
    LanePath = 0x11,
    /// A map with one member.
    MapLeaf = 0x12,
    /// A map with more than one member.
    MapBranch = 0x13,
    /// The secret of an enrolment token, an API token or a webhook.
    Token = 0x14,
    /// The bytes cut from a torn tail.
    CutTail = 0x15,
    /// A part of the proof chain.
    ProofChainPart = 0x16,
    /// A file of event ids that belongs to a closed segment.
    IdFile = 0x17,
    /// The identity of an event for the sake of idempotency: organisation, author, id.
    EventIdentity = 0x18,
    /// The identity of a place in an author chain: key, epoch, sequence number.
    ChainPlace = 0x19,
    /// The map roots that admission rests on, as a seal commits to them.
    Admission = 0x1a,
    /// The identity of a change of attention that the ledger announces.
    Announcement = 0x1b,
    /// A decision of the scheduler: what it rests on.
    Decision = 0x1e,
    /// An order of the scheduler: the decision it follows from, and the node.
    Order = 0x1f,
    /// A file in the tree of a scan: its leaf in canonical JSON.
    ScannedFile = 0x20,
    /// The extended attributes of a file in the tree of a scan.
    ScannedAttributes = 0x21,
    /// What a check of a scan saw: the check's id, a zero byte, what was seen.
    Evidence = 0x22,
    /// The baseline of a scan.
    Baseline = 0x23,
    /// A segment, as it was before it was packed.
    Segment = 0x28,
    /// A part of a packed segment.
    PackedPart = 0x29,
    /// A policy: its document in canonical JSON.
    Policy = 0x30,
    /// A person: ledger, issuer, subject.
    User = 0x31,
    /// A leaf of a sum tree: an entry that an invoice rests on.
    SumLeaf = 0x32,
    /// An inner node of a sum tree.
    SumNode = 0x33,
}

/// A 256-bit BLAKE3 or SHA-256 digest. In JSON: 64 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// 64 zeros in hex: "there is none", as in the `prev` of entry 0.
    pub const ZERO: Self = Self([0; 32]);

    /// BLAKE3 of the domain byte and the parts, one after another.
    pub fn of(domain: Domain, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[domain as u8]);
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// BLAKE3 of nothing: the root of an empty tree and of an empty map.
    pub fn empty() -> Self {
        Self(*blake3::hash(b"").as_bytes())
    }

    /// The 64 lowercase hex digits.
    pub fn to_hex(self) -> String {
        let mut out = Vec::with_capacity(64);
        write_hex(&self.0, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Reads exactly 64 lowercase hex digits.
    pub fn from_hex(text: &str) -> Result<Self, TextError> {
        let mut bytes = [0; 32];
        if read_hex(text, &mut bytes) {
            Ok(Self(bytes))
        } else {
            Err(TextError::new("64 lowercase hex digits", text))
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_hex(&text).map_err(serde::de::Error::custom)
    }
}

/// Appends the lowercase hex digits of `bytes`.
pub fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or(b'0');
    let from = out.len();
    out.resize(from + bytes.len() * 2, 0);
    let (pairs, _) = out.get_mut(from..).unwrap_or_default().as_chunks_mut::<2>();
    for (pair, b) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(b >> 4), digit(b & 15)];
    }
}

/// What each byte is as a lowercase hex digit; 255 for those that are none.
#[expect(clippy::indexing_slicing, reason = "run by the compiler: a place out of range would not build")]
const DIGIT_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut n: u8 = 0;
    while n < 16 {
        values[(if n < 10 { b'0' + n } else { b'a' + n - 10 }) as usize] = n;
        n += 1;
    }
    values
};

/// Fills `out` from exactly twice as many lowercase hex digits; says whether it could.
pub fn read_hex(text: &str, out: &mut [u8]) -> bool {
    let digits = text.as_bytes();
    if digits.len() != out.len() * 2 {
        return false;
    }
    let value = |d: u8| DIGIT_VALUES.get(usize::from(d)).copied().unwrap_or(255);
    let mut seen = 0;
    for (slot, [high, low]) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        *slot = high << 4 | low;
    }
    // A value that is no digit has bits above the lower four.
    seen < 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_strict() {
        let text = "00ff".repeat(16);
        assert_eq!(Hash::from_hex(&text).unwrap().to_hex(), text);
        for bad in [&text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('0', "g"), ""] {
            assert!(Hash::from_hex(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domain_is_the_first_byte() {
        assert_eq!(Hash::of(Domain::Event, &[b"a", b"b"]).0, *blake3::hash(b"\x03ab").as_bytes());
        assert_eq!(
            Hash::empty().to_hex(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }
}

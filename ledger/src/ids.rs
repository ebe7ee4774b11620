//! Who is in the log already: identities of events and places of author chains, by full-width hash.
//!
//! The open segment's are in memory; each closed segment has a file of them, sorted, with a checksum,
//! chained to the file before. A missing or damaged file is rebuilt from its segment: a damaged index may
//! make an append slower but can never let a duplicate in.
//!
//! ```text
//! "vmids001" ‖ u64be first seq ‖ u64be next seq ‖ u64be oldest id time ‖ u64be newest id time ‖ hash of
//! the file before ‖ u64be count ‖ count × (hash ‖ u64be seq) sorted ‖ BLAKE3(17 ‖ all before)
//! ```

use crate::admission::chain_place;
use spec::entry::Record;
use spec::payload::Refusal;
use spec::{Domain, Hash, Header, Kind};

const MAGIC: &[u8; 8] = b"vmids001";
const ROW: usize = 40;
const HEAD: usize = 8 + 8 * 4 + 32 + 8;

/// Where an event stands in its author's chain, as a hash; `None` if it is not chained.
pub fn place_of(header: &Header) -> Option<Hash> {
    header.chain.as_ref().map(|link| chain_place(&header.key, &link.epoch, link.seq))
}

/// The time in an event's id, in milliseconds.
pub(crate) fn id_time(header: &Header) -> u64 {
    header.id.time().map_or(0, spec::Timestamp::millis)
}

/// The ids of the open segment.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "rows are sorted before they are written; here only looked up")]
pub struct OpenIds {
    rows: std::collections::HashMap<Hash, u64>,
    /// Oldest and newest id time of whole groups, and of the group that is being filled.
    settled: Times,
    filling: Times,
    first: u64,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    oldest: u64,
    newest: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { oldest: u64::MAX, newest: 0 }
    }
}

impl Times {
    fn and(self, other: Self) -> Self {
        Self { oldest: self.oldest.min(other.oldest), newest: self.newest.max(other.newest) }
    }
}

impl OpenIds {
    /// No ids yet, in a segment that starts at `first`.
    pub fn new(first: u64) -> Self {
        Self { first, next: first, ..Self::default() }
    }

    /// Adds an entry's ids; `identity` is the header's.
    pub fn insert(&mut self, header: &Header, identity: Hash, seq: u64) {
        self.rows.insert(identity, seq);
        if let Some(place) = place_of(header) {
            self.rows.insert(place, seq);
        }
        let time = header.id.time().map_or(0, spec::Timestamp::millis);
        self.filling = self.filling.and(Times { oldest: time, newest: time });
        self.next = seq + 1;
    }

    /// The group that was being filled belongs to this segment.
    pub fn end_group(&mut self) {
        self.settled = self.settled.and(std::mem::take(&mut self.filling));
    }

    /// Adds an entry's ids and, for a refusal, the place of the event it quotes.
    pub fn insert_with_traces(&mut self, record: &Record, identity: Hash) {
        let seq = record.entry.position.seq;
        self.insert(&record.entry.header, identity, seq);
        if record.entry.header.kind != Kind::Refusal {
            return;
        }
        let payload = record.payload.as_ref().and_then(|p| serde_json::from_str::<Refusal>(&p.json).ok());
        let quoted = payload.and_then(|p| crate::state::quoted(&p.header, &p.sig));
        if let Some(place) = quoted.and_then(|(header, _)| place_of(&header)) {
            self.insert_place(place, seq);
        }
    }

    /// Seq after the last that was added.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Adds a place that a refusal took without an entry of its own.
    pub fn insert_place(&mut self, place: Hash, seq: u64) {
        self.rows.insert(place, seq);
    }

    /// Seq under a hash.
    pub fn get(&self, hash: &Hash) -> Option<u64> {
        self.rows.get(hash).copied()
    }

    /// Divides the ids into those of whole groups, which end at `next`, and those of the group that is
    /// being filled, which opens the next segment.
    pub fn split(self, next: u64) -> (Self, Self) {
        let (below, above) = self.rows.into_iter().partition(|(_, seq)| *seq < next);
        let none = Times::default();
        (
            Self { rows: below, settled: self.settled, filling: none, first: self.first, next },
            Self { rows: above, settled: none, filling: self.filling, first: next, next: self.next },
        )
    }

    /// The file for this segment, now closed.
    pub fn to_file(&self, previous: Hash) -> ClosedIds {
        let mut bytes = Vec::with_capacity(HEAD + self.rows.len() * ROW + 32);
        bytes.extend_from_slice(MAGIC);
        let Times { oldest, newest } = self.settled.and(self.filling);
        for number in [self.first, self.next, oldest, newest] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&previous.0);
        bytes.extend_from_slice(&(self.rows.len() as u64).to_be_bytes());
        let mut rows: Vec<(&Hash, &u64)> = self.rows.iter().collect();
        rows.sort_unstable();
        for (hash, seq) in rows {
            bytes.extend_from_slice(&hash.0);
            bytes.extend_from_slice(&seq.to_be_bytes());
        }
        let checksum = Hash::of(Domain::IdFile, &[&bytes]);
        bytes.extend_from_slice(&checksum.0);
        ClosedIds { bytes, oldest, newest, first: self.first, next: self.next, checksum }
    }
}

/// The ids of a closed segment.
#[derive(Debug)]
pub struct ClosedIds {
    bytes: Vec<u8>,
    /// Oldest id time within, in milliseconds.
    pub oldest: u64,
    /// Newest id time within, in milliseconds.
    pub newest: u64,
    /// First seq of the segment.
    pub first: u64,
    /// Seq after its last.
    pub next: u64,
    /// The file's checksum: its name in the chain of files.
    pub checksum: Hash,
}

impl ClosedIds {
    /// Reads a file; `None` if it is damaged or not the one that follows `previous`.
    pub fn parse(bytes: Vec<u8>, previous: Option<Hash>) -> Option<Self> {
        let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let checksum = Hash(checksum.try_into().ok()?);
        if Hash::of(Domain::IdFile, &[body]) != checksum || body.get(..8)? != MAGIC {
            return None;
        }
        let number = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
        let count = usize::try_from(number(HEAD - 8)?).ok()?;
        let chained = previous.is_none_or(|p| body.get(40..72) == Some(&p.0));
        if !chained || body.len() != HEAD.checked_add(count.checked_mul(ROW)?)? {
            return None;
        }
        let (first, next, oldest, newest) = (number(8)?, number(16)?, number(24)?, number(32)?);
        Some(Self { bytes, oldest, newest, first, next, checksum })
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Seq under a hash.
    pub fn get(&self, hash: &Hash) -> Option<u64> {
        let rows = self.bytes.get(HEAD..self.bytes.len() - 32)?;
        let row = |i: usize| rows.get(i * ROW..(i + 1) * ROW);
        let (mut low, mut high) = (0, rows.len() / ROW);
        while low < high {
            let middle = low.midpoint(high);
            let (key, seq) = row(middle)?.split_at_checked(32)?;
            match key.cmp(&hash.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(u64::from_be_bytes(seq.try_into().ok()?)),
            }
        }
        None
    }
}

/// Name of a closed segment's id file.
pub fn file_name(first: u64) -> String {
    format!("ids/{first:020}.ids")
}

//! The index: where entries lie, which groups mention which terms, full tiles, and the last snapshot.
//!
//! Everything here can be rebuilt from the segments and is never trusted over them: what it points to is
//! read from the log and checked. It lives in fjall, or in memory for a ledger without a directory.

mod rows;

pub use rows::{FjallRows, MemoryRows, Row, RowError, Rows, Space};

use proofs::tile::{NodeSource, TILE_WIDTH, Tile, TileId, Tiles, node_in_row, tile_of};
use proofs::{Blake3, TreeHash};
use serde::{Deserialize, Serialize};
use spec::{Hash, Header, Kind, Timestamp, canonical};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The place of a committed group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLocation {
    /// Seq of its first entry.
    pub first: u64,
    /// `recorded_at` of its first entry.
    pub recorded_at: Timestamp,
    /// The segment.
    pub segment: u64,
    /// Offset of its first line.
    pub offset: u64,
    /// Lengths of its record lines, LFs included.
    pub lengths: Vec<u64>,
}

/// A group as the index takes it in.
#[derive(Debug)]
pub struct IndexedGroup {
    /// Where it lies.
    pub location: GroupLocation,
    /// For each term, the seqs that have it.
    pub terms: BTreeMap<String, Vec<u64>>,
    /// Tiles it finished.
    pub tiles: Vec<(TileId, Arc<Tile>)>,
    /// Size of the ledger after it.
    pub size: u64,
    /// Root at that size.
    pub root: Hash,
    /// A snapshot of the state after it, if one is due.
    pub snapshot: Option<Vec<u8>>,
}

/// The place to which the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexHead {
    /// Entries covered.
    pub size: u64,
    /// Root at that size.
    pub root: Hash,
}

/// The index.
#[derive(Debug, Clone)]
pub struct Index {
    rows: Arc<dyn Rows>,
}

/// The terms under which an entry is found.
pub fn terms_of(header: &Header) -> Vec<String> {
    let mut terms = vec![format!("kind:{}", header.kind), format!("org:{}", header.org)];
    if let Some(node) = header.subject_node() {
        terms.push(format!("node:{node}"));
    }
    if let Some(severity) = header.severity {
        terms.push(format!("severity:{}", severity.as_str()));
    }
    terms
}

impl Index {
    /// An index over rows.
    pub fn new(rows: Arc<dyn Rows>) -> Self {
        Self { rows }
    }

    pub(crate) fn rows(&self) -> Arc<dyn Rows> {
        Arc::clone(&self.rows)
    }

    /// Takes in groups; all of them or none.
    pub fn insert(&self, groups: &[IndexedGroup]) -> Result<(), RowError> {
        let mut batch = Vec::new();
        for group in groups {
            batch.push((Space::Groups, key(group.location.first), group.location.to_bytes()));
            for (term, seqs) in &group.terms {
                batch.push((Space::Terms, term_key(term, group.location.first), deltas(seqs)));
            }
            for (id, tile) in &group.tiles {
                let row: Vec<u8> = tile.hashes().iter().flat_map(|h| h.0).collect();
                batch.push((Space::Tiles, tile_key(*id), checksummed(&row)));
            }
            if let Some(snapshot) = &group.snapshot {
                batch.push((Space::Meta, b"snapshot".to_vec(), checksummed(snapshot)));
            }
        }
        if let Some(last) = groups.last() {
            let head = IndexHead { size: last.size, root: last.root };
            batch.push((Space::Meta, b"head".to_vec(), canonical::to_vec(&head).unwrap_or_default()));
        }
        self.rows.write(batch)
    }

    /// Takes back what was said of head and snapshot: the next open writes everything anew.
    pub fn forget(&self) -> Result<(), RowError> {
        let nothing = |name: &str| (Space::Meta, name.as_bytes().to_vec(), Vec::new());
        self.rows.write(vec![nothing("head"), nothing("snapshot")])
    }

    /// How far it has come; `None` if it is empty.
    pub fn head(&self) -> Result<Option<IndexHead>, RowError> {
        let bytes = self.rows.get(Space::Meta, b"head")?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Stores a snapshot of the state.
    pub fn store_snapshot(&self, snapshot: &[u8]) -> Result<(), RowError> {
        self.rows.write(vec![(Space::Meta, b"snapshot".to_vec(), checksummed(snapshot))])
    }

    /// The last snapshot, if its checksum holds.
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.rows.get(Space::Meta, b"snapshot")?.and_then(|bytes| unchecked(&bytes)))
    }

    /// The group that holds an entry.
    pub fn group_of(&self, seq: u64) -> Result<Option<GroupLocation>, RowError> {
        let found = self.rows.last_at_or_before(Space::Groups, &key(seq))?;
        Ok(found
            .and_then(|(key, value)| GroupLocation::from_row(&key, &value))
            .filter(|group| seq < group.first + group.lengths.len() as u64))
    }

    /// The groups from the one that holds `seq` on, or from it downwards.
    pub fn groups_from(&self, seq: u64, limit: usize) -> Result<Vec<GroupLocation>, RowError> {
        let start = self.group_of(seq)?.map_or(seq, |group| group.first);
        let rows = self.rows.range(Space::Groups, &key(start), &key(u64::MAX), limit, false)?;
        Ok(rows.iter().filter_map(|(key, value)| GroupLocation::from_row(key, value)).collect())
    }

    /// Seq of the first entry recorded at or after a time, at most `size`. Where the clock was set back, of the first of
    /// all that are.
    pub fn first_since(&self, time: Timestamp, size: u64) -> Result<u64, RowError> {
        for run in self.runs_of_time(size)? {
            let first = self.first_within(time, run.clone())?;
            if first < run.end {
                return Ok(first);
            }
        }
        Ok(size)
    }

    /// Seq behind the last entry recorded before a time, at most `size`; without times that were set back the same as
    /// [`Index::first_since`].
    pub fn end_before(&self, time: Timestamp, size: u64) -> Result<u64, RowError> {
        for run in self.runs_of_time(size)?.into_iter().rev() {
            let end = self.first_within(time, run.clone())?;
            if end > run.start {
                return Ok(end);
            }
        }
        Ok(0)
    }

    /// The runs of entries within which times go forward: the clock was set back by the first of each but the first.
    fn runs_of_time(&self, size: u64) -> Result<Vec<std::ops::Range<u64>>, RowError> {
        let set_back = self.with_term(&format!("kind:{}", Kind::Clock), 0..size, usize::MAX, false)?;
        let starts: Vec<u64> = std::iter::once(0).chain(set_back).collect();
        let ends = starts.iter().skip(1).copied().chain([size]);
        Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
    }

    fn first_within(&self, time: Timestamp, run: std::ops::Range<u64>) -> Result<u64, RowError> {
        let (mut low, mut high) = (run.start, run.end);
        // Groups are searched by seq: the first whose first entry is not before the time.
        while low < high {
            let middle = low.midpoint(high);
            match self.group_of(middle)? {
                Some(group) if group.recorded_at < time => {
                    low = (group.first + group.lengths.len() as u64).min(run.end);
                }
                Some(group) => high = group.first.max(run.start),
                None => return Ok(low),
            }
        }
        Ok(low)
    }

    /// Seqs with a term in `range`, ascending or descending, at most `limit` groups' worth.
    pub fn with_term(
        &self,
        term: &str,
        range: std::ops::Range<u64>,
        limit: usize,
        descending: bool,
    ) -> Result<Vec<u64>, RowError> {
        let start = self.group_of(range.start)?.map_or(range.start, |group| group.first);
        let from = term_key(term, start);
        let to = term_key(term, range.end);
        let mut seqs = Vec::new();
        for (_, value) in self.rows.range(Space::Terms, &from, &to, limit, descending)? {
            let mut here: Vec<u64> = from_deltas(&value).filter(|seq| range.contains(seq)).collect();
            if descending {
                here.reverse();
            }
            seqs.extend(here);
        }
        Ok(seqs)
    }

    /// Makes everything taken in so far durable.
    pub fn sync(&self) -> Result<(), RowError> {
        self.rows.sync()
    }

    fn tile(&self, id: TileId) -> Option<Vec<Hash>> {
        let bytes = unchecked(&self.rows.get(Space::Tiles, &tile_key(id)).ok()??)?;
        let whole = bytes.len() as u64 == TILE_WIDTH * 32;
        whole.then(|| bytes.as_chunks::<32>().0.iter().map(|chunk| Hash(*chunk)).collect())
    }

    /// Tile hashes that are stored, for `ledger verify` to compare.
    pub fn stored_node(&self, level: u32, index: u64) -> Option<Hash> {
        node_in_row::<Blake3>(&self.tile(tile_of(level, index))?, level, index)
    }
}

/// Tree nodes from memory first, then from stored tiles.
#[derive(Debug)]
pub struct Nodes<'a, H: TreeHash> {
    /// The growing tree.
    pub memory: &'a Tiles<H>,
    /// The stored tiles.
    pub index: &'a Index,
}

impl NodeSource for Nodes<'_, Blake3> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.memory.node(level, index).or_else(|| self.index.stored_node(level, index))
    }
}

impl GroupLocation {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.lengths.len() * 2);
        for number in [self.segment, self.offset, self.recorded_at.millis()] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        self.lengths.iter().for_each(|length| write_varint(*length, &mut out));
        out
    }

    fn from_row(key: &[u8], value: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_be_bytes(value.get(at..at + 8)?.try_into().ok()?));
        let lengths = varints(value.get(24..)?).collect();
        Some(Self {
            first: u64::from_be_bytes(key.try_into().ok()?),
            segment: number(0)?,
            offset: number(8)?,
            recorded_at: Timestamp::from_millis(number(16)?),
            lengths,
        })
    }

    /// Offset and length of an entry's record line, LF included.
    pub fn line(&self, seq: u64) -> Option<(u64, u64)> {
        let n = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        let length = *self.lengths.get(n)?;
        let start =
            self.lengths.iter().take(n).try_fold(self.offset, |at, length| at.checked_add(*length))?;
        Some((start, length))
    }
}

fn key(seq: u64) -> Vec<u8> {
    seq.to_be_bytes().to_vec()
}

fn term_key(term: &str, first: u64) -> Vec<u8> {
    let mut key = term.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

fn tile_key(id: TileId) -> Vec<u8> {
    let mut key = id.level.to_be_bytes().to_vec();
    key.extend_from_slice(&id.index.to_be_bytes());
    key
}

fn write_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).unwrap_or(0) | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).unwrap_or(0));
}

fn varints(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes
        .split_inclusive(|b| b & 0x80 == 0)
        .map(|group| group.iter().rev().fold(0, |n, b| n << 7 | u64::from(b & 0x7f)))
}

/// Seqs as differences: the first as it is, then each to the one before.
fn deltas(seqs: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(seqs.len());
    let mut previous = None;
    for seq in seqs {
        match previous {
            None => write_varint(*seq, &mut out),
            Some(previous) => write_varint(seq - previous, &mut out),
        }
        previous = Some(*seq);
    }
    out
}

fn from_deltas(bytes: &[u8]) -> impl Iterator<Item = u64> {
    varints(bytes).scan(0, |at, delta| {
        *at = u64::wrapping_add(*at, delta);
        Some(*at)
    })
}

pub(crate) fn checksummed(bytes: &[u8]) -> Vec<u8> {
    let sum = Hash::of(spec::Domain::IdFile, &[b"row", bytes]);
    [&sum.0[..], bytes].concat()
}

pub(crate) fn unchecked(bytes: &[u8]) -> Option<Vec<u8>> {
    let (sum, body) = bytes.split_at_checked(32)?;
    (Hash::of(spec::Domain::IdFile, &[b"row", body]).0 == sum).then(|| body.to_vec())
}

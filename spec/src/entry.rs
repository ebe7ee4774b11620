//! The entry: what the ledger adds to an event; the record and commit lines that hold it on disk.
//!
//! ```text
//! entry   {"event":<header + sig>,"lane":{"n":7,"prev":"…"},"prev":"…","recorded_at":"…","seq":42}
//! record  {"entry":<entry>,"payload":{…},"salt":"…"}
//! commit  {"commit":{"bytes":N,"hash":"…","root":"…","size":M}}
//! ```
//!
//! `leaf = BLAKE3(00 ‖ J(entry))`. `prev` is the leaf of the entry before, so the chain and the tree
//! commit to the same bytes at every index. See `spec/log.md`.

use crate::canonical::write_u64;
use crate::event::{EventError, Header, Payload, RawEvent, safe_integer};
use crate::hash::{Domain, Hash, write_hex};
use crate::ids::Signature;
use crate::limits::MAX_ENTRY_BYTES;
use crate::time::Timestamp;
use crate::written;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// An entry's place among its organisation's own entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Number within the organisation, from 0 without gaps.
    pub n: u64,
    /// Leaf of the organisation's entry before, or 64 zeros.
    pub prev: Hash,
}

/// The ledger's addition to an event: its one place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Number in the ledger, from 0 without gaps.
    pub seq: u64,
    /// Leaf of entry `seq − 1`, or 64 zeros.
    pub prev: Hash,
    /// Place within the organisation.
    pub lane: Lane,
    /// When the ledger recorded it; never before the entry in front.
    pub recorded_at: Timestamp,
}

impl Position {
    /// Appends J(entry) for an event given as J(header + `sig`).
    pub fn write_entry(&self, event: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event\":");
        out.extend_from_slice(event);
        out.extend_from_slice(b",\"lane\":{\"n\":");
        write_u64(self.lane.n, out);
        out.extend_from_slice(b",\"prev\":\"");
        write_hex(&self.lane.prev.0, out);
        out.extend_from_slice(b"\"},\"prev\":\"");
        write_hex(&self.prev.0, out);
        out.extend_from_slice(b"\",\"recorded_at\":\"");
        self.recorded_at.write(out);
        out.extend_from_slice(b"\",\"seq\":");
        write_u64(self.seq, out);
        out.push(b'}');
    }
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's header.
    pub header: Header,
    /// The author's signature over it.
    pub sig: Signature,
    /// Its place.
    pub position: Position,
}

/// An entry as it is stored, with its payload unless that was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The entry.
    pub entry: Entry,
    /// `BLAKE3(00 ‖ J(entry))`.
    pub leaf: Hash,
    /// The payload; absent after an erasure.
    pub payload: Option<Payload>,
}

/// The line that ends a group and makes it count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Bytes of the group's record lines, LFs included.
    pub bytes: u64,
    /// `BLAKE3(04 ‖ those bytes)`.
    pub hash: Hash,
    /// Root of the tree at `size`.
    pub root: Hash,
    /// Entries in the ledger, this group included.
    pub size: u64,
}

impl Entry {
    /// J(entry).
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut event = Vec::with_capacity(768);
        self.header.write(Some(&self.sig), &mut event);
        let mut out = Vec::with_capacity(event.len() + 320);
        self.position.write_entry(&event, &mut out);
        out
    }

    /// `BLAKE3(00 ‖ J(entry))`.
    pub fn leaf(&self) -> Hash {
        Hash::of(Domain::Leaf, &[&self.to_canonical()])
    }

    /// Reads an entry with its payload from a record line, without its LF, of a group whose commit line holds: as
    /// [`Line::parse`] does, but the payload is taken as it stands, and nothing is hashed. An auditor does not
    /// read like this.
    pub fn committed(line: &str) -> Result<(Self, Option<Payload>), EventError> {
        // A line in any other form than its own is left to the other to judge.
        let strictly = || Record::parse(line).map(|record| (record.entry, record.payload));
        written::line(line).map_or_else(strictly, Ok)
    }

    /// Reads J(entry); refuses bytes that are not exactly what [`Entry::to_canonical`] writes.
    pub fn parse(text: &str) -> Result<Self, EventError> {
        within_limit(text.len())?;
        let entry = shape::<RawEntry<'_>>(text)?.typed()?;
        if entry.to_canonical() == text.as_bytes() {
            Ok(entry)
        } else {
            Err(EventError::Shape("an entry that is not in canonical form".to_owned()))
        }
    }
}

fn within_limit(size: usize) -> Result<(), EventError> {
    if size > MAX_ENTRY_BYTES {
        return Err(EventError::TooLarge { part: "entry", size, limit: MAX_ENTRY_BYTES });
    }
    Ok(())
}

impl RawEntry<'_> {
    fn typed(&self) -> Result<Entry, EventError> {
        let (header, sig) = self.event.in_entry()?;
        let hash = |pointer, text: &str| {
            Hash::from_hex(text).map_err(|e| EventError::Field { pointer, problem: e.to_string() })
        };
        let position = Position {
            seq: safe_integer("/seq", self.seq)?,
            prev: hash("/prev", self.prev)?,
            lane: Lane {
                n: safe_integer("/lane/n", self.lane.n)?,
                prev: hash("/lane/prev", self.lane.prev)?,
            },
            recorded_at: Timestamp::parse(self.recorded_at)
                .map_err(|e| EventError::Field { pointer: "/recorded_at", problem: e.to_string() })?,
        };
        Ok(Entry { header, sig, position })
    }
}

/// Appends a record line without its LF. `event` and `payload` are canonical JSON.
///
/// Returns the range of `out` that holds J(entry).
pub fn write_record(
    position: &Position,
    event: &[u8],
    payload: Option<&Payload>,
    out: &mut Vec<u8>,
) -> Range<usize> {
    out.extend_from_slice(b"{\"entry\":");
    let from = out.len();
    position.write_entry(event, out);
    let entry = from..out.len();
    if let Some(payload) = payload {
        out.extend_from_slice(b",\"payload\":");
        out.extend_from_slice(payload.json.as_bytes());
        out.extend_from_slice(b",\"salt\":\"");
        write_hex(&payload.salt.0, out);
        out.push(b'"');
    }
    out.push(b'}');
    entry
}

/// A record line that was read, with the parts of it that more than one hash is over.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// The record.
    pub record: Record,
    /// Where J(header) stands in the line: before and after the signature.
    pub header: [Range<usize>; 2],
    text: &'a str,
    entry: Range<usize>,
}

impl<'a> Line<'a> {
    /// Reads a record line without its LF. The payload's own canonical form is not checked here: the
    /// payload hash commits to its bytes, and what is hashed was checked when it was admitted.
    pub fn parse(line: &'a str) -> Result<Self, EventError> {
        let raw: RawRecord<'a> = shape(line)?;
        let entry = raw.entry.typed()?;
        let payload = match (raw.payload, raw.salt) {
            (Some(json), Some(salt)) => Some(Payload {
                json: json.get().into(),
                salt: Hash::from_hex(salt)
                    .map_err(|e| EventError::Field { pointer: "/salt", problem: e.to_string() })?,
            }),
            (None, None) => None,
            _ => return Err(EventError::Shape("payload and salt stand together or not at all".to_owned())),
        };
        // The line is read once and written once; all else is a part of it.
        let mut event = Vec::with_capacity(768);
        let sig = entry.header.write_signed(&entry.sig, &mut event);
        let mut again = Vec::with_capacity(line.len() + 8);
        let place = write_record(&entry.position, &event, payload.as_ref(), &mut again);
        if again != line.as_bytes() {
            return Err(EventError::Shape("a record line that is not in canonical form".to_owned()));
        }
        within_limit(place.len())?;
        let from = place.start + EVENT_IN_ENTRY;
        let leaf = Hash::of(Domain::Leaf, &[line.get(place.clone()).unwrap_or_default().as_bytes()]);
        Ok(Self {
            record: Record { entry, leaf, payload },
            header: [from..from + sig.start, from + sig.end..from + event.len()],
            text: line,
            entry: place,
        })
    }

    /// J(entry), as it stands in the line.
    pub fn entry(&self) -> &'a str {
        self.text.get(self.entry.clone()).unwrap_or_default()
    }

    /// `BLAKE3(03 ‖ J(header) ‖ signature)`.
    pub fn event_hash(&self) -> Hash {
        let [before, after] = self.header.clone().map(|part| self.text.get(part).unwrap_or_default());
        Hash::of(Domain::Event, &[before.as_bytes(), after.as_bytes(), &self.record.entry.sig.0])
    }
}

/// Bytes in front of the event in J(entry).
const EVENT_IN_ENTRY: usize = "{\"event\":".len();

impl Record {
    /// Reads a record line without its LF, as [`Line::parse`] does.
    pub fn parse(line: &str) -> Result<Self, EventError> {
        Line::parse(line).map(|line| line.record)
    }

    /// The record line without its LF.
    pub fn to_line(&self) -> Vec<u8> {
        let mut event = Vec::with_capacity(768);
        self.entry.header.write(Some(&self.entry.sig), &mut event);
        let mut out = Vec::with_capacity(event.len() + 1024);
        write_record(&self.entry.position, &event, self.payload.as_ref(), &mut out);
        out
    }
}

impl Commit {
    /// The commit of a group: hashes its record lines.
    pub fn of(group: &[u8], size: u64, root: Hash) -> Self {
        Self { bytes: group.len() as u64, hash: Hash::of(Domain::Commit, &[group]), root, size }
    }

    /// Appends the commit line, LF included.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"commit\":{\"bytes\":");
        write_u64(self.bytes, out);
        out.extend_from_slice(b",\"hash\":\"");
        write_hex(&self.hash.0, out);
        out.extend_from_slice(b"\",\"root\":\"");
        write_hex(&self.root.0, out);
        out.extend_from_slice(b"\",\"size\":");
        write_u64(self.size, out);
        out.extend_from_slice(b"}}\n");
    }

    /// Whether a line is meant to be a commit line.
    pub fn looks_like(line: &[u8]) -> bool {
        line.starts_with(b"{\"commit\":")
    }

    /// Reads a commit line without its LF; refuses one that is not canonical.
    pub fn parse(line: &str) -> Result<Self, EventError> {
        let raw: RawCommitLine<'_> = shape(line)?;
        let hash = |pointer, text: &str| {
            Hash::from_hex(text).map_err(|e| EventError::Field { pointer, problem: e.to_string() })
        };
        let commit = Self {
            bytes: safe_integer("/commit/bytes", raw.commit.bytes)?,
            hash: hash("/commit/hash", raw.commit.hash)?,
            root: hash("/commit/root", raw.commit.root)?,
            size: safe_integer("/commit/size", raw.commit.size)?,
        };
        let mut again = Vec::with_capacity(line.len() + 1);
        commit.write_line(&mut again);
        if again.strip_suffix(b"\n") == Some(line.as_bytes()) {
            Ok(commit)
        } else {
            Err(EventError::Shape("a commit line that is not in canonical form".to_owned()))
        }
    }
}

fn shape<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, EventError> {
    serde_json::from_str(text).map_err(|e| EventError::Shape(e.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an entry")]
struct RawEntry<'a> {
    #[serde(borrow)]
    event: RawEvent<'a>,
    lane: RawLane<'a>,
    prev: &'a str,
    recorded_at: &'a str,
    seq: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with n and prev")]
struct RawLane<'a> {
    n: u64,
    prev: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a record line")]
struct RawRecord<'a> {
    #[serde(borrow)]
    entry: RawEntry<'a>,
    payload: Option<&'a RawValue>,
    salt: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a commit line")]
struct RawCommitLine<'a> {
    #[serde(borrow)]
    commit: RawCommit<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with bytes, hash, root and size")]
struct RawCommit<'a> {
    bytes: u64,
    hash: &'a str,
    root: &'a str,
    size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_SAFE_INTEGER;

    #[test]
    fn a_commit_line_holds_no_integer_that_canonical_json_refuses() {
        let line = |size: u64| {
            let mut out = Vec::new();
            Commit { bytes: 1, hash: Hash::ZERO, root: Hash::ZERO, size }.write_line(&mut out);
            String::from_utf8(out).unwrap().trim_end().to_owned()
        };
        assert!(Commit::parse(&line(MAX_SAFE_INTEGER)).is_ok());
        let error = Commit::parse(&line(MAX_SAFE_INTEGER + 1)).unwrap_err();
        assert_eq!(error.pointer().as_deref(), Some("/commit/size"));
    }
}

//! A segment's bytes as groups: record lines and the commit line that makes them count.

use crate::fault::Fault;
use spec::limits::{MAX_COMMIT_BYTES, MAX_GROUP_BYTES};
use spec::{Commit, Domain, Hash};

/// Segments end at the first group that reaches this size: 64 MiB, so that one can be read at once.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// A group within a segment's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// Offset of its first byte in the segment.
    pub start: u64,
    /// The record lines with their LFs.
    pub records: &'a [u8],
    /// Its commit line.
    pub commit: Commit,
    /// Offset after its commit line.
    pub end: u64,
}

impl<'a> Group<'a> {
    /// The record lines without LFs, each with its offset in the segment.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let (mut at, mut rest) = (self.start, self.records);
        std::iter::from_fn(move || {
            let (start, length) = (at, line_length(rest, 0).unwrap_or(rest.len()));
            let (line, behind) = rest.split_at_checked(length).filter(|_| !rest.is_empty())?;
            rest = behind.get(1..).unwrap_or_default();
            at += length as u64 + 1;
            Some((start, line))
        })
    }
}

/// The content of a segment at a place.
#[derive(Debug)]
pub enum Next<'a> {
    /// A group with a valid commit line over its bytes.
    Group(Group<'a>),
    /// The segment ends here.
    End,
    /// Bytes that are no complete group.
    Invalid(Fault),
}

/// Reads the group at `at`, an offset into `bytes`; `base` is the offset of `bytes` in the segment.
///
/// Only the commit line and its hash over the bytes before it are checked here.
pub fn next_group(bytes: &[u8], at: usize, base: u64) -> Next<'_> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Next::End;
    }
    let start = base + at as u64;
    let mut line_start = 0;
    while let Some(length) = line_length(rest, line_start) {
        let line = rest.get(line_start..line_start + length).unwrap_or_default();
        let next = line_start + length + 1;
        if Commit::looks_like(line) {
            return match checked_commit(rest.get(..line_start).unwrap_or_default(), line) {
                Ok((records, commit)) => {
                    Next::Group(Group { start, records, commit, end: start + next as u64 })
                }
                Err(fault) => Next::Invalid(fault.at_byte(start + line_start as u64)),
            };
        }
        line_start = next;
    }
    Next::Invalid(Fault::new("torn-tail", "bytes without a commit line after them").at_byte(start))
}

fn line_length(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr(b'\n', bytes.get(from..)?)
}

fn checked_commit<'a>(records: &'a [u8], line: &[u8]) -> Result<(&'a [u8], Commit), Fault> {
    let text = std::str::from_utf8(line).map_err(|e| Fault::new("commit-format", e.to_string()))?;
    let commit = Commit::parse(text).map_err(|e| Fault::new("commit-format", e.to_string()))?;
    if records.len() > MAX_GROUP_BYTES {
        return Err(Fault::new("commit-bytes", "the group is larger than a group may be"));
    }
    if commit.bytes != records.len() as u64 {
        let detail =
            format!("the commit line counts {} bytes, {} stand before it", commit.bytes, records.len());
        return Err(Fault::new("commit-bytes", detail));
    }
    if Hash::of(Domain::Commit, &[records]) != commit.hash {
        return Err(Fault::new(
            "commit-hash",
            "the group's bytes do not have the hash its commit line names",
        ));
    }
    Ok((records, commit))
}

/// Whether some commit line behind `at` holds over the bytes in front of it.
///
/// If so, what stands at `at` is not a torn tail but damage: a later group was acknowledged after it.
pub fn later_commit(bytes: &[u8], at: usize) -> Option<u64> {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut from = 0;
    while let Some(length) = line_length(rest, from) {
        let line = rest.get(from..from + length).unwrap_or_default();
        // A damaged byte may stand in front of the line; a commit line is short, so search its end only.
        let tail = line.get(line.len().saturating_sub(MAX_COMMIT_BYTES)..).unwrap_or_default();
        if let Some(start) = find(tail, b"{\"commit\":")
            && let Some(text) = tail.get(start..).and_then(|b| std::str::from_utf8(b).ok())
            && let Ok(commit) = Commit::parse(text)
        {
            let line_start = from + length - (tail.len() - start);
            let count = usize::try_from(commit.bytes).unwrap_or(usize::MAX);
            let group = line_start.checked_sub(count).and_then(|first| rest.get(first..line_start));
            if group.is_some_and(|group| Hash::of(Domain::Commit, &[group]) == commit.hash) {
                return Some((at + line_start) as u64);
            }
        }
        from += length + 1;
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

//! What a person said is right: a document that later scans compare with.
//!
//! ```text
//! {"format":"vm-scan-baseline-v1","root":"/","started_at":"…","watched":["/bin",…]}
//! {"content":"…","gid":0,"mode":493,"path":"/bin","type":"directory","uid":0}        one line a file
//! {"check":"listener","digest":"…","subject":"tcp 0.0.0.0:22"}                       one line a thing seen
//! {"tree_root":"…"}
//! ```
//!
//! Lines of canonical JSON, in this order. Its id is the hash of its bytes. Nothing of it is held in memory
//! but the things seen, which are few; files are read again, in step with the walk that compares them.

use super::tree::{self, Leaf};
use super::unread::Unread;
use serde::{Deserialize, Serialize};
use spec::{Domain, Hash, Timestamp, canonical};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// What the first line says it is.
pub const FORMAT: &str = "vm-scan-baseline-v1";

/// Longest line, in bytes: a path and a little more.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Most things seen; a node has some thousands.
const MAX_SEEN: usize = 100_000;

/// Observations of a check that compares: subject to digest.
pub type Seen = BTreeMap<String, Hash>;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    pub format: String,
    /// The directory that was looked through.
    pub root: String,
    /// When the scan began, by the node's clock.
    pub started_at: Timestamp,
    /// The paths whose contents were watched, sorted as a scan meets them.
    pub watched: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenLine {
    check: String,
    digest: Hash,
    subject: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    tree_root: Hash,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Leaf(#[expect(dead_code, reason = "only its form matters here")] Leaf),
    Seen(SeenLine),
    End(EndLine),
}

/// A baseline, its files left where they are.
#[derive(Debug)]
pub struct Baseline {
    /// Hash of the document.
    pub id: Hash,
    /// Its first line.
    pub head: Head,
    /// What was seen, by check.
    pub seen: BTreeMap<String, Seen>,
    /// Root of the tree of its files.
    pub tree_root: Hash,
    path: PathBuf,
}

/// A baseline that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what a scan writes.
    #[error(
        "{path}, line {line}: this is not a baseline, or it is damaged; make a new one with --write-baseline"
    )]
    Damaged {
        /// Where.
        path: String,
        /// The line at fault, from 1.
        line: u64,
    },
}

impl Baseline {
    /// Reads a document once, from the first byte to the last.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        let failed = |source| BaselineError::Io { path: path.display().to_string(), source };
        let mut number = 1;
        let damaged = |line| BaselineError::Damaged { path: path.display().to_string(), line };
        let mut reader = BufReader::new(File::open(path).map_err(failed)?);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[Domain::Baseline as u8]);
        let mut line = Vec::new();
        next_line(&mut reader, &mut line).map_err(failed)?;
        hasher.update(&line);
        let head: Head = serde_json::from_slice(&line).map_err(|_| damaged(number))?;
        let (mut seen, mut count, mut end) = (BTreeMap::<String, Seen>::new(), 0, None);
        while next_line(&mut reader, &mut line).map_err(failed)? {
            number += 1;
            hasher.update(&line);
            match serde_json::from_slice(&line).map_err(|_| damaged(number))? {
                _ if end.is_some() => return Err(damaged(number)),
                Line::Leaf(_) if seen.is_empty() => {}
                Line::Seen(thing) if count < MAX_SEEN => {
                    count += 1;
                    seen.entry(thing.check).or_default().insert(thing.subject, thing.digest);
                }
                Line::End(last) => end = Some(last.tree_root),
                Line::Leaf(_) | Line::Seen(_) => return Err(damaged(number)),
            }
        }
        let tree_root = end.filter(|_| head.format == FORMAT).ok_or_else(|| damaged(number))?;
        let id = Hash(*hasher.finalize().as_bytes());
        Ok(Self { id, head, seen, tree_root, path: path.to_owned() })
    }

    /// The files, from the first.
    pub(super) fn files(&self) -> Result<Files, Unread> {
        let failed = |error: io::Error| Unread::io(&self.path.display().to_string(), &error);
        let mut reader = BufReader::new(File::open(&self.path).map_err(failed)?);
        let mut line = Vec::new();
        next_line(&mut reader, &mut line).map_err(failed)?;
        Ok(Files { reader, line, next: None })
    }
}

/// Reads one line with its LF; false at the end.
fn next_line(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', line)?;
    if read > 0 && line.last() != Some(&b'\n') {
        return Err(io::Error::other("a line is cut off or too long"));
    }
    Ok(read > 0)
}

/// The files of a baseline, one after another.
#[derive(Debug)]
pub(super) struct Files {
    reader: BufReader<File>,
    line: Vec<u8>,
    next: Option<Leaf>,
}

/// What a baseline says about a path.
#[derive(Debug)]
pub(super) enum Before {
    /// Something that comes before the path, and was not met: it is gone.
    Gone(Leaf),
    /// The path itself.
    Same(Leaf),
    /// Nothing.
    None,
}

impl Files {
    /// The next word of the baseline up to `path`; until [`Before::Same`] or [`Before::None`], ask again.
    pub(super) fn upto(&mut self, path: Option<&str>) -> Before {
        if self.next.is_none() && next_line(&mut self.reader, &mut self.line).unwrap_or(false) {
            self.next = serde_json::from_slice(&self.line).ok();
        }
        let Some(next) = self.next.take() else { return Before::None };
        match path.map(|path| tree::order(&next.path, path)) {
            None | Some(Ordering::Less) => Before::Gone(next),
            Some(Ordering::Equal) => Before::Same(next),
            Some(Ordering::Greater) => {
                self.next = Some(next);
                Before::None
            }
        }
    }
}

/// A sink for the lines of a new baseline.
pub type Write<'w> = &'w mut dyn FnMut(&[u8]) -> io::Result<()>;

/// A baseline in the making.
pub(super) struct Writer<'w> {
    write: Write<'w>,
    hasher: blake3::Hasher,
    outcome: io::Result<()>,
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

impl<'w> Writer<'w> {
    pub(super) fn begin(write: Write<'w>, head: &Head) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[Domain::Baseline as u8]);
        let mut writer = Self { write, hasher, outcome: Ok(()) };
        writer.line(&canonical::to_vec(head).unwrap_or_default());
        writer
    }

    /// Adds one line; after a failure nothing more is written.
    pub(super) fn line(&mut self, json: &[u8]) {
        let line = [json, b"\n"].concat();
        self.hasher.update(&line);
        if self.outcome.is_ok() {
            self.outcome = (self.write)(&line);
        }
    }

    /// Adds what was seen and the end; returns the id.
    pub(super) fn finish(mut self, seen: &BTreeMap<&'static str, Seen>, tree_root: Hash) -> io::Result<Hash> {
        for (check, seen) in seen {
            for (subject, digest) in seen {
                let line = SeenLine { check: (*check).to_owned(), digest: *digest, subject: subject.clone() };
                self.line(&canonical::to_vec(&line).unwrap_or_default());
            }
        }
        self.line(&canonical::to_vec(&EndLine { tree_root }).unwrap_or_default());
        self.outcome?;
        Ok(Hash(*self.hasher.finalize().as_bytes()))
    }
}

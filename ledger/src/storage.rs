//! The storage trait: what the log asks of the place where its bytes lie.
//!
//! One store holds one log: a run of *segments*, each named by the seq of its first entry, and a few
//! small *documents* (`ROOT.txt`, `PROOFCHAIN.json` and its parts). A distributed engine implements the
//! same trait and passes the same conformance suite (`ledger/tests/it/storage.rs`).

mod fs;
mod memory;
mod packed;

pub use fs::FsStorage;
pub use memory::MemoryStorage;
pub use packed::PackedFile;

use crate::segment::SEGMENT_BYTES;
use crate::space::Space;
use pack::{Alone, PackError, UnpackError};
use proofs::Blake3;
use proofs::tree::Frontier;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

/// A boxed future; one allocation a group, not an event.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A segment as it lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Seq of its first entry.
    pub first: u64,
    /// Length in bytes, as lines.
    pub len: u64,
    /// Whether it lies there packed, and not as lines.
    pub packed: bool,
}

/// The outcome of packing a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shrunk {
    /// Its length as lines, in bytes.
    pub plain: u64,
    /// Its length packed.
    pub packed: u64,
}

/// The reason why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The segment is not as long as the caller expected: another writer was here. Nothing was written.
    #[error("segment {segment} is {found} bytes long, expected {expected}: another writer was here")]
    Conflict {
        /// The segment.
        segment: u64,
        /// What the caller expected.
        expected: u64,
        /// What the store found.
        found: u64,
    },
    /// Whether the bytes are durable is not known. The caller must stop and open the log anew.
    #[error("outcome unknown: {operation} {name}: {source}")]
    Unknown {
        /// What was tried.
        operation: &'static str,
        /// On what.
        name: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Reading failed; nothing was changed.
    #[error("cannot read {name}: {source}")]
    Read {
        /// What was read.
        name: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A segment cannot be packed; it stays as it is.
    #[error("{name} cannot be packed: {source}")]
    Pack {
        /// The segment.
        name: String,
        /// Why.
        source: PackError,
    },
    /// A packed segment cannot be read, or is not what was packed.
    #[error("{name}: {source}")]
    Packed {
        /// Its file.
        name: String,
        /// What is wrong with it.
        source: UnpackError,
    },
}

/// A store in which a log lies.
///
/// All methods may be called from any thread. Reads may run beside one writer and see every byte whose
/// append has returned; they may also see bytes whose append has not, so a reader trusts nothing behind
/// the last commit line it has been told of.
pub trait Storage: Send + Sync + Debug + 'static {
    /// Segments end at the first group that reaches this size.
    fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES
    }

    /// How much is free where the log lies; `None` where that is not known.
    fn space(&self) -> Option<Space> {
        None
    }

    /// The segments in order of their first seq.
    fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentInfo>, StorageError>>;

    /// Appends `bytes` to a segment that is `expected` bytes long; a segment of length 0 is created.
    ///
    /// On `Ok` the bytes are durable and in place. On [`StorageError::Conflict`] nothing was written. On
    /// [`StorageError::Unknown`] any prefix of them may be there, now or after a crash: the caller must
    /// not append again before it has read back what is there.
    fn append<'a>(
        &'a self,
        segment: u64,
        expected: u64,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Up to `len` bytes of a segment from `offset`; fewer at its end.
    fn read(&self, segment: u64, offset: u64, len: usize) -> BoxFuture<'_, Result<Vec<u8>, StorageError>>;

    /// An entry of a packed segment, read without the rest of it; `None` where it is to be read as a line.
    fn alone(&self, _segment: u64, _seq: u64) -> BoxFuture<'_, Result<Option<Alone>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    /// Packs a segment that is closed; `edge` is the tree at its first entry. `None` from a store that does not pack.
    ///
    /// The lines are removed only after the packed form is durable, was read back, and gave the same bytes; until
    /// then, and after any crash before, they are what is read. Reads see the same bytes before and after.
    fn pack(
        &self,
        _segment: u64,
        _edge: Option<Frontier<Blake3>>,
    ) -> BoxFuture<'_, Result<Option<Shrunk>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    /// Puts the lines of a packed segment back, durably; says whether it was packed.
    fn unpack(&self, _segment: u64) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async { Ok(false) })
    }

    /// Cuts a segment to `len` bytes, after keeping what is cut as the document `log/cut-<segment>-<len>`,
    /// or, if other bytes that were cut there have that name, `log/cut-<segment>-<len>-<n>` from 2 on.
    ///
    /// Durable on return. Repeating it after a crash is safe.
    fn cut(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Makes a segment's last `len` bytes durable by writing them again.
    fn rewrite_tail(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Replaces a document: a crash leaves the old or the new. Durable on return.
    fn put<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StorageError>>;

    /// A document's bytes, or `None` if there is none of that name.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StorageError>>;

    /// Names of the documents in a folder, sorted.
    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, StorageError>>;
}

/// A segment's file name: its first seq in 20 digits.
pub fn segment_name(first: u64) -> String {
    format!("log/{first:020}.jsonl")
}

/// The first seq in a segment's file name (without the folder).
pub fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// A packed segment's file name: its first seq in 20 digits.
pub fn packed_name(first: u64) -> String {
    format!("log/{first:020}.parquet")
}

/// The first seq in a packed segment's file name (without the folder).
pub fn packed_first(name: &str) -> Option<u64> {
    segment_first(&format!("{}.jsonl", name.strip_suffix(".parquet")?))
}

/// Name under which the bytes cut from a segment are kept.
pub fn cut_name(segment: u64, offset: u64) -> String {
    format!("log/cut-{segment:020}-{offset}")
}

/// The names under which bytes cut at one place are kept, in the order in which they are taken.
fn cut_names(segment: u64, offset: u64) -> impl Iterator<Item = String> {
    let further = (2u64..).map(move |n| format!("{}-{n}", cut_name(segment, offset)));
    std::iter::once(cut_name(segment, offset)).chain(further)
}

/// Segment and offset in the name of kept bytes (without the folder).
pub fn cut_place(name: &str) -> Option<(u64, u64)> {
    let mut parts = name.strip_prefix("cut-")?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

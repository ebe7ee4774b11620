//! What the agent remembers of the ledger: the newest checkpoint it verified, with its own last entry.
//!
//! ```text
//! checkpoint.json   {"note":"<signed note>","own":{"index":7,"leaf":"…","path":["…"]}}
//! ```
//!
//! Every later checkpoint must be consistent with it. Two that are not are kept in `equivocation.json`. A few older
//! ones are kept as well, each twice as old as the one before: when a history branched off a while ago and is the
//! shorter one, the newest has nothing to compare with at a place that both have.

use super::authority::Authority;
use crate::damage::Damage;
use crate::disk::Disk;
use crate::durable;
use proofs::Checkpoint;
use proofs::equivocation::{self, Equivocation, Leaves};
use proofs::note::{MAX_NOTE_BYTES, Note};
use serde::{Deserialize, Serialize};
use spec::{Hash, canonical};
use std::io;

/// The remembered checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint.json";

/// Two checkpoints that cannot both be true.
pub const EQUIVOCATION_FILE: &str = "equivocation.json";

/// Older checkpoints that are kept: the last is from up to 128 heartbeats ago.
const MAX_OLDER: u32 = 8;

/// Room for the notes, escaped, each with a path of 64 hashes.
const MAX_FILE_BYTES: usize = 3 * MAX_NOTE_BYTES * (MAX_OLDER as usize + 1);

/// An entry of this node and its path to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnEntry {
    /// Its number.
    pub index: u64,
    /// Its leaf.
    pub leaf: Hash,
    /// Inclusion path to the checkpoint it is kept with.
    pub path: Vec<Hash>,
}

/// A checkpoint that was verified a while ago, with an entry under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Older {
    /// The signed note.
    pub note: String,
    /// The entry.
    pub own: OwnEntry,
}

/// A checkpoint that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The signed note.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// An own entry under it, if one is known.
    pub own: Option<OwnEntry>,
    /// How many were remembered before it.
    count: u64,
    older: Vec<Older>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryFile {
    #[serde(default)]
    count: u64,
    note: String,
    #[serde(default)]
    older: Vec<Older>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own: Option<OwnEntry>,
}

/// The reason why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file cannot be read.
    #[error("the remembered checkpoint: {0}")]
    Io(#[from] io::Error),
    /// The file is not what was written.
    #[error("the remembered checkpoint is damaged: {0}")]
    Damaged(Damage),
}

impl Memory {
    /// Reads the remembered checkpoint and checks its signature; `None` if there is none.
    pub fn load(disk: &impl Disk, file: &str, authority: &Authority) -> Result<Option<Self>, MemoryError> {
        let Some(bytes) = durable::read(disk, file, MAX_FILE_BYTES)? else { return Ok(None) };
        let file: MemoryFile = serde_json::from_slice(&bytes).map_err(|e| MemoryError::Damaged(e.into()))?;
        let memory = Self::new(file.note, file.own, authority);
        let memory = memory.map_err(|e| MemoryError::Damaged(e.into()))?;
        Ok(Some(Self { count: file.count, older: file.older, ..memory }))
    }

    /// A memory of a note whose signature is checked here.
    pub fn new(
        note: String,
        own: Option<OwnEntry>,
        authority: &Authority,
    ) -> Result<Self, proofs::CheckpointError> {
        let checkpoint = authority.open_checkpoint(&note)?.checkpoint;
        Ok(Self { note, checkpoint, own, count: 0, older: Vec::new() })
    }

    /// What is remembered after this: a newer checkpoint with an entry under it.
    pub(crate) fn followed_by(&self, note: String, checkpoint: Checkpoint, own: OwnEntry) -> Self {
        let (count, mut older) = (self.count.saturating_add(1), self.older.clone());
        if let Some(own) = &self.own {
            let this = Older { note: self.note.clone(), own: own.clone() };
            // Every 2^n-th time the nth takes over what the one before it had: it is 2^n to 2^(n+1) old.
            let mut carried = this;
            for place in 0..=older.len().min(MAX_OLDER as usize - 1) {
                let Some(held) = older.get_mut(place) else {
                    older.push(carried);
                    break;
                };
                std::mem::swap(held, &mut carried);
                if !count.is_multiple_of(2 << place) {
                    break;
                }
            }
        }
        Self { note, checkpoint, own: Some(own), count, older }
    }

    /// Checkpoints that were verified before, the newest first.
    pub(crate) fn older(&self) -> impl Iterator<Item = &Older> {
        self.older.iter()
    }

    /// Stores the memory; on return it is on the disk.
    pub fn store(&self, disk: &impl Disk, file: &str) -> io::Result<()> {
        let content = MemoryFile {
            count: self.count,
            note: self.note.clone(),
            older: self.older.clone(),
            own: self.own.clone(),
        };
        let mut bytes = canonical::to_vec(&content).map_err(io::Error::other)?;
        bytes.push(b'\n');
        durable::replace(disk, file, &bytes)
    }
}

/// The file that says: these two cannot both be true. `leaves` is where the trees differ, when the two
/// sizes do and such a place is known; without it the file is a lead for an auditor, not yet a proof.
pub fn equivocation(authority: &Authority, a: &str, b: &str, leaves: Option<Leaves>) -> Equivocation {
    Equivocation {
        a: alone(a, authority),
        authority: authority.records().to_vec(),
        b: alone(b, authority),
        format: equivocation::FORMAT.to_owned(),
        ledger: *authority.ledger(),
        leaves,
    }
}

/// A note without the lines of witnesses: what they vouch for is not what the ledger is accused of.
fn alone(note: &str, authority: &Authority) -> String {
    let Ok(mut parsed) = Note::parse(note.as_bytes()) else { return note.to_owned() };
    parsed.signatures.retain(|line| line.name == authority.origin());
    parsed.to_string()
}

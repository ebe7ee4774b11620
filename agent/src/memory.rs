//! What the agent remembers of the ledger: the newest checkpoint it verified, with its own last entry.
//!
//! ```text
//! checkpoint.json   {"note":"<signed note>","own":{"index":7,"leaf":"…","path":["…"]}}
//! ```
//!
//! Every later checkpoint must be consistent with it. Two that are not are kept in `equivocation.json`.

use crate::authority::Authority;
use crate::disk::Disk;
use crate::durable;
use proofs::Checkpoint;
use proofs::equivocation::{self, Equivocation, Leaves};
use proofs::note::MAX_NOTE_BYTES;
use serde::{Deserialize, Serialize};
use spec::{Hash, canonical};
use std::io;

/// The remembered checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint.json";

/// Two checkpoints that cannot both be true.
pub const EQUIVOCATION_FILE: &str = "equivocation.json";

/// Room for the note, escaped, and a path of 64 hashes.
const MAX_FILE_BYTES: usize = 3 * MAX_NOTE_BYTES;

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

/// A checkpoint that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The signed note.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// An own entry under it, if one is known.
    pub own: Option<OwnEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryFile {
    note: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own: Option<OwnEntry>,
}

/// Why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file cannot be read.
    #[error("{CHECKPOINT_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not what was written.
    #[error("{CHECKPOINT_FILE} is damaged: {0}")]
    Damaged(String),
}

impl Memory {
    /// Reads the remembered checkpoint and checks its signature; `None` if there is none.
    pub fn load(disk: &impl Disk, authority: &Authority) -> Result<Option<Self>, MemoryError> {
        let Some(bytes) = durable::read(disk, CHECKPOINT_FILE, MAX_FILE_BYTES)? else { return Ok(None) };
        let file: MemoryFile =
            serde_json::from_slice(&bytes).map_err(|e| MemoryError::Damaged(e.to_string()))?;
        Self::new(file.note, file.own, authority).map(Some).map_err(|e| MemoryError::Damaged(e.to_string()))
    }

    /// A memory of a note whose signature is checked here.
    pub fn new(
        note: String,
        own: Option<OwnEntry>,
        authority: &Authority,
    ) -> Result<Self, proofs::CheckpointError> {
        let checkpoint = authority.open_checkpoint(&note)?.checkpoint;
        Ok(Self { note, checkpoint, own })
    }

    /// Stores the memory; on return it is on the disk.
    pub fn store(&self, disk: &impl Disk) -> io::Result<()> {
        let file = MemoryFile { note: self.note.clone(), own: self.own.clone() };
        let mut bytes = canonical::to_vec(&file).map_err(io::Error::other)?;
        bytes.push(b'\n');
        durable::replace(disk, CHECKPOINT_FILE, &bytes)
    }
}

/// The file that says: these two cannot both be true. `leaves` is where the trees differ, when the two
/// sizes do and such a place is known; without it the file is a lead for an auditor, not yet a proof.
pub fn equivocation(authority: &Authority, a: &str, b: &str, leaves: Option<Leaves>) -> Equivocation {
    Equivocation {
        a: a.to_owned(),
        authority: authority.records().to_vec(),
        b: b.to_owned(),
        format: equivocation::FORMAT.to_owned(),
        ledger: *authority.ledger(),
        leaves,
    }
}

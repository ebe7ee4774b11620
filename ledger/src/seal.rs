//! Seals: the ledger's regular word on its own state, and `PROOFCHAIN.json`, which strings them together.

use crate::state::State;
use crate::storage::{Storage, StorageError};
use proofs::proofchain::{self, MAX_ROWS, Part, ProofChain, ProofChainError, Row};
use spec::payload::{Digest, Seal};
use spec::{Hash, canonical};
use std::collections::BTreeMap;

/// Name of the document.
pub(crate) const PROOFCHAIN_FILE: &str = "PROOFCHAIN.json";

/// Rows moved to a part at once.
const PART_ROWS: usize = MAX_ROWS / 2;

/// Reports of folds at a seal: the ledger defines the trait, folds implement it.
pub trait Digests: Send + Sync + std::fmt::Debug {
    /// Name, digest, covered size and version of each fold that has covered `size` entries or fewer.
    fn digests(&self, size: u64) -> BTreeMap<String, Digest>;
}

/// How what a seal says of a fold compares with what an auditor makes of the same entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Matches,
    Differs,
    /// Of a fold, a version or a size that this auditor does not have.
    NotChecked,
}

/// Compares with what was made of the entries so far, or up to the last seal.
pub(crate) fn compare(made: &[BTreeMap<String, Digest>], name: &str, said: &Digest) -> Compared {
    let same = |own: &&Digest| own.size == said.size && own.version == said.version;
    match made.iter().filter_map(|digests| digests.get(name)).find(same) {
        None => Compared::NotChecked,
        Some(own) if own.digest == said.digest => Compared::Matches,
        Some(_) => Compared::Differs,
    }
}

/// The payload of the seal that would follow the entries so far.
pub(crate) fn payload(state: &State, advisory: BTreeMap<String, Digest>) -> Seal {
    Seal {
        admission: state.admission_digest(),
        advisory,
        index: state.seals.count,
        prev: state.seals.last,
        root: state.tree.root(),
    }
}

/// `PROOFCHAIN.json` as it is in the store.
#[derive(Debug)]
pub(crate) struct SealChain {
    file: ProofChain,
}

/// The reason why the proof chain could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SealChainError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The file is damaged.
    #[error(transparent)]
    File(#[from] ProofChainError),
    /// The file lacks rows that no crash explains.
    #[error("it has {rows} rows, but the log has {seals} seals; restore the file")]
    Missing {
        /// Rows of the file.
        rows: u64,
        /// Seals of the log.
        seals: u64,
    },
}

impl SealChain {
    /// Reads the file, or starts an empty one.
    pub(crate) async fn load(
        storage: &dyn Storage,
        ledger: Hash,
        origin: &str,
        authority: Vec<serde_json::Value>,
    ) -> Result<Self, SealChainError> {
        let mut file = match storage.get(PROOFCHAIN_FILE).await? {
            Some(bytes) => ProofChain::parse(&bytes)?,
            None => ProofChain {
                authority: Vec::new(),
                format: proofchain::FORMAT.to_owned(),
                ledger,
                origin: origin.to_owned(),
                parts: Vec::new(),
                seals: Vec::new(),
            },
        };
        if file.ledger != ledger || file.origin != origin {
            return Err(ProofChainError::Shape("it belongs to another ledger".to_owned()).into());
        }
        file.authority = authority;
        Ok(Self { file })
    }

    /// Index of the next row.
    pub(crate) fn next_index(&self) -> u64 {
        match (self.file.seals.last(), self.file.parts.last()) {
            (Some(row), _) => row.index + 1,
            (None, Some(part)) => part.last + 1,
            (None, None) => 0,
        }
    }

    /// The newest row.
    pub(crate) fn last(&self) -> Option<&Row> {
        self.file.seals.last()
    }

    /// Sets the authority records that travel with the file.
    pub(crate) fn set_authority(&mut self, authority: Vec<serde_json::Value>) {
        self.file.authority = authority;
    }

    /// Adds a row and writes the file; full files give their older half to a part first.
    pub(crate) async fn push(&mut self, storage: &dyn Storage, row: Row) -> Result<(), StorageError> {
        if self.file.seals.len() >= MAX_ROWS {
            self.spill(storage).await?;
        }
        self.file.seals.push(row);
        storage.put(PROOFCHAIN_FILE, &self.file.to_canonical()).await
    }

    async fn spill(&mut self, storage: &dyn Storage) -> Result<(), StorageError> {
        let older: Vec<Row> = self.file.seals.drain(..PART_ROWS.min(self.file.seals.len())).collect();
        let (Some(first), Some(last)) = (older.first(), older.last()) else { return Ok(()) };
        let name = format!("proofchain/{}.jsonl", first.index);
        let mut bytes = Vec::new();
        for row in &older {
            bytes.extend(canonical::to_vec(row).unwrap_or_default());
            bytes.push(b'\n');
        }
        storage.put(&name, &bytes).await?;
        let hash = proofchain::part_hash(&bytes);
        self.file.parts.push(Part { file: name, first: first.index, hash, last: last.index });
        Ok(())
    }
}

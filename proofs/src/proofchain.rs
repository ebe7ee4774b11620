//! `PROOFCHAIN.json`: the seals of a ledger, each with the proof that it extends the one before.
//!
//! ```text
//! {"authority":[<record>…],"format":"vaultmesh-proofchain-v1","ledger":"…","origin":"…",
//!  "parts":[{"file":"proofchain/0.jsonl","first":0,"hash":"…","last":255}],
//!  "seals":[{"checkpoint":"<note of size seq+1>","consistency":[…],"inclusion":[…],"index":0,"leaf":"…","seq":9}]}
//! ```
//!
//! An older copy and nothing else shows that a newer one extends it.

use crate::checkpoint::{Checkpoint, CheckpointError, Verified, is_origin_of};
use crate::tree::{Blake3, ProofError, verify_consistency, verify_inclusion};
use serde::{Deserialize, Serialize};
use spec::{Domain, Hash, PublicKey, canonical};

/// The value of `format`.
pub const FORMAT: &str = "vaultmesh-proofchain-v1";

/// Most rows in the file itself; older ones move to parts.
pub const MAX_ROWS: usize = 256;

/// A seal's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Checkpoint of size `seq + 1`, as a signed note.
    pub checkpoint: String,
    /// Proof from the checkpoint of the row before to this one's; empty in the first row.
    pub consistency: Vec<Hash>,
    /// Proof that `leaf` is leaf `seq` of this checkpoint.
    pub inclusion: Vec<Hash>,
    /// Number of the seal, from 0.
    pub index: u64,
    /// Leaf of the seal entry.
    pub leaf: Hash,
    /// Where the seal entry stands.
    pub seq: u64,
}

/// A file of older rows, one canonical line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// `proofchain/<first>.jsonl`, beside `PROOFCHAIN.json`. No other name is read.
    pub file: String,
    /// Index of its first row.
    pub first: u64,
    /// `BLAKE3(16 ‖ bytes of the file)`.
    pub hash: Hash,
    /// Index of its last row.
    pub last: u64,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofChain {
    /// Genesis and every change of the ledger's keys, as records.
    pub authority: Vec<serde_json::Value>,
    /// [`FORMAT`].
    pub format: String,
    /// The ledger's id.
    pub ledger: Hash,
    /// The ledger's origin.
    pub origin: String,
    /// Older rows.
    pub parts: Vec<Part>,
    /// The newest rows, at most [`MAX_ROWS`].
    pub seals: Vec<Row>,
}

/// The reason why a row or file is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofChainError {
    /// Not canonical JSON of the right shape.
    #[error("not a canonical {FORMAT} file: {0}")]
    Shape(String),
    /// The rows or parts are not numbered without gaps.
    #[error("row {0} is out of order")]
    Order(u64),
    /// A part is not the one the file names.
    #[error("{0} is missing or not the part the file names")]
    Part(String),
    /// A row's checkpoint is not accepted.
    #[error("checkpoint of row {index}: {source}")]
    Checkpoint {
        /// The row.
        index: u64,
        /// Why.
        source: CheckpointError,
    },
    /// A row's checkpoint is of another size than the row says, of another origin, or not larger than the
    /// one before.
    #[error("checkpoint of row {0} does not belong to it")]
    Mismatch(u64),
    /// The seal is not in its checkpoint.
    #[error("inclusion of row {index}: {source}")]
    Inclusion {
        /// The row.
        index: u64,
        /// Why.
        source: ProofError,
    },
    /// The row does not extend the one before.
    #[error("consistency of row {index}: {source}")]
    Consistency {
        /// The row.
        index: u64,
        /// Why.
        source: ProofError,
    },
}

impl ProofChain {
    /// Reads the file; refuses bytes that are not exactly what [`ProofChain::to_canonical`] writes, gaps
    /// in the numbers of parts and rows, and part names that could lead elsewhere. The rows are not yet
    /// proved; see [`RowAuditor`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofChainError> {
        let text = canonical::check(bytes.strip_suffix(b"\n").unwrap_or(bytes))
            .map_err(|e| ProofChainError::Shape(e.to_string()))?;
        let chain: Self = serde_json::from_str(text).map_err(|e| ProofChainError::Shape(e.to_string()))?;
        if chain.format != FORMAT || chain.to_canonical() != bytes {
            return Err(ProofChainError::Shape("format, or an optional form".to_owned()));
        }
        if !is_origin_of(&chain.origin, &chain.ledger) {
            return Err(ProofChainError::Shape("the origin is not that of the ledger".to_owned()));
        }
        if chain.seals.len() > MAX_ROWS {
            return Err(ProofChainError::Shape(format!("more than {MAX_ROWS} rows")));
        }
        let mut next = 0;
        for part in &chain.parts {
            if part.first != next || part.last < part.first {
                return Err(ProofChainError::Order(part.first));
            }
            if part.file != part_file(part.first) {
                return Err(ProofChainError::Part(part.file.clone()));
            }
            next = part.last + 1;
        }
        for row in &chain.seals {
            if row.index != next {
                return Err(ProofChainError::Order(row.index));
            }
            next += 1;
        }
        Ok(chain)
    }

    /// The file's bytes: canonical JSON and one LF.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = canonical::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }
}

impl Part {
    /// Reads the rows of a part whose bytes the file's hash commits to: canonical lines, each with its LF,
    /// numbered from `first` to `last`.
    pub fn rows(&self, bytes: &[u8]) -> Result<Vec<Row>, ProofChainError> {
        let bad = || ProofChainError::Part(self.file.clone());
        if part_hash(bytes) != self.hash {
            return Err(bad());
        }
        let rows = bytes
            .split_inclusive(|b| *b == b'\n')
            .map(|line| Row::parse(line).ok_or_else(bad))
            .collect::<Result<Vec<Row>, _>>()?;
        let numbered = rows.iter().map(|row| row.index).eq(self.first..=self.last);
        if numbered { Ok(rows) } else { Err(bad()) }
    }
}

impl Row {
    /// Reads a line of a part; `None` if it is not exactly what [`Row::to_line`] writes.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = canonical::check(line.strip_suffix(b"\n")?).ok()?;
        let row: Self = serde_json::from_str(text).ok()?;
        (row.to_line() == line).then_some(row)
    }

    /// The row as a line of a part: canonical JSON and one LF.
    pub fn to_line(&self) -> Vec<u8> {
        let mut out = canonical::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }
}

/// Where the part whose first row is `first` lies: `proofchain/<first>.jsonl`.
pub fn part_file(first: u64) -> String {
    format!("proofchain/{first}.jsonl")
}

/// `BLAKE3(16 ‖ bytes)`.
pub fn part_hash(bytes: &[u8]) -> Hash {
    Hash::of(Domain::ProofChainPart, &[bytes])
}

/// Checks rows one after another: each checkpoint signed, each seal included, each row extending the last.
#[derive(Debug, Clone)]
pub struct RowAuditor {
    origin: String,
    previous: Option<Checkpoint>,
    next_index: u64,
}

impl RowAuditor {
    /// An auditor for rows from index 0 on.
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), previous: None, next_index: 0 }
    }

    /// An auditor that continues after a row that is trusted already.
    pub fn after(index: u64, checkpoint: Checkpoint) -> Self {
        Self { origin: checkpoint.origin.clone(), previous: Some(checkpoint), next_index: index + 1 }
    }

    /// Checks the next row. `ledger_keys` are the checkpoint keys that may have signed at its size.
    ///
    /// The row's note bears the ledger's line alone. A row that is refused leaves the auditor where it
    /// was. That `leaf` is a seal, and what it says, is checked by whoever has the entry.
    pub fn check(&mut self, row: &Row, ledger_keys: &[PublicKey]) -> Result<Verified, ProofChainError> {
        let index = row.index;
        if index != self.next_index {
            return Err(ProofChainError::Order(index));
        }
        let verified = Checkpoint::open(row.checkpoint.as_bytes(), ledger_keys, &[])
            .map_err(|source| ProofChainError::Checkpoint { index, source })?;
        let new = &verified.checkpoint;
        if new.origin != self.origin || row.seq.checked_add(1) != Some(new.size) {
            return Err(ProofChainError::Mismatch(index));
        }
        verify_inclusion::<Blake3>(&row.leaf, row.seq, new.size, &row.inclusion, &new.root)
            .map_err(|source| ProofChainError::Inclusion { index, source })?;
        match &self.previous {
            None if row.consistency.is_empty() => {}
            None => return Err(ProofChainError::Consistency { index, source: ProofError::Length }),
            Some(old) if new.size <= old.size => return Err(ProofChainError::Mismatch(index)),
            Some(old) => {
                verify_consistency::<Blake3>(old.size, &old.root, new.size, &new.root, &row.consistency)
                    .map_err(|source| ProofChainError::Consistency { index, source })?;
            }
        }
        self.previous = Some(new.clone());
        self.next_index += 1;
        Ok(verified)
    }
}

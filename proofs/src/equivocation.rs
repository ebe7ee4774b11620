//! The equivocation file: two checkpoints of one ledger that cannot both be true.
//!
//! ```text
//! {"a":"<note>","authority":[<record>…],"b":"<note>","format":"vaultmesh-equivocation-v1","ledger":"…",
//!  "leaves":{"index":7,"leaf_a":"…","leaf_b":"…","path_a":[…],"path_b":[…]}}
//! ```
//!
//! Two checkpoints of the same size with another root, map or face contradict each other as they stand
//! (`leaves` is absent). Of different sizes they do when both contain a different leaf at one index.

use crate::checkpoint::{Checkpoint, CheckpointError, is_origin_of};
use crate::tree::{Blake3, verify_inclusion};
use serde::{Deserialize, Serialize};
use spec::{Hash, PublicKey, canonical};

/// The value of `format`.
pub const FORMAT: &str = "vaultmesh-equivocation-v1";

/// One index at which the two trees hold different leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaves {
    /// The index.
    pub index: u64,
    /// Leaf in the tree of `a`.
    pub leaf_a: Hash,
    /// Leaf in the tree of `b`.
    pub leaf_b: Hash,
    /// Inclusion path to `a`.
    pub path_a: Vec<Hash>,
    /// Inclusion path to `b`.
    pub path_b: Vec<Hash>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocation {
    /// One checkpoint, as a signed note.
    pub a: String,
    /// Genesis and every change of the ledger's keys, as records.
    pub authority: Vec<serde_json::Value>,
    /// The other checkpoint.
    pub b: String,
    /// [`FORMAT`].
    pub format: String,
    /// The ledger's id.
    pub ledger: Hash,
    /// Where the trees differ, when their sizes do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Leaves>,
}

/// The reason why a file does not prove an equivocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EquivocationError {
    /// Not canonical JSON of the right shape.
    #[error("not a canonical {FORMAT} file: {0}")]
    Shape(String),
    /// A checkpoint is not the ledger's.
    #[error("checkpoint {which}: {source}")]
    Checkpoint {
        /// `a` or `b`.
        which: char,
        /// Why.
        source: CheckpointError,
    },
    /// The checkpoints are not of the ledger the file names.
    #[error("the checkpoints are not of the ledger that the file names")]
    Ledger,
    /// Both can be true.
    #[error("the two checkpoints do not contradict each other")]
    NoContradiction,
}

impl Equivocation {
    /// Reads the file; refuses bytes that are not exactly what [`Equivocation::to_canonical`] writes.
    /// Nothing is proved yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, EquivocationError> {
        let shape = |e: String| EquivocationError::Shape(e);
        let text =
            canonical::check(bytes.strip_suffix(b"\n").unwrap_or(bytes)).map_err(|e| shape(e.to_string()))?;
        let file: Self = serde_json::from_str(text).map_err(|e| shape(e.to_string()))?;
        if file.format != FORMAT || file.to_canonical() != bytes {
            return Err(shape("format, or an optional form".to_owned()));
        }
        Ok(file)
    }

    /// The file's bytes: canonical JSON and one LF.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = canonical::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }

    /// Checks that both checkpoints are of the named ledger, signed by one of `ledger_keys` (cosignatures
    /// have no place here), and cannot both be true.
    ///
    /// That `ledger_keys` are the ledger's follows from `authority`, which the caller checks against the
    /// ledger id.
    pub fn verify(&self, ledger_keys: &[PublicKey]) -> Result<(Checkpoint, Checkpoint), EquivocationError> {
        let open = |which, note: &str| {
            Checkpoint::open(note.as_bytes(), ledger_keys, &[])
                .map(|verified| verified.checkpoint)
                .map_err(|source| EquivocationError::Checkpoint { which, source })
        };
        let (a, b) = (open('a', &self.a)?, open('b', &self.b)?);
        if !is_origin_of(&a.origin, &self.ledger) || !is_origin_of(&b.origin, &self.ledger) {
            return Err(EquivocationError::Ledger);
        }
        let contradicts = a.origin == b.origin
            && match &self.leaves {
                None => a.size == b.size && a != b,
                Some(leaves) => {
                    let holds = |leaf, path: &[Hash], checkpoint: &Checkpoint| {
                        verify_inclusion::<Blake3>(
                            leaf,
                            leaves.index,
                            checkpoint.size,
                            path,
                            &checkpoint.root,
                        )
                        .is_ok()
                    };
                    leaves.leaf_a != leaves.leaf_b
                        && holds(&leaves.leaf_a, &leaves.path_a, &a)
                        && holds(&leaves.leaf_b, &leaves.path_b, &b)
                }
            };
        if contradicts { Ok((a, b)) } else { Err(EquivocationError::NoContradiction) }
    }
}

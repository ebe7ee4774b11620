//! Building a proof bundle from a running ledger.

use crate::reader::ReadError;
use crate::service::Ledger;
use crate::state::{key_path, key_value};
use proofs::bundle::{Bundle, FORMAT, Included, KeyProof};
use proofs::tile::MissingNode;

/// Why no bundle could be built.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The ledger has no such entry.
    #[error("the ledger has {size} entries, no entry {seq}")]
    NoEntry {
        /// The entry asked for.
        seq: u64,
        /// How many there are.
        size: u64,
    },
    /// Entries could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The tree could not be read.
    #[error(transparent)]
    Node(#[from] MissingNode),
    /// The state changed under every attempt.
    #[error("the ledger's keys changed while the bundle was built; try again")]
    Busy,
}

/// Everything that proves entry `seq` under the present checkpoint.
pub async fn build(ledger: &Ledger, seq: u64) -> Result<Bundle, BundleError> {
    let reader = ledger.reader();
    let missing = |seq: u64| BundleError::NoEntry { seq, size: ledger.head().borrow().size };
    if seq >= ledger.head().borrow().size {
        return Err(missing(seq));
    }
    let (record, line) = reader.line(seq).await?.ok_or_else(|| missing(seq))?;
    let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    let key = record.entry.header.key;
    // The directory runs ahead of the head by the group that is being published; a few tries suffice.
    for _ in 0..100 {
        let head = ledger.head().borrow().clone();
        let (key_record, proof, root, authority_seqs) = ledger.directory(|d| {
            (
                d.keys.get(&key).cloned(),
                d.key_map.prove(&key_path(&key)),
                d.key_map.root(),
                d.authority_seqs.clone(),
            )
        });
        let (Some(key_record), Some((path, _))) = (key_record, proof) else { return Err(missing(seq)) };
        if root != head.checkpoint.keys {
            tokio::task::yield_now().await;
            continue;
        }
        let introduced = key_record.introduced;
        let (_, introduction) = reader.line(introduced).await?.ok_or_else(|| missing(introduced))?;
        return Ok(Bundle {
            authority: reader.authority(&authority_seqs).await?,
            checkpoint: head.note.to_string(),
            entry: value.get("entry").cloned().unwrap_or_default(),
            format: FORMAT.to_owned(),
            inclusion: ledger.inclusion(seq, head.size)?,
            introduction: Included {
                inclusion: ledger.inclusion(introduced, head.size)?,
                record: serde_json::from_str(&introduction).unwrap_or_default(),
            },
            key: KeyProof { path, record: key_value(&key_record) },
            ledger: ledger.id(),
            payload: value.get("payload").cloned(),
            salt: record.payload.map(|p| p.salt),
        });
    }
    Err(BundleError::Busy)
}

//! What is in the ledger already, answered from there.
//!
//! An event that was recorded byte for byte needs no signature check, as it had one, and no place: the receipt that its
//! author lost is made of the log, beside the sequencer. Whoever sends what the ledger has, a thousand times over, does
//! not keep it from what it has not.

use crate::ids::id_time;
use crate::intake::Receipt;
use crate::reader::ReadError;
use crate::service::Ledger;
use proofs::tile::MissingNode;
use spec::Event;

/// The reason why it could not be told whether events are in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ids cannot be read.
    #[error("the ids of a segment cannot be read: {0}")]
    Ids(#[source] ReadError),
}

impl Ledger {
    /// Whether an event may be in the ledger, as far as memory tells. One for which this says no goes to
    /// [`Ledger::append`], which finds it if it was recorded just now.
    pub fn may_have(&self, event: &Event) -> bool {
        self.inner.ids.may_have(&event.header.identity(), id_time(&event.header))
    }

    /// The receipt of an event that is in the ledger byte for byte, without its inclusion proof; `None` if it is not, or
    /// not yet.
    ///
    /// Reads the log, and blocks.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn recorded(&self, event: &Event) -> Result<Option<Receipt>, RecordedError> {
        let inner = &self.inner;
        let (header, storage) = (&event.header, &*inner.storage);
        let found = inner.ids.by_identity(&header.identity(), id_time(header), storage, &inner.reader).await;
        let size = self.head().borrow().size;
        // What is in the group that is being written is durable only when the head has it.
        let Some(seq) = found.map_err(RecordedError::Ids)?.filter(|seq| *seq < size) else { return Ok(None) };
        let Some(record) = inner.reader.record(seq).await? else { return Ok(None) };
        let event_hash = event.hash();
        if record.entry.header.event_hash(&record.entry.sig) != event_hash {
            return Ok(None);
        }
        let position = record.entry.position;
        Ok(Some(Receipt {
            seq,
            prev: position.prev,
            lane: position.lane,
            recorded_at: position.recorded_at,
            event_hash,
            leaf: record.leaf,
            duplicate: true,
            inclusion: Vec::new(),
        }))
    }

    /// Adds to each receipt the proof that its entry is in the ledger of `size` entries.
    ///
    /// # Errors
    /// The tree lacks a node.
    pub fn prove<'a>(
        &self,
        receipts: impl Iterator<Item = &'a mut Receipt>,
        size: u64,
    ) -> Result<(), MissingNode> {
        let receipts: Vec<&mut Receipt> = receipts.collect();
        let seqs: Vec<u64> = receipts.iter().map(|receipt| receipt.seq).collect();
        let proofs = self.inner.shared.inclusion_proofs(seqs.into_iter(), size)?;
        for (receipt, proof) in receipts.into_iter().zip(proofs) {
            receipt.inclusion = proof;
        }
        Ok(())
    }
}

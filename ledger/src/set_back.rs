//! The way out of a `recorded_at` that is still to come: an entry under the recovery keys that sets the clock back.

use crate::reader::{ReadError, Reader};
use crate::state::State;
use proofs::SigningKey;
use spec::Timestamp;
use spec::payload::{Clock, KeySignature};

/// The entry that set the clock back.
#[derive(Debug, Clone)]
pub struct SetBack {
    /// Its seq.
    pub seq: u64,
    /// What it says.
    pub said: Box<Clock>,
}

/// The reason why the clock cannot be set back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SetBackError {
    /// There is nothing to set back.
    #[error("the clock says {now}, and the last entry was recorded at {last}: no entry is ahead of it")]
    NotAhead {
        /// What the clock says.
        now: Timestamp,
        /// `recorded_at` of the last entry.
        last: Timestamp,
    },
    /// The keys are not enough, or not this ledger's.
    #[error("this takes {threshold} of the ledger's recovery keys, and {given} of them were given")]
    Keys {
        /// How many must sign.
        threshold: u64,
        /// How many of those given are this ledger's.
        given: u64,
    },
    /// Where the times went ahead could not be found out.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What sets the clock back to `now` behind the entries of `state`, signed by those of `keys` that are the ledger's.
pub(crate) fn setting(
    reader: &Reader,
    state: &State,
    keys: &[SigningKey],
    now: Timestamp,
) -> Result<Clock, SetBackError> {
    let last = state.last_recorded;
    if now >= last {
        return Err(SetBackError::NotAhead { now, last });
    }
    let ours = |key: &&SigningKey| state.recovery.as_ref().is_some_and(|r| r.keys.contains(&key.public()));
    let mut signers: Vec<_> = keys.iter().filter(ours).collect();
    signers.sort_by_key(|key| key.public());
    signers.dedup_by_key(|key| key.public());
    let threshold = state.recovery.as_ref().map_or(1, |recovery| recovery.threshold);
    if (signers.len() as u64) < threshold {
        return Err(SetBackError::Keys { threshold, given: signers.len() as u64 });
    }
    let behind = Timestamp::from_millis(now.millis().saturating_add(1));
    let since = reader.end_before(behind, state.size())?;
    let mut said = Clock { after: state.head, last, signatures: Vec::new(), since, time: now };
    let message = said.bytes(&state.ledger);
    let signed = |key: &&SigningKey| KeySignature { key: key.public(), sig: key.sign(&message) };
    said.signatures = signers.iter().map(signed).collect();
    Ok(said)
}

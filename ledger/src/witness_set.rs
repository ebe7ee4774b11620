//! The witness set: who may change it, and which one is in force.
//!
//! Its changes are part of the authority, in one chain with the changes of the ledger's keys: whoever pins the ledger
//! id can tell the set of any size from them, and none can be left out between two others.

use crate::admission::{Check, Code};
use crate::state::{KeyRecord, LEDGER_ORG, State};
use proofs::checkpoint::witness_key;
use proofs::note::NoteKey;
use proofs::signature;
use serde::{Deserialize, Serialize};
use spec::payload::{
    KeySignature, Witness, WitnessSet, WitnessSetChange, witness_possession_bytes, witness_set_bytes,
};
use spec::{Hash, KeyUse, PublicKey};

/// A set and the entry that named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedSet {
    /// Seq of the entry: the set is in force for checkpoints of every larger size.
    pub from: u64,
    /// The set.
    pub set: WitnessSet,
}

impl PlacedSet {
    /// The keys under which its witnesses' signature lines are made.
    pub fn note_keys(&self) -> Vec<NoteKey> {
        let key = |witness: &Witness| witness_key(witness.name.as_str(), witness.key);
        self.set.witnesses.iter().map(key).collect()
    }
}

/// The set in force for checkpoints of `size`, of sets in the order of their entries.
pub fn set_at(sets: &[PlacedSet], size: u64) -> Option<&PlacedSet> {
    sets.iter().rev().find(|placed| placed.from < size)
}

impl State {
    /// Whether a witness set follows the change before it and is signed by the recovery threshold, or by the quorum
    /// of the set before.
    pub(crate) fn check_witness_set(&self, payload: &WitnessSetChange) -> Check {
        if payload.prev_change != self.last_change {
            return Err(Code::BadAuthority);
        }
        for witness in &payload.set.witnesses {
            self.check_witness(witness)?;
        }
        let message = witness_set_bytes(&payload.set, &self.ledger, &payload.prev_change);
        let signed = |s: &&KeySignature| signature::verify(&s.key, &message, &s.sig);
        let recovery = self.recovery.as_ref().ok_or(Code::BadAuthority)?;
        let by = |keys: &dyn Fn(&PublicKey) -> bool| {
            payload.signatures.iter().filter(|s| keys(&s.key)).filter(signed).count() as u64
        };
        if by(&|key| recovery.keys.contains(key)) >= recovery.threshold {
            return Ok(());
        }
        let old = self.witness_sets.last().ok_or(Code::BadAuthority)?;
        let in_old = |key: &PublicKey| old.set.witnesses.iter().any(|witness| witness.key == *key);
        if by(&in_old) >= old.set.quorum { Ok(()) } else { Err(Code::BadAuthority) }
    }

    /// A member stays as it is, or comes with a key that was never used for anything else.
    fn check_witness(&self, witness: &Witness) -> Check {
        let stays = |set: &PlacedSet| {
            set.set.witnesses.iter().any(|old| (old.key, &old.name) == (witness.key, &witness.name))
        };
        match self.keys.get(&witness.key) {
            Some(_) if self.witness_sets.last().is_some_and(stays) => {}
            Some(_) => return Err(Code::KeyInUse),
            None => signature::check_key(&witness.key).map_err(|_| Code::BadKey)?,
        }
        let statement = witness_possession_bytes(&witness.key, &self.ledger, &witness.name);
        if signature::verify(&witness.key, &statement, &witness.pop) {
            Ok(())
        } else {
            Err(Code::BadPossession)
        }
    }

    /// New members' keys are introduced, those of members that go are valid no longer.
    pub(crate) fn apply_witness_set(
        &mut self,
        payload: WitnessSetChange,
        event_hash: Hash,
        seq: u64,
        leaf: Hash,
    ) {
        let stays = |key: &PublicKey| payload.set.witnesses.iter().any(|witness| witness.key == *key);
        let old = self.witness_sets.last().map(|placed| placed.set.witnesses.clone()).unwrap_or_default();
        for witness in old.iter().filter(|witness| !stays(&witness.key)) {
            self.end_key(&witness.key, seq);
        }
        if let Ok(org) = LEDGER_ORG.parse::<spec::Name>() {
            for witness in &payload.set.witnesses {
                if !self.keys.contains_key(&witness.key) {
                    let record = KeyRecord::of_ledger(KeyUse::Witness, org.clone(), seq, event_hash);
                    self.introduce(witness.key, record);
                }
            }
        }
        self.witness_sets.push(PlacedSet { from: seq, set: payload.set });
        self.authority_seqs.push(seq);
        self.last_change = leaf;
    }
}

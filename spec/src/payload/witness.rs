//! Witnesses: who they are, the set whose quorum counts, and what somebody saw that cannot be true.

use super::keys::{possession_bytes, signed_statement};
use super::{KeySignature, PayloadError, Schema, filled, present, rule, within};
use crate::hash::Hash;
use crate::ids::{Name, PublicKey, Signature};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands in front of a witness set before recovery keys or the old quorum sign it.
pub const WITNESS_SET_CONTEXT: &[u8] = b"vaultmesh/witness-set/v1\n";

/// Most witnesses of a set: their lines and the ledger's fit on one signed note.
pub const MAX_WITNESSES: u64 = 15;

const MAX_NOTE_BYTES: usize = 64 * 1024;
const MAX_PATH: u64 = 64;

/// A witness of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its key, which signs cosignatures and never events.
    pub key: PublicKey,
    /// The name on its signature lines.
    pub name: Name,
    /// Whether it is outside the operator's control.
    pub outside: bool,
    /// The key's signature over [`witness_possession_bytes`].
    pub pop: Signature,
}

/// The witnesses whose cosignatures count, and how many of them must stand under a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessSet {
    /// How many must cosign: more than two thirds of them.
    pub quorum: u64,
    /// 1 to 15, sorted by name; at least one is outside the operator's control.
    pub witnesses: Vec<Witness>,
}

impl WitnessSet {
    /// The smallest quorum that is more than two thirds of `count`.
    pub fn least_quorum(count: usize) -> u64 {
        count as u64 * 2 / 3 + 1
    }

    fn validate(&self) -> Result<(), PayloadError> {
        let count = self.witnesses.len();
        within("witnesses", count, 1..=MAX_WITNESSES)?;
        rule(self.witnesses.is_sorted_by(|a, b| a.name < b.name), "witnesses must be sorted by name")?;
        let mut keys: Vec<&PublicKey> = self.witnesses.iter().map(|witness| &witness.key).collect();
        keys.sort_unstable();
        rule(keys.is_sorted_by(|a, b| a < b), "a key is listed twice")?;
        rule(self.witnesses.iter().any(|witness| witness.outside), "one witness must be outside")?;
        rule(
            (Self::least_quorum(count)..=count as u64).contains(&self.quorum),
            "quorum must be more than two thirds of the witnesses, and no more than there are",
        )
    }
}

/// Payload of `witness-set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WitnessSetChangePayload")]
#[serde(deny_unknown_fields)]
pub struct WitnessSetChange {
    /// Leaf of the record of the authority before this one, or the ledger id.
    pub prev_change: Hash,
    /// The set from this entry on.
    pub set: WitnessSet,
    /// Signatures over [`witness_set_bytes`], sorted by key: of recovery keys, or of the set before.
    pub signatures: Vec<KeySignature>,
}

impl Schema for WitnessSetChange {
    fn validate(&self) -> Result<(), PayloadError> {
        within("signatures", self.signatures.len(), 1..=16)?;
        rule(self.signatures.is_sorted_by(|a, b| a.key < b.key), "signatures must be sorted by key")?;
        self.set.validate()
    }
}

/// Payload of `witness-key`: a node says with which key it would cosign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WitnessKeyPayload")]
#[serde(deny_unknown_fields)]
pub struct WitnessKey {
    /// The key.
    pub key: PublicKey,
    /// The name it would cosign under.
    pub name: Name,
    /// The key's signature over [`witness_possession_bytes`].
    pub pop: Signature,
}

impl Schema for WitnessKey {
    const FLAT: bool = true;
}

/// An index at which two trees hold different leaves, with a proof for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferingLeaves {
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

/// Payload of `contradiction`: somebody showed checkpoints under the ledger's own signature of which at least one is
/// not of its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ContradictionPayload")]
#[serde(deny_unknown_fields)]
pub struct Contradiction {
    /// One checkpoint, a signed note of at most 65,536 bytes.
    pub a: String,
    /// The other one.
    pub b: String,
    /// Where their trees differ, when their sizes do and such a place is known.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub leaves: Option<DifferingLeaves>,
}

impl Schema for Contradiction {
    fn validate(&self) -> Result<(), PayloadError> {
        filled("a", &self.a, MAX_NOTE_BYTES)?;
        filled("b", &self.b, MAX_NOTE_BYTES)?;
        let Some(leaves) = &self.leaves else { return Ok(()) };
        within("path_a", leaves.path_a.len(), 0..=MAX_PATH)?;
        within("path_b", leaves.path_b.len(), 0..=MAX_PATH)
    }
}

/// What a witness's key signs to be in a set: the possession context and J({key,ledger,name,use}).
pub fn witness_possession_bytes(key: &PublicKey, ledger: &Hash, name: &Name) -> Vec<u8> {
    possession_bytes(&serde_json::json!({"key": key, "ledger": ledger, "name": name, "use": "witness"}))
}

/// What is signed of a witness set: the context and J({ledger,prev_change,set}).
pub fn witness_set_bytes(set: &WitnessSet, ledger: &Hash, prev_change: &Hash) -> Vec<u8> {
    signed_statement(
        WITNESS_SET_CONTEXT,
        &serde_json::json!({"ledger": ledger, "prev_change": prev_change, "set": set}),
    )
}

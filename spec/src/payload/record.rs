//! What the ledger records about itself and about author chains.

use super::{PayloadError, Schema, at_most, present, rule, within};
use crate::hash::Hash;
use crate::ids::{Epoch, PublicKey, Signature};
use crate::limits::MAX_SAFE_INTEGER;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_REASON_BYTES: usize = 1024;

/// A digest of a fold at a seal. Advisory: it does not bear on whether the log verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FoldDigest")]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// Digest of its state over entries 0…size−1.
    pub digest: Hash,
    /// How many entries it covers.
    pub size: u64,
    /// Version of the fold's rules.
    pub version: u64,
}

/// Payload of `seal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SealPayload")]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// BLAKE3 of the canonical map roots and version that admission rests on; see `spec/log.md`.
    pub admission: Hash,
    /// Digests of folds by name.
    pub advisory: BTreeMap<String, Digest>,
    /// Number of the seal, from 0 without gaps.
    pub index: u64,
    /// Leaf of the seal before, or 64 zeros.
    pub prev: Hash,
    /// Root of the tree at size = this entry's seq.
    pub root: Hash,
}

impl Schema for Seal {}

/// The act of an open of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryAction {
    /// The clock was far from the last entry and was taken on the operator's word. From version 2 on.
    AcceptClock,
    /// Bytes after the last commit line were cut and kept beside the segment.
    CutTail,
    /// `ROOT.txt` was missing or unreadable and was written anew on the operator's word.
    RebuildRoot,
}

/// Payload of `recovery`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RecoveryPayload")]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// What was done.
    pub action: RecoveryAction,
    /// How many bytes were cut.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `BLAKE3(15 ‖ cut bytes)`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
    /// When the entry before was recorded that the clock is far from.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Offset in the segment from which they were cut.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// First seq of the segment.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
}

impl Recovery {
    /// What an action is that has no fields of its own.
    pub fn plain(action: RecoveryAction) -> Self {
        Self { action, bytes: None, hash: None, last: None, offset: None, segment: None }
    }
}

impl Schema for Recovery {
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        if self.action == RecoveryAction::AcceptClock { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        let clock = self.last.is_some() == (self.action == RecoveryAction::AcceptClock);
        rule(clock, "last belongs to accept-clock")?;
        let cut = [self.bytes.is_some(), self.hash.is_some(), self.offset.is_some(), self.segment.is_some()];
        let wanted = self.action == RecoveryAction::CutTail;
        if cut.iter().all(|present| *present == wanted) {
            Ok(())
        } else {
            Err(PayloadError::Schema("bytes, hash, offset and segment belong to cut-tail".to_owned()))
        }
    }
}

/// The act of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceAction {
    /// It runs, and appends one of these a minute while nothing else happens.
    Alive,
    /// It began to accept events.
    Start,
    /// It stopped of its own accord.
    Stop,
}

/// Payload of `service`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ServicePayload")]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// What it did.
    pub action: ServiceAction,
    /// Seconds between the heartbeats that it asks nodes for, said at its start: 1 to 86,400. From version 2 on.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub heartbeat_secs: Option<u64>,
    /// Version of the executable.
    pub version: String,
}

impl Schema for Service {
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        if self.heartbeat_secs.is_some() { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("version", &self.version, 128)?;
        let starts = self.heartbeat_secs.is_none() || self.action == ServiceAction::Start;
        rule(starts, "heartbeat_secs belongs to start")?;
        let fits = self.heartbeat_secs.is_none_or(|secs| (1..=86_400).contains(&secs));
        rule(fits, "heartbeat_secs is 1 to 86,400")
    }
}

/// Payload of `admission`: from the next entry on the ledger goes by a newer version of the admission rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AdmissionPayload")]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// The version: one more than the version before, so 2 or more.
    pub version: u64,
}

impl Schema for Admission {
    fn validate(&self) -> Result<(), PayloadError> {
        within("version", self.version, 2..=MAX_SAFE_INTEGER)
    }
}

/// A place in an author chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChainPlace")]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The run of the chain.
    pub epoch: Epoch,
    /// Position in it.
    pub seq: u64,
}

/// Payload of `chain-open`: the first event of a new epoch, at seq 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChainOpenPayload")]
#[serde(deny_unknown_fields)]
pub struct ChainOpen {
    /// Event hash of the last event the author remembers of its former epoch; absent if it has none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub last: Option<Hash>,
    /// Why a new epoch is needed.
    pub reason: String,
}

impl Schema for ChainOpen {
    fn validate(&self) -> Result<(), PayloadError> {
        at_most("reason", &self.reason, MAX_REASON_BYTES)
    }
}

/// Payload of `chain-gap`: a spool dropped a run of events before they were chained to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChainGapPayload")]
#[serde(deny_unknown_fields)]
pub struct ChainGap {
    /// How many events were dropped.
    pub count: u64,
    /// Event hash of the last dropped event.
    pub head: Hash,
    /// When the first of them happened, by the author's clock.
    pub from: Timestamp,
    /// When the last of them happened.
    pub to: Timestamp,
}

impl Schema for ChainGap {
    fn validate(&self) -> Result<(), PayloadError> {
        if self.count == 0 || self.from > self.to {
            return Err(PayloadError::Schema("count must be at least 1 and from not after to".to_owned()));
        }
        Ok(())
    }
}

/// Payload of `chain-fork`: what was offered for a place that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChainForkPayload")]
#[serde(deny_unknown_fields)]
pub struct ChainFork {
    /// The header that was offered.
    pub header: serde_json::Value,
    /// The key whose chain it is.
    pub key: PublicKey,
    /// The place.
    pub place: Place,
    /// Seq of the entry that holds the place.
    pub recorded: u64,
    /// The signature that was offered.
    pub sig: Signature,
}

impl Schema for ChainFork {
    fn validate(&self) -> Result<(), PayloadError> {
        quoted_header(&self.header)?;
        if self.recorded > MAX_SAFE_INTEGER {
            return Err(PayloadError::Schema("recorded is out of range".to_owned()));
        }
        Ok(())
    }
}

/// Payload of `refusal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RefusalPayload")]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Why, from the fixed list in `spec/event.md`.
    pub code: String,
    /// The header that is refused.
    pub header: serde_json::Value,
    /// Its signature.
    pub sig: Signature,
}

impl Schema for Refusal {
    fn validate(&self) -> Result<(), PayloadError> {
        at_most("code", &self.code, 64)?;
        quoted_header(&self.header)
    }
}

fn quoted_header(header: &serde_json::Value) -> Result<(), PayloadError> {
    if header.is_object() { Ok(()) } else { Err(PayloadError::Schema("header must be an object".to_owned())) }
}

//! A clock that was ahead is set back, under the recovery keys.

use super::keys::{KeySignature, signed_statement};
use super::{PayloadError, Schema, rule};
use crate::hash::Hash;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// First line of what recovery keys sign to set the ledger's clock back.
pub const CLOCK_CONTEXT: &[u8] = b"vaultmesh/clock/v1\n";

/// Most signatures: as many as genesis may list recovery keys.
const MAX_SIGNATURES: usize = 16;

/// Payload of `clock`: entries were recorded at times that are still to come, and from here on the ledger goes by the
/// right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ClockPayload")]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Leaf of the entry before: what is signed is good for this place alone.
    pub after: Hash,
    /// `recorded_at` of the entry before.
    pub last: Timestamp,
    /// Signatures of recovery keys over [`Clock::bytes`], sorted by key.
    pub signatures: Vec<KeySignature>,
    /// Seq of the first entry of those before this one that were all recorded after `time`.
    pub since: u64,
    /// What the time is: `recorded_at` of this entry.
    pub time: Timestamp,
}

impl Clock {
    /// What recovery keys sign.
    pub fn bytes(&self, ledger: &Hash) -> Vec<u8> {
        let Self { after, last, since, time, .. } = self;
        signed_statement(
            CLOCK_CONTEXT,
            &serde_json::json!({"after": after, "last": last, "ledger": ledger, "since": since, "time": time}),
        )
    }
}

impl Schema for Clock {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.time < self.last, "time lies before last")?;
        rule((1..=MAX_SIGNATURES).contains(&self.signatures.len()), "1 to 16 signatures")?;
        let sorted = self.signatures.is_sorted_by(|a, b| a.key < b.key);
        rule(sorted, "signatures must be sorted by key, each key once")
    }
}

//! The payload schemas, one type a kind. Closed: an unknown field is refused, `null` is refused, numbers
//! are integers. What a type writes back is what it read, so a schema loses nothing.

mod acceptance;
mod attention;
mod baseline;
mod billing;
mod clock;
mod command;
mod comms;
mod heartbeat;
mod keys;
mod labels;
mod organisation;
mod policy;
mod record;
mod report;
mod rollout;
mod ruleset;
mod scan;
mod schedule;
mod silence;
mod webhook;
mod witness;

pub use acceptance::Acceptance;
pub use attention::{Attention, AttentionChange, Band, Onset, Posture, ReasonState, WeighedReason};
pub use baseline::Baseline;
pub use billing::{
    BilledUsage, CreditLine, Invoice, InvoiceLine, PriceBook, PricePlan, PriceRate, PriceTier, is_month,
};
pub use clock::{CLOCK_CONTEXT, Clock};
pub use command::{
    COMMAND_CONTEXT, Command, CommandOrder, CommandReceipt, ReceiptState, Rollout, command_bytes,
};
pub use comms::{Ack, Assign, Incident, Note, Reply, Tag};
pub use heartbeat::{Heartbeat, Reading};
pub use keys::{
    Authority, AuthorityChange, Enrolment, Genesis, GenesisKeys, KeyChange, KeyIntroduction, KeyRotation,
    KeySignature, KeyStatus, POSSESSION_CONTEXT, Predecessor, RECOVERY_CONTEXT, RecoveryKeys, Role, Token,
    authority_bytes, node_possession_bytes, possession_bytes, rotation_possession_bytes,
};
pub use labels::Labels;
pub use organisation::{
    IdentityProvider, MAX_EMAIL_BYTES, Member, Organisation, ProviderKind, ProviderSettings,
    SIGN_IN_ALGORITHMS, SignInRule, User, user_id,
};
pub use policy::{Narrowing, Policy, PolicyDocument, PolicyFormat, PolicyMode};
pub use record::{
    Admission, ChainFork, ChainGap, ChainOpen, Digest, Place, Recovery, RecoveryAction, Refusal, Seal,
    Service, ServiceAction,
};
pub use report::{Goodbye, Metric, Outcome, OutcomeCount, Slo, Usage};
pub use rollout::{
    MAX_ROLLOUT_NODES, RolloutAction, RolloutPlan, RolloutStep, RolloutWave, Share, rollout_place,
};
pub use ruleset::{BandRules, Edges, FlapRules, ReasonRule, Ruleset, StormRules};
pub use scan::{Finding, FindingCounts, Scan, Unchecked};
pub use schedule::{
    CatchUp, MAX_RUN_COUNT, MAX_RUN_NODES, Outside, Plan, RunOutcome, RunReason, Schedule, ScheduleRun, When,
    order_id, order_seed,
};
pub use silence::Silence;
pub use webhook::{Delivery, Notice, WEBHOOK_TYPES, Webhook, WebhookType};
pub use witness::{
    Contradiction, DifferingLeaves, MAX_WITNESSES, WITNESS_SET_CONTEXT, Witness, WitnessKey, WitnessSet,
    WitnessSetChange, witness_possession_bytes, witness_set_bytes,
};

use crate::hash::{Domain, Hash};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::RangeInclusive;

/// The reason why a payload does not fit its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The schema version is unknown to this reader.
    #[error("payload version {version} of kind {kind} is unknown")]
    Version {
        /// The kind.
        kind: String,
        /// The version asked for.
        version: u64,
    },
    /// The payload says what a later version brought.
    #[error("version {version} cannot say this; version {oldest} can")]
    Newer {
        /// The version asked for.
        version: u64,
        /// The oldest that can.
        oldest: u64,
    },
    /// The payload does not have the fields and types of its schema.
    #[error("{0}")]
    Schema(String),
}

/// A payload type that can say more than its field types do.
pub(crate) trait Schema: DeserializeOwned + Serialize {
    /// Whether an object is read as a value of this type only if it is what that value writes.
    ///
    /// serde also takes an array for a struct and `{"word":null}` for a word of an enum, so only a struct
    /// whose fields are texts and plain numbers may say so and spare itself the comparison.
    const FLAT: bool = false;

    /// The newest version. Versions only ever add: what was of a version stays of it.
    const VERSION: u64 = 1;

    /// The oldest version that can say this: 1, unless there is something in it that a later one brought.
    fn version(&self) -> u64 {
        1
    }

    /// Rules beyond types: lengths, ranges, combinations.
    fn validate(&self) -> Result<(), PayloadError> {
        Ok(())
    }
}

/// Checks a payload in canonical JSON; the oldest version of its schema that can say it.
pub(crate) fn oldest_version<T: Schema>(json: &str) -> Result<u64, PayloadError> {
    let value = read::<T>(json)?;
    if T::FLAT {
        return Ok(value.version());
    }
    let schema = |e: serde_json::Error| PayloadError::Schema(e.to_string());
    let read: serde_json::Value = serde_json::from_str(json).map_err(schema)?;
    if serde_json::to_value(&value).map_err(schema)? == read {
        Ok(value.version())
    } else {
        Err(PayloadError::Schema("a part is not in its only form".to_owned()))
    }
}

fn read<T: Schema>(json: &str) -> Result<T, PayloadError> {
    check_object(json.trim_start())?;
    let value: T = serde_json::from_str(json).map_err(|e| PayloadError::Schema(e.to_string()))?;
    value.validate()?;
    Ok(value)
}

pub(crate) fn check_object(json: &str) -> Result<(), PayloadError> {
    if json.starts_with('{') { Ok(()) } else { Err(PayloadError::Schema("expected an object".to_owned())) }
}

/// `BLAKE3(14 ‖ secret)`: the name by which the log knows a token; the secret is never stored.
pub fn token_hash(secret: &[u8; 32]) -> Hash {
    Hash::of(Domain::Token, &[secret])
}

/// Reads a field that may be absent but not `null`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Refuses a text of more than `limit` bytes.
pub(crate) fn at_most(field: &str, text: &str, limit: usize) -> Result<(), PayloadError> {
    if text.len() <= limit {
        Ok(())
    } else {
        Err(PayloadError::Schema(format!("{field} is {} bytes; at most {limit} are allowed", text.len())))
    }
}

/// Refuses an empty text and one of more than `limit` bytes.
pub(crate) fn filled(field: &str, text: &str, limit: usize) -> Result<(), PayloadError> {
    if text.is_empty() {
        return Err(PayloadError::Schema(format!("{field} is empty")));
    }
    at_most(field, text, limit)
}

/// Refuses a number, or how many there are of something, outside its range.
pub(crate) fn within(
    field: &str,
    number: impl TryInto<u64>,
    range: RangeInclusive<u64>,
) -> Result<(), PayloadError> {
    if number.try_into().is_ok_and(|number| range.contains(&number)) {
        Ok(())
    } else {
        Err(PayloadError::Schema(format!("{field} must be {} to {}", range.start(), range.end())))
    }
}

/// Refuses what breaks a rule between fields, in the words of the rule.
pub(crate) fn rule(holds: bool, words: &str) -> Result<(), PayloadError> {
    if holds { Ok(()) } else { Err(PayloadError::Schema(words.to_owned())) }
}

#[cfg(test)]
mod tests {
    use crate::kind::Kind;

    #[test]
    fn a_value_has_one_json_form() {
        let hash = "00".repeat(32);
        let refused = [
            (Kind::Note, r#"["a remark"]"#.to_owned()),
            (Kind::Ack, format!(r#"["{hash}","seen"]"#)),
            (Kind::Service, r#"["start","1.0"]"#.to_owned()),
            (Kind::Service, r#"{"action":{"start":null},"version":"1.0"}"#.to_owned()),
            (Kind::Enrolment, format!(r#"["revoke","{hash}"]"#)),
            (Kind::Recovery, r#"{"action":{"rebuild-root":null}}"#.to_owned()),
            (
                Kind::Seal,
                format!(
                    r#"{{"admission":"{hash}","advisory":{{"fleet":["{hash}",1,1]}},"index":0,"prev":"{hash}","root":"{hash}"}}"#
                ),
            ),
        ];
        for (kind, json) in refused {
            assert!(kind.check_payload(1, &json).is_err(), "{kind} {json}");
        }
        assert_eq!(Kind::Service.check_payload(1, r#"{"action":"start","version":"1.0"}"#), Ok(()));
    }
}

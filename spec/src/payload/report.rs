//! What nodes and products report of their work: goodbyes, outcomes and usage.

use super::{PayloadError, Schema, at_most, present, rule, within};
use crate::ids::Name;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_REASON_BYTES: usize = 1024;
const MAX_OUTCOME_COUNTS: u64 = 1024;

/// Payload of `goodbye`: the node falls silent on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "GoodbyePayload")]
#[serde(deny_unknown_fields)]
pub struct Goodbye {
    /// Why, at most 1,024 bytes.
    pub reason: String,
    /// When it expects to be back.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Schema for Goodbye {
    const FLAT: bool = true;

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("reason", &self.reason, MAX_REASON_BYTES)
    }
}

/// The end of an operation. In alphabetical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OperationOutcome")]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was allowed.
    Allow,
    /// It was denied.
    Deny,
    /// It failed.
    Error,
    /// Who asked was isolated.
    Isolate,
    /// It was done.
    Ok,
    /// It was held back.
    Throttle,
}

/// The number of times that an operation ended in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OperationCount")]
#[serde(deny_unknown_fields)]
pub struct OutcomeCount {
    /// What carried it out.
    pub component: Name,
    /// How often.
    pub count: u64,
    /// The operation.
    pub operation: Name,
    /// How it ended.
    pub outcome: Outcome,
}

/// Payload of `slo`: how the operations of a span of time ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SloPayload")]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// The counts, 1 to 1,024, sorted by component, operation and outcome.
    pub counts: Vec<OutcomeCount>,
    /// Beginning of the span.
    pub from: Timestamp,
    /// End of the span, not before `from`.
    pub to: Timestamp,
}

impl Schema for Slo {
    fn validate(&self) -> Result<(), PayloadError> {
        within("counts", self.counts.len(), 1..=MAX_OUTCOME_COUNTS)?;
        rule(
            self.counts.is_sorted_by(|a, b| {
                (&a.component, &a.operation, a.outcome) < (&b.component, &b.operation, b.outcome)
            }),
            "counts must be sorted by component, operation and outcome, each once",
        )?;
        rule(self.from <= self.to, "from must not be after to")
    }
}

/// The quantity that is counted of a tenant's usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UsageMetric")]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Calls of an API.
    ApiCalls,
    /// Decisions made.
    Decisions,
    /// Files looked through.
    DigFiles,
    /// Snapshots exported.
    SnapshotExports,
    /// Bytes stored.
    StorageBytes,
}

impl Metric {
    /// The word as it stands in a payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiCalls => "api_calls",
            Self::Decisions => "decisions",
            Self::DigFiles => "dig_files",
            Self::SnapshotExports => "snapshot_exports",
            Self::StorageBytes => "storage_bytes",
        }
    }
}

/// Payload of `usage`: what the tenant of the header used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UsagePayload")]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// What is counted.
    pub metric: Metric,
    /// What was used.
    pub product: Name,
    /// How much of it, in the unit of the metric.
    pub quantity: u64,
}

impl Schema for Usage {}

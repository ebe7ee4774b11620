//! Roll-outs: a command to a selection of nodes, in waves, for as long as it goes well.

use super::{PayloadError, Schema, at_most, filled, present, rule, within};
use crate::hash::{Domain, Hash};
use crate::ids::{Name, Uuid};
use crate::schema::CommandParameters;
use crate::selector::Selector;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most nodes of a roll-out: all of their commands are kept while they are open.
pub const MAX_ROLLOUT_NODES: u64 = 4096;

const MAX_NAME_BYTES: usize = 256;
const MAX_PROFILE_BYTES: usize = 256;
const MAX_PARAMETERS: u64 = 64;
const MAX_PARAMETER_BYTES: usize = 4096;
const MAX_TTL_SECS: u64 = 2_592_000;
const MAX_PAUSE_SECS: u64 = 604_800;
const MAX_WAVES: u64 = 32;
const MAX_PERCENT: u64 = 100;
const MAX_APPROVALS: u64 = 5;
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// A number of something, or a share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// So many, at most 4,096.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// So many in a hundred, at most 100.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
}

impl Share {
    fn validate(self) -> Result<(), PayloadError> {
        rule(self.count.is_some() != self.percent.is_some(), "a share has either count or percent")?;
        within("count", self.count.unwrap_or_default(), 0..=MAX_ROLLOUT_NODES)?;
        within("percent", self.percent.unwrap_or_default(), 0..=MAX_PERCENT)
    }

    /// How many of `all` it is, rounded up; never more than all.
    pub fn of_at_least(self, all: u64) -> u64 {
        self.count.map_or_else(
            || (self.percent.unwrap_or_default() * all).div_ceil(MAX_PERCENT),
            |count| count.min(all),
        )
    }

    /// How many of `all` it is, rounded down.
    pub fn of_at_most(self, all: u64) -> u64 {
        self.count.unwrap_or_else(|| self.percent.unwrap_or_default() * all / MAX_PERCENT)
    }
}

/// The plan of a roll-out: what, to whom, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutPlan {
    /// How many other people must approve it before its first wave, 1 to 5; absent: nobody.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub approvals: Option<u64>,
    /// Until when they may; present exactly with `approvals`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub approve_by: Option<Timestamp>,
    /// Which typed command the nodes are given.
    pub command: Name,
    /// The roll-out's id, by which the log names it.
    pub id: Uuid,
    /// How many nodes of a wave may fail; with more it stops.
    pub may_fail: Share,
    /// What people call it, 1 to 256 bytes.
    pub name: String,
    /// Only nodes of this operating system profile, at most 256 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub os_profile: Option<String>,
    /// Parameters of the command by name: at most 64, each text at most 4,096 bytes.
    #[schemars(with = "CommandParameters")]
    pub parameters: BTreeMap<Name, String>,
    /// How long is waited after a wave, in seconds, at most 604,800.
    pub pause_secs: u64,
    /// A label selector; empty: every node.
    pub selector: String,
    /// For how many seconds a command may be begun, 1 to 2,592,000.
    pub ttl_secs: u64,
    /// How many of the nodes have been told after each wave, 1 to 32; the last is all of them.
    pub waves: Vec<Share>,
}

impl RolloutPlan {
    fn validate(&self) -> Result<(), PayloadError> {
        within("approvals", self.approvals.unwrap_or(1), 1..=MAX_APPROVALS)?;
        rule(self.approvals.is_some() == self.approve_by.is_some(), "approvals and approve_by go together")?;
        filled("name", &self.name, MAX_NAME_BYTES)?;
        at_most("os_profile", self.os_profile.as_deref().unwrap_or_default(), MAX_PROFILE_BYTES)?;
        within("parameters", self.parameters.len(), 0..=MAX_PARAMETERS)?;
        self.parameters.values().try_for_each(|value| at_most("parameters", value, MAX_PARAMETER_BYTES))?;
        within("pause_secs", self.pause_secs, 0..=MAX_PAUSE_SECS)?;
        within("ttl_secs", self.ttl_secs, 1..=MAX_TTL_SECS)?;
        if let Err(error) = self.selector.parse::<Selector>() {
            return Err(PayloadError::Schema(format!("selector: {error}")));
        }
        self.may_fail.validate()?;
        within("waves", self.waves.len(), 1..=MAX_WAVES)?;
        self.waves.iter().try_for_each(|wave| wave.validate())?;
        let last = self.waves.last().and_then(|wave| wave.percent);
        rule(last == Some(MAX_PERCENT), "the last wave is 100 percent")
    }

    /// How many of `all` nodes have been told after each wave; waves that would tell nobody are left out.
    pub fn totals(&self, all: u64) -> Vec<u64> {
        let mut totals: Vec<u64> = Vec::with_capacity(self.waves.len());
        for total in self.waves.iter().map(|wave| wave.of_at_least(all)) {
            if total > totals.last().copied().unwrap_or_default() {
                totals.push(total);
            }
        }
        totals
    }
}

/// Payload of `rollout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RolloutActionPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum RolloutAction {
    /// A roll-out begins.
    Start(Box<RolloutPlan>),
    /// Nobody more is told until it goes on.
    Pause {
        /// Its id.
        id: Uuid,
    },
    /// It goes on.
    Resume {
        /// Its id.
        id: Uuid,
    },
    /// Nobody more is told.
    Abort {
        /// Its id.
        id: Uuid,
    },
    /// Another person approves it.
    Approve {
        /// Its id.
        id: Uuid,
        /// Event hash of its start: what was read is what is approved.
        target: Hash,
        /// A remark, at most 65,536 bytes.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

impl Schema for RolloutAction {
    const VERSION: u64 = 2;

    /// Version 1 knows no approval.
    fn version(&self) -> u64 {
        let approved = match self {
            Self::Start(plan) => plan.approvals.is_some(),
            other => matches!(other, Self::Approve { .. }),
        };
        if approved { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Start(plan) => plan.validate(),
            Self::Pause { .. } | Self::Resume { .. } | Self::Abort { .. } => Ok(()),
            Self::Approve { text, .. } => {
                at_most("text", text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)
            }
        }
    }
}

/// The scheduler's decision about a roll-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RolloutStep {
    /// The nodes are chosen.
    Chosen,
    /// A wave begins: its nodes are given the command.
    Begun,
    /// It stops: too many failed, or too many were selected.
    Halted,
    /// The last wave is over.
    Finished,
    /// It was not approved in time.
    Expired,
}

/// Payload of `rollout-wave`: a decision about a roll-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RolloutWavePayload")]
#[serde(deny_unknown_fields)]
pub struct RolloutWave {
    /// When it was decided, by the ledger's clock.
    pub at: Timestamp,
    /// How many nodes of the wave failed, refused, or let it expire by then; with `halted` and `finished`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// The nodes, at most 4,096, sorted, each once; with `chosen`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<Uuid>>,
    /// Event hash of the roll-out as it was started.
    pub rollout: Hash,
    /// What is decided.
    pub step: RolloutStep,
    /// How many nodes of the wave succeeded by then; with `halted` and `finished`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<u64>,
    /// Which wave, from 0; 0 with `chosen`.
    pub wave: u64,
}

impl Schema for RolloutWave {
    const VERSION: u64 = 2;

    /// In version 1 nothing runs out for want of approval.
    fn version(&self) -> u64 {
        if self.step == RolloutStep::Expired { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        let ends = matches!(self.step, RolloutStep::Halted | RolloutStep::Finished);
        let first = matches!(self.step, RolloutStep::Chosen | RolloutStep::Expired);
        rule(self.failed.is_some() == ends && self.succeeded.is_some() == ends, "counts belong to the end")?;
        let chosen = self.step == RolloutStep::Chosen;
        rule(self.nodes.is_some() == chosen, "nodes belong to chosen and only to it")?;
        rule(!first || self.wave == 0, "what comes before the first wave is of wave 0")?;
        within("wave", self.wave, 0..=MAX_WAVES - 1)?;
        let nodes = self.nodes.as_deref().unwrap_or_default();
        within("nodes", nodes.len(), 0..=MAX_ROLLOUT_NODES)?;
        rule(nodes.is_sorted_by(|a, b| a < b), "nodes must be sorted, each once")
    }
}

impl RolloutWave {
    /// The id of its event.
    pub fn id(&self) -> Uuid {
        let step = [self.step as u8];
        let hash = Hash::of(Domain::Decision, &[&self.rollout.0, &self.wave.to_be_bytes(), &step]);
        super::schedule::order_id(self.at, &hash)
    }
}

/// By this a node has its place among those of a roll-out: waves are spread over the fleet. `rollout` is the event
/// hash of its start.
pub fn rollout_place(rollout: &Hash, node: Uuid) -> Hash {
    super::schedule::order_seed(rollout, node)
}

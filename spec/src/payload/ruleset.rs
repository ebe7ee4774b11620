//! The rules by which an organisation is told what needs a look.

use super::attention::MAX_SCORE;
use super::{PayloadError, Schema, present, rule, within};
use crate::ids::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const MAX_PATIENCE_SECS: u64 = 86_400;
const MAX_PERCENT: u64 = 100;
const MAX_REASONS: u64 = 128;

/// Over how many heartbeats flapping is looked for.
const FLAP_WINDOW: RangeInclusive<u64> = 2..=64;

/// Scores at which a band is entered and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReasonEdges")]
#[serde(deny_unknown_fields)]
pub struct Edges {
    /// From which score on it is entered, 0 to 100.
    pub enter: u64,
    /// Below which score it is left, 0 to 100 and less than `enter`.
    pub leave: u64,
}

impl Edges {
    fn validate(&self) -> Result<(), PayloadError> {
        within("enter", self.enter, 0..=MAX_SCORE)?;
        rule(self.leave < self.enter, "leave must be less than enter")
    }
}

/// The scores from which bands begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BandRules {
    /// From which score on a band is entered without patience, 0 to 100.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u64>,
    /// The edges of ATTN.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub attn: Option<Edges>,
    /// The edges of CRIT.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub crit: Option<Edges>,
    /// How long a score must be so before the band follows, in seconds; at most 86,400.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub patience_secs: Option<u64>,
}

/// The point at which a node that goes back and forth is said to flap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlapRules {
    /// From which share of changes on it flaps, in percent.
    pub start_percent: u64,
    /// Below which share of changes it flaps no longer, in percent; less than `start_percent`.
    pub stop_percent: u64,
    /// Over how many of the last states the share is taken, 2 to 64.
    pub window: u64,
}

impl FlapRules {
    fn validate(&self) -> Result<(), PayloadError> {
        within("start_percent", self.start_percent, 0..=MAX_PERCENT)?;
        rule(self.stop_percent < self.start_percent, "stop_percent must be less than start_percent")?;
        within("window", self.window, FLAP_WINDOW)
    }
}

/// The time for which a reason must be so before it counts and not be so before it is over, and its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonRule {
    /// It counts after so many heartbeats in a row; not beside `enter_secs`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub enter_beats: Option<u64>,
    /// It counts after so many seconds; not beside `enter_beats`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub enter_secs: Option<u64>,
    /// It is over after so many heartbeats in a row; not beside `leave_secs`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub leave_beats: Option<u64>,
    /// It is over after so many seconds; not beside `leave_beats`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub leave_secs: Option<u64>,
    /// What it weighs, 0 to 100.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub weight: Option<u64>,
}

impl ReasonRule {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.enter_beats.is_none() || self.enter_secs.is_none(), "enter in beats or in seconds")?;
        rule(self.leave_beats.is_none() || self.leave_secs.is_none(), "leave in beats or in seconds")?;
        within("weight", self.weight.unwrap_or_default(), 0..=MAX_SCORE)
    }
}

/// The point at which silent nodes of one site are told as one storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StormRules {
    /// From how many silent nodes on, at least 1.
    pub least: u64,
    /// And from which share of the site's nodes on, in percent, at least 1.
    pub percent: u64,
}

impl StormRules {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.least >= 1, "least must be at least 1")?;
        within("percent", self.percent, 1..=MAX_PERCENT)
    }
}

/// Payload of `ruleset`: all rules of the organisation, in place of those before. What is absent is as
/// built in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RulesetPayload")]
#[serde(deny_unknown_fields)]
pub struct Ruleset {
    /// How scores become bands.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub bands: Option<BandRules>,
    /// When a node is said to flap.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub flapping: Option<FlapRules>,
    /// The most that findings about a node's posture add to its score, 0 to 100.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub posture_cap: Option<u64>,
    /// Rules of reasons by name, at most 128.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub reasons: Option<BTreeMap<Name, ReasonRule>>,
    /// When many silent nodes are a storm.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormRules>,
}

impl Schema for Ruleset {
    fn validate(&self) -> Result<(), PayloadError> {
        if let Some(bands) = &self.bands {
            within("at_once", bands.at_once.unwrap_or_default(), 0..=MAX_SCORE)?;
            within("patience_secs", bands.patience_secs.unwrap_or_default(), 0..=MAX_PATIENCE_SECS)?;
            bands.attn.iter().chain(&bands.crit).try_for_each(Edges::validate)?;
        }
        within("posture_cap", self.posture_cap.unwrap_or_default(), 0..=MAX_SCORE)?;
        if let Some(reasons) = &self.reasons {
            within("reasons", reasons.len(), 0..=MAX_REASONS)?;
            reasons.values().try_for_each(ReasonRule::validate)?;
        }
        self.flapping.iter().try_for_each(FlapRules::validate)?;
        self.storm.iter().try_for_each(StormRules::validate)
    }
}

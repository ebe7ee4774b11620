//! How badly a node or a site needs a look, and how that changed.

use super::{PayloadError, Schema, at_most, present, rule, within};
use crate::canonical;
use crate::hash::{Domain, Hash};
use crate::ids::{Name, Uuid};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The highest score, and the greatest weight of a reason.
pub(super) const MAX_SCORE: u64 = 100;

const MAX_REASONS: u64 = 64;
const MAX_SUBJECT_BYTES: usize = 4096;
const MAX_SITE_BYTES: usize = 256;

/// The urgency with which a node or a site needs a look.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Band {
    /// Not at all.
    #[default]
    Ok,
    /// When there is time.
    Attn,
    /// Now.
    Crit,
}

impl Band {
    /// The word as it stands in a payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Attn => "ATTN",
            Self::Crit => "CRIT",
        }
    }
}

/// A reason with what it weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeighedReason {
    /// The reason.
    pub reason: Name,
    /// What it is about, at most 4,096 bytes; absent: the node or site itself.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What it weighs, 0 to 100.
    pub weight: u64,
}

/// The findings of a node that count: those that are not accepted, and whose weight is not 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Posture {
    /// How many are critical.
    pub critical: u64,
    /// How many are high.
    pub high: u64,
    /// How many are low.
    pub low: u64,
    /// How many are of medium weight.
    pub medium: u64,
    /// The gravest of them; absent exactly if there is none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub worst: Option<WeighedReason>,
}

impl Posture {
    /// How many findings count.
    pub fn findings(&self) -> u64 {
        [self.critical, self.high, self.medium, self.low].into_iter().fold(0, u64::saturating_add)
    }

    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.worst.is_some() == (self.findings() > 0), "worst is one of those that count")?;
        self.worst.iter().try_for_each(|worst| weighed(worst.subject.as_deref(), worst.weight))
    }
}

/// The state of a reason: whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasonState {
    /// It began to count.
    Firing,
    /// It counts no longer.
    Cleared,
}

/// The beginning or the end of something that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Onset {
    /// It began.
    Began,
    /// It is over.
    Ended,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "lowercase", deny_unknown_fields)]
pub enum AttentionChange {
    /// The band.
    Band {
        /// The band before.
        from: Band,
        /// The band after, another one.
        to: Band,
        /// Why, the heaviest first; at most 64.
        reasons: Vec<WeighedReason>,
    },
    /// A reason.
    Reason {
        /// With a finding: what of the node's findings counts after the change.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        posture: Option<Posture>,
        /// The reason.
        reason: Name,
        /// What it is about, at most 4,096 bytes; absent: the node or site itself.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// Whether it counts now.
        state: ReasonState,
        /// What it weighs, 0 to 100.
        weight: u64,
    },
    /// The node goes back and forth between bands.
    Flapping {
        /// Whether that began or ended.
        state: Onset,
    },
    /// Many nodes of a site fell silent together.
    Storm {
        /// The site, at most 256 bytes.
        site: String,
        /// Whether that began or ended.
        state: Onset,
        /// How many of its nodes are silent.
        nodes: u64,
        /// How many nodes it has.
        of: u64,
    },
}

impl AttentionChange {
    fn validate(&self, band: Band) -> Result<(), PayloadError> {
        match self {
            Self::Band { from, to, reasons } => {
                rule(from != to && *to == band, "to must be band, and from another")?;
                within("reasons", reasons.len(), 0..=MAX_REASONS)?;
                for reason in reasons {
                    weighed(reason.subject.as_deref(), reason.weight)?;
                }
                rule(
                    reasons.is_sorted_by(|a, b| a.weight >= b.weight),
                    "reasons must be sorted, the heaviest first",
                )
            }
            Self::Reason { posture, subject, weight, .. } => {
                posture.iter().try_for_each(Posture::validate)?;
                weighed(subject.as_deref(), *weight)
            }
            Self::Flapping { .. } => Ok(()),
            Self::Storm { site, nodes, of, .. } => {
                at_most("site", site, MAX_SITE_BYTES)?;
                rule(nodes <= of, "nodes must not exceed of")
            }
        }
    }
}

fn weighed(subject: Option<&str>, weight: u64) -> Result<(), PayloadError> {
    at_most("subject", subject.unwrap_or_default(), MAX_SUBJECT_BYTES)?;
    within("weight", weight, 0..=MAX_SCORE)
}

/// Payload of `attention`: how the node that the header names, or a site, came to stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AttentionPayload")]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// When it came about, by the ledger's clock.
    pub at: Timestamp,
    /// The band after the change.
    pub band: Band,
    /// What changed.
    pub change: AttentionChange,
    /// Event hash of the `ruleset` in force; [`Hash::ZERO`]: the rules that are built in.
    pub ruleset: Hash,
    /// The score after the change, 0 to 100.
    pub score: u64,
    /// How many entries were folded when it came about.
    pub seq: u64,
}

impl Schema for Attention {
    const VERSION: u64 = 2;

    /// Version 1 knows no posture.
    fn version(&self) -> u64 {
        if matches!(self.change, AttentionChange::Reason { posture: Some(_), .. }) { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        within("score", self.score, 0..=MAX_SCORE)?;
        self.change.validate(self.band)
    }
}

impl Attention {
    /// The id of its event: the same change is announced once. `node` is the one that the header names.
    pub fn id(&self, org: &Name, node: Option<Uuid>) -> Uuid {
        let bytes = canonical::to_vec(self).unwrap_or_default();
        let node = node.map_or([0; 16], |node| *node.as_bytes());
        let hash = Hash::of(Domain::Announcement, &[org.as_str().as_bytes(), &[0], &node, &bytes]);
        Uuid::v7(self.at, hash.0.first_chunk().copied().unwrap_or_default())
    }
}

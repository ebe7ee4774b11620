//! The rules of attention: those that are built in, and what an organisation's `ruleset` puts in their place.

use super::reason::{Hold, Reason};
use serde::{Deserialize, Serialize};
use spec::Hash;
use spec::payload::{Edges, FlapRules, ReasonRule, Ruleset, StormRules};
use std::collections::BTreeMap;

/// The weight of a reason, and the way in which it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonRules {
    /// What it adds to the score, 0 to 100.
    pub weight: u64,
    /// How long it must be so before it counts.
    pub enter: Hold,
    /// How long it must not be so before it is over.
    pub leave: Hold,
}

/// All rules in force for an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Event hash of the `ruleset` they come from; zeros for those that are built in.
    pub hash: Hash,
    /// A weight from which on CRIT is entered whatever the score.
    pub at_once: u64,
    /// The scores of ATTN.
    pub attn: Edges,
    /// The scores of CRIT.
    pub crit: Edges,
    /// How long a score must stay below a band's edge before the band is left, in milliseconds.
    pub patience_ms: u64,
    /// The most that findings add up to while none of them is critical and nothing else is wrong.
    pub posture_cap: u64,
    /// When a node flaps.
    pub flapping: FlapRules,
    /// When silence is that of a site.
    pub storm: StormRules,
    reasons: BTreeMap<Reason, ReasonRules>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hash: Hash::ZERO,
            at_once: 80,
            attn: Edges { enter: 25, leave: 15 },
            crit: Edges { enter: 70, leave: 60 },
            patience_ms: 5 * 60_000,
            posture_cap: 65,
            flapping: FlapRules { start_percent: 20, stop_percent: 5, window: 21 },
            storm: StormRules { least: 5, percent: 20 },
            reasons: BTreeMap::new(),
        }
    }
}

impl Rules {
    /// The rules of a `ruleset` with this event hash.
    pub fn of(ruleset: &Ruleset, hash: Hash) -> Self {
        let built_in = Self::default();
        let bands = ruleset.bands.unwrap_or_default();
        let mut reasons = BTreeMap::new();
        for (name, rule) in ruleset.reasons.iter().flatten() {
            // A reason that this version does not know is nothing it can raise.
            if let Some(reason) = Reason::from_word(name.as_str()) {
                reasons.insert(reason, changed(reason.rules(), rule));
            }
        }
        Self {
            hash,
            at_once: bands.at_once.unwrap_or(built_in.at_once),
            attn: bands.attn.unwrap_or(built_in.attn),
            crit: bands.crit.unwrap_or(built_in.crit),
            patience_ms: bands.patience_secs.map_or(built_in.patience_ms, |secs| secs * 1000),
            posture_cap: ruleset.posture_cap.unwrap_or(built_in.posture_cap),
            flapping: ruleset.flapping.unwrap_or(built_in.flapping),
            storm: ruleset.storm.unwrap_or(built_in.storm),
            reasons,
        }
    }

    /// The rules of a reason.
    pub fn of_reason(&self, reason: Reason) -> ReasonRules {
        self.reasons.get(&reason).copied().unwrap_or_else(|| reason.rules())
    }

    /// What a reason weighs.
    pub fn weight(&self, reason: Reason) -> u64 {
        self.of_reason(reason).weight
    }
}

fn changed(rules: ReasonRules, rule: &ReasonRule) -> ReasonRules {
    let hold = |beats: Option<u64>, secs: Option<u64>, otherwise| match (beats, secs) {
        (Some(beats), _) => Hold::Beats(u32::try_from(beats).unwrap_or(u32::MAX)),
        (None, Some(secs)) => Hold::Millis(secs.saturating_mul(1000)),
        (None, None) => otherwise,
    };
    ReasonRules {
        weight: rule.weight.unwrap_or(rules.weight),
        enter: hold(rule.enter_beats, rule.enter_secs, rules.enter),
        leave: hold(rule.leave_beats, rule.leave_secs, rules.leave),
    }
}

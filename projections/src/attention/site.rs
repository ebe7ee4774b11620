//! Sites: nodes that fall silent together have one cause, and are told as one.
//!
//! A node's site is its label `site`, else its tenant, else the organisation itself. When of the nodes of a site
//! enough fell silent within twice their interval, that is a storm; it is over when no more than half as many are
//! silent.

use crate::listening::Moment;
use serde::{Deserialize, Serialize};
use spec::payload::StormRules;
use std::collections::BTreeMap;

/// One site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Site {
    /// The nodes that are expected to be heard of, with since when they are silent, if they are.
    nodes: BTreeMap<usize, Option<Moment>>,
    /// How many of them are silent.
    silent: usize,
    in_storm: bool,
}

impl Site {
    pub(super) fn in_storm(&self) -> bool {
        self.in_storm
    }

    /// How many nodes are silent, and how many there are.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.silent as u64, self.nodes.len() as u64)
    }

    pub(super) fn places(&self) -> Vec<usize> {
        self.nodes.keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Takes in how a node stands; `expected` without silence is `Some(None)`. True if a storm began or ended.
    #[expect(clippy::option_option, reason = "whether it counts at all, and since when it is silent")]
    pub(super) fn update(
        &mut self,
        place: usize,
        expected: Option<Option<Moment>>,
        window_ms: u64,
        rules: StormRules,
        now: Moment,
    ) -> bool {
        let before = match expected {
            Some(silent) => self.nodes.insert(place, silent),
            None => self.nodes.remove(&place),
        };
        if before == expected {
            return false;
        }
        let is_silent = |node: Option<Option<Moment>>| usize::from(node.flatten().is_some());
        self.silent = self.silent + is_silent(expected) - is_silent(before);
        let was = self.in_storm;
        let enough = self.threshold(rules);
        self.in_storm = if was {
            self.silent * 2 > enough
        } else {
            // Most changes are not the beginning of a storm: few are silent.
            self.silent >= enough && self.silent_within(window_ms, now) >= enough
        };
        was != self.in_storm
    }

    fn threshold(&self, rules: StormRules) -> usize {
        let share = (self.nodes.len() as u64 * rules.percent).div_ceil(100);
        usize::try_from(share.max(rules.least)).unwrap_or(usize::MAX)
    }

    fn silent_within(&self, window_ms: u64, now: Moment) -> usize {
        self.nodes.values().flatten().filter(|since| now.since(**since) <= window_ms).count()
    }
}

//! Flapping: a node that goes back and forth says so once, not each time.
//!
//! The share of changes among the last observations, the newer ones weighing more, with one threshold to begin
//! and a lower one to end: the method of Nagios ("Detection and Handling of State Flapping", Nagios Core
//! documentation), over observations in place of check results.

use serde::{Deserialize, Serialize};
use spec::payload::FlapRules;

/// The weight of the newest and of the oldest observation, in hundredths.
const WEIGHTS: (u64, u64) = (120, 80);

/// A node's last observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Flapping {
    /// One bit an observation, the newest lowest: whether something began or ended to count.
    changes: u64,
    is_on: bool,
}

impl Flapping {
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes an observation in.
    pub(super) fn observe(&mut self, changed: bool, rules: FlapRules) {
        self.changes = self.changes << 1 | u64::from(changed);
        let share = self.share(rules.window);
        self.is_on = if self.is_on { share >= rules.stop_percent } else { share >= rules.start_percent };
    }

    /// The weighted share of changes in percent. What was not observed yet did not change.
    fn share(&self, window: u64) -> u64 {
        let window = window.clamp(2, 64);
        // Most nodes did not change at all.
        if self.changes << (64 - window) == 0 {
            return 0;
        }
        let (newest, oldest) = WEIGHTS;
        let weight = |n: u64| newest - (newest - oldest) * n / (window - 1);
        let all: u64 = (0..window).map(weight).sum();
        let changed: u64 = (0..window).filter(|n| self.changes >> n & 1 == 1).map(weight).sum();
        changed * 100 / all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: FlapRules = FlapRules { start_percent: 20, stop_percent: 5, window: 21 };

    fn observed(changes: &[bool]) -> Flapping {
        let mut flapping = Flapping::default();
        for changed in changes {
            flapping.observe(*changed, RULES);
        }
        flapping
    }

    #[test]
    fn one_outage_is_no_flapping_and_two_close_together_are() {
        let outage = [true, false, false, true];
        assert!(!observed(&outage).is_on());
        assert!(observed(&[&outage[..], &[false; 8], &outage].concat()).is_on());
        assert!(!observed(&[&outage[..], &[false; 14], &outage].concat()).is_on());
    }

    #[test]
    fn it_ends_when_hardly_anything_changed_for_a_whole_window() {
        let mut flapping = observed(&[true; 21]);
        assert!(flapping.is_on());
        let calm = (0..64).find(|_| {
            flapping.observe(false, RULES);
            !flapping.is_on()
        });
        assert_eq!(calm, Some(19));
    }
}

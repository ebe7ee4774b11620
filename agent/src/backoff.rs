//! When to try again: exponential back-off with full jitter.
//!
//! The delay is drawn evenly from zero to `min(cap, base · 2^failures)`. The jitter comes after the cap:
//! a fleet that has waited out an outage of hours returns evenly over the whole cap, not in one instant.
//!
//! Events are sent again after at most two heartbeat intervals: a ledger that comes back misses nobody before three
//! (`spec/projections.md`, section 3), so that whoever waits no longer is back before that pages anybody, and a fleet
//! that comes back asks no more often than it does every day.

use crate::entropy::Entropy;
use std::io;
use std::time::Duration;

/// Most that the first delay can be.
pub const BASE: Duration = Duration::from_secs(2);

/// Most that any delay can be, apart from what the service asks for.
pub const CAP: Duration = Duration::from_mins(5);

/// Most that the service can ask for with `Retry-After`; a node is not silenced for longer.
pub const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The state of one back-off.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    failures: u32,
    cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { failures: 0, cap: CAP }
    }
}

impl Backoff {
    /// Delays are at most this from now on, and never more than [`CAP`].
    pub fn set_cap(&mut self, cap: Duration) {
        self.cap = cap.min(CAP);
    }

    /// The delay after one more failure. With `retry_after` it is at least that, and the jitter on top.
    pub fn fail(
        &mut self,
        retry_after: Option<Duration>,
        entropy: &mut impl Entropy,
    ) -> io::Result<Duration> {
        let most = BASE.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        let least = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        Ok(least + entropy.up_to(most)?)
    }

    /// A success: the next failure starts anew.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }

    /// How many failures there were in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

//! When the node speaks next: about every so many seconds, never in step with others.

use crate::entropy::Entropy;
use std::io;
use std::time::Duration;

/// Shortest and longest interval between heartbeats that a service may ask for.
const INTERVAL_SECS: std::ops::RangeInclusive<u64> = 1..=3600;

/// The beat of one node.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// What the operator has chosen.
    chosen_secs: Option<u64>,
    interval_secs: u64,
    next: Duration,
}

impl Pulse {
    /// Beats at once, and then as the operator has chosen, else as the service asks.
    pub(crate) fn new(now: Duration, chosen_secs: Option<u64>, asked_secs: u64) -> Self {
        let mut pulse = Self { chosen_secs, interval_secs: 0, next: now };
        pulse.ask(asked_secs);
        pulse
    }

    /// Takes the service's word on the interval, within reason, unless the operator has chosen one.
    pub(crate) fn ask(&mut self, secs: u64) {
        let secs = self.chosen_secs.unwrap_or(secs);
        self.interval_secs = secs.clamp(*INTERVAL_SECS.start(), *INTERVAL_SECS.end());
    }

    /// Seconds between two heartbeats.
    pub(crate) fn interval_secs(&self) -> u64 {
        self.interval_secs
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// One is due now: the next comes after nine to eleven tenths of the interval, so that no two nodes stay in step.
    pub(crate) fn beat(&mut self, now: Duration, entropy: &mut impl Entropy) -> io::Result<()> {
        let interval = Duration::from_secs(self.interval_secs);
        self.next = now + interval * 9 / 10 + entropy.up_to(interval / 5)?;
        Ok(())
    }
}

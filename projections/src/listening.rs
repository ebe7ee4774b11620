//! Time as the ledger heard it.
//!
//! Silence is only silence while somebody listens. A running service appends at least once a minute, if
//! only to say that it is alive, so a longer gap between two entries is the ledger's own absence, as is
//! the time from a recorded stop to the next start. [`Moment`]s count the time in which it listened: they
//! stand still while it was away, and everything that waits for time to pass waits in them.
//! They go on where the ledger's clock was set back.

use serde::{Deserialize, Serialize};
use spec::Timestamp;
use spec::payload::ServiceAction;

/// The longest time between two entries of a ledger that listens, in milliseconds: it says once a minute
/// that it is alive, and may be late by as much.
pub const MOST_SILENT_MS: u64 = 120_000;

/// A point in listening time, in milliseconds; comparable within one ledger only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment some milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since another moment; 0 if that is later.
    pub fn since(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

/// A point of both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// In listening time.
    pub moment: Moment,
    /// By the ledger's clock.
    pub at: Timestamp,
}

/// The relation of listening time and the ledger's clock, after the entries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listening {
    last: Timestamp,
    stopped: bool,
    /// How far the ledger's clock is ahead of listening time; behind it, once the clock was set back.
    away_ms: i64,
    resumed: Moment,
}

impl Listening {
    /// The last moment at which it still listened before an entry of this time.
    pub fn until(&self, recorded_at: Timestamp, service: Option<ServiceAction>) -> Moment {
        self.moment(self.heard_until(recorded_at, service))
    }

    /// Takes in the next entry's time, and what the service said of itself, if it did.
    pub fn hear(&mut self, recorded_at: Timestamp, service: Option<ServiceAction>) {
        let heard_until = self.heard_until(recorded_at, service);
        if recorded_at > heard_until {
            self.away_ms += signed(recorded_at) - signed(heard_until);
            self.resumed = Moment(recorded_at.millis().saturating_add_signed(-self.away_ms));
        } else if recorded_at < self.last {
            // Whoever was silent by the time that was not right has time to be heard of by the right one.
            self.resumed = self.last();
            self.away_ms -= signed(self.last) - signed(recorded_at);
        }
        self.last = recorded_at;
        // What follows a stop, such as the last seal, is no sign that anybody listens again.
        self.stopped = match service {
            Some(action) => action == ServiceAction::Stop,
            None => self.stopped,
        };
    }

    /// The moment of a time that is not before the last entry.
    pub fn moment(&self, now: Timestamp) -> Moment {
        Moment(self.listened_until(now).millis().saturating_add_signed(-self.away_ms))
    }

    /// A moment since it last began to listen, with the ledger's clock at it.
    pub fn now(&self, moment: Moment) -> Now {
        Now { moment, at: Timestamp::from_millis(moment.0.saturating_add_signed(self.away_ms)) }
    }

    /// The moment of the last entry.
    pub fn last(&self) -> Moment {
        self.moment(self.last)
    }

    /// When it last began to listen.
    pub fn resumed(&self) -> Moment {
        self.resumed
    }

    /// A service that starts was away since the last entry, however short that was.
    fn heard_until(&self, recorded_at: Timestamp, service: Option<ServiceAction>) -> Timestamp {
        if service == Some(ServiceAction::Start) { self.last } else { self.listened_until(recorded_at) }
    }

    fn listened_until(&self, now: Timestamp) -> Timestamp {
        let most = if self.stopped { 0 } else { MOST_SILENT_MS };
        now.min(Timestamp::from_millis(self.last.millis().saturating_add(most))).max(self.last)
    }
}

/// Times end with the year 9999, so the conversion never saturates.
fn signed(time: Timestamp) -> i64 {
    i64::try_from(time.millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_time_goes_on_where_the_clock_is_set_back() {
        let at = Timestamp::from_millis;
        let mut listening = Listening::default();
        for millis in [1_000_000, 1_060_000, 9_000_000, 9_030_000] {
            listening.hear(at(millis), None);
        }
        let before = listening.last();
        assert_eq!(listening.until(at(1_100_000), None), before);
        listening.hear(at(1_100_000), None);
        assert_eq!((listening.last(), listening.resumed()), (before, before));
        assert_eq!(listening.now(before).at, at(1_100_000));
        listening.hear(at(1_130_000), None);
        assert_eq!(listening.last(), before.plus(30_000));
        assert_eq!(listening.now(listening.last()).at, at(1_130_000));
        assert_eq!(listening.resumed(), before);
    }
}

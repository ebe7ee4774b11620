//! The ledger's clock, and the rule that keeps a wrong one out of the log.

use spec::Timestamp;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How far the clock may run ahead of its monotonic extrapolation.
pub const MAX_AHEAD: Duration = Duration::from_mins(1);

/// How far the clock may lie behind the last entry.
pub const MAX_BEHIND: Duration = Duration::from_mins(5);

/// How far the clock may lie ahead of the last entry when a ledger is opened, unless somebody says that it is right: a
/// service that was away for longer is rare, and a clock that is wrong by more is for ever in the log.
pub const MAX_AWAY: Duration = Duration::from_hours(7 * 24);

/// Where the time comes from.
pub trait Clock: Send + Sync + Debug + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never goes back, and does not follow changes of the time of day.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place of the ledger that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Why no entry may be recorded now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The clock jumped forward.
    #[error("the clock jumped to {now}, expected about {expected}: set it right and start again")]
    Ahead {
        /// What the clock says.
        now: Timestamp,
        /// What it should say.
        expected: Timestamp,
    },
    /// The clock lies far ahead of the last entry.
    #[error(
        "the clock says {now}, over 7 days after the last entry, recorded at {last}; nothing was changed: set the clock right, or start once with `ledger serve --accept-clock`, which is recorded, if it is"
    )]
    Far {
        /// What the clock says.
        now: Timestamp,
        /// `recorded_at` of the last entry.
        last: Timestamp,
    },
    /// The clock lies far behind the last entry.
    #[error("the clock says {now}, but the last entry was recorded at {last}: set it right and start again")]
    Behind {
        /// What the clock says.
        now: Timestamp,
        /// `recorded_at` of the last entry.
        last: Timestamp,
    },
}

/// Gives each group its `recorded_at`.
#[derive(Debug)]
pub struct Recorder {
    anchor: Option<(Timestamp, Duration)>,
}

impl Recorder {
    /// A recorder that has not yet seen the clock.
    pub fn new() -> Self {
        Self { anchor: None }
    }

    /// `max(last, clock)`, unless the clock cannot be believed.
    pub fn record(&mut self, clock: &dyn Clock, last: Timestamp) -> Result<Timestamp, ClockError> {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        if let Some((time, at)) = self.anchor {
            let elapsed = u64::try_from(monotonic.saturating_sub(at).as_millis()).unwrap_or(u64::MAX);
            let expected = Timestamp::from_millis(time.millis().saturating_add(elapsed));
            let ahead = u64::try_from(MAX_AHEAD.as_millis()).unwrap_or(u64::MAX);
            if now.millis() > expected.millis().saturating_add(ahead) {
                return Err(ClockError::Ahead { now, expected });
            }
        }
        let behind = u64::try_from(MAX_BEHIND.as_millis()).unwrap_or(u64::MAX);
        if now.millis().saturating_add(behind) < last.millis() {
            return Err(ClockError::Behind { now, last });
        }
        if now < last {
            tracing::warn!(%now, %last, "the clock went back; recording the last entry's time");
        }
        self.anchor = Some((now, monotonic));
        Ok(now.max(last))
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

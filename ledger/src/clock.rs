//! The ledger's clock, and the rule that keeps a wrong one out of the log.

use crate::nodes_clock::NodesClock;
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

/// The source of the time.
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

/// The reason why no entry may be recorded now.
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
        "the clock says {now}, over 7 days after the last entry, recorded at {last}; nothing was changed: set the clock right, or start once with `ledger serve --accept-clock`, which is recorded, if it is right"
    )]
    Far {
        /// What the clock says.
        now: Timestamp,
        /// `recorded_at` of the last entry.
        last: Timestamp,
    },
    /// The clock lies far ahead of what all nodes hold the time to be.
    #[error(
        "the clock says {now}, and the clocks of {nodes} nodes lie over {days} days behind it, by their last heartbeats; nothing was changed: set the clock right, or start once with `ledger serve --accept-clock`, which is recorded, if it is right and theirs are wrong, or what they sent was late"
    )]
    FarFromNodes {
        /// What the clock says.
        now: Timestamp,
        /// How many nodes.
        nodes: usize,
        /// How far the nearest of their clocks lies behind it.
        days: u64,
    },
    /// The clock lies far behind the last entry.
    #[error(
        "the clock says {now}, but the last entry was recorded at {last}: set the clock right and start again; if it is the entry's time that is wrong, `ledger clock set-back --recovery-key FILE` goes back to the clock's, which is recorded"
    )]
    Behind {
        /// What the clock says.
        now: Timestamp,
        /// `recorded_at` of the last entry.
        last: Timestamp,
    },
}

/// Whether the clock lies far ahead of the last entry, or of every node's, and is taken all the same: what is recorded
/// once by a wrong clock stays, so a start with one is refused before anything is written.
pub(crate) fn check_start(
    clock: &dyn Clock,
    last: Timestamp,
    nodes: Option<&NodesClock>,
    accept: bool,
) -> Result<bool, ClockError> {
    let now = clock.now();
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if now.millis().saturating_add(millis(MAX_BEHIND)) < last.millis() {
        return Err(ClockError::Behind { now, last });
    }
    let far = now.millis() > last.millis().saturating_add(millis(MAX_AWAY));
    let behind = nodes.map_or(0, |nodes| u64::try_from(nodes.behind_ms).unwrap_or(0));
    let far_from_nodes = behind > millis(MAX_AWAY);
    match nodes {
        _ if accept => Ok(far || far_from_nodes),
        _ if far => Err(ClockError::Far { now, last }),
        Some(&NodesClock { nodes, .. }) if far_from_nodes => {
            Err(ClockError::FarFromNodes { now, nodes, days: behind / millis(Duration::from_hours(24)) })
        }
        _ => Ok(false),
    }
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

//! The two clocks the agent needs: the wall's, for what it says, and a steady one, for when it acts.

use spec::Timestamp;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What the node holds the time to be; may jump.
    pub wall: Timestamp,
    /// Time since some fixed point; never goes back.
    pub steady: Duration,
}

/// Time as the agent sees it.
pub trait Clock {
    /// This moment.
    fn now(&self) -> Now;
    /// Ends when the steady clock has reached `steady`.
    fn sleep_until(&self, steady: Duration) -> impl Future<Output = ()>;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose steady time starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place of the agent that reads the wall clock")]
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            wall: Timestamp::from_millis(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
            steady: self.start.elapsed(),
        }
    }

    async fn sleep_until(&self, steady: Duration) {
        tokio::time::sleep(steady.saturating_sub(self.start.elapsed())).await;
    }
}

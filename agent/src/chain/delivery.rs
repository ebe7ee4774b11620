//! Sending: one request at a time, in the order of the chain. How much goes at once, and when again.

use crate::backoff::{self, Backoff};
use crate::entropy::Entropy;
use crate::network::Request;
use spec::Event;
use std::io;
use std::time::Duration;

/// Most events in one request.
pub const MAX_BATCH_EVENTS: usize = 200;

/// Most bytes of events in one request; a single larger event still goes alone.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// By how much a batch may exceed the one before it. After a failure the first has one event: neither a
/// service that is down nor one that has just come back is sent a MiB by every node.
const BATCH_GROWTH: usize = 8;

/// How long an epoch must last before the next forced one counts as the first.
const QUIET: Duration = Duration::from_hours(1);

/// The outcome of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// This many events need no more attention.
    Settled(usize),
    /// Nothing changed, or not all: the rest later.
    Later(Why),
}

/// The reason why something has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The service cannot be reached or is not able to answer now.
    Unavailable,
    /// The service has refused.
    Refused,
    /// The answer does not prove what it says.
    Unproven,
    /// The agent's own files cannot be read or written.
    Disk,
}

/// When the next request may go, and how many events it may have.
#[derive(Debug)]
pub(crate) struct Sending {
    retry_at: Duration,
    backoff: Backoff,
    reopenings: Backoff,
    reopened_at: Option<Duration>,
    /// Events in the next request: few after a failure, more with each success.
    batch_events: usize,
    /// Most events in a request, as far as the service has shown.
    batch_limit: usize,
}

impl Sending {
    /// Whoever has just begun may send at once.
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            retry_at: now,
            backoff: Backoff::default(),
            reopenings: Backoff::default(),
            reopened_at: None,
            batch_events: MAX_BATCH_EVENTS,
            batch_limit: MAX_BATCH_EVENTS,
        }
    }

    /// From when on the next request may go.
    pub(crate) fn retry_at(&self) -> Duration {
        self.retry_at
    }

    /// Most events in the next request.
    pub(crate) fn batch_events(&self) -> usize {
        self.batch_events
    }

    /// Delays are at most this from now on.
    pub(crate) fn set_cap(&mut self, cap: Duration) {
        self.backoff.set_cap(cap);
    }

    /// Some events need no more attention.
    pub(crate) fn succeeded(&mut self, now: Duration) {
        self.backoff.succeed();
        self.retry_at = now;
        self.batch_events = (self.batch_events * BATCH_GROWTH).min(self.batch_limit);
    }

    /// Nothing was settled, for this reason; with `retry_after` it takes at least that long.
    pub(crate) fn failed(
        &mut self,
        now: Duration,
        entropy: &mut impl Entropy,
        retry_after: Option<Duration>,
        why: Why,
        reason: &str,
    ) -> Delivery {
        let delay = self.backoff.fail(retry_after, entropy).unwrap_or(backoff::CAP);
        self.retry_at = now + delay;
        let (failures, retry_ms) = (self.backoff.failures(), delay.as_millis());
        if why == Why::Unavailable {
            self.batch_events = 1;
            tracing::warn!(reason, failures, retry_ms, "not delivered");
        } else {
            tracing::error!(reason, failures, retry_ms, "not delivered");
        }
        Delivery::Later(why)
    }

    /// The service refuses a request of so many events as a whole, whatever they are.
    pub(crate) fn refused_whole(&mut self, count: usize, too_large: bool) {
        if too_large {
            self.batch_limit = (count / 2).max(1);
        }
        self.batch_events = self.batch_limit;
    }

    /// Something was put right, and is sent again after a while.
    pub(crate) fn mended(&mut self, now: Duration, entropy: &mut impl Entropy) -> io::Result<()> {
        self.retry_at = now + self.backoff.fail(None, entropy)?;
        Ok(())
    }

    /// An epoch was left because of something the ledger said; not too often in a row.
    pub(crate) fn reopened(&mut self, now: Duration, entropy: &mut impl Entropy) -> io::Result<()> {
        if self.reopened_at.is_none_or(|at| now.saturating_sub(at) > QUIET) {
            self.reopenings.succeed();
        }
        self.reopened_at = Some(now);
        self.retry_at = now + self.reopenings.fail(None, entropy)?;
        Ok(())
    }
}

/// The request that sends events; `alone` for a heartbeat with nothing behind it, whose answer says more.
pub(crate) fn request(events: &[Event], alone: bool) -> Request {
    match events {
        [event] if alone => Request::post("/api/agent/heartbeat", "application/json", event.to_canonical()),
        _ => {
            let mut body = Vec::new();
            for event in events {
                body.extend_from_slice(&event.to_canonical());
                body.push(b'\n');
            }
            Request::post("/api/events?inclusion=true", "application/x-ndjson", body)
        }
    }
}

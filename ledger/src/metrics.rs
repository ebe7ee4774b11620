//! Counters of the running ledger, for whoever watches it.

use spec::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of the running ledger.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Groups written.
    pub groups: AtomicU64,
    /// Entries written.
    pub entries: AtomicU64,
    /// Time spent writing and publishing groups, in microseconds.
    pub append_micros: AtomicU64,
    /// Groups by the time they took: at most 1, 2, 5, 10, 20, 50, 100, 500 ms, and longer.
    pub append_buckets: [AtomicU64; 9],
    /// When the last seal was recorded, in milliseconds since 1970.
    pub last_seal_millis: AtomicU64,
}

/// Upper bounds of [`Metrics::append_buckets`], in milliseconds.
pub const APPEND_BUCKETS_MS: [u64; 8] = [1, 2, 5, 10, 20, 50, 100, 500];

impl Metrics {
    pub(crate) fn observe_append(&self, entries: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
        self.append_micros.fetch_add(micros, Ordering::Relaxed);
        let bucket =
            APPEND_BUCKETS_MS.iter().position(|ms| micros <= ms * 1000).unwrap_or(APPEND_BUCKETS_MS.len());
        if let Some(counter) = self.append_buckets.get(bucket) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn observe_seal(&self, at: Timestamp) {
        self.last_seal_millis.store(at.millis(), Ordering::Relaxed);
    }
}

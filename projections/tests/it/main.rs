//! The folds from outside, over made-up entries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a helper of a test may stop the test"
)]

mod announcing;
mod attention;
mod billing;
mod commands;
mod day;
mod facts;
mod fleet;
mod incidents;
mod keys;
mod metrics;
mod notices;
mod outage;
mod policies;
mod posture;
mod rollouts;
mod rules;
mod scans;
mod schedules;
mod slo;
mod snapshots;
mod storms;
mod usage;
mod webhooks;

use testing::{entries, first_scan, node, world};

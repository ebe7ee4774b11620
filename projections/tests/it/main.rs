//! The folds from outside, over made-up entries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a helper of a test may stop the test"
)]

// The agent's own simulated world: node and network in simulated time, against a ledger that signs for real.
#[path = "../../../agent/tests/it/ledger.rs"]
#[expect(dead_code, reason = "only a part of it is used here")]
mod ledger;
#[path = "../../../agent/tests/it/node.rs"]
#[expect(dead_code, reason = "only a part of it is used here")]
mod node;
#[path = "../../../agent/tests/it/world.rs"]
#[expect(dead_code, reason = "only a part of it is used here")]
mod world;

mod announcing;
mod attention;
mod commands;
mod day;
mod entries;
mod facts;
mod first_scan;
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

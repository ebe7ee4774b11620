//! Tests of the formats from outside: against other implementations, by mutation, and by vectors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may stop the test"
)]

mod canonical;
mod cron;
mod entry;
mod event;
mod history;
mod json;
mod payload;
mod schema;
mod vectors;
mod windows;

//! The folds from outside: over made-up entries, and following a ledger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may stop the test"
)]

mod announcing;
mod attention;
mod day;
mod entries;
mod fleet;
mod history;
mod live;
mod notices;
mod rules;
mod storms;

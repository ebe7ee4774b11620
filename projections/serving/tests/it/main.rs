//! The folds of a real ledger: followed, looked back at, and read over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a helper of a test may stop the test"
)]

mod findings;
mod history;
mod http;
mod live;

use testing::entries;

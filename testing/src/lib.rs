//! What tests of several crates share, each in one place: the agent's simulated world (node, network, disk and time,
//! against a [`ledger`] that signs for real), [`entries`] as an admitted log has them, a first scan, and the machines
//! that judges of the scan look at. Nothing that is shipped depends on it.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "a helper of a test may stop the test, and says to nobody else what it does"
)]

pub mod entries;
pub mod first_scan;
pub mod judges;
pub mod ledger;
pub mod node;
pub mod world;

//! The agent from outside: simulated days with a ledger that sequences for real, lost power at every
//! step, and one run of the executable against a server on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may stop the test"
)]

mod chain;
mod commands;
mod crash;
mod damage;
mod enrolment;
mod executable;
mod fixtures;
mod hostile;
mod limits;
mod policies;
mod receipts;
mod rotation;
mod scan;
mod system;
mod trust;
mod wire;
mod witness;

use testing::{ledger, node, world};

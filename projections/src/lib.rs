//! What the log means: folds over its entries, each a pure function of the entries so far.
//!
//! A fold reads no clock, no environment and no network; what depends on time takes it as an argument. So
//! the same entries give the same state everywhere, a seal can commit to it, and an auditor can fold again
//! and compare. [`Projections`] holds all folds at one size. The crate does no I/O and knows no ledger that runs: to
//! keep folds at its head, and to show them, is the affair of `serving`.

pub mod acceptances;
pub mod assignments;
pub mod attention;
pub mod billing;
pub mod commands;
pub mod fact;
pub mod fleet;
pub mod fold;
pub mod former;
pub mod incidents;
pub mod keys;
pub mod listening;
pub mod metrics;
pub mod policies;
pub mod rehearsal;
pub mod rollouts;
pub mod scans;
pub mod schedules;
pub mod selection;
pub mod share;
pub mod slo;
pub mod usage;

pub use fold::{OutOfOrder, Part, Projection, Projections, SnapshotError};

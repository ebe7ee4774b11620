//! What the log means: folds over its entries, each a pure function of the entries so far.
//!
//! A fold reads no clock, no environment and no network; what depends on time takes it as an argument. So
//! the same entries give the same state everywhere, a seal can commit to it, and an auditor can fold again
//! and compare. [`Projections`] holds all folds at one size; [`live::Live`] keeps them at the ledger's head,
//! [`history::History`] has them at any other.

pub mod announce;
pub mod answers;
pub mod assignments;
pub mod attention;
pub mod commands;
pub mod desk;
pub mod docs;
pub mod fact;
pub mod fleet;
pub mod fold;
mod followers;
pub mod history;
pub mod http;
pub mod incidents;
pub mod keys;
pub mod ladder;
pub mod listening;
pub mod live;
pub mod metrics;
mod nodes;
pub mod openapi;
pub mod page;
mod paging;
pub mod policies;
mod reads;
mod recent;
pub mod rehearsal;
pub mod rollouts;
pub mod scans;
pub mod schedules;
pub mod selection;
pub mod slo;
mod stream;
pub mod usage;

pub use fold::{OutOfOrder, Part, Projection, Projections, SnapshotError};

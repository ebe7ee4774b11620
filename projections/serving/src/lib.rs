//! The folds of a running ledger, and what is read of them over HTTP.
//!
//! [`live::Live`] keeps [`projections::Projections`] at the ledger's head, [`history::History`] has them at any other
//! point, from the nearest rung of the [`ladder::Ladder`] on. The routes ([`routes`]) answer from either, and only
//! read. The normative text is `spec/api.md`, from section 8 on.

pub mod answers;
mod console;
pub mod docs;
mod followers;
pub mod history;
pub mod ladder;
pub mod live;
mod nodes;
pub mod page;
mod reads;
mod recent;
mod routes;
mod stream;

pub use followers::CommandWord;
pub use reads::Reads;
pub use routes::routes;

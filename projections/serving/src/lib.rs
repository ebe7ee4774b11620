//! The folds of a running ledger, and what is read of them over HTTP.
//!
//! [`live::Live`] keeps [`projections::Projections`] at the ledger's head, [`history::History`] has them at any other
//! point, from the nearest rung of the [`ladder::Ladder`] on. The routes ([`http::routes`]) answer from either, and only
//! read. The normative text is `spec/api.md`, from section 8 on.

pub mod announce;
pub mod answers;
pub mod desk;
pub mod docs;
mod followers;
pub mod history;
pub mod http;
pub mod ladder;
pub mod live;
mod nodes;
pub mod openapi;
pub mod page;
mod paging;
mod reads;
mod recent;
mod stream;

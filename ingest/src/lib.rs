//! The write side over HTTP: what is admitted, receipts, proofs, and what the log alone can answer.
//!
//! [`routes`] is a part of the service's one list of routes, over the state [`Ingest`]. The crate knows no folds: what
//! needs both, such as the answer to a heartbeat, is put together in `service` from what stands here. It prints nothing,
//! ends no process and keeps no state beside the ledger that a restart would lose. The normative text is `spec/api.md`.

mod appending;
mod authority;
mod draft;
mod enrolment;
mod entries;
mod events;
pub mod heartbeat;
mod import;
mod incoming;
mod keys;
mod members;
mod organisations;
mod public;
mod query;
mod receipt;
mod register;
mod routes;
pub mod saying;
mod sign_in;
mod slo;
mod templates;
mod tokens;
pub mod webhooks;
pub mod wire;
mod witnesses;

pub use authority::Ingest;
pub use routes::routes;

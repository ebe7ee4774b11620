//! The service as its callers see it: real ledger, real HTTP, real signatures. Each test ends by verifying
//! every byte of the ledger it has used.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "a helper of a test may stop the test"
)]

mod access;
mod answers;
mod between;
mod billing;
mod connections;
mod drafts;
mod events;
mod fairness;
mod full;
mod heartbeat;
mod hostile;
mod limits;
mod organisations;
mod outcomes;
mod poisoned;
mod proofs;
mod provider;
mod query;
mod register;
mod roles;
mod routes;
mod schedules;
mod sign_in;
mod speed;
mod templates;
mod tokens;
mod webhooks;
mod world;

//! The service as its callers see it: real ledger, real HTTP, real signatures. Each test ends by verifying
//! every byte of the ledger it has used.
#![expect(missing_docs, reason = "tests")]

mod access;
mod connections;
mod drafts;
mod events;
mod heartbeat;
mod hostile;
mod limits;
mod proofs;
mod query;
mod register;
mod routes;
mod speed;
mod tokens;
mod world;

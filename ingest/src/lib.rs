//! The ledger over HTTP: who asks, what is admitted, receipts, proofs, limits.
//!
//! [`App`] is a ledger's HTTP side; [`serve`] runs it on listeners it is given until it is told to stop.
//! One table ([`routes::ROUTES`]) names every route with who may use it; one matrix ([`access::allows`])
//! says what each role may do; one form ([`problem::Problem`]) answers every refusal. The crate prints
//! nothing, ends no process and keeps no state beside the ledger that a restart would lose. The normative
//! text is `spec/api.md`.

pub mod access;
mod answer;
mod app;
pub mod body;
mod bucket;
pub mod commands;
mod connection;
mod cursor;
mod dispatch;
mod draft;
mod enrolment;
mod entries;
mod events;
mod heartbeat;
mod import;
mod incoming;
mod jwt;
mod keys;
pub mod limits;
mod management;
mod metrics;
pub mod openapi;
mod policies;
mod principal;
pub mod problem;
mod public;
mod query;
mod query_string;
mod receipt;
mod register;
mod rollouts;
pub mod routes;
mod schedules;
mod seats;
mod selection;
mod server;
mod strict;
mod tokens;
pub mod webhooks;
pub mod wire;
mod witnesses;

pub use access::{Action, Principal, PrincipalKind};
pub use app::{App, Config};
pub use limits::Limits;
pub use principal::Peer;
pub use problem::Problem;
pub use seats::Seat;
pub use server::{serve, serve_router};

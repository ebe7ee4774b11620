//! The whole service: the ledger, its folds and its HTTP side put together, and what it does by itself.
//!
//! [`start`] composes it; `ledger serve`, the demo and tests run the same. [`rows`] is the one list of its routes: those
//! of `ingest`, which need the log alone, those of `serving`, which need the folds, and those here, which need both
//! (the operator's requests, the answer to a heartbeat) or neither (documentation, health, tasks). What runs beside the
//! requests are [`tasks`]: each under one driver that starts it again when it fails, and says how it fares.

mod composed;
pub mod data;
mod docs;
mod health;
mod heartbeat;
pub mod machine_clock;
mod operator;
pub mod outbound;
mod providers;
mod routes;
mod running;
mod session;
mod sign_in;
mod state;
pub mod tasks;
pub mod wire;

pub use composed::Composed;
pub use routes::{document, document_text, rows};
pub use running::{Choices, Running, StartError, local, start};
pub use sign_in::Codes;

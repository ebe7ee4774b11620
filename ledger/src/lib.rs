//! The append-only log: segments on disk, one sequencer with group commit, recovery, seals, the index,
//! and the auditor that checks all of it.
//!
//! `spec` says what an event and an entry are, `proofs` what a tree and a checkpoint are; this crate joins
//! them. [`Ledger`] is the writer; [`reader::Reader`] reads beside it; [`audit`] is a pure function over
//! bytes. Only [`durable`] touches files.

pub mod admission;
pub mod audit;
pub mod bundle;
pub mod clock;
pub mod durable;
pub mod fault;
pub mod genesis;
mod group;
mod id_set;
pub mod ids;
pub mod index;
mod inlets;
pub mod intake;
pub mod keyring;
mod metrics;
pub mod nodes_clock;
pub mod open;
pub mod organisations;
pub mod reader;
pub mod recovery;
pub mod replay;
pub mod resent;
mod seal;
pub mod segment;
mod sequencer;
pub mod service;
pub mod set_back;
pub mod shelf;
pub mod space;
pub mod state;
pub mod stopped;
pub mod storage;
pub mod verify;
mod watermark;
pub mod witness_set;
pub mod witnessing;

pub use fault::Fault;
pub use intake::{AppendError, AppendOptions, Appended, Meter, Outcome, Receipt, Spent, TooMuch};
pub use service::Ledger;
pub use stopped::{StopReason, Stopped};

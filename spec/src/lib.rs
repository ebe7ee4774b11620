//! The VaultMesh formats as types: canonical JSON, hashes, ids, events, entries and the kinds registry.
//!
//! The normative text stands beside this crate (`event.md`, `log.md`, `proof.md`, `verify-codes.md`);
//! a type here says the same words to the compiler. The crate does no I/O, reads no clock, draws no
//! random number and knows no Merkle tree: what it computes is a function of its arguments, so that an
//! auditor can read it in an afternoon and it compiles for any target.

pub mod canonical;
pub mod cron;
pub mod entry;
pub mod event;
pub mod hash;
pub mod ids;
mod key_use;
pub mod kind;
pub mod limits;
pub mod money;
pub mod payload;
mod refold;
pub mod rules;
pub mod schema;
pub mod selector;
pub mod time;
pub mod window;
mod written;

pub use canonical::CanonicalError;
pub use entry::{Commit, Entry, Lane, Line, Record};
pub use event::{ChainLink, Event, EventError, Header, Severity, Via};
pub use hash::{Domain, Hash};
pub use ids::{Author, Epoch, LEDGER_ORG, Name, PublicKey, Signature, Uuid};
pub use key_use::KeyUse;
pub use kind::Kind;
pub use refold::Refold;
pub use time::Timestamp;

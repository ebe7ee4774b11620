//! What the node says: chained, signed, spooled, sent, and checked against the receipts.

pub mod author;
pub mod delivery;
pub mod drops;
pub mod outbox;
pub mod receipt;
pub mod refusals;
pub(crate) mod reply;
pub mod spool;
pub(crate) mod trial;

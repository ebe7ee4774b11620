//! What the node believes: the ledger's authority, and checkpoints that agree with those before.

pub mod authority;
pub(crate) mod follower;
pub(crate) mod following;
pub mod memory;
pub mod unproven;
pub mod witness;

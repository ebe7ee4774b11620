//! What the node is told: commands, whether they hold and are allowed, and what becomes of them.

pub mod applied;
pub(crate) mod applying;
pub mod commander;
pub mod order;
pub mod orders;
pub mod policy;
pub(crate) mod polling;
pub(crate) mod receipts;
pub mod trusted;
pub mod work;
pub mod workers;

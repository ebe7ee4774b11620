//! The operator's requests that need the log and the folds together: what nodes are told, and what they may be.

pub(crate) mod acceptances;
pub(crate) mod billing;
pub(crate) mod commands;
pub(crate) mod policies;
pub(crate) mod rehearsal;
pub(crate) mod rollouts;
pub(crate) mod schedules;
mod selection;

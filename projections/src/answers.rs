//! The routes that list what the folds know, beside the fleet itself.

pub(crate) mod commands;
pub(crate) mod entries;
pub(crate) mod incidents;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod policies;
pub(crate) mod rollouts;
pub(crate) mod scans;
pub(crate) mod schedules;
pub(crate) mod slo;
pub(crate) mod usage;
pub(crate) mod webhooks;

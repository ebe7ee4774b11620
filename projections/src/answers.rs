//! The routes that list what the folds know, beside the fleet itself.

pub(crate) mod commands;
pub(crate) mod entries;
pub(crate) mod scans;

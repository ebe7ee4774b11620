//! The routes that list what the folds know, beside the fleet itself.

pub(crate) mod entries;

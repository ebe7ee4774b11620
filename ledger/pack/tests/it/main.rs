//! Packing and unpacking: the identity, damage and hostile files, a single entry.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "helpers of tests are tests"
)]

mod alone;
mod damage;
mod hostile;
mod identity;
mod segments;
mod vectors;

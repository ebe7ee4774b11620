//! The ledger from outside: storage, power cuts, faults, recovery, admission, concurrency.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "helpers of tests are tests"
)]

mod admission;
mod admission_vectors;
mod clocks;
mod concurrency;
mod durable;
mod faults;
mod fixtures;
mod forged;
mod forged_admission;
mod forged_alone;
mod forged_clock;
mod forged_kinds;
mod forged_people;
mod forged_side;
mod forger;
mod introductions;
mod operators;
mod packing;
mod people;
mod power_cut;
mod properties;
mod recovery;
mod refold;
mod rotation;
mod runs;
mod sim_disk;
mod storage;
mod support;
mod vectors;
mod verdict;
mod witnesses;

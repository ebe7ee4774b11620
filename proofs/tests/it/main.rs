//! Tests of the proofs from outside: against other implementations, by mutation, and by vectors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may stop the test"
)]

mod bundle;
mod equivocation;
mod map;
mod note;
mod proofchain;
mod signature;
mod tree;
mod util;
mod vectors;

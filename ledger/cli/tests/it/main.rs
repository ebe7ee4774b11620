//! Tests of the executable, and of the workspace as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may stop the test"
)]

mod backups;
mod baselines;
mod between;
mod circles;
mod clones;
mod commanding;
mod commands;
mod connections;
mod contexts;
mod dependencies;
mod fixtures;
mod fleet;
mod flips;
mod invoices;
mod kill;
mod names;
mod openapi;
mod outage;
mod packaging;
mod page;
mod people;
mod policies;
mod posture;
mod reading;
mod rolling;
mod rotating;
mod scheduling;
mod simulated;
mod spans;
mod streams;
mod support;
mod tidy;
mod verdicts;
mod vocabulary;
mod watching;
mod webhooks;
mod witnessing;
mod workspace;
mod wrong;

//! Benchmarks: each figure beside the limit of the machine for the same work, measured in the same run.
//!
//! ```text
//! cargo bench -p benches                       everything, with 100,000 events
//! cargo bench -p benches -- append verify      some of it
//! BENCH_N=2000 cargo bench -p benches          short
//! cargo bench -p benches -- attacks            what honest nodes notice of attacks: ten minutes, asked for by name
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and ends at the first thing that is wrong"
)]

mod append;
mod attacks;
mod bare;
mod canonical;
mod commands;
mod folds;
mod growth;
mod http;
mod open;
mod pack;
mod postgres;
mod proofs_bench;
mod report;
mod streams;
mod verify;
mod world;

/// A name to choose it by, and what it runs.
type Suite = (&'static str, fn(usize));

const SUITES: [Suite; 13] = [
    ("canonical", canonical::run),
    ("proofs", proofs_bench::run),
    ("append", append::run),
    ("growth", growth::run),
    ("verify", verify::run),
    ("open", open::run),
    ("pack", pack::run),
    ("http", http::run),
    ("streams", streams::run),
    ("commands", commands::run),
    ("folds", folds::run),
    ("history", folds::history),
    ("postgres", postgres::run),
];

fn main() {
    let events = std::env::var("BENCH_N").map_or(100_000, |n| n.parse().expect("BENCH_N is a number"));
    // Cargo adds `--bench`.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    if chosen.iter().any(|c| c == streams::SUBSCRIBERS) {
        streams::subscribe();
        return;
    }
    report::machine(events);
    if chosen.iter().any(|c| c == "attacks") {
        attacks::run(events, &chosen);
        return;
    }
    for (name, run) in SUITES {
        if chosen.is_empty() || chosen.iter().any(|c| c == name) {
            println!("\n{name}");
            run(events);
        }
    }
}

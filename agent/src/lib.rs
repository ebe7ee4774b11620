//! The node agent: an identity, a chain of signed events, a durable spool, and a check of every receipt.
//!
//! The core ([`session::Session`]) takes its clock, network, disk and random numbers as parameters, so
//! that a test runs days in a second and loses power wherever it likes; what touches the system
//! ([`disk::FileDisk`], [`client::HttpClient`], [`clock::SystemClock`], [`entropy::SystemEntropy`],
//! [`heartbeat::SystemSampler`]) is thin. Whoever only needs signed events, such as a load generator,
//! takes [`author::ChainAuthor`] alone. Only [`cli`] and the commands behind it print or end the process.

pub mod backoff;
pub mod chain;
pub mod cli;
pub mod client;
pub mod clock;
mod commands;
pub mod config;
pub mod control;
pub mod disk;
pub mod durable;
pub mod entropy;
pub mod heartbeat;
pub mod identity;
pub mod lock;
pub mod network;
pub mod problem;
pub mod procfs;
pub mod report;
pub mod scan;
pub mod scan_schedule;
pub mod session;
pub mod status;
pub mod trust;
pub mod units;

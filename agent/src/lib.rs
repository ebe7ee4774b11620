//! The node agent: an identity, a chain of signed events, a durable spool, and a check of every receipt.
//!
//! The core ([`session::Session`]) takes its clock, network, disk and random numbers as parameters, so
//! that a test runs days in a second and loses power wherever it likes; what touches the system
//! ([`disk::FileDisk`], [`client::HttpClient`], [`clock::SystemClock`], [`entropy::SystemEntropy`],
//! [`heartbeat::SystemSampler`]) is thin. Whoever only needs signed events, such as a load generator,
//! takes [`author::ChainAuthor`] alone. Only [`cli`] and the commands behind it print or end the process.

pub mod applied;
mod applying;
pub mod author;
pub mod authority;
pub mod backoff;
pub mod chain;
pub mod cli;
pub mod client;
pub mod clock;
pub mod commander;
mod commands;
pub mod config;
pub mod delivery;
pub mod disk;
pub mod drops;
pub mod durable;
pub mod enrol;
pub mod entropy;
mod following;
pub mod heartbeat;
pub mod identity;
pub mod jwt;
pub mod lock;
pub mod memory;
pub mod network;
pub mod order;
mod orders;
pub mod policy;
pub mod problem;
pub mod procfs;
pub mod receipt;
mod reply;
pub mod report;
pub mod rotation;
pub mod scan;
pub mod scan_schedule;
pub mod session;
pub mod spool;
mod spool_scan;
mod spool_write;
mod standing;
pub mod status;
pub mod token;
mod trust;
pub mod units;
pub mod witness;
pub mod work;

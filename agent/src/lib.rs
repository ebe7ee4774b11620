//! The node agent: an identity, a chain of signed events, a durable spool, and a check of every receipt.
//!
//! Who the node is ([`identity`]), what it says ([`chain`]), believes ([`trust`]) and is told ([`control`]) are parts
//! that own what they know and say what is to be done. [`exchange`] joins the first three, which is what sending takes;
//! [`session::Session`] lets all have their turns. Clock, network, disk and random numbers come from outside, so that a
//! test runs days in a second and loses power wherever it likes; what touches the system ([`disk::FileDisk`],
//! [`client::HttpClient`], [`clock::SystemClock`], [`entropy::SystemEntropy`], [`heartbeat::SystemSampler`]) is thin.
//! Whoever only needs signed events, such as a load generator, takes [`chain::author::ChainAuthor`] alone. Only [`cli`]
//! and the commands behind it print or end the process.

mod args;
pub mod backoff;
pub mod chain;
pub mod cli;
pub mod client;
pub mod clock;
mod commands;
pub mod config;
pub mod control;
pub mod damage;
pub mod disk;
pub mod durable;
pub mod entropy;
pub mod exchange;
pub mod heartbeat;
pub mod identity;
pub mod lock;
pub mod network;
pub mod problem;
pub mod procfs;
mod pulse;
pub mod report;
pub mod scan;
pub mod scan_schedule;
pub mod session;
pub mod status;
pub mod trust;
pub mod units;

//! The ledger from outside: storage, power cuts, faults, recovery, admission, concurrency.

#![allow(missing_docs, reason = "tests")]

mod admission;
mod concurrency;
mod durable;
mod faults;
mod power_cut;
mod properties;
mod recovery;
mod sim_disk;
mod storage;
mod support;

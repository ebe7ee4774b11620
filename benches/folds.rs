//! The read side: how fast entries are folded, what the folds weigh, and how soon a start, a past and a page are
//! there.

mod log;
mod memory;
mod page;

use crate::world::runtime;

pub(crate) fn run(events: usize) {
    // Before anything else has been in memory.
    memory::weights(events);
    memory::rates(events.min(200_000));
    memory::snapshots();
    runtime().block_on(page::first());
}

/// Folds over a log: what is read of it, and how soon a start and a past are there.
pub(crate) fn history(events: usize) {
    runtime().block_on(log::long(events));
}

/// Resident size of this process now, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

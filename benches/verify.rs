//! `ledger verify` over a directory.

use crate::bare::{self, Bare};
use crate::report::{Limit, rate, row};
use crate::world::{NODES, World, runtime};
use ledger::durable::RealDisk;
use ledger::verify::{DiskSource, Options, Verdict, verify_log};

pub(crate) fn run(events: usize) {
    let mut world = runtime().block_on(World::new(NODES));
    let mut sample = Vec::new();
    world.fill(events, |batch| {
        if sample.len() < 50_000 {
            sample.extend(Bare::of(batch));
        }
    });
    world.close(true);
    let limit: Limit = bare::hashes_and_signatures(&sample);
    bare::signatures(&sample);
    bare::hashes(&sample);
    drop(sample);
    let disk = RealDisk::existing(world.path());
    let rate = rate(events, || {
        let report = verify_log(&DiskSource(&disk), &Options::default(), None, &mut |_| ());
        assert_eq!(report.verdict, Verdict::Verified);
    });
    row(&format!("verify of {events} events"), rate, &[limit]);
}

//! Opening a ledger: with the index's snapshot, and from the log alone.

use crate::report::{Rate, row, say, time};
use crate::world::{NODES, World, runtime};

pub(crate) fn run(events: usize) {
    let runtime = runtime();
    for events in [events / 10, events] {
        let mut world = runtime.block_on(World::new(NODES));
        world.fill(events, |_| ());
        world.close(true);
        for (indexed, name) in [(true, "with the index"), (false, "from the log alone")] {
            let mut rounds = Vec::new();
            for _ in 0..3 {
                rounds.push(time(|| runtime.block_on(world.reopen(indexed))));
                world.close(false);
            }
            let slowest = rounds.iter().map(|round| round.wall).max().unwrap().as_secs_f64();
            row(&format!("open of {events} entries {name}"), Rate::of(events, rounds), &[]);
            say(&format!("    at most {:.0} ms", slowest * 1e3));
        }
    }
}

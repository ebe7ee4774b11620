//! Packing a segment, having its lines back, verifying a log either way, and reading single entries with their proofs.

use crate::report::{Limit, Rate, rate, row, say, time};
use crate::world::{World, runtime};
use ledger::durable::RealDisk;
use ledger::storage::PackedFile;
use ledger::verify::{DiskSource, Options, Source as _, Verdict, verify_log};
use std::time::{Duration, Instant};

/// As many as a segment has entries of each: nine.
const NODES: usize = 4000;

/// Entries that are read one by one.
const READS: u64 = 2000;

pub(crate) fn run(events: usize) {
    let runtime = runtime();
    let mut world = runtime.block_on(World::new(NODES));
    world.fill(events, |_| ());
    // A small segment behind them would not be measured; what is closed is.
    let disk = RealDisk::existing(world.path());
    let segments = DiskSource(&disk).segments().unwrap();
    let closed: u64 = segments.last().unwrap().0;
    if closed == 0 {
        say("no segment was closed: BENCH_N is to be 50,000 at least");
        return;
    }
    let size = world.ledger().head().borrow().size;
    let plain = verified(&disk, size);
    reads(&runtime, &world, closed, "as lines");

    let begun = Instant::now();
    let (mut from, mut to) = (0, 0);
    let packing = time(|| {
        while let Some((_, shrunk)) = runtime.block_on(world.ledger().pack_next()).unwrap() {
            (from, to) = (from + shrunk.plain, to + shrunk.packed);
        }
    });
    row("packing, with reading back", Rate::of(usize::try_from(closed).unwrap(), [packing]), &[]);
    say(&format!(
        "    {:.0} bytes an entry, {:.1} packed, {:.1} s in all",
        from as f64 / closed as f64,
        to as f64 / closed as f64,
        begun.elapsed().as_secs_f64()
    ));
    let count = usize::try_from(segments[1].0).unwrap();
    row(
        "the lines of a packed segment",
        rate(count, || drop(PackedFile::new(&disk, 0).plain().unwrap())),
        &[],
    );
    let limit = Limit::stated("verify from lines", plain);
    row("verify of the packed log", verified(&disk, size), &[limit]);
    reads(&runtime, &world, closed, "packed");
    world.close(false);
}

fn verified(disk: &RealDisk, size: u64) -> Rate {
    let verify = || {
        let report = verify_log(&DiskSource(disk), &Options::default(), None, &mut |_| {});
        assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    };
    Rate::of(usize::try_from(size).unwrap(), (0..3).map(|_| time(verify)))
}

/// Entries drawn evenly, each with its proof.
fn reads(runtime: &tokio::runtime::Runtime, world: &World, closed: u64, how: &str) {
    let (ledger, size) = (world.ledger(), world.ledger().head().borrow().size);
    let mut took: Vec<Duration> = (0..READS)
        .map(|n| {
            let seq = (n * 7919 + 13) % closed;
            let begun = Instant::now();
            let (record, _) = runtime.block_on(ledger.reader().line(seq)).unwrap().unwrap();
            assert_eq!(record.entry.position.seq, seq);
            ledger.inclusion(seq, size).unwrap();
            begun.elapsed()
        })
        .collect();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    say(&format!("one entry with its proof, {how}: median {:.2} ms, 99 % {:.2} ms", at(50), at(99)));
}

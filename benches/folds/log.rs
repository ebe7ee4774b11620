//! Folds over a log: rebuilt from it, started from a snapshot, and at any past.

use crate::report::{Limit, Rate, row, say};
use crate::world::{World, now, recorded};
use ledger::AppendOptions;
use ledger::reader::Reader;
use projections::Projections;
use serving::history::{History, Point};
use serving::ladder::{DEFAULT_BUDGET_BYTES, Ladder, Spacing};
use serving::live::Live;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NODES: usize = 1000;

/// Pasts that are asked for.
const PASTS: usize = 60;

/// Entries that are read and folded to measure how fast that is.
const READ: u64 = 1_000_000;

/// A world with a log of so many events: in the directory of `BENCH_LOG`, where it stays for other runs, or in one
/// of its own.
async fn filled(events: usize) -> World {
    let kept = std::env::var_os("BENCH_LOG").map(PathBuf::from);
    let mut world = match kept {
        Some(dir) if dir.exists() => return World::again(&dir).await,
        Some(dir) => World::begun(&dir, NODES).await,
        None => World::new(NODES).await,
    };
    let mut left = events;
    while left > 0 {
        let batch = world.heartbeats(left.min(4000));
        left -= batch.len();
        recorded(&world.ledger().append(batch, AppendOptions::default()).await.unwrap());
    }
    world
}

pub(crate) async fn long(events: usize) {
    let mut world = filled(events).await;
    let head = world.ledger().head().borrow().clone();
    let (reader, size) = (world.ledger().reader().clone(), usize::try_from(head.size).unwrap());
    let some = head.size.min(READ);
    let mut rounds = (Vec::new(), Vec::new());
    for _ in 0..3 {
        rounds.0.push(measured(read(&reader, some, None)).await);
        rounds.1.push(measured(read(&reader, some, Some(Projections::default()))).await);
    }
    let count = usize::try_from(some).unwrap();
    let reading = Limit::stated("entries read from the log", Rate::of(count, rounds.0));
    row(&format!("all folds, from {some} entries of the log"), Rate::of(count, rounds.1), &[reading]);

    // Those of an earlier run.
    let shelf = reader.shelf().unwrap();
    shelf.remove(&shelf.list().into_iter().map(|(size, _)| size).collect::<Vec<_>>()).unwrap();
    let ladder = Arc::new(Ladder::open(&reader, Spacing::default()).unwrap());
    let live = Live::new();
    let rebuilt = measured(async { live.reach(&reader, &ladder, &head).await.unwrap() }).await;
    row("rebuilt from nothing, with snapshots on the way", Rate::of(size, [rebuilt]), &[reading]);
    let rungs = ladder.rungs();
    let bytes: u64 = rungs.iter().map(|(_, bytes)| bytes).sum();
    say(&format!(
        "ladder: {} snapshots of {NODES} nodes, {} KiB of a budget of {} MiB",
        rungs.len(),
        bytes / 1024,
        DEFAULT_BUDGET_BYTES >> 20
    ));
    let mut starts = Vec::new();
    for _ in 0..5 {
        let live = Live::new();
        let start = async {
            let ladder = Ladder::open(&reader, Spacing::default()).unwrap();
            live.reach(&reader, &ladder, &head).await.unwrap();
        };
        starts.push(measured(start).await);
    }
    row(&format!("starts over {size} entries"), Rate::of(1, starts), &[]);

    let history = Arc::new(History::new(reader.clone(), ladder));
    let mut waits = Vec::new();
    for n in 1..=PASTS {
        // All over the log, and never near the one before.
        let share = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let seq = (share * head.size) >> 32;
        let asked = Instant::now();
        let past = history.at(Point::Seq(seq), head.size, head.recorded_at, now()).await.unwrap();
        waits.push(asked.elapsed());
        assert_eq!(past.folds.size(), seq + 1);
    }
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    say(&format!("a past: {:.0} ms (median), {:.0} ms (95 %), {:.0} ms at most", at(50), at(95), at(100)));
    drop((live, history));
    world.close(false);
}

/// A round of something that waits for nothing but the disk.
async fn measured(work: impl Future<Output = ()>) -> crate::report::Round {
    let started = crate::report::start();
    work.await;
    let round = started.stop();
    assert!(round.wall > Duration::ZERO);
    round
}

async fn read(reader: &Reader, size: u64, mut folds: Option<Projections>) {
    let mut run = reader.run(0, size);
    let mut seen = 0;
    loop {
        let records = run.next().await.unwrap();
        if records.is_empty() {
            break;
        }
        seen += records.len() as u64;
        for record in &records {
            if let Some(folds) = &mut folds {
                folds.apply(record).unwrap();
            }
        }
    }
    assert_eq!(seen, size);
}

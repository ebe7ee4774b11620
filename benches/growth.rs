//! What a ledger's size does to it: the cost of an append at sizes a decade apart, then of an open.
//!
//! Ten million entries take 15 GB of disk and a quarter of an hour: `BENCH_N=10000000`.

use crate::append::{WITH_PROOFS, send};
use crate::report::{Limit, Rate, row, say, start, time};
use crate::world::{NODES, World, recorded, runtime};
use std::time::Duration;

pub(crate) fn run(events: usize) {
    let runtime = runtime();
    let mut world = runtime.block_on(World::new(NODES));
    runtime.block_on(appends(&mut world, events));
    let size = world.ledger().head().borrow().size;
    say(&format!("bytes an event in the log: {}", log_bytes(&world) / size));
    say(&format!("peak memory of this process, which also signs: {} MiB", peak_memory() / 1024));
    world.close(true);
    let mut rounds = Vec::new();
    for _ in 0..3 {
        rounds.push(time(|| runtime.block_on(world.reopen(true))));
        world.close(false);
    }
    row(&format!("open of {size} entries, opens a second"), Rate::of(1, rounds), &[]);
}

async fn appends(world: &mut World, events: usize) {
    let mut sizes = vec![1000];
    while sizes[sizes.len() - 1] * 10 <= events {
        sizes.push(sizes[sizes.len() - 1] * 10);
    }
    let mut first: Option<Limit> = None;
    let mut size = world.ledger().head().borrow().size;
    for target in sizes {
        // A measured stretch ends at the target.
        const STRETCH: usize = 800;
        while size + (STRETCH as u64) < target as u64 {
            let step = (target - STRETCH - usize::try_from(size).unwrap()).min(64_000);
            let runs = world.by_node(step.div_ceil(NODES));
            let tasks: Vec<_> =
                runs.into_iter().map(|run| tokio::spawn(send(world.ledger().clone(), run, 1000))).collect();
            for task in tasks {
                task.await.unwrap();
            }
            size = world.ledger().head().borrow().size;
        }
        // What the index still has to do is not the stretch's.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut rounds = Vec::new();
        for _ in 0..STRETCH / 160 {
            let events = world.heartbeats(160);
            let started = start();
            for chunk in events.chunks(16) {
                recorded(&world.ledger().append(chunk.to_vec(), WITH_PROOFS).await.unwrap());
            }
            rounds.push(started.stop());
        }
        let rate = Rate::of(160, rounds);
        size = world.ledger().head().borrow().size;
        row(&format!("16 at a time, at {size} entries"), rate, first.as_slice());
        first.get_or_insert(Limit { name: "the first", rate });
    }
}

/// Largest resident size so far, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn log_bytes(world: &World) -> u64 {
    let files = std::fs::read_dir(world.path().join("log")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

//! Appending signed events in this process: by group size, by callers, and as the ledger grows.

use crate::bare::{self, Bare};
use crate::report::{Limit, Rate, row, say, start};
use crate::world::{NODES, World, recorded, runtime};
use ledger::{AppendOptions, Ledger};
use spec::Event;

const WITH_PROOFS: AppendOptions = AppendOptions { inclusion: true };

pub(crate) fn run(events: usize) {
    runtime().block_on(by_group(events));
    runtime().block_on(as_it_grows(events));
}

async fn by_group(events: usize) {
    let mut world = World::new(NODES).await;
    let first = world.heartbeats(events.min(20_000));
    let sample = Bare::of(&first);
    for group in first.chunks(4000) {
        recorded(&world.ledger().append(group.to_vec(), WITH_PROOFS).await.unwrap());
    }
    let bytes_each = 1250;
    let all = bare::signatures(&sample);
    let one = bare::signatures_on_one_core(&sample);
    bare::hashes(&sample);
    drop(sample);
    for group in [1, 10, 100, 1000] {
        let disk = Limit { name: "the disk", rate: bare::disk(group, bytes_each) };
        row(&format!("limit: the disk, groups of {group}"), disk.rate, &[]);
        let count = (group * 200).min(events);
        let rate = alone(&mut world, group, count).await;
        row(&format!("one caller, {group} events at a time"), rate, &[disk, all]);
    }
    for (callers, group) in [(16, 1), (16, 100), (16, 1000)] {
        let count = if group == 1 { events.min(20_000) } else { events };
        let rate = together(&mut world, callers, group, count).await;
        row(&format!("{callers} callers, {group} events at a time"), rate, &[one, all]);
    }
    world.close(false);
}

/// One caller that waits for each answer.
async fn alone(world: &mut World, group: usize, count: usize) -> Rate {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let mut events = world.heartbeats(count).into_iter();
        let started = start();
        while events.len() > 0 {
            let next: Vec<Event> = events.by_ref().take(group).collect();
            recorded(&world.ledger().append(next, WITH_PROOFS).await.unwrap());
        }
        rounds.push(started.stop());
    }
    Rate::of(count, rounds)
}

/// Callers at once, each with nodes of its own.
async fn together(world: &mut World, callers: usize, group: usize, count: usize) -> Rate {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let each = (count / NODES).max(1);
        let runs = world.by_node(each);
        let started = start();
        let tasks: Vec<_> = runs
            .into_iter()
            .take(callers)
            .map(|events| tokio::spawn(send(world.ledger().clone(), events, group)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        rounds.push(started.stop());
    }
    Rate::of((count / NODES).max(1) * NODES, rounds)
}

async fn send(ledger: Ledger, events: Vec<Event>, group: usize) {
    let mut events = events.into_iter();
    while events.len() > 0 {
        let next: Vec<Event> = events.by_ref().take(group).collect();
        recorded(&ledger.append(next, WITH_PROOFS).await.unwrap());
    }
}

/// The cost of an append at sizes a decade apart.
async fn as_it_grows(events: usize) {
    let mut world = World::new(NODES).await;
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
    say(&format!("bytes an event in the log: {}", log_bytes(&world) / size));
    world.close(false);
}

fn log_bytes(world: &World) -> u64 {
    let files = std::fs::read_dir(world.path().join("log")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

//! Appending signed events in this process: by group size and by callers.

use crate::bare::{self, Bare};
use crate::report::{Limit, Rate, row, start};
use crate::world::{NODES, World, recorded, runtime};
use ledger::{AppendOptions, Ledger};
use spec::Event;

pub(crate) const WITH_PROOFS: AppendOptions = AppendOptions { inclusion: true, urgent: false };

pub(crate) fn run(events: usize) {
    runtime().block_on(by_group(events));
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

pub(crate) async fn send(ledger: Ledger, events: Vec<Event>, group: usize) {
    let mut events = events.into_iter();
    while events.len() > 0 {
        let next: Vec<Event> = events.by_ref().take(group).collect();
        recorded(&ledger.append(next, WITH_PROOFS).await.unwrap());
    }
}

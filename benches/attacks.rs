//! Attacks on fairness: honest nodes send heartbeats to the executable `ledger serve` while somebody tries to take it
//! away from them, one way after the other. It prints how long the heartbeats waited, how many were refused, and what
//! memory the service took, during and after.
//!
//! ```text
//! cargo bench -p benches -- attacks                   200 nodes, a heartbeat each in 5 s, a minute of each attack
//! cargo bench -p benches -- attacks duplicates        one of them
//! BENCH_N=400 cargo bench -p benches -- attacks       short: that it runs
//! BENCH_LEDGER=FILE                                   another executable
//! ```
//!
//! The figures are twice those at which the service gave way before it had budgets. Honest and hostile come from two
//! addresses of loopback; `BENCH_SAME_ADDRESS=1` lets them come from one.

mod client;
mod honest;
mod hostile;

use crate::report::say;
use crate::streams::{Service, status};
use crate::world::scratch;
use client::Client;
use honest::Node;
use hostile::{ATTACKS, Attack, Scene};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Honest nodes, and from one heartbeat of each to its next.
const NODES: usize = 200;
const EVERY: Duration = Duration::from_secs(5);

/// How long each attack goes on, and how long the service is left alone afterwards.
const LASTS_SECS: usize = 60;
const REST_SECS: usize = 15;

/// What a full run is for: the size that `BENCH_N` has by default.
const FULL: usize = 100_000;

/// What is to hold.
const MOST_P99: Duration = Duration::from_millis(250);
const MOST_RESIDENT_MIB: u64 = 600;

pub(crate) fn run(events: usize, chosen: &[String]) {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
    let part = |whole: usize, least: usize| (whole * events.min(FULL) / FULL).max(least);
    let plan = Plan {
        nodes: part(NODES, 10),
        lasts: Duration::from_secs(part(LASTS_SECS, 3) as u64),
        rest: Duration::from_secs(part(REST_SECS, 1) as u64),
        share: (events.min(FULL), FULL),
    };
    let attacks = ATTACKS.iter().filter(|attack| {
        let named = |name: &String| ATTACKS.iter().any(|attack| attack.name == name);
        !chosen.iter().any(named) || chosen.iter().any(|name| name == attack.name)
    });
    say(&format!(
        "{} nodes, a heartbeat in {} s each; {} s of each attack\n{:<12} {:>7} {:>8} {:>9} {:>9} {:>9}   {:>8} {:>8} {:>8}",
        plan.nodes,
        EVERY.as_secs(),
        plan.lasts.as_secs(),
        "",
        "beats",
        "refused",
        "median",
        "99 %",
        "at most",
        "before",
        "at most",
        "after"
    ));
    let failed: Vec<&str> = attacks.filter(|attack| !one(attack, &plan)).map(|attack| attack.name).collect();
    // What a loaded machine does to a short run says nothing.
    if !failed.is_empty() && plan.share.0 == FULL {
        say(&format!(
            "beyond {} ms, {MOST_RESIDENT_MIB} MiB or refused under: {}",
            MOST_P99.as_millis(),
            failed.join(", ")
        ));
    }
}

struct Plan {
    nodes: usize,
    lasts: Duration,
    rest: Duration,
    /// Of the figures of a full run.
    share: (usize, usize),
}

/// Runs one attack against a service of its own; whether the honest noticed nothing.
fn one(attack: &Attack, plan: &Plan) -> bool {
    let dir = scratch();
    let service = Service::start(&dir.path().join("ledger"));
    let address: SocketAddr = service.address.parse().unwrap();
    let same = std::env::var_os("BENCH_SAME_ADDRESS").is_some();
    let (honest_from, hostile_from) = (local(1), if same { local(1) } else { local(2) });
    let honest = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let owner = service.owner();
    let nodes: Vec<Node> = honest.block_on(async {
        let mut client = Client::open(honest_from, address).await.unwrap();
        honest::enrolled(&mut client, &owner, plan.nodes).await
    });
    let scene = Scene {
        address,
        from: hostile_from,
        owner,
        viewer: service.token("viewer"),
        writer: service.token("org_admin"),
        share: plan.share,
    };
    let before = service.resident() / 1024;
    let beating = honest.spawn(honest::beat(nodes, honest_from, address, plan.lasts, EVERY));
    let hostile = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    hostile.spawn((attack.begin)(scene));
    let (mut most, began) = (before, Instant::now());
    while began.elapsed() < plan.lasts {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(status(service.pid(), "VmRSS:") / 1024);
    }
    let beats = honest.block_on(beating).unwrap();
    hostile.shutdown_background();
    std::thread::sleep(plan.rest);
    let after = service.resident() / 1024;
    let at = |share: usize| {
        beats.waits.get(beats.waits.len().saturating_sub(1) * share / 100).copied().unwrap_or_default()
    };
    let ms = |wait: Duration| format!("{:.1} ms", wait.as_secs_f64() * 1e3);
    say(&format!(
        "{:<12} {:>7} {:>8} {:>9} {:>9} {:>9}   {:>4} MiB {:>4} MiB {:>4} MiB",
        attack.name,
        beats.waits.len() + beats.refused,
        beats.refused,
        ms(at(50)),
        ms(at(99)),
        ms(at(100)),
        before,
        most,
        after
    ));
    beats.refused == 0 && at(99) <= MOST_P99 && most <= MOST_RESIDENT_MIB
}

fn local(n: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, n).into()
}

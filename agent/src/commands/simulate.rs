//! `vaultmesh-agent simulate`: many agents in one process, with the code that one agent runs: a key, a chain, a
//! spool on the disk and a check of every receipt for each. What is made up is the machine that each of them says it is
//! on, and that machine's clock.

mod machine;

use super::{Failure, answer, runtime};
use crate::args::Simulate;
use crate::client::HttpClient;
use crate::clock::{Clock as _, SystemClock};
use crate::commands::enroll::{ask, credentials, identity};
use crate::config::Environment;
use crate::disk::FileDisk;
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::identity::enrol::{Called, Enrolment};
use crate::identity::token::EnrolmentToken;
use crate::lock::{StateLock, create_private_dir};
use crate::procfs::Root;
use crate::session::{Options, Session};
use machine::{Drifting, Machine};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::task::LocalSet;

/// An agent of many.
type Simulated = Session<FileDisk, SystemEntropy, Machine>;

pub(crate) fn run(args: &Simulate, environment: &Environment) -> Result<(), Failure> {
    let dir = &args.state_dir;
    create_private_dir(dir).map_err(|e| Failure::io(&format!("{}: {e}", dir.display())))?;
    let _lock = StateLock::take(dir)?;
    let (url, token) = credentials(args.url.clone(), args.token.clone(), environment)?;
    let client = HttpClient::for_many(&url)?;
    let clock = SystemClock::start();
    let runtime = runtime()?;
    let options = Options { interval_secs: args.interval, ..Options::default() };
    let mut agents = Vec::new();
    for n in 0..args.nodes {
        let place = dir.join(format!("{n:05}"));
        let name = format!("simulated-{n:05}");
        runtime.block_on(enrolled(&place, &client, &token, &url, &name))?;
        let real = environment.sampler(Root::new("/"));
        let own_clock = Drifting::new(n, clock);
        let now = own_clock.now();
        let machine = Machine::new(n, name, real, now.wall);
        agents.push((Session::open(FileDisk::new(&place), SystemEntropy, machine, now, options)?, own_clock));
        if (n + 1) % 500 == 0 {
            tracing::info!(enrolled = n + 1, of = args.nodes, "agents");
        }
    }
    tracing::info!(agents = agents.len(), "agents started");
    let interval = Duration::from_secs(args.interval.unwrap_or(30));
    let duration = args.duration.map_or(Duration::MAX, Duration::from_secs);
    let stopped = runtime.block_on(LocalSet::new().run_until(work(agents, client, interval, duration)))?;
    answer(&format!("{}\n", json!({"agents": args.nodes, "stopped": stopped})))
}

/// Enrols the agent of a directory, unless it is enrolled.
async fn enrolled(
    place: &Path,
    client: &HttpClient,
    token: &EnrolmentToken,
    url: &str,
    name: &str,
) -> Result<(), Failure> {
    create_private_dir(place).map_err(|e| Failure::io(&format!("{}: {e}", place.display())))?;
    let disk = FileDisk::new(place);
    if Enrolment::load(&disk)?.is_some() {
        return Ok(());
    }
    let identity = identity(&disk, None)?;
    let enrolment = ask(client, &identity, token, url, &Called::after_host(name)).await?;
    Ok(enrolment.store_with_chain(&disk, &mut SystemEntropy)?)
}

/// Lets them all work, each from a moment of its own on; says how many stopped for good.
async fn work(
    agents: Vec<(Simulated, Drifting)>,
    client: HttpClient,
    interval: Duration,
    duration: Duration,
) -> Result<usize, Failure> {
    let mut tasks = Vec::with_capacity(agents.len());
    for (mut agent, clock) in agents {
        let client = client.clone();
        // A fleet does not start in step.
        let wait = SystemEntropy.up_to(interval).map_err(|e| Failure::io(&e))?;
        tasks.push(tokio::task::spawn_local(async move {
            clock.sleep_until(clock.now().steady + wait).await;
            let stop = agent.run(&clock, &client).await;
            tracing::error!(%stop, "an agent stopped");
        }));
    }
    let ended = tokio::signal::ctrl_c();
    tokio::select! {
        ended = ended => ended.map_err(|e| Failure::io(&e))?,
        () = tokio::time::sleep(duration) => {}
    }
    Ok(tasks.iter().filter(|task| task.is_finished()).count())
}

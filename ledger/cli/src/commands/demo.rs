//! `ledger demo`: the service and a small fleet of real agents on this machine, and a story that shows
//! what a ledger is for.

mod fleet;
mod scene;
mod screen;
mod story;

use super::prove::write_new;
use super::serve::{self, stop_signal};
use crate::client::{Client, block_on};
use crate::data::{DataDir, Manner};
use crate::failure::Failure;
use crate::options::Global;
use crate::times::secs_or_number;
use clap::Args;
use fleet::Fleet;
pub(crate) use fleet::LEASH;
use screen::Screen;
use service::Choices;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use story::Story;
use tokio::net::TcpListener;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many agents to start.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=64))]
    nodes: u64,
    /// Address to listen on; a busy port moves to the next.
    #[arg(long, default_value = "127.0.0.1:8088")]
    listen: SocketAddr,
    /// How long until the demo ends by itself: 90s, 15m, or a number of seconds.
    #[arg(long, value_name = "SPAN", value_parser = secs_or_number)]
    duration: Option<u64>,
}

/// Seconds between heartbeats: a demo should move.
const HEARTBEAT_SECS: u64 = 2;

/// How many ports after a busy one are tried.
const PORTS_TRIED: u16 = 50;

/// How often the screen and the story move on.
const TICK: Duration = Duration::from_millis(250);

/// The file that says that a demo made what lies beside it, and whether it made the directory too.
const MARK: &str = "made-by-ledger-demo";

/// What the mark says of a directory that the demo made.
const MADE_DIRECTORY: &str = "the directory and all in it\n";

pub(crate) fn run(global: &Global, args: &Demo) -> Result<ExitCode, Failure> {
    let data = global.data.clone().unwrap_or_else(|| PathBuf::from("./vaultmesh-demo"));
    let jsonl = !global.for_people();
    block_on(demo(&DataDir::new(&data), args, Screen::new(jsonl)))
}

/// Takes a directory as the stage: a new one, an empty one, or one that a demo made. A real ledger is no place for a
/// story with a break-in. Says whether the whole directory is the demo's, to be deleted when it is over.
fn take_stage(dir: &Path) -> Result<bool, Failure> {
    let mark = dir.join(MARK);
    let named = |e: std::io::Error| Failure::io(format!("{}: {e}", dir.display()));
    if let Ok(said) = std::fs::read_to_string(&mark) {
        return Ok(said == MADE_DIRECTORY);
    }
    let made = !dir.exists();
    if !made && dir.read_dir().map_err(named)?.next().is_some() {
        return Err(Failure::usage(format!(
            "{} holds something that no demo made, and the demo plays in nothing else: name a directory that is new or \
             empty with --data",
            dir.display()
        )));
    }
    write_new(&mark, if made { MADE_DIRECTORY } else { "what lies beside this\n" }.as_bytes())?;
    Ok(made)
}

async fn demo(dir: &DataDir, args: &Demo, mut screen: Screen) -> Result<ExitCode, Failure> {
    let stop = stop_signal()?;
    let all_made = take_stage(dir.path())?;
    let resumed = dir.has_ledger();
    if !resumed {
        dir.init(&"demo.vaultmesh.local".parse().map_err(Failure::io)?).await?;
    }
    let (listener, moved) = listen(args.listen).await?;
    if let Some(from) = moved {
        screen.event("port", &format!("{from} is busy, listening on {}", listener.local_addr()?))?;
    }
    let manner = Manner { as_service: true, ..Manner::default() };
    let choices = Choices { heartbeat_secs: HEARTBEAT_SECS, ..Choices::default() };
    let running = serve::begin(dir, listener, manner, choices).await?;
    let url = format!("http://{}", running.address);
    screen.header(&running, dir, &url, resumed)?;

    let client = Client::socket(&dir.admin_socket())?;
    let mut fleet = Fleet::start(dir, &url, args.nodes, &client).await?;
    if !resumed {
        scene::furnish(&client, &fleet, running.ledger.now()).await?;
    }
    let mut story = Story::new(dir, running.ledger.clone());
    let outcome = play(&mut story, &mut fleet, &mut screen, &running.ledger, args.duration, stop).await;

    screen.event("stop", "stopping the agents, draining, sealing")?;
    fleet.stop().await;
    let poisoned = running.finish().await;
    let told = story.told();
    screen.farewell(dir, told, all_made)?;
    outcome?;
    if let Some(why) = poisoned {
        return Err(Failure::io(format!("the ledger stopped: {why}")));
    }
    match args.duration {
        Some(secs) if !told => Err(Failure::refused(format!("the story was not over after {secs} s"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Moves screen and story on until told to stop, or until the time is up and the story told.
async fn play(
    story: &mut Story,
    fleet: &mut Fleet,
    screen: &mut Screen,
    ledger: &ledger::Ledger,
    duration: Option<u64>,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let end = tokio::time::Instant::now() + Duration::from_secs(duration.unwrap_or(u64::from(u32::MAX)));
    let mut tick = tokio::time::interval(TICK);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep_until(end) => return Ok(()),
            _ = tick.tick() => {}
        }
        fleet.observe(ledger).await?;
        story.tick(fleet, screen).await?;
        screen.status(ledger, fleet)?;
        if ledger.poisoned().is_some() {
            return Ok(());
        }
    }
}

/// Listens on the address, or on the next free port if it is busy.
async fn listen(wanted: SocketAddr) -> Result<(TcpListener, Option<SocketAddr>), Failure> {
    for step in 0..=PORTS_TRIED {
        let Some(port) = wanted.port().checked_add(step) else { break };
        match TcpListener::bind((wanted.ip(), port)).await {
            Ok(listener) => return Ok((listener, (step > 0).then_some(wanted))),
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(e) => return Err(Failure::io(format!("cannot listen on {wanted}: {e}"))),
        }
    }
    Err(Failure::io(format!(
        "{wanted} and the {PORTS_TRIED} ports after it are busy; choose another with --listen"
    )))
}

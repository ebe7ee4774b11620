//! `ledger serve`: the ledger and its HTTP service, until told to stop.

use crate::client::block_on;
use crate::data::{DataDir, Manner};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{say_json, tell};
use crate::times::secs_or_number;
use axum::http::HeaderName;
use clap::Args;
use ledger::nodes_clock::NodesClock;
use ledger::open::Anchor;
use serde_json::json;
use service::machine_clock;
use service::{Choices, Running, start};
use spec::Name;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Serve {
    /// Address to listen on.
    #[arg(long, env = "VAULTMESH_LISTEN", default_value = "127.0.0.1:8088", value_parser = address)]
    listen: SocketAddr,
    /// Make a ledger if there is none.
    #[arg(long)]
    init: bool,
    /// First part of the origin of a ledger made by --init.
    #[arg(long, default_value = "vaultmesh.local")]
    origin: Name,
    /// Time between seals: 15m, 2h, or a number of seconds; 0 for none.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = secs_or_number)]
    seal_every: u64,
    /// Seconds between a node's heartbeats.
    #[arg(long, env = "VAULTMESH_HEARTBEAT_SECS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    heartbeat_secs: u64,
    /// The header in which a tunnel or proxy on this machine names the client, such as CF-Connecting-IP; believed from
    /// loopback alone.
    #[arg(long, env = "VAULTMESH_CLIENT_ADDRESS_HEADER", value_name = "NAME")]
    client_address_header: Option<HeaderName>,
    /// Write a missing or unreadable ROOT.txt anew; the log records it.
    #[arg(long)]
    rebuild_root: bool,
    /// Believe a clock that is more than 7 days ahead of the last entry, or of every node's; the log records it.
    #[arg(long)]
    accept_clock: bool,
    /// A copy of ROOT.txt kept on another machine: refuse to start if the log is shorter or differs.
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// Let webhooks reach addresses that are not public, such as another service of this machine.
    #[arg(long)]
    allow_private_webhooks: bool,
    /// Believe x-user-id, x-org-id and x-roles; for development, on a loopback address alone.
    #[arg(long)]
    development_headers: bool,
}

pub(crate) fn run(global: &Global, args: &Serve) -> Result<ExitCode, Failure> {
    block_on(serve(global, args))
}

async fn serve(global: &Global, args: &Serve) -> Result<ExitCode, Failure> {
    let dir = DataDir::new(global.data());
    if args.init && !dir.has_ledger() {
        dir.init(&args.origin).await?;
        tell(&format!(
            "made a ledger in {}; the owner's token is in {}",
            dir.path().display(),
            dir.owner_token_file().display()
        ));
    }
    dir.warnings().iter().for_each(|warning| tell(warning));
    // The address first: a port that is taken is found out before anything is opened.
    let listener = TcpListener::bind(args.listen).await.map_err(|e| {
        Failure::io(format!("cannot listen on {}: {e}; choose another with --listen", args.listen))
    })?;
    let anchors = args.anchor.iter().map(|path| anchor(path)).collect::<Result<Vec<_>, Failure>>()?;
    let seal_every = (args.seal_every > 0).then(|| Duration::from_secs(args.seal_every));
    let stop = stop_signal()?;
    let running = begin(
        &dir,
        listener,
        Manner {
            as_service: true,
            seal_every,
            rebuild_root: args.rebuild_root,
            accept_clock: args.accept_clock,
            anchors,
            ..Manner::default()
        },
        Choices {
            heartbeat_secs: args.heartbeat_secs,
            allow_private_webhooks: args.allow_private_webhooks,
            client_address_header: args.client_address_header.clone(),
            development_headers: args.development_headers,
        },
    )
    .await?;
    let facts = facts(&running, &dir);
    if global.for_people() {
        tell(&format!(
            "listening on http://{}\nledger       {}\ndata         {}\nsign in      with the token in {}\nverify       ledger verify {}",
            running.address,
            running.ledger.id(),
            dir.path().display(),
            dir.owner_token_file().display(),
            dir.path().display(),
        ));
    } else {
        say_json(&facts)?;
    }
    let poisoned = running.until(stop).await;
    match poisoned {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => Err(Failure::io(format!("the ledger stopped: {why}; start it again"))),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:8088 or [::1]:8088".to_owned())
}

fn anchor(path: &Path) -> Result<Anchor, Failure> {
    let name = path.display().to_string();
    let note = std::fs::read(path).map_err(|e| Failure::io(format!("--anchor {name}: {e}")))?;
    Ok(Anchor { name, note })
}

/// What `-o json` says when the service is up.
pub(crate) fn facts(running: &Running, dir: &DataDir) -> serde_json::Value {
    json!({
        "listening": format!("http://{}", running.address),
        "origin": running.ledger.origin(),
        "ledger_id": running.ledger.id(),
        "log_vkey": running.ledger.log_vkey(),
        "data": dir.path(),
    })
}

/// Opens the ledger and starts to serve it; says what had to be cut.
pub(crate) async fn begin(
    dir: &DataDir,
    listener: TcpListener,
    manner: Manner,
    choices: Choices,
) -> Result<Running, Failure> {
    let running = start(dir, listener, manner, choices).await?;
    if let Some(fault) = &running.report.cut_fault {
        let bytes = running.report.cut_bytes;
        tell(&format!("cut {bytes} bytes that were never acknowledged: {fault}"));
    }
    if let Some(NodesClock { nodes, behind_ms }) = running.report.nodes_clock.filter(NodesClock::is_off) {
        let way = if behind_ms > 0 { "behind" } else { "ahead of" };
        let secs = behind_ms.unsigned_abs() / 1000;
        tell(&format!(
            "by their last heartbeats the clocks of {nodes} nodes lie {secs} s or more {way} this machine's: look which \
             is right"
        ));
    }
    if let Some(warning) = machine_clock::warning(machine_clock::is_synchronized().await) {
        tell(&warning);
    }
    Ok(running)
}

/// Resolves at the first SIGTERM or SIGINT; a second SIGINT ends the process the hard way.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

//! `ledger serve`: the ledger and its HTTP service, until told to stop.

use crate::client::block_on;
use crate::data::{self, DataDir, Manner};
use crate::desk::ServiceDesk;
use crate::door::ServiceDoor;
use crate::failure::Failure;
use crate::openapi;
use crate::options::Global;
use crate::output::{say_json, tell};
use crate::scheduler::Scheduler;
use crate::session::{self, Sessions};
use crate::times::secs_or_number;
use crate::webhooks::Teller;
use axum::http::HeaderName;
use clap::Args;
use ingest::webhooks::WebhookSecrets;
use ledger::Ledger;
use ledger::open::{Anchor, Digests};
use ledger::reader::Reader;
use ledger::service::Head;
use serde_json::json;
use serving::announce::announce;
use serving::desk::Desk;
use serving::history::History;
use serving::http::Reads;
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use spec::Name;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on.
    #[arg(long, env = "VAULTMESH_LISTEN", default_value = "127.0.0.1:8088")]
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
    /// A copy of ROOT.txt kept on another machine: refuse to start if the log is shorter or differs.
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// Let webhooks reach addresses that are not public, such as another service of this machine.
    #[arg(long)]
    allow_private_webhooks: bool,
}

pub(crate) fn run(global: &Global, args: &Serve) -> Result<ExitCode, Failure> {
    block_on(serve(global, args))
}

async fn serve(global: &Global, args: &Serve) -> Result<ExitCode, Failure> {
    let dir = DataDir::new(&global.data);
    if args.init && !dir.has_ledger() {
        dir.init(&args.origin).await?;
        tell(&format!(
            "made a ledger in {}; the owner's token is in {}",
            dir.path().display(),
            dir.owner_token_file().display()
        ));
    }
    // The address first: a port that is taken is found out before anything is opened.
    let listener = TcpListener::bind(args.listen).await.map_err(|e| {
        Failure::io(format!("cannot listen on {}: {e}; choose another with --listen", args.listen))
    })?;
    let anchors = args.anchor.iter().map(|path| anchor(path)).collect::<Result<Vec<_>, Failure>>()?;
    let seal_every = (args.seal_every > 0).then(|| Duration::from_secs(args.seal_every));
    let stop = stop_signal()?;
    let running = start(
        &dir,
        listener,
        Manner { as_service: true, seal_every, rebuild_root: args.rebuild_root, anchors, digests: None },
        Serving {
            heartbeat_secs: args.heartbeat_secs,
            allow_private_webhooks: args.allow_private_webhooks,
            client_address_header: args.client_address_header.clone(),
        },
    )
    .await?;
    let facts = running.facts(&dir);
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

fn anchor(path: &Path) -> Result<Anchor, Failure> {
    let name = path.display().to_string();
    let note = std::fs::read(path).map_err(|e| Failure::io(format!("--anchor {name}: {e}")))?;
    Ok(Anchor { name, note })
}

/// A service at work.
pub(crate) struct Running {
    pub(crate) ledger: Ledger,
    pub(crate) address: SocketAddr,
    /// Becomes true when the service is to stop.
    stop: watch::Sender<bool>,
    /// Becomes true when the ledger is closed: until then the folds follow it, for its last seal.
    closed: watch::Sender<bool>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    socket: PathBuf,
}

/// What an operator may choose of the service.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    /// Seconds between two heartbeats that nodes are asked for.
    pub(crate) heartbeat_secs: u64,
    /// Whether webhooks may reach addresses that are not public.
    pub(crate) allow_private_webhooks: bool,
    /// The header in which a proxy in front names the client.
    pub(crate) client_address_header: Option<HeaderName>,
}

/// Opens the ledger and starts to serve it.
pub(crate) async fn start(
    dir: &DataDir,
    listener: TcpListener,
    manner: Manner,
    serving: Serving,
) -> Result<Running, Failure> {
    let live = Live::new();
    let digests: Arc<dyn Digests> = live.clone();
    let (ledger, report) = dir.open(Manner { digests: Some(digests), ..manner }).await?;
    if let Some(fault) = &report.cut_fault {
        tell(&format!("cut {} bytes that were never acknowledged: {fault}", report.cut_bytes));
    }
    let socket = dir.admin_socket();
    // The lock is ours, so a socket that is there is a leftover.
    match std::fs::remove_file(&socket) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Failure::io(e)),
        _ => {}
    }
    let admin = UnixListener::bind(&socket).map_err(|e| Failure::io(format!("{}: {e}", socket.display())))?;
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let address = listener.local_addr()?;
    let (connections, limits) = (most_connections(), ingest::Limits::default());
    let limits = ingest::Limits { connections, streams: limits.streams.min(connections / 4 * 3), ..limits };
    let desk: Arc<dyn ingest::commands::Desk> =
        Arc::new(ServiceDesk { desk: Desk::new(Arc::clone(&live)), ledger: ledger.clone() });
    let config = ingest::Config {
        heartbeat_secs: serving.heartbeat_secs,
        client_address_header: serving.client_address_header,
        data_dir: Some(dir.path().to_owned()),
        limits,
        desk: Some(desk),
    };
    let app = ingest::App::new(ledger.clone(), config);
    let (stop, mut stopped) = watch::channel(false);
    let (closed, has_closed) = watch::channel(false);
    let sessions = Sessions::default();
    let ladder = Arc::new(Ladder::open(ledger.reader(), Spacing::default()).map_err(Failure::io)?);
    let history = Arc::new(History::new(ledger.reader().clone(), Arc::clone(&ladder)));
    follow(&ledger, Arc::clone(&live), ladder, has_closed);
    tokio::spawn(announce(Arc::clone(&live), ledger.clone(), data::VERSION.to_owned(), stopped.clone()));
    tokio::spawn(Scheduler::new(Arc::clone(&live), ledger.clone()).run(stopped.clone()));
    let secrets = WebhookSecrets::of(dir.path());
    let teller = Teller::new(Arc::clone(&live), ledger.clone(), secrets, serving.allow_private_webhooks);
    tokio::spawn(teller.run(stopped.clone()));
    tokio::spawn(crate::witnessing::offer(ledger.clone(), stopped.clone()));
    let reads = Reads {
        live,
        history,
        ledger: ledger.clone(),
        door: Arc::new(ServiceDoor { app: app.clone(), sessions: sessions.clone() }),
        stopping: stopped.clone(),
    };
    let reading = serving::http::routes(&reads).merge(session::routes(&app, &sessions));
    let router = app.complete(app.routes().merge(reading).merge(openapi::routes(&app)));
    let server = tokio::spawn(ingest::serve_router(app, router, vec![listener], Some(admin), async move {
        // A sender that is gone means stop as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }));
    Ok(Running { ledger, address, stop, closed, server, socket })
}

/// Folds that follow the ledger until it is closed.
fn follow(ledger: &Ledger, live: Arc<Live>, ladder: Arc<Ladder>, mut closed: watch::Receiver<bool>) {
    let (reader, head) = (ledger.reader().clone(), ledger.head());
    tokio::task::spawn_blocking(move || {
        // The reader's futures block.
        tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                () = keep_following(&live, &ladder, reader, head) => {}
                _ = closed.wait_for(|closed| *closed) => {}
            }
        });
    });
}

/// Follows the log again after a read that failed. An entry that is missing is a matter for `ledger verify`.
async fn keep_following(live: &Live, ladder: &Ladder, reader: Reader, head: watch::Receiver<Arc<Head>>) {
    while let Err(error) = live.follow(reader.clone(), ladder, head.clone()).await {
        tracing::error!(%error, "the folds stopped following the log; they go on in five seconds");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

impl Running {
    /// What `-o json` says when the service is up.
    pub(crate) fn facts(&self, dir: &DataDir) -> serde_json::Value {
        json!({
            "listening": format!("http://{}", self.address),
            "origin": self.ledger.origin(),
            "ledger_id": self.ledger.id(),
            "log_vkey": self.ledger.log_vkey(),
            "data": dir.path(),
        })
    }

    /// Serves until `stop` or until the ledger stops by itself; then drains, seals and closes.
    pub(crate) async fn until(self, stop: impl Future<Output = ()>) -> Option<String> {
        let watch = self.ledger.clone();
        let poisoned = async move {
            loop {
                if watch.poisoned().is_some() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            () = stop => {}
            () = poisoned => {}
        }
        self.finish().await
    }

    /// Drains, seals and closes; says why if the ledger had stopped by itself.
    pub(crate) async fn finish(self) -> Option<String> {
        // The server may have ended already.
        let _ = self.stop.send(true);
        match self.server.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "server"),
            Err(error) => tracing::error!(%error, "the server panicked"),
        }
        data::close(self.ledger.clone(), true).await;
        let _ = self.closed.send(true);
        // Gone already if somebody tidied up.
        let _ = std::fs::remove_file(&self.socket);
        self.ledger.poisoned().map(str::to_owned)
    }
}

/// Open files kept back from connections: segments, the index, side files.
const RESERVED_FILES: u64 = 1024;

/// Raises the limit of open files to what the system allows, and says how many connections fit.
fn most_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = ingest::Limits::default().connections;
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let fit = usize::try_from(files.saturating_sub(RESERVED_FILES).max(files / 2)).unwrap_or(usize::MAX);
    if fit < wanted {
        tracing::warn!(files, connections = fit, "few open files are allowed; raise `ulimit -Hn`");
    }
    fit.min(wanted)
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

//! The composition: what a running service is made of, how it starts, and how it comes to an end.

use crate::composed::Composed;
use crate::data::{self, DataDir, DataError, Manner};
use crate::sign_in::Codes;
use crate::tasks::announce::Announcer;
use crate::tasks::disk::DiskWatch;
use crate::tasks::folds::Follower;
use crate::tasks::offers::Offers;
use crate::tasks::packing::Packing;
use crate::tasks::scheduler::Scheduler;
use crate::tasks::webhooks::{Flights, Teller};
use crate::tasks::{Supervisor, Tasks};
use axum::Router;
use axum::http::HeaderName;
use ingest::Ingest;
use ingest::webhooks::WebhookSecrets;
use ledger::open::{Digests, OpenReport};
use ledger::reader::ReadError;
use ledger::{Ledger, Stopped};
use serving::Reads;
use serving::history::History;
use serving::ladder::{Ladder, Spacing};
use serving::live::{FollowError, Live};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use web::{App, Config, Limits};

/// Choices of an operator about the service.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Seconds between two heartbeats that nodes are asked for.
    pub heartbeat_secs: u64,
    /// Whether webhooks may reach addresses that are not public.
    pub allow_private_webhooks: bool,
    /// The header in which a proxy in front names the client.
    pub client_address_header: Option<HeaderName>,
    /// Whether people may say who they are in plain headers; on a loopback address alone.
    pub development_headers: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            heartbeat_secs: 30,
            allow_private_webhooks: false,
            client_address_header: None,
            development_headers: false,
        }
    }
}

/// The reason why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The admin socket cannot be made.
    #[error("{path}: {source}")]
    Socket {
        /// Where it would be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The listener has no address.
    #[error(transparent)]
    Listener(#[from] io::Error),
    /// The snapshots of the folds cannot be looked through.
    #[error("the snapshots of the folds: {0}")]
    Ladder(#[source] ReadError),
    /// People would say who they are from anywhere.
    #[error("development headers are for a service on a loopback address that no proxy stands in front of")]
    Development,
    /// The log cannot be folded.
    #[error(transparent)]
    Follow(#[from] FollowError),
}

/// A service at work.
#[derive(Debug)]
pub struct Running {
    /// The ledger.
    pub ledger: Ledger,
    /// Where it listens.
    pub address: SocketAddr,
    /// What the open had to say of the log.
    pub report: OpenReport,
    /// What goes on beside the requests.
    pub tasks: Tasks,
    /// The codes with which somebody may sign in.
    codes: Codes,
    /// Becomes true when the service is to stop.
    stop: watch::Sender<bool>,
    /// Becomes true when the ledger is closed: until then the folds follow it, for its last seal.
    closed: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
    socket: PathBuf,
}

/// The folds of a ledger, before they follow it.
struct Folds {
    live: Arc<Live>,
    ladder: Arc<Ladder>,
    reads: Reads,
}

impl Folds {
    fn of(ledger: &Ledger, live: Arc<Live>) -> Result<Self, StartError> {
        let ladder = Ladder::open(ledger.reader(), Spacing::default());
        let ladder = Arc::new(ladder.map_err(StartError::Ladder)?);
        let history = Arc::new(History::new(ledger.reader().clone(), Arc::clone(&ladder)));
        let reads = Reads { live: Arc::clone(&live), history, ledger: ledger.clone() };
        Ok(Self { live, ladder, reads })
    }
}

/// Opens the ledger and starts to serve it.
///
/// # Errors
/// Nothing is served: the directory is in use or damaged, or the system gives no socket.
pub async fn start(
    dir: &DataDir,
    listener: TcpListener,
    manner: Manner,
    choices: Choices,
) -> Result<Running, StartError> {
    let proxied = choices.client_address_header.is_some();
    if choices.development_headers && (proxied || !listener.local_addr()?.ip().is_loopback()) {
        return Err(StartError::Development);
    }
    let live = Live::new();
    let digests: Arc<dyn Digests> = live.clone();
    let (ledger, report) = dir
        .open(Manner { digests: Some(digests), heartbeat_secs: Some(choices.heartbeat_secs), ..manner })
        .await?;
    let socket = dir.admin_socket();
    let admin = bind(&socket).map_err(|source| StartError::Socket { path: socket.clone(), source })?;
    let address = listener.local_addr()?;
    let config = Config {
        client_address_header: choices.client_address_header,
        data_dir: Some(dir.path().to_owned()),
        limits: Limits::default().for_connections(most_connections()),
        development_headers: choices.development_headers,
        ..Config::default()
    };
    let app = App::new(ledger.clone(), config);
    let folds = Folds::of(&ledger, live)?;
    let (stop, mut stopped) = watch::channel(false);
    let (closed, has_closed) = watch::channel(false);
    let secrets = WebhookSecrets::of(dir.path());
    let tasks = tasks(&folds, &ledger, secrets, choices.allow_private_webhooks, &stopped, &has_closed);
    let codes = Codes::default();
    let composed = Composed {
        app: app.clone(),
        ingest: Ingest::new(choices.heartbeat_secs),
        reads: Some(folds.reads),
        tasks: tasks.clone(),
        codes: codes.clone(),
    };
    let server = web::serve(app, composed.router(), vec![listener], Some(admin), async move {
        // A sender that is gone means stop as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    });
    let server = tokio::spawn(server);
    Ok(Running { ledger, address, report, tasks, codes, stop, closed, server, socket })
}

/// Starts everything that goes on beside the requests. The folds follow the ledger until it is closed, for its last
/// seal; all else ends when the service stops.
fn tasks(
    folds: &Folds,
    ledger: &Ledger,
    secrets: WebhookSecrets,
    allow_private: bool,
    stopped: &watch::Receiver<bool>,
    closed: &watch::Receiver<bool>,
) -> Tasks {
    let mut supervisor = Supervisor::new(ledger.clone());
    let (live, ladder) = (Arc::clone(&folds.live), Arc::clone(&folds.ladder));
    let (of, until) = (ledger.clone(), closed.clone());
    supervisor.start("folds", "keeps the folds at the head of the log", closed, move |ran| {
        Follower::new(Arc::clone(&live), Arc::clone(&ladder), &of, until.clone(), ran)
    });
    let (live, of) = (Arc::clone(&folds.live), ledger.clone());
    supervisor.start("announce", "announces changes of attention", stopped, move |_| {
        Announcer::new(Arc::clone(&live), of.clone(), data::VERSION.to_owned())
    });
    let (live, of) = (Arc::clone(&folds.live), ledger.clone());
    supervisor.start("scheduler", "does what schedules and roll-outs have due", stopped, move |_| {
        Scheduler::new(Arc::clone(&live), of.clone())
    });
    let flights = Flights::new();
    let teller = Teller::new(Arc::clone(&folds.live), ledger.clone(), secrets, allow_private, flights);
    supervisor.start("webhooks", "tells webhooks what they are owed", stopped, move |_| teller.clone());
    let of = ledger.clone();
    supervisor.start("witness-offers", "offers checkpoints to witnesses", stopped, move |_| {
        Offers::new(of.clone())
    });
    let of = ledger.clone();
    supervisor.start("packing", "packs segments that are closed", stopped, move |_| Packing::new(of.clone()));
    let of = ledger.clone();
    supervisor
        .start("disk", "tells when the disk is nearly full", stopped, move |_| DiskWatch::new(of.clone()));
    supervisor.tasks()
}

/// The router for whoever has opened the ledger himself. Folded, it answers as a service does, of the log as it is
/// now; else it has no reads, and nothing that needs the folds.
///
/// # Errors
/// The log cannot be folded.
pub async fn local(ledger: &Ledger, data_dir: &Path, folded: bool) -> Result<Router, StartError> {
    let app = App::new(ledger.clone(), Config { data_dir: Some(data_dir.to_owned()), ..Config::default() });
    let reads = if folded { Some(fold(ledger).await?) } else { None };
    let ingest = Ingest::new(Choices::default().heartbeat_secs);
    Ok(Composed { app, ingest, reads, tasks: Tasks::default(), codes: Codes::default() }.router())
}

/// The folds of everything that is in the log.
async fn fold(ledger: &Ledger) -> Result<Reads, StartError> {
    let Folds { live, ladder, reads } = Folds::of(ledger, Live::new())?;
    let (reader, head) = (ledger.reader().clone(), ledger.head().borrow().clone());
    let runtime = tokio::runtime::Handle::current();
    // The reader's futures block.
    let folded = tokio::task::spawn_blocking(move || runtime.block_on(live.reach(&reader, &ladder, &head)));
    match folded.await {
        Ok(folded) => folded?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
    Ok(reads)
}

fn bind(socket: &Path) -> io::Result<UnixListener> {
    // The lock is ours, so a socket that is there is a leftover.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let admin = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(admin)
}

impl Running {
    /// The address of the console for whoever opens it first within ten minutes: it signs in with `token`, once.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn console(&self, token: &str) -> io::Result<String> {
        Ok(format!("http://{}/console#code={}", self.address, self.codes.add(token.to_owned())?.to_hex()))
    }

    /// Serves until `stop` or until the ledger stops by itself; then drains, seals and closes.
    pub async fn until(self, stop: impl Future<Output = ()>) -> Option<Stopped> {
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
    pub async fn finish(self) -> Option<Stopped> {
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
        self.ledger.poisoned().cloned()
    }
}

/// Open files kept back from connections: segments, the index, side files.
const RESERVED_FILES: u64 = 1024;

/// Raises the limit of open files to what the system allows, and says how many connections fit.
fn most_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = Limits::default().connections.all;
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

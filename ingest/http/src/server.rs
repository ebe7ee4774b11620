//! Serving: listeners are handed in, connections are bounded, and a stop lets requests finish.

use crate::app::App;
use crate::connection::{Timed, Turn};
use crate::guests::Place;
use crate::limits::{MAX_HEADER_BYTES, MAX_HEADERS};
use crate::principal::Peer;
use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// How long to wait after the operating system would not give another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves a router of [`App::router`] until `shutdown` is done, then lets requests in progress finish, within the
/// drain time.
///
/// Who may open the file of `admin` is the credential of [`Peer::Admin`].
///
/// # Errors
/// A part of the service ended on its own; what goes on without it has been stopped.
pub async fn serve(
    app: App,
    router: Router,
    tcp: Vec<TcpListener>,
    admin: Option<UnixListener>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let server = || Server { app: app.clone(), router: router.clone(), stopped: stopped.clone() };
    let mut loops = JoinSet::new();
    for listener in tcp {
        loops.spawn(server().accept_tcp(listener));
    }
    if let Some(listener) = admin {
        loops.spawn(server().accept_admin(listener));
    }
    let ended = tokio::select! {
        () = shutdown => Ok(()),
        Some(ended) = loops.join_next() => ended.map_err(io::Error::other),
    };
    app.drain();
    // Those who listen hear it; others have ended.
    let _ = stop.send(true);
    while loops.join_next().await.is_some() {}
    ended
}

/// What is said of a stop that could not wait for everybody.
pub const CUT_OFF: &str = "requests were cut off at the end of the drain time";

struct Server {
    app: App,
    router: Router,
    stopped: watch::Receiver<bool>,
}

impl Server {
    async fn accept_tcp(mut self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = wait(&mut self.stopped) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        let turn = Arc::new(Turn::default());
                        let Some(place) = self.app.inner.guests.enter(address.ip(), &turn) else {
                            // Closed without a word: a word would have to wait for whoever comes in such numbers.
                            self.app.inner.metrics.turned_away.fetch_add(1, Ordering::Relaxed);
                            continue;
                        };
                        // Without it answers are held back for nothing; that it fails says the peer has gone.
                        let _ = stream.set_nodelay(true);
                        self.spawn(&mut connections, stream, Peer::Tcp(address), turn, Some(place));
                    }
                    Err(error) => pause(&error).await,
                },
            }
        }
        drop(listener);
        self.finish(connections).await;
    }

    async fn accept_admin(mut self, listener: UnixListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = wait(&mut self.stopped) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if is_owner(&stream) => {
                        self.spawn(&mut connections, stream, Peer::Admin, Arc::default(), None);
                    }
                    Ok(_) => tracing::warn!("another user tried the admin socket"),
                    Err(error) => pause(&error).await,
                },
            }
        }
        drop(listener);
        self.finish(connections).await;
    }

    fn spawn<S>(
        &self,
        connections: &mut JoinSet<()>,
        stream: S,
        peer: Peer,
        turn: Arc<Turn>,
        place: Option<Place>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (app, router, mut stopped) = (self.app.clone(), self.router.clone(), self.stopped.clone());
        let metrics = &self.app.inner.metrics;
        metrics.accepted.fetch_add(1, Ordering::Relaxed);
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        let gauge = Open(app.clone());
        let scarce = app.inner.guests.is_scarce();
        connections.spawn(async move {
            let _held = (place, gauge);
            let unwanted = Arc::clone(&turn);
            let stream = Timed::new(stream, Arc::clone(&turn), &app.inner.config.limits, scarce);
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(peer);
                request.extensions_mut().insert(Arc::clone(&turn));
                turn.begin();
                let (answer, turn) = (router.clone().oneshot(request), Arc::clone(&turn));
                async move {
                    let answer = answer.await;
                    turn.end();
                    answer
                }
            });
            let connection = http1::Builder::new()
                .half_close(true)
                .header_read_timeout(None)
                .max_buf_size(MAX_HEADER_BYTES)
                .max_headers(MAX_HEADERS)
                .serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = unwanted.unwanted() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
                () = wait(&mut stopped) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, "connection ended");
            }
        });
    }

    async fn finish(&self, mut connections: JoinSet<()>) {
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.app.inner.config.limits.drain_timeout, all).await.is_err() {
            tracing::warn!(count = connections.len(), "{CUT_OFF}");
        }
    }
}

/// Counts a connection as open while it is.
struct Open(App);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.inner.metrics.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for the stop; a sender that is gone has stopped too.
async fn wait(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Whether the peer is the user this process runs as, or root.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

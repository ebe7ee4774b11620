//! Load over HTTP on loopback: single events with receipts and proofs, batches, and an echo beside them.

use crate::bare::{self, Bare};
use crate::report::{Limit, Rate, Round, row, say, start};
use crate::world::{World, runtime};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use spec::Event;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use web::limits::Rate as Allowance;
use web::{App, Config, Limits};

const CONNECTIONS: usize = 64;

/// Events in an NDJSON body.
const BATCH: usize = 1000;

pub(crate) fn run(events: usize) {
    runtime().block_on(load(events));
}

async fn load(events: usize) {
    let mut world = World::new(CONNECTIONS).await;
    let allowance = Allowance { per_sec: 1_000_000_000, burst: 1_000_000_000 };
    let limits = Limits {
        identity_events: allowance,
        identity_bytes: allowance,
        shared_events: allowance,
        shared_bytes: allowance,
        duplicates: allowance,
        address_requests: allowance,
        ..Default::default()
    };
    let app = App::new(world.ledger().clone(), Config { limits, ..Default::default() });
    let ingest = ingest::Ingest::new(30);
    let router = app.router(ingest::routes().into_iter().map(|route| route.bind(&ingest)).collect());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (listener, address) = listen().await;
    let server = tokio::spawn(web::serve(app, router, vec![listener], None, async {
        let _ = stopped.await;
    }));
    let echo = echo().await;

    singles(&mut world, address, echo, events.min(20_000) / CONNECTIONS).await;
    batches(&mut world, address, events).await;

    drop(stop);
    server.await.unwrap().unwrap();
    world.close(false);
}

async fn singles(world: &mut World, address: SocketAddr, echo: SocketAddr, each: usize) {
    let mut rounds = (Vec::new(), Vec::new());
    let mut waits = Vec::new();
    for _ in 0..3 {
        let runs = world.by_node(each);
        let bodies = |path: &str| -> Vec<Vec<Vec<u8>>> {
            let request = |event: &Event| request(path, "application/json", "", &event.to_canonical());
            runs.iter().map(|run| run.iter().map(request).collect()).collect()
        };
        let (took, _) = send(echo, bodies("/echo"), false).await;
        rounds.0.push(took);
        let (took, waited) = send(address, bodies("/api/events"), true).await;
        rounds.1.push(took);
        waits = waited;
    }
    let units = each * CONNECTIONS;
    let echo = Limit::stated("an axum echo server", Rate::of(units, rounds.0));
    row(&format!("single events, {CONNECTIONS} connections, proofs"), Rate::of(units, rounds.1), &[echo]);
    waits.sort_unstable();
    // In thousandths of the way from the shortest wait to the longest.
    let at = |share: usize| waits[(waits.len() - 1) * share / 1000].as_secs_f64() * 1e3;
    say(&format!("    answered in {:.1} ms (median), {:.1} ms (99 %)", at(500), at(990)));
}

async fn batches(world: &mut World, address: SocketAddr, events: usize) {
    let each = (events / CONNECTIONS).clamp(100, BATCH * 4);
    let mut rounds = Vec::new();
    let mut limit = None;
    for _ in 0..3 {
        let runs = world.by_node(each);
        limit.get_or_insert_with(|| {
            let sample: Vec<Event> = runs.iter().flatten().take(20_000).cloned().collect();
            bare::signatures(&Bare::of(&sample))
        });
        let requests = runs.iter().map(|run| {
            let chunk = |events: &[Event]| {
                let lines: Vec<u8> =
                    events.iter().flat_map(|event| [event.to_canonical(), b"\n".to_vec()].concat()).collect();
                request("/api/events", "application/x-ndjson", "", &lines)
            };
            run.chunks(BATCH).map(chunk).collect()
        });
        let (took, _) = send(address, requests.collect(), false).await;
        rounds.push(took);
    }
    let name = format!("NDJSON of {}, {CONNECTIONS} connections", each.min(BATCH));
    row(&name, Rate::of(each * CONNECTIONS, rounds), limit.as_slice());
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn echo() -> SocketAddr {
    let (listener, address) = listen().await;
    let router = Router::new().route("/echo", post(|body: Bytes| async { body }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A request without a body.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes()
}

/// A request, with `more` headers.
pub(crate) fn request(path: &str, media: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{more}content-type: {media}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Sends each list of requests over a connection of its own, one after another; gives the whole time and the
/// time of each answer.
async fn send(address: SocketAddr, lists: Vec<Vec<Vec<u8>>>, proofs: bool) -> (Round, Vec<Duration>) {
    let barrier = Arc::new(tokio::sync::Barrier::new(lists.len() + 1));
    let tasks: Vec<_> = lists
        .into_iter()
        .map(|requests| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await;
                barrier.wait().await;
                let mut waits = Vec::with_capacity(requests.len());
                for request in &requests {
                    let started = Instant::now();
                    connection.exchange(request, proofs).await;
                    waits.push(started.elapsed());
                }
                waits
            })
        })
        .collect();
    barrier.wait().await;
    let started = start();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    (started.stop(), waits)
}

/// The least client that reads HTTP/1.1 answers with a length.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    pub(crate) async fn exchange(&mut self, request: &[u8], proofs: bool) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let head = loop {
            self.read().await;
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap().to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).expect("a length").split('\r').next().unwrap();
        let whole = head + length.parse::<usize>().unwrap();
        let status = text["http/1.1 ".len()..].split(' ').next().unwrap().to_owned();
        while self.buffer.len() < whole {
            self.read().await;
        }
        let body = || String::from_utf8_lossy(&self.buffer[head..whole]).into_owned();
        assert!(matches!(status.as_str(), "200" | "201"), "{status}: {}", body());
        assert!(!proofs || body().contains("\"inclusion\":[\""), "{}", body());
    }

    async fn read(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection");
    }
}

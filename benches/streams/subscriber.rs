//! The process of the subscribers. Its task comes as a line of JSON; it says when all are connected, and in the
//! end what arrived, how late, and whether anything came out of order.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// The argument that makes this executable the subscribers' process.
pub(crate) const SUBSCRIBERS: &str = "subscribers";

/// What all subscribers have seen.
#[derive(Default)]
struct Seen {
    begun: usize,
    arrived: usize,
    wrong: usize,
    /// Microseconds from sending to arrival.
    one: Vec<u32>,
    all: Vec<u32>,
    buffer: Vec<u8>,
}

pub(crate) fn run() {
    let mut task = String::new();
    std::io::stdin().read_line(&mut task).unwrap();
    let task: Value = serde_json::from_str(&task).unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, subscribers(&task));
}

async fn subscribers(task: &Value) {
    let started = Instant::now();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tokens: Vec<String> = task["tokens"].as_array().unwrap().iter().map(text).collect();
    let mut wanted: Vec<Option<String>> =
        task["nodes"].as_array().unwrap().iter().map(|id| Some(text(id))).collect();
    wanted.resize(wanted.len() + usize::try_from(task["all"].as_u64().unwrap()).unwrap(), None);
    let seen = Rc::new(RefCell::new(Seen { buffer: vec![0; 256 * 1024], ..Seen::default() }));
    let count = wanted.len();
    for (n, node) in wanted.into_iter().enumerate() {
        // One address may have as many streams as one token.
        let socket = TcpSocket::new_v4().unwrap();
        let from = [127, 0, 0, u8::try_from(2 + n % tokens.len()).unwrap()];
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(task["address"].as_str().unwrap().parse().unwrap()).await.unwrap();
        let query = node.as_ref().map_or_else(String::new, |node| format!("?node_id={node}"));
        let request = format!(
            "GET /events{query} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\r\n",
            tokens[n % tokens.len()]
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        spawn_local(Subscriber::new(stream, node).read(Rc::clone(&seen)));
    }
    while seen.borrow().begun < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{:.1}", started.elapsed().as_secs_f64());
    let expected = task["expected"].as_u64().unwrap();
    let patience = Duration::from_secs(task["patience_secs"].as_u64().unwrap());
    let connected = Instant::now();
    while (seen.borrow().arrived as u64) < expected && connected.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What comes twice may come late.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut seen = seen.borrow_mut();
    let (one, all) = (std::mem::take(&mut seen.one), std::mem::take(&mut seen.all));
    println!(
        "{}",
        json!({"arrived": seen.arrived, "wrong": seen.wrong, "one": spread(one), "all": spread(all)})
    );
}

/// Milliseconds of the median, of the 99th percentile and of the slowest.
pub(crate) fn spread(mut micros: Vec<u32>) -> Value {
    micros.sort_unstable();
    let at = |share: usize| {
        let micros = micros.get((micros.len().saturating_sub(1)) * share / 1000).copied().unwrap_or_default();
        f64::from(micros / 100) / 10.0
    };
    json!({"p50": at(500), "p99": at(990), "max": at(1000)})
}

/// The wall clock: the only one that two processes share.
#[expect(clippy::disallowed_methods, reason = "a latency between two processes, no part of the ledger")]
pub(crate) fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

/// Where a subscriber is in its answer.
enum At {
    Headers,
    /// In front of a chunk, with the digits of its length so far.
    Length(usize),
    Chunk(usize),
    /// Behind a chunk, with what is left of its CR LF.
    End(usize),
}

struct Subscriber {
    stream: TcpStream,
    node: Option<String>,
    at: At,
    text: Vec<u8>,
    last: Option<u64>,
}

impl Subscriber {
    fn new(stream: TcpStream, node: Option<String>) -> Self {
        Self { stream, node, at: At::Headers, text: Vec::new(), last: None }
    }

    async fn read(mut self, seen: Rc<RefCell<Seen>>) {
        loop {
            self.stream.readable().await.unwrap();
            let mut seen = seen.borrow_mut();
            let mut buffer = std::mem::take(&mut seen.buffer);
            match self.stream.try_read(&mut buffer) {
                Ok(0) => {
                    // The service ends no stream while it is measured.
                    seen.wrong += 1;
                    seen.buffer = buffer;
                    return;
                }
                Ok(read) => self.take(&buffer[..read], &mut seen),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
            }
            seen.buffer = buffer;
        }
    }

    fn take(&mut self, mut bytes: &[u8], seen: &mut Seen) {
        while let Some(&first) = bytes.first() {
            match &mut self.at {
                At::Headers => {
                    self.text.push(first);
                    bytes = &bytes[1..];
                    if self.text.ends_with(b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&self.text);
                        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                        self.text.clear();
                        self.at = At::Length(0);
                    }
                }
                At::Length(length) => {
                    bytes = &bytes[1..];
                    match first {
                        b'\n' => self.at = At::Chunk(*length),
                        b'\r' => {}
                        digit => *length = *length * 16 + (digit as char).to_digit(16).unwrap() as usize,
                    }
                }
                At::Chunk(left) => {
                    let (now, later) = bytes.split_at(bytes.len().min(*left));
                    self.text.extend_from_slice(now);
                    *left -= now.len();
                    bytes = later;
                    if *left == 0 {
                        self.at = At::End(2);
                    }
                }
                At::End(left) => {
                    *left -= 1;
                    bytes = &bytes[1..];
                    if *left == 0 {
                        self.at = At::Length(0);
                    }
                }
            }
        }
        if !matches!(self.at, At::Headers) {
            self.blocks(seen);
        }
    }

    fn blocks(&mut self, seen: &mut Seen) {
        let now = micros();
        let text = std::mem::take(&mut self.text);
        let mut rest = std::str::from_utf8(&text).unwrap();
        while let Some((block, later)) = rest.split_once("\n\n") {
            rest = later;
            self.block(block, now, seen);
        }
        self.text = rest.as_bytes().to_vec();
    }

    fn block(&mut self, block: &str, now: u64, seen: &mut Seen) {
        if block.contains(": begin") || block.contains(":begin") {
            seen.begun += 1;
        }
        let mut lines = block.split('\n');
        let id = lines.next().and_then(|line| line.strip_prefix("id:")).and_then(|id| id.trim().parse().ok());
        if !lines.any(|line| line.trim_start_matches("event:").trim() == "x-load") {
            return;
        }
        let sent = block.strip_suffix("}}").and_then(|block| block.rsplit(':').next());
        let sent: u64 = sent.unwrap().parse().unwrap();
        let late = u32::try_from(now.saturating_sub(sent)).unwrap();
        let asked = self.node.as_ref().is_none_or(|node| block.contains(node.as_str()));
        seen.wrong += usize::from(!asked || id <= self.last);
        self.last = id;
        seen.arrived += 1;
        if self.node.is_some() { &mut seen.one } else { &mut seen.all }.push(late);
    }
}

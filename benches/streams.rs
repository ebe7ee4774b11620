//! Server-sent events under load: the executable `ledger serve` in a process of its own, its subscribers in
//! another, and a writer here. Most subscribers want one node's entries, some want all of them; every node has
//! one entry in 30 s, as a fleet has heartbeats.
//!
//! ```text
//! BENCH_N=100000    6,000 subscribers of one node each and 120 of everything, 333 events a second for 30 s
//! BENCH_LEDGER=FILE another executable, to compare with
//! ```

mod subscriber;

use crate::http::{Connection, request};
use crate::report::{say, ticks};
use crate::world::{runtime, scratch};
use serde_json::{Value, json};
use spec::Uuid;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use subscriber::{SUBSCRIBERS, run as subscribe};

/// Subscribers of one node each, at most: as many as one organisation may have.
const MOST_NODES: usize = 6000;

/// Subscribers of everything for so many of one node.
const NODES_TO_ALL: usize = 50;

/// Events in a request, and from one request to the next: 333 events a second.
const BATCH: usize = 10;
const EVERY: Duration = Duration::from_millis(30);

/// Events sent at least, so that a short run has something to measure.
const LEAST_EVENTS: usize = 1000;

/// Bytes of text in a payload, which makes it as long as a heartbeat's.
const TEXT_BYTES: usize = 480;

/// Subscribers under one token; the service allows 1,024.
const PER_TOKEN: usize = 1000;

pub(crate) fn run(events: usize) {
    runtime().block_on(load(events));
}

async fn load(events: usize) {
    let nodes = (events / 10).clamp(10, MOST_NODES);
    let all = (nodes / NODES_TO_ALL).max(1);
    let rounds = LEAST_EVENTS.div_ceil(nodes);
    let dir = scratch();
    let service = Service::start(&dir.path().join("ledger"));
    let writer = service.token("node_admin");
    let tokens: Vec<String> =
        (0..(nodes + all).div_ceil(PER_TOKEN)).map(|_| service.token("viewer")).collect();
    let ids: Vec<String> = (0..nodes).map(node).collect();
    let resident = service.resident();

    let mut subscribers = Subscribers::start(&json!({
        "address": service.address, "tokens": tokens, "nodes": ids, "all": all,
        "expected": nodes * rounds * (all + 1),
        "patience_secs": 60 + (nodes * rounds) as u64 * 3 / 1000,
    }));
    let connected = subscribers.line();
    say(&format!("{nodes} subscribers of one node each, {all} of everything; connected in {connected} s"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let subscribed = service.resident();
    say(&format!(
        "    resident: {} MiB without subscribers, {} with, {} KiB each",
        resident / 1024,
        subscribed / 1024,
        subscribed.saturating_sub(resident) / (nodes + all) as u64
    ));

    let before = (service.cpu(), subscribers.cpu(), Instant::now());
    let waits = write(&service.address, &writer, &ids, rounds).await;
    let told: Value = serde_json::from_str(&subscribers.line()).unwrap();
    let took = before.2.elapsed();
    let cores = |used: Duration| used.as_secs_f64() / took.as_secs_f64();
    let sent = nodes * rounds;
    say(&format!(
        "    {sent} events in {:.1} s; {} of {} arrivals, {} out of order or not asked for",
        took.as_secs_f64(),
        told["arrived"],
        sent * (all + 1),
        told["wrong"]
    ));
    let answered = subscriber::spread(waits);
    for (name, spread) in [
        ("a request's answer", &answered),
        ("at one node's", &told["one"]),
        ("at everything's", &told["all"]),
    ] {
        say(&format!(
            "    from sending to {name:<20} {} ms (median), {} ms (99 %), {} ms at most",
            spread["p50"], spread["p99"], spread["max"]
        ));
    }
    say(&format!(
        "    cores in use: {:.2} by the service, {:.2} by the subscribers; resident at most: {} MiB",
        cores(service.cpu().saturating_sub(before.0)),
        cores(subscribers.cpu().saturating_sub(before.1)),
        service.peak() / 1024
    ));
    assert_eq!((&told["arrived"], &told["wrong"]), (&json!(sent * (all + 1)), &json!(0)));
}

/// The id of a made-up node.
fn node(n: usize) -> String {
    let mut bytes = [0; 16];
    // In front of these stands the version.
    bytes[8..].copy_from_slice(&(n as u64).to_be_bytes());
    Uuid::v4(bytes).to_string()
}

/// Posts an event about each node, round after round, at the rate that is wanted; how long each answer took.
async fn write(address: &str, token: &str, ids: &[String], rounds: usize) -> Vec<u32> {
    let text = "x".repeat(TEXT_BYTES);
    let mut connection = Connection::open(address.parse().unwrap()).await;
    let mut clock = tokio::time::interval(EVERY);
    let mut waits = Vec::new();
    // Strides, so that neighbours in one request are no neighbours among the subscribers.
    let order: Vec<&String> =
        (0..rounds).flat_map(|_| (0..97).flat_map(|n| ids.iter().skip(n).step_by(97))).collect();
    for batch in order.chunks(BATCH) {
        clock.tick().await;
        let sent = subscriber::micros();
        let lines: Vec<u8> = batch
            .iter()
            .flat_map(|id| {
                let payload = json!({"load": text, "sent": sent});
                let draft = json!({"kind": "x-load", "org": "acme", "node_id": id, "payload": payload});
                [draft.to_string().into_bytes(), b"\n".to_vec()].concat()
            })
            .collect();
        let more = format!("authorization: Bearer {token}\r\n");
        connection.exchange(&request("/api/events", "application/x-ndjson", &more, &lines), false).await;
        waits.push(u32::try_from(subscriber::micros() - sent).unwrap());
    }
    waits
}

/// `ledger serve`, built for release, over a ledger of its own.
pub(crate) struct Service {
    pub(crate) executable: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) address: String,
    child: Child,
}

impl Service {
    /// The owner's token.
    pub(crate) fn owner(&self) -> String {
        std::fs::read_to_string(self.data.join("owner.token")).unwrap().trim().to_owned()
    }

    pub(crate) fn start(data: &Path) -> Self {
        let executable = executable();
        let mut child = Command::new(&executable)
            .args(["serve", "--init", "--listen", "127.0.0.1:0", "-o", "json", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let facts: Value = serde_json::from_str(&line(child.stdout.take().unwrap())).unwrap();
        let address = facts["listening"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { executable, data: data.to_owned(), address, child }
    }

    pub(crate) fn token(&self, role: &str) -> String {
        let made = Command::new(&self.executable)
            .args([
                "tokens", "create", "-o", "json", "--org", "acme", "--label", "bench", "--role", role,
                "--data",
            ])
            .arg(&self.data)
            .output()
            .unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    fn cpu(&self) -> Duration {
        ticks(&self.child.id().to_string())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// KiB.
    pub(crate) fn resident(&self) -> u64 {
        status(self.child.id(), "VmRSS:")
    }

    fn peak(&self) -> u64 {
        status(self.child.id(), "VmHWM:")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already if the benchmark stops because of that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The executable of `BENCH_LEDGER`, to compare with; else this one, built for release if it is not.
fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("BENCH_LEDGER") {
        return path.into();
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "-p", "ledger-cli", "--message-format=json"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "the executable is not built");
    let messages = String::from_utf8(built.stdout).unwrap();
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let path =
        artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).next_back();
    path.expect("an executable was built")
}

pub(crate) fn status(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn line(from: impl std::io::Read) -> String {
    let mut line = String::new();
    BufReader::new(from).read_line(&mut line).unwrap();
    line
}

/// The process of the subscribers: this executable again.
struct Subscribers {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Subscribers {
    fn start(task: &Value) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SUBSCRIBERS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{task}").unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn cpu(&self) -> Duration {
        ticks(&self.child.id().to_string())
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        // As above.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

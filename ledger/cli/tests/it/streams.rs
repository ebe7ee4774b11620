//! The live stream with many readers, over kills, against readers who take nothing, and at its limits.

use crate::support::{PATIENCE, Service, http, json, raise_open_files, verify};
use serde_json::json;
use spec::{Record, Uuid};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// Readers of one node each, and of everything.
const NODES: usize = 200;
const ALL: usize = 5;

/// Streams under one token, as the service allows by default.
const MOST_OF_A_TOKEN: usize = 1024;

fn token(service: &Service, role: &str) -> String {
    let data = service.data.to_str().unwrap();
    let made =
        json(&["tokens", "create", "--data", data, "--org", "acme", "--role", role, "--label", "test"], 0);
    made["token"].as_str().unwrap().to_owned()
}

fn node(n: usize) -> Uuid {
    Uuid::v4([u8::try_from(n % 256).unwrap(); 16])
}

/// Drafts about nodes, as JSON lines.
fn drafts(nodes: &[usize], text: &str) -> String {
    let draft = |n: &usize| json!({"kind": "x-load", "node_id": node(*n), "payload": {"text": text}});
    nodes.iter().flat_map(|n| [draft(n).to_string(), "\n".to_owned()]).collect()
}

async fn post(client: &reqwest::Client, url: &str, token: &str, body: String) -> reqwest::Result<()> {
    let request = client.post(format!("{url}/api/events")).bearer_auth(token).body(body);
    let answer = request.header("content-type", "application/x-ndjson").send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    assert_eq!(status, 201, "{text}");
    Ok(())
}

/// One who reads, goes away, comes back with the id seen last, and goes on.
struct Reader {
    node: Option<usize>,
    /// After so many events it drops the connection by itself.
    leaves_after: usize,
    /// The place where it began, and the seqs of what it was told, by anyone's order but its own.
    seen: Arc<Mutex<(Option<u64>, Vec<u64>)>>,
}

impl Reader {
    /// Reads from whichever address holds, until there is none.
    async fn read(self, client: reqwest::Client, mut address: watch::Receiver<String>, token: String) {
        let mut last: Option<u64> = None;
        loop {
            let url = address.borrow_and_update().clone();
            if url.is_empty() {
                return;
            }
            let query = self.node.map_or_else(String::new, |n| format!("?node_id={}", node(n)));
            let mut request = client.get(format!("{url}/events{query}")).bearer_auth(&token);
            if let Some(last) = last {
                request = request.header("last-event-id", last);
            }
            if let Ok(answer) = request.send().await {
                assert_eq!(answer.status(), 200);
                self.follow(answer, &mut last).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn follow(&self, mut answer: reqwest::Response, last: &mut Option<u64>) {
        let (mut text, mut told) = (String::new(), 0);
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((block, rest)) = text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                // As a browser does: an id counts whether or not an event comes with it.
                if let Some(id) = field("id: ") {
                    *last = Some(id.parse().unwrap());
                }
                let mut seen = self.seen.lock().unwrap();
                seen.0 = seen.0.or(*last);
                if field("data: ").is_some() {
                    assert_ne!(field("event: "), Some("error"), "{block}");
                    seen.1.push(last.unwrap());
                    told += 1;
                }
                drop(seen);
                let rest = rest.to_owned();
                text = rest;
            }
            if told >= self.leaves_after {
                return;
            }
        }
    }
}

/// The entries of the organisation in the log: seq and node.
fn entries(data: &Path) -> BTreeMap<u64, Option<Uuid>> {
    let mut entries = BTreeMap::new();
    for file in std::fs::read_dir(data.join("log")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = std::fs::read_to_string(path).unwrap();
            for line in text.lines().filter(|line| !line.starts_with("{\"commit\"")) {
                let record = Record::parse(line).unwrap();
                let header = &record.entry.header;
                if header.org.as_str() == "acme" {
                    entries.insert(record.entry.position.seq, header.subject_node());
                }
            }
        }
    }
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_is_told_everything_once_over_kills_of_either_side() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let mut service = Service::start(&data);
    let (viewer, writer) = (token(&service, "viewer"), token(&service, "node_admin"));
    let client = http();
    let (address, at) = watch::channel(service.url.clone());
    let mut readers = Vec::new();
    for n in 0..NODES + ALL {
        let seen = Arc::default();
        let leaves_after = if n % 3 == 0 { 2 + n % 5 } else { usize::MAX };
        let reader = Reader { node: (n < NODES).then_some(n), leaves_after, seen: Arc::clone(&seen) };
        let reading = tokio::spawn(reader.read(client.clone(), at.clone(), viewer.clone()));
        readers.push(((n < NODES).then(|| node(n)), seen, reading));
    }
    let begun = async || {
        let patience = Instant::now();
        while readers.iter().any(|(_, seen, _)| seen.lock().unwrap().0.is_none()) {
            assert!(patience.elapsed() < PATIENCE, "not everyone has begun");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    begun().await;

    // Six hundred events; one kill lands while a request is under way, another between two.
    let all: Vec<usize> = (0..NODES).collect();
    for round in 0..3 {
        for (n, batch) in all.chunks(10).enumerate() {
            let (url, body) = (service.url.clone(), drafts(batch, "load"));
            if round < 2 && n == 10 {
                let (client, writer) = (client.clone(), writer.clone());
                let sent = tokio::spawn(async move { post(&client, &url, &writer, body).await });
                if round == 1 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                service.kill();
                // Whether it is in the log is for the log to say.
                let _ = sent.await.unwrap();
                service = Service::start(&data);
                address.send_replace(service.url.clone());
            } else {
                post(&client, &url, &writer, body).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    let log = entries(&data);
    let expected = |node: Option<Uuid>, begin: u64| -> Vec<u64> {
        let wanted = log.iter().filter(|(seq, about)| **seq > begin && (node.is_none() || **about == node));
        wanted.map(|(seq, _)| *seq).collect()
    };
    let missing = || {
        let lacks = |seen: &Mutex<(Option<u64>, Vec<u64>)>, node| {
            let seen = seen.lock().unwrap();
            seen.1.len() < expected(node, seen.0.unwrap()).len()
        };
        readers.iter().filter(|(node, seen, _)| lacks(seen, *node)).count()
    };
    let patience = Instant::now();
    while missing() > 0 {
        assert!(patience.elapsed() < PATIENCE, "{} readers lack something", missing());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    address.send_replace(String::new());
    assert_eq!(service.terminate(), Some(0));
    for (node, seen, reading) in readers {
        reading.await.unwrap();
        let seen = seen.lock().unwrap();
        // What the stop wrote may have been told as well.
        let told: Vec<u64> = seen.1.iter().copied().filter(|seq| log.contains_key(seq)).collect();
        assert_eq!(told, expected(node, seen.0.unwrap()), "{node:?}");
    }
    verify(&data, &[]);
}

/// KiB of memory that a process has.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Asks for a stream on a connection of its own, and reads nothing of it.
async fn ask(address: &str, token: &str, query: &str, buffer: Option<u32>) -> TcpStream {
    ask_from("127.0.0.1", address, token, query, buffer).await
}

/// The same from an address of loopback, each of which is a client of its own.
async fn ask_from(from: &str, address: &str, token: &str, query: &str, buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let request =
        format!("GET /events{query} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The beginning of an answer: all of it, if it is short.
async fn head(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
    }
    String::from_utf8(text).unwrap()
}

/// Readers who take nothing; 8 MB for each would be 400 MB.
const STALLED: usize = 50;
const BIG_EVENTS: usize = 80;
const BIG_TEXT: usize = 100_000;

/// KiB that the readers above may cost. Measured: about 20,000, most of it the entries kept for everyone.
const STALLED_COST: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_costs_little_and_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let (viewer, writer) = (token(&service, "viewer"), token(&service, "node_admin"));
    let client = http();
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(ask(&address, &viewer, "", Some(4096)).await);
    }
    let mut reader = ask(&address, &viewer, "?kind=x-load", None).await;
    head(&mut reader).await;
    // What a request of this size takes by itself is not counted.
    let text = "x".repeat(BIG_TEXT);
    for _ in 0..3 {
        post(&client, &service.url, &writer, drafts(&[1], &text)).await.unwrap();
    }
    let before = resident(service.pid());

    let (mut slowest, mut received, mut buffer) = (Duration::ZERO, 0, vec![0; 1 << 20]);
    for n in 1..=BIG_EVENTS {
        post(&client, &service.url, &writer, drafts(&[1], &text)).await.unwrap();
        let since = Instant::now();
        // Three came before.
        while received < (n + 3) * BIG_TEXT {
            let read = tokio::time::timeout(PATIENCE, reader.read(&mut buffer)).await;
            let read = &buffer[..read.unwrap().unwrap()];
            received += read.iter().map(|byte| usize::from(*byte == b'x')).sum::<usize>();
        }
        slowest = slowest.max(since.elapsed());
    }
    let cost = resident(service.pid()).saturating_sub(before);
    assert!(cost < STALLED_COST, "{STALLED} readers who take nothing cost {cost} KiB");
    // It takes milliseconds; a reader who waited for the others would wait until they are let go.
    assert!(slowest < web::Limits::default().write_timeout, "{slowest:?}");
    println!("{STALLED} who take nothing: {cost} KiB; the other had an entry after {slowest:?} at most");
    drop(stalled);
    assert_eq!(service.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_so_many_streams() {
    raise_open_files(4096);
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let (viewer, other) = (token(&service, "viewer"), token(&service, "viewer"));
    let writer = token(&service, "node_admin");
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let mut open = Vec::new();
    for _ in 0..MOST_OF_A_TOKEN {
        let mut stream = ask(&address, &viewer, "", None).await;
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        open.push(stream);
    }
    let mut refused = ask(&address, &viewer, "", None).await;
    let answer = head(&mut refused).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("\r\nretry-after: "), "{answer}");
    // An address has as many as one token, and another address has its own.
    let mut beside = ask(&address, &other, "", None).await;
    assert!(head(&mut beside).await.starts_with("HTTP/1.1 429 "));
    let mut of_other = ask_from("127.0.0.2", &address, &other, "", None).await;
    assert!(head(&mut of_other).await.starts_with("HTTP/1.1 200 "));
    let mut elsewhere = ask_from("127.0.0.2", &address, &viewer, "", None).await;
    assert!(head(&mut elsewhere).await.starts_with("HTTP/1.1 429 "), "the token has all it may have");

    // Whoever goes makes room, as soon as it is noticed: when something is sent to where nobody is.
    open.truncate(MOST_OF_A_TOKEN / 2);
    let (client, patience) = (http(), Instant::now());
    loop {
        post(&client, &service.url, &writer, drafts(&[1], "load")).await.unwrap();
        let mut again = ask(&address, &viewer, "", None).await;
        if head(&mut again).await.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(patience.elapsed() < PATIENCE, "a stream that ended keeps its place");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(service.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_says_where_it_is_and_ends_with_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let (viewer, writer) = (token(&service, "viewer"), token(&service, "node_admin"));
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = ask(&address, &viewer, &format!("?node_id={}", node(1)), None).await;
    let mut text = head(&mut stream).await.into_bytes();
    post(&http(), &service.url, &writer, drafts(&[2; 20], "about another")).await.unwrap();
    let last = entries(&service.data).into_keys().next_back().unwrap();
    let place = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        assert!(!text.contains("data: "), "{text}");
        text.rsplit("id: ").next().and_then(|id| id.split('\n').next()?.parse::<u64>().ok())
    };
    while place(&text).is_none_or(|place| place < last) {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut text)).await.unwrap().unwrap();
        assert_ne!(read, 0, "the stream ended");
    }
    let id = viewer.split('.').nth(1).unwrap();
    let data = service.data.to_str().unwrap();
    json(&["tokens", "revoke", id, "--data", data, "-o", "json"], 0);
    // The answer ends; the connection may be used again.
    while !text.ends_with(b"\r\n0\r\n\r\n") {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut text)).await.unwrap().unwrap();
        assert_ne!(read, 0, "the connection ended first");
        place(&text);
    }
    assert_eq!(service.terminate(), Some(0));
}

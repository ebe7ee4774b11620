//! How many events a second pass through the whole service, beside a server that does nothing.
//!
//! Run with `cargo test --release -p ingest speed -- --ignored --nocapture`.

use crate::world::World;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;
const EACH: usize = 500;

/// Sends ready-made requests over one connection and waits for each answer.
async fn drive(address: SocketAddr, requests: Vec<Vec<u8>>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    for request in requests {
        stream.write_all(&request).await.unwrap();
        let mut filled = 0;
        loop {
            filled += stream.read(&mut buffer[filled..]).await.unwrap();
            let text = &buffer[..filled];
            let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&text[..end]).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 20"), "{}", String::from_utf8_lossy(text));
            let length: usize =
                head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
            if filled == end + 4 + length {
                break;
            }
        }
    }
}

async fn rate(address: SocketAddr, requests: Vec<Vec<Vec<u8>>>) -> f64 {
    let count: usize = requests.iter().map(Vec::len).sum();
    let started = Instant::now();
    let tasks: Vec<_> = requests.into_iter().map(|requests| tokio::spawn(drive(address, requests))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = count as f64 / started.elapsed().as_secs_f64();
    rate
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn single_posts_from_64_connections() {
    let world = World::start().await;
    let mut requests = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut node = world.node("acme").await;
        requests.push((0..EACH).map(|_| request(&node.heartbeat().to_canonical())).collect::<Vec<_>>());
    }
    let echo =
        axum::Router::new().route("/api/events", axum::routing::post(async |body: axum::body::Bytes| body));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, echo).await.unwrap() });
    let bare = rate(address, requests.clone()).await;
    let whole = rate(world.address, requests).await;
    println!("echo {bare:.0}/s, ledger {whole:.0}/s, {:.0} %", whole / bare * 100.0);
    world.finish().await;
}

//! Slow, silent, half-closed and very many connections, and the end of the service.

use crate::world::World;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use web::limits::Shares;
use web::{Config, Limits};

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.address).await.unwrap()
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("closed").ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// How long a test waits for what is sure to come, on a machine that may have much else to do.
const PATIENCE: Duration = Duration::from_mins(5);

/// The time that is not tried.
const LONG: Duration = Duration::from_hours(1);

/// The time that is.
const SHORT: Duration = Duration::from_millis(300);

/// A service that lets nobody go for being slow, but for one reason.
async fn world(reason: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits {
        header_timeout: LONG,
        body_grace: LONG,
        keep_alive: LONG,
        write_timeout: LONG,
        ..Limits::default()
    };
    reason(&mut limits);
    World::with(Config { limits, ..Config::default() }).await
}

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// Asks once; whether there was an answer, and not the end of the connection.
async fn ask(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 1024];
    if stream.write_all(ASK).await.is_err() {
        return false;
    }
    let n = stream.read(&mut answer).await.unwrap_or(0);
    assert!(n == 0 || answer[..n].starts_with(b"HTTP/1.1 200 "));
    n > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_to_say_what_they_want_is_let_go() {
    let world = world(|limits| limits.header_timeout = SHORT).await;
    let mut silent = connect(&world).await;
    assert_eq!(read_all(&mut silent).await, "");

    let mut slow = connect(&world).await;
    for byte in b"GET /healthz HTTP/1.1\r\nhost: x\r\n".iter().cycle().take(40) {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(read_all(&mut slow).await.is_empty());

    // Between two requests there is more time than for the headers of one.
    let mut patient = connect(&world).await;
    while !ask(&mut patient).await {
        // This test was too slow itself.
        patient = connect(&world).await;
    }
    for _ in 0..2 {
        tokio::time::sleep(SHORT + SHORT / 3).await;
        assert!(ask(&mut patient).await);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_to_send_a_body_is_let_go() {
    let world = world(|limits| limits.body_grace = SHORT).await;
    let mut slow = connect(&world).await;
    let head = b"POST /api/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    slow.write_all(head).await.unwrap();
    let mut answer = [0; 1024];
    let n = tokio::time::timeout(PATIENCE, slow.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..n]);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"timeout\""), "{answer}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_no_more_is_let_go() {
    let world = world(|limits| limits.keep_alive = SHORT).await;
    let mut quiet = connect(&world).await;
    assert!(ask(&mut quiet).await);
    assert_eq!(read_all(&mut quiet).await, "");
    assert_eq!(world.get("/healthz", None).await.status, 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_connection_gets_its_answer() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.note("half closed").to_canonical();
    let mut stream = connect(&world).await;
    let head = format!(
        "POST /api/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        event.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&event).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");

    // A body that ends before its time, and a client that goes away in the middle.
    let size = world.size();
    let mut stream = connect(&world).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&event[..20]).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut stream = connect(&world).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(world.size(), size);
    assert_eq!(world.get("/healthz", None).await.status, 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_have_a_limit() {
    let world = World::start().await;
    for head in [
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(20_000)),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(100)),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(20_000)),
        "nonsense\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_owned(),
    ] {
        let mut stream = connect(&world).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = read_all(&mut stream).await;
        assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(world.get("/healthz", None).await.status, 200);
    world.finish().await;
}

/// Waits for what is sure to come.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "it never came to be: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_nothing_of_an_answer_is_let_go() {
    let world = world(|limits| limits.write_timeout = SHORT).await;
    let mut greedy = connect(&world).await;
    let requests = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(5000);
    // It may be let go before it has asked for everything.
    let _ = tokio::time::timeout(PATIENCE, greedy.write_all(&requests)).await.expect("taken, or let go");
    until("nobody is connected", || world.app.metrics().contains("\nhttp_connections 0\n")).await;
    drop(greedy);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_lets_people_in_as_others_leave() {
    let connections = Shares::of_anyone(4);
    let world = world(|limits| {
        limits.connections = connections;
        limits.keep_alive_scarce = SHORT;
        limits.header_timeout = SHORT;
    })
    .await;
    let mut crowd = Vec::new();
    for _ in 0..12 {
        crowd.push(connect(&world).await);
    }
    assert_eq!(world.get("/healthz", None).await.status, 200, "those before us were let go for being silent");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_finish() {
    let mut world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.note("last words").to_canonical();
    let mut stream = connect(&world).await;
    let head = format!(
        "POST /api/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        event.len()
    );
    // The other half of it follows when the service has been told to stop, and holds the first.
    let (first, second) = event.split_at(event.len() / 2);
    stream.write_all(&[head.as_bytes(), first].concat()).await.unwrap();
    until("the body is awaited", || !world.app.metrics().contains("\nhttp_body_bytes 0\n")).await;
    let idle = connect(&world).await;
    world.tell_to_stop();
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.write_all(second).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(TcpStream::connect(world.address).await.is_err(), "nobody new is let in");
    drop(idle);
    world.finish().await;
}

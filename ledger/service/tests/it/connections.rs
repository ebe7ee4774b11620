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
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await.expect("closed").ok();
    String::from_utf8_lossy(&text).into_owned()
}

fn quick() -> Config {
    let limits = Limits {
        header_timeout: Duration::from_millis(300),
        body_grace: Duration::from_millis(300),
        keep_alive: Duration::from_millis(600),
        ..Limits::default()
    };
    Config { limits, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_is_let_go() {
    let world = World::with(quick()).await;
    let mut silent = connect(&world).await;
    assert_eq!(read_all(&mut silent).await, "");

    let mut slow_headers = connect(&world).await;
    let started = Instant::now();
    for byte in b"GET /healthz HTTP/1.1\r\nhost: x\r\n".iter().cycle().take(40) {
        if slow_headers.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(read_all(&mut slow_headers).await.is_empty());
    assert!(started.elapsed() < Duration::from_secs(5));

    let mut slow_body = connect(&world).await;
    let head = b"POST /api/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    slow_body.write_all(head).await.unwrap();
    let answer = read_all(&mut slow_body).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"timeout\""), "{answer}");

    // Between two requests there is more time than for the headers of one.
    let mut patient = connect(&world).await;
    for _ in 0..3 {
        patient.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let n = patient.read(&mut answer).await.unwrap();
        assert!(answer[..n].starts_with(b"HTTP/1.1 200 "));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(read_all(&mut patient).await, "");
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_nothing_of_an_answer_is_let_go() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let mut greedy = connect(&world).await;
    let requests = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(5000);
    // It may be let go before it has asked for everything.
    let _ = tokio::time::timeout(Duration::from_secs(10), greedy.write_all(&requests)).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !world.app.metrics().contains("\nhttp_connections 0\n") {
        assert!(Instant::now() < deadline, "still connected");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(greedy);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_lets_people_in_as_others_leave() {
    let connections = Shares::of_anyone(4);
    let limits = Limits { connections, keep_alive_scarce: Duration::from_millis(200), ..quick().limits };
    let world = World::with(Config { limits, ..Config::default() }).await;
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
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let idle = connect(&world).await;
    world.tell_to_stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(&event).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(TcpStream::connect(world.address).await.is_err(), "nobody new is let in");
    drop(idle);
    world.finish().await;
}

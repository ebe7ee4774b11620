//! Many clients at one service. Each end of a connection has a process of its own, so that neither runs
//! out of open files before the number that is to be shown.

use crate::support::{Node, Service, http, raise_open_files, verify};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const IDLE: u64 = 10_000;

#[tokio::test]
async fn ten_thousand_idle_connections_are_no_harm() {
    raise_open_files(IDLE + 2000);
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let client = http();
    let mut node = Node::enrol(&client, &service, &service.enrolment_token(1)).await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let started = Instant::now();
    for n in 0..20 {
        let event = node.note(&format!("note {n}"));
        let request = client.post(format!("{}/api/events", service.url)).body(event.to_canonical());
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    }
    // Twenty syncs; without the connections they take a fraction of a second.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    drop(idle);
    let data = service.data.clone();
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

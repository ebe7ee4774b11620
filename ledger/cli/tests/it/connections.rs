//! Many clients at one service. Each end of a connection has a process of its own, so that neither runs
//! out of open files before the number that is to be shown.

use crate::support::{Node, PATIENCE, Service, http, raise_open_files, verify};
use std::time::Instant;
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
    for n in 0..20 {
        let event = node.note(&format!("note {n}"));
        let request = client.post(format!("{}/api/events", service.url)).body(event.to_canonical());
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    }
    // And all of them have come; an address that has its share is let in no further.
    let since = Instant::now();
    loop {
        let metrics =
            client.get(format!("{}/metrics", service.url)).send().await.unwrap().text().await.unwrap();
        let count = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse::<u64>().unwrap()
        };
        if count("http_connections_accepted_total ") + count("http_connections_turned_away_total ") > IDLE {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{metrics}");
    }
    drop(idle);
    let data = service.data.clone();
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

//! kill -9 under load: whatever was acknowledged is there after the restart, and the whole verifies.
//!
//! `VAULTMESH_KILLS` sets how often; the soak of a release runs 200 and more.

use crate::support::{Node, PATIENCE, Service, http, lines, verify};
use serde_json::Value;
use spec::Hash;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the service acknowledged: seq and event hash.
type Acknowledged = Arc<Mutex<BTreeMap<u64, Hash>>>;

/// Sends events until the service goes away, noting every receipt.
async fn load(client: reqwest::Client, url: String, mut node: Node, acknowledged: Acknowledged) -> Node {
    loop {
        let before = node.author.clone();
        let events: Vec<_> = (0..20).map(|n| node.note(&format!("load {n}"))).collect();
        let request = client.post(format!("{url}/api/events")).header("content-type", "application/x-ndjson");
        let answer = match request.body(lines(&events)).send().await {
            Ok(response) => response.bytes().await,
            Err(error) => Err(error),
        };
        let Ok(answer) = answer else {
            // Unknown: after the restart the same author goes on from where the ledger says it is.
            node.author = before;
            return node;
        };
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        for (event, result) in events.iter().zip(answer["results"].as_array().unwrap()) {
            let status = result["status"].as_u64().unwrap();
            assert!(status == 201 || status == 200, "{result}");
            let seq = result["receipt"]["seq"].as_u64().unwrap();
            acknowledged.lock().unwrap().insert(seq, event.hash());
        }
    }
}

/// Moves the author to the place the ledger expects: its answer was lost, not the events.
async fn catch_up(client: &reqwest::Client, url: &str, node: &mut Node) {
    let probe = node.note("probe");
    let request = client.post(format!("{url}/api/events")).header("content-type", "application/json");
    let response = request.body(probe.to_canonical()).send().await.unwrap();
    if response.status().is_success() {
        return;
    }
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert!(matches!(problem["code"].as_str(), Some("chain-gap" | "chain-fork")), "{problem}");
    let expected = &problem["expected"];
    let seq = expected["seq"].as_u64().unwrap();
    let epoch = match expected["epoch"].as_str() {
        Some(epoch) => epoch.parse().unwrap(),
        None => node.author.next_link().epoch,
    };
    let prev = Hash::from_hex(expected["prev"].as_str().unwrap()).unwrap();
    node.author.go_to(spec::ChainLink { epoch, prev, seq });
}

#[test]
fn acknowledged_events_survive_kill_minus_nine() {
    let kills: usize = std::env::var("VAULTMESH_KILLS").ok().map_or(20, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let acknowledged = Acknowledged::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = http();
        let mut service = Service::start(&data);
        let token = service.enrolment_token(3);
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Node::enrol(&client, &service, &token).await);
        }
        for kill in 0..kills {
            let tasks: Vec<_> = nodes
                .drain(..)
                .map(|node| {
                    let (client, url) = (client.clone(), service.url.clone());
                    tokio::spawn(load(client, url, node, Arc::clone(&acknowledged)))
                })
                .collect();
            // In the midst of it: so many more have their answer, and the next are on their way.
            let enough = acknowledged.lock().unwrap().len() + 21 + (kill * 37) % 200;
            let since = Instant::now();
            while acknowledged.lock().unwrap().len() < enough {
                assert!(since.elapsed() < PATIENCE, "nothing is acknowledged any more");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            service.kill();
            for task in tasks {
                nodes.push(task.await.unwrap());
            }
            service = Service::start(&data);
            for node in &mut nodes {
                catch_up(&client, &service.url, node).await;
            }
        }
        assert_eq!(service.terminate(), Some(0));
    });
    let report = verify(&data, &[]);
    assert_eq!(report["verdict"], "verified", "{report}");
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > kills * 20, "only {} events were acknowledged", acknowledged.len());
    let mut present = BTreeMap::new();
    for entry in std::fs::read_dir(data.join("log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            for line in
                std::fs::read_to_string(path).unwrap().lines().filter(|l| !l.starts_with("{\"commit\""))
            {
                let record = spec::Record::parse(line).unwrap();
                present.insert(record.entry.position.seq, record.entry.header.event_hash(&record.entry.sig));
            }
        }
    }
    for (seq, hash) in acknowledged.iter() {
        assert_eq!(present.get(seq), Some(hash), "acknowledged entry {seq} is missing");
    }
}

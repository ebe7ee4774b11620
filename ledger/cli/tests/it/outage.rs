//! The service is killed under a fleet at work, and comes back after a while: nothing is lost and nobody is told.

use crate::fleet::{Fleet, by_node, count, entries, status, until};
use crate::support::{Service, json, now, verify};
use spec::Timestamp;

const NODES: usize = 20;

#[test]
fn a_fleet_outlives_a_kill_of_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let (url, token) = (service.url.clone(), service.enrolment_token(20));
    let fleet = Fleet::start(&url, &token, &dir.path().join("fleet"), NODES, 2);
    let beats = || count(&entries(&data), "heartbeat");
    until("three beats of each", || beats() >= 3 * NODES);
    let killed_at = now();
    service.kill();
    std::thread::sleep(std::time::Duration::from_secs(8));
    let back_at = now();
    let service = Service::start_at(url.trim_start_matches("http://"), &data, &[]);
    let before = beats();
    // Each has four in its spool, and makes more.
    until("the fleet is back", || beats() >= before + 8 * NODES);
    assert_eq!(fleet.stop(), 0);

    let entries = entries(&data);
    let nodes = by_node(&entries);
    assert_eq!(nodes.len(), NODES);
    for n in 0..NODES {
        let state = status(&dir.path().join(format!("fleet/{n:05}")));
        let events = &nodes[state["node_id"].as_str().unwrap()];
        let seqs: Vec<u64> = events.iter().map(|event| event["chain"]["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "node {n}");
        // What the end of the fleet cut off may wait; of the outage nothing does.
        let (made, waiting) =
            (state["last_seq"].as_u64().unwrap() + 1, state["spool_depth"].as_u64().unwrap());
        assert!(waiting <= 2 && seqs.len() as u64 + waiting >= made, "node {n}: {} of {state}", seqs.len());
        assert_eq!(state["dropped"], 0);
        let times = events.iter().map(|event| Timestamp::parse(event["ts"].as_str().unwrap()).unwrap());
        let meanwhile = times.filter(|ts| (killed_at..back_at).contains(ts)).count();
        assert!(meanwhile >= 3, "node {n}: {meanwhile} made while the service was away");
    }
    for kind in ["attention", "chain-fork", "chain-gap", "chain-open", "refusal"] {
        assert_eq!(count(&entries, kind), 0, "{kind}");
    }
    let incidents = json(&["incidents", "list", "--data", path, "-o", "json"], 0);
    assert_eq!(incidents["items"], serde_json::json!([]));
    assert_eq!(service.terminate(), Some(0));
    assert_eq!(verify(&data, &[])["verdict"], "verified");
}

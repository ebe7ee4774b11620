//! The service is killed under a fleet at work, and comes back after a while: nothing is lost and nobody is told.
//!
//! Nothing here rests on how quick the machine is: the service stays away until each node has made events that nobody
//! takes, and the fleet ends when events from after the outage have arrived of each.

use crate::fleet::{Fleet, by_node, count, entries, header, status, until};
use crate::support::{Service, json, now, verify};
use serde_json::Value;
use spec::Timestamp;

const NODES: usize = 20;

/// Between two heartbeats of a node.
const INTERVAL_SECS: u64 = 2;

/// Heartbeats that a node makes while the service is away, at least.
const MEANWHILE: u64 = 4;

fn time(event: &Value, member: &str) -> Timestamp {
    Timestamp::parse(event[member].as_str().unwrap()).unwrap()
}

/// The longest that the ledger, while it was there, heard nothing of a node, in milliseconds.
fn longest_silence(entries: &[Value], node: &str, away: (Timestamp, Timestamp)) -> u64 {
    let author = format!("node:{node}");
    let own = entries.iter().filter(|entry| header(entry)["author"] == author.as_str());
    let heard: Vec<Timestamp> = own.map(|entry| time(entry, "recorded_at")).collect();
    let gaps = heard.windows(2).map(|pair| {
        let from = if pair[0] < away.1 && pair[1] > away.0 { pair[0].max(away.1) } else { pair[0] };
        pair[1].millis().saturating_sub(from.millis())
    });
    gaps.max().unwrap_or_default()
}

#[test]
fn a_fleet_outlives_a_kill_of_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let (url, token) = (service.url.clone(), service.enrolment_token(20));
    let fleet = Fleet::start(&url, &token, &dir.path().join("fleet"), NODES, INTERVAL_SECS);
    until("three beats of each", || {
        let entries = entries(&data);
        let nodes = by_node(&entries);
        nodes.len() == NODES && nodes.values().all(|events| events.len() >= 3)
    });
    let spooled = |n: usize| status(&fleet.dir(n))["spool_depth"].as_u64().unwrap();
    let killed_at = now();
    service.kill();
    let mut waiting = 0;
    until("each has more in its spool than it had", || {
        while waiting < NODES && spooled(waiting) > MEANWHILE {
            waiting += 1;
        }
        waiting == NODES
    });
    let back_at = now();
    let service = Service::start_at(url.trim_start_matches("http://"), &data, &[]);
    // A node sends in order: whoever is heard of with what came after has sent all of before.
    until("what was made afterwards is there, of each", || {
        let entries = entries(&data);
        by_node(&entries)
            .values()
            .all(|events| events.last().is_some_and(|event| time(event, "ts") > back_at))
    });
    assert_eq!(fleet.stop(), 0);

    let entries = entries(&data);
    let nodes = by_node(&entries);
    assert_eq!(nodes.len(), NODES);
    for n in 0..NODES {
        let state = status(&dir.path().join(format!("fleet/{n:05}")));
        let events = &nodes[state["node_id"].as_str().unwrap()];
        let seqs: Vec<u64> = events.iter().map(|event| event["chain"]["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "node {n}");
        // What the end of the fleet cut off may wait, and is all that does.
        let (made, waiting) =
            (state["last_seq"].as_u64().unwrap() + 1, state["spool_depth"].as_u64().unwrap());
        assert!(seqs.len() as u64 + waiting >= made, "node {n}: {} of {state}", seqs.len());
        assert_eq!(state["dropped"], 0);
        let times = events.iter().map(|event| time(event, "ts"));
        let meanwhile = times.filter(|ts| (killed_at..back_at).contains(ts)).count();
        assert!(meanwhile as u64 >= MEANWHILE - 1, "node {n}: {meanwhile} made while the service was away");
    }
    for kind in ["chain-fork", "chain-gap", "chain-open", "refusal"] {
        assert_eq!(count(&entries, kind), 0, "{kind}");
    }
    // Nobody is told of the service's own absence. On a machine with too much to do a node may really have been silent,
    // while the service was there, for longer than three of its intervals.
    let really_silent = |entry: &Value| {
        let one = header(entry)["node_id"].as_str();
        // A storm is about the site.
        let mut about = nodes.keys().filter(|node| one.is_none_or(|one| one == node.as_str()));
        about.any(|node| longest_silence(&entries, node, (killed_at, back_at)) > 3 * INTERVAL_SECS * 1000)
    };
    let told: Vec<&Value> = entries.iter().filter(|entry| header(entry)["kind"] == "attention").collect();
    let wrongly: Vec<&&Value> = told.iter().filter(|entry| !really_silent(entry)).collect();
    assert!(wrongly.is_empty(), "{wrongly:?}");
    let incidents = json(&["incidents", "list", "--data", path, "-o", "json"], 0);
    assert!(!told.is_empty() || incidents["items"] == serde_json::json!([]), "{incidents}");
    assert_eq!(service.terminate(), Some(0));
    assert_eq!(verify(&data, &[])["verdict"], "verified");
}

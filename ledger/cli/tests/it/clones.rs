//! Of a hundred nodes five are copied, and both copies work: those five are found, and nobody else is accused.

use crate::fleet::{Fleet, by_node, count, entries, header, status, until};
use crate::support::{Service, json, verify};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const NODES: usize = 100;
const CLONES: usize = 5;

/// Copies a state directory as a backup does, with who may read what.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The nodes that open incidents accuse, all of a fork.
fn accused(path: &str) -> BTreeSet<String> {
    let listed = json(&["incidents", "list", "--data", path, "-o", "json"], 0);
    let of = |incident: &Value| {
        assert_eq!(incident["title"], "chain-fork", "{incident}");
        incident["node_id"].as_str().unwrap().to_owned()
    };
    listed["items"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn copies_are_found_and_nobody_else_is_accused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let token = service.enrolment_token(100);
    let (state, copies) = (dir.path().join("fleet"), dir.path().join("copies"));
    let fleet = Fleet::start(&service.url, &token, &state, NODES, 3);
    until("each has sent something", || by_node(&entries(&data)).len() == NODES);
    let cloned: Vec<_> = (0..CLONES).map(|n| fleet.dir(n * 17)).collect();
    assert_eq!(fleet.stop(), 0);
    let mut expected = BTreeSet::new();
    for (n, dir) in cloned.iter().enumerate() {
        expected.insert(status(dir)["node_id"].as_str().unwrap().to_owned());
        copy(dir, &copies.join(format!("{n:05}")));
    }
    assert_eq!(expected.len(), CLONES);

    let before = entries(&data);
    let fleet = Fleet::start(&service.url, &token, &state, NODES, 3);
    let doubles = Fleet::start(&service.url, &token, &copies, CLONES, 3);
    until("all copies are found", || accused(path) == expected);
    // Whoever is wrongly accused is so by then.
    let beats = count(&entries(&data), "heartbeat");
    until("a few more beats", || count(&entries(&data), "heartbeat") >= beats + 2 * NODES);
    assert_eq!((fleet.stop(), doubles.stop()), (0, 0));
    assert_eq!(accused(path), expected);

    let all = entries(&data);
    let nodes = by_node(&all);
    for (id, events) in &nodes {
        let epochs: BTreeSet<&str> = events.iter().map(|e| e["chain"]["epoch"].as_str().unwrap()).collect();
        assert_eq!(epochs.len() > 1, expected.contains(id), "{id}: {epochs:?}");
        // What was acknowledged stays: in each epoch no place is missing.
        for epoch in epochs {
            let of = events.iter().filter(|event| event["chain"]["epoch"] == epoch);
            let seqs: Vec<u64> = of.map(|event| event["chain"]["seq"].as_u64().unwrap()).collect();
            assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "{id}, {epoch}");
        }
    }
    assert!(all.starts_with(&before));
    let forks = all.iter().filter(|entry| header(entry)["kind"] == "chain-fork").count();
    assert!(forks >= CLONES, "{forks}");
    for refusal in all.iter().filter(|entry| header(entry)["kind"] == "refusal") {
        let author = refusal["payload"]["header"]["author"].as_str().unwrap().trim_start_matches("node:");
        assert!(expected.contains(author), "{refusal}");
    }
    assert_eq!(service.terminate(), Some(0));
    assert_eq!(verify(&data, &[])["verdict"], "verified");
}

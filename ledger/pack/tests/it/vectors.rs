//! `spec/vectors/pack.json`: packed segments with the lines that come back from them.

use crate::segments::{Log, Node, mixed};
use chance::Chance;
use pack::Packed;
use serde_json::{Value, json};
use std::path::PathBuf;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/pack.json")
}

fn hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(2 * bytes.len());
    spec::hash::write_hex(bytes, &mut text);
    String::from_utf8(text).unwrap()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn cases() -> Vec<(&'static str, u64, Vec<u8>, Vec<u8>)> {
    let heartbeats = {
        let mut chance = Chance(21);
        let nodes: Vec<Node> = (0..3).map(|_| Node::new(&mut chance)).collect();
        let mut log = Log::new();
        for n in 0..12 {
            log.heartbeat(&nodes[n % 3], &mut chance);
            if n % 2 == 1 {
                log.commit();
            }
        }
        log
    };
    let odd = mixed(22, 16);
    let without_edge = pack::pack(odd.first, &odd.plain, None).unwrap();
    let line = {
        let mut log = odd.clone();
        log.next_segment();
        let records = "{\"entry\":{\"event\":{\"format\":\"vm-event-envelope-v9\"}}}\n";
        let mut plain = records.as_bytes().to_vec();
        spec::Commit::of(records.as_bytes(), log.first + 1, spec::Hash([9; 32])).write_line(&mut plain);
        let packed = pack::pack(log.first, &plain, Some(&log.edge)).unwrap();
        ("a line that is no record of its place", log.first, plain, packed)
    };
    vec![
        ("heartbeats from the first entry on", 0, heartbeats.plain.clone(), heartbeats.pack()),
        ("everything that may be absent, other or unknown", odd.first, odd.plain.clone(), odd.pack()),
        ("the same without the edge of the tree", odd.first, odd.plain.clone(), without_edge),
        line,
    ]
}

#[test]
fn every_vector_comes_back() {
    let vectors: Value = serde_json::from_slice(&std::fs::read(path()).unwrap()).unwrap();
    let made = cases();
    for (case, (name, ..)) in vectors["segments"].as_array().unwrap().iter().zip(&made) {
        assert_eq!(case["name"], *name);
    }
    for (i, case) in vectors["segments"].as_array().unwrap().iter().enumerate() {
        let packed = Packed::open(from_hex(case["packed"].as_str().unwrap())).unwrap();
        assert_eq!(Value::from(packed.about().first), case["first"]);
        let plain = packed.unpack().unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), case["plain"].as_str().unwrap(), "{}", case["name"]);
        // The bytes of a new file may differ with the library; what comes back from it may not.
        assert_eq!(made[i].2, case["plain"].as_str().unwrap().as_bytes());
    }
}

#[test]
#[ignore = "writes spec/vectors/pack.json"]
fn regenerate_vectors() {
    let segments: Vec<Value> = cases()
        .into_iter()
        .map(|(name, first, plain, packed)| {
            let plain = String::from_utf8(plain).unwrap();
            json!({"name": name, "first": first, "plain": plain, "packed": hex(&packed)})
        })
        .collect();
    let about = "segments: packed segments as Parquet files in hexadecimal, each with the lines that come back from it; \
                 their signatures and keys are made up, as whoever packs checks neither";
    let mut text = serde_json::to_string_pretty(&json!({"about": about, "segments": segments})).unwrap();
    text.push('\n');
    std::fs::File::create(path())
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
}

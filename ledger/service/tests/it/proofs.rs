//! What everyone may see: checkpoint, proofs, proof chain, health, metrics.

use crate::world::World;
use proofs::Checkpoint;
use proofs::tree::{Blake3, verify_consistency, verify_inclusion};
use reqwest::Method;
use serde_json::Value;
use spec::Hash;

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(|h| Hash::from_hex(h.as_str().unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_check_the_ledger() {
    let world = World::start().await;
    let keys = [world.ledger.current_key(spec::KeyUse::Checkpoint)];
    let open = |text: &str| Checkpoint::open(text.as_bytes(), &keys, &[]).unwrap().checkpoint;
    let old = open(&world.get("/ROOT.txt", None).await.text);
    let mut node = world.node("acme").await;
    for i in 0..10 {
        let event = node.note(&format!("{i}"));
        world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    }
    let new = open(&world.get("/api/ledger/checkpoint", None).await.text);
    assert!(new.size > old.size);
    let path = format!("/api/ledger/proof/consistency?old={}&new={}", old.size, new.size);
    let answer = world.get(&path, None).await.json();
    verify_consistency::<Blake3>(old.size, &old.root, new.size, &new.root, &hashes(&answer["proof"]))
        .unwrap();
    for (word, seq) in [("seq", 0), ("index", new.size - 1)] {
        let path = format!("/api/ledger/proof/inclusion?{word}={seq}&size={}", new.size);
        let answer = world.get(&path, None).await.json();
        let leaf = Hash::from_hex(answer["leaf"].as_str().unwrap()).unwrap();
        verify_inclusion::<Blake3>(&leaf, seq, new.size, &hashes(&answer["proof"]), &new.root).unwrap();
    }
    for bad in [
        "inclusion?seq=1000000",
        "inclusion?seq=0&size=1000000",
        "inclusion",
        "inclusion?seq=-1",
        "consistency?old=5&new=4",
        "consistency?old=x",
        "consistency?old=1&surprise=1",
    ] {
        let answer = world.get(&format!("/api/ledger/proof/{bad}"), None).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-query"), "{bad}");
    }
    let about = world.get("/api/ledger", None).await.json();
    assert_eq!(about["ledger"], world.ledger.id().to_hex());
    assert_eq!(about["size"], new.size);
    let authority = world.get("/api/ledger/authority", None).await.json();
    assert_eq!(authority["authority"].as_array().unwrap().len(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_extends_the_proof_chain() {
    let world = World::start().await;
    assert_eq!(world.get("/PROOFCHAIN.json", None).await.status, 404);
    let answer = world.admin(Method::POST, "/api/ledger/seal", None).await;
    assert_eq!(answer.json()["seq"], 1);
    assert_eq!(world.admin(Method::POST, "/api/ledger/seal", None).await.json()["seq"], Value::Null);
    let chain = world.get("/PROOFCHAIN.json", None).await;
    assert_eq!(chain.headers["content-type"], "application/json");
    assert!(proofs::proofchain::ProofChain::parse(chain.text.as_bytes()).is_ok());
    for name in ["0.jsonl", "x", "..%2f..%2fkeys%2fservice.key", "%2e%2e%2fROOT.txt"] {
        let answer = world.get(&format!("/proofchain/{name}"), None).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{name}");
    }
    let token = world.token("acme", "org_owner").await;
    let answer = world.post("/api/ledger/seal", Some(&token), &Value::Null).await;
    assert_eq!(answer.status, 403);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.note("x");
    world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    world.post_bytes("/api/events", "application/json", "{").await;
    world.get("/nowhere", None).await;
    assert_eq!(world.get("/healthz", None).await.text, "ok\n");
    assert_eq!(world.get("/readyz", None).await.text, "ready\n");
    let answer = world.get("/metrics", None).await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text;
    for line in [
        format!("ledger_size {}", world.size()),
        "ledger_queue_depth 0".to_owned(),
        "ledger_poisoned 0".to_owned(),
        "http_requests_total{method=\"POST\",route=\"/api/events\",status=\"201\"} 1".to_owned(),
        "http_requests_total{method=\"POST\",route=\"/api/events\",status=\"400\"} 1".to_owned(),
        "http_requests_total{method=\"any\",route=\"other\",status=\"404\"} 1".to_owned(),
        "ingest_refusals_total{code=\"not-canonical\"} 1".to_owned(),
        "ingest_refusals_total{code=\"chain-fork\"} 0".to_owned(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    for name in [
        "ledger_append_seconds_bucket{le=\"+Inf\"}",
        "ledger_append_seconds_count",
        "process_resident_memory_bytes",
        "ledger_disk_free_bytes",
        "ledger_last_seal_timestamp_seconds",
    ] {
        assert!(text.contains(&format!("\n{name} ")), "{name}");
    }
    // Every sample has a HELP and a TYPE before it.
    let mut known = std::collections::BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(rest) => drop(known.insert(rest.split(' ').next().unwrap())),
            None if line.starts_with('#') => {}
            None => {
                let name = line.split(['{', ' ']).next().unwrap();
                let base =
                    ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
                assert!(known.contains(base) || known.contains(name), "{line}");
            }
        }
    }
    world.app.drain();
    let answer = world.get("/readyz", None).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_downloaded_and_verified() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    for i in 0..20 {
        let event = node.note(&format!("{i}"));
        world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    }
    let auditor = world.token("ledger", "auditor").await;
    let listed = world.get("/api/ledger/segments", Some(&auditor)).await.json();
    assert_eq!(listed["items"][0]["first"], 0);
    let whole = world.get("/api/ledger/segments/0", Some(&auditor)).await;
    assert_eq!(whole.status, 200);
    let stored = std::fs::read(world.dir.path().join("log/00000000000000000000.jsonl")).unwrap();
    assert_eq!(whole.text.as_bytes(), stored);
    assert_eq!(world.get("/api/ledger/segments/7", Some(&auditor)).await.status, 404);
    assert_eq!(world.get("/api/ledger/segments/x", Some(&auditor)).await.status, 400);

    let reader = world.token("acme", "viewer").await;
    let first = world.get("/api/ledger/entries?limit=5", Some(&reader)).await;
    assert_eq!(first.text.lines().count(), 5);
    let link = first.headers["link"].to_str().unwrap();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    let second = world.get(&next, Some(&reader)).await;
    assert_eq!(second.text.lines().count(), 5);
    let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["entry"]["seq"].as_u64().unwrap();
    assert!(seq(first.text.lines().last().unwrap()) < seq(second.text.lines().next().unwrap()));

    let last = seq(second.text.lines().last().unwrap());
    let one = world.get(&format!("/api/ledger/entries/{last}"), Some(&reader)).await;
    assert_eq!(one.text.trim_end(), second.text.lines().last().unwrap());
    assert_eq!(
        world.get("/api/ledger/entries/0", Some(&reader)).await.status,
        404,
        "of the organisation ledger"
    );
    assert_eq!(world.get("/api/ledger/entries/100000", Some(&reader)).await.status, 404);
    let bundle = world.get(&format!("/api/ledger/bundle/{last}"), Some(&reader)).await;
    assert_eq!(bundle.status, 200, "{}", bundle.text);
    let report = ledger::verify::verify_bundle(bundle.text.as_bytes(), &ledger::verify::Options::default());
    assert_eq!(report.verdict, ledger::verify::Verdict::Verified, "{report:#?}");
    world.finish().await;
}

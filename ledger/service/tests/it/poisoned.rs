//! A disk that fails: nothing more is taken, everything else is answered, and nothing is lost.

use crate::between::Between;
use crate::world::World;
use ledger::storage::StorageError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use web::Config;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_write_nothing_more_is_taken() {
    let fail = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&fail);
    let failing = move || {
        let source = std::io::Error::other("input/output error");
        let error = StorageError::Unknown { operation: "sync", name: "log".to_owned(), source };
        if told.load(Ordering::Acquire) { Err(error) } else { Ok(()) }
    };
    let world = World::over(Config::default(), |inner| Between::new(inner, failing)).await;
    let mut node = world.node("acme").await;
    let viewer = world.token("acme", "viewer").await;
    let event = node.note("kept");
    assert_eq!(world.post_bytes("/api/events", "application/json", event.to_canonical()).await.status, 201);
    fail.store(true, Ordering::Release);
    let size = world.size();
    for _ in 0..3 {
        let event = node.note("in doubt");
        let answer = world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "poisoned"));
        assert!(answer.headers.contains_key("retry-after"));
    }
    let answer = world.get("/readyz", None).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "poisoned"));
    assert!(world.get("/metrics", None).await.text.contains("\nledger_poisoned 1\n"));
    assert_eq!(world.get("/healthz", None).await.status, 200);
    assert_eq!(world.size(), size);
    let items = world.get("/api/events?kind=note", Some(&viewer)).await.json();
    assert_eq!(items["items"].as_array().unwrap().len(), 1, "what was acknowledged can be read");
    world.finish().await;
}

//! A disk that fails: nothing more is taken, everything else is answered, and nothing is lost.

use crate::world::World;
use ledger::storage::{BoxFuture, SegmentInfo, Storage, StorageError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use web::Config;

/// Storage whose appends fail once it is told so.
#[derive(Debug)]
struct Failing {
    inner: Arc<dyn Storage>,
    fail: Arc<AtomicBool>,
}

impl Storage for Failing {
    fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentInfo>, StorageError>> {
        self.inner.segments()
    }

    fn append<'a>(
        &'a self,
        segment: u64,
        expected: u64,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        if self.fail.load(Ordering::Acquire) {
            let source = std::io::Error::other("input/output error");
            let error = StorageError::Unknown { operation: "sync", name: "log".to_owned(), source };
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inner.append(segment, expected, bytes)
    }

    fn read(&self, segment: u64, offset: u64, len: usize) -> BoxFuture<'_, Result<Vec<u8>, StorageError>> {
        self.inner.read(segment, offset, len)
    }

    fn cut(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.cut(segment, len)
    }

    fn rewrite_tail(&self, segment: u64, len: u64) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.rewrite_tail(segment, len)
    }

    fn put<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StorageError>> {
        self.inner.put(name, bytes)
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StorageError>> {
        self.inner.get(name)
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, StorageError>> {
        self.inner.list(folder)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_write_nothing_more_is_taken() {
    let fail = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&fail);
    let world = World::over(Config::default(), |inner| Arc::new(Failing { inner, fail: told })).await;
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

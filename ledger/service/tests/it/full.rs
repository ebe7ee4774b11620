//! A disk that is nearly full, and one that is full: nothing more is taken, everything is read, and it shows.

use crate::between::Between;
use crate::world::World;
use ledger::AppendError;
use ledger::clock::SystemClock;
use ledger::durable::RealDisk;
use ledger::index::MemoryRows;
use ledger::keyring::Keyring;
use ledger::open::{self, Options};
use ledger::space::{Room, Space};
use ledger::storage::FsStorage;
use serde_json::json;
use spec::Kind;
use std::sync::{Arc, Mutex};
use web::Config;

const GIB: u64 = 1024 * 1024 * 1024;

fn set(space: &Mutex<Option<Space>>, free: u64) {
    *space.lock().unwrap() = Some(Space { free, size: 100 * GIB });
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_reserve_nothing_is_taken_and_everything_is_read() {
    let space = Arc::new(Mutex::new(None));
    set(&space, 10 * GIB);
    let world = World::over(Config::default(), |inner| Between::on_disk(inner, &space)).await;
    let mut node = world.node("acme").await;
    let token = world.token("acme", "org_owner").await;
    let send = async |event: &spec::Event, path: &str| {
        world.post_bytes(path, "application/json", event.to_canonical()).await
    };
    let (first, next) = (node.note("while there was room"), node.note("and after"));
    assert_eq!(send(&first, "/api/events").await.status, 201);

    set(&space, GIB / 5);
    assert_eq!(world.ledger.look_at_space(), Room::Short);
    let size = world.size();
    for path in ["/api/events", "/api/agent/heartbeat"] {
        let event = if path.ends_with("events") { next.clone() } else { node.clone().heartbeat() };
        let answer = send(&event, path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "disk-full"), "{path}");
        assert_eq!(answer.headers["retry-after"], "30");
    }
    let note = json!({"kind": "note", "payload": {"text": "of a person"}});
    assert_eq!(world.post("/api/events", Some(&token), &note).await.problem(), "disk-full");
    assert_eq!(world.size(), size);
    assert_eq!(send(&first, "/api/events").await.status, 200, "what was recorded is known");
    assert_eq!(world.get("/api/events?kind=note", Some(&token)).await.status, 200);
    assert_eq!(world.get("/readyz", None).await.problem(), "disk-full");
    assert!(world.get("/metrics", None).await.text.contains("\nledger_disk_short 1\n"));
    assert_eq!(world.get("/healthz", None).await.status, 200);
    // The ledger has still room for what it says of itself; then not even that.
    assert!(world.ledger.seal().await.unwrap().is_some());
    set(&space, 0);
    assert_eq!(world.ledger.look_at_space(), Room::Gone);
    let contradiction = world.ledger.append_statement(Kind::WitnessSet, json!({})).await;
    assert_eq!(contradiction, Err(AppendError::NoSpace));
    assert_eq!(world.ledger.seal().await, Ok(None));

    set(&space, 10 * GIB);
    assert_eq!(world.ledger.look_at_space(), Room::Enough);
    assert_eq!(send(&next, "/api/events").await.status, 201, "the same bytes again");
    assert_eq!(world.get("/readyz", None).await.status, 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_opens_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let (data, space) = (service::data::DataDir::new(dir.path()), Arc::new(Mutex::new(None)));
    data.init(&"test.local".parse().unwrap()).await.unwrap();
    let opened = async || {
        let files = FsStorage::new(Arc::new(RealDisk::new(dir.path()).unwrap())).unwrap();
        let storage = Between::on_disk(Arc::new(files), &space);
        let keys = Keyring::load(dir.path()).unwrap();
        let options = Options {
            service_version: Some("0".to_owned()),
            ..Options::new(storage, Arc::new(MemoryRows::default()), keys, Arc::new(SystemClock::default()))
        };
        open::open(options).await
    };
    let close = async |ledger: ledger::Ledger| {
        tokio::task::spawn_blocking(move || ledger.close(true)).await.unwrap();
    };
    set(&space, 0);
    let (ledger, _) = opened().await.unwrap();
    let size = ledger.head().borrow().size;
    assert_eq!(ledger.room(), Room::Gone);
    let last = ledger.reader().record(size - 1).await.unwrap();
    assert!(last.is_some(), "what is there is read");
    assert!(ledger.inclusion(0, size).is_ok());
    close(ledger).await;

    set(&space, 10 * GIB);
    let (ledger, _) = opened().await.unwrap();
    assert!(ledger.head().borrow().size >= size);
    assert!(ledger.seal().await.unwrap().is_some(), "with room again, it goes on");
    close(ledger).await;
}

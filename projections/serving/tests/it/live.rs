//! Folds that follow a ledger, and what its seals say of them.

use crate::entries::{START, heartbeat, name, node};
use ledger::clock::Clock;
use ledger::genesis::Plan;
use ledger::index::MemoryRows;
use ledger::keyring::Keyring;
use ledger::open::{Digests, Options};
use ledger::service::Draft;
use ledger::storage::MemoryStorage;
use ledger::{AppendOptions, Ledger, Outcome};
use proofs::SigningKey;
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use spec::payload::Seal;
use spec::{Author, Kind, Timestamp, Via};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(START)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(crate) async fn start(live: Arc<Live>) -> Ledger {
    let storage = Arc::new(MemoryStorage::default());
    let keys = Keyring::generate().unwrap();
    let recovery = vec![SigningKey::from_seed(&[9; 32])];
    let plan =
        Plan { name: name("test.local"), keys: keys.clone(), recovery, threshold: 1, predecessor: None };
    ledger::open::create(&*storage, &plan, FixedClock.now()).await.unwrap();
    let options = Options {
        digests: Some(live),
        ..Options::new(storage, Arc::new(MemoryRows::default()), keys, Arc::new(FixedClock))
    };
    ledger::open::open(options).await.unwrap().0
}

pub(crate) async fn beat(ledger: &Ledger, id: u16) {
    beats(ledger, id..id + 1).await;
}

/// Heartbeats of some nodes, in one group.
pub(crate) async fn beats(ledger: &Ledger, ids: Range<u16>) {
    let events: Vec<_> = ids.map(|id| ledger.sign(&draft(id)).unwrap()).collect();
    let appended = ledger.append_own(events, AppendOptions::default()).await.unwrap();
    assert!(appended.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Recorded(_))));
}

fn draft(id: u16) -> Draft {
    Draft {
        author: Author::Import(name("old")),
        via: Via { method: name("import"), subject: Some(name("old")) },
        kind: Kind::Heartbeat,
        org: name("acme"),
        tenant: None,
        node_id: Some(node(id)),
        severity: None,
        ts: None,
        id: None,
        payload: heartbeat(id, 0, serde_json::json!({})),
    }
}

pub(crate) async fn seal(ledger: &Ledger) -> Seal {
    let seq = ledger.seal().await.unwrap().unwrap();
    let record = ledger.reader().record(seq).await.unwrap().unwrap();
    serde_json::from_str(&record.payload.unwrap().json).unwrap()
}

#[tokio::test]
async fn folds_follow_the_head_and_seals_say_what_they_were() {
    let live = Live::new();
    let ledger = start(Arc::clone(&live)).await;
    let (reader, head) = (ledger.reader().clone(), ledger.head());
    let (follower, mut size) = (Arc::clone(&live), live.size());
    let ladder = Ladder::open(&reader, Spacing::default()).unwrap();
    let following = tokio::spawn(async move { follower.follow(reader, &ladder, head, &|| {}).await });

    for id in 0..3 {
        beat(&ledger, id).await;
    }
    size.wait_for(|size| *size == 4).await.unwrap();
    assert_eq!(live.with(|folds| folds.fleet().nodes(&name("acme")).count()), 3);
    let expected = live.with(projections::Projections::digests);
    assert_eq!(live.digests(4), expected);

    let first = seal(&ledger).await;
    assert_eq!(first.advisory, expected);
    size.wait_for(|size| *size == 5).await.unwrap();
    // Asked about a size they have not reached, they answer with the seal before.
    assert_eq!(live.digests(9), expected);

    beat(&ledger, 7).await;
    size.wait_for(|size| *size == 6).await.unwrap();
    let second = seal(&ledger).await;
    assert_eq!(second.advisory["fleet"].size, 6);
    assert_ne!(second.advisory["fleet"].digest, first.advisory["fleet"].digest);

    // Another follower, from the start, arrives at the same.
    let again = Live::new();
    let newcomer = Arc::clone(&again);
    let (reader, head) = (ledger.reader().clone(), ledger.head());
    let ladder = Ladder::open(&reader, Spacing::default()).unwrap();
    let second_follower = tokio::spawn(async move { newcomer.follow(reader, &ladder, head, &|| {}).await });
    again.size().wait_for(|size| *size == 7).await.unwrap();
    assert_eq!(again.digests(9), second.advisory);
    assert_eq!(
        again.with(projections::Projections::digests)["fleet"].digest,
        second.advisory["fleet"].digest
    );

    ledger.close(false);
    drop(ledger);
    following.await.unwrap().unwrap();
    second_follower.await.unwrap().unwrap();
}

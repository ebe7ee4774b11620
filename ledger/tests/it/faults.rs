//! Every operation of the disk fails once, at every point of a run, in every form: what was acknowledged is
//! there after an open, and what was not was said to be unknown, never silently lost or written twice.

use crate::sim_disk::{Form, SimDisk};
use crate::support::{
    Node, Place, TestRows, append, check_whole, codes, enrol, introduction, random, recorded, run, token,
};
use ledger::admission::Code;
use ledger::clock::ClockError;
use ledger::open::{OpenError, open};
use ledger::{AppendError, AppendOptions, Ledger, Outcome};
use serde_json::json;
use spec::{Author, Event, Hash, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a run knows of itself when it ends.
#[derive(Default)]
struct Diary {
    acknowledged: BTreeMap<Hash, u64>,
    sent: Vec<Event>,
    /// The error after which nothing may be acknowledged.
    stopped: Option<AppendError>,
}

impl Diary {
    async fn send(&mut self, ledger: &Ledger, events: Vec<Event>) {
        self.sent.extend(events.clone());
        match ledger.append(events.clone(), AppendOptions { inclusion: true, urgent: false }).await {
            Ok(appended) => {
                assert_eq!(self.stopped, None, "acknowledged after the ledger stopped");
                for (event, outcome) in events.iter().zip(&appended.outcomes) {
                    if let Outcome::Recorded(receipt) = outcome {
                        self.acknowledged.insert(event.hash(), receipt.seq);
                    }
                }
            }
            Err(error) => self.stop(error),
        }
    }

    fn stop(&mut self, error: AppendError) {
        assert!(matches!(error, AppendError::Poisoned(_)), "{error}");
        self.stopped.get_or_insert(error);
    }
}

/// Opens, enrols, appends over several segments, seals, closes. Errors end it where they must.
async fn script(place: &Place) -> Diary {
    let mut diary = Diary::default();
    let Ok((ledger, _)) = place.try_open().await else { return diary };
    let mut node = Node { ..crate::support::unenrolled(place, &ledger, "acme") };
    let secret: [u8; 32] = random();
    let event = introduction(&ledger, "acme", &Author::Node(node.id), &node.key, &secret);
    (node.introduction, node.head) = (event.hash(), event.hash());
    diary.send(&ledger, vec![token(&ledger, "acme", &secret, 1), event]).await;
    for round in 0..6 {
        let mut batch: Vec<Event> = (0..=round % 3).map(|_| node.note(&"x".repeat(1500))).collect();
        if round == 2 {
            let bad = node.craft(Kind::Note, &json!({"words": 1}), |_| ());
            node.advance(&bad);
            batch.push(bad);
        }
        diary.send(&ledger, batch).await;
        if round == 3
            && let Err(error) = ledger.seal().await
        {
            diary.stop(error);
        }
        // Time for ROOT.txt, which is written on the side.
        if round % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    if diary.stopped.is_some() {
        assert!(ledger.poisoned().is_some());
        let late = append(&ledger, vec![node.note("late")]).await;
        assert!(matches!(late, Err(AppendError::Poisoned(_))), "{late:?}");
        assert!(matches!(ledger.seal().await, Err(AppendError::Poisoned(_))));
    }
    ledger.close(true);
    diary
}

/// Everything in the log, by event hash.
fn there(place: &Place) -> BTreeMap<Hash, u64> {
    let records = place.records();
    let all: Vec<Hash> = records.iter().map(|r| r.entry.header.event_hash(&r.entry.sig)).collect();
    let by_hash: BTreeMap<Hash, u64> = all.iter().copied().zip(0..).collect();
    assert_eq!(by_hash.len(), all.len(), "an event stands in the log twice");
    by_hash
}

fn check_after(place: &Place, diary: &Diary) {
    let ledger = run(place.open());
    run(async {
        let found = there(place);
        for (hash, seq) in &diary.acknowledged {
            assert_eq!(found.get(hash), Some(seq), "an acknowledged event");
        }
        // The author sends everything again: known or new, never twice.
        for event in &diary.sent {
            let code = codes(&append(&ledger, vec![event.clone()]).await.unwrap())[0];
            if diary.acknowledged.contains_key(&event.hash()) {
                assert_eq!(code, "again");
            } else {
                assert!(["ok", "again", Code::BadPayload.as_str()].contains(&code), "{code}");
            }
        }
    });
    ledger.close(true);
    there(place);
    check_whole(place);
}

fn every_point(form: Form) {
    let base = SimDisk::new();
    run(Place::simulated(&base).create());
    let clean = SimDisk::of(base.image());
    let before = clean.operations();
    let diary = run(script(&Place::simulated(&clean)));
    assert_eq!(diary.stopped, None);
    check_after(&Place::simulated(&clean).without_index(), &diary);
    let operations = clean.operations() - before;
    assert!(operations > 60, "{operations}");
    let (mut failed, mut stopped) = (BTreeMap::<&str, u64>::new(), 0);
    for n in 0..operations {
        let disk = SimDisk::of(base.image());
        let place = Place::simulated(&disk);
        disk.fail_after(n, form);
        println!("{form:?} at {n}");
        let diary = run(script(&place));
        if let Some(name) = disk.heal() {
            *failed.entry(name).or_default() += 1;
        }
        stopped += u64::from(diary.stopped.is_some());
        // The process starts again, or the machine does.
        let place = Place::simulated(&disk);
        if n % 2 == 0 {
            check_after(&place, &diary);
        } else {
            let disk = disk.power_cut(&mut chance::Chance(n));
            check_after(&Place::simulated(&disk), &diary);
        }
    }
    for name in ["write", "sync", "sync_dir", "rename"] {
        assert!(form == Form::Half || failed.contains_key(name), "{name} never failed: {failed:?}");
    }
    assert!(failed.contains_key("write") && stopped > 20, "{failed:?}, {stopped} stops");
}

#[test]
fn failing_without_effect() {
    every_point(Form::NotDone);
}

#[test]
fn failing_after_the_effect() {
    every_point(Form::Done);
}

#[test]
fn failing_half_way_for_lack_of_space() {
    every_point(Form::Half);
}

#[test]
fn everyone_in_flight_learns_of_the_failure() {
    run(async {
        let disk = SimDisk::new();
        let place = Place::simulated(&disk);
        let ledger = place.start().await;
        let mut nodes = Vec::new();
        for _ in 0..20 {
            nodes.push(enrol(&place, &ledger, "acme").await);
        }
        let size = ledger.head().borrow().size;
        // ROOT.txt is written on the side; what fails is the log's.
        disk.fail_at_sync_of(".jsonl");
        let mut waiting: Vec<_> =
            nodes.iter_mut().map(|node| Box::pin(append(&ledger, node.notes(2)))).collect();
        let mut results = Vec::new();
        std::future::poll_fn(|context| {
            waiting.retain_mut(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(result) => {
                    results.push(result);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        assert_eq!(results.len(), 20);
        assert!(results.iter().all(|r| matches!(r, Err(AppendError::Poisoned(_)))));
        assert_eq!(disk.heal(), Some("sync"));
        assert_eq!(ledger.head().borrow().size, size, "nothing is published that is not durable");
        assert!(matches!(ledger.seal().await, Err(AppendError::Poisoned(_))));
        ledger.close(true);
        // The page cache still shows the group; an open makes it durable before it signs.
        let place = Place::simulated(&disk);
        place.open().await.close(false);
        let size = check_whole(&place).size;
        let after = disk.power_cut(&mut chance::Chance(1));
        assert_eq!(check_whole(&Place::simulated(&after)).size, size);
    });
}

#[test]
fn a_seal_or_stop_that_fails_does_not_hang_the_close() {
    for n in 0..24 {
        let disk = SimDisk::new();
        let place = Place::simulated(&disk);
        let ledger = run(place.start());
        let mut node = run(enrol(&place, &ledger, "acme"));
        run(recorded(&ledger, node.note("x")));
        let options = AppendOptions::default();
        disk.fail_after(n, Form::NotDone);
        let (sender, receiver) = std::sync::mpsc::channel();
        let closing = ledger.clone();
        let caller = std::thread::spawn({
            let ledger = ledger.clone();
            let events = node.notes(3);
            move || drop(run(ledger.append(events, options)))
        });
        std::thread::spawn(move || {
            closing.close(true);
            sender.send(()).unwrap();
        });
        receiver.recv_timeout(Duration::from_mins(1)).expect("close hangs");
        caller.join().unwrap();
        disk.heal();
        let place = Place::simulated(&disk);
        run(place.open()).close(true);
        check_whole(&place);
    }
}

#[test]
fn an_index_that_fails_costs_speed_only() {
    run(async {
        let rows = Arc::new(TestRows::default());
        let place = Place::memory().with_rows(rows.clone());
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        let first = node.note("first");
        recorded(&ledger, first.clone()).await;
        // Writes fail for a while, in the middle.
        rows.writes_fail.store(true, Ordering::SeqCst);
        let lost = node.notes(5);
        for event in &lost {
            recorded(&ledger, event.clone()).await;
        }
        while rows.failed_writes.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        rows.writes_fail.store(false, Ordering::SeqCst);
        let later = node.notes(5);
        for event in &later {
            recorded(&ledger, event.clone()).await;
        }
        // Reads fail as well: what is in the log is found in the log.
        rows.reads_fail.store(true, Ordering::SeqCst);
        for event in lost.iter().chain(&later).chain([&first]) {
            assert!(recorded(&ledger, event.clone()).await.duplicate);
        }
        rows.reads_fail.store(false, Ordering::SeqCst);
        ledger.close(true);
        check_whole(&place);
        // The next open fills the gap: every entry is found by its terms again.
        let ledger = place.open().await;
        let size = ledger.head().borrow().size;
        let query = ledger::reader::Query {
            kinds: vec![Kind::Note],
            to: size,
            limit: 100,
            ..ledger::reader::Query::default()
        };
        assert_eq!(ledger.reader().query(&query).await.unwrap().records.len(), 11);
        ledger.close(true);
        check_whole(&place);
    });
}

#[test]
fn a_clock_that_jumps_stops_the_ledger_aloud() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        let first = recorded(&ledger, node.note("first")).await;
        // A little back: the last entry's time is recorded again.
        place.clock.set(crate::support::START - 60_000);
        let clamped = recorded(&ledger, node.note("clamped")).await;
        assert_eq!(clamped.recorded_at, first.recorded_at);
        place.clock.set(crate::support::START + 61_000);
        let ahead = append(&ledger, vec![node.note("ahead")]).await;
        assert!(matches!(ahead, Err(AppendError::Poisoned(_))), "{ahead:?}");
        ledger.close(true);
        check_whole(&place);
        // Set right and opened again, it goes on; far behind the last entry it does not.
        let ledger = place.open().await;
        let mut other = enrol(&place, &ledger, "acme").await;
        recorded(&ledger, other.note("later")).await;
        ledger.close(true);
        place.clock.set(crate::support::START - 300_000);
        let behind = open(place.options()).await.map(drop);
        assert!(matches!(behind, Err(OpenError::Clock(ClockError::Behind { .. }))), "{behind:?}");
        check_whole(&place);
    });
}

//! Many callers at once.

use crate::support::{
    Node, Place, all_recorded, append, check_receipts, check_whole, enrol, key, recorded, run,
};
use ledger::intake::MAX_QUEUED_EVENTS;
use ledger::{AppendError, AppendOptions, Ledger};
use spec::{Event, Kind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn nodes(place: &Place, ledger: &Ledger, count: usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    for i in 0..count {
        nodes.push(enrol(place, ledger, if i % 2 == 0 { "acme" } else { "other" }).await);
    }
    nodes
}

#[test]
fn sixty_four_authors_at_once() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let tasks: Vec<_> = nodes(&place, &ledger, 64)
            .await
            .into_iter()
            .enumerate()
            .map(|(i, mut node)| {
                let ledger = ledger.clone();
                async move {
                    let mut last = 0;
                    for round in 0..6 {
                        let events = node.notes(if (i + round) % 3 == 0 { 1 } else { 7 });
                        let appended = append(&ledger, events.clone()).await.unwrap();
                        check_receipts(&[key(230).public()], &events, &appended);
                        for receipt in all_recorded(&appended) {
                            assert!(receipt.seq > last, "the entries of a chain stand in its order");
                            last = receipt.seq;
                        }
                    }
                }
            })
            .collect();
        join(tasks).await;
        assert_eq!(ledger.queue_depth(), 0);
        ledger.close(true);
        check_whole(&place);
    });
}

/// Runs all futures to their ends on this thread.
async fn join(futures: Vec<impl Future<Output = ()>>) {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[test]
fn a_full_queue_leaves_nothing_written() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        let before = ledger.head().borrow().size;
        let event = node.note("one");
        // Copies of one event: as many as fill the queue, of which one is recorded.
        let copies = vec![event.clone(); MAX_QUEUED_EVENTS];
        let filling = ledger.append(copies, AppendOptions::default());
        let mut filling = Box::pin(filling);
        assert!(futures_pending(&mut filling).await);
        let late = node.note("late");
        let refused = append(&ledger, vec![late.clone()]).await;
        assert_eq!(refused.unwrap_err(), AppendError::Full);
        let filled = filling.await.unwrap();
        assert_eq!(filled.outcomes.len(), MAX_QUEUED_EVENTS);
        assert_eq!(ledger.head().borrow().size, before + 1);
        assert_eq!(ledger.queue_depth(), 0);
        // The same bytes again, later.
        assert_eq!(recorded(&ledger, late).await.seq, before + 1);
        ledger.close(false);
        check_whole(&place);
    });
}

async fn futures_pending<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

/// How long something that ends may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Fails the test, rather than hanging it, if closing does not end.
fn in_time(what: &str, act: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        act();
        sender.send(()).unwrap();
    });
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{what} did not end"));
}

#[test]
fn closing_under_load_answers_everyone() {
    for round in 0..12u64 {
        let place = Place::memory();
        let (ledger, authors) = run(async {
            let ledger = place.start().await;
            let authors = nodes(&place, &ledger, 8).await;
            (ledger, authors)
        });
        let done: Arc<Mutex<Vec<Event>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = authors
            .into_iter()
            .map(|mut node| {
                let (ledger, done, stop) = (ledger.clone(), Arc::clone(&done), Arc::clone(&stop));
                let answered = Arc::clone(&answered);
                std::thread::spawn(move || {
                    run(async {
                        while !stop.load(Ordering::SeqCst) {
                            let events = node.notes(3);
                            match append(&ledger, events.clone()).await {
                                Ok(appended) => {
                                    all_recorded(&appended);
                                    done.lock().unwrap().extend(events);
                                }
                                Err(error) => {
                                    assert_eq!(error, AppendError::Closed);
                                    return;
                                }
                            }
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                })
            })
            .collect();
        while answered.load(Ordering::SeqCst) < 20 + round * 3 {
            std::thread::yield_now();
        }
        let closing = ledger.clone();
        in_time("close", move || closing.close(true));
        stop.store(true, Ordering::SeqCst);
        for thread in threads {
            in_time("a caller", move || thread.join().unwrap());
        }
        run(async {
            assert_eq!(ledger.seal().await, Err(AppendError::Closed));
            let closed = append(&ledger, Vec::new()).await.unwrap_err();
            assert_eq!(closed, AppendError::Closed);
        });
        let there: Vec<_> = place.records().iter().map(|r| r.entry.header.event_hash(&r.entry.sig)).collect();
        assert!(done.lock().unwrap().iter().all(|event| there.contains(&event.hash())));
        ledger.close(true);
        check_whole(&place);
    }
}

#[test]
fn dropping_the_last_clone_stops_the_ledger() {
    let place = Place::memory();
    let other = place.clone();
    in_time("dropping", move || {
        run(async {
            let ledger = other.start().await;
            let mut node = enrol(&other, &ledger, "acme").await;
            recorded(&ledger, node.note("kept")).await;
        });
    });
    let ledger = run(place.open());
    assert_eq!(ledger.head().borrow().size, 4);
    ledger.close(false);
    check_whole(&place);
}

#[test]
fn seals_are_due_under_load_too() {
    run(async {
        let place = Place::memory();
        place.create().await;
        let options =
            ledger::open::Options { seal_every: Some(Duration::from_millis(20)), ..place.options() };
        let (ledger, _) = ledger::open::open(options).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = nodes(&place, &ledger, 6)
            .await
            .into_iter()
            .map(|mut node| {
                let (ledger, stop) = (ledger.clone(), Arc::clone(&stop));
                std::thread::spawn(move || {
                    run(async {
                        while !stop.load(Ordering::SeqCst) {
                            all_recorded(&append(&ledger, node.notes(5)).await.unwrap());
                        }
                    });
                })
            })
            .collect();
        // However long it takes: they come while there is load, and without an end of it.
        let seals = || {
            place.get("PROOFCHAIN.json").map_or(0, |rows| {
                serde_json::from_slice::<serde_json::Value>(&rows).unwrap()["seals"]
                    .as_array()
                    .map_or(0, Vec::len)
            })
        };
        while seals() < 5 {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
        ledger.close(false);
        let seals = place.records().iter().filter(|r| r.entry.header.kind == Kind::Seal).count();
        assert!(seals >= 5, "{seals} seals");
        check_whole(&place);
    });
}

#[test]
fn batches_larger_than_a_group() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        let events = node.notes(spec::limits::MAX_GROUP_ENTRIES + 100);
        let appended = append(&ledger, events.clone()).await.unwrap();
        check_receipts(&[key(230).public()], &events, &appended);
        let seqs: Vec<u64> = all_recorded(&appended).iter().map(|r| r.seq).collect();
        assert!(seqs.is_sorted_by(|a, b| a + 1 == *b));
        // Large events: a group holds few of them.
        let kind: Kind = "x-large".parse().unwrap();
        let body = "x".repeat(1024 * 1024 - 20);
        let events: Vec<Event> =
            (0..12).map(|_| node.event(kind.clone(), &serde_json::json!({ "body": body }))).collect();
        let appended = append(&ledger, events.clone()).await.unwrap();
        check_receipts(&[key(230).public()], &events, &appended);
        ledger.close(true);
        check_whole(&place);
    });
}

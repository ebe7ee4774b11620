//! The way into the ledger: a bounded queue, stateless checks on all cores, then the sequencer.
//!
//! Signatures of events from many callers are checked in one batch. What depends on the position is left
//! to the sequencer.

use crate::admission::{Code, ENTRY_AROUND_EVENT, Refused, alone};
use crate::inlets::Inlets;
use crate::stopped::{StopReason, Stopped};
use proofs::signature::{self, Item};
use spec::entry::Lane;
use spec::event::{Payload, SIGNING_CONTEXT};
use spec::limits::MAX_ENTRY_BYTES;
use spec::{Domain, Event, Hash, Header, PublicKey, Signature, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Most events between a caller's append and its answer, over all callers.
pub const MAX_QUEUED_EVENTS: usize = 65_536;

/// Most bytes of those events: half a second of the fastest disk, or eight groups.
pub const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;

/// Most urgent events on their way: every node of a large fleet at once.
pub const MAX_URGENT_EVENTS: usize = 16_384;

/// Most bytes of those events.
pub const MAX_URGENT_BYTES: usize = 32 * 1024 * 1024;

/// From how many waiting events on a second worker joins in.
const MIN_SECOND_BATCH: usize = 64;

/// Most events whose signatures are checked in one batch: beyond it the gain is small, the wait is not.
const MAX_BATCH: usize = 1024;

/// A caller's wishes about an append.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppendOptions {
    /// Whether receipts carry inclusion proofs.
    pub inclusion: bool,
    /// Whether it goes ahead of what is not urgent, on a way of its own: for the little that must not wait.
    pub urgent: bool,
}

/// The cost of what is about to be recorded of one key's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// The key, by which they are truly signed.
    pub key: PublicKey,
    /// How many.
    pub events: usize,
    /// Bytes of them.
    pub bytes: usize,
}

/// A meter, asked before events are put in order, once their signatures are known to hold.
pub trait Meter: std::fmt::Debug + Send + Sync {
    /// Takes what they cost; all of it, or nothing.
    ///
    /// # Errors
    /// Somebody has spent all they may.
    fn settle(&self, spent: &[Spent]) -> Result<(), TooMuch>;
}

/// A refusal of somebody who has spent all they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much {whose}; wait {wait_secs} seconds")]
pub struct TooMuch {
    /// Whose it is, in words.
    pub whose: &'static str,
    /// When there will be something again, in seconds.
    pub wait_secs: u64,
}

/// The place of an event in the ledger, and the proof that it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Seq of its entry.
    pub seq: u64,
    /// The entry's `prev`.
    pub prev: Hash,
    /// The entry's lane.
    pub lane: Lane,
    /// The entry's `recorded_at`.
    pub recorded_at: Timestamp,
    /// The event's hash.
    pub event_hash: Hash,
    /// The entry's leaf. A caller computes it from its own event and does not trust this one.
    pub leaf: Hash,
    /// Whether the event was in the ledger before.
    pub duplicate: bool,
    /// Inclusion path to the answer's checkpoint, if asked for.
    pub inclusion: Vec<Hash>,
}

/// The fate of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the ledger, durable and provable.
    Recorded(Receipt),
    /// It is not; `recorded` is the seq of the entry that says so, if one does.
    Refused {
        /// Why.
        refused: Refused,
        /// Seq of the refusal or fork entry.
        recorded: Option<u64>,
    },
}

impl Outcome {
    /// The receipt, if the event is in the ledger.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Recorded(receipt) => Some(receipt),
            Self::Refused { .. } => None,
        }
    }

    pub(crate) fn receipt_mut(&mut self) -> Option<&mut Receipt> {
        match self {
            Self::Recorded(receipt) => Some(receipt),
            Self::Refused { .. } => None,
        }
    }
}

/// The answer to an append.
#[derive(Debug, Clone)]
pub struct Appended {
    /// One per event, in order.
    pub outcomes: Vec<Outcome>,
    /// A signed checkpoint that covers all of them.
    pub checkpoint: Arc<str>,
    /// Its size.
    pub size: u64,
}

impl Appended {
    /// Names the last entry that is acknowledged in the span of whoever asked, if it has a place for its `seq`.
    pub fn trace(&self) {
        if let Some(receipt) = self.outcomes.iter().rev().find_map(Outcome::receipt) {
            tracing::Span::current().record("seq", receipt.seq);
        }
    }
}

/// The reason why an append was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue is full. Nothing was written; send the same bytes again later.
    #[error("the ledger's queue is full; retry after a second")]
    Full,
    /// Somebody has spent all they may. Nothing was written; send the same bytes again later.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// The disk is nearly full. Nothing was written; send the same bytes again when there is room.
    #[error("the disk is nearly full: nothing more is taken until there is room")]
    NoSpace,
    /// A write failed: whether the events are in the log is not known. The ledger must be opened anew.
    #[error("the ledger stopped; what was in flight is unknown until it is reopened")]
    Poisoned(#[source] Stopped),
    /// The ledger was closed. Nothing was written.
    #[error("the ledger is closed")]
    Closed,
    /// A statement of the ledger's own is not admissible. Nothing was written.
    #[error("the statement is not admissible: {code}: {detail}", code = .0, detail = .0.detail())]
    Refused(Code),
}

impl AppendError {
    /// Whoever should have answered has died: what it did is not known.
    pub(crate) fn unanswered() -> Self {
        Self::Poisoned(StopReason::Unanswered.into())
    }
}

/// An event with everything known that does not depend on its position.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) header: Header,
    pub(crate) sig: Signature,
    pub(crate) payload: Payload,
    /// J(header + sig): what the entry contains.
    pub(crate) event: Vec<u8>,
    /// The part of `event` without which it is J(header).
    sig_at: Range<usize>,
    pub(crate) event_hash: Hash,
    pub(crate) identity: Hash,
    pub(crate) flaw: Option<Code>,
    pub(crate) amiss: Option<Code>,
}

impl Prepared {
    /// Everything but the check of the signature, which the caller makes or has made.
    pub(crate) fn new(event: Event) -> Self {
        let Event { header, sig, payload } = event;
        let mut event = Vec::with_capacity(1024);
        let sig_at = header.write_signed(&sig, &mut event);
        let flaw = if event.len() + ENTRY_AROUND_EVENT > MAX_ENTRY_BYTES {
            Some(Code::TooLarge)
        } else if header.kind.check_payload(header.payload_version, &payload.json).is_err() {
            Some(Code::BadPayload)
        } else {
            None
        };
        // In version 1 of the rules nobody looks, and what is amiss is refused here all the same.
        let amiss = if flaw.is_none() { alone::amiss(&header, &payload.json) } else { None };
        let identity = header.identity();
        let mut prepared =
            Self { header, sig, payload, event, sig_at, event_hash: Hash::ZERO, identity, flaw, amiss };
        let [before, after] = prepared.header_bytes();
        prepared.event_hash = Hash::of(Domain::Event, &[before, after, &prepared.sig.0]);
        prepared
    }

    /// J(header), in two parts.
    fn header_bytes(&self) -> [&[u8]; 2] {
        let Range { start, end } = self.sig_at;
        [self.event.get(..start), self.event.get(end..)].map(Option::unwrap_or_default)
    }

    /// Appends what was signed, and says where it stands in `out`.
    fn write_message(&self, out: &mut Vec<u8>) -> Range<usize> {
        let from = out.len();
        out.extend_from_slice(SIGNING_CONTEXT);
        self.header_bytes().into_iter().for_each(|part| out.extend_from_slice(part));
        from..out.len()
    }

    /// Bytes it takes in a group, at most.
    pub(crate) fn room(&self) -> usize {
        self.event.len() + self.payload.json.len() + ENTRY_AROUND_EVENT
    }
}

/// A caller's events on their way.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) events: Vec<Prepared>,
    pub(crate) options: AppendOptions,
    pub(crate) reply: oneshot::Sender<Result<Appended, AppendError>>,
    pub(crate) ticket: Ticket,
}

#[cfg(test)]
impl Submission {
    /// Nothing, for whoever is interested in the way alone.
    pub(crate) fn empty(options: AppendOptions) -> Self {
        let ticket = Ticket { gauge: Gauge::new(0, 0), events: 0, bytes: 0 };
        Self { events: Vec::new(), options, reply: oneshot::channel().0, ticket }
    }
}

/// Room taken in the queue; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    gauge: Arc<Gauge>,
    events: usize,
    bytes: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gauge.events.fetch_sub(self.events, Ordering::AcqRel);
        self.gauge.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// How full the queue is.
#[derive(Debug)]
pub(crate) struct Gauge {
    events: AtomicUsize,
    bytes: AtomicUsize,
    most_events: usize,
    most_bytes: usize,
}

impl Gauge {
    fn new(most_events: usize, most_bytes: usize) -> Arc<Self> {
        let (events, bytes) = Default::default();
        Arc::new(Self { events, bytes, most_events, most_bytes })
    }

    fn take(self: &Arc<Self>, events: usize, bytes: usize) -> Option<Ticket> {
        let queued_events = self.events.fetch_add(events, Ordering::AcqRel);
        let queued_bytes = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let ticket = Ticket { gauge: Arc::clone(self), events, bytes };
        // A single large submission is let in while nothing waits, or it never would be.
        let fits = queued_events + events <= self.most_events && queued_bytes + bytes <= self.most_bytes;
        (fits || queued_events == 0).then_some(ticket)
    }
}

#[derive(Debug)]
struct Raw {
    events: Vec<Event>,
    signer: Signer,
    options: AppendOptions,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
    ticket: Ticket,
}

/// Who has signed the events of a caller.
#[derive(Debug, Clone)]
pub(crate) enum Signer {
    /// This process, just now.
    Own,
    /// Their authors, as far as that holds; somebody may want to be paid for it.
    Authors(Option<Arc<dyn Meter>>),
}

/// The ways into the ledger. What is urgent has one of its own, with a worker that does nothing else: whatever fills the
/// other, it does not wait.
#[derive(Debug)]
pub(crate) struct Intake {
    plain: Way,
    urgent: Way,
    workers: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// A queue, and how full it is.
#[derive(Debug)]
struct Way {
    gauge: Arc<Gauge>,
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Line>,
    arrived: Condvar,
    closed: AtomicBool,
}

/// What waits, and how many workers have taken something.
#[derive(Debug, Default)]
struct Line {
    submissions: VecDeque<Raw>,
    events: usize,
    busy: usize,
}

impl Line {
    /// Whether a worker should take what waits. While another one is at work a few events had better wait
    /// for company: a signature in a batch of 64 costs a third of one alone.
    fn is_worth_taking(&self) -> bool {
        !self.submissions.is_empty() && (self.busy == 0 || self.events >= MIN_SECOND_BATCH)
    }
}

impl Intake {
    /// Starts one worker a core, and one for what is urgent.
    pub(crate) fn start(to: &Inlets) -> std::io::Result<Self> {
        let plain = Way::new(MAX_QUEUED_EVENTS, MAX_QUEUED_BYTES);
        let urgent = Way::new(MAX_URGENT_EVENTS, MAX_URGENT_BYTES);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut workers = Vec::with_capacity(cores + 1);
        for i in 0..cores {
            workers.push(worker(format!("verify-{i}"), &plain.queue, &to.plain)?);
        }
        workers.push(worker("verify-urgent".to_owned(), &urgent.queue, &to.urgent)?);
        Ok(Self { plain, urgent, workers: Mutex::new(workers) })
    }

    /// Queues events; those this process has signed are not checked again.
    pub(crate) async fn append(
        &self,
        events: Vec<Event>,
        signer: Signer,
        options: AppendOptions,
    ) -> Result<Appended, AppendError> {
        let way = if options.urgent { &self.urgent } else { &self.plain };
        let bytes = events.iter().map(|e| e.payload.json.len() + 1024).sum();
        let ticket = way.gauge.take(events.len(), bytes).ok_or(AppendError::Full)?;
        let (reply, answer) = oneshot::channel();
        way.queue.push(Raw { events, signer, options, reply, ticket }).ok_or(AppendError::Closed)?;
        let appended = answer.await.map_err(|_| AppendError::unanswered())??;
        appended.trace();
        Ok(appended)
    }

    /// Events that wait.
    pub(crate) fn depth(&self) -> usize {
        [&self.plain, &self.urgent].map(|way| way.gauge.events.load(Ordering::Acquire)).iter().sum()
    }

    /// Refuses new events and waits until those queued have gone to the sequencer.
    pub(crate) fn close(&self) {
        for way in [&self.plain, &self.urgent] {
            way.queue.close();
        }
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if worker.join().is_err() {
                tracing::error!("a verification worker panicked");
            }
        }
    }
}

impl Way {
    fn new(most_events: usize, most_bytes: usize) -> Self {
        Self { gauge: Gauge::new(most_events, most_bytes), queue: Arc::default() }
    }
}

fn worker(
    name: String,
    queue: &Arc<Queue>,
    to: &mpsc::UnboundedSender<Submission>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let (queue, to) = (Arc::clone(queue), to.clone());
    std::thread::Builder::new().name(name).spawn(move || work(&queue, &to))
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn close(&self) {
        {
            // Under the lock, or a worker that has just found the queue empty sleeps through the call.
            let _waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.closed.store(true, Ordering::Release);
        }
        self.arrived.notify_all();
    }

    fn push(&self, raw: Raw) -> Option<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        waiting.events += raw.events.len();
        waiting.submissions.push_back(raw);
        self.arrived.notify_one();
        Some(())
    }

    /// Takes what waits, up to a batch; `None` when closed and empty.
    fn take(&self) -> Option<Vec<Raw>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while !waiting.is_worth_taking() {
            // What is left when the queue closes goes with the worker that is at work.
            if self.closed.load(Ordering::Acquire) && (waiting.submissions.is_empty() || waiting.busy > 0) {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut events = 0;
        while let Some(raw) = waiting.submissions.front() {
            events += raw.events.len();
            if !taken.is_empty() && events > MAX_BATCH {
                break;
            }
            waiting.events -= raw.events.len();
            taken.extend(waiting.submissions.pop_front());
        }
        waiting.busy += 1;
        Some(taken)
    }

    /// Says that a worker has handed on what it took.
    fn done(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.busy -= 1;
    }
}

fn work(queue: &Queue, sequencer: &mpsc::UnboundedSender<Submission>) {
    while let Some(batch) = queue.take() {
        for submission in prepare(batch) {
            if let Err(back) = sequencer.send(submission) {
                // The receiver may have given up waiting; that is its own affair.
                let _ = back.0.reply.send(Err(AppendError::Closed));
            }
        }
        queue.done();
    }
}

/// Checks and settles what can be without a place in the log; what somebody cannot pay for is answered here.
fn prepare(batch: Vec<Raw>) -> Vec<Submission> {
    let mut unchecked = Vec::new();
    let mut submissions: Vec<Submission> = Vec::with_capacity(batch.len());
    let mut meters: Vec<Option<Arc<dyn Meter>>> = Vec::with_capacity(batch.len());
    for Raw { events, signer, options, reply, ticket } in batch {
        let meter = match signer {
            Signer::Own => None,
            Signer::Authors(meter) => {
                unchecked.push(submissions.len());
                meter
            }
        };
        let events = events.into_iter().map(Prepared::new).collect();
        submissions.push(Submission { events, options, reply, ticket });
        meters.push(meter);
    }
    check_signatures(unchecked.into_iter(), &mut submissions);
    let settled = submissions.into_iter().zip(meters).filter_map(|(submission, meter)| {
        match meter.map_or(Ok(()), |meter| meter.settle(&spent_in(&submission.events))) {
            Ok(()) => Some(submission),
            Err(too_much) => {
                let Submission { reply, ticket, .. } = submission;
                drop(ticket);
                let _ = reply.send(Err(too_much.into()));
                None
            }
        }
    });
    settled.collect()
}

/// What the events of each key come to whose signatures hold.
fn spent_in(events: &[Prepared]) -> Vec<Spent> {
    let mut spent: BTreeMap<PublicKey, (usize, usize)> = BTreeMap::new();
    for event in events.iter().filter(|event| event.flaw != Some(Code::BadSignature)) {
        let (events, bytes) = spent.entry(event.header.key).or_default();
        *events += 1;
        *bytes += event.event.len() + event.payload.json.len();
    }
    spent.into_iter().map(|(key, (events, bytes))| Spent { key, events, bytes }).collect()
}

/// Marks the events whose signature does not hold, in the submissions with these numbers.
fn check_signatures(unchecked: impl Iterator<Item = usize> + Clone, submissions: &mut [Submission]) {
    let events = || unchecked.clone().filter_map(|i| submissions.get(i)).flat_map(|s| &s.events);
    let mut messages = Vec::new();
    let places: Vec<_> = events().map(|event| event.write_message(&mut messages)).collect();
    let items: Vec<Item<'_>> = events()
        .zip(places)
        .map(|(event, place)| Item {
            key: &event.header.key,
            sig: &event.sig,
            message: messages.get(place).unwrap_or_default(),
        })
        .collect();
    let mut signed = signature::verify_all(&items).into_iter();
    drop(items);
    for i in unchecked {
        for event in submissions.get_mut(i).into_iter().flat_map(|s| &mut s.events) {
            if !signed.next().unwrap_or(false) {
                event.flaw = Some(Code::BadSignature);
            }
        }
    }
}

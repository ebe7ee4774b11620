//! The one thread that puts events into order.
//!
//! It takes all that waits, decides admission for each event at its position, extends chain, tree and
//! maps, writes the group with one write and one sync, signs one checkpoint, and only then answers. After
//! a failed write it answers everyone with "unknown" and accepts nothing more.

use crate::admission::{Candidate, Code, Found, MAX_MARKS_PER_KEY, Refused, Trace, Verdict, accused_node};
use crate::clock::{Clock, Recorder};
use crate::group::GroupInProgress;
use crate::id_set::IdSet;
use crate::ids::{id_time, place_of};
use crate::index::{GroupLocation, IndexedGroup, terms_of};
use crate::inlets::{Next, Outlets};
use crate::intake::{AppendError, Appended, Outcome, Prepared, Receipt, Submission, Ticket};
use crate::keyring::{Keyring, random};
use crate::reader::Reader;
use crate::seal::{self, SealChain};
use crate::service::{Head, Shared};
use crate::space::Room;
use crate::state::{LEDGER_ORG, Leaf, Snapshot, State};
use crate::stopped::{StopReason, Stopped};
use crate::storage::Storage;
use crate::watermark::Watermark;
use proofs::SigningKey;
use proofs::proofchain::Row;
use proofs::tile::{consistency_proof, inclusion_proof};
use proofs::{Blake3, Checkpoint};
use spec::entry::{Commit, write_record};
use spec::event::Payload;
use spec::payload::{Admission, ChainFork, Place, Refusal, Seal, ServiceAction};
use spec::rules::ADMISSION_VERSION;
use spec::{Author, Event, Hash, Header, Kind, Name, PublicKey, Timestamp, Uuid, Via, canonical};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;

/// How often a running service says that it is alive.
pub(crate) const ALIVE_EVERY: Duration = Duration::from_mins(1);

/// A snapshot of the state is stored after this many entries, and at each segment's end and close.
const SNAPSHOT_EVERY: u64 = 50_000;

/// Groups the index may lag behind by. Beyond it appends wait for the index, or memory would not end.
pub(crate) const MAX_UNINDEXED_GROUPS: usize = 256;

/// What the sequencer is asked to do beside appending what callers bring.
#[derive(Debug)]
pub(crate) enum Message {
    /// Append a seal; the answer is its seq, or `None` if nothing happened since the last.
    Seal(oneshot::Sender<Result<Option<u64>, AppendError>>),
    /// Record what an open had to repair.
    Own(Kind, serde_json::Value, oneshot::Sender<Result<u64, AppendError>>),
    /// Finish what waits, seal if asked to, and end.
    Stop { seal: bool },
}

/// How the sequencer behaves over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Habits {
    /// Time between seals; none without.
    pub(crate) seal_every: Option<Duration>,
    /// Whether starts, stops and being alive are recorded, and as which version.
    pub(crate) service_version: Option<String>,
    /// Seconds between the heartbeats that the service asks nodes for, to be said at its start.
    pub(crate) heartbeat_secs: Option<u64>,
}

/// The sequencer's own parts.
pub(crate) struct Sequencer {
    pub(crate) state: State,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Recorder,
    pub(crate) segment: OpenSegment,
    pub(crate) ids: Arc<IdSet>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) watermark: Watermark,
    pub(crate) index: mpsc::Sender<IndexedGroup>,
    pub(crate) seals: SealChain,
    pub(crate) reader: Reader,
    pub(crate) habits: Habits,
    pub(crate) digests: Option<Arc<dyn seal::Digests>>,
    pub(crate) snapshot_at: u64,
    pub(crate) group: GroupInProgress,
    /// Whether the order to stop has been taken.
    pub(crate) stopping: bool,
}

/// The segment that is written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenSegment {
    pub(crate) first: u64,
    pub(crate) len: u64,
}

struct Waiting {
    outcomes: Vec<Outcome>,
    inclusion: bool,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
    ticket: Ticket,
}

impl Sequencer {
    /// Runs until told to stop. What goes wrong on the way poisons the ledger; then only answers go out.
    pub(crate) async fn run(mut self, mut inbox: Outlets) {
        let closing = match self.serve(&mut inbox).await {
            Ok(()) => AppendError::Closed,
            Err(error) => {
                tracing::error!(%error, "the ledger stopped; reopen it");
                self.shared.poison(&error);
                let poisoned = AppendError::Poisoned(error);
                while !self.stopping
                    && let Some(next) = inbox.next().await
                {
                    self.turn_away(next, &poisoned);
                }
                poisoned
            }
        };
        inbox.close();
        while let Some(next) = inbox.next().await {
            self.turn_away(next, &closing);
        }
    }

    async fn serve(&mut self, inbox: &mut Outlets) -> Result<(), Stopped> {
        if let Some(version) = self.habits.service_version.clone() {
            self.go_over().await?;
            self.own_service(ServiceAction::Start, &version).await?;
        }
        let mut seal_due = self.habits.seal_every.map(|every| Instant::now() + every);
        let mut alive_due = Instant::now() + ALIVE_EVERY;
        loop {
            let due = seal_due.map_or(alive_due, |seal| seal.min(alive_due));
            // Asked first, or a queue that never empties would put the seal off for ever.
            if due <= Instant::now() {
                self.on_timer(&mut seal_due, &mut alive_due).await?;
            }
            let next = match tokio::time::timeout_at(due.into(), inbox.next()).await {
                Ok(None) => Next::Other(Message::Stop { seal: false }),
                Ok(Some(next)) => next,
                Err(_) => continue,
            };
            alive_due = Instant::now() + ALIVE_EVERY;
            match next {
                Next::Events(first, urgent) => self.take(first, urgent, inbox).await?,
                Next::Other(message) => self.handle(message, inbox).await?,
            }
            if self.stopping {
                return Ok(());
            }
            if self.watermark.failed() {
                return Err(StopReason::Root.into());
            }
        }
    }

    /// Answers without doing what is asked.
    fn turn_away(&mut self, next: Next, error: &AppendError) {
        // Whoever asked may have given up waiting.
        match next {
            Next::Events(submission, _) => drop(submission.reply.send(Err(error.clone()))),
            Next::Other(Message::Seal(reply)) => drop(reply.send(Err(error.clone()))),
            Next::Other(Message::Own(_, _, reply)) => drop(reply.send(Err(error.clone()))),
            Next::Other(Message::Stop { .. }) => self.stopping = true,
        }
    }

    async fn on_timer(
        &mut self,
        seal_due: &mut Option<Instant>,
        alive_due: &mut Instant,
    ) -> Result<(), Stopped> {
        let now = Instant::now();
        if seal_due.is_some_and(|due| due <= now) {
            self.seal(false).await?;
            *seal_due = self.habits.seal_every.map(|every| now + every);
        }
        if *alive_due <= now {
            *alive_due = now + ALIVE_EVERY;
            if let Some(version) = self.habits.service_version.clone() {
                self.own_service(ServiceAction::Alive, &version).await?;
            }
        }
        Ok(())
    }

    /// Puts events into groups with what else waits of their kind, and answers for them.
    async fn take(&mut self, first: Submission, urgent: bool, inbox: &mut Outlets) -> Result<(), Stopped> {
        let mut waiting = Vec::new();
        let result = self.fill(first, urgent, inbox, &mut waiting).await;
        self.answer(waiting, result)
    }

    async fn handle(&mut self, message: Message, inbox: &mut Outlets) -> Result<(), Stopped> {
        match message {
            Message::Seal(reply) => {
                let result = self.seal(false).await.inspect_err(|error| self.shared.poison(error));
                let answer = result.clone().map_err(AppendError::Poisoned);
                let _ = reply.send(answer);
                result.map(drop)
            }
            Message::Own(_, _, reply) if self.shared.space.room() == Room::Gone => {
                let _ = reply.send(Err(AppendError::NoSpace));
                Ok(())
            }
            Message::Own(kind, payload, reply) => {
                let result = match kind {
                    Kind::Clock => self.set_back(&payload).await,
                    kind => self.own(kind, &payload).await,
                };
                let result = result.inspect_err(|error| self.shared.poison(error));
                let answer = match result.clone() {
                    Ok(said) => said.map_err(AppendError::Refused),
                    Err(error) => Err(AppendError::Poisoned(error)),
                };
                let _ = reply.send(answer);
                result.map(drop)
            }
            Message::Stop { seal } => {
                // What was queued before came another way.
                while let Some((submission, urgent)) = inbox.rest() {
                    self.take(submission, urgent, inbox).await?;
                }
                self.stopping = true;
                self.stop(seal).await
            }
        }
    }

    /// Admits what waits into groups and commits them, until nothing waits or something else is to be done.
    async fn fill(
        &mut self,
        first: Submission,
        urgent: bool,
        inbox: &mut Outlets,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), Stopped> {
        let mut next = Some(first);
        while let Some(submission) = next.take() {
            let Submission { events, options, reply, ticket } = submission;
            let mut entry = Waiting {
                outcomes: Vec::with_capacity(events.len()),
                inclusion: options.inclusion,
                reply,
                ticket,
            };
            let mut blocked = Vec::new();
            for event in events {
                if self.group.is_full(event.room())
                    && let Err(error) = self.commit().await
                {
                    waiting.push(entry);
                    return Err(error);
                }
                match self.admit(event, &mut blocked).await {
                    Ok(outcome) => entry.outcomes.push(outcome),
                    Err(error) => {
                        waiting.push(entry);
                        return Err(error);
                    }
                }
            }
            waiting.push(entry);
            if self.group.is_full(0) {
                break;
            }
            next = inbox.more(urgent);
        }
        self.commit().await
    }

    async fn admit(&mut self, event: Prepared, blocked: &mut Vec<PublicKey>) -> Result<Outcome, Stopped> {
        let recorded_at = self.recorded_at()?;
        let found = self.look_up(&event).await?;
        if let Some(refused) = self.refused_before(&event, &found).await? {
            return Ok(refused);
        }
        let candidate = Candidate {
            header: &event.header,
            event_hash: event.event_hash,
            identity: event.identity,
            payload: &event.payload.json,
            flaw: event.flaw,
            amiss: event.amiss,
        };
        match self.state.admit(&candidate, recorded_at, &found) {
            Verdict::Append => self.append(&event).map(Outcome::Recorded),
            Verdict::Duplicate(seq) => self.duplicate(&event, seq).await.map(Outcome::Recorded),
            Verdict::Refuse(mut refused) => {
                if refused.code == Code::ChainGap && blocked.contains(&event.header.key) {
                    refused =
                        Refused { code: Code::Blocked, detail: Code::Blocked.detail().to_owned(), ..refused };
                }
                let recorded = self.trace(&event, &refused)?;
                let advanced = recorded.is_some() && refused.trace == Trace::Refusal;
                if event.header.chain.is_some() && !advanced {
                    blocked.push(event.header.key);
                }
                Ok(Outcome::Refused { refused, recorded })
            }
        }
    }

    /// The original answer to an event that a refusal entry quotes: whoever lost it sends the same bytes
    /// again, and must not be taken for an author of two events.
    async fn refused_before(&self, event: &Prepared, found: &Found) -> Result<Option<Outcome>, Stopped> {
        let Some(seq) = found.place else { return Ok(None) };
        let refusal = match self.group.refusals.get(&seq) {
            Some(refusal) => Some(*refusal),
            None if self.group.find(seq).is_some() => None,
            None => self.refusal_at(seq).await?,
        };
        let Some((_, code)) = refusal.filter(|(hash, _)| *hash == event.event_hash) else { return Ok(None) };
        let refused = Refused {
            code,
            detail: code.detail().to_owned(),
            trace: Trace::None,
            expected: self.state.expected(&event.header),
        };
        Ok(Some(Outcome::Refused { refused, recorded: Some(seq) }))
    }

    /// Event hash and code of the event that the refusal entry at `seq` quotes, if it is one.
    async fn refusal_at(&self, seq: u64) -> Result<Option<(Hash, Code)>, Stopped> {
        let record = self.reader.record(seq).await?;
        let record = record.ok_or(StopReason::Gone(seq))?;
        if record.entry.header.kind != Kind::Refusal {
            return Ok(None);
        }
        let refusal = record.payload.and_then(|payload| serde_json::from_str::<Refusal>(&payload.json).ok());
        Ok(refusal.and_then(|refusal| {
            let (_, hash) = crate::state::quoted(&refusal.header, &refusal.sig)?;
            Some((hash, Code::from_word(&refusal.code)?))
        }))
    }

    /// Writes the entry that a refusal leaves behind, if it leaves one.
    fn trace(&mut self, event: &Prepared, refused: &Refused) -> Result<Option<u64>, Stopped> {
        let header = &event.header;
        let Some(link) = header.chain else { return Ok(None) };
        let quoted = spec::event::header_value(header);
        let (kind, payload) = match refused.trace {
            Trace::None => return Ok(None),
            Trace::Refusal => {
                let code = refused.code.as_str().to_owned();
                (Kind::Refusal, to_value(&Refusal { code, header: quoted, sig: event.sig })?)
            }
            Trace::Fork(recorded) => {
                let place = Place { epoch: link.epoch, seq: link.seq };
                let fork = ChainFork { header: quoted, key: header.key, place, recorded, sig: event.sig };
                (Kind::ChainFork, to_value(&fork)?)
            }
        };
        debug_assert!(self.state.keys.get(&header.key).is_none_or(|k| k.chain.marks < MAX_MARKS_PER_KEY));
        let record = self.state.keys.get(&header.key);
        let record = record.map(|k| (k.org.clone(), k.tenant.clone(), accused_node(k, header)));
        let Some((org, tenant, subject)) = record else { return Ok(None) };
        let own = self.own_event(kind.clone(), &payload, org, tenant, subject)?;
        let receipt = self.append(&Prepared::new(own))?;
        if kind == Kind::Refusal {
            self.group.refusals.insert(receipt.seq, (event.event_hash, refused.code));
            // The refused event is known from now on: sent again it is not the next of its chain.
            if let Some(place) = place_of(header) {
                self.ids.insert_place(place, receipt.seq);
            }
        }
        Ok(Some(receipt.seq))
    }

    /// Puts an admitted event at the next position of the group.
    fn append(&mut self, event: &Prepared) -> Result<Receipt, Stopped> {
        let recorded_at = self.recorded_at()?;
        let position = self.state.next_position(&event.header.org, recorded_at);
        let from = self.group.bytes.len();
        let entry = write_record(&position, &event.event, Some(&event.payload), &mut self.group.bytes);
        self.group.bytes.push(b'\n');
        let entry = Leaf::of(self.group.bytes.get(entry).unwrap_or_default());
        let leaf = entry.hash;
        self.state.apply(&event.header, event.event_hash, &position, entry, Some(&event.payload.json))?;
        self.ids.insert(&event.header, event.identity, position.seq);
        let group = &mut self.group;
        group.lengths.push((group.bytes.len() - from) as u64);
        group.leaves.push(leaf);
        group.entries.push((position.seq, event.event_hash, position));
        for term in terms_of(&event.header) {
            group.terms.entry(term).or_default().push(position.seq);
        }
        group.changes.note(&event.header.kind, &event.payload.json);
        Ok(Receipt {
            seq: position.seq,
            prev: position.prev,
            lane: position.lane,
            recorded_at,
            event_hash: event.event_hash,
            leaf,
            duplicate: false,
            inclusion: Vec::new(),
        })
    }

    /// The receipt of an event that is in the log already.
    async fn duplicate(&self, event: &Prepared, seq: u64) -> Result<Receipt, Stopped> {
        let (position, leaf) = if let Some(found) = self.group.find(seq) {
            found
        } else {
            let record = self.reader.record(seq).await?;
            let record = record.ok_or(StopReason::Gone(seq))?;
            (record.entry.position, record.leaf)
        };
        Ok(Receipt {
            seq,
            prev: position.prev,
            lane: position.lane,
            recorded_at: position.recorded_at,
            event_hash: event.event_hash,
            leaf,
            duplicate: true,
            inclusion: Vec::new(),
        })
    }

    async fn look_up(&self, event: &Prepared) -> Result<Found, Stopped> {
        let header = &event.header;
        let time = id_time(header);
        let identity = match self.ids.by_identity(&event.identity, time, &*self.storage, &self.reader).await?
        {
            Some(seq) => Some((seq, self.event_hash_of(seq).await?)),
            None => None,
        };
        let may_be_held = match (&header.chain, self.state.keys.get(&header.key)) {
            (Some(link), Some(record)) => record.may_hold(link),
            _ => false,
        };
        let place = match place_of(header).filter(|_| may_be_held) {
            Some(place) => self.ids.by_place(&place, &*self.storage, &self.reader).await?,
            None => None,
        };
        Ok(Found { identity, place })
    }

    async fn event_hash_of(&self, seq: u64) -> Result<Hash, Stopped> {
        if let Some((_, hash, _)) = self.group.entry(seq) {
            return Ok(*hash);
        }
        let record = self.reader.record(seq).await?;
        let record = record.ok_or(StopReason::Gone(seq))?;
        Ok(record.entry.header.event_hash(&record.entry.sig))
    }

    fn recorded_at(&mut self) -> Result<Timestamp, Stopped> {
        if let Some(time) = self.group.recorded_at {
            return Ok(time);
        }
        let time = self.recorder.record(&*self.clock, self.state.last_recorded)?;
        self.group.recorded_at = Some(time);
        Ok(time)
    }

    /// Makes the group durable and publishes it. Nothing happens if it is empty.
    async fn commit(&mut self) -> Result<(), Stopped> {
        let group = std::mem::take(&mut self.group);
        if group.lengths.is_empty() {
            return Ok(());
        }
        let (size, entries) = (self.state.size(), group.lengths.len());
        let span = tracing::info_span!("group", from = size - entries as u64, to = size);
        self.write(group, size).instrument(span).await
    }

    async fn write(&mut self, mut group: GroupInProgress, size: u64) -> Result<(), Stopped> {
        let started = Instant::now();
        let root = self.state.tree.root();
        Commit::of(&group.bytes, size, root).write_line(&mut group.bytes);
        if self.segment.len >= self.storage.segment_bytes() {
            let first = size - group.lengths.len() as u64;
            self.ids.close_segment(first, &*self.storage).await?;
            self.segment = OpenSegment { first, len: 0 };
        }
        let OpenSegment { first: segment, len: offset } = self.segment;
        self.storage.append(segment, offset, &group.bytes).await?;
        self.segment.len += group.bytes.len() as u64;
        self.ids.end_group();
        self.shared.space.look(self.storage.space());
        let indexed = self.publish(&mut group, size, root, GroupPlace { segment, offset });
        if self.index.send(indexed).await.is_err() {
            tracing::error!("the index thread has ended; reads will lag until the ledger is reopened");
        }
        let took = started.elapsed();
        self.shared.metrics.observe_append(group.lengths.len(), took);
        tracing::debug!(bytes = group.bytes.len(), ?took, "durable");
        Ok(())
    }

    /// Everything that follows once a group is durable: tree, checkpoint, directory, head. What is left to
    /// the caller is to hand the answer to the index.
    fn publish(
        &mut self,
        group: &mut GroupInProgress,
        size: u64,
        root: Hash,
        place: GroupPlace,
    ) -> IndexedGroup {
        let tiles = self.shared.extend_tree(&group.leaves);
        if !group.changes.is_empty() {
            self.shared.update_directory(&self.state, &group.changes);
        }
        let checkpoint = self.state.checkpoint();
        let note = self.sign(&checkpoint);
        self.watermark.publish(size, Arc::clone(&note));
        let snapshot = (size >= self.snapshot_at).then(|| self.snapshot()).flatten();
        let indexed = IndexedGroup {
            location: GroupLocation {
                first: size - group.lengths.len() as u64,
                recorded_at: self.state.last_recorded,
                segment: place.segment,
                offset: place.offset,
                lengths: group.lengths.clone(),
            },
            terms: std::mem::take(&mut group.terms),
            tiles,
            size,
            root,
            snapshot,
        };
        let head = Head { size, recorded_at: self.state.last_recorded, checkpoint, note };
        self.shared.head.send_replace(Arc::new(head));
        indexed
    }

    fn snapshot(&mut self) -> Option<Vec<u8>> {
        self.snapshot_at = self.state.size() + SNAPSHOT_EVERY;
        let snapshot = StoredSnapshot {
            state: Snapshot::from(&self.state),
            segment: self.segment.first,
            offset: self.segment.len,
            edge: self.shared.edge_rows(),
            ids: self.ids.closed(),
        };
        serde_json::to_vec(&snapshot).ok()
    }

    fn sign(&self, checkpoint: &Checkpoint) -> Arc<str> {
        let now = self.clock.now().max(self.state.last_recorded);
        checkpoint.sign(self.checkpoint_key(), now.secs()).to_string().into()
    }

    fn checkpoint_key(&self) -> &SigningKey {
        &self.keys.checkpoint
    }

    /// Answers everyone whose events are now durable; the error, if there is one, is everyone's.
    fn answer(&mut self, waiting: Vec<Waiting>, result: Result<(), Stopped>) -> Result<(), Stopped> {
        if let Err(error) = result {
            // Before anyone hears of it, so that whoever does finds the ledger stopped.
            self.shared.poison(&error);
            for entry in waiting {
                let _ = entry.reply.send(Err(AppendError::Poisoned(error.clone())));
            }
            return Err(error);
        }
        let head = self.shared.head.borrow().clone();
        let mut result = Ok(());
        for mut entry in waiting {
            let proved = if entry.inclusion { self.prove(&mut entry.outcomes, head.size) } else { Ok(()) };
            let answer = proved.map(|()| Appended {
                outcomes: entry.outcomes,
                checkpoint: Arc::clone(&head.note),
                size: head.size,
            });
            if let Err(error) = &answer {
                self.shared.poison(error);
                result = Err(error.clone());
            }
            // Whoever has its answer finds room for its next events.
            drop(entry.ticket);
            // A caller that has gone away has lost its answer, not its events.
            let _ = entry.reply.send(answer.map_err(AppendError::Poisoned));
        }
        result
    }

    fn prove(&self, outcomes: &mut [Outcome], size: u64) -> Result<(), Stopped> {
        let receipts = || outcomes.iter().filter_map(Outcome::receipt);
        let seqs = receipts().map(|receipt| receipt.seq);
        let proofs = self.shared.inclusion_proofs(seqs, size)?;
        let receipts = outcomes.iter_mut().filter_map(Outcome::receipt_mut);
        for (receipt, proof) in receipts.zip(proofs) {
            receipt.inclusion = proof;
        }
        Ok(())
    }

    /// Appends an event of the ledger's own as a group, unless it is not admissible.
    async fn own(&mut self, kind: Kind, payload: &serde_json::Value) -> Result<Result<u64, Code>, Stopped> {
        let org = name(LEDGER_ORG)?;
        let event = self.own_event(kind, payload, org, None, None)?;
        let prepared = Prepared::new(event);
        match self.admit(prepared, &mut Vec::new()).await? {
            Outcome::Recorded(receipt) => {
                self.commit().await?;
                Ok(Ok(receipt.seq))
            }
            Outcome::Refused { refused, .. } => Ok(Err(refused.code)),
        }
    }

    /// Sets the clock back: the entry stands, in a group of its own, at the time that it says.
    async fn set_back(&mut self, payload: &serde_json::Value) -> Result<Result<u64, Code>, Stopped> {
        self.commit().await?;
        let said: spec::payload::Clock = serde_json::from_value(payload.clone())?;
        self.group.recorded_at = Some(said.time);
        let seq = self.own(Kind::Clock, payload).await?;
        self.group = GroupInProgress::default();
        Ok(seq)
    }

    /// Appends an event of the ledger's own that cannot be inadmissible.
    async fn must_own(&mut self, kind: Kind, payload: &serde_json::Value) -> Result<u64, Stopped> {
        self.own(kind, payload).await?.map_err(|code| StopReason::Own(code).into())
    }

    /// Goes over to the newest admission rules, one version after the other.
    async fn go_over(&mut self) -> Result<(), Stopped> {
        if self.shared.space.room() == Room::Gone {
            return Ok(());
        }
        while self.state.admission < ADMISSION_VERSION {
            let payload = to_value(&Admission { version: self.state.admission + 1 })?;
            self.must_own(Kind::Admission, &payload).await?;
            tracing::info!(version = self.state.admission, "the ledger goes by newer admission rules");
        }
        Ok(())
    }

    /// Says of the service what it does, unless there is no room for even that.
    async fn own_service(&mut self, action: ServiceAction, version: &str) -> Result<(), Stopped> {
        if self.shared.space.look(self.storage.space()) == Room::Gone {
            return Ok(());
        }
        let heartbeat_secs = self.habits.heartbeat_secs.filter(|_| action == ServiceAction::Start);
        let said = spec::payload::Service { action, heartbeat_secs, version: version.to_owned() };
        let payload = to_value(&said)?;
        self.must_own(Kind::Service, &payload).await.map(drop)
    }

    fn own_event(
        &mut self,
        kind: Kind,
        payload: &serde_json::Value,
        org: Name,
        tenant: Option<Name>,
        node_id: Option<Uuid>,
    ) -> Result<Event, Stopped> {
        let now = self.recorded_at()?;
        let json = String::from_utf8(canonical::to_vec(payload)?)?;
        // The oldest version that can say it, which most readers know; what none can say, admission refuses.
        let payload_version = kind.payload_version(&json).unwrap_or(kind.info().version);
        let payload = Payload { json: json.into(), salt: Hash(random()?) };
        let header = Header {
            author: Author::Service(name("ledger")?),
            chain: None,
            id: Uuid::v7(now, random()?),
            key: self.keys.service.public(),
            kind,
            ledger: self.state.ledger,
            node_id,
            org,
            payload_hash: payload.hash(),
            payload_version,
            severity: None,
            tenant,
            ts: now,
            via: Some(Via { method: name("self")?, subject: None }),
        };
        let sig = self.keys.service.sign(&header.signing_bytes());
        Ok(Event { header, sig, payload })
    }

    /// Appends a seal and its row of the proof chain. Skipped when only a seal would be sealed.
    async fn seal(&mut self, always: bool) -> Result<Option<u64>, Stopped> {
        self.commit().await?;
        if self.shared.space.look(self.storage.space()) == Room::Gone {
            return Ok(None);
        }
        let idle = self.state.seals.count > 0 && self.state.size() == self.state.seals.last_seq + 1;
        if idle && !always {
            return Ok(None);
        }
        let advisory = self.digests.as_ref().map(|d| d.digests(self.state.size())).unwrap_or_default();
        let payload: Seal = seal::payload(&self.state, advisory);
        let seq = self.must_own(Kind::Seal, &to_value(&payload)?).await?;
        let row = self.row(payload.index, seq, self.state.seals.last)?;
        if self.seals.next_index() == row.index {
            self.seals.set_authority(self.authority().await?);
            self.seals.push(&*self.storage, row).await?;
        }
        self.shared.metrics.observe_seal(self.state.last_recorded);
        Ok(Some(seq))
    }

    /// Adds the row that a crash between a seal and `PROOFCHAIN.json` left out.
    pub(crate) async fn repair_seal(&mut self) -> Result<bool, Stopped> {
        let seals = self.state.seals;
        let missing = seals.count > 0 && self.seals.next_index() + 1 == seals.count;
        if !missing || seals.last_seq + 1 != self.state.size() {
            return Ok(false);
        }
        let row = self.row(seals.count - 1, seals.last_seq, seals.last)?;
        self.seals.push(&*self.storage, row).await?;
        Ok(true)
    }

    /// The proof chain's row for the seal at the head.
    fn row(&self, index: u64, seq: u64, leaf: Hash) -> Result<Row, Stopped> {
        let head = self.shared.head.borrow().clone();
        let size = seq + 1;
        let old = match self.seals.last() {
            Some(row) => row.seq + 1,
            None => 0,
        };
        let proofs = self.shared.with_nodes(|nodes| {
            let inclusion = inclusion_proof::<Blake3>(nodes, seq, size)?;
            let consistency = consistency_proof::<Blake3>(nodes, old, size)?;
            Ok::<_, proofs::tile::MissingNode>((inclusion, consistency))
        });
        let (inclusion, consistency) = proofs?;
        Ok(Row { checkpoint: head.note.to_string(), consistency, inclusion, index, leaf, seq })
    }

    async fn authority(&self) -> Result<Vec<serde_json::Value>, Stopped> {
        Ok(self.reader.authority(&self.state.authority_seqs).await?)
    }

    async fn stop(&mut self, seal: bool) -> Result<(), Stopped> {
        self.commit().await?;
        if let Some(version) = self.habits.service_version.clone() {
            self.own_service(ServiceAction::Stop, &version).await?;
        }
        if seal {
            self.seal(false).await?;
        }
        if let Some(snapshot) = self.snapshot() {
            self.shared.store_snapshot(&snapshot);
        }
        Ok(self.watermark.close()?)
    }
}

/// What the index keeps so that an open need not read the whole log.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredSnapshot {
    pub(crate) state: Snapshot,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) edge: Vec<Vec<Hash>>,
    pub(crate) ids: Vec<(u64, u64, u64, Hash)>,
}

#[derive(Debug, Clone, Copy)]
struct GroupPlace {
    segment: u64,
    offset: u64,
}

fn to_value<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, Stopped> {
    Ok(serde_json::to_value(value)?)
}

fn name(text: &str) -> Result<Name, Stopped> {
    Ok(text.parse()?)
}

//! Authors, clocks, and ledgers over every kind of storage.

use crate::sim_disk::SimDisk;
use ledger::clock::Clock;
use ledger::durable::{Disk, RealDisk};
use ledger::fault::Fault;
use ledger::genesis::Plan;
use ledger::index::{MemoryRows, Row, RowError, Rows, Space};
use ledger::keyring::Keyring;
use ledger::open::{OpenError, OpenReport, Options};
use ledger::replay::replay_group;
use ledger::segment::{Next, next_group};
use ledger::service::Draft;
use ledger::state::State;
use ledger::storage::{FsStorage, MemoryStorage, Storage, segment_name};
use ledger::verify::{self, Report, Source, Verdict};
use ledger::{AppendError, AppendOptions, Appended, Ledger, Outcome, Receipt};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::event::Payload;
use spec::payload::{node_possession_bytes, token_hash};
use spec::{
    Author, ChainLink, Epoch, Event, Hash, Header, Kind, Name, PublicKey, Record, Timestamp, Uuid, Via,
    canonical,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// 2026-11-21T20:42:00.123Z, when every test begins.
pub(crate) const START: u64 = 1_795_293_720_123;

/// Runs a future that uses timers or channels.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// The value of a future that never waits, such as those of the embedded storage.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}

/// Random bytes that differ in every call and every run.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    ledger::keyring::random().unwrap()
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct FakeClock {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl FakeClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { wall: AtomicU64::new(START), monotonic: AtomicU64::new(0) })
    }

    /// Time passes.
    pub(crate) fn advance(&self, millis: u64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.monotonic.fetch_add(millis, Ordering::SeqCst);
    }

    /// Somebody sets the clock.
    pub(crate) fn set(&self, millis: u64) {
        self.wall.store(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic.load(Ordering::SeqCst))
    }
}

type RowMap = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// Rows that can be copied and told to fail.
#[derive(Debug, Default)]
pub(crate) struct TestRows {
    rows: Mutex<RowMap>,
    pub(crate) writes_fail: AtomicBool,
    pub(crate) failed_writes: AtomicU64,
    pub(crate) reads_fail: AtomicBool,
}

impl TestRows {
    pub(crate) fn copy(&self) -> Arc<Self> {
        let rows = self.rows.lock().unwrap().clone();
        Arc::new(Self { rows: Mutex::new(rows), ..Self::default() })
    }

    /// Damages every value of a space.
    pub(crate) fn damage(&self, space: Space) {
        for ((s, _), value) in self.rows.lock().unwrap().iter_mut() {
            if *s == space
                && let Some(byte) = value.first_mut()
            {
                *byte ^= 0x20;
            }
        }
    }

    /// Drops every row of a space.
    pub(crate) fn forget(&self, space: Space) {
        self.rows.lock().unwrap().retain(|(s, _), _| *s != space);
    }

    pub(crate) fn count(&self, space: Space) -> usize {
        self.rows.lock().unwrap().keys().filter(|(s, _)| *s == space).count()
    }

    fn readable(&self) -> Result<std::sync::MutexGuard<'_, RowMap>, RowError> {
        if self.reads_fail.load(Ordering::SeqCst) {
            return Err(RowError::new("a read that was told to fail"));
        }
        Ok(self.rows.lock().unwrap())
    }
}

impl Rows for TestRows {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.readable()?.get(&(space, key.to_vec())).cloned())
    }

    fn last_at_or_before(&self, space: Space, key: &[u8]) -> Result<Option<Row>, RowError> {
        let rows = self.readable()?;
        let mut below = rows.range((space, Vec::new())..=(space, key.to_vec()));
        Ok(below.next_back().map(|((_, key), value)| (key.clone(), value.clone())))
    }

    fn range(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        limit: usize,
        descending: bool,
    ) -> Result<Vec<Row>, RowError> {
        let rows = self.readable()?;
        if from >= to {
            return Ok(Vec::new());
        }
        let mut found: Vec<Row> = rows
            .range((space, from.to_vec())..(space, to.to_vec()))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect();
        if descending {
            found.reverse();
        }
        found.truncate(limit);
        Ok(found)
    }

    fn write(&self, rows: Vec<(Space, Vec<u8>, Vec<u8>)>) -> Result<(), RowError> {
        if self.writes_fail.load(Ordering::SeqCst) {
            self.failed_writes.fetch_add(1, Ordering::SeqCst);
            return Err(RowError::new("a write that was told to fail"));
        }
        self.rows.lock().unwrap().extend(rows.into_iter().map(|(space, key, value)| ((space, key), value)));
        Ok(())
    }

    fn remove(&self, space: Space, keys: &[Vec<u8>]) -> Result<(), RowError> {
        self.rows.lock().unwrap().retain(|(s, key), _| *s != space || !keys.contains(key));
        Ok(())
    }

    fn sync(&self) -> Result<(), RowError> {
        Ok(())
    }
}

/// Segments end early in tests, so that a short run has several.
pub(crate) const SMALL_SEGMENT: u64 = 8 * 1024;

/// Where a ledger lies, with everything needed to open it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) keys: Keyring,
}

/// A key that is the same in every run.
pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

pub(crate) fn keyring(n: u8) -> Keyring {
    Keyring { checkpoint: key(n), checkpoint_sha256: key(n + 1), command: key(n + 2), service: key(n + 3) }
}

/// The recovery keys of every test's ledger; two of three must sign.
pub(crate) fn recovery_keys() -> Vec<SigningKey> {
    vec![key(241), key(242), key(243)]
}

impl Place {
    pub(crate) fn on(storage: Arc<dyn Storage>) -> Self {
        Self { storage, rows: Arc::new(MemoryRows::default()), clock: FakeClock::new(), keys: keyring(230) }
    }

    pub(crate) fn memory() -> Self {
        Self::on(Arc::new(MemoryStorage::default().with_segment_bytes(SMALL_SEGMENT)))
    }

    /// On any disk, with small segments.
    pub(crate) fn over(disk: Arc<dyn Disk>) -> Self {
        Self::on(Arc::new(FsStorage::new(disk).unwrap().with_segment_bytes(SMALL_SEGMENT)))
    }

    pub(crate) fn real(dir: &Path) -> Self {
        Self::over(Arc::new(RealDisk::new(dir).unwrap()))
    }

    pub(crate) fn simulated(disk: &SimDisk) -> Self {
        Self::over(Arc::new(disk.clone()))
    }

    pub(crate) fn with_rows(self, rows: Arc<dyn Rows>) -> Self {
        Self { rows, ..self }
    }

    /// The same place after its index was lost.
    pub(crate) fn without_index(&self) -> Self {
        self.clone().with_rows(Arc::new(MemoryRows::default()))
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            name: name("test.local"),
            keys: self.keys.clone(),
            recovery: recovery_keys(),
            threshold: 2,
            predecessor: None,
        }
    }

    pub(crate) async fn create(&self) -> Hash {
        ledger::open::create(&*self.storage, &self.plan(), self.clock.now()).await.unwrap()
    }

    pub(crate) fn options(&self) -> Options {
        let (storage, rows) = (Arc::clone(&self.storage), Arc::clone(&self.rows));
        Options::new(storage, rows, self.keys.clone(), self.clock.clone())
    }

    pub(crate) async fn try_open(&self) -> Result<(Ledger, OpenReport), OpenError> {
        ledger::open::open(self.options()).await
    }

    pub(crate) async fn open(&self) -> Ledger {
        self.try_open().await.unwrap().0
    }

    /// Creates and opens.
    pub(crate) async fn start(&self) -> Ledger {
        self.create().await;
        self.open().await
    }

    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        now(self.storage.get(name)).unwrap()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        now(self.storage.put(name, bytes)).unwrap();
    }

    /// Waits until `ROOT.txt`, which a thread of its own writes, names the ledger's size: that thread has come to rest
    /// but for the sync of the folder.
    pub(crate) async fn root_written(&self, ledger: &Ledger) {
        let size = ledger.head().borrow().size.to_string();
        let written = || {
            let note = self.get("ROOT.txt").map(|note| String::from_utf8(note).unwrap());
            note.is_some_and(|note| note.lines().nth(1) == Some(&size))
        };
        while !written() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Bytes of all segments.
    pub(crate) fn segments(&self) -> Vec<(u64, Vec<u8>)> {
        let segments = now(self.storage.segments()).unwrap();
        let read = |first, len: u64| now(self.storage.read(first, 0, usize::try_from(len).unwrap())).unwrap();
        segments.iter().map(|s| (s.first, read(s.first, s.len))).collect()
    }

    /// Every committed record, read with nothing but the fold.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut state = State::default();
        let mut records = Vec::new();
        for (first, bytes) in self.segments() {
            let mut at = 0;
            while let Next::Group(group) = next_group(&bytes, at, 0) {
                let replayed = replay_group(&mut state, &group, &mut |_, _| Ok(()))
                    .unwrap_or_else(|fault| panic!("segment {first}: {fault}"));
                records.extend(replayed.into_iter().map(|item| item.record));
                at = usize::try_from(group.end).unwrap();
            }
        }
        records
    }

    pub(crate) fn leaves(&self) -> Vec<Hash> {
        self.records().iter().map(|record| record.leaf).collect()
    }

    pub(crate) fn verify(&self) -> Report {
        verify::verify_log(&StorageSource(&*self.storage), &verify::Options::default(), None, &mut |_| ())
    }
}

/// The last line of every test: the whole ledger verifies.
#[track_caller]
pub(crate) fn check_whole(place: &Place) -> Report {
    let report = place.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.failures);
    report
}

/// Any storage as something to verify.
pub(crate) struct StorageSource<'a>(pub(crate) &'a dyn Storage);

fn unreadable(name: &str, problem: impl std::fmt::Display) -> Fault {
    Fault::new("unreadable", problem.to_string()).in_file(name)
}

impl Source for StorageSource<'_> {
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault> {
        let segments = now(self.0.segments()).map_err(|e| unreadable("log", e))?;
        Ok(segments.iter().map(|s| (s.first, s.len)).collect())
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault> {
        now(self.0.read(first, 0, usize::MAX >> 8)).map_err(|e| unreadable(&segment_name(first), e))
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        now(self.0.get(name)).map_err(|e| unreadable(name, e))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        now(self.0.list(folder)).map_err(|e| unreadable(folder, e))
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A payload in canonical JSON under a fresh salt.
pub(crate) fn payload(value: &Value) -> Payload {
    let json = String::from_utf8(canonical::to_vec(value).unwrap()).unwrap();
    Payload { json: json.into(), salt: Hash(random()) }
}

/// Signs a header over a payload, whatever they say.
pub(crate) fn signed(mut header: Header, value: &Value, key: &SigningKey) -> Event {
    let payload = payload(value);
    header.payload_hash = payload.hash();
    let sig = key.sign(&header.signing_bytes());
    Event { header, sig, payload }
}

/// A node with a key and a chain of its own.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: Uuid,
    pub(crate) key: SigningKey,
    pub(crate) org: Name,
    pub(crate) tenant: Option<Name>,
    pub(crate) ledger: Hash,
    pub(crate) introduction: Hash,
    pub(crate) epoch: Epoch,
    pub(crate) next: u64,
    pub(crate) head: Hash,
    pub(crate) clock: Arc<FakeClock>,
}

impl Node {
    /// A header at the chain's next place.
    pub(crate) fn header(&self, kind: Kind) -> Header {
        let now = self.clock.now();
        Header {
            author: Author::Node(self.id),
            chain: Some(ChainLink { epoch: self.epoch, prev: self.head, seq: self.next }),
            id: Uuid::v7(now, random()),
            key: self.key.public(),
            kind,
            ledger: self.ledger,
            node_id: None,
            org: self.org.clone(),
            payload_hash: Hash::ZERO,
            payload_version: 1,
            severity: None,
            tenant: self.tenant.clone(),
            ts: now,
            via: None,
        }
    }

    /// Signs an event at the next place, changed as the test wants it. The chain stays where it is.
    pub(crate) fn craft(&self, kind: Kind, value: &Value, change: impl FnOnce(&mut Header)) -> Event {
        let mut header = self.header(kind);
        change(&mut header);
        signed(header, value, &self.key)
    }

    /// Moves the chain over an event that took the next place.
    pub(crate) fn advance(&mut self, event: &Event) {
        let link = event.header.chain.unwrap();
        (self.epoch, self.next, self.head) = (link.epoch, link.seq + 1, event.hash());
    }

    /// The next event of the chain.
    pub(crate) fn event(&mut self, kind: Kind, value: &Value) -> Event {
        let event = self.craft(kind, value, |_| ());
        self.advance(&event);
        event
    }

    pub(crate) fn note(&mut self, text: &str) -> Event {
        self.event(Kind::Note, &json!({ "text": text }))
    }

    pub(crate) fn notes(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|i| self.note(&format!("note {i}"))).collect()
    }

    /// Begins a new epoch, as an agent does that was restored from a backup.
    pub(crate) fn open_epoch(&mut self) -> Event {
        let event = self.craft(Kind::ChainOpen, &json!({"reason": "restored"}), |header| {
            header.chain = Some(ChainLink { epoch: Epoch(random()), prev: self.introduction, seq: 0 });
        });
        self.advance(&event);
        event
    }
}

/// What an administrator of the machine says.
pub(crate) fn admin(ledger: &Ledger, org: &str, kind: Kind, value: Value) -> Event {
    let via = Via { method: name("admin"), subject: None };
    ledger.sign(&draft(Author::Service(name("admin")), via, org, kind, value)).unwrap()
}

pub(crate) fn draft(author: Author, via: Via, org: &str, kind: Kind, payload: Value) -> Draft {
    Draft {
        author,
        via,
        kind,
        org: name(org),
        tenant: None,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload,
    }
}

/// The introduction of a key with an enrolment token, as the service signs it for a node.
pub(crate) fn introduction(
    ledger: &Ledger,
    org: &str,
    author: &Author,
    node: &SigningKey,
    secret: &[u8; 32],
) -> Event {
    let token = token_hash(secret);
    let pop = node.sign(&node_possession_bytes(author, &node.public(), &ledger.id(), &token));
    let key_use = if matches!(author, Author::User(_)) { "device" } else { "node" };
    let payload = json!({"author": author, "key": node.public(), "pop": pop, "token": token, "use": key_use});
    let via = Via { method: name("enrolment"), subject: None };
    ledger.sign(&draft(Author::Service(name("ingest")), via, org, Kind::Key, payload)).unwrap()
}

/// Makes an enrolment token for an organisation.
pub(crate) fn token(ledger: &Ledger, org: &str, secret: &[u8; 32], uses: u64) -> Event {
    let payload = json!({
        "action": "create", "expires_at": Timestamp::from_millis(START + 86_400_000), "org": org,
        "token": token_hash(secret), "uses": uses,
    });
    admin(ledger, org, Kind::Enrolment, payload)
}

/// Enrols a node.
pub(crate) async fn enrol(place: &Place, ledger: &Ledger, org: &str) -> Node {
    let node = unenrolled(place, ledger, org);
    let secret = random();
    let author = Author::Node(node.id);
    let event = introduction(ledger, org, &author, &node.key, &secret);
    let introduction = event.hash();
    let events = vec![token(ledger, org, &secret, 1), event];
    all_recorded(&ledger.append_own(events, AppendOptions::default()).await.unwrap());
    Node { introduction, head: introduction, ..node }
}

/// A node that nobody has introduced.
pub(crate) fn unenrolled(place: &Place, ledger: &Ledger, org: &str) -> Node {
    Node {
        id: Uuid::v4(random()),
        key: SigningKey::from_seed(&random()),
        org: name(org),
        tenant: None,
        ledger: ledger.id(),
        introduction: Hash::ZERO,
        epoch: Epoch(random()),
        next: 0,
        head: Hash::ZERO,
        clock: Arc::clone(&place.clock),
    }
}

/// Appends and asks for proofs.
pub(crate) async fn append(ledger: &Ledger, events: Vec<Event>) -> Result<Appended, AppendError> {
    ledger.append(events, AppendOptions { inclusion: true, urgent: false }).await
}

/// The receipts, where every event was recorded.
#[track_caller]
pub(crate) fn all_recorded(appended: &Appended) -> Vec<Receipt> {
    appended
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Recorded(receipt) => receipt.clone(),
            Outcome::Refused { refused, .. } => panic!("refused: {}: {}", refused.code, refused.detail),
        })
        .collect()
}

/// Appends one event that must be recorded.
#[track_caller]
pub(crate) fn recorded(ledger: &Ledger, event: Event) -> impl Future<Output = Receipt> {
    let ledger = ledger.clone();
    async move { all_recorded(&append(&ledger, vec![event]).await.unwrap()).remove(0) }
}

/// The codes of an answer; `ok` and `again` for what was recorded.
pub(crate) fn codes(appended: &Appended) -> Vec<&'static str> {
    let code = |outcome: &Outcome| match outcome {
        Outcome::Recorded(receipt) if receipt.duplicate => "again",
        Outcome::Recorded(_) => "ok",
        Outcome::Refused { refused, .. } => refused.code.as_str(),
    };
    appended.outcomes.iter().map(code).collect()
}

/// Appends and gives the codes.
pub(crate) async fn appended_codes(ledger: &Ledger, events: Vec<Event>) -> Vec<&'static str> {
    codes(&append(ledger, events).await.unwrap())
}

/// Checks every receipt of an answer as a caller does: from its own event, trusting nothing else.
#[track_caller]
pub(crate) fn check_receipts(ledger_keys: &[PublicKey], events: &[Event], appended: &Appended) {
    use proofs::{Blake3, Checkpoint, TreeHash as _, tree::verify_inclusion};
    let verified = Checkpoint::open(appended.checkpoint.as_bytes(), ledger_keys, &[]).unwrap().checkpoint;
    assert_eq!(verified.size, appended.size);
    assert_eq!(events.len(), appended.outcomes.len());
    for (event, outcome) in events.iter().zip(&appended.outcomes) {
        let Outcome::Recorded(receipt) = outcome else { continue };
        assert_eq!(receipt.event_hash, event.hash());
        let position = spec::entry::Position {
            seq: receipt.seq,
            prev: receipt.prev,
            lane: receipt.lane,
            recorded_at: receipt.recorded_at,
        };
        let mut bytes = Vec::new();
        event.header.write(Some(&event.sig), &mut bytes);
        let mut entry = Vec::new();
        position.write_entry(&bytes, &mut entry);
        let leaf = Blake3::leaf(&entry);
        assert_eq!(leaf, receipt.leaf);
        verify_inclusion::<Blake3>(&leaf, receipt.seq, verified.size, &receipt.inclusion, &verified.root)
            .unwrap();
    }
}

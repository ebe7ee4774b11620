//! Opening a ledger: recovery, watermarks, repair, and the start of its threads.

use crate::clock::{Clock, ClockError, Recorder, check_start};
use crate::durable::DirLock;
use crate::fault::Fault;
use crate::genesis::{self, Plan};
use crate::group::GroupInProgress;
use crate::id_set::IdSet;
use crate::index::{Index, IndexedGroup, Rows};
use crate::inlets::inlets;
use crate::intake::Intake;
use crate::keyring::Keyring;
use crate::nodes_clock::{NodesClock, nodes_clock};
use crate::reader::{Query, ReadError, Reader};
use crate::recovery::{RecoverError, Recovered, recover};
use crate::seal::SealChain;
use crate::sequencer::{Habits, MAX_UNINDEXED_GROUPS, Sequencer, StoredSnapshot};
use crate::service::{Head, Inner, Ledger, Shared, run_index};
use crate::set_back::{SetBack, SetBackError, setting};
use crate::space::Room;
use crate::state::{Leaf, State};
use crate::stopped::Stopped;
use crate::storage::{Storage, StorageError, cut_place};
use crate::watermark::{COSIGNED_FILE, ROOT_FILE, Watermark};
use crate::witness_set::PlacedSet;
use crate::witnessing::{Cosigned, Witnessing};
use proofs::proofchain::ProofChainError;
use proofs::tile::{NodeSource, Tiles, root_at};
use proofs::{Blake3, Checkpoint, SigningKey};
use spec::entry::{Commit, Position, write_record};
use spec::payload::{Recovery, RecoveryAction};
use spec::{Domain, Hash, KeyUse, Kind, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

pub use crate::seal::{Digests, SealChainError};

/// The recovery keys under which the clock is set back.
pub type SetBackKeys = Vec<SigningKey>;

/// The way in which a ledger is opened.
#[derive(Debug)]
pub struct Options {
    /// Where the log lies.
    pub storage: Arc<dyn Storage>,
    /// Where the index lies.
    pub rows: Arc<dyn Rows>,
    /// The ledger's private keys.
    pub keys: Keyring,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Version to record starts, stops and being alive with; nothing is recorded without.
    pub service_version: Option<String>,
    /// Seconds between the heartbeats that the service asks nodes for: recorded with its start.
    pub heartbeat_secs: Option<u64>,
    /// Time between seals; none without.
    pub seal_every: Option<Duration>,
    /// Whether a missing or unreadable `ROOT.txt` is written anew.
    pub rebuild_root: bool,
    /// Whether a clock that is far ahead of the last entry is believed; the log records it.
    pub accept_clock: bool,
    /// Recovery keys under which the clock is set back, if entries were recorded at times that are still to come.
    pub set_back: Option<SetBackKeys>,
    /// Checkpoints of this ledger kept elsewhere: the log may not be shorter than any, nor differ from one.
    pub anchors: Vec<Anchor>,
    /// Projection digests for seals.
    pub digests: Option<Arc<dyn Digests>>,
    /// The writer's lock, held until the ledger is closed.
    pub lock: Option<DirLock>,
}

impl Options {
    /// A ledger that records nothing of itself, seals when asked to, and holds no lock.
    pub fn new(storage: Arc<dyn Storage>, rows: Arc<dyn Rows>, keys: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage,
            rows,
            keys,
            clock,
            service_version: None,
            heartbeat_secs: None,
            seal_every: None,
            rebuild_root: false,
            accept_clock: false,
            set_back: None,
            anchors: Vec::new(),
            digests: None,
            lock: None,
        }
    }
}

/// A checkpoint that somebody kept outside the data directory, against a directory put back as a whole.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// What to call it in an error.
    pub name: String,
    /// The signed note, as `ROOT.txt` holds it.
    pub note: Vec<u8>,
}

/// A report of what an open found and repaired.
#[derive(Debug, Clone, Default)]
pub struct OpenReport {
    /// Entries in the log.
    pub size: u64,
    /// Bytes cut from a torn tail.
    pub cut_bytes: u64,
    /// What was wrong with them.
    pub cut_fault: Option<Fault>,
    /// Whether `ROOT.txt` was written anew.
    pub rebuilt_root: bool,
    /// Whether the missing last row of `PROOFCHAIN.json` was added.
    pub repaired_seal: bool,
    /// How the clock was set back.
    pub set_back: Option<SetBack>,
    /// What the nodes' clocks say of the ledger's, where there are some.
    pub nodes_clock: Option<NodesClock>,
}

/// The reason why a ledger was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no ledger here.
    #[error("there is no ledger here; run `ledger init` or start with `--init`")]
    Empty,
    /// There is a ledger here already.
    #[error("there is a ledger here already")]
    Exists,
    /// The log is damaged.
    #[error("the log is damaged: {0}; nothing was changed; run `ledger verify` for the whole picture")]
    Damaged(Fault),
    /// The log is shorter than something that was signed or stored after it.
    #[error(
        "the log ends at size {size}, but {watermark}; nothing was changed; restore the missing entries, or start a new ledger that names this one as its predecessor"
    )]
    Behind {
        /// Where the log ends.
        size: u64,
        /// What says that it was longer, or different.
        watermark: String,
    },
    /// `ROOT.txt` is missing or unreadable beside a log that has entries.
    #[error(
        "ROOT.txt is {0} beside a log with entries; if that is known, open once with --rebuild-root, which is recorded"
    )]
    Root(String),
    /// A configured anchor is no checkpoint of this ledger.
    #[error("the anchor {name} is {problem}; nothing was changed")]
    Anchor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// `COSIGNED.txt` is no checkpoint of this ledger.
    #[error("COSIGNED.txt is {0}; nothing was changed; move it away if that is known: witnesses sign anew")]
    Cosigned(String),
    /// A private key is not the one the log names.
    #[error("the {0} key on disk is not the one the ledger names")]
    WrongKey(&'static str),
    /// The clock cannot be right, or nobody said that it is.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The clock cannot be set back.
    #[error(transparent)]
    SetBack(#[from] SetBackError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store or the operating system failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The proof chain cannot be used.
    #[error("PROOFCHAIN.json: {0}")]
    Seals(#[from] SealChainError),
    /// Entries could not be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A genesis of one's own making that does not pass admission.
    #[error("the genesis event is not admissible: {0}")]
    Genesis(String),
    /// What a crash left out of `PROOFCHAIN.json` could not be added.
    #[error(transparent)]
    Repair(Stopped),
    /// What was repaired could not be recorded.
    #[error(transparent)]
    Append(#[from] crate::intake::AppendError),
}

impl From<RecoverError> for OpenError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Storage(e) => Self::Storage(e),
            RecoverError::Fault(f) => Self::Damaged(f),
        }
    }
}

/// Writes entry 0 and the first checkpoint, and returns the ledger id.
pub async fn create(storage: &dyn Storage, plan: &Plan, now: Timestamp) -> Result<Hash, OpenError> {
    // A crash may have left the name of the first segment without a byte in it.
    if storage.segments().await?.iter().any(|segment| segment.len > 0) {
        return Err(OpenError::Exists);
    }
    let event = genesis::event(plan, now)?;
    let prepared = crate::intake::Prepared::new(event);
    let mut state = State::default();
    let candidate = crate::admission::Candidate {
        header: &prepared.header,
        event_hash: prepared.event_hash,
        identity: prepared.identity,
        payload: &prepared.payload.json,
        flaw: prepared.flaw,
        amiss: prepared.amiss,
    };
    if let crate::admission::Verdict::Refuse(refused) =
        state.admit(&candidate, now, &crate::admission::Found::default())
    {
        return Err(OpenError::Genesis(refused.detail));
    }
    let position: Position = state.next_position(&prepared.header.org, now);
    let mut group = Vec::new();
    let entry = write_record(&position, &prepared.event, Some(&prepared.payload), &mut group);
    let entry = group.get(entry).unwrap_or_default().to_vec();
    group.push(b'\n');
    state
        .apply(
            &prepared.header,
            prepared.event_hash,
            &position,
            Leaf::of(&entry),
            Some(&prepared.payload.json),
        )
        .map_err(|e| OpenError::Genesis(e.to_string()))?;
    Commit::of(&group, 1, state.tree.root()).write_line(&mut group);
    storage.append(0, 0, &group).await?;
    let note = state.checkpoint().sign(&plan.keys.checkpoint, now.secs()).to_string();
    storage.put(ROOT_FILE, note.as_bytes()).await?;
    Ok(state.ledger)
}

/// Opens a ledger for writing.
pub async fn open(options: Options) -> Result<(Ledger, OpenReport), OpenError> {
    let storage = Arc::clone(&options.storage);
    let index = Index::new(Arc::clone(&options.rows));
    if storage.segments().await?.iter().all(|s| s.len == 0) {
        return Err(OpenError::Empty);
    }
    let mut recovered = fold(&*storage, &index).await?;
    let mut report = OpenReport { size: recovered.state.size(), ..OpenReport::default() };
    if recovered.state.size() == 0 {
        return Err(OpenError::Damaged(
            recovered.tail.map_or_else(|| Fault::new("genesis", "no entries"), |t| t.fault),
        ));
    }
    check_keys(&recovered.state, &options.keys)?;
    let reader = Reader::new(Arc::clone(&storage), index.clone());
    let set_back = match &options.set_back {
        Some(keys) => Some(setting(&reader, &recovered.state, keys, options.clock.now())?),
        None => None,
    };
    let last = set_back.as_ref().map_or(recovered.state.last_recorded, |said| said.time);
    report.nodes_clock = nodes_clock(&reader, recovered.state.size()).await?;
    let nodes = report.nodes_clock.filter(|_| set_back.is_none());
    let is_far = check_start(&*options.clock, last, nodes.as_ref(), options.accept_clock)?;
    let authority = reader.authority(&recovered.state.authority_seqs).await?;
    let seals =
        SealChain::load(&*storage, recovered.state.ledger, &recovered.state.origin, authority).await?;
    let (root, cosigned) = check_watermarks(&*storage, &recovered, &index, &seals, &options.anchors).await?;
    report.rebuilt_root = match root {
        RootFile::Good => false,
        // A crash between entry 0 and the first ROOT.txt: nothing was ever acknowledged.
        RootFile::Bad(_) if options.rebuild_root || recovered.state.size() == 1 => recovered.state.size() > 1,
        RootFile::Bad(problem) => return Err(OpenError::Root(problem)),
    };
    if let Some(tail) = recovered.tail.take() {
        storage.cut(tail.segment, tail.offset).await?;
        report.cut_bytes = tail.bytes;
        report.cut_fault = Some(tail.fault.clone());
        tracing::warn!(bytes = tail.bytes, offset = tail.offset, "cut a torn tail: {}", tail.fault);
    }
    storage.rewrite_tail(recovered.segment.first, recovered.last_group).await?;
    let mut repairs = unrecorded_cuts(&*storage, &reader, recovered.state.size()).await?;
    if report.rebuilt_root {
        repairs.push(Recovery::plain(RecoveryAction::RebuildRoot));
    }
    if is_far {
        let last = Some(recovered.state.last_recorded);
        repairs.push(Recovery { last, ..Recovery::plain(RecoveryAction::AcceptClock) });
    }
    let ledger = start(options, recovered, Side { index, seals, reader, cosigned }, &mut report).await?;
    if let Some(said) = set_back {
        let payload = serde_json::to_value(&said).unwrap_or_default();
        let seq = ledger.append_statement(Kind::Clock, payload).await?;
        report.set_back = Some(SetBack { seq, said: Box::new(said) });
    }
    // What was repaired is itself an entry.
    for repair in repairs {
        let payload = serde_json::to_value(&repair).unwrap_or_default();
        ledger.append_statement(Kind::Recovery, payload).await?;
    }
    Ok((ledger, report))
}

/// Kept bytes of torn tails that no entry accounts for yet: those of this open, and those of an earlier one
/// that did not live to record them.
async fn unrecorded_cuts(
    storage: &dyn Storage,
    reader: &Reader,
    size: u64,
) -> Result<Vec<Recovery>, OpenError> {
    let mut cuts = Vec::new();
    for name in storage.list("log").await? {
        let Some((segment, offset)) = cut_place(&name) else { continue };
        let Some(bytes) = storage.get(&format!("log/{name}")).await? else { continue };
        cuts.push(Recovery {
            bytes: Some(bytes.len() as u64),
            hash: Some(Hash::of(Domain::CutTail, &[&bytes])),
            offset: Some(offset),
            segment: Some(segment),
            ..Recovery::plain(RecoveryAction::CutTail)
        });
    }
    let mut query = Query { kinds: vec![Kind::Recovery], to: size, limit: 1000, ..Query::default() };
    while !cuts.is_empty() {
        let page = reader.query(&query).await?;
        for record in &page.records {
            let said = record.payload.as_ref().and_then(|p| serde_json::from_str::<Recovery>(&p.json).ok());
            cuts.retain(|cut| said.as_ref() != Some(cut));
        }
        match page.next {
            Some(next) => query.from = next,
            None => break,
        }
    }
    Ok(cuts)
}

/// Folds the log from the index's snapshot, or from the start, and brings the index up to it.
async fn fold(storage: &dyn Storage, index: &Index) -> Result<Recovered, OpenError> {
    if let Some(recovered) = fold_on(storage, index).await? {
        return Ok(recovered);
    }
    tracing::warn!("the index is of another log; writing it anew");
    let stored = |e: crate::index::RowError| OpenError::Io(std::io::Error::other(e.to_string()));
    index.forget().map_err(stored)?;
    fold_on(storage, index).await?.ok_or(OpenError::Empty)
}

/// As [`fold`]; `None` if the index is not one of this log.
async fn fold_on(storage: &dyn Storage, index: &Index) -> Result<Option<Recovered>, OpenError> {
    let stored = |e: crate::index::RowError| OpenError::Io(std::io::Error::other(e.to_string()));
    let snapshot: Option<StoredSnapshot> =
        index.snapshot().map_err(stored)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let covered = index.head().map_err(stored)?;
    // Behind the head the index has no rows, so a snapshot taken there is of no use.
    let snapshot = snapshot.filter(|snapshot| {
        covered.is_some_and(|head| match snapshot.state.size() {
            size if size == head.size => snapshot.state.root() == Some(head.root),
            size => size < head.size,
        })
    });
    let begun = snapshot.as_ref().map_or(0, |snapshot| snapshot.state.size());
    let whole = snapshot.is_none();
    let mut pending: Vec<IndexedGroup> = Vec::new();
    let mut failed = None;
    let mut met = false;
    let mut taken_up = !whole;
    let recovered = recover(storage, snapshot, &mut |group, _| {
        met |= covered.is_some_and(|head| (head.size, head.root) == (group.size, group.root));
        // A snapshot that does not fit the log is passed over.
        taken_up &= group.size > begun;
        if !whole && covered.is_some_and(|head| group.size <= head.size) {
            return;
        }
        pending.push(group);
        if pending.len() >= 64 && failed.is_none() {
            failed = index.insert(&std::mem::take(&mut pending)).err();
        }
    })
    .await?;
    if let Some(error) = failed.or_else(|| index.insert(&pending).err()) {
        return Err(stored(error));
    }
    met |= taken_up && covered.is_some_and(|head| head.size == begun);
    let foreign = covered.is_some_and(|head| head.size <= recovered.state.size()) && !met && !whole;
    Ok((!foreign).then_some(recovered))
}

fn check_keys(state: &State, keys: &Keyring) -> Result<(), OpenError> {
    for (key_use, key) in [
        (KeyUse::Checkpoint, &keys.checkpoint),
        (KeyUse::CheckpointSha256, &keys.checkpoint_sha256),
        (KeyUse::Command, &keys.command),
        (KeyUse::Service, &keys.service),
    ] {
        if state.current_key(key_use) != Some(key.public()) {
            return Err(OpenError::WrongKey(key_use.as_str()));
        }
    }
    Ok(())
}

enum RootFile {
    Good,
    Bad(String),
}

/// The log must be at least as long as everything that was ever said of it, and agree with it.
async fn check_watermarks(
    storage: &dyn Storage,
    recovered: &Recovered,
    index: &Index,
    seals: &SealChain,
    anchors: &[Anchor],
) -> Result<(RootFile, Option<Cosigned>), OpenError> {
    let state = &recovered.state;
    let size = state.size();
    let behind = |watermark: String| OpenError::Behind { size, watermark };
    if let Some(head) = index.head().map_err(|e| std::io::Error::other(e.to_string()))?
        && head.size > size
    {
        return Err(behind(format!("the index covers {} entries", head.size)));
    }
    if seals.next_index() > state.seals.count {
        return Err(behind(format!("PROOFCHAIN.json has {} seals", seals.next_index())));
    }
    if let Some(row) = seals.last()
        && row.seq >= size
    {
        return Err(behind(format!("PROOFCHAIN.json has a seal at seq {}", row.seq)));
    }
    // The size on a note says which key must have signed it.
    let keys: Vec<_> =
        state.authority.iter().filter(|k| k.key_use == KeyUse::Checkpoint).map(|k| k.key).collect();
    let nodes = MemoryThenIndex { tree: &recovered.tree, index };
    let root_of = |size| {
        root_at::<Blake3>(&nodes, size)
            .map_err(|error| behind(format!("the index lacks tiles ({error}); run `ledger reindex`")))
    };
    if let Some(row) = seals.last() {
        let checkpoint = Checkpoint::open(row.checkpoint.as_bytes(), &keys, &[])
            .map_err(|source| ProofChainError::Checkpoint { index: row.index, source })
            .map_err(SealChainError::File)?
            .checkpoint;
        if root_of(row.seq + 1)? != checkpoint.root || checkpoint.size != row.seq + 1 {
            return Err(behind(format!("PROOFCHAIN.json names another root at size {}", row.seq + 1)));
        }
    }
    let rows = seals.next_index();
    // A crash between a seal and its row leaves the last row out, and nothing behind the seal.
    let one_missing = state.seals.count == rows + 1 && state.seals.last_seq + 1 == size;
    if state.seals.count > rows && !one_missing {
        return Err(SealChainError::Missing { rows, seals: state.seals.count }.into());
    }
    let witnesses: Vec<_> = state.witness_sets.iter().flat_map(PlacedSet::note_keys).collect();
    let check = |name: &str, note: &[u8]| {
        let verified = match Checkpoint::open(note, &keys, &witnesses) {
            Ok(verified) => verified.checkpoint,
            Err(error) => return Ok(Err(format!("not a checkpoint of this ledger ({error})"))),
        };
        if verified.size > size {
            return Err(behind(format!("{name} was signed at size {}", verified.size)));
        }
        if root_of(verified.size)? != verified.root || verified.origin != state.origin {
            return Err(behind(format!("{name} names another root at size {}", verified.size)));
        }
        Ok(Ok(verified.size))
    };
    for Anchor { name, note } in anchors {
        if let Err(problem) = check(name, note)? {
            return Err(OpenError::Anchor { name: name.clone(), problem });
        }
    }
    let mut cosigned = None;
    if let Some(bytes) = storage.get(COSIGNED_FILE).await? {
        let problem = |problem| OpenError::Cosigned(problem);
        let size = check(COSIGNED_FILE, &bytes)?.map_err(problem)?;
        let note = String::from_utf8(bytes).map_err(|e| OpenError::Cosigned(e.to_string()))?;
        cosigned = Some(Cosigned { size, note: note.into() });
    }
    let root = match storage.get(ROOT_FILE).await {
        Ok(Some(bytes)) => check(ROOT_FILE, &bytes)?.map_or_else(RootFile::Bad, |_| RootFile::Good),
        Ok(None) => RootFile::Bad("missing".to_owned()),
        Err(error) => RootFile::Bad(format!("unreadable ({error})")),
    };
    Ok((root, cosigned))
}

struct MemoryThenIndex<'a> {
    tree: &'a Tiles<Blake3>,
    index: &'a Index,
}

impl NodeSource for MemoryThenIndex<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.tree.node(level, index).or_else(|| self.index.stored_node(level, index))
    }
}

/// What stands beside the log.
struct Side {
    index: Index,
    seals: SealChain,
    reader: Reader,
    cosigned: Option<Cosigned>,
}

async fn start(
    options: Options,
    recovered: Recovered,
    side: Side,
    report: &mut OpenReport,
) -> Result<Ledger, OpenError> {
    let Side { index, seals, reader, cosigned } = side;
    let Recovered { mut state, tree, mut open_ids, closed, segment, .. } = recovered;
    open_ids.end_group();
    let checkpoint = state.checkpoint();
    let time = options.clock.now().max(state.last_recorded).secs();
    let note: Arc<str> = checkpoint.sign(&options.keys.checkpoint, time).to_string().into();
    let root = options.storage.put(ROOT_FILE, note.as_bytes()).await;
    let head = Head { size: state.size(), recorded_at: state.last_recorded, checkpoint, note };
    let shared = Arc::new(Shared::new(head, tree, &state, index));
    match root {
        // On a full disk the ledger is there to be read; the checkpoint that is on it stays what it was.
        Err(error) if shared.space.look(options.storage.space()) == Room::Gone => {
            tracing::warn!(%error, "the disk is full: the ledger is opened for reading");
        }
        written => written?,
    }
    let (messages, inbox) = inlets();
    let (index_sender, index_inbox) = mpsc::channel(MAX_UNINDEXED_GROUPS);
    let intake = Intake::start(&messages)?;
    let (ledger, origin) = (state.ledger, state.origin.clone());
    let watermark = Watermark::start(Arc::clone(&options.storage))?;
    let witnessing = Witnessing::new(cosigned, watermark.notes());
    let ids = Arc::new(IdSet::new(open_ids, closed));
    let mut sequencer = Sequencer {
        snapshot_at: state.size(),
        state,
        storage: Arc::clone(&options.storage),
        keys: options.keys.clone(),
        clock: Arc::clone(&options.clock),
        recorder: Recorder::new(),
        segment,
        ids: Arc::clone(&ids),
        shared: Arc::clone(&shared),
        watermark,
        index: index_sender,
        seals,
        reader: reader.clone(),
        habits: Habits {
            seal_every: options.seal_every,
            service_version: options.service_version.clone(),
            heartbeat_secs: options.heartbeat_secs,
        },
        digests: options.digests.clone(),
        group: GroupInProgress::default(),
        stopping: false,
    };
    report.repaired_seal = sequencer.repair_seal().await.map_err(OpenError::Repair)?;
    let mut threads = Vec::new();
    let index_shared = Arc::clone(&shared);
    threads.push(spawn("sequencer", move || {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(sequencer.run(inbox)),
            Err(error) => sequencer.shared.poison(&error.into()),
        }
    })?);
    threads.push(spawn("index", move || run_index(index_inbox, &index_shared))?);
    let inner = Inner {
        ledger,
        origin,
        keys: options.keys,
        clock: options.clock,
        intake,
        ids,
        storage: options.storage,
        shared,
        reader,
        witnessing,
        messages,
        threads: Mutex::new(threads),
        lock: Mutex::new(options.lock),
        packing: tokio::sync::Mutex::default(),
    };
    Ok(Ledger { inner: Arc::new(inner) })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

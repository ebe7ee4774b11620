//! The running ledger: what callers hold.

use crate::durable::DirLock;
use crate::group::Changes;
use crate::id_set::IdSet;
use crate::index::{Index, IndexedGroup};
use crate::inlets::Inlets;
use crate::intake::{AppendError, AppendOptions, Appended, Intake, Meter, Signer};
use crate::keyring::{Keyring, random};
use crate::organisations::Organisations;
use crate::reader::{ReadError, Reader};
use crate::sequencer::Message;
use crate::space::{Room, Watched};
use crate::state::{EnrolmentState, KeyRecord, State, TokenState, canonical_bytes, key_path, key_value};
use crate::stopped::Stopped;
use crate::storage::{Shrunk, Storage};
use crate::witness_set::PlacedSet;
use crate::witnessing::Witnessing;
use proofs::tile::{
    InclusionProofs, MissingNode, NodeSource, Tile, TileId, Tiles, consistency_proof, inclusion_proof,
    root_at,
};
use proofs::tree::{Frontier, Range};
use proofs::{Blake3, Checkpoint, SparseMap};
use spec::event::Payload;
use spec::payload::{CommandOrder, command_bytes};
use spec::{
    Author, Event, Hash, Header, KeyUse, Kind, Name, PublicKey, Severity, Signature, Timestamp, Uuid, Via,
    canonical,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

pub use crate::metrics::{APPEND_BUCKETS_MS, Metrics};

/// The ledger as it was when the last group became durable.
#[derive(Debug, Clone)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// `recorded_at` of the last.
    pub recorded_at: Timestamp,
    /// What the checkpoint says.
    pub checkpoint: Checkpoint,
    /// The checkpoint, signed.
    pub note: Arc<str>,
}

/// Knowledge of who may do what, as of the head: for the checks that do not need a position.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Keys.
    pub keys: BTreeMap<PublicKey, KeyRecord>,
    /// Which key speaks for an author.
    pub authors: BTreeMap<Author, PublicKey>,
    /// API tokens.
    pub tokens: BTreeMap<Uuid, TokenState>,
    /// Enrolment tokens.
    pub enrolments: BTreeMap<Hash, EnrolmentState>,
    /// Organisations, their people, and how people are let in.
    pub organisations: Arc<Organisations>,
    /// Seqs of genesis and of each change of the ledger's keys or its witness set.
    pub authority_seqs: Vec<u64>,
    /// Leaf of the last of these changes.
    pub last_change: Hash,
    /// The witness sets in the order in which they were named.
    pub witness_sets: Vec<PlacedSet>,
    /// The map of keys that checkpoints commit to.
    pub key_map: SparseMap,
}

/// Leaves whose tiles stay in memory though the index has them, about 4 MiB: receipts prove entries that
/// were written just now, as many as the queue holds, and a stored tile has to be hashed up again.
const RECENT_LEAVES: u64 = crate::intake::MAX_QUEUED_EVENTS as u64;

/// How often a close looks whether the segment that is being packed is done; that takes about a second.
const PACKING_PAUSE: Duration = Duration::from_millis(5);

/// What the sequencer shares with everyone who reads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) head: watch::Sender<Arc<Head>>,
    pub(crate) metrics: Metrics,
    pub(crate) space: Watched,
    tree: RwLock<Tiles<Blake3>>,
    directory: RwLock<Directory>,
    index: Index,
    poisoned: OnceLock<Stopped>,
    snapshot: Mutex<Option<Vec<u8>>>,
}

impl Shared {
    pub(crate) fn new(head: Head, tree: Tiles<Blake3>, state: &State, index: Index) -> Self {
        let shared = Self {
            head: watch::Sender::new(Arc::new(head)),
            metrics: Metrics::default(),
            space: Watched::default(),
            tree: RwLock::new(tree),
            directory: RwLock::default(),
            index,
            poisoned: OnceLock::new(),
            snapshot: Mutex::default(),
        };
        shared.update_directory(state, &Changes::all(state));
        shared
    }

    /// Adds leaves to the tree that readers see and returns the tiles that became full.
    pub(crate) fn extend_tree(&self, leaves: &[Hash]) -> Vec<(TileId, Arc<Tile>)> {
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let before = tree.size();
        for leaf in leaves {
            tree.push(*leaf);
        }
        let full = |id: &TileId| (id.index + 1).saturating_mul(256u64.saturating_pow(id.level + 1)) > before;
        tree.finished().filter(|(id, _)| full(id)).map(|(id, tile)| (id, Arc::clone(tile))).collect()
    }

    pub(crate) fn edge_rows(&self) -> Vec<Vec<Hash>> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).edge_rows()
    }

    /// Inclusion proofs in the tree of `size`. All that memory holds is read under one lock; what it does
    /// not hold is read from the index, without.
    pub(crate) fn inclusion_proofs(
        &self,
        seqs: impl Iterator<Item = u64>,
        size: u64,
    ) -> Result<Vec<Vec<Hash>>, MissingNode> {
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        let in_memory = InclusionProofs::new::<Blake3>(&*tree, size).ok();
        let found: Vec<(u64, Option<Vec<Hash>>)> =
            seqs.map(|seq| (seq, in_memory.as_ref().and_then(|proofs| proofs.proof(seq).ok()))).collect();
        drop(tree);
        let prove = |seq| inclusion_proof::<Blake3>(&SharedNodes(self), seq, size);
        found.into_iter().map(|(seq, proof)| proof.map_or_else(|| prove(seq), Ok)).collect()
    }

    /// Tree nodes for proofs. The lock is held for one look into memory, never for a read from disk.
    pub(crate) fn with_nodes<T>(&self, use_nodes: impl FnOnce(&SharedNodes<'_>) -> T) -> T {
        use_nodes(&SharedNodes(self))
    }

    /// The right edge of the tree of `size`.
    fn edge_at(&self, size: u64) -> Option<Frontier<Blake3>> {
        let nodes = Range { start: 0, end: size }.nodes();
        let roots: Option<Vec<Hash>> =
            nodes.into_iter().map(|(level, index)| SharedNodes(self).node(level, index)).collect();
        Frontier::from_parts(size, roots?)
    }

    pub(crate) fn update_directory(&self, state: &State, changes: &Changes) {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        let of_witnesses =
            changes.witnesses.then(|| state.keys.iter().filter(|(_, r)| r.key_use == KeyUse::Witness));
        let witnesses: Vec<PublicKey> = of_witnesses.into_iter().flatten().map(|(key, _)| *key).collect();
        for key in changes.keys.iter().chain(&witnesses) {
            if let Some(record) = state.keys.get(key) {
                // What changes may be a key that its author has left behind.
                if let Some(author) = &record.author
                    && let Some(current) = state.authors.get(author)
                {
                    directory.authors.insert(author.clone(), *current);
                }
                directory.keys.insert(*key, record.clone());
                directory.key_map.insert(&key_path(key), &canonical_bytes(&key_value(record)));
            }
        }
        for id in &changes.tokens {
            if let Some(token) = state.tokens.get(id) {
                directory.tokens.insert(*id, token.clone());
            }
        }
        for hash in &changes.enrolments {
            if let Some(token) = state.enrolments.get(hash) {
                directory.enrolments.insert(*hash, token.clone());
            }
        }
        directory.organisations = Arc::clone(&state.organisations);
        directory.authority_seqs.clone_from(&state.authority_seqs);
        directory.last_change = state.last_change;
        directory.witness_sets.clone_from(&state.witness_sets);
    }

    pub(crate) fn store_snapshot(&self, snapshot: &[u8]) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.to_vec());
    }

    pub(crate) fn take_snapshot(&self) -> Option<Vec<u8>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn poison(&self, stopped: &Stopped) {
        // The first error is the one that matters.
        let _ = self.poisoned.set(stopped.clone());
    }
}

/// The nodes of the tree that readers see.
#[derive(Debug)]
pub(crate) struct SharedNodes<'a>(&'a Shared);

impl NodeSource for SharedNodes<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let in_memory = self.0.tree.read().unwrap_or_else(PoisonError::into_inner).node(level, index);
        in_memory.or_else(|| self.0.index.stored_node(level, index))
    }
}

/// An event to be signed by the service on behalf of an author without a key.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who speaks.
    pub author: Author,
    /// How that was established.
    pub via: Via,
    /// What kind of fact it is.
    pub kind: Kind,
    /// The organisation.
    pub org: Name,
    /// The tenant.
    pub tenant: Option<Name>,
    /// The node it is about.
    pub node_id: Option<Uuid>,
    /// How grave it is.
    pub severity: Option<Severity>,
    /// When it happened; now, if absent.
    pub ts: Option<Timestamp>,
    /// Its id, for resends; a fresh one, if absent.
    pub id: Option<Uuid>,
    /// The payload.
    pub payload: serde_json::Value,
}

/// The reason why a draft cannot become an event.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The payload has no canonical form.
    #[error("payload: {0}")]
    Canonical(#[from] canonical::WriteError),
    /// The payload does not fit its kind.
    #[error("payload: {0}")]
    Payload(#[from] spec::payload::PayloadError),
    /// The id is not one of version 7.
    #[error("the id {0} is not a UUID of version 7")]
    Id(Uuid),
    /// The payload is too large.
    #[error("payload is {0} bytes; at most 1,048,576 are allowed")]
    TooLarge(usize),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] std::io::Error),
}

/// A running ledger. Cheap to clone. [`Ledger::close`] stops it; so does dropping the last clone, without a
/// seal.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) ledger: Hash,
    pub(crate) origin: String,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn crate::clock::Clock>,
    pub(crate) intake: Intake,
    pub(crate) ids: Arc<IdSet>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Reader,
    pub(crate) witnessing: Witnessing,
    pub(crate) messages: Inlets,
    pub(crate) threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    pub(crate) lock: Mutex<Option<DirLock>>,
    /// Held while a segment is packed, so that the directory's lock outlasts it; true once the ledger is closed.
    pub(crate) packing: tokio::sync::Mutex<bool>,
}

impl Ledger {
    /// The ledger id: leaf of entry 0.
    pub fn id(&self) -> Hash {
        self.inner.ledger
    }

    /// `<name>/<ledger id>/blake3`.
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// The verifier key of the ledger's checkpoints, as a vkey.
    pub fn log_vkey(&self) -> String {
        proofs::checkpoint::ledger_key(&self.inner.origin, self.inner.keys.checkpoint.public()).to_string()
    }

    /// The service's public key.
    pub fn service_key(&self) -> PublicKey {
        self.inner.keys.service.public()
    }

    /// The public key that is in use for one of the ledger's own purposes.
    pub fn current_key(&self, key_use: KeyUse) -> PublicKey {
        let keys = &self.inner.keys;
        match key_use {
            KeyUse::Checkpoint => keys.checkpoint.public(),
            KeyUse::CheckpointSha256 => keys.checkpoint_sha256.public(),
            KeyUse::Command => keys.command.public(),
            _ => keys.service.public(),
        }
    }

    /// The ledger's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Appends signed events and says of each what became of it, in order.
    ///
    /// On return every recorded event is durable, under a signed checkpoint, and provable. Events of one
    /// chain must be in order; after one that is refused the rest of its chain is `blocked`.
    ///
    /// # Errors
    /// [`AppendError::Full`]: nothing was written; send the same bytes later. [`AppendError::Poisoned`]:
    /// whether the events are in the log is unknown until it is reopened.
    pub async fn append(&self, events: Vec<Event>, options: AppendOptions) -> Result<Appended, AppendError> {
        self.inner.check_space(Room::Enough)?;
        self.inner.intake.append(events, Signer::Authors(None), options).await
    }

    /// The same for what has to be paid for: `meter` is asked once the signatures are known to hold.
    ///
    /// # Errors
    /// [`AppendError::TooMuch`]: nothing was written. Else as [`Ledger::append`].
    pub async fn append_metered(
        &self,
        events: Vec<Event>,
        options: AppendOptions,
        meter: Arc<dyn Meter>,
    ) -> Result<Appended, AppendError> {
        self.inner.check_space(Room::Enough)?;
        self.inner.intake.append(events, Signer::Authors(Some(meter)), options).await
    }

    /// Appends events this process has just signed itself with [`Ledger::sign`]. They are taken also while the disk is
    /// nearly full, as long as there is something left: whoever signs for callers asks [`Ledger::room`] first.
    pub async fn append_own(
        &self,
        events: Vec<Event>,
        options: AppendOptions,
    ) -> Result<Appended, AppendError> {
        self.inner.check_space(Room::Short)?;
        let own = self.service_key();
        let trusted = events.iter().all(|event| event.header.key == own);
        let signer = if trusted { Signer::Own } else { Signer::Authors(None) };
        self.inner.intake.append(events, signer, options).await
    }

    /// Signs a draft with the service key. The payload's schema is checked.
    ///
    /// A draft with an id becomes the same event every time, so that it can be sent again: its salt is
    /// derived from the service key and everything else it says, and its time, if absent, is that of its id.
    pub fn sign(&self, draft: &Draft) -> Result<Event, DraftError> {
        if let Some(id) = draft.id.filter(|id| id.version() != 7) {
            return Err(DraftError::Id(id));
        }
        let json = canonical::to_vec(&draft.payload)?;
        if json.len() > spec::limits::MAX_PAYLOAD_BYTES {
            return Err(DraftError::TooLarge(json.len()));
        }
        let json: Box<str> = String::from_utf8(json).unwrap_or_default().into();
        // The oldest version that can say it: a draft sent again after an update is still the same event.
        let payload_version = draft.kind.payload_version(&json)?;
        let now = self.now();
        let mut header = Header {
            author: draft.author.clone(),
            chain: None,
            id: match draft.id {
                Some(id) => id,
                None => Uuid::v7(now, random()?),
            },
            key: self.service_key(),
            kind: draft.kind.clone(),
            ledger: self.inner.ledger,
            node_id: draft.node_id,
            org: draft.org.clone(),
            payload_hash: Hash::ZERO,
            payload_version,
            severity: draft.severity,
            tenant: draft.tenant.clone(),
            ts: draft.ts.or_else(|| draft.id?.time()).unwrap_or(now),
            via: Some(draft.via.clone()),
        };
        let salt = match draft.id {
            Some(_) => derived_salt(self.inner.keys.service.seed(), &header, &json),
            None => Hash(random()?),
        };
        let payload = Payload { json, salt };
        header.payload_hash = payload.hash();
        let sig = self.inner.keys.service.sign(&header.signing_bytes());
        Ok(Event { header, sig, payload })
    }

    /// The signature of the ledger's command key under an order.
    pub fn sign_order(&self, order: &CommandOrder) -> Signature {
        self.inner.keys.command.sign(&command_bytes(order, &self.inner.ledger))
    }

    /// Appends a seal; `None` if nothing but a seal happened since the last one.
    pub async fn seal(&self) -> Result<Option<u64>, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.inner.messages.others.send(Message::Seal(reply)).map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::unanswered())?
    }

    /// Appends an entry of a kind that only the ledger itself may say.
    ///
    /// # Errors
    /// [`AppendError::Refused`]: nothing was written, and the ledger goes on.
    pub async fn append_statement(&self, kind: Kind, payload: serde_json::Value) -> Result<u64, AppendError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Own(kind, payload, reply);
        self.inner.messages.others.send(message).map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::unanswered())?
    }

    /// The head, and word of each new one.
    pub fn head(&self) -> watch::Receiver<Arc<Head>> {
        self.inner.shared.head.subscribe()
    }

    /// Runs a look-up in who may do what. Keep it short: new keys and tokens wait for it.
    pub fn directory<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.inner.shared.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads entries beside the writer.
    pub fn reader(&self) -> &Reader {
        &self.inner.reader
    }

    /// The proof that entry `seq` is in the ledger at `size`.
    pub fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<Hash>, MissingNode> {
        self.inner.shared.with_nodes(|nodes| inclusion_proof::<Blake3>(nodes, seq, size))
    }

    /// The proof that the ledger at `new` extends the ledger at `old`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, MissingNode> {
        self.inner.shared.with_nodes(|nodes| consistency_proof::<Blake3>(nodes, old, new))
    }

    /// The root of the tree of the first `size` entries.
    pub fn root_at(&self, size: u64) -> Result<Hash, MissingNode> {
        self.inner.shared.with_nodes(|nodes| root_at::<Blake3>(nodes, size))
    }

    /// Packs the oldest segment that is closed and lies there as lines; says which, and what it came to. Blocks while
    /// it packs: about a second a segment.
    ///
    /// # Errors
    /// Nothing is lost: the segment stays as it is, or is there in both forms until this is called again.
    pub async fn pack_next(&self) -> Result<Option<(u64, Shrunk)>, ReadError> {
        let closed = self.inner.packing.lock().await;
        if *closed {
            return Ok(None);
        }
        self.inner.reader.pack_next(|size| self.inner.shared.edge_at(size)).await
    }

    /// What is offered to witnesses, and what they have signed.
    pub fn witnessing(&self) -> &Witnessing {
        &self.inner.witnessing
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.shared.metrics
    }

    /// Events that wait for their answer.
    pub fn queue_depth(&self) -> usize {
        self.inner.intake.depth()
    }

    /// How much is still taken, as the disk was when somebody looked last.
    pub fn room(&self) -> Room {
        self.inner.shared.space.room()
    }

    /// Looks at the disk: how much is taken from now on.
    pub fn look_at_space(&self) -> Room {
        self.inner.shared.space.look(self.inner.storage.space())
    }

    /// Why the ledger accepts nothing more, if so.
    pub fn poisoned(&self) -> Option<&Stopped> {
        self.inner.shared.poisoned.get()
    }

    /// Stops: what waits is finished, a seal is appended if `seal`, `ROOT.txt` is written, files are closed.
    ///
    /// Blocks until done. Later calls do nothing.
    pub fn close(&self, seal: bool) {
        self.inner.close(seal);
    }
}

impl Inner {
    /// Refuses what is taken only with so much room.
    fn check_space(&self, least: Room) -> Result<(), AppendError> {
        if self.shared.space.room() <= least { Ok(()) } else { Err(AppendError::NoSpace) }
    }

    fn close(&self, seal: bool) {
        self.intake.close();
        // A sequencer that has ended on its own has nothing left to stop.
        let _ = self.messages.others.send(Message::Stop { seal });
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the ledger panicked");
            }
        }
        // This may be a thread of a runtime, which must not wait on it in any other way.
        loop {
            if let Ok(mut closed) = self.packing.try_lock() {
                *closed = true;
                break;
            }
            std::thread::sleep(PACKING_PAUSE);
        }
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The lock is released only after the last thread has ended, however the ledger goes out of use.
impl Drop for Inner {
    fn drop(&mut self) {
        self.close(false);
    }
}

/// A salt that nobody without the service key can guess, and that only the very same draft has.
fn derived_salt(seed: &[u8; 32], header: &Header, payload: &str) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("VaultMesh 2026-11-22 salt of a draft with an id");
    hasher.update(seed).update(&header.signing_bytes()).update(payload.as_bytes());
    Hash(*hasher.finalize().as_bytes())
}

/// Takes in committed groups until the sequencer ends, then makes the index durable.
pub(crate) fn run_index(mut groups: mpsc::Receiver<IndexedGroup>, shared: &Shared) {
    let mut failed = false;
    while let Some(first) = groups.blocking_recv() {
        if failed {
            continue;
        }
        let mut batch = vec![first];
        while batch.len() < 64
            && let Ok(next) = groups.try_recv()
        {
            batch.push(next);
        }
        match shared.index.insert(&batch) {
            Ok(()) => {
                let size = batch.last().map_or(0, |group| group.size);
                shared
                    .tree
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .forget_below(size.saturating_sub(RECENT_LEAVES));
            }
            Err(error) => {
                // Later groups would move the head over the gap, and no open would fill it.
                failed = true;
                tracing::error!(%error, "the index ends here; reads fall back to the segments");
            }
        }
    }
    if failed {
        return;
    }
    let finish = || {
        if let Some(snapshot) = shared.take_snapshot() {
            shared.index.store_snapshot(&snapshot)?;
        }
        shared.index.sync()
    };
    if let Err(error) = finish() {
        tracing::error!(%error, "the index could not be closed; the next open rebuilds what is missing");
    }
}

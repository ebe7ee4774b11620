//! The ledger's own state: a pure fold over its entries, on which admission rests.
//!
//! [`State::admit`] (in `admission`) decides, [`State::apply`] records. The sequencer runs both at the
//! head; recovery runs `apply`, the auditor both, over what is on disk. Everything here can be computed
//! again from the log by anyone.

mod key_record;

use crate::organisations::Organisations;
use crate::witness_set::PlacedSet;
use proofs::map::{self, SparseMap};
use proofs::{Blake3, Checkpoint, Frontier, Sha256, TreeHash as _, checkpoint};
use serde::{Deserialize, Serialize};
use spec::entry::{Lane, Position};
use spec::payload::{
    Admission, Authority, Enrolment, Genesis, KeyChange, KeyIntroduction, KeyRotation, KeyStatus,
    RecoveryKeys, Refusal, Role, Token,
};
use spec::rules::ADMISSION_VERSION;
use spec::{Author, Domain, Hash, Header, KeyUse, Kind, Name, PublicKey, Timestamp, Uuid, canonical};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use key_record::{Chain, KeyRecord};
pub use spec::LEDGER_ORG;

/// Version of the admission rules of snapshots that do not say.
const FIRST_ADMISSION_VERSION: u64 = 1;

/// An organisation's run of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// How many entries it has.
    pub count: u64,
    /// Leaf of the last.
    pub last: Hash,
}

/// An enrolment token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentState {
    /// Organisation a node joins.
    pub org: Name,
    /// Tenant.
    pub tenant: Option<Name>,
    /// Keys it may still introduce.
    pub uses_left: u64,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
    /// What the keys are for, if the token says so.
    #[serde(default)]
    pub key_use: Option<KeyUse>,
    /// The one node that it introduces.
    #[serde(default)]
    pub node: Option<Uuid>,
}

impl EnrolmentState {
    /// Whether it introduces a key of this use for this author. One that does not say is for nodes.
    pub fn is_for(&self, key_use: KeyUse, author: &Author) -> bool {
        self.key_use.unwrap_or(KeyUse::Node) == key_use
            && self.node.is_none_or(|node| *author == Author::Node(node))
    }
}

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    /// Organisation it is good for.
    pub org: Name,
    /// What it may do.
    pub role: Role,
    /// What it is for.
    pub label: String,
    /// `BLAKE3(14 ‖ secret)`.
    pub secret: Hash,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl TokenState {
    /// Whether the token is good at a time.
    pub fn live_at(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }
}

/// One of the ledger's own keys over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityKey {
    /// What it is for.
    pub key_use: KeyUse,
    /// The key.
    pub key: PublicKey,
    /// Seq of the entry that named it.
    pub from: u64,
}

/// The ledger's seals so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SealState {
    /// How many there are.
    pub count: u64,
    /// Leaf of the last, or zeros.
    pub last: Hash,
    /// Seq of the last; meaningless while there is none.
    pub last_seq: u64,
}

/// The state that admission and checkpoints rest on, after the first `size()` entries.
#[derive(Debug, Clone)]
pub struct State {
    /// The ledger id: leaf of entry 0. Zeros while there is none.
    pub ledger: Hash,
    /// Version of the admission rules that the next entry is judged by.
    pub admission: u64,
    /// `<name>/<ledger id>/blake3`.
    pub origin: String,
    /// Leaf of the last entry.
    pub head: Hash,
    /// `recorded_at` of the last entry.
    pub last_recorded: Timestamp,
    /// Keys.
    pub keys: BTreeMap<PublicKey, KeyRecord>,
    /// Which key speaks for an author.
    pub authors: BTreeMap<Author, PublicKey>,
    /// Organisations.
    pub lanes: BTreeMap<Name, LaneState>,
    /// Enrolment tokens by hash.
    pub enrolments: BTreeMap<Hash, EnrolmentState>,
    /// API tokens by id.
    pub tokens: BTreeMap<Uuid, TokenState>,
    /// Organisations, their people, and how people are let in. Shared with those who read.
    pub organisations: Arc<Organisations>,
    /// The ledger's keys in the order in which they were named.
    pub authority: Vec<AuthorityKey>,
    /// Seqs of genesis and of each change of the ledger's keys or its witness set.
    pub authority_seqs: Vec<u64>,
    /// Leaf of the last of these changes, or the ledger id.
    pub last_change: Hash,
    /// The witness sets in the order in which they were named.
    pub witness_sets: Vec<PlacedSet>,
    /// The recovery keys.
    pub recovery: Option<RecoveryKeys>,
    /// Seals.
    pub seals: SealState,
    /// The native tree.
    pub tree: Frontier<Blake3>,
    /// The SHA-256 face.
    pub sha256: Frontier<Sha256>,
    key_map: SparseMap,
    lane_map: SparseMap,
    stale_lanes: BTreeSet<Name>,
}

/// J(entry) with its leaf: whoever read or wrote the entry has hashed it already.
#[derive(Debug, Clone, Copy)]
pub struct Leaf<'a> {
    /// `BLAKE3(00 ‖ bytes)`.
    pub hash: Hash,
    /// J(entry).
    pub bytes: &'a [u8],
}

impl<'a> Leaf<'a> {
    /// Hashes J(entry).
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { hash: Blake3::leaf(bytes), bytes }
    }
}

/// A fault of the fold itself: the payload of a kind that state rests on cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("payload of {kind}: {problem}")]
pub struct ApplyError {
    /// The kind.
    pub kind: String,
    /// What is wrong.
    pub problem: String,
}

impl Default for State {
    fn default() -> Self {
        Self {
            ledger: Hash::ZERO,
            admission: FIRST_ADMISSION_VERSION,
            origin: String::new(),
            head: Hash::ZERO,
            last_recorded: Timestamp::default(),
            keys: BTreeMap::new(),
            authors: BTreeMap::new(),
            lanes: BTreeMap::new(),
            enrolments: BTreeMap::new(),
            tokens: BTreeMap::new(),
            organisations: Arc::default(),
            authority: Vec::new(),
            authority_seqs: Vec::new(),
            last_change: Hash::ZERO,
            witness_sets: Vec::new(),
            recovery: None,
            seals: SealState::default(),
            tree: Frontier::default(),
            sha256: Frontier::default(),
            key_map: SparseMap::default(),
            lane_map: SparseMap::default(),
            stale_lanes: BTreeSet::new(),
        }
    }
}

impl State {
    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The place the next entry of `org` takes.
    pub fn next_position(&self, org: &Name, recorded_at: Timestamp) -> Position {
        let lane = self
            .lanes
            .get(org)
            .map_or(Lane { n: 0, prev: Hash::ZERO }, |lane| Lane { n: lane.count, prev: lane.last });
        Position { seq: self.size(), prev: self.head, lane, recorded_at }
    }

    /// The checkpoint of the present size. Recomputes the lane map where it changed.
    pub fn checkpoint(&mut self) -> Checkpoint {
        for org in std::mem::take(&mut self.stale_lanes) {
            if let Some(lane) = self.lanes.get(&org) {
                self.lane_map
                    .insert(&map::path(Domain::LanePath, org.as_str().as_bytes()), &lane_value(*lane));
            }
        }
        Checkpoint {
            origin: self.origin.clone(),
            size: self.size(),
            root: self.tree.root(),
            keys: self.key_map.root(),
            lanes: self.lane_map.root(),
            sha256: self.sha256.root(),
        }
    }

    /// The checkpoint of the present size, without remembering the work done for it.
    pub fn checkpoint_now(&self) -> Checkpoint {
        self.clone_for_checkpoint().checkpoint()
    }

    fn clone_for_checkpoint(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            lanes: self.lanes.clone(),
            tree: self.tree.clone(),
            sha256: self.sha256.clone(),
            key_map: self.key_map.clone(),
            lane_map: self.lane_map.clone(),
            stale_lanes: self.stale_lanes.clone(),
            ..Self::default()
        }
    }

    /// The ledger's key of a use that is current after the entries so far.
    pub fn current_key(&self, key_use: KeyUse) -> Option<PublicKey> {
        self.authority.iter().rev().find(|k| k.key_use == key_use).map(|k| k.key)
    }

    /// The map of keys that checkpoints commit to.
    pub fn key_map(&self) -> &SparseMap {
        &self.key_map
    }

    /// What a seal commits to beside the tree: everything admission rests on, as map roots.
    pub fn admission_digest(&self) -> Hash {
        let mut chains = SparseMap::default();
        for (key, record) in &self.keys {
            if let Some(epoch) = record.chain.epoch {
                let value = serde_json::json!({
                    "closed": record.chain.closed, "epoch": epoch, "head": record.chain.head,
                    "marks": record.chain.marks, "next": record.chain.next,
                });
                chains.insert(&key_path(key), &canonical_bytes(&value));
            }
        }
        let mut tokens = SparseMap::default();
        for (hash, token) in &self.enrolments {
            let value = without_nulls(serde_json::json!({
                "expires_at": token.expires_at, "node": token.node, "org": token.org, "revoked": token.revoked,
                "tenant": token.tenant, "use": token.key_use, "uses_left": token.uses_left,
            }));
            tokens.insert(&map::path(Domain::KeyPath, &hash.0), &canonical_bytes(&value));
        }
        let mut roles = SparseMap::default();
        for (id, token) in &self.tokens {
            let value = without_nulls(serde_json::json!({
                "expires_at": token.expires_at, "org": token.org, "revoked": token.revoked,
                "role": token.role, "secret": token.secret,
            }));
            roles.insert(&map::path(Domain::KeyPath, id.as_bytes()), &canonical_bytes(&value));
        }
        let (organisations, providers) = self.organisations.roots();
        let digest = without_nulls(serde_json::json!({
            "chains": chains.root(), "organisations": organisations, "providers": providers,
            "roles": roles.root(), "tokens": tokens.root(), "version": self.admission,
        }));
        Hash::of(Domain::Admission, &[&canonical_bytes(&digest)])
    }

    /// Records an entry: its bytes in both trees, its effect on keys, chains and tokens.
    ///
    /// The caller has checked that the position is the next one.
    pub fn apply(
        &mut self,
        header: &Header,
        event_hash: Hash,
        position: &Position,
        entry: Leaf<'_>,
        payload: Option<&str>,
    ) -> Result<(), ApplyError> {
        let Leaf { hash: leaf, bytes } = entry;
        let seq = position.seq;
        self.apply_kind(header, event_hash, seq, leaf, payload)?;
        if let Some(link) = &header.chain
            && let Some(record) = self.keys.get_mut(&header.key)
        {
            record.chain.advance(link.epoch, link.seq, event_hash);
        }
        self.tree.push(leaf);
        self.sha256.push(Sha256::leaf(bytes));
        self.head = leaf;
        self.last_recorded = position.recorded_at;
        let lane = LaneState { count: position.lane.n + 1, last: leaf };
        match self.lanes.get_mut(&header.org) {
            Some(state) => *state = lane,
            None => drop(self.lanes.insert(header.org.clone(), lane)),
        }
        if !self.stale_lanes.contains(&header.org) {
            self.stale_lanes.insert(header.org.clone());
        }
        Ok(())
    }

    fn apply_kind(
        &mut self,
        header: &Header,
        event_hash: Hash,
        seq: u64,
        leaf: Hash,
        payload: Option<&str>,
    ) -> Result<(), ApplyError> {
        match &header.kind {
            Kind::Admission => {
                self.admission = known_version(header, read::<Admission>(header, payload)?.version)?;
            }
            Kind::Genesis => {
                let genesis: Genesis = read(header, payload)?;
                self.admission = known_version(header, genesis.admission)?;
                self.apply_genesis(genesis, event_hash, leaf);
            }
            Kind::Key => self.apply_introduction(header, read(header, payload)?, event_hash, seq),
            Kind::KeyRotation => self.apply_rotation(header, &read(header, payload)?, event_hash, seq),
            Kind::KeyStatus => self.apply_key_status(&read(header, payload)?, seq),
            Kind::Authority => self.apply_authority(&read(header, payload)?, event_hash, seq, leaf),
            Kind::Enrolment => self.apply_enrolment(read(header, payload)?),
            Kind::Token => self.apply_token(read(header, payload)?),
            Kind::IdentityProvider => self.people().apply_provider(read(header, payload)?),
            Kind::Member => self.people().apply_member(&header.org, &read(header, payload)?),
            Kind::Org => self.people().apply_org(&header.org, read(header, payload)?),
            Kind::SignInRule => self.people().apply_rule(&header.org, read(header, payload)?),
            Kind::Seal => {
                self.seals = SealState { count: self.seals.count + 1, last: leaf, last_seq: seq };
            }
            Kind::Refusal => self.apply_refusal(&read(header, payload)?),
            Kind::WitnessSet => self.apply_witness_set(read(header, payload)?, event_hash, seq, leaf),
            Kind::ChainFork => {
                let fork: spec::payload::ChainFork = read(header, payload)?;
                if let Some(record) = self.keys.get_mut(&fork.key) {
                    record.chain.marks += 1;
                }
            }
            // They change nothing that admission and checkpoints rest on.
            Kind::Acceptance
            | Kind::Ack
            | Kind::Assign
            | Kind::Attention
            | Kind::Baseline
            | Kind::ChainGap
            | Kind::ChainOpen
            | Kind::Clock
            | Kind::Command
            | Kind::Contradiction
            | Kind::Custom(_)
            | Kind::Goodbye
            | Kind::Heartbeat
            | Kind::Incident
            | Kind::Invoice
            | Kind::Labels
            | Kind::Note
            | Kind::Notice
            | Kind::Policy
            | Kind::PriceBook
            | Kind::Receipt
            | Kind::Recovery
            | Kind::Reopen
            | Kind::Resolve
            | Kind::Rollout
            | Kind::RolloutWave
            | Kind::Ruleset
            | Kind::Scan
            | Kind::Schedule
            | Kind::ScheduleRun
            | Kind::Service
            | Kind::Silence
            | Kind::Slo
            | Kind::Tag
            | Kind::Usage
            | Kind::User
            | Kind::Webhook
            | Kind::WitnessKey => {}
        }
        Ok(())
    }

    fn apply_genesis(&mut self, genesis: Genesis, event_hash: Hash, leaf: Hash) {
        self.ledger = leaf;
        self.origin = checkpoint::origin(genesis.name.as_str(), &leaf);
        self.last_change = leaf;
        self.authority_seqs.push(0);
        let org: Option<Name> = LEDGER_ORG.parse().ok();
        for (key, key_use) in genesis.listed_keys() {
            self.authority.push(AuthorityKey { key_use, key, from: 0 });
            if let Some(org) = &org {
                self.introduce(key, KeyRecord::of_ledger(key_use, org.clone(), 0, event_hash));
            }
        }
        self.recovery = Some(genesis.keys.recovery);
    }

    fn apply_introduction(&mut self, header: &Header, payload: KeyIntroduction, event_hash: Hash, seq: u64) {
        if let Some(token) = self.enrolments.get_mut(&payload.token) {
            token.uses_left = token.uses_left.saturating_sub(1);
        }
        self.authors.insert(payload.author.clone(), payload.key);
        let record = KeyRecord {
            author: Some(payload.author),
            key_use: payload.key_use,
            org: header.org.clone(),
            tenant: header.tenant.clone(),
            introduced: seq,
            introduction: event_hash,
            until: None,
            suspect_from: None,
            token: Some(payload.token),
            successor: None,
            rotations: 0,
            chain: Chain { head: event_hash, ..Chain::default() },
        };
        self.introduce(payload.key, record);
    }

    fn apply_rotation(&mut self, header: &Header, payload: &KeyRotation, event_hash: Hash, seq: u64) {
        let Some(old) = self.keys.get_mut(&header.key) else { return };
        old.successor = Some(payload.key);
        let record = KeyRecord {
            introduced: seq,
            introduction: event_hash,
            until: None,
            suspect_from: None,
            token: None,
            successor: None,
            rotations: old.rotations + 1,
            // What the ledger spends on an author's faults does not start afresh with each key.
            chain: Chain { head: event_hash, marks: old.chain.marks, ..Chain::default() },
            ..old.clone()
        };
        self.end_key(&header.key, seq);
        self.authors.insert(header.author.clone(), payload.key);
        self.introduce(payload.key, record);
    }

    fn apply_key_status(&mut self, payload: &KeyStatus, seq: u64) {
        let Some(record) = self.keys.get_mut(&payload.key) else { return };
        record.until.get_or_insert(seq);
        if payload.status == KeyChange::Compromised {
            let from = payload.suspect_from.unwrap_or(seq);
            record.suspect_from = Some(record.suspect_from.map_or(from, |old| old.min(from)));
        }
        let value = canonical_bytes(&key_value(record));
        self.key_map.insert(&key_path(&payload.key), &value);
    }

    fn apply_authority(&mut self, payload: &Authority, event_hash: Hash, seq: u64, leaf: Hash) {
        let change = &payload.change;
        self.end_key(&change.old, seq);
        if let Ok(org) = LEDGER_ORG.parse() {
            self.introduce(change.new, KeyRecord::of_ledger(change.key_use, org, seq, event_hash));
        }
        self.authority.push(AuthorityKey { key_use: change.key_use, key: change.new, from: seq });
        self.authority_seqs.push(seq);
        self.last_change = leaf;
    }

    fn people(&mut self) -> &mut Organisations {
        Arc::make_mut(&mut self.organisations)
    }

    fn apply_enrolment(&mut self, payload: Enrolment) {
        match payload {
            Enrolment::Create { expires_at, key_use, node, org, tenant, token, uses } => {
                let uses_left = uses;
                let state =
                    EnrolmentState { org, tenant, uses_left, expires_at, revoked: false, key_use, node };
                self.enrolments.insert(token, state);
            }
            Enrolment::Revoke { token } => {
                if let Some(state) = self.enrolments.get_mut(&token) {
                    state.revoked = true;
                }
            }
        }
    }

    fn apply_token(&mut self, payload: Token) {
        match payload {
            Token::Create { expires_at, id, label, org, role, secret } => {
                self.tokens.insert(id, TokenState { org, role, label, secret, expires_at, revoked: false });
            }
            Token::Revoke { id } => {
                if let Some(state) = self.tokens.get_mut(&id) {
                    state.revoked = true;
                }
            }
        }
    }

    /// A refusal advances the chain over the event it quotes, unless the event was not at its place.
    fn apply_refusal(&mut self, payload: &Refusal) {
        let Some((header, event_hash)) = quoted(&payload.header, &payload.sig) else { return };
        let Some(record) = self.keys.get_mut(&header.key) else { return };
        record.chain.marks += 1;
        if let Some(link) = header.chain.filter(|link| record.in_place(&header.kind, link)) {
            record.chain.advance(link.epoch, link.seq, event_hash);
        }
    }

    /// A key is valid until `seq`.
    pub(crate) fn end_key(&mut self, key: &PublicKey, seq: u64) {
        if let Some(record) = self.keys.get_mut(key) {
            record.until = Some(seq);
            let value = canonical_bytes(&key_value(record));
            self.key_map.insert(&key_path(key), &value);
        }
    }

    pub(crate) fn introduce(&mut self, key: PublicKey, record: KeyRecord) {
        self.key_map.insert(&key_path(&key), &canonical_bytes(&key_value(&record)));
        self.keys.insert(key, record);
    }
}

/// The header a payload quotes, with its event hash.
pub fn quoted(header: &serde_json::Value, sig: &spec::Signature) -> Option<(Header, Hash)> {
    let mut value = header.clone();
    value.as_object_mut()?.insert("sig".to_owned(), serde_json::Value::String(sig.to_string()));
    let text = String::from_utf8(canonical_bytes(&value)).ok()?;
    let (header, sig) = Header::parse(&text).ok()?;
    let hash = header.event_hash(&sig);
    Some((header, hash))
}

/// Rules that are not known here cannot be followed: what they let in may be more, or less, than what is.
fn known_version(header: &Header, version: u64) -> Result<u64, ApplyError> {
    if version <= ADMISSION_VERSION {
        return Ok(version);
    }
    let problem =
        format!("version {version} of the admission rules is not known here; use a newer executable");
    Err(ApplyError { kind: header.kind.to_string(), problem })
}

fn read<T: serde::de::DeserializeOwned>(header: &Header, payload: Option<&str>) -> Result<T, ApplyError> {
    let error = |problem: String| ApplyError { kind: header.kind.to_string(), problem };
    let json = payload.ok_or_else(|| error("it is missing".to_owned()))?;
    serde_json::from_str(json).map_err(|e| error(e.to_string()))
}

/// `BLAKE3(10 ‖ key)`.
pub fn key_path(key: &PublicKey) -> Hash {
    map::path(Domain::KeyPath, &key.0)
}

/// A key's value in the key map.
pub fn key_value(record: &KeyRecord) -> serde_json::Value {
    without_nulls(serde_json::json!({
        "author": record.author, "introduced": record.introduced, "org": record.org,
        "suspect_from": record.suspect_from, "tenant": record.tenant, "until": record.until,
        "use": record.key_use,
    }))
}

/// An organisation's value in the lane map, in canonical JSON.
pub fn lane_value(lane: LaneState) -> Vec<u8> {
    canonical_bytes(&serde_json::json!({"last": lane.last, "n": lane.count}))
}

fn without_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, member| !member.is_null());
    }
    value
}

/// Canonical form of a value built from typed parts, which always has one.
pub(crate) fn canonical_bytes(value: &serde_json::Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let _ = canonical::write(value, &mut out);
    out
}

/// The state in a form that can be stored: a snapshot is a hint, checked against the log when it is used.
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    ledger: Hash,
    #[serde(default = "first_admission_version")]
    admission: u64,
    origin: String,
    head: Hash,
    last_recorded: Timestamp,
    keys: Vec<(PublicKey, KeyRecord)>,
    lanes: Vec<(Name, LaneState)>,
    enrolments: Vec<(Hash, EnrolmentState)>,
    tokens: Vec<(Uuid, TokenState)>,
    #[serde(default)]
    organisations: Organisations,
    authority: Vec<AuthorityKey>,
    authority_seqs: Vec<u64>,
    last_change: Hash,
    #[serde(default)]
    witness_sets: Vec<PlacedSet>,
    recovery: Option<RecoveryKeys>,
    seals: SealState,
    size: u64,
    tree: Vec<Hash>,
    sha256: Vec<Hash>,
}

fn first_admission_version() -> u64 {
    FIRST_ADMISSION_VERSION
}

impl From<&State> for Snapshot {
    fn from(state: &State) -> Self {
        Self {
            ledger: state.ledger,
            admission: state.admission,
            origin: state.origin.clone(),
            head: state.head,
            last_recorded: state.last_recorded,
            keys: state.keys.iter().map(|(k, v)| (*k, v.clone())).collect(),
            lanes: state.lanes.iter().map(|(k, v)| (k.clone(), *v)).collect(),
            enrolments: state.enrolments.iter().map(|(k, v)| (*k, v.clone())).collect(),
            tokens: state.tokens.iter().map(|(k, v)| (*k, v.clone())).collect(),
            organisations: (*state.organisations).clone(),
            authority: state.authority.clone(),
            authority_seqs: state.authority_seqs.clone(),
            last_change: state.last_change,
            witness_sets: state.witness_sets.clone(),
            recovery: state.recovery.clone(),
            seals: state.seals,
            size: state.size(),
            tree: state.tree.roots().to_vec(),
            sha256: state.sha256.roots().to_vec(),
        }
    }
}

impl Snapshot {
    /// Number of entries it covers.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the native tree; `None` if the parts do not fit each other.
    pub fn root(&self) -> Option<Hash> {
        Some(Frontier::<Blake3>::from_parts(self.size, self.tree.clone())?.root())
    }

    /// The state; `None` if the parts do not fit each other.
    pub fn restore(self) -> Option<State> {
        let mut state = State {
            ledger: self.ledger,
            admission: self.admission,
            origin: self.origin,
            head: self.head,
            last_recorded: self.last_recorded,
            lanes: self.lanes.into_iter().collect(),
            enrolments: self.enrolments.into_iter().collect(),
            tokens: self.tokens.into_iter().collect(),
            organisations: Arc::new(self.organisations),
            authority: self.authority,
            authority_seqs: self.authority_seqs,
            last_change: self.last_change,
            witness_sets: self.witness_sets,
            recovery: self.recovery,
            seals: self.seals,
            tree: Frontier::from_parts(self.size, self.tree)?,
            sha256: Frontier::from_parts(self.size, self.sha256)?,
            ..State::default()
        };
        for (key, record) in self.keys {
            if let Some(author) = &record.author {
                // The newest key speaks for an author; keys are introduced in order of `introduced`.
                let newer = state.authors.get(author).and_then(|k| state.keys.get(k)).map(|r| r.introduced);
                if newer.is_none_or(|introduced| introduced < record.introduced) {
                    state.authors.insert(author.clone(), key);
                }
            }
            state.introduce(key, record);
        }
        state.stale_lanes = state.lanes.keys().cloned().collect();
        Some(state)
    }
}

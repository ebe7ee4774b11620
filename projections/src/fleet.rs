//! The fleet: the latest that is known of each node.
//!
//! ```text
//! key            a key is introduced for the node          → key
//! key-status     it is revoked or compromised              → key.ended
//! heartbeat      what the node says of itself              → heartbeat, heard
//! anything else  by the node itself                        → heard
//! service        the ledger began to listen                → listening_since
//! ```
//!
//! Whether a node is stale is a question about a moment, so [`Node::liveness`] takes the moment. Time in
//! which the ledger was not listening does not count against a node.

use crate::Projection;
use proofs::SparseMap;
use proofs::map::path;
use serde::Serialize;
use serde::de::DeserializeOwned;
use spec::payload::{Heartbeat, KeyIntroduction, KeyStatus, Service, ServiceAction};
use spec::{Author, Domain, Hash, Header, KeyUse, Kind, Name, PublicKey, Record, Timestamp, Uuid, canonical};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many heartbeats may be missing before a node is stale.
pub const MISSED_BEFORE_STALE: u32 = 3;

/// The interval of a node that did not say its own: the agent's default.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// The nodes of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    orgs: BTreeMap<Name, BTreeMap<Uuid, Node>>,
    keys: BTreeMap<PublicKey, (Name, Uuid)>,
    listening_since: Timestamp,
}

/// What is known of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// The tenant it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// The key it was introduced with last; a node without an agent has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<NodeKey>,
    /// The last entry that is the node's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// Its last heartbeat that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
}

/// A node's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NodeKey {
    /// The key.
    pub key: PublicKey,
    /// Seq of its introduction.
    pub introduced: u64,
    /// Seq from which it is valid no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// Where the ledger last heard from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// Seq of the entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// How a node stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It was introduced and has not spoken yet.
    Silent,
    /// It was heard of within the time it promised.
    Live,
    /// It was not heard of for this long, all of which the ledger was listening.
    Stale(Duration),
    /// Its key is valid no longer.
    Ended,
}

impl Fleet {
    /// The nodes of an organisation, by id.
    pub fn nodes(&self, org: &Name) -> impl Iterator<Item = (Uuid, &Node)> {
        self.orgs.get(org).into_iter().flatten().map(|(id, node)| (*id, node))
    }

    /// One node.
    pub fn node(&self, org: &Name, id: Uuid) -> Option<&Node> {
        self.orgs.get(org)?.get(&id)
    }

    /// The organisations that have nodes.
    pub fn orgs(&self) -> impl Iterator<Item = &Name> {
        self.orgs.keys()
    }

    /// When the ledger last began to listen.
    pub fn listening_since(&self) -> Timestamp {
        self.listening_since
    }

    fn node_mut(&mut self, org: &Name, id: Uuid) -> &mut Node {
        self.orgs.entry(org.clone()).or_default().entry(id).or_default()
    }

    fn introduce(&mut self, header: &Header, payload: &KeyIntroduction, seq: u64) {
        let Author::Node(id) = payload.author else { return };
        if payload.key_use != KeyUse::Node {
            return;
        }
        self.keys.insert(payload.key, (header.org.clone(), id));
        let node = self.node_mut(&header.org, id);
        node.tenant.clone_from(&header.tenant);
        node.key = Some(NodeKey { key: payload.key, introduced: seq, ended: None });
    }

    fn end_key(&mut self, key: &PublicKey, seq: u64) {
        let Some((org, id)) = self.keys.get(key).cloned() else { return };
        if let Some(current) = self.node_mut(&org, id).key.as_mut().filter(|current| current.key == *key) {
            current.ended.get_or_insert(seq);
        }
    }

    /// An entry that is a node's own word: signed by it, or its bare heartbeat that the service signed. What
    /// was imported tells of a node, but is no sign that it lives.
    fn hear(&mut self, header: &Header, heard: Heard, payload: Option<&str>) {
        let heartbeat = header.kind == Kind::Heartbeat;
        let (id, own) = match header.author {
            Author::Node(id) => (Some(id), true),
            Author::Import(_) if heartbeat => (header.node_id, false),
            _ if heartbeat => (header.node_id, true),
            _ => (None, false),
        };
        let Some(id) = id else { return };
        let node = self.node_mut(&header.org, id);
        if node.key.is_none() {
            node.tenant.clone_from(&header.tenant);
        }
        if own {
            node.heard = Some(heard);
        } else if node.heard.is_some() {
            return;
        }
        if heartbeat && let Some(said) = payload.and_then(|json| Heartbeat::read(json).ok()) {
            node.heartbeat = Some(said);
        }
    }
}

impl Projection for Fleet {
    const NAME: &'static str = "fleet";
    const VERSION: u64 = 1;

    fn apply(&mut self, record: &Record) {
        let (header, position) = (&record.entry.header, &record.entry.position);
        let payload = record.payload.as_ref().map(|payload| &*payload.json);
        match header.kind {
            Kind::Key => {
                if let Some(introduction) = read(payload) {
                    self.introduce(header, &introduction, position.seq);
                }
            }
            Kind::KeyStatus => {
                if let Some(KeyStatus { key, .. }) = read(payload) {
                    self.end_key(&key, position.seq);
                }
            }
            Kind::Service => {
                if let Some(Service { action: ServiceAction::Start, .. }) = read(payload) {
                    self.listening_since = position.recorded_at;
                }
            }
            _ => self.hear(header, Heard { seq: position.seq, recorded_at: position.recorded_at }, payload),
        }
    }

    fn digest(&self) -> Hash {
        let mut map = SparseMap::default();
        for (org, nodes) in &self.orgs {
            // Typed parts with integers only always have a canonical form.
            let value = canonical::to_vec(nodes).unwrap_or_default();
            map.insert(&path(Domain::KeyPath, org.as_str().as_bytes()), &value);
        }
        map.root()
    }
}

impl Node {
    /// How the node stands at `now`, in a ledger that has been listening since `listening_since`.
    pub fn liveness(&self, now: Timestamp, listening_since: Timestamp) -> Liveness {
        if self.key.is_some_and(|key| key.ended.is_some()) {
            return Liveness::Ended;
        }
        let Some(heard) = self.heard else { return Liveness::Silent };
        let since = heard.recorded_at.max(listening_since);
        let silence = Duration::from_millis(now.millis().saturating_sub(since.millis()));
        if silence > self.interval() * MISSED_BEFORE_STALE {
            Liveness::Stale(silence)
        } else {
            Liveness::Live
        }
    }

    /// The time between two heartbeats, as the node last said it.
    pub fn interval(&self) -> Duration {
        let said = self.heartbeat.as_ref().and_then(|heartbeat| heartbeat.interval_secs);
        // A day is the longest the agent offers; a node that says more is not waited for longer.
        said.map_or(DEFAULT_INTERVAL, |secs| Duration::from_secs(secs.clamp(1, 86_400)))
    }
}

/// A payload whose form admission has checked; `None` only after an erasure.
fn read<T: DeserializeOwned>(payload: Option<&str>) -> Option<T> {
    serde_json::from_str(payload?).ok()
}

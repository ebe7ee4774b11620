//! The fleet: the latest that is known of each node.
//!
//! ```text
//! key            a key is introduced for the node          → key; its first name, labels
//! key-status     it is revoked or compromised              → key.ended
//! heartbeat      what the node says of itself              → heartbeat, heard
//! labels         what operators call it                    → labels, name
//! anything else  by the node itself                        → heard
//! ```
//!
//! A name belongs to one node of its organisation: whoever asks for one that is taken gets it with a number.
//! How a node stands is a question about a moment: see [attention](crate::attention).

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_NAME_BYTES;
use spec::payload::{Heartbeat, KeyIntroduction};
use spec::{Author, KeyUse, Kind, Name, PublicKey, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;
// A length of time, which is no clock.
use core::time::Duration;

/// The interval of a node that did not say its own: the agent's default.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// The nodes of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    orgs: BTreeMap<Name, BTreeMap<Uuid, Node>>,
    keys: BTreeMap<PublicKey, (Name, Uuid)>,
    /// Whose each name is, by organisation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<Name, BTreeMap<Name, Uuid>>,
}

/// Knowledge of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KnownNode")]
pub struct Node {
    /// The tenant it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// The key it was introduced with last; a node without an agent has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<NodeKey>,
    /// The last entry that is the node's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::keys::Mark>")]
    pub heard: Option<Heard>,
    /// Its last heartbeat that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shared")]
    #[schemars(with = "Option<Heartbeat>")]
    pub heartbeat: Option<Arc<Heartbeat>>,
    /// What people call it, if it was given a name: no other node of its organisation has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its labels, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Name, String>,
}

/// A node's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeKey {
    /// The key.
    pub key: PublicKey,
    /// Seq of its introduction.
    pub introduced: u64,
    /// Seq from which it is valid no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// The place at which the ledger last heard from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Seq of the entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A heartbeat that others may hold as well is written as one that nobody shares.
mod shared {
    use super::{Arc, Heartbeat};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(
        heartbeat: &Option<Arc<Heartbeat>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        heartbeat.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<Heartbeat>>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(Arc::new))
    }
}

impl Fleet {
    /// The nodes of an organisation, by id.
    pub fn nodes(&self, org: &Name) -> impl Iterator<Item = (Uuid, &Node)> {
        self.orgs.get(org).into_iter().flatten().map(|(id, node)| (*id, node))
    }

    /// The node of an organisation that has a name.
    pub fn named(&self, org: &Name, name: &Name) -> Option<Uuid> {
        self.names.get(org)?.get(name).copied()
    }

    /// One node.
    pub fn node(&self, org: &Name, id: Uuid) -> Option<&Node> {
        self.orgs.get(org)?.get(&id)
    }

    /// The organisations that have nodes.
    pub fn orgs(&self) -> impl Iterator<Item = &Name> {
        self.orgs.keys()
    }

    fn node_mut(&mut self, org: &Name, id: Uuid) -> &mut Node {
        self.orgs.entry(org.clone()).or_default().entry(id).or_default()
    }

    fn introduce(&mut self, fact: &Fact<'_>, introduction: &KeyIntroduction) {
        let Author::Node(id) = introduction.author else { return };
        if introduction.key_use != KeyUse::Node {
            return;
        }
        self.speak_with(fact, id, introduction.key);
        if let Some(name) = &introduction.name
            && self.node_mut(&fact.header.org, id).name.is_none()
        {
            self.call(&fact.header.org, id, name);
        }
        self.label(fact);
    }

    fn label(&mut self, fact: &Fact<'_>) {
        if let Some((id, labels)) = fact.labels() {
            self.node_mut(&fact.header.org, id).labels.clone_from(labels);
        }
    }

    /// Gives a node a name, or the nearest to it that is free.
    fn call(&mut self, org: &Name, id: Uuid, wanted: &Name) {
        let known = self.names.entry(org.clone()).or_default();
        if let Some(old) = self.orgs.get(org).and_then(|nodes| nodes.get(&id)?.name.as_ref()) {
            known.remove(old);
        }
        let name = free_name(wanted, id, |name| known.contains_key(name));
        known.insert(name.clone(), id);
        self.node_mut(org, id).name = Some(name);
    }

    fn speak_with(&mut self, fact: &Fact<'_>, id: Uuid, key: PublicKey) {
        self.keys.insert(key, (fact.header.org.clone(), id));
        let node = self.node_mut(&fact.header.org, id);
        node.tenant.clone_from(&fact.header.tenant);
        node.key = Some(NodeKey { key, introduced: fact.seq, ended: None });
    }

    fn end_key(&mut self, key: &PublicKey, seq: u64) {
        let Some((org, id)) = self.keys.get(key).cloned() else { return };
        if let Some(current) = self.node_mut(&org, id).key.as_mut().filter(|current| current.key == *key) {
            current.ended.get_or_insert(seq);
        }
    }

    /// An entry that is a node's own word: signed by it, or its bare heartbeat that the service signed. What
    /// was imported tells of a node, but is no sign that it lives.
    fn hear(&mut self, fact: &Fact<'_>) {
        let header = fact.header;
        let imported = matches!(header.author, Author::Import(_)) && header.kind == Kind::Heartbeat;
        let own = fact.own_node();
        let Some(id) = own.or(header.node_id.filter(|_| imported)) else { return };
        let node = self.node_mut(&header.org, id);
        if node.key.is_none() {
            node.tenant.clone_from(&header.tenant);
        }
        if own.is_some() {
            node.heard = Some(Heard { seq: fact.seq, recorded_at: fact.at });
        } else if node.heard.is_some() {
            return;
        }
        if let Said::Heartbeat(said) = &fact.said {
            node.heartbeat = Some(Arc::clone(said));
        }
    }
}

/// A name as it was asked for, else with the first number from 2 to 99 that makes it free, else with the end of the id,
/// which is its random part.
fn free_name(wanted: &Name, id: Uuid, taken: impl Fn(&Name) -> bool) -> Name {
    if !taken(wanted) {
        return wanted.clone();
    }
    let with = |end: &str| -> Name {
        let text = wanted.as_str();
        let room = MAX_NAME_BYTES.saturating_sub(end.len() + 1);
        // Names are of ASCII, so every place is one to cut at.
        let text = text.get(..room).unwrap_or(text);
        format!("{text}-{end}").parse().unwrap_or_else(|_| wanted.clone())
    };
    let numbered = (2..=99).map(|number| with(&number.to_string())).find(|name| !taken(name));
    numbered.unwrap_or_else(|| with(id.to_string().get(24..).unwrap_or_default()))
}

impl Projection for Fleet {
    const NAME: &'static str = "fleet";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        match &fact.said {
            Said::Key(introduction) => self.introduce(fact, introduction),
            Said::KeyRotation(rotation) => {
                if let Author::Node(id) = fact.header.author {
                    self.speak_with(fact, id, rotation.key);
                }
                self.hear(fact);
            }
            Said::KeyStatus(status) => self.end_key(&status.key, fact.seq),
            Said::Labels(labels) => {
                self.label(fact);
                if let (Some(id), Some(name)) = (fact.header.node_id, &labels.name) {
                    self.call(&fact.header.org, id, name);
                }
            }
            _ => self.hear(fact),
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}

impl Node {
    /// The time between two heartbeats, as the node last said it.
    pub fn interval(&self) -> Duration {
        let said = self.heartbeat.as_ref().and_then(|heartbeat| heartbeat.interval_secs);
        // A day is the longest the agent offers; a node that says more is not waited for longer.
        said.map_or(DEFAULT_INTERVAL, |secs| Duration::from_secs(secs.clamp(1, 86_400)))
    }
}

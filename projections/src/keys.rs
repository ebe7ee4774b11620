//! Keys: whose they are, since when, whether they are still valid, and when they last signed.
//!
//! ```text
//! key           → active
//! key-rotation  → the new one active, the old one superseded
//! key-status    in the key's own organisation, or in that of the ledger  → revoked, compromised
//! any entry     that the key signed                                      → used
//! ```
//!
//! What a key signs after its end is refused and leaves no entry, so a key's last use is never after its end.

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{KeyChange, KeyRotation, KeyStatus};
use spec::{Author, KeyUse, Name, PublicKey, Timestamp};
use std::collections::BTreeMap;

/// The keys of every organisation. None is ever let go: their number is that of the enrolments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    orgs: BTreeMap<Name, BTreeMap<u64, Key>>,
    places: BTreeMap<PublicKey, (Name, u64)>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KnownKey")]
pub struct Key {
    /// The key.
    pub key: PublicKey,
    /// What it is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// Who speaks with it.
    pub author: Author,
    /// The tenant it speaks in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Where it was introduced.
    pub introduced: Mark,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<KeyEnd>,
    /// The last entry that it signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Mark>,
}

/// An entry, and when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LogPosition")]
pub struct Mark {
    /// Its seq.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// The end of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyEnd {
    /// Where it ended: the first entry that says so.
    pub at: Mark,
    /// What was said last.
    pub status: KeyState,
    /// The first entry that is in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect_from: Option<u64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The key that its author has gone over to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<PublicKey>,
}

/// The validity of a key; in the order in which one state takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It is.
    Active,
    /// It is no longer.
    Revoked,
    /// It is no longer: its author has gone over to another.
    Superseded,
    /// It is no longer, and some of what it signed is in doubt.
    Compromised,
}

impl From<KeyChange> for KeyState {
    fn from(change: KeyChange) -> Self {
        match change {
            KeyChange::Revoked => Self::Revoked,
            KeyChange::Compromised => Self::Compromised,
        }
    }
}

impl Key {
    /// Whether it is valid.
    pub fn status(&self) -> KeyState {
        self.ended.as_ref().map_or(KeyState::Active, |ended| ended.status)
    }

    /// Whether it signed an entry that is in doubt.
    pub fn is_suspect(&self) -> bool {
        let from = self.ended.as_ref().and_then(|ended| ended.suspect_from);
        from.is_some_and(|from| self.used.is_some_and(|used| used.seq >= from))
    }
}

impl Mark {
    fn of(fact: &Fact<'_>) -> Self {
        Self { seq: fact.seq, recorded_at: fact.at }
    }
}

impl Keys {
    /// An organisation's keys, in the order in which they were introduced.
    pub fn of(&self, org: &Name) -> impl Iterator<Item = &Key> {
        self.orgs.get(org).into_iter().flat_map(BTreeMap::values)
    }

    fn key_mut(&mut self, key: &PublicKey, by: impl Fn(&Name) -> bool) -> Option<&mut Key> {
        let (org, seq) = self.places.get(key).filter(|(org, _)| by(org))?;
        self.orgs.get_mut(org)?.get_mut(seq)
    }

    fn introduce(&mut self, fact: &Fact<'_>, key: PublicKey, key_use: KeyUse, author: Author) {
        let org = &fact.header.org;
        // A key is introduced once; what a log says beyond that changes nothing.
        if self.places.contains_key(&key) {
            return;
        }
        self.places.insert(key, (org.clone(), fact.seq));
        let key = Key {
            key,
            key_use,
            author,
            tenant: fact.header.tenant.clone(),
            introduced: Mark::of(fact),
            ended: None,
            used: None,
        };
        self.orgs.entry(org.clone()).or_default().insert(fact.seq, key);
    }

    fn rotate(&mut self, fact: &Fact<'_>, said: &KeyRotation) {
        let Some(old) = self.key_mut(&fact.header.key, |org| *org == fact.header.org) else { return };
        let key_use = old.key_use;
        old.ended.get_or_insert(KeyEnd {
            at: Mark::of(fact),
            status: KeyState::Superseded,
            suspect_from: None,
            reason: None,
            successor: Some(said.key),
        });
        self.introduce(fact, said.key, key_use, fact.header.author.clone());
    }

    fn end(&mut self, fact: &Fact<'_>, said: &KeyStatus) {
        let by = &fact.header.org;
        let Some(key) = self.key_mut(&said.key, |org| org == by || by.as_str() == "ledger") else { return };
        let (status, at) = (KeyState::from(said.status), Mark::of(fact));
        let ended =
            key.ended.get_or_insert(KeyEnd { at, status, suspect_from: None, reason: None, successor: None });
        // What is compromised or superseded does not become merely revoked.
        if status >= ended.status {
            ended.status = status;
            ended.suspect_from = said.suspect_from;
            ended.reason.clone_from(&said.reason);
        }
    }
}

impl Projection for Keys {
    const NAME: &'static str = "keys";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        if fact.header.via.is_none()
            && let Some(key) = self.key_mut(&fact.header.key, |org| *org == fact.header.org)
        {
            key.used = Some(Mark::of(fact));
        }
        match &fact.said {
            Said::Key(said) => self.introduce(fact, said.key, said.key_use, said.author.clone()),
            Said::KeyRotation(said) => self.rotate(fact, said),
            Said::KeyStatus(said) => self.end(fact, said),
            _ => {}
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}

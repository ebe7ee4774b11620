//! A key: whose it is, what for and since when, and how far what it signed has come.

use serde::{Deserialize, Serialize};
use spec::{Author, Epoch, Hash, KeyUse, Kind, Name, PublicKey};

/// Knowledge of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Who speaks with it; absent for the ledger's own keys.
    pub author: Option<Author>,
    /// What it is for.
    pub key_use: KeyUse,
    /// Organisation it belongs to.
    pub org: Name,
    /// Tenant it belongs to.
    pub tenant: Option<Name>,
    /// Seq of its introduction.
    pub introduced: u64,
    /// Event hash of its introduction: where its chain starts.
    pub introduction: Hash,
    /// Seq from which it is valid no longer.
    pub until: Option<u64>,
    /// Seq from which what it signed is in doubt.
    pub suspect_from: Option<u64>,
    /// Hash of the enrolment token it came with.
    pub token: Option<Hash>,
    /// The key that its author has gone over to.
    #[serde(default)]
    pub successor: Option<PublicKey>,
    /// How many keys its author has gone over from to come to this one.
    #[serde(default)]
    pub rotations: u64,
    /// Its author chain.
    pub chain: Chain,
}

/// An author chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The open epoch.
    pub epoch: Option<Epoch>,
    /// Position the next event takes.
    pub next: u64,
    /// Event hash of the last event.
    pub head: Hash,
    /// Epochs that ended.
    pub closed: Vec<Epoch>,
    /// Entries the ledger spent on forks and refusals of this chain.
    pub marks: u64,
}

impl KeyRecord {
    pub(crate) fn of_ledger(key_use: KeyUse, org: Name, introduced: u64, introduction: Hash) -> Self {
        Self {
            author: None,
            key_use,
            org,
            tenant: None,
            introduced,
            introduction,
            until: None,
            suspect_from: None,
            token: None,
            successor: None,
            rotations: 0,
            chain: Chain::default(),
        }
    }

    /// Whether the key may sign the entry at `seq`. Genesis keys may also sign entry 0.
    pub fn valid_at(&self, seq: u64) -> bool {
        let since = self.introduced < seq || (self.introduced == 0 && seq == 0);
        since && self.until.is_none_or(|until| seq < until)
    }

    /// Whether this place of the chain can have been taken: it lies behind the next of the open epoch, or in
    /// an epoch that has ended. Says without a look into the log that a gap is none but a gap.
    pub fn may_hold(&self, link: &spec::ChainLink) -> bool {
        match self.chain.epoch {
            Some(epoch) if epoch == link.epoch => link.seq < self.chain.next,
            _ => self.chain.closed.contains(&link.epoch),
        }
    }

    /// Whether an event with this link is the next of the chain.
    pub fn in_place(&self, kind: &Kind, link: &spec::ChainLink) -> bool {
        match self.chain.epoch {
            Some(epoch) if epoch == link.epoch => link.seq == self.chain.next && link.prev == self.chain.head,
            Some(_) => {
                *kind == Kind::ChainOpen
                    && link.seq == 0
                    && link.prev == self.introduction
                    && !self.chain.closed.contains(&link.epoch)
            }
            None => link.seq == 0 && link.prev == self.introduction,
        }
    }
}

impl Chain {
    pub(super) fn advance(&mut self, epoch: Epoch, seq: u64, head: Hash) {
        if let Some(old) = self.epoch.replace(epoch).filter(|old| *old != epoch) {
            self.closed.push(old);
        }
        self.next = seq + 1;
        self.head = head;
    }
}

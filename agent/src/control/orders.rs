//! What the node remembers of commands, on the disk before anything is done: none is carried out twice, and one
//! that was cut off by a crash is said to have failed.

use super::order::Refusal;
use crate::damage::Damage;
use crate::disk::Disk;
use crate::durable;
use serde::{Deserialize, Serialize};
use spec::{Hash, Timestamp, canonical};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The file.
pub(crate) const ORDERS_FILE: &str = "orders.json";

const FORMAT: &str = "vaultmesh-orders-v1";

/// Commands that are remembered at most: those that did not expire yet, or ended a while ago. With as many, new
/// ones are refused.
pub(crate) const MAX_ORDERS: usize = 4096;

/// How long a command is remembered after it expired: until then no clock calls it fresh.
const KEPT_MS: u64 = 24 * 3_600_000;

/// How long after its end the same command may be delivered again without being called a replay, though its receipt
/// was taken: the answer may have been on its way.
const GRACE_MS: u64 = 10_000;

/// Room for [`MAX_ORDERS`].
const MAX_FILE_BYTES: usize = 2 * 1024 * 1024;

/// A command that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    command: Hash,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    expires_at: Timestamp,
}

/// The commands of this node, by their nonces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    known: BTreeMap<Hash, Known>,
    /// Refused ones, so that each is refused once as long as the process lives.
    refused: BTreeSet<Hash>,
}

/// A memory that cannot be read: no command is carried out then, for any might have been already.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// The file cannot be read.
    #[error("{ORDERS_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not what was written.
    #[error("{ORDERS_FILE} is damaged: {0}")]
    Damaged(#[from] Damage),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrdersFile {
    format: String,
    orders: BTreeMap<String, Known>,
}

impl Orders {
    /// Reads what is remembered.
    pub(crate) fn load(disk: &impl Disk) -> Result<Self, OrdersError> {
        let mut orders = Self::default();
        let Some(bytes) = durable::read(disk, ORDERS_FILE, MAX_FILE_BYTES)? else { return Ok(orders) };
        let file: OrdersFile = serde_json::from_slice(&bytes).map_err(Damage::from)?;
        if file.format != FORMAT {
            return Err(Damage::Format(FORMAT).into());
        }
        for (nonce, known) in file.orders {
            let nonce = Hash::from_hex(&nonce).map_err(|_| Damage::Part("a nonce is no hash"))?;
            orders.known.insert(nonce, known);
        }
        Ok(orders)
    }

    fn store(&self, disk: &impl Disk) -> io::Result<()> {
        let orders = self.known.iter().map(|(nonce, known)| (nonce.to_hex(), known.clone())).collect();
        let file = OrdersFile { format: FORMAT.to_owned(), orders };
        let mut bytes = canonical::to_vec(&file).map_err(io::Error::other)?;
        bytes.push(b'\n');
        durable::replace(disk, ORDERS_FILE, &bytes)
    }

    /// Whether a command with this nonce is new; if not, it is the one that is being carried out, or was just now.
    /// `told`: whether the ledger has every receipt.
    pub(crate) fn is_new(
        &self,
        nonce: &Hash,
        command: &Hash,
        told: bool,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let recently = |at: Timestamp| !told || now.millis().saturating_sub(at.millis()) <= GRACE_MS;
        match self.known.get(nonce) {
            None if self.known.len() >= MAX_ORDERS => Err(Refusal::TooMany),
            None => Ok(true),
            Some(known) if known.command == *command && known.ended_at.is_none_or(recently) => Ok(false),
            Some(_) => Err(Refusal::Replayed),
        }
    }

    /// Notes that a command begins; on return that is on the disk.
    pub(crate) fn begin(
        &mut self,
        disk: &impl Disk,
        nonce: Hash,
        command: Hash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> io::Result<()> {
        let kept = |known: &Known| {
            known.ended_at.is_none() || known.expires_at.millis().saturating_add(KEPT_MS) > now.millis()
        };
        let before = self.clone();
        self.known.retain(|_, known| kept(known));
        self.known.insert(nonce, Known { command, ended_at: None, expires_at });
        self.store(disk).inspect_err(|_| *self = before)
    }

    /// Notes that a command is over.
    pub(crate) fn end(&mut self, disk: &impl Disk, command: &Hash, now: Timestamp) -> io::Result<()> {
        for known in self.known.values_mut().filter(|known| known.command == *command) {
            known.ended_at = Some(now);
        }
        self.store(disk)
    }

    /// Those that were begun and never ended: the agent died meanwhile.
    pub(crate) fn cut_off(&self) -> Vec<Hash> {
        self.known.values().filter(|known| known.ended_at.is_none()).map(|known| known.command).collect()
    }

    /// Whether it is the first time that this command is refused.
    pub(crate) fn refuses_anew(&mut self, command: Hash) -> bool {
        if self.refused.len() >= MAX_ORDERS {
            self.refused.clear();
        }
        self.refused.insert(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: usize) -> Hash {
        Hash(*blake3::hash(&n.to_le_bytes()).as_bytes())
    }

    #[test]
    fn of_as_many_as_are_remembered_each_is_known_and_another_is_refused() {
        let expires_at = Timestamp::from_millis(1_000_000);
        let known = |n| (hash(n), Known { command: hash(n), ended_at: None, expires_at });
        let mut orders = Orders { known: (1..MAX_ORDERS).map(known).collect(), ..Orders::default() };
        let now = Timestamp::from_millis(0);
        assert_eq!(orders.is_new(&hash(0), &hash(0), true, now), Ok(true));
        orders.known.extend([known(0)]);
        assert_eq!(orders.is_new(&hash(MAX_ORDERS), &hash(MAX_ORDERS), true, now), Err(Refusal::TooMany));
        assert_eq!(orders.is_new(&hash(7), &hash(7), true, now), Ok(false));
        assert_eq!(orders.is_new(&hash(7), &hash(8), true, now), Err(Refusal::Replayed));
    }
}

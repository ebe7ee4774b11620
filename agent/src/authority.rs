//! The ledger's authority: genesis and every change of its keys, checked from the ledger id alone.
//!
//! The ledger id is the leaf of the genesis entry, so whoever knows the id needs to trust nobody for the
//! first keys; each later change carries signatures of the recovery keys genesis names.

use proofs::checkpoint::{self, Checkpoint, CheckpointError, Verified};
use proofs::{note::Note, signature};
use serde_json::Value;
use spec::payload::{Authority as Change, Genesis, authority_bytes, possession_bytes};
use spec::{EventError, Hash, KeyUse, Kind, PublicKey, Record, canonical};

/// Most changes of keys that are read; a ledger changes its keys a few times in its life.
const MAX_RECORDS: usize = 256;

/// The keys of one ledger over its whole life.
#[derive(Debug, Clone)]
pub struct Authority {
    ledger: Hash,
    origin: String,
    genesis: Genesis,
    changes: Vec<Place>,
    records: Vec<Value>,
}

#[derive(Debug, Clone)]
struct Place {
    seq: u64,
    leaf: Hash,
    change: Change,
}

/// Why records are not the authority of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// None, or too many.
    #[error("the authority has {0} records; expected 1 to {MAX_RECORDS}")]
    Count(usize),
    /// A record is malformed.
    #[error("authority record {0}: {1}")]
    Record(usize, EventError),
    /// A record says something else than its place asks for.
    #[error("authority record {index}: {problem}")]
    Invalid {
        /// Which record, from 0.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The genesis record is another ledger's.
    #[error("the genesis record is that of ledger {found}, not of {expected}")]
    Ledger {
        /// The id of the ledger it begins.
        found: Hash,
        /// The id that was asked for.
        expected: Hash,
    },
}

impl Authority {
    /// Checks genesis and changes against `ledger`, the only thing that is trusted.
    pub fn verify(ledger: &Hash, records: &[Value]) -> Result<Self, AuthorityError> {
        if records.len() > MAX_RECORDS {
            return Err(AuthorityError::Count(records.len()));
        }
        let (first, later) = records.split_first().ok_or(AuthorityError::Count(0))?;
        let genesis = read_genesis(ledger, first)?;
        let origin = checkpoint::origin(genesis.name.as_str(), ledger);
        let mut authority =
            Self { ledger: *ledger, origin, genesis, changes: Vec::new(), records: records.to_vec() };
        for (i, value) in later.iter().enumerate() {
            let place = authority.check_change(i + 1, value)?;
            authority.changes.push(place);
        }
        Ok(authority)
    }

    /// The ledger's id.
    pub fn ledger(&self) -> &Hash {
        &self.ledger
    }

    /// The origin of its checkpoints.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The records it was read from.
    pub fn records(&self) -> &[Value] {
        &self.records
    }

    /// The key that signs checkpoints of `size`.
    pub fn checkpoint_key(&self, size: u64) -> PublicKey {
        self.key_after(KeyUse::Checkpoint, self.genesis.keys.checkpoint, size)
    }

    /// The key under which the service signs entry `seq`.
    pub fn service_key(&self, seq: u64) -> PublicKey {
        self.key_after(KeyUse::Service, self.genesis.keys.service, seq)
    }

    /// The key under which commands in entry `seq` are signed.
    pub fn command_key(&self, seq: u64) -> PublicKey {
        self.key_after(KeyUse::Command, self.genesis.keys.command, seq)
    }

    /// Every key that ever signed checkpoints.
    pub fn checkpoint_keys(&self) -> Vec<PublicKey> {
        let changed = self.changes.iter().filter(|p| p.change.change.key_use == KeyUse::Checkpoint);
        std::iter::once(self.genesis.keys.checkpoint).chain(changed.map(|p| p.change.change.new)).collect()
    }

    /// Reads a signed note and checks that it is this ledger's checkpoint, signed by the key that was
    /// current at its size.
    pub fn open_checkpoint(&self, note: &str) -> Result<Verified, CheckpointError> {
        let claimed = Checkpoint::parse(&Note::parse(note.as_bytes())?.text)?;
        if claimed.origin != self.origin {
            return Err(CheckpointError::Origin { found: claimed.origin, expected: self.origin.clone() });
        }
        Checkpoint::open(note.as_bytes(), &[self.checkpoint_key(claimed.size)], &[])
    }

    /// The key of a use after entries 0…size−1.
    fn key_after(&self, key_use: KeyUse, first: PublicKey, size: u64) -> PublicKey {
        let before = |place: &&Place| place.seq < size && place.change.change.key_use == key_use;
        self.changes.iter().rev().find(before).map_or(first, |place| place.change.change.new)
    }

    fn check_change(&self, index: usize, value: &Value) -> Result<Place, AuthorityError> {
        let invalid = |problem| AuthorityError::Invalid { index, problem };
        let record = read_record(value).map_err(|e| AuthorityError::Record(index, e))?;
        let header = &record.entry.header;
        if header.kind != Kind::Authority || header.ledger != self.ledger {
            return Err(invalid("not an authority entry of this ledger"));
        }
        let change: Change =
            payload(&record).ok_or_else(|| invalid("its payload is not that of its kind"))?;
        let seq = record.entry.position.seq;
        let (last_seq, last_leaf) = self.changes.last().map_or((0, self.ledger), |p| (p.seq, p.leaf));
        if seq <= last_seq || change.prev_change != last_leaf {
            return Err(invalid("it does not follow the change before it"));
        }
        let keys = &self.genesis.keys;
        let first = match change.change.key_use {
            KeyUse::Checkpoint => keys.checkpoint,
            KeyUse::CheckpointSha256 => keys.checkpoint_sha256,
            KeyUse::Service => keys.service,
            _ => keys.command,
        };
        if self.key_after(change.change.key_use, first, seq) != change.change.old {
            return Err(invalid("the key it replaces is not the current one"));
        }
        let statement = serde_json::json!({
            "key": change.change.new, "ledger": self.ledger, "use": change.change.key_use,
        });
        if signature::check_key(&change.change.new).is_err()
            || !signature::verify(&change.change.new, &possession_bytes(&statement), &change.change.pop)
        {
            return Err(invalid("the new key does not prove its possession"));
        }
        let signed = authority_bytes(&change.change, &self.ledger, &change.prev_change);
        let holds = change
            .signatures
            .iter()
            .filter(|s| keys.recovery.keys.contains(&s.key) && signature::verify(&s.key, &signed, &s.sig));
        if (holds.count() as u64) < keys.recovery.threshold {
            return Err(invalid("too few recovery keys signed it"));
        }
        Ok(Place { seq, leaf: record.leaf, change })
    }
}

fn read_genesis(ledger: &Hash, value: &Value) -> Result<Genesis, AuthorityError> {
    let invalid = |problem| AuthorityError::Invalid { index: 0, problem };
    let record = read_record(value).map_err(|e| AuthorityError::Record(0, e))?;
    if record.leaf != *ledger {
        return Err(AuthorityError::Ledger { found: record.leaf, expected: *ledger });
    }
    if record.entry.header.kind != Kind::Genesis || record.entry.position.seq != 0 {
        return Err(invalid("not a genesis entry"));
    }
    payload(&record).ok_or_else(|| invalid("its payload is not that of its kind"))
}

/// Reads a record that arrived as a JSON value.
pub(crate) fn read_record(value: &Value) -> Result<Record, EventError> {
    let line = canonical::to_vec(value).map_err(|e| EventError::Shape(e.to_string()))?;
    Record::parse(&String::from_utf8_lossy(&line))
}

/// A record's payload, if it is present, the one its header commits to, and fits its kind.
pub(crate) fn payload<T: serde::de::DeserializeOwned>(record: &Record) -> Option<T> {
    let header = &record.entry.header;
    let payload = record.payload.as_ref()?;
    let sound = payload.hash() == header.payload_hash
        && header.kind.check_payload(header.payload_version, &payload.json).is_ok();
    if sound { serde_json::from_str(&payload.json).ok() } else { None }
}

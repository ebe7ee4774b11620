//! The ledger's authority: genesis and every change of its keys, checked from the ledger id alone.
//!
//! The ledger id is the leaf of the genesis entry, so whoever knows the id needs to trust nobody for the
//! first keys; each later change carries signatures of the recovery keys genesis names.

use proofs::checkpoint::{self, Checkpoint, CheckpointError, Verified};
use proofs::note::{Note, NoteKey};
use proofs::signature;
use serde_json::Value;
use spec::payload::{
    Authority as Change, AuthorityChange, Genesis, KeySignature, Witness, WitnessSet, WitnessSetChange,
    authority_bytes, possession_bytes, witness_possession_bytes, witness_set_bytes,
};
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
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Key(AuthorityChange),
    Witnesses(WitnessSet),
}

impl Place {
    /// The key that comes with this change, if it is one of a key of this use.
    fn new_key(&self, key_use: KeyUse) -> Option<PublicKey> {
        match &self.what {
            What::Key(change) if change.key_use == key_use => Some(change.new),
            _ => None,
        }
    }
}

/// The reason why records are not the authority of a ledger.
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
        let changed = self.changes.iter().filter_map(|place| place.new_key(KeyUse::Checkpoint));
        std::iter::once(self.genesis.keys.checkpoint).chain(changed).collect()
    }

    /// Reads a signed note and checks that it is this ledger's checkpoint, signed by the key that was
    /// current at its size.
    pub fn open_checkpoint(&self, note: &str) -> Result<Verified, CheckpointError> {
        let claimed = Checkpoint::parse(&Note::parse(note.as_bytes())?.text)?;
        if claimed.origin != self.origin {
            return Err(CheckpointError::Origin { found: claimed.origin, expected: self.origin.clone() });
        }
        let witnesses: Vec<NoteKey> = self.witnesses_at(claimed.size).map(note_keys).unwrap_or_default();
        Checkpoint::open(note.as_bytes(), &[self.checkpoint_key(claimed.size)], &witnesses)
    }

    /// The witness set that is in force for checkpoints of `size`.
    pub fn witnesses_at(&self, size: u64) -> Option<&WitnessSet> {
        self.sets().rev().find(|(seq, _)| *seq < size).map(|(_, set)| set)
    }

    /// The newest witness set.
    pub fn witnesses(&self) -> Option<&WitnessSet> {
        self.sets().next_back().map(|(_, set)| set)
    }

    /// Whether a checkpoint has the quorum of the set that is in force at its size, or there is none.
    pub fn has_quorum(&self, verified: &Verified) -> bool {
        // Only witnesses of that set could be checked.
        self.witnesses_at(verified.checkpoint.size)
            .is_none_or(|set| verified.cosignatures.len() as u64 >= set.quorum)
    }

    fn sets(&self) -> impl DoubleEndedIterator<Item = (u64, &WitnessSet)> {
        self.changes.iter().filter_map(|place| match &place.what {
            What::Witnesses(set) => Some((place.seq, set)),
            What::Key(_) => None,
        })
    }

    /// The key of a use after entries 0…size−1.
    fn key_after(&self, key_use: KeyUse, first: PublicKey, size: u64) -> PublicKey {
        let mut before = self.changes.iter().rev().filter(|place| place.seq < size);
        before.find_map(|place| place.new_key(key_use)).unwrap_or(first)
    }

    fn check_change(&self, index: usize, value: &Value) -> Result<Place, AuthorityError> {
        let invalid = |problem| AuthorityError::Invalid { index, problem };
        let record = read_record(value).map_err(|e| AuthorityError::Record(index, e))?;
        let header = &record.entry.header;
        if header.ledger != self.ledger {
            return Err(invalid("not an entry of this ledger"));
        }
        let (seq, leaf) = (record.entry.position.seq, record.leaf);
        let after = self.changes.last().map_or((0, self.ledger), |place| (place.seq, place.leaf));
        let misfit = || invalid("its payload is not that of its kind");
        let checked = match header.kind {
            Kind::Authority => {
                let change: Change = payload(&record).ok_or_else(misfit)?;
                self.check_key_change(seq, after, &change).map(|()| What::Key(change.change))
            }
            Kind::WitnessSet => {
                let change: WitnessSetChange = payload(&record).ok_or_else(misfit)?;
                self.check_witness_set(seq, after, &change).map(|()| What::Witnesses(change.set))
            }
            _ => Err("neither an authority entry nor a witness set"),
        };
        checked.map(|what| Place { seq, leaf, what }).map_err(invalid)
    }

    /// Checks a change of a key that stands in entry `seq`, `after` the change of that seq and leaf.
    fn check_key_change(&self, seq: u64, after: (u64, Hash), change: &Change) -> Result<(), &'static str> {
        if seq <= after.0 || change.prev_change != after.1 {
            return Err("it does not follow the change before it");
        }
        let keys = &self.genesis.keys;
        let first = match change.change.key_use {
            KeyUse::Checkpoint => keys.checkpoint,
            KeyUse::CheckpointSha256 => keys.checkpoint_sha256,
            KeyUse::Service => keys.service,
            _ => keys.command,
        };
        if self.key_after(change.change.key_use, first, seq) != change.change.old {
            return Err("the key it replaces is not the current one");
        }
        let statement = serde_json::json!({
            "key": change.change.new, "ledger": self.ledger, "use": change.change.key_use,
        });
        if signature::check_key(&change.change.new).is_err()
            || !signature::verify(&change.change.new, &possession_bytes(&statement), &change.change.pop)
        {
            return Err("the new key does not prove its possession");
        }
        let signed = authority_bytes(&change.change, &self.ledger, &change.prev_change);
        if self.recovery_signed(&signed, &change.signatures) {
            Ok(())
        } else {
            Err("too few recovery keys signed it")
        }
    }

    /// Checks a witness set that stands in entry `seq`, `after` the change of that seq and leaf.
    fn check_witness_set(
        &self,
        seq: u64,
        after: (u64, Hash),
        change: &WitnessSetChange,
    ) -> Result<(), &'static str> {
        if seq <= after.0 || change.prev_change != after.1 {
            return Err("it does not follow the change before it");
        }
        let possesses = |witness: &Witness| {
            let statement = witness_possession_bytes(&witness.key, &self.ledger, &witness.name);
            signature::check_key(&witness.key).is_ok()
                && signature::verify(&witness.key, &statement, &witness.pop)
        };
        if !change.set.witnesses.iter().all(possesses) {
            return Err("a witness does not prove its possession");
        }
        let signed = witness_set_bytes(&change.set, &self.ledger, &change.prev_change);
        let by_old_quorum = self.witnesses().is_some_and(|old| {
            let keys: Vec<PublicKey> = old.witnesses.iter().map(|witness| witness.key).collect();
            holding(&signed, &change.signatures, &keys) >= old.quorum
        });
        if by_old_quorum || self.recovery_signed(&signed, &change.signatures) {
            Ok(())
        } else {
            Err("neither the recovery keys nor the old quorum signed it")
        }
    }

    fn recovery_signed(&self, signed: &[u8], signatures: &[KeySignature]) -> bool {
        let recovery = &self.genesis.keys.recovery;
        holding(signed, signatures, &recovery.keys) >= recovery.threshold
    }
}

/// How many of the signatures are of one of `keys` and hold.
fn holding(signed: &[u8], signatures: &[KeySignature], keys: &[PublicKey]) -> u64 {
    let holds = |s: &&KeySignature| keys.contains(&s.key) && signature::verify(&s.key, signed, &s.sig);
    signatures.iter().filter(holds).count() as u64
}

fn note_keys(set: &WitnessSet) -> Vec<NoteKey> {
    set.witnesses.iter().map(|witness| checkpoint::witness_key(witness.name.as_str(), witness.key)).collect()
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

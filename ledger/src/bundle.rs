//! Building a proof bundle: from a running ledger, or from the files of a copy.
//!
//! A bundle takes the checkpoint that has its quorum of witnesses, if that covers the entry: a reader who asks for the
//! quorum is served by no other. Else it takes the newest.

mod copy;

pub use copy::from_log;

use crate::fault::Fault;
use crate::reader::{Query, ReadError};
use crate::service::Ledger;
use crate::state::{KeyRecord, canonical_bytes, key_path, key_value};
use proofs::bundle::{Bundle, FORMAT, Included, KeyProof};
use proofs::tile::MissingNode;
use proofs::{Checkpoint, SparseMap, note::Note};
use spec::payload::{KeyChange, KeyStatus};
use spec::{Kind, PublicKey};
use std::collections::BTreeMap;

/// Entries of a kind that are read at once.
const PAGE: usize = 1000;

/// The reason why no bundle could be built.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The ledger has no such entry.
    #[error("the ledger has {size} entries, no entry {seq}")]
    NoEntry {
        /// The entry asked for.
        seq: u64,
        /// How many there are.
        size: u64,
    },
    /// Entries could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The tree could not be read.
    #[error(transparent)]
    Node(#[from] MissingNode),
    /// A file could not be read, or does not hold.
    #[error(transparent)]
    File(#[from] Fault),
    /// No checkpoint at hand covers the entry.
    #[error("entry {seq} stands behind the newest checkpoint at hand, of size {size}: nothing proves it yet")]
    Uncovered {
        /// The entry asked for.
        seq: u64,
        /// The size of the newest checkpoint.
        size: u64,
    },
    /// The state changed under every attempt.
    #[error("the ledger's keys changed while the bundle was built; try again")]
    Busy,
}

/// How many entries the tree has in which a bundle proves its own; `None` if its checkpoint is none.
pub fn size_of(bundle: &Bundle) -> Option<u64> {
    let text = Note::parse(bundle.checkpoint.as_bytes()).ok()?.text;
    Checkpoint::parse(&text).ok().map(|checkpoint| checkpoint.size)
}

/// Everything that proves entry `seq`.
pub async fn build(ledger: &Ledger, seq: u64) -> Result<Bundle, BundleError> {
    if seq >= ledger.head().borrow().size {
        return Err(BundleError::NoEntry { seq, size: ledger.head().borrow().size });
    }
    let cosigned = ledger.witnessing().cosigned().borrow().clone();
    if let Some(cosigned) = cosigned.filter(|cosigned| seq < cosigned.size) {
        let text = Note::parse(cosigned.note.as_bytes()).map(|note| note.text);
        if let Some(checkpoint) = text.ok().and_then(|text| Checkpoint::parse(&text).ok())
            && let Some(keys) = keys_at(ledger, &checkpoint).await?
        {
            return under(ledger, seq, &checkpoint, &cosigned.note, keys).await;
        }
    }
    // The directory runs ahead of the head by the group that is being published; a few tries suffice.
    for _ in 0..100 {
        let head = ledger.head().borrow().clone();
        let (map, records) = ledger.directory(|d| (d.key_map.clone(), d.keys.clone()));
        if map.root() != head.checkpoint.keys {
            tokio::task::yield_now().await;
            continue;
        }
        return under(ledger, seq, &head.checkpoint, &head.note, Keys { map, records }).await;
    }
    Err(BundleError::Busy)
}

/// The keys as of some size, and the map that commits to them.
struct Keys {
    map: SparseMap,
    records: BTreeMap<PublicKey, KeyRecord>,
}

/// The keys as they were when a checkpoint was signed; `None` if they cannot be told from what is known now.
async fn keys_at(ledger: &Ledger, checkpoint: &Checkpoint) -> Result<Option<Keys>, BundleError> {
    let (map, records) = ledger.directory(|d| (d.key_map.clone(), d.keys.clone()));
    if map.root() == checkpoint.keys {
        return Ok(Some(Keys { map, records }));
    }
    let size = checkpoint.size;
    // Since when a key is in doubt is said by entries; those behind the checkpoint do not count yet.
    let in_doubt = records.values().any(|record| record.suspect_from.is_some());
    let doubts = if in_doubt { doubts_until(ledger, size).await? } else { BTreeMap::new() };
    let (mut map, mut then) = (SparseMap::default(), BTreeMap::new());
    for (key, mut record) in records.into_iter().filter(|(_, record)| record.introduced < size) {
        record.until = record.until.filter(|until| *until < size);
        record.suspect_from = doubts.get(&key).copied();
        map.insert(&key_path(&key), &canonical_bytes(&key_value(&record)));
        then.insert(key, record);
    }
    Ok((map.root() == checkpoint.keys).then_some(Keys { map, records: then }))
}

/// From which entry on each key is in doubt, by the first `size` entries.
async fn doubts_until(ledger: &Ledger, size: u64) -> Result<BTreeMap<PublicKey, u64>, BundleError> {
    let mut doubts = BTreeMap::new();
    let mut query = Query { kinds: vec![Kind::KeyStatus], to: size, limit: PAGE, ..Query::default() };
    loop {
        let page = ledger.reader().query(&query).await?;
        for record in &page.records {
            let json = record.payload.as_ref().map_or("", |payload| &payload.json);
            let Ok(status) = serde_json::from_str::<KeyStatus>(json) else { continue };
            if status.status == KeyChange::Compromised {
                let from = status.suspect_from.unwrap_or(record.entry.position.seq);
                doubts.entry(status.key).and_modify(|old: &mut u64| *old = from.min(*old)).or_insert(from);
            }
        }
        match page.next {
            Some(next) => query.from = next,
            None => return Ok(doubts),
        }
    }
}

/// Everything that proves entry `seq` under one checkpoint.
async fn under(
    ledger: &Ledger,
    seq: u64,
    checkpoint: &Checkpoint,
    note: &str,
    keys: Keys,
) -> Result<Bundle, BundleError> {
    let (reader, size) = (ledger.reader(), checkpoint.size);
    let missing = |seq: u64| BundleError::NoEntry { seq, size };
    let (record, line) = reader.line(seq).await?.ok_or_else(|| missing(seq))?;
    let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    let key = record.entry.header.key;
    let (Some(key_record), Some((path, _))) = (keys.records.get(&key), keys.map.prove(&key_path(&key)))
    else {
        return Err(missing(seq));
    };
    let introduced = key_record.introduced;
    let (_, introduction) = reader.line(introduced).await?.ok_or_else(|| missing(introduced))?;
    let mut authority_seqs = ledger.directory(|d| d.authority_seqs.clone());
    authority_seqs.retain(|seq| *seq < size);
    Ok(Bundle {
        authority: reader.authority(&authority_seqs).await?,
        checkpoint: note.to_owned(),
        entry: value.get("entry").cloned().unwrap_or_default(),
        format: FORMAT.to_owned(),
        inclusion: ledger.inclusion(seq, size)?,
        introduction: Included {
            inclusion: ledger.inclusion(introduced, size)?,
            record: serde_json::from_str(&introduction).unwrap_or_default(),
        },
        key: KeyProof { path, record: key_value(key_record) },
        ledger: ledger.id(),
        payload: value.get("payload").cloned(),
        salt: record.payload.map(|p| p.salt),
    })
}

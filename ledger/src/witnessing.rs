//! Witnessing: which checkpoint is offered to witnesses, and what they have signed of it.
//!
//! One checkpoint a minute is offered, and one at once when something waits for a quorum. A witness proves to itself
//! that it extends the one it signed last, and sends its line. When the quorum of the set in force stands under an
//! offered checkpoint, it is kept in `COSIGNED.txt`, and in `ROOT.txt` too while it is the newest.

use crate::service::Head;
use crate::watermark::Notes;
use crate::witness_set::PlacedSet;
use proofs::checkpoint::{Cosignature, check_cosignature};
use proofs::note::{Note, NoteError, NoteSignature};
use proofs::{Checkpoint, CheckpointError};
use spec::PublicKey;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Time between two offers when nothing waits for one.
pub const OFFER_EVERY: Duration = Duration::from_mins(1);

/// Least time between two offers.
pub const OFFER_PAUSE: Duration = Duration::from_millis(500);

/// Offers for which cosignatures are taken: a slow witness may be a few behind.
pub const MAX_OFFERS: usize = 8;

/// A checkpoint that witnesses are asked to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// It, signed by the ledger alone.
    pub note: Arc<str>,
}

/// A checkpoint with its quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Its size.
    pub size: u64,
    /// It, signed by the ledger and by witnesses.
    pub note: Arc<str>,
}

/// The place to which an offer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Its size.
    pub size: u64,
    /// Witnesses of the set that have signed it.
    pub cosigned: u64,
    /// How many it takes.
    pub quorum: u64,
}

/// The checkpoint that a witness signed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSigned {
    /// The size of the checkpoint.
    pub size: u64,
    /// When, by its own clock, in seconds since 1970.
    pub time: u64,
}

/// The reason why a cosignature is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// It is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// No set is in force.
    #[error("the ledger names no witnesses yet")]
    NoSet,
    /// This checkpoint was not offered, or too long ago.
    #[error("this checkpoint is not offered, or no more; ask for the newest")]
    NotOffered,
    /// The signer is not in the set.
    #[error("{0} is not in the witness set under this key")]
    NotInSet(String),
    /// There is no line but the ledger's.
    #[error("the note carries no cosignature")]
    Missing,
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] CheckpointError),
}

#[derive(Debug)]
struct Pending {
    offer: Arc<Offer>,
    lines: BTreeMap<PublicKey, NoteSignature>,
}

#[derive(Debug, Default)]
struct Collected {
    offers: VecDeque<Pending>,
    last_signed: BTreeMap<PublicKey, LastSigned>,
}

/// Offers, and the cosignatures that came.
#[derive(Debug)]
pub struct Witnessing {
    collected: Mutex<Collected>,
    offers: watch::Sender<Option<Arc<Offer>>>,
    cosigned: watch::Sender<Option<Arc<Cosigned>>>,
    asked: Notify,
    notes: Notes,
}

impl Witnessing {
    pub(crate) fn new(cosigned: Option<Cosigned>, notes: Notes) -> Self {
        Self {
            collected: Mutex::default(),
            offers: watch::Sender::new(None),
            cosigned: watch::Sender::new(cosigned.map(Arc::new)),
            asked: Notify::new(),
            notes,
        }
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers the head, unless it is offered already.
    pub fn offer(&self, head: &Head) {
        let mut collected = self.collected();
        if collected.offers.back().is_some_and(|newest| newest.offer.checkpoint.size >= head.checkpoint.size)
        {
            return;
        }
        let offer = Arc::new(Offer { checkpoint: head.checkpoint.clone(), note: Arc::clone(&head.note) });
        collected.offers.push_back(Pending { offer: Arc::clone(&offer), lines: BTreeMap::new() });
        if collected.offers.len() > MAX_OFFERS {
            collected.offers.pop_front();
        }
        drop(collected);
        self.offers.send_replace(Some(offer));
    }

    /// Says that something waits for a newer offer.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until something waits for a newer offer.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// The newest offer, and word of each new one.
    pub fn offers(&self) -> watch::Receiver<Option<Arc<Offer>>> {
        self.offers.subscribe()
    }

    /// The newest checkpoint with its quorum, and word of each new one.
    pub fn cosigned(&self) -> watch::Receiver<Option<Arc<Cosigned>>> {
        self.cosigned.subscribe()
    }

    /// What a witness signed last, as far as this process knows.
    pub fn last_signed(&self, key: &PublicKey) -> Option<LastSigned> {
        self.collected().last_signed.get(key).copied()
    }

    /// Takes the cosignatures of a note; `set` is the one in force at its size.
    ///
    /// Every line but the ledger's own must be of a witness of the set, and hold. A witness that signs again changes
    /// nothing.
    pub fn cosign(&self, set: Option<&PlacedSet>, note: &[u8]) -> Result<Progress, CosignError> {
        let note = Note::parse(note)?;
        let set = set.ok_or(CosignError::NoSet)?;
        let mut collected = self.collected();
        let Collected { offers, last_signed } = &mut *collected;
        let mut offers = offers.iter_mut();
        let pending = offers
            .find(|pending| is_text_of(&pending.offer.note, &note.text))
            .ok_or(CosignError::NotOffered)?;
        let (size, origin) = (pending.offer.checkpoint.size, &pending.offer.checkpoint.origin);
        let signed = checked(&note, origin, set)?;
        for (line, Cosignature { key, time, .. }) in signed {
            pending.lines.entry(key).or_insert_with(|| line.clone());
            let last = last_signed.entry(key).or_insert(LastSigned { size, time });
            if last.size <= size {
                *last = LastSigned { size, time };
            }
        }
        let progress = Progress { size, cosigned: pending.lines.len() as u64, quorum: set.set.quorum };
        if progress.cosigned >= progress.quorum {
            self.publish(Cosigned { size, note: with_lines(&pending.offer.note, pending.lines.values()) });
        }
        Ok(progress)
    }

    /// Called under the lock, so that what is published never gets older.
    fn publish(&self, cosigned: Cosigned) {
        if self.cosigned.borrow().as_ref().is_some_and(|newest| newest.size > cosigned.size) {
            return;
        }
        self.notes.cosigned(cosigned.size, Arc::clone(&cosigned.note));
        self.cosigned.send_replace(Some(Arc::new(cosigned)));
    }
}

/// The lines of a note that are of witnesses, each checked.
fn checked<'a>(
    note: &'a Note,
    origin: &str,
    set: &PlacedSet,
) -> Result<Vec<(&'a NoteSignature, Cosignature)>, CosignError> {
    let keys = set.note_keys();
    let mut signed = Vec::new();
    for line in note.signatures.iter().filter(|line| line.name != origin) {
        let key = keys.iter().find(|key| key.name == line.name && key.id() == line.key_id);
        let key = key.ok_or_else(|| CosignError::NotInSet(line.name.clone()))?;
        signed.push((line, check_cosignature(&note.text, line, key)?));
    }
    if signed.is_empty() { Err(CosignError::Missing) } else { Ok(signed) }
}

/// Whether `text` is what a note signs.
fn is_text_of(note: &str, text: &str) -> bool {
    note.strip_prefix(text).is_some_and(|rest| rest.starts_with('\n'))
}

/// A note with further signature lines, sorted by name.
fn with_lines<'a>(note: &str, lines: impl Iterator<Item = &'a NoteSignature>) -> Arc<str> {
    // The ledger's own note always parses.
    let Ok(mut note) = Note::parse(note.as_bytes()) else { return note.into() };
    let mut lines: Vec<&NoteSignature> = lines.collect();
    lines.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    note.signatures.extend(lines.into_iter().cloned());
    note.to_string().into()
}

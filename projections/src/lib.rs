//! What the log means: folds over its entries, each a pure function of the entries so far.
//!
//! A fold reads no clock, no environment and no network; what depends on time takes it as an argument. So
//! the same entries give the same state everywhere, a seal can commit to it, and an auditor can fold again
//! and compare. [`Projections`] holds all folds at one size; [`live::Live`] keeps them at the ledger's head.

pub mod attention;
pub mod fleet;
mod followers;
pub mod http;
pub mod listening;
pub mod live;
mod nodes;
pub mod page;
mod reads;
mod recent;
mod stream;

use attention::Attention;
use fleet::Fleet;
use spec::payload::Digest;
use spec::{Hash, Record, Timestamp};
use std::collections::BTreeMap;

/// A fold over the log.
pub trait Projection {
    /// Its name in seals.
    const NAME: &'static str;

    /// Version of its rules. A change of what the same entries lead to is a new version.
    const VERSION: u64;

    /// Takes the next entry in.
    fn apply(&mut self, record: &Record);

    /// The root of a map from each organisation to its part of the state, so that an archive of one
    /// organisation can check its own part.
    fn digest(&self) -> Hash;
}

/// Every fold, over the same entries.
#[derive(Debug, Clone, Default)]
pub struct Projections {
    size: u64,
    last_recorded: Timestamp,
    fleet: Fleet,
    attention: Attention,
}

/// An entry that does not follow the ones folded so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("entry {found} cannot be folded after {size} entries")]
pub struct OutOfOrder {
    /// Entries folded so far.
    pub size: u64,
    /// Seq of the entry that came.
    pub found: u64,
}

impl Projections {
    /// Takes the next entry in. On an error nothing has changed.
    pub fn apply(&mut self, record: &Record) -> Result<(), OutOfOrder> {
        let position = &record.entry.position;
        if position.seq != self.size {
            return Err(OutOfOrder { size: self.size, found: position.seq });
        }
        self.fleet.apply(record);
        self.attention.apply(record);
        // Nobody announces them yet.
        drop(self.attention.take_transitions());
        self.size += 1;
        self.last_recorded = position.recorded_at;
        Ok(())
    }

    /// Entries folded so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `recorded_at` of the last entry: the time at which a seal over these entries looks at the folds.
    pub fn last_recorded(&self) -> Timestamp {
        self.last_recorded
    }

    /// The nodes.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// How the nodes stand.
    pub fn attention(&self) -> &Attention {
        &self.attention
    }

    /// What a seal over the entries so far says of each fold.
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        fn of<P: Projection>(fold: &P, size: u64) -> (String, Digest) {
            (P::NAME.to_owned(), Digest { digest: fold.digest(), size, version: P::VERSION })
        }
        BTreeMap::from([of(&self.attention, self.size), of(&self.fleet, self.size)])
    }
}

//! What a fold is, and all of them over the same entries.
//!
//! Adding one is a file with an implementation of [`Projection`], and its line at the end of this one.

use crate::fact::Fact;
use proofs::SparseMap;
use proofs::map::path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spec::payload::Digest;
use spec::{Domain, Hash, Kind, Name, Record, Refold, Timestamp, canonical};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A fold over the log: a pure function of the entries so far.
///
/// Its serde form is its snapshot: what it writes it reads back, and goes on from there as if it had folded
/// every entry itself.
pub trait Projection: Debug + Clone + Default + Serialize + DeserializeOwned {
    /// Its name in seals.
    const NAME: &'static str;

    /// Version of its rules. A change of what the same entries lead to is a new version.
    const VERSION: u64;

    /// Takes the next entry in.
    fn apply(&mut self, fact: &Fact<'_>);

    /// The organisations it knows something of, in order.
    fn orgs(&self) -> Vec<&Name>;

    /// What it knows of an organisation, in canonical JSON: what digests are over. It says the same as long as
    /// nothing happened to this organisation, whatever happens to others.
    fn part(&self, org: &Name) -> Vec<u8>;

    /// The root of a map from each organisation to its part, so that an archive of one organisation can check
    /// its own.
    fn digest(&self) -> Hash {
        let mut map = SparseMap::default();
        for org in self.orgs() {
            map.insert(&path(Domain::KeyPath, org.as_str().as_bytes()), &self.part(org));
        }
        map.root()
    }
}

/// The canonical JSON of typed parts with integers only, which always exists.
pub(crate) fn part<T: Serialize>(value: &T) -> Vec<u8> {
    canonical::to_vec(value).unwrap_or_default()
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

/// A snapshot that these folds cannot go on from.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is no snapshot.
    #[error("no snapshot: {0}")]
    Form(#[from] serde_json::Error),
    /// It was made by other versions of the folds.
    #[error("it was made by other versions of the folds")]
    Versions,
}

/// One organisation's part of one fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The organisation.
    pub org: Name,
    /// What the fold knows of it, in canonical JSON.
    pub json: Vec<u8>,
}

/// Writes the folds' struct, and everything that is said of each of them, from one list.
macro_rules! projections {
    ($($(#[$doc:meta])* $name:ident: $fold:ty;)*) => {
        /// Every fold, over the same entries.
        #[derive(Debug, Clone, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Projections {
            size: u64,
            last_recorded: Timestamp,
            leaf: Option<Hash>,
            sealed: BTreeMap<String, Digest>,
            $($name: $fold,)*
        }

        impl Projections {
            /// The folds' names.
            pub const NAMES: &'static [&'static str] = &[$(<$fold>::NAME),*];

            $($(#[$doc])* pub fn $name(&self) -> &$fold {
                &self.$name
            })*

            /// The version of each fold's rules.
            pub fn versions() -> BTreeMap<String, u64> {
                BTreeMap::from([$((<$fold>::NAME.to_owned(), <$fold>::VERSION)),*])
            }

            /// What a seal over the entries so far says of each fold.
            pub fn digests(&self) -> BTreeMap<String, Digest> {
                let size = self.size;
                BTreeMap::from([$((
                    <$fold>::NAME.to_owned(),
                    Digest { digest: self.$name.digest(), size, version: <$fold>::VERSION },
                )),*])
            }

            /// The parts of the fold with a name, by organisation; `None` if there is no such fold.
            pub fn parts(&self, name: &str) -> Option<Vec<Part>> {
                $(if name == <$fold>::NAME {
                    let fold = &self.$name;
                    let of = |org: &Name| Part { org: org.clone(), json: fold.part(org) };
                    return Some(fold.orgs().into_iter().map(of).collect());
                })*
                None
            }

            fn apply_to_each(&mut self, fact: &Fact<'_>) {
                $(self.$name.apply(fact);)*
            }
        }
    };
}

impl Projections {
    /// Takes the next entry in. On an error nothing has changed.
    ///
    /// # Errors
    /// The entry is not the one after those folded so far.
    pub fn apply(&mut self, record: &Record) -> Result<(), OutOfOrder> {
        let fact = Fact::of(record);
        if fact.seq != self.size {
            return Err(OutOfOrder { size: self.size, found: fact.seq });
        }
        if fact.header.kind == Kind::Seal {
            self.sealed = self.digests();
        }
        self.apply_to_each(&fact);
        self.size += 1;
        self.last_recorded = fact.at;
        self.leaf = Some(record.leaf);
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

    /// Leaf of the last entry: it commits to every entry folded.
    pub fn leaf(&self) -> Option<Hash> {
        self.leaf
    }

    /// What the folds were right before the last seal.
    pub fn sealed(&self) -> &BTreeMap<String, Digest> {
        &self.sealed
    }

    /// The folds in a form that [`Projections::restore`] reads.
    pub fn snapshot(&self) -> Vec<u8> {
        let snapshot = Snapshot { versions: Self::versions(), folds: self };
        // Every map in it has keys that are texts.
        serde_json::to_vec(&snapshot).unwrap_or_default()
    }

    /// The folds as they were when the snapshot was taken.
    ///
    /// # Errors
    /// It is no snapshot, or one that folds of other versions made.
    pub fn restore(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let versions: Versions = serde_json::from_slice(snapshot)?;
        if versions.versions != Self::versions() {
            return Err(SnapshotError::Versions);
        }
        Ok(serde_json::from_slice::<Snapshot<Self>>(snapshot)?.folds)
    }
}

impl Refold for Projections {
    fn apply(&mut self, record: &Record) {
        // The auditor goes in order; folds that did not take an entry in have the wrong size from then on,
        // and nothing is compared with them.
        let _ = Self::apply(self, record);
    }

    fn digests(&self) -> BTreeMap<String, Digest> {
        Self::digests(self)
    }

    fn sealed(&self) -> BTreeMap<String, Digest> {
        self.sealed.clone()
    }
}

#[derive(Serialize, Deserialize)]
struct Snapshot<T> {
    versions: BTreeMap<String, u64>,
    folds: T,
}

/// The part of a snapshot that says whether the rest can be read.
#[derive(Deserialize)]
struct Versions {
    versions: BTreeMap<String, u64>,
}

projections! {
    /// How the nodes stand.
    attention: crate::attention::Attention;
    /// What usage costs, and did cost.
    billing: crate::billing::Billing;
    /// What nodes were told to do.
    commands: crate::commands::Commands;
    /// The nodes.
    fleet: crate::fleet::Fleet;
    /// What somebody has to look after.
    incidents: crate::incidents::Incidents;
    /// The keys.
    keys: crate::keys::Keys;
    /// How the nodes fared.
    metrics: crate::metrics::Metrics;
    /// What nodes may be told.
    policies: crate::policies::Policies;
    /// What goes out in waves.
    rollouts: crate::rollouts::Rollouts;
    /// What scans found.
    scans: crate::scans::Scans;
    /// What is done again and again.
    schedules: crate::schedules::Schedules;
    /// How operations ended.
    slo: crate::slo::Outcomes;
    /// What is to be billed.
    usage: crate::usage::Usage;
}

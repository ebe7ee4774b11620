//! Folds by the rules they had before, for the seals of that time.
//!
//! A seal names digests of the folds and the version of each one's rules. An auditor who meets an older seal folds by
//! the rules of its time as well, up to the first seal that names the present ones: no ledger goes back.

use crate::Projection as _;
use crate::attention::Attention;
use crate::fact::Fact;
use crate::fold::Projections;
use crate::incidents::Incidents;
use spec::payload::{Digest, Seal};
use spec::{Kind, Record, Refold};
use std::collections::BTreeMap;

/// The versions before the present ones that can still be folded, by the folds' names.
pub const VERSIONS: [(&str, u64); 2] = [(Attention::NAME, 3), (Incidents::NAME, 2)];

/// All folds, by the rules of now and, as long as seals may name those, of before.
#[derive(Debug, Clone, Default)]
pub struct Refolding {
    folds: Projections,
    former: Option<Former>,
    /// Whether the log says that it was sealed by the rules of now.
    is_past: bool,
}

#[derive(Debug, Clone)]
struct Former {
    attention: Attention,
    incidents: Incidents,
    size: u64,
    sealed: BTreeMap<String, Digest>,
}

impl Former {
    fn new() -> Option<Self> {
        let [(_, attention), (_, incidents)] = VERSIONS;
        Some(Self {
            attention: Attention::of_version(attention)?,
            incidents: Incidents::of_version(incidents)?,
            size: 0,
            sealed: BTreeMap::new(),
        })
    }

    fn digests(&self) -> BTreeMap<String, Digest> {
        let digests = [self.attention.digest(), self.incidents.digest()];
        let named = VERSIONS
            .into_iter()
            .zip(digests)
            .map(|((name, version), digest)| (name.to_owned(), Digest { digest, size: self.size, version }));
        named.collect()
    }

    fn apply(&mut self, record: &Record) {
        let fact = Fact::of(record);
        if fact.header.kind == Kind::Seal {
            self.sealed = self.digests();
        }
        self.attention.apply(&fact);
        self.incidents.apply(&fact);
        self.size += 1;
    }
}

impl Refold for Refolding {
    fn apply(&mut self, record: &Record) {
        if !self.is_past {
            self.is_past = names_present(record);
            if self.is_past {
                self.former = None;
            } else if self.folds.size() == 0 {
                self.former = Former::new();
            }
        }
        if let Some(former) = &mut self.former {
            former.apply(record);
        }
        Refold::apply(&mut self.folds, record);
    }

    fn digests(&self) -> BTreeMap<String, Digest> {
        self.folds.digests()
    }

    fn sealed(&self) -> BTreeMap<String, Digest> {
        Refold::sealed(&self.folds)
    }

    fn former(&self) -> Vec<BTreeMap<String, Digest>> {
        self.former.iter().flat_map(|former| [former.digests(), former.sealed.clone()]).collect()
    }
}

/// Whether an entry is a seal by the rules of now.
fn names_present(record: &Record) -> bool {
    if record.entry.header.kind != Kind::Seal {
        return false;
    }
    let payload =
        record.payload.as_ref().and_then(|payload| serde_json::from_str::<Seal>(&payload.json).ok());
    let present = Projections::versions();
    payload.is_some_and(|seal| {
        VERSIONS
            .iter()
            .all(|(name, _)| seal.advisory.get(*name).map(|said| said.version) == present.get(*name).copied())
    })
}

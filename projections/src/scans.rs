//! Scans: what the latest one of each node found, and how many findings the ones before it had.
//!
//! ```text
//! scan    real                          → latest, history
//! scan    made up for a trial           → history, and latest while there is no real one
//! scan    imported                      → the same, while the node has not reported one itself
//! baseline                              → which baseline of the node is accepted; the newest counts
//! acceptance                            → which findings people know of and take as they are
//! ```
//!
//! A finding is open while the latest scan of its node has it.

use crate::Projection;
use crate::acceptances::{Acceptance, Acceptances};
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Baseline, Finding, FindingCounts, Scan};
use spec::{Author, Hash, Name, Timestamp, Uuid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Scans of a node whose counts are kept, the latest among them: with one a day, almost three weeks to compare.
pub const MAX_KEPT_SCANS: usize = 20;

/// The scans of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scans {
    orgs: BTreeMap<Name, BTreeMap<Uuid, NodeScans>>,
    accepted: BTreeMap<Name, BTreeMap<Uuid, AcceptedBaseline>>,
    acceptances: Acceptances,
}

/// A baseline that a person accepted for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedBaseline {
    /// The baseline.
    pub baseline: Hash,
    /// Root of the tree of files in the scan that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_root: Option<Hash>,
    /// Who accepted it.
    pub author: Author,
    /// Seq of the entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// The scans of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeScans {
    /// The one that counts.
    pub latest: Latest,
    /// The last ones in the order of the log.
    pub history: VecDeque<Past>,
}

/// A scan as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScanReport")]
pub struct Latest {
    /// Seq of its entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether the node did not report it itself.
    pub imported: bool,
    /// What it says.
    pub scan: Scan,
}

/// A summary of a scan that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScanSummary")]
pub struct Past {
    /// Seq of its entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When it began, by the node's clock.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How many findings there were.
    pub counts: FindingCounts,
    /// Whether it is made up for a trial.
    pub simulated: bool,
    /// Whether the node did not report it itself.
    pub imported: bool,
}

impl Scans {
    /// The organisations whose nodes were scanned.
    pub fn orgs(&self) -> impl Iterator<Item = &Name> {
        self.orgs.keys()
    }

    /// The scans of an organisation's nodes, by the nodes' ids.
    pub fn nodes(&self, org: &Name) -> impl Iterator<Item = (Uuid, &NodeScans)> {
        self.orgs.get(org).into_iter().flatten().map(|(id, scans)| (*id, scans))
    }

    /// The scans of a node.
    pub fn node(&self, org: &Name, id: Uuid) -> Option<&NodeScans> {
        self.orgs.get(org)?.get(&id)
    }

    /// The findings that are accepted, or were.
    pub fn acceptances(&self) -> &Acceptances {
        &self.acceptances
    }

    /// The baseline that was last accepted for a node.
    pub fn accepted(&self, org: &Name, id: Uuid) -> Option<&AcceptedBaseline> {
        self.accepted.get(org)?.get(&id)
    }

    /// Who accepted the baseline that a node's scans are compared with, if that is the one accepted.
    pub fn in_use(&self, org: &Name, id: Uuid) -> Option<&AcceptedBaseline> {
        let used = self.node(org, id)?.latest.scan.baseline;
        self.accepted(org, id).filter(|accepted| used == Some(accepted.baseline))
    }

    fn accept(&mut self, fact: &Fact<'_>, said: &Baseline) {
        let accepted = AcceptedBaseline {
            baseline: said.baseline,
            tree_root: said.tree_root,
            author: fact.header.author.clone(),
            seq: fact.seq,
            recorded_at: fact.at,
        };
        self.accepted.entry(fact.header.org.clone()).or_default().insert(said.node, accepted);
    }

    fn take(&mut self, fact: &Fact<'_>, scan: &Scan) {
        let Some(id) = fact.reporter() else { return };
        let imported = matches!(fact.header.author, Author::Import(_));
        let latest = Latest { seq: fact.seq, recorded_at: fact.at, imported, scan: scan.clone() };
        let past = Past {
            seq: fact.seq,
            recorded_at: fact.at,
            started_at: scan.started_at,
            duration_ms: scan.duration_ms,
            counts: scan.counts,
            simulated: scan.simulated,
            imported,
        };
        let nodes = self.orgs.entry(fact.header.org.clone()).or_default();
        match nodes.get_mut(&id) {
            None => {
                nodes.insert(id, NodeScans { latest, history: VecDeque::from([past]) });
            }
            Some(scans) => {
                // What is made up hides nothing that is real, and what is told nothing that was seen.
                if latest.weight() >= scans.latest.weight() {
                    scans.latest = latest;
                }
                scans.history.push_back(past);
                if scans.history.len() > MAX_KEPT_SCANS {
                    scans.history.pop_front();
                }
            }
        }
    }
}

impl Latest {
    /// The open findings, sorted by id and subject.
    pub fn findings(&self) -> &[Finding] {
        &self.scan.findings
    }

    /// Which scans give way to which.
    fn weight(&self) -> (bool, bool) {
        (!self.scan.simulated, !self.imported)
    }
}

impl Projection for Scans {
    const NAME: &'static str = "scans";
    const VERSION: u64 = 2;

    fn apply(&mut self, fact: &Fact<'_>) {
        match &fact.said {
            Said::Scan(scan) => self.take(fact, scan),
            Said::Baseline(said) => self.accept(fact, said),
            Said::Acceptance(_) => drop(self.acceptances.hear(fact)),
            _ => {}
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        let orgs: BTreeSet<&Name> =
            self.orgs.keys().chain(self.accepted.keys()).chain(self.acceptances.orgs()).collect();
        orgs.into_iter().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        #[derive(Serialize)]
        struct Part<'a> {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            acceptances: Vec<&'a Acceptance>,
            #[serde(skip_serializing_if = "Option::is_none")]
            accepted: Option<&'a BTreeMap<Uuid, AcceptedBaseline>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nodes: Option<&'a BTreeMap<Uuid, NodeScans>>,
        }
        let acceptances = self.acceptances.of(org).collect();
        part(&Part { acceptances, accepted: self.accepted.get(org), nodes: self.orgs.get(org) })
    }
}

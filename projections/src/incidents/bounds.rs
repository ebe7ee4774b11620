//! What the incidents of one organisation may take in memory: reports are counted by who made them, and remarks have a
//! share of bytes. Of what goes beyond, the log has all.

use super::incident::{Incident, Remark};
use serde::{Deserialize, Serialize};
use spec::{Author, Hash};
use std::collections::{BTreeMap, VecDeque};

/// Bytes that remarks of people take in an organisation: some thousand at their longest.
pub const MAX_REMARK_BYTES: usize = 16 << 20;

/// The same of what nodes and imports remark.
pub const MAX_REPORTED_REMARK_BYTES: usize = 4 << 20;

/// What a remark takes beside its text, in bytes.
const REMARK_COSTS: usize = 256;

/// Open reports by who made them. Not known until it is asked for: snapshots of before have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reports(Option<BTreeMap<Author, usize>>);

impl Reports {
    /// How many of an author's incidents are not over.
    pub(super) fn of(&mut self, author: &Author, incidents: &BTreeMap<Hash, Incident>) -> usize {
        self.known(incidents).get(author).copied().unwrap_or_default()
    }

    fn known(&mut self, incidents: &BTreeMap<Hash, Incident>) -> &mut BTreeMap<Author, usize> {
        self.0.get_or_insert_with(|| {
            let mut counts = BTreeMap::new();
            let open = incidents.values().filter(|incident| incident.resolved.is_none());
            for author in open.filter_map(|incident| incident.opened.author.as_ref()) {
                *counts.entry(author.clone()).or_default() += 1;
            }
            counts
        })
    }

    /// An incident was opened, or is open again.
    pub(super) fn begun(&mut self, incident: &Incident) {
        if let (Some(counts), Some(author)) = (&mut self.0, &incident.opened.author) {
            *counts.entry(author.clone()).or_default() += 1;
        }
    }

    /// An incident is over.
    pub(super) fn over(&mut self, incident: &Incident) {
        let (Some(counts), Some(author)) = (&mut self.0, &incident.opened.author) else { return };
        if let Some(count) = counts.get_mut(author) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(author);
            }
        }
    }
}

/// The remarks of an organisation in the order in which they were made, and what they take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remarks {
    #[serde(default)]
    by_people: Share,
    #[serde(default)]
    by_nodes: Share,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Share {
    /// The incident of each.
    made: VecDeque<Hash>,
    bytes: usize,
}

fn is_report(remark: &Remark) -> bool {
    matches!(remark.by.author, Some(Author::Node(_) | Author::Import(_)))
}

fn costs(remark: &Remark) -> usize {
    REMARK_COSTS + remark.text.len()
}

impl Remarks {
    fn share(&mut self, reports: bool) -> &mut Share {
        if reports { &mut self.by_nodes } else { &mut self.by_people }
    }

    /// A remark is kept with an incident.
    pub(super) fn made(&mut self, id: Hash, remark: &Remark) {
        let share = self.share(is_report(remark));
        share.made.push_back(id);
        share.bytes += costs(remark);
    }

    /// A remark is kept no longer.
    pub(super) fn gone(&mut self, remark: &Remark) {
        let share = self.share(is_report(remark));
        share.bytes = share.bytes.saturating_sub(costs(remark));
    }

    /// Lets go of the oldest that are too many, those of nodes and those of people each by themselves.
    pub(super) fn fit(&mut self, incidents: &mut BTreeMap<Hash, Incident>) {
        for (reports, most) in [(true, MAX_REPORTED_REMARK_BYTES), (false, MAX_REMARK_BYTES)] {
            let share = self.share(reports);
            // Those that went with their incidents are named still, and take nothing else.
            while share.bytes > most || share.made.len() > most / REMARK_COSTS {
                let Some(id) = share.made.pop_front() else { break };
                let Some(incident) = incidents.get_mut(&id) else { continue };
                if let Some(oldest) = incident.notes.iter().position(|note| is_report(note) == reports) {
                    share.bytes = share.bytes.saturating_sub(costs(&incident.notes.remove(oldest)));
                }
            }
        }
    }
}

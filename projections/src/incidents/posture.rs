//! The posture of a node: one incident for all that scans found on it.
//!
//! ```text
//! opened    attention told of a critical or high finding
//! reopened  it told of another, as grave as the gravest that is open: whoever looks after it is to look again
//! changed   it told that some are gone; the band is that of the gravest that is left
//! resolved  none that is critical or high is left; or `resolve`
//! ```

use super::incident::{By, Incident, Matter};
use super::{OrgIncidents, Turn, new, recently};
use crate::attention::{Findings, Reason};
use serde::{Deserialize, Serialize};
use spec::payload::{Band, Posture, ReasonState, WeighedReason};
use spec::{Hash, Uuid};
use std::collections::BTreeMap;

/// The topic of a node's posture.
pub(super) const POSTURE: &str = "posture";

/// A finding that was told by itself, with what it weighs.
type Single = (Reason, u64);

/// What was told of findings.
pub(super) struct Told<'a> {
    /// The finding that came or went.
    pub(super) finding: (Reason, &'a str, u64),
    pub(super) state: ReasonState,
    /// What counts; absent in announcements by rules that knew no posture.
    pub(super) posture: Option<&'a Posture>,
    /// The announcement.
    pub(super) event: Hash,
    pub(super) by: By,
}

/// The findings of nodes that were told each by itself, by their subjects, while nothing else was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Singles(BTreeMap<Uuid, BTreeMap<String, Single>>);

impl Singles {
    /// What of a node's findings counts after one more was told by itself.
    fn after(&mut self, node: Uuid, told: &Told<'_>) -> Posture {
        let (reason, subject, weight) = told.finding;
        let known = self.0.entry(node).or_default();
        match told.state {
            ReasonState::Firing => drop(known.insert(subject.to_owned(), (reason, weight))),
            // Of another degree, which was told before, this says nothing.
            ReasonState::Cleared => known.retain(|other, (of, _)| (other.as_str(), *of) != (subject, reason)),
        }
        let count = |reason: Reason| known.values().filter(|(of, _)| *of == reason).count() as u64;
        let worst = known.iter().min_by_key(|(subject, (reason, _))| (*reason, *subject));
        let posture = Posture {
            critical: count(Reason::FindingCritical),
            high: count(Reason::FindingHigh),
            low: count(Reason::FindingLow),
            medium: count(Reason::FindingMedium),
            worst: worst.and_then(|(subject, (reason, weight))| {
                let reason = reason.as_str().parse().ok()?;
                Some(WeighedReason { reason, subject: Some(subject.clone()), weight: *weight })
            }),
        };
        if known.is_empty() {
            self.0.remove(&node);
        }
        posture
    }
}

impl OrgIncidents {
    /// Takes in that attention told of a finding of a node. `matter` is the node's posture.
    pub(super) fn found(&mut self, matter: Matter, told: Told<'_>) {
        let Some(node) = matter.node_id else { return };
        let posture = match told.posture {
            Some(posture) => {
                self.singles.0.remove(&node);
                posture.clone()
            }
            None => self.singles.after(node, &told),
        };
        let is_grave = posture.critical + posture.high > 0;
        let band = if posture.critical > 0 { Band::Crit } else { Band::Attn };
        let known = self.about.get(&matter).and_then(|id| self.incidents.get(id));
        let fires = told.state == ReasonState::Firing && told.finding.0.is_grave();
        match known.map(|incident| (incident.id, incident.resolved.clone(), incident.band)) {
            Some((id, None, was)) if is_grave => {
                self.be(&id, posture, band);
                // Those that were told each by itself came many at once: only what is graver is news.
                if fires && (told.posture.is_some() || band > was) {
                    self.look_again(&id, told.by);
                }
            }
            Some((id, None, _)) => {
                self.be(&id, posture, Band::Attn);
                self.resolve(&id, told.by);
            }
            Some((id, resolved, _)) if fires && recently(resolved.as_ref(), told.by.at) => {
                self.be(&id, posture, band);
                self.reopen(&id, told.by);
            }
            _ if fires => {
                let opened = new(told.event, matter, title(&posture), band, told.by);
                self.open(Incident { posture: Some(posture), ..opened }, Findings::AsPosture);
            }
            _ => {}
        }
    }

    fn be(&mut self, id: &Hash, posture: Posture, band: Band) {
        if let Some(incident) = self.incidents.get_mut(id) {
            // What is over keeps saying what it was.
            if posture.critical + posture.high > 0 {
                incident.title = title(&posture);
            }
            incident.be(band);
            incident.posture = Some(posture);
        }
    }

    /// Something came to an incident that somebody may look after already.
    fn look_again(&mut self, id: &Hash, by: By) {
        if let Some(incident) = self.incidents.get_mut(id) {
            incident.reopen(by);
            self.happened.push((Turn::Reopened, *id));
        }
    }
}

/// The gravest, and how many others there are.
fn title(posture: &Posture) -> String {
    let worst = posture.worst.as_ref();
    let worst =
        worst.map(|worst| format!("{} {}", worst.reason, worst.subject.as_deref().unwrap_or_default()));
    let worst = worst.unwrap_or_default().trim_end().to_owned();
    match posture.findings() {
        0 | 1 => worst,
        all => format!("{worst} and {} more", all - 1),
    }
}

//! Accepted findings: what people know of and take as it is, for a reason and until a date.
//!
//! ```text
//! acceptance accept    → holds, until
//! its end              by the ledger's clock, or
//! acceptance withdraw  of the same organisation, or 1,000 others that end later
//! ```
//!
//! A part of two folds: attention counts what is accepted for nothing, scans show it as accepted.

use crate::assignments::Selected;
use crate::fact::{Fact, Said};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Author, Hash, Name, Severity, Timestamp, Uuid, payload};
use std::collections::BTreeMap;

/// Acceptances kept of an organisation, those that are over among them; of more the first to end go.
pub const MAX_ACCEPTANCES: usize = 1000;

/// The acceptances of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptances {
    /// By seq.
    orgs: BTreeMap<Name, BTreeMap<u64, Acceptance>>,
}

/// An acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    /// Its event hash, by which it is withdrawn.
    pub id: Hash,
    /// The check.
    pub check: Name,
    /// What the finding is about; absent: everything the check finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The gravest that is accepted; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The node; with no `selector` either, every node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Uuid>,
    /// Which nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selected>,
    /// Why.
    pub text: String,
    /// From when on it holds no longer, by the ledger's clock: its end, or when it was withdrawn.
    pub until: Timestamp,
    /// Who accepted it.
    pub author: Author,
    /// Seq of the entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who withdrew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_by: Option<Author>,
}

/// A finding, as far as it decides about that.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The node.
    pub node: Uuid,
    /// Its labels.
    pub labels: &'a BTreeMap<Name, String>,
    /// The check.
    pub check: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// How grave it is.
    pub severity: Severity,
}

impl Acceptance {
    /// Whether it is about such findings, wherever they are.
    pub fn is_about(&self, check: &str, subject: &str) -> bool {
        self.check.as_str() == check && self.subject.as_ref().is_none_or(|own| own == subject)
    }

    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until > now
    }

    fn covers(&self, found: &Found<'_>) -> bool {
        self.is_about(found.check, found.subject)
            && self.severity.is_none_or(|gravest| found.severity <= gravest)
            && self.node.is_none_or(|node| node == found.node)
            && self.selector.as_ref().is_none_or(|selected| selected.selects(found.labels))
    }
}

impl Acceptances {
    /// Takes the next entry in; returns the acceptances that came to hold by it, or hold no longer.
    pub fn hear(&mut self, fact: &Fact<'_>) -> Vec<Acceptance> {
        let Said::Acceptance(said) = &fact.said else { return Vec::new() };
        let held = self.orgs.entry(fact.header.org.clone()).or_default();
        match &**said {
            payload::Acceptance::Accept { check, expires_at, node, selector, severity, subject, text } => {
                // Admission has read it.
                let selector = selector.clone().map(Selected::try_from).transpose();
                let Ok(selector) = selector else { return Vec::new() };
                let accepted = Acceptance {
                    id: fact.event_hash(),
                    check: check.clone(),
                    subject: subject.clone(),
                    severity: *severity,
                    node: *node,
                    selector,
                    text: text.clone(),
                    until: *expires_at,
                    author: fact.header.author.clone(),
                    seq: fact.seq,
                    recorded_at: fact.at,
                    withdrawn_by: None,
                };
                held.insert(fact.seq, accepted.clone());
                let mut changed = vec![accepted];
                while held.len() > MAX_ACCEPTANCES {
                    let first = held.values().min_by_key(|held| (held.until, held.seq)).map(|held| held.seq);
                    changed.extend(first.and_then(|seq| held.remove(&seq)));
                }
                changed
            }
            payload::Acceptance::Withdraw { acceptance } => {
                let named = |held: &&mut Acceptance| held.id == *acceptance && held.holds(fact.at);
                let Some(held) = held.values_mut().find(named) else { return Vec::new() };
                held.until = fact.at;
                held.withdrawn_by = Some(fact.header.author.clone());
                vec![held.clone()]
            }
        }
    }

    /// The acceptance that covers a finding at `now`, the newest of several.
    pub fn over(&self, org: &Name, found: &Found<'_>, now: Timestamp) -> Option<&Acceptance> {
        let held = self.orgs.get(org)?.values().rev();
        held.into_iter().find(|held| held.holds(now) && held.covers(found))
    }

    /// The organisations that accepted something.
    pub fn orgs(&self) -> impl Iterator<Item = &Name> {
        self.orgs.keys()
    }

    /// Those of an organisation, by seq.
    pub fn of(&self, org: &Name) -> impl DoubleEndedIterator<Item = &Acceptance> {
        self.orgs.get(org).into_iter().flat_map(BTreeMap::values)
    }

    /// The one with an event hash, and whose it is.
    pub fn acceptance(&self, id: &Hash) -> Option<(&Name, &Acceptance)> {
        let all = self.orgs.iter().flat_map(|(org, held)| held.values().map(move |held| (org, held)));
        all.into_iter().find(|(_, held)| held.id == *id)
    }

    /// The one that an entry made.
    pub fn by_seq(&self, org: &Name, seq: u64) -> Option<&Acceptance> {
        self.orgs.get(org)?.get(&seq)
    }
}

//! Policies: what operators want nodes to be told at most, and which of it each node is to follow.
//!
//! What a node does follow, it says in its heartbeats; [attention](crate::attention) compares the two.

use crate::Projection;
use crate::assignments::{Assignment, Assignments};
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Policy, PolicyDocument};
use spec::{Author, Hash, Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// The policies of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    assignments: Assignments,
    /// What else is known of each assignment that holds, by seq.
    given: BTreeMap<Name, BTreeMap<u64, GivenPolicy>>,
}

/// An assignment of a policy, and its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenPolicy {
    /// Who.
    pub author: Author,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The policy.
    pub document: PolicyDocument,
}

/// An assignment as lists show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assigned<'a> {
    /// Seq of its entry.
    pub seq: u64,
    /// Its name, its policy, and whom it is about.
    #[serde(flatten)]
    pub assignment: &'a Assignment,
    /// Who assigned what.
    #[serde(flatten)]
    pub given: &'a GivenPolicy,
}

impl Policies {
    /// The organisations that have assignments.
    pub fn orgs(&self) -> impl Iterator<Item = &Name> {
        self.given.keys()
    }

    /// The assignments of an organisation that hold, in the order of the log.
    pub fn of(&self, org: &Name) -> impl DoubleEndedIterator<Item = Assigned<'_>> {
        let given = self.given.get(org);
        self.assignments.of(org).filter_map(move |(seq, assignment)| {
            let given = given?.get(&seq)?;
            Some(Assigned { seq, assignment, given })
        })
    }

    /// The assignment that holds for a node.
    pub fn of_node(&self, org: &Name, node: Uuid) -> Option<Assigned<'_>> {
        let id = self.assignments.of_node(org, node)?.id;
        self.of(org).find(|assigned| assigned.assignment.id == id)
    }

    /// That assignment without who made it.
    pub fn desired(&self, org: &Name, node: Uuid) -> Option<&Assignment> {
        self.assignments.of_node(org, node)
    }

    /// The policy with a hash that is assigned in an organisation.
    pub fn document(&self, org: &Name, policy: &Hash) -> Option<&PolicyDocument> {
        let found = self.of(org).find(|assigned| assigned.assignment.policy == *policy)?;
        Some(&found.given.document)
    }

    /// The organisation of an assignment that holds, and the node it names.
    pub fn assignment(&self, id: &Hash) -> Option<(&Name, &Assignment)> {
        let of = |org| self.assignments.of(org).map(move |(_, assignment)| (org, assignment));
        self.orgs().flat_map(of).find(|(_, assignment)| assignment.id == *id)
    }
}

impl Projection for Policies {
    const NAME: &'static str = "policies";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        let org = &fact.header.org;
        if !self.assignments.hear(fact) {
            return;
        }
        let Said::Policy(policy) = &fact.said else { return };
        let given = self.given.entry(org.clone()).or_default();
        if let Policy::Assign { document, .. } = &**policy {
            let author = fact.header.author.clone();
            given.insert(fact.seq, GivenPolicy { author, recorded_at: fact.at, document: document.clone() });
        }
        given.retain(|seq, _| self.assignments.holds(org, *seq));
        if given.is_empty() {
            self.given.remove(org);
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.given.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.of(org).collect::<Vec<_>>())
    }
}

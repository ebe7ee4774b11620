//! Which policy a node is to follow: the assignments that hold, and the labels that selectors look at.
//!
//! ```text
//! policy assign      → holds, until
//! policy withdraw    of the same organisation, or the 256th after it
//! labels, key        → which selectors select the node from now on
//! ```
//!
//! An assignment that names the node comes before those that select it; of several the newest holds.

use crate::fact::{Fact, Said};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Policy;
use spec::selector::{Selector, SelectorError};
use spec::{Hash, Name, Uuid};
use std::collections::BTreeMap;

/// Assignments of an organisation that hold at once; with another, the oldest does no longer.
pub const MAX_ASSIGNMENTS: usize = 256;

/// The assignments of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignments {
    orgs: BTreeMap<Name, OfOrg>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfOrg {
    /// By seq.
    held: BTreeMap<u64, Assignment>,
    /// Of the nodes that have any.
    labels: BTreeMap<Uuid, BTreeMap<Name, String>>,
}

/// An assignment that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    /// Its event hash, by which it is withdrawn.
    pub id: Hash,
    /// The hash of the policy.
    pub policy: Hash,
    /// Whose policy it is.
    #[serde(flatten)]
    pub to: To,
}

/// The nodes that an assignment is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyTarget")]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// One node.
    Node(Uuid),
    /// All that are selected.
    Selector(Selected),
}

/// A selector with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(try_from = "String", into = "String")]
pub struct Selected {
    text: String,
    selector: Selector,
}

impl Selected {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it selects a node with these labels.
    pub fn selects(&self, labels: &BTreeMap<Name, String>) -> bool {
        self.selector.selects(labels)
    }
}

impl TryFrom<String> for Selected {
    type Error = SelectorError;

    fn try_from(text: String) -> Result<Self, SelectorError> {
        let selector = text.parse()?;
        Ok(Self { text, selector })
    }
}

impl From<Selected> for String {
    fn from(selected: Selected) -> Self {
        selected.text
    }
}

impl Assignments {
    /// Takes the next entry in; says whether it may have changed which policy some node is to follow.
    pub fn hear(&mut self, fact: &Fact<'_>) -> bool {
        if let Said::Policy(policy) = &fact.said {
            return self.assign(fact, policy);
        }
        let Some((node, labels)) = fact.labels() else { return false };
        let known = &mut self.orgs.entry(fact.header.org.clone()).or_default().labels;
        if labels.is_empty() {
            known.remove(&node);
        } else {
            known.insert(node, labels.clone());
        }
        true
    }

    fn assign(&mut self, fact: &Fact<'_>, policy: &Policy) -> bool {
        let org = &fact.header.org;
        match policy {
            Policy::Assign { document, node, selector } => {
                let to = match (node, selector) {
                    (Some(node), _) => To::Node(*node),
                    (None, selector) => {
                        let text = selector.clone().unwrap_or_default();
                        // Admission has read it.
                        let Ok(selected) = Selected::try_from(text) else { return false };
                        To::Selector(selected)
                    }
                };
                let Ok((_, policy)) = document.bytes_and_hash() else { return false };
                let held = &mut self.orgs.entry(org.clone()).or_default().held;
                held.insert(fact.seq, Assignment { id: fact.event_hash(), policy, to });
                if held.len() > MAX_ASSIGNMENTS {
                    held.pop_first();
                }
                true
            }
            Policy::Withdraw { assignment } => {
                let Some(held) = self.orgs.get_mut(org).map(|of| &mut of.held) else { return false };
                let before = held.len();
                held.retain(|_, known| known.id != *assignment);
                held.len() != before
            }
        }
    }

    /// The assignment that holds for a node.
    pub fn of_node(&self, org: &Name, node: Uuid) -> Option<&Assignment> {
        let of = self.orgs.get(org)?;
        let named = |assignment: &&Assignment| assignment.to == To::Node(node);
        let unlabelled = BTreeMap::new();
        let labels = of.labels.get(&node).unwrap_or(&unlabelled);
        let selected = |assignment: &&Assignment| match &assignment.to {
            To::Node(_) => false,
            To::Selector(selected) => selected.selects(labels),
        };
        let mut newest = of.held.values().rev();
        newest.find(named).or_else(|| of.held.values().rev().find(selected))
    }

    /// The labels of a node, if it has any.
    pub fn labels(&self, org: &Name, node: Uuid) -> Option<&BTreeMap<Name, String>> {
        self.orgs.get(org)?.labels.get(&node)
    }

    /// The hash of the policy that a node is to follow.
    pub fn desired(&self, org: &Name, node: Uuid) -> Option<Hash> {
        self.of_node(org, node).map(|assignment| assignment.policy)
    }

    /// Those of an organisation that hold, by seq.
    pub fn of(&self, org: &Name) -> impl DoubleEndedIterator<Item = (u64, &Assignment)> {
        self.orgs.get(org).into_iter().flat_map(|of| &of.held).map(|(seq, held)| (*seq, held))
    }

    /// Whether the assignment that an entry made still holds.
    pub fn holds(&self, org: &Name, seq: u64) -> bool {
        self.orgs.get(org).is_some_and(|of| of.held.contains_key(&seq))
    }
}

//! Outcomes of operations, counted by node, tenant, component, operation and outcome, per hour and per day.
//!
//! A report counts for the hour and the day in which its span begins, by its author's clock; one that begins
//! after it was recorded, for those in which it was recorded.

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_SAFE_INTEGER;
use spec::payload::{Outcome, Slo};
use spec::{Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// A width of buckets, and how many of them are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Seconds in a bucket.
    pub secs: u64,
    /// Buckets that are kept.
    pub buckets: u64,
}

/// Today beside yesterday.
pub const HOUR: Step = Step { secs: 3600, buckets: 48 };

/// A month beside the days of the one before.
pub const DAY: Step = Step { secs: 86_400, buckets: 35 };

/// Different counters of a node in a bucket: what a node makes up has an end. Further ones are not counted.
pub const MAX_COUNTERS: usize = 256;

/// The outcomes of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    orgs: BTreeMap<Name, BTreeMap<Uuid, NodeOutcomes>>,
}

/// The outcomes that a node reported: buckets by their number since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeOutcomes {
    hours: BTreeMap<u64, Counters>,
    days: BTreeMap<u64, Counters>,
}

/// Counts in the order of what they count.
type Counters = Vec<(Counter, u64)>;

/// A count of operations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Counter {
    /// The tenant the report was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// What carried the operation out.
    pub component: Name,
    /// The operation.
    pub operation: Name,
    /// How it ended.
    pub outcome: Outcome,
}

impl Step {
    fn bucket(self, time: Timestamp) -> u64 {
        time.secs() / self.secs
    }

    fn first(self, now: Timestamp) -> u64 {
        (self.bucket(now) + 1).saturating_sub(self.buckets)
    }

    fn take(self, buckets: &mut BTreeMap<u64, Counters>, fact: &Fact<'_>, slo: &Slo) {
        *buckets = buckets.split_off(&self.first(fact.at));
        let at = self.bucket(slo.from.min(fact.at));
        if at < self.first(fact.at) {
            return;
        }
        let counters = buckets.entry(at).or_default();
        for counted in &slo.counts {
            let counter = Counter {
                tenant: fact.header.tenant.clone(),
                component: counted.component.clone(),
                operation: counted.operation.clone(),
                outcome: counted.outcome,
            };
            match counters.binary_search_by(|(known, _)| known.cmp(&counter)) {
                Ok(place) => {
                    if let Some((_, count)) = counters.get_mut(place) {
                        *count = add(*count, counted.count);
                    }
                }
                Err(place) if counters.len() < MAX_COUNTERS => {
                    counters.insert(place, (counter, counted.count));
                }
                Err(_) => {}
            }
        }
    }
}

/// A sum that JSON can still say.
pub fn add(a: u64, b: u64) -> u64 {
    a.saturating_add(b).min(MAX_SAFE_INTEGER)
}

impl Outcomes {
    /// The nodes of an organisation that reported, by id.
    pub fn nodes(&self, org: &Name) -> impl Iterator<Item = (Uuid, &NodeOutcomes)> {
        self.orgs.get(org).into_iter().flatten().map(|(id, outcomes)| (*id, outcomes))
    }

    /// What a node reported.
    pub fn node(&self, org: &Name, id: Uuid) -> Option<&NodeOutcomes> {
        self.orgs.get(org)?.get(&id)
    }
}

impl NodeOutcomes {
    /// The counts in buckets of a width, in the order of time: when the bucket begins, what, and how often.
    pub fn counts(&self, step: Step) -> impl Iterator<Item = (Timestamp, &Counter, u64)> {
        let buckets = if step == HOUR { &self.hours } else { &self.days };
        buckets.iter().flat_map(move |(at, counters)| {
            let begin = Timestamp::from_millis(at.saturating_mul(step.secs).saturating_mul(1000));
            counters.iter().map(move |(counter, count)| (begin, counter, *count))
        })
    }
}

impl Projection for Outcomes {
    const NAME: &'static str = "slo";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        let (Said::Slo(slo), Some(id)) = (&fact.said, fact.reporter()) else { return };
        let outcomes = self.orgs.entry(fact.header.org.clone()).or_default().entry(id).or_default();
        HOUR.take(&mut outcomes.hours, fact, slo);
        DAY.take(&mut outcomes.days, fact, slo);
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}

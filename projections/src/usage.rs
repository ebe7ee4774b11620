//! Usage: what each tenant used of each product, per calendar month.
//!
//! A month is that of UTC in which the entry was recorded. Quantities add up; `storage_bytes` is a gauge, of
//! which the month has the greatest. The ledger takes an event once, so nothing is counted twice.

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use crate::slo::add;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Metric, Usage as Used};
use spec::{Name, Timestamp};
use std::collections::BTreeMap;

/// Months with usage that an organisation has kept: two years, to compare with the one before.
pub const MAX_MONTHS: usize = 24;

/// Lines of an organisation's month: what reporters make up has an end. Reports beyond it are counted in
/// [`Month::uncounted`].
pub const MAX_LINES: usize = 4096;

/// The usage of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    orgs: BTreeMap<Name, BTreeMap<String, Month>>,
}

/// The usage of a month, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// What was used, and how much of it.
    pub lines: Vec<(Line, Total)>,
    /// Reports that found no room.
    pub uncounted: u64,
}

/// A use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Of which product.
    pub product: Name,
    /// What is counted.
    pub metric: Metric,
}

/// The amount of a use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Total {
    /// In the unit of the metric.
    pub quantity: u64,
    /// How many reports that rests on.
    pub events: u64,
}

/// The month of a time, such as `2026-11`.
pub fn month(time: Timestamp) -> String {
    time.to_string().chars().take(7).collect()
}

impl Usage {
    /// The months of an organisation that have usage, in order.
    pub fn months(&self, org: &Name) -> impl Iterator<Item = (&str, &Month)> {
        self.orgs.get(org).into_iter().flatten().map(|(name, month)| (name.as_str(), month))
    }

    fn take(&mut self, fact: &Fact<'_>, used: &Used) {
        let months = self.orgs.entry(fact.header.org.clone()).or_default();
        let month = months.entry(month(fact.at)).or_default();
        let tenant = fact.header.tenant.clone();
        let line = Line { tenant, product: used.product.clone(), metric: used.metric };
        let place = match month.lines.binary_search_by(|(known, _)| known.cmp(&line)) {
            Ok(place) => place,
            Err(place) if month.lines.len() < MAX_LINES => {
                month.lines.insert(place, (line, Total::default()));
                place
            }
            Err(_) => {
                month.uncounted += 1;
                return;
            }
        };
        if let Some((line, total)) = month.lines.get_mut(place) {
            total.events += 1;
            total.quantity = match line.metric {
                Metric::StorageBytes => total.quantity.max(used.quantity),
                _ => add(total.quantity, used.quantity),
            };
        }
        while months.len() > MAX_MONTHS {
            months.pop_first();
        }
    }
}

impl Projection for Usage {
    const NAME: &'static str = "usage";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        if let Said::Usage(used) = &fact.said {
            self.take(fact, used);
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}

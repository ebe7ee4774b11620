//! How each node fared: the figures of its heartbeats, down-sampled into buckets of time.
//!
//! ```text
//! fine     5 minutes × 72     the last 6 hours
//! coarse   1 hour × 168       the last 7 days
//! ```
//!
//! A heartbeat goes into the bucket in which it was recorded. One that was made longer ago than a bucket is
//! wide, as a spool delivers it after an outage, goes into the bucket in which it was made, by its author's
//! clock, while that is still kept: it fills charts, and nothing else rests on it.
//!
//! The part of an organisation is one hash for each node: the buckets themselves are by far the largest of all
//! folds, and a seal is not to wait until they are written out in canonical form.

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Heartbeat, Reading};
use spec::{Domain, Hash, Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// The width of the buckets of a tier, and the number of them that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Seconds in a bucket.
    pub secs: u64,
    /// Buckets that are kept.
    pub buckets: u64,
}

/// Enough to see an incident of today.
pub const FINE: Tier = Tier { secs: 300, buckets: 72 };

/// Enough to compare with the same day of last week.
pub const COARSE: Tier = Tier { secs: 3600, buckets: 168 };

/// The figures of every organisation's nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    orgs: BTreeMap<Name, BTreeMap<Uuid, Series>>,
}

/// The figures of a node: buckets by their number since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    fine: BTreeMap<u64, Bucket>,
    coarse: BTreeMap<u64, Bucket>,
}

/// A figure that is charted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MetricName")]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Load average over one minute, in thousandths.
    Load1,
    /// Memory that cannot be had without swapping, in thousandths of all.
    MemoryUsed,
    /// What is taken of the file system that holds the node's data, in thousandths.
    DiskUsed,
    /// Pressure on processors, in thousandths of a percent.
    PressureCpu,
    /// The same for input and output.
    PressureIo,
    /// The same for memory.
    PressureMemory,
    /// What of the swap space is taken, in mebibytes: in bytes it would not fit into 32 bits.
    SwapUsed,
}

impl Metric {
    /// Every one, in the order of a bucket; what comes to be charted is added at the end.
    pub const ALL: [Self; 7] = [
        Self::Load1,
        Self::MemoryUsed,
        Self::DiskUsed,
        Self::PressureCpu,
        Self::PressureIo,
        Self::PressureMemory,
        Self::SwapUsed,
    ];

    /// Its name where it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load1 => "load1",
            Self::MemoryUsed => "memory_used",
            Self::DiskUsed => "disk_used",
            Self::PressureCpu => "pressure_cpu",
            Self::PressureIo => "pressure_io",
            Self::PressureMemory => "pressure_memory",
            Self::SwapUsed => "swap_used",
        }
    }

    /// The unit of its figures.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Load1 => "milli",
            Self::MemoryUsed | Self::DiskUsed => "permille",
            Self::PressureCpu | Self::PressureIo | Self::PressureMemory => "millipercent",
            Self::SwapUsed => "mebibytes",
        }
    }

    /// What a heartbeat says of it, if it is known. A figure beyond 32 bits counts as the greatest within.
    fn of(self, said: &Heartbeat) -> Option<u32> {
        let known = |reading: Option<Reading<u64>>| reading.and_then(Reading::known);
        let used = |total, available| {
            let (total, available) = (known(total)?, known(available)?);
            // Unknown rather than none, as in all charts so far.
            if available > total { None } else { crate::share::used(total, available, 1000) }
        };
        let value = match self {
            Self::Load1 => known(said.load1_milli),
            Self::MemoryUsed => used(said.memory_total_bytes, said.memory_available_bytes),
            Self::DiskUsed => used(said.disk_total_bytes, said.disk_available_bytes),
            Self::PressureCpu => known(said.pressure_cpu_milli),
            Self::PressureIo => known(said.pressure_io_milli),
            Self::PressureMemory => known(said.pressure_memory_milli),
            Self::SwapUsed => known(said.swap_used_bytes).map(|bytes| bytes >> 20),
        }?;
        Some(u32::try_from(value).unwrap_or(u32::MAX))
    }
}

/// So many metrics every written bucket has. What was added later is written as far as something of it is known, so
/// that of nodes that say nothing of it all is written as before, and has the same digest.
const ALWAYS_WRITTEN: usize = 6;

/// The figures of a span of time, by metric; one that was never known has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Option<Summary>>", into = "Vec<Option<Summary>>")]
struct Bucket([Option<Summary>; Metric::ALL.len()]);

/// A bucket has figures that are unknown here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bucket has more figures than there are metrics")]
struct BucketError;

impl TryFrom<Vec<Option<Summary>>> for Bucket {
    type Error = BucketError;

    fn try_from(written: Vec<Option<Summary>>) -> Result<Self, BucketError> {
        let mut bucket = Self::default();
        let known = bucket.0.get_mut(..written.len()).ok_or(BucketError)?;
        known.copy_from_slice(&written);
        Ok(bucket)
    }
}

impl From<Bucket> for Vec<Option<Summary>> {
    fn from(bucket: Bucket) -> Self {
        let known = bucket.0.iter().rposition(Option::is_some).map_or(0, |place| place + 1);
        bucket.0.iter().take(known.max(ALWAYS_WRITTEN)).copied().collect()
    }
}

/// A summary of the figures of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32, u64)", into = "(u32, u32, u32, u64)")]
pub struct Summary {
    /// How many there were.
    pub count: u32,
    /// The least.
    pub min: u32,
    /// The greatest.
    pub max: u32,
    /// All of them together.
    pub sum: u64,
}

impl Summary {
    /// The mean, rounded down.
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(self.count.into()).unwrap_or_default()
    }

    fn take(known: &mut Option<Self>, value: u32) {
        let summary = known.get_or_insert(Self { count: 0, min: value, max: value, sum: 0 });
        // More than four thousand million heartbeats do not fit into an hour.
        summary.count = summary.count.saturating_add(1);
        summary.min = summary.min.min(value);
        summary.max = summary.max.max(value);
        summary.sum = summary.sum.saturating_add(value.into());
    }
}

impl From<(u32, u32, u32, u64)> for Summary {
    fn from((count, min, max, sum): (u32, u32, u32, u64)) -> Self {
        Self { count, min, max, sum }
    }
}

impl From<Summary> for (u32, u32, u32, u64) {
    fn from(summary: Summary) -> Self {
        (summary.count, summary.min, summary.max, summary.sum)
    }
}

impl Tier {
    /// The first bucket that is kept at a time.
    fn first(self, now: Timestamp) -> u64 {
        (now.secs() / self.secs + 1).saturating_sub(self.buckets)
    }

    /// The bucket of a heartbeat, unless it is gone.
    fn bucket(self, made: Timestamp, recorded: Timestamp) -> Option<u64> {
        let late = made.secs().saturating_add(self.secs) < recorded.secs();
        let at = if late { made } else { recorded }.secs() / self.secs;
        (at >= self.first(recorded)).then_some(at)
    }

    fn take(self, buckets: &mut BTreeMap<u64, Bucket>, fact: &Fact<'_>, said: &Heartbeat) {
        let first = self.first(fact.at);
        while buckets.first_key_value().is_some_and(|(at, _)| *at < first) {
            buckets.pop_first();
        }
        let Some(at) = self.bucket(fact.header.ts, fact.at) else { return };
        let bucket = buckets.entry(at).or_default();
        for (metric, summary) in Metric::ALL.into_iter().zip(&mut bucket.0) {
            if let Some(value) = metric.of(said) {
                Summary::take(summary, value);
            }
        }
    }
}

impl Series {
    /// A metric in the buckets of a tier, in the order of time: when each begins, and what it has.
    pub fn chart(&self, tier: Tier, metric: Metric) -> impl Iterator<Item = (Timestamp, Summary)> {
        let buckets = if tier == FINE { &self.fine } else { &self.coarse };
        let place = Metric::ALL.iter().position(|one| *one == metric).unwrap_or_default();
        buckets.iter().filter_map(move |(at, bucket)| {
            let begin = Timestamp::from_millis(at.saturating_mul(tier.secs).saturating_mul(1000));
            Some((begin, (*bucket.0.get(place)?)?))
        })
    }
}

impl Metrics {
    /// The figures of a node.
    pub fn node(&self, org: &Name, id: Uuid) -> Option<&Series> {
        self.orgs.get(org)?.get(&id)
    }
}

impl Projection for Metrics {
    const NAME: &'static str = "metrics";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        let (Said::Heartbeat(said), Some(id)) = (&fact.said, fact.reporter()) else { return };
        let series = self.orgs.entry(fact.header.org.clone()).or_default().entry(id).or_default();
        FINE.take(&mut series.fine, fact, said);
        COARSE.take(&mut series.coarse, fact, said);
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        let hash = |series: &Series| {
            // Integers and maps of them.
            let json = serde_json::to_vec(series).unwrap_or_default();
            Hash::of(Domain::Payload, &[&json])
        };
        let nodes = self.orgs.get(org).into_iter().flatten();
        part(&nodes.map(|(id, series)| (id, hash(series))).collect::<BTreeMap<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_later_is_written_as_far_as_it_is_known() {
        let some = Some(Summary { count: 1, min: 2, max: 2, sum: 2 });
        let (none, mut last) = (Bucket::default(), Bucket::default());
        last.0[Metric::ALL.len() - 1] = some;
        for (bucket, len) in [(none, ALWAYS_WRITTEN), (last, Metric::ALL.len())] {
            let json = serde_json::to_value(bucket).unwrap();
            assert_eq!(json.as_array().unwrap().len(), len);
            assert_eq!(serde_json::from_value::<Bucket>(json).unwrap(), bucket);
        }
        assert_eq!(Bucket::try_from(vec![some; Metric::ALL.len() + 1]), Err(BucketError));
    }
}

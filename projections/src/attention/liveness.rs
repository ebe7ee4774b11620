//! How long a node may be silent before that says something, from the rhythm it has kept.

use crate::listening::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gaps between heartbeats that a node's rhythm is taken from.
const GAPS: usize = 64;

/// The silence of a node, in degrees. Silence only raises it; three heartbeats in time end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Liveness")]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It said that it would be away.
    Planned,
    /// Heard of within its rhythm.
    #[default]
    Live,
    /// A heartbeat is missing: shown, no reason for attention.
    Late,
    /// Several are missing.
    Stale,
    /// It has long been silent, by its own rhythm.
    Offline,
    /// It has been silent for a day.
    Lost,
}

impl Level {
    const RISING: [Self; 4] = [Self::Late, Self::Stale, Self::Offline, Self::Lost];

    /// Whether it is silent to a degree that counts.
    pub fn is_silent(self) -> bool {
        self >= Self::Stale
    }

    /// The level that more silence leads to.
    pub fn next(self) -> Option<Self> {
        Self::RISING.into_iter().find(|level| *level > self)
    }
}

/// The last gaps between a node's heartbeats, in milliseconds of listening time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Ring")]
pub struct Rhythm {
    ring: Vec<u32>,
    /// The same in order.
    #[serde(skip_serializing)]
    sorted: Vec<u32>,
    next: usize,
}

/// What a snapshot has of a rhythm.
#[derive(Deserialize)]
struct Ring {
    ring: Vec<u32>,
    next: usize,
}

impl From<Ring> for Rhythm {
    fn from(Ring { ring, next }: Ring) -> Self {
        let mut sorted = ring.clone();
        sorted.sort_unstable();
        Self { ring, sorted, next }
    }
}

impl Rhythm {
    /// Adds a gap; the oldest makes room.
    pub fn add(&mut self, gap_ms: u64) {
        let gap = u32::try_from(gap_ms).unwrap_or(u32::MAX);
        let oldest = self.ring.get(self.next).copied();
        match (oldest, self.ring.get_mut(self.next)) {
            (Some(oldest), Some(place)) => {
                *place = gap;
                let at = self.sorted.partition_point(|other| *other < oldest);
                self.sorted.remove(at);
            }
            _ => self.ring.push(gap),
        }
        let at = self.sorted.partition_point(|other| *other < gap);
        self.sorted.insert(at, gap);
        self.next = (self.next + 1) % GAPS;
    }

    /// The gap that `percent` of the gaps do not exceed (nearest rank), within one to three intervals; one
    /// interval while there are no gaps.
    fn quantile(&self, percent: usize, interval_ms: u64) -> u64 {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        let gap = self.sorted.get(rank - 1).map_or(interval_ms, |gap| u64::from(*gap));
        gap.clamp(interval_ms, 3 * interval_ms)
    }

    /// Milliseconds of silence beyond which a level begins, for a node with this interval.
    pub fn threshold(&self, level: Level, interval_ms: u64) -> u64 {
        let interval = interval_ms;
        let (median, high) = (self.quantile(50, interval), self.quantile(95, interval));
        match level {
            Level::Planned | Level::Live => 0,
            Level::Late => (2 * interval).max(high + interval),
            Level::Stale => (3 * interval).max(high + 2 * interval),
            Level::Offline => (5 * interval).max(3 * median + 60_000),
            Level::Lost => (24 * 60 * 60 * 1000).max(self.threshold(Level::Offline, interval)),
        }
    }

    /// When a node heard of at `heard` rises to `level`, if it stays silent. After an absence of the ledger
    /// everyone has three intervals to be heard of again.
    pub fn due(&self, level: Level, interval_ms: u64, heard: Moment, resumed: Moment) -> Moment {
        let silent = heard.plus(self.threshold(level, interval_ms)).plus(1);
        if resumed >= heard { silent.max(resumed.plus(3 * interval_ms).plus(1)) } else { silent }
    }
}

//! What the nodes' clocks say of the ledger's: each signs its heartbeats with the time that it holds to be right.

use crate::reader::{Query, ReadError, Reader};
use spec::{Author, Kind};
use std::collections::BTreeMap;

/// The newest heartbeats that are looked at.
const LOOKED_AT: usize = 256;

/// Fewer nodes say nothing: it may be theirs that are wrong.
const LEAST_NODES: usize = 3;

/// How far they may be off before somebody is told, in milliseconds: as far as a clock may lie behind the last entry.
const MAX_OFF_MS: u64 = 5 * 60 * 1000;

/// The time by the newest heartbeats of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodesClock {
    /// How many nodes they are of.
    pub nodes: usize,
    /// How far the clock that comes nearest to the ledger's lies behind it, in milliseconds; ahead, if negative.
    pub behind_ms: i64,
}

impl NodesClock {
    /// Whether none of their clocks is near the ledger's.
    pub fn is_off(&self) -> bool {
        self.behind_ms.unsigned_abs() > MAX_OFF_MS
    }
}

/// Asks the newest heartbeats among the first `size` entries; `None` if they are of too few nodes. What was recorded
/// before the clock was set back says nothing of it as it is now. What was sent late is far behind; of each node the
/// nearest counts.
pub(crate) async fn nodes_clock(reader: &Reader, size: u64) -> Result<Option<NodesClock>, ReadError> {
    let newest = |kind, from, limit| {
        let query = Query { kinds: vec![kind], from, to: size, descending: true, limit, ..Query::default() };
        async move { reader.query(&query).await.map(|page| page.records) }
    };
    let set_back = newest(Kind::Clock, 0, 1).await?;
    let from = set_back.first().map_or(0, |record| record.entry.position.seq + 1);
    let mut nearest = BTreeMap::new();
    for record in newest(Kind::Heartbeat, from, LOOKED_AT).await? {
        let Author::Node(node) = record.entry.header.author else { continue };
        let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        let (recorded, said) = (record.entry.position.recorded_at, record.entry.header.ts);
        let behind = signed(recorded.millis()).saturating_sub(signed(said.millis()));
        let known = nearest.entry(node).or_insert(behind);
        if behind.unsigned_abs() < known.unsigned_abs() {
            *known = behind;
        }
    }
    let behind_ms = nearest.values().copied().min_by_key(|behind| behind.unsigned_abs());
    Ok(behind_ms
        .filter(|_| nearest.len() >= LEAST_NODES)
        .map(|behind_ms| NodesClock { nodes: nearest.len(), behind_ms }))
}

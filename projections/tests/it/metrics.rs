//! Metrics: which bucket a figure goes into, what is kept of it, and for how long.

use crate::entries::{Fact, START, at, folded, log, name, node};
use projections::metrics::{COARSE, FINE, Metric, Tier};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A heartbeat that was made at one time and recorded at another.
fn beat(made: u64, recorded: u64, more: Value) -> (u64, Fact) {
    (recorded, Fact::Beat { node: 1, org: "acme", made, more })
}

fn load(made: u64, recorded: u64, load: u64) -> (u64, Fact) {
    beat(made, recorded, json!({"load1_milli": load}))
}

/// Bucket, count, least, greatest, mean; buckets in seconds from the beginning of the one of the beginning.
type Chart = Vec<(u64, u32, u32, u32, u64)>;

fn chart(facts: &[(u64, Fact)], tier: Tier, metric: Metric) -> Chart {
    let folds = folded(&log(facts));
    let Some(series) = folds.metrics().node(&name("acme"), node(1)) else { return Vec::new() };
    let first = START / 1000 / tier.secs * tier.secs;
    let rows = series.chart(tier, metric);
    rows.map(|(at, s)| (at.secs() - first, s.count, s.min, s.max, s.mean())).collect()
}

#[test]
fn figures_go_into_the_bucket_in_which_they_were_recorded() {
    // The beginning is 120 seconds into a bucket of five minutes, and 42 minutes into an hour.
    assert_eq!((at(0).secs() % 300, at(0).secs() % 3600), (120, 2520));
    let facts = [load(0, 0, 100), load(170, 179, 300), load(179, 180, 50), load(100_000, 200, 60)];
    let fine = chart(&facts, FINE, Metric::Load1);
    assert_eq!(fine, [(0, 2, 100, 300, 200), (300, 2, 50, 60, 55)]);
    assert_eq!(chart(&facts, COARSE, Metric::Load1), [(0, 4, 50, 300, 127)]);
    assert_eq!(chart(&facts, FINE, Metric::PressureIo), []);
}

#[test]
fn what_arrives_late_fills_the_bucket_in_which_it_was_made() {
    let facts = [load(0, 0, 100), load(10, 7300, 200), load(6990, 7300, 1), load(7000, 7300, 2)];
    assert_eq!(
        chart(&facts, FINE, Metric::Load1),
        [(0, 2, 100, 200, 150), (6900, 1, 1, 1, 1), (7200, 1, 2, 2, 2)]
    );
    // An hour late is not late for a bucket of an hour.
    assert_eq!(chart(&facts, COARSE, Metric::Load1), [(0, 2, 100, 200, 150), (7200, 2, 1, 2, 1)]);
    // What is older than what is kept is nowhere.
    let week = COARSE.secs * COARSE.buckets;
    let late = [load(0, week + 7200, 1)];
    assert_eq!(chart(&late, FINE, Metric::Load1), []);
    assert_eq!(chart(&late, COARSE, Metric::Load1), []);
    assert_eq!(chart(&[load(0, week - 3600, 1)], COARSE, Metric::Load1), [(0, 1, 1, 1, 1)]);
}

#[test]
fn shares_are_of_what_is_known() {
    let gib = 1u64 << 30;
    let more = json!({"memory_total_bytes": 4 * gib, "memory_available_bytes": gib,
        "disk_total_bytes": "unknown", "disk_available_bytes": gib,
        "swap_used_bytes": 5 * gib + 1, "pressure_cpu_milli": 1234, "load1_milli": u64::from(u32::MAX) + 7});
    let facts = [beat(0, 0, more)];
    let last = |metric| chart(&facts, FINE, metric).first().map(|row| row.4);
    assert_eq!(last(Metric::MemoryUsed), Some(750));
    assert_eq!(last(Metric::DiskUsed), None);
    assert_eq!(last(Metric::PressureCpu), Some(1234));
    assert_eq!(last(Metric::SwapUsed), Some(5 << 10));
    assert_eq!(last(Metric::Load1), Some(u32::MAX.into()));
    for (total, available) in [(0, 0), (1, 2)] {
        let more = json!({"disk_total_bytes": total, "disk_available_bytes": available});
        assert_eq!(chart(&[beat(0, 0, more)], FINE, Metric::DiskUsed), [], "{available} of {total}");
    }
}

proptest! {
    /// Of heartbeats that arrive in time, a chart has exactly those within its span, each once.
    #[test]
    fn a_chart_is_the_last_buckets(gaps in proptest::collection::vec(1..4000u64, 1..200)) {
        let times = gaps.iter().scan(0, |now, gap| { *now += gap; Some(*now) });
        let facts: Vec<_> = times.map(|now| load(now, now, now)).collect();
        let end = facts.last().unwrap().0;
        for tier in [FINE, COARSE] {
            let bucket = |secs: u64| at(secs).secs() / tier.secs;
            let mut expected: BTreeMap<u64, u32> = BTreeMap::new();
            for (now, _) in facts.iter().filter(|(now, _)| bucket(*now) + tier.buckets > bucket(end)) {
                *expected.entry((bucket(*now) - bucket(0)) * tier.secs).or_default() += 1;
            }
            let found: Vec<_> = chart(&facts, tier, Metric::Load1).iter().map(|row| (row.0, row.1)).collect();
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let more = json!({"pressure_io_milli": 5, "disk_total_bytes": 10, "disk_available_bytes": 1});
    let facts = [load(0, 0, 100), load(10, 7300, 200), beat(8000, 8000, more)];
    let digest = &folded(&log(&facts)).digests()["metrics"];
    assert_eq!((digest.version, digest.size), (1, 3));
    assert_eq!(digest.digest.to_hex(), "73f703d2cfa07ff81f9d07bb0b2d066c311bd36cd1b6d8578cfaa0489786c537");
}

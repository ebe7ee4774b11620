//! Outcomes of operations: which bucket they count for, and what has an end.

use crate::entries::{Fact, at, folded, log, name, node, saying};
use projections::slo::{DAY, HOUR, MAX_COUNTERS, Step};
use serde_json::{Value, json};
use spec::limits::MAX_SAFE_INTEGER;
use spec::{Author, Kind};

/// A report of a span that begins so many seconds after the beginning.
pub(crate) fn slo(org: &'static str, from: u16, begin: u64, counts: &[(&str, &str, u64)]) -> Fact {
    let count = |(operation, outcome, count): &(&str, &str, u64)| json!({"component": "gate", "count": count, "operation": operation, "outcome": outcome});
    let counts: Vec<Value> = counts.iter().map(count).collect();
    let payload = json!({"counts": counts, "from": at(begin), "to": at(begin + 60)});
    let mut saying = saying(Author::Node(node(from)), Kind::Slo, org, None, payload);
    saying.tenant = Some("prod");
    Fact::Said(Box::new(saying))
}

/// Seconds from the beginning of the bucket of the beginning, operation, outcome, count.
fn counts(facts: &[(u64, Fact)], step: Step) -> Vec<(u64, String, String, u64)> {
    let folds = folded(&log(facts));
    let first = at(0).secs() / step.secs * step.secs;
    let Some(outcomes) = folds.slo().node(&name("acme"), node(1)) else { return Vec::new() };
    let row = |counter: &projections::slo::Counter| {
        assert_eq!((&counter.tenant, &counter.component), (&Some(name("prod")), &name("gate")));
        (counter.operation.to_string(), format!("{:?}", counter.outcome).to_lowercase())
    };
    let all = outcomes.counts(step);
    all.map(|(at, counter, count)| {
        let (operation, outcome) = row(counter);
        (at.secs() - first, operation, outcome, count)
    })
    .collect()
}

fn expect(found: &[(u64, String, String, u64)], expected: &[(u64, &str, &str, u64)]) {
    let found: Vec<_> = found.iter().map(|(at, o, p, count)| (*at, o.as_str(), p.as_str(), *count)).collect();
    assert_eq!(found, expected);
}

#[test]
fn reports_count_for_the_bucket_in_which_they_begin() {
    // The beginning is 42 minutes into an hour.
    let facts = [
        (0, slo("acme", 1, 0, &[("read", "ok", 3), ("write", "error", 1)])),
        (10_000, slo("acme", 1, 1000, &[("read", "ok", 4)])),
        (10_000, slo("acme", 1, 1100, &[("read", "ok", 5)])),
        (10_000, slo("acme", 1, 99_999, &[("read", "deny", 2)])),
        (10_000, slo("acme", 2, 0, &[("read", "ok", 100)])),
        (10_000, slo("beta", 1, 0, &[("read", "ok", 100)])),
    ];
    let hours = [
        (0, "read", "ok", 7),
        (0, "write", "error", 1),
        (3600, "read", "ok", 5),
        (10_800, "read", "deny", 2),
    ];
    expect(&counts(&facts, HOUR), &hours);
    expect(&counts(&facts, DAY), &[(0, "read", "deny", 2), (0, "read", "ok", 12), (0, "write", "error", 1)]);
}

#[test]
fn old_buckets_go_and_old_reports_do_not_come_back() {
    let one = |now: u64, begin: u64| (now, slo("acme", 1, begin, &[("read", "ok", 1)]));
    let hours = HOUR.secs * HOUR.buckets;
    let facts = [one(0, 0), one(hours - 3600, 0), one(hours, 0), one(hours, hours)];
    expect(&counts(&facts[..2], HOUR), &[(0, "read", "ok", 2)]);
    expect(&counts(&facts, HOUR), &[(hours, "read", "ok", 1)]);
    expect(&counts(&facts, DAY), &[(0, "read", "ok", 3), (172_800, "read", "ok", 1)]);
    let days = DAY.secs * DAY.buckets;
    expect(&counts(&[one(0, 0), one(days, days)], DAY), &[(days, "read", "ok", 1)]);
}

#[test]
fn what_a_node_makes_up_has_an_end() {
    let many = |n: usize| {
        let names: Vec<String> = (0..n).map(|n| format!("op-{n:04}")).collect();
        let counts: Vec<_> = names.iter().map(|name| (name.as_str(), "ok", MAX_SAFE_INTEGER)).collect();
        (0, slo("acme", 1, 0, &counts))
    };
    let found = counts(&[many(MAX_COUNTERS + 9), many(MAX_COUNTERS + 9)], HOUR);
    assert_eq!(found.len(), MAX_COUNTERS);
    assert!(found.iter().all(|row| row.3 == MAX_SAFE_INTEGER), "a sum stays what JSON can say");
    assert_eq!(found.last().unwrap().1, format!("op-{:04}", MAX_COUNTERS - 1));
    let folds = folded(&log(&[many(2), many(2)]));
    assert!(!folds.parts("slo").unwrap()[0].json.is_empty());
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let facts = [
        (0, slo("acme", 1, 0, &[("read", "ok", 3), ("write", "error", 1)])),
        (4000, slo("beta", 2, 3600, &[("read", "throttle", 4)])),
    ];
    let digest = &folded(&log(&facts)).digests()["slo"];
    assert_eq!((digest.version, digest.size), (1, 2));
    assert_eq!(digest.digest.to_hex(), "0a25eaec7e6224cb0b56bede75e05d56fb5414866748cb8264036316978744c7");
}

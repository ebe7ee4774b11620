//! Usage: what adds up, and per which month.

use crate::entries::{Fact, folded, log, name, node, saying};
use projections::usage::{MAX_LINES, MAX_MONTHS};
use serde_json::json;
use spec::limits::MAX_SAFE_INTEGER;
use spec::{Author, Kind};

pub(crate) fn usage(org: &'static str, tenant: Option<&'static str>, metric: &str, quantity: u64) -> Fact {
    of_product(org, tenant, "gate", metric, quantity)
}

fn of_product(
    org: &'static str,
    tenant: Option<&'static str>,
    product: &str,
    metric: &str,
    quantity: u64,
) -> Fact {
    let payload = json!({"metric": metric, "product": product, "quantity": quantity});
    let mut saying = saying(Author::Node(node(1)), Kind::Usage, org, None, payload);
    saying.tenant = tenant;
    Fact::Said(Box::new(saying))
}

/// Month, tenant, metric, quantity, events.
fn lines(facts: &[(u64, Fact)]) -> Vec<(String, Option<String>, &'static str, u64, u64)> {
    let folds = folded(&log(facts));
    let months = folds.usage();
    let acme = name("acme");
    let all = months.months(&acme).flat_map(|(month, usage)| {
        usage.lines.iter().map(move |(line, total)| {
            let tenant = line.tenant.as_ref().map(ToString::to_string);
            (month.to_owned(), tenant, line.metric.as_str(), total.quantity, total.events)
        })
    });
    all.collect()
}

const DAY: u64 = 86_400;

#[test]
fn quantities_add_up_and_a_gauge_has_its_greatest() {
    let row = |month: &str, tenant: Option<&str>, metric, quantity, events| {
        (month.to_owned(), tenant.map(str::to_owned), metric, quantity, events)
    };
    let facts = [
        (0, usage("acme", Some("prod"), "decisions", 5)),
        (1, usage("acme", Some("prod"), "decisions", 6)),
        (2, usage("acme", None, "decisions", 7)),
        (3, usage("acme", Some("prod"), "storage_bytes", 100)),
        (4, usage("acme", Some("prod"), "storage_bytes", 300)),
        (5, usage("acme", Some("prod"), "storage_bytes", 200)),
        (6, usage("beta", Some("prod"), "decisions", 1000)),
        // Ten days after the 21st of November.
        (10 * DAY, usage("acme", Some("prod"), "decisions", 1)),
    ];
    assert_eq!(
        lines(&facts),
        [
            row("2026-11", None, "decisions", 7, 1),
            row("2026-11", Some("prod"), "decisions", 11, 2),
            row("2026-11", Some("prod"), "storage_bytes", 300, 3),
            row("2026-12", Some("prod"), "decisions", 1, 1),
        ]
    );
    let much = usage("acme", None, "api_calls", MAX_SAFE_INTEGER);
    assert_eq!(lines(&[(0, much.clone()), (0, much)])[0].3, MAX_SAFE_INTEGER);
}

#[test]
fn a_month_ends_with_its_last_moment_in_utc() {
    // The beginning is the 21st, 20:42:00.123; the month is over 9 days, 3 hours and 18 minutes later.
    let end = 9 * DAY + 3 * 3600 + 18 * 60;
    let months = |secs| lines(&[(secs, usage("acme", None, "decisions", 1))])[0].0.clone();
    assert_eq!((months(end - 1), months(end)), ("2026-11".to_owned(), "2026-12".to_owned()));
}

#[test]
fn old_months_go_and_a_month_has_so_many_lines() {
    let facts: Vec<_> =
        (0..MAX_MONTHS as u64 + 2).map(|n| (n * 31 * DAY, usage("acme", None, "decisions", n))).collect();
    let found = lines(&facts);
    assert_eq!((found.len(), found[0].3), (MAX_MONTHS, 2));

    let product = |n: usize| (0, of_product("acme", None, &format!("p-{n}"), "decisions", 1));
    let mut facts: Vec<_> = (0..MAX_LINES + 3).map(product).collect();
    facts.push(product(0));
    let folds = folded(&log(&facts));
    let acme = name("acme");
    let (_, month) = folds.usage().months(&acme).next().unwrap();
    assert_eq!((month.lines.len(), month.uncounted), (MAX_LINES, 3));
    assert_eq!(month.lines.iter().map(|(_, total)| total.events).max(), Some(2), "what is known goes on");
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let facts = [
        (0, usage("acme", Some("prod"), "decisions", 5)),
        (1, usage("acme", None, "storage_bytes", 7)),
        (10 * DAY, usage("beta", Some("prod"), "dig_files", 6)),
    ];
    let digest = &folded(&log(&facts)).digests()["usage"];
    assert_eq!((digest.version, digest.size), (1, 3));
    assert_eq!(digest.digest.to_hex(), "a1ea9f1c13bd8bf0aada19794368cdcdf0e210792ebedbdb19703f1516f1971f");
}

//! Made-up logs with everything in them that a fold reads, and what holds for every fold over any of them.

use crate::commands::{approve, cancel, issue, receipt};
use crate::entries::{Fact, at, entry, folded, name, node, said, user};
use crate::fleet::records;
use crate::keys::{device, rotation, signed};
use crate::scans::scan;
use crate::schedules::{plan, removed, run};
use crate::slo::slo;
use crate::usage::usage;
use projections::Projections;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use spec::{Author, Kind, Record};

fn org() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("acme"), Just("beta")]
}

/// A key belongs to one organisation.
fn key(org: &str, n: u16) -> u16 {
    n + if org == "acme" { 10 } else { 20 }
}

fn nodes() -> impl Strategy<Value = Fact> {
    (0..9u16, 0..5u16, org(), 1..120u64, proptest::option::of(any::<bool>())).prop_map(
        |(which, n, org, interval, ok)| match which {
            0 => Fact::Introduce { node: n, key: key(org, n), org },
            1 => Fact::EndKey { key: key(org, n) },
            2 | 3 => Fact::Heartbeat { node: n, org, interval, services_ok: ok },
            4 => Fact::BareHeartbeat { node: n, org },
            5 => Fact::Note { node: n, org },
            6 => Fact::RemarkOn { node: n, org },
            7 => Fact::ImportedHeartbeat { node: n, org },
            _ if n == 0 => Fact::Start,
            _ => Fact::Erased { node: n, org },
        },
    )
}

fn commands() -> impl Strategy<Value = Fact> {
    (0..6u16, org(), 0..3u16, 0..3u16, any::<Index>(), 0..600u64).prop_map(
        |(which, org, n, by, index, secs)| {
            let which_command = index.index(1 << 16);
            match which {
                0 | 1 => issue(org, by, n, u64::from(by), secs),
                2 => approve(org, by, which_command),
                3 => cancel(org, by, which_command),
                4 => receipt(org, n, which_command, "running"),
                _ => receipt(org, n, which_command, if by == 0 { "failed" } else { "succeeded" }),
            }
        },
    )
}

fn reports() -> impl Strategy<Value = Fact> {
    (0..10u16, org(), 0..5u16, any::<bool>(), 0..4u64).prop_map(|(which, org, n, flag, count)| match which {
        0 | 1 => {
            let severities = &["high", "low", "critical"][..n.min(3).into()];
            scan(Author::Node(node(n)), org, None, flag, severities)
        }
        2 => said(user(n), Kind::Labels, org, Some(node(n)), json!({"labels": {"env": count.to_string()}})),
        3 | 4 => slo(org, n, count * 3000, &[("read", if flag { "ok" } else { "deny" }, count)]),
        5 => usage(org, flag.then_some("prod"), if n < 2 { "decisions" } else { "storage_bytes" }, count),
        6 => device(org, n, key(org, n)),
        7 => signed(org, key(org, n)),
        8 => rotation(org, n, key(org, n), key(org, n + 4)),
        _ => {
            let more = json!({"load1_milli": count, "disk_total_bytes": 10, "disk_available_bytes": n});
            Fact::Beat { node: n, org, made: count * 200, more }
        }
    })
}

fn schedules() -> impl Strategy<Value = Fact> {
    (0..10u8, org(), 0..2u8, any::<Index>(), 1..60u64).prop_map(|(which, org, n, index, k)| {
        let which_schedule = index.index(1 << 16);
        match which {
            0 | 1 => plan(org, n, json!({"every_secs": k, "start": at(0)})),
            2 => removed(org, n),
            3 => {
                let Fact::Said(mut order) = issue(org, 1, n.into(), 0, k) else { unreachable!() };
                order.author = Author::Service(name("scheduler"));
                order.scheduled = Some(crate::schedules::id(n));
                Fact::Said(order)
            }
            8 => crate::rollouts::started(org, n),
            9 => crate::rollouts::ended(org, n),
            _ => run(org, n, which_schedule, k * 10, (which > 5).then_some("late")),
        }
    })
}

pub(crate) fn facts() -> impl Strategy<Value = Vec<Fact>> {
    proptest::collection::vec(
        prop_oneof![2 => nodes(), 2 => commands(), 2 => reports(), 1 => schedules()],
        0..60,
    )
}

/// The same, but nobody names a command of another organisation.
fn facts_at_home() -> impl Strategy<Value = Vec<Fact>> {
    facts().prop_map(|mut facts| {
        for fact in &mut facts {
            if let Fact::Said(saying) = fact {
                saying.at_home = true;
            }
        }
        facts
    })
}

/// The records, with something that no fold reads in place of what another organisation said.
fn alone(records: &[Record]) -> Vec<Record> {
    let custom = Kind::Custom("x-other".parse().unwrap());
    let other = said(Author::Service("ingest".parse().unwrap()), custom, "beta", None, json!({}));
    let alone = records.iter().map(|record| {
        let seq = record.entry.position.seq;
        if record.entry.header.org.as_str() == "beta" { entry(seq, seq * 10, &other) } else { record.clone() }
    });
    alone.collect()
}

/// What a fold knows of the organisation `acme`.
fn acme(folds: &Projections, name: &str) -> Option<String> {
    let parts = folds.parts(name).unwrap();
    let part = parts.into_iter().find(|part| part.org.as_str() == "acme");
    part.map(|part| String::from_utf8(part.json).unwrap())
}

proptest! {
    /// What happens to one organisation changes nothing that is known of another.
    #[test]
    fn an_organisation_is_untouched_by_another(facts in facts_at_home()) {
        let records = records(&facts);
        let (whole, alone) = (folded(&records), folded(&alone(&records)));
        for name in Projections::NAMES {
            prop_assert_eq!(acme(&whole, name), acme(&alone, name), "{}", name);
        }
    }

    /// Nor does what another says of its commands.
    #[test]
    fn what_another_organisation_says_of_a_command_does_not_count(facts in facts()) {
        let records = records(&facts);
        let (whole, alone) = (folded(&records), folded(&alone(&records)));
        for name in Projections::NAMES {
            prop_assert_eq!(acme(&whole, name), acme(&alone, name), "{}", name);
        }
    }
}

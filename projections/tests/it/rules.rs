//! Rulesets at their edges.

use crate::entries::{at, name, node};
use crate::notices::{Log, expect};
use projections::attention::{Band, Change};
use serde_json::json;
use spec::Kind;

#[test]
fn a_reason_that_weighs_nothing_is_shown_and_not_told() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.scan(61, &[("suid.new", "/bin/a", "high")], &[]);
    log.news();
    let muted = json!({"reasons": {"finding-high": {"weight": 0}}});
    log.operator(62, Kind::Ruleset, None, muted.clone());
    expect(&mut log, &[(62, "0 finding-high suid.new /bin/a cleared")]);
    log.scan(70, &[("suid.new", "/bin/a", "high"), ("suid.new", "/bin/b", "high")], &[]);
    expect(&mut log, &[]);
    assert_eq!(log.reasons(0), ["finding-high suid.new /bin/a", "finding-high suid.new /bin/b"]);
    // What weighs something again is told.
    log.operator(80, Kind::Ruleset, None, json!({}));
    let news: Vec<String> = log.news().into_iter().map(|(_, words)| words).collect();
    assert_eq!(news[..1], ["0 finding-high suid.new /bin/a firing"]);
}

#[test]
fn a_band_entered_at_once_is_not_left_while_its_reason_counts() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    // CRIT by its weight alone, with a score below that at which CRIT is left.
    log.operator(61, Kind::Ruleset, None, json!({"bands": {"at_once": 40}}));
    log.scan(62, &[("suid.new", "/bin/a", "high")], &[]);
    log.beats(1200, 0..1);
    assert_eq!(log.band(0), (Band::Crit, 40));
    let bands = |log: &Log| {
        log.announcing.transitions.iter().filter(|t| matches!(t.change, Change::Band { .. })).count()
    };
    assert_eq!(bands(&log), 1);
    log.scan(1201, &[], &[]);
    log.beats(1600, 0..1);
    let standing = log.attention().standing(&name("acme"), node(0), at(1600)).unwrap();
    assert_eq!((standing.band, bands(&log)), (Band::Ok, 3));
}

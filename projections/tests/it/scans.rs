//! Scans: which one counts, and what is kept of the others.

use crate::entries::{Fact, at, name, node, said};
use crate::fleet::fold;
use projections::scans::{MAX_KEPT_SCANS, NodeScans};
use serde_json::{Value, json};
use spec::{Author, Kind, Uuid};

/// A scan with a finding of each severity given.
pub(crate) fn scan(
    author: Author,
    org: &'static str,
    about: Option<Uuid>,
    simulated: bool,
    severities: &[&str],
) -> Fact {
    let finding = |n: usize, severity: &str| {
        json!({"id": format!("check-{n}"), "remediation": "mend it", "severity": severity,
            "subject": format!("/etc/{n}"), "title": format!("Number {n} is open")})
    };
    let findings: Vec<Value> = severities.iter().enumerate().map(|(n, s)| finding(n, s)).collect();
    let count = |severity: &str| severities.iter().filter(|one| **one == severity).count();
    let counts = json!({"critical": count("critical"), "high": count("high"), "low": count("low"),
        "medium": count("medium"), "unknown": 0});
    let payload = json!({"counts": counts, "duration_ms": 1200, "findings": findings, "root": "/",
        "simulated": simulated, "started_at": at(0), "unchecked": []});
    said(author, Kind::Scan, org, about, payload)
}

fn own(severities: &[&str]) -> Fact {
    scan(Author::Node(node(1)), "acme", None, false, severities)
}

fn trial(severities: &[&str]) -> Fact {
    scan(Author::Node(node(1)), "acme", None, true, severities)
}

fn imported(severities: &[&str]) -> Fact {
    scan(Author::Import(name("old")), "acme", Some(node(1)), false, severities)
}

fn scans(facts: &[Fact]) -> NodeScans {
    fold(facts).scans().node(&name("acme"), node(1)).unwrap().clone()
}

#[test]
fn the_latest_scan_counts() {
    let found = scans(&[own(&["critical", "low"]), own(&["low"])]);
    assert_eq!((found.latest.seq, found.latest.recorded_at, found.latest.findings().len()), (1, at(10), 1));
    let history: Vec<_> = found.history.iter().map(|past| (past.seq, past.counts.critical)).collect();
    assert_eq!(history, [(0, 1), (1, 0)]);
    assert_eq!(scans(&[own(&["critical"]), own(&[])]).latest.findings(), []);
}

#[test]
fn what_is_made_up_or_told_hides_nothing_that_was_seen() {
    let latest = |facts: &[Fact]| scans(facts).latest.seq;
    assert_eq!(latest(&[own(&["critical"]), trial(&[]), imported(&[])]), 0);
    assert_eq!(latest(&[trial(&["critical"]), trial(&[])]), 1, "while there is nothing real");
    assert_eq!(latest(&[trial(&[]), imported(&["low"])]), 1);
    assert_eq!(latest(&[imported(&["low"]), trial(&[])]), 0);
    assert_eq!(latest(&[trial(&[]), imported(&["low"]), own(&[]), imported(&[])]), 2);
    let all = scans(&[own(&["critical"]), trial(&[]), imported(&[])]);
    assert_eq!(
        all.history.iter().map(|past| (past.simulated, past.imported)).collect::<Vec<_>>(),
        [(false, false), (true, false), (false, true)]
    );
}

#[test]
fn a_node_reports_of_itself() {
    let of_another = scan(Author::Node(node(1)), "acme", Some(node(2)), false, &["low"]);
    let elsewhere = scan(Author::Node(node(1)), "beta", None, false, &[]);
    let folds = fold(&[of_another, elsewhere]);
    let ids: Vec<_> = folds.scans().nodes(&name("acme")).map(|(id, _)| id).collect();
    assert_eq!(ids, [node(1)]);
    assert_eq!(folds.scans().node(&name("acme"), node(1)).unwrap().latest.seq, 0);
}

#[test]
fn only_so_many_are_kept() {
    let facts = vec![own(&["low"]); MAX_KEPT_SCANS + 3];
    let history = scans(&facts).history;
    assert_eq!((history.len(), history[0].seq), (MAX_KEPT_SCANS, 3));
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let facts = [own(&["critical", "low"]), trial(&["high"]), imported(&[]), own(&["medium"])];
    let digest = &fold(&facts).digests()["scans"];
    assert_eq!((digest.version, digest.size), (1, 4));
    assert_eq!(digest.digest.to_hex(), "84708d6d3d6b5ecaa13a0e1e2c83e8b549d0925fd763d7fbd0ad12291ff61517");
}

//! Scans: which one counts, and what is kept of the others.

use crate::entries::{Fact, at, name, node, said, user};
use crate::fleet::fold;
use projections::Projections;
use projections::scans::{MAX_KEPT_SCANS, NodeScans};
use serde_json::{Value, json};
use spec::{Author, Hash, Kind, Uuid};

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

/// A scan that was compared with a baseline.
fn compared(baseline: u8) -> Fact {
    let Fact::Said(mut saying) = own(&["low"]) else { panic!("somebody says it") };
    saying.payload["baseline"] = json!(Hash([baseline; 32]));
    Fact::Said(saying)
}

fn accept(org: &'static str, of: u16, baseline: u8) -> Fact {
    let payload = json!({"baseline": Hash([baseline; 32]), "node": node(of)});
    said(user(3), Kind::Baseline, org, Some(node(of)), payload)
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
fn the_newest_acceptance_counts_for_the_baseline_it_names() {
    let org = name("acme");
    let in_use = |facts: &[Fact]| {
        let folds = fold(facts);
        assert_eq!(Projections::restore(&folds.snapshot()).unwrap().scans(), folds.scans());
        folds.scans().in_use(&org, node(1)).map(|accepted| (accepted.author.clone(), accepted.seq))
    };
    let (compared, other) = (compared(7), compared(8));
    assert_eq!(in_use(std::slice::from_ref(&compared)), None, "nobody has accepted it");
    assert_eq!(in_use(&[accept("acme", 1, 7)]), None, "there is no scan");
    assert_eq!(in_use(&[compared.clone(), accept("acme", 1, 7)]), Some((user(3), 1)));
    assert_eq!(
        in_use(&[accept("acme", 1, 7), compared.clone()]),
        Some((user(3), 0)),
        "for the scans after it as well"
    );
    assert_eq!(
        in_use(&[accept("acme", 1, 7), compared.clone(), other.clone()]),
        None,
        "another is in its place"
    );
    assert_eq!(in_use(&[accept("acme", 1, 7), other.clone(), accept("acme", 1, 8)]), Some((user(3), 2)));
    assert_eq!(in_use(&[accept("acme", 1, 8), accept("acme", 1, 7), other]), None, "the newest counts");
    assert_eq!(in_use(&[compared.clone(), accept("acme", 2, 7), accept("beta", 1, 7)]), None);
    assert_eq!(in_use(&[own(&[]), accept("acme", 1, 7)]), None, "it was compared with none");
}

#[test]
fn the_digest_of_version_2_stays_what_it_is() {
    let facts = [
        own(&["critical", "low"]),
        trial(&["high"]),
        imported(&[]),
        own(&["medium"]),
        compared(7),
        accept("acme", 1, 7),
    ];
    let digest = &fold(&facts).digests()["scans"];
    assert_eq!((digest.version, digest.size), (2, 6));
    assert_eq!(digest.digest.to_hex(), "b9a490bdacd80a2e2b84720dab93365c74a90feac6d67e8a9d5503459e3f2e36");
}

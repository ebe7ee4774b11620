//! What scans find on a node: told as one, accepted by people, and folded by the rules of before for old seals.

use crate::entries::{at, event, name, node};
use crate::first_scan::FIRST_SCAN;
use crate::notices::{Log, expect};
use projections::Projections;
use projections::attention::Band;
use projections::former::{Refolding, VERSIONS};
use projections::incidents::{Incident, IncidentState, Webhook};
use projections::rehearsal::Rehearsal;
use serde_json::{Value, json};
use spec::payload::{Digest, Posture, Seal};
use spec::{Author, Hash, Kind, Record, Refold as _, Timestamp, Uuid};
use std::collections::BTreeMap;

const HIGH: (&str, &str, &str) = ("sudoers", "/etc/sudoers.d/ops:1", "high");
const HIGH_TOO: (&str, &str, &str) = ("apt-source", "/etc/apt/sources.list:9", "high");
const CRITICAL: (&str, &str, &str) = ("uid-zero", "toor", "critical");
const LOW: (&str, &str, &str) = ("mount-options", "/tmp", "low");
const MEDIUM: (&str, &str, &str) = ("listener", "0.0.0.0:5432 tcp", "medium");

/// Those about postures.
fn incidents(log: &Log) -> Vec<Incident> {
    every(log).into_iter().filter(|incident| incident.matter.topic == "posture").collect()
}

fn every(log: &Log) -> Vec<Incident> {
    let of = log.announcing.folds.incidents().of(&name("acme"));
    let mut all: Vec<Incident> = of.into_iter().flat_map(|of| of.iter().cloned()).collect();
    all.sort_by_key(|incident| incident.opened.seq);
    all
}

/// State, band and title of the only incident.
fn only(log: &Log) -> (IncidentState, Band, String) {
    let mut all = incidents(log);
    assert_eq!(all.len(), 1, "{all:?}");
    let incident = all.remove(0);
    (incident.state(at(log.now)), incident.band, incident.title)
}

fn open(band: Band, title: &str) -> (IncidentState, Band, String) {
    (IncidentState::Open, band, title.to_owned())
}

fn accept(log: &mut Log, secs: u64, (check, subject, _): (&str, &str, &str), end: u64, more: Value) -> Hash {
    let mut payload = json!({"action": "accept", "check": check, "expires_at": at(end), "text": "known"});
    if !subject.is_empty() {
        payload["subject"] = json!(subject);
    }
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    log.operator(secs, Kind::Acceptance, None, payload)
}

fn accepted(log: &Log, id: u16) -> usize {
    log.attention().standing(&name("acme"), node(id), at(log.now)).unwrap().accepted_findings
}

#[test]
fn a_first_scan_of_three_nodes_is_three_incidents_and_three_pages() {
    let mut log = Log::recorded(3);
    log.beats(60, 0..3);
    for n in 0..3 {
        log.scan_of(n, 61 + u64::from(n), &FIRST_SCAN, &["hidden-process"]);
    }
    let finding = "finding-critical sshd-login /etc/ssh/sshd_config firing";
    let told: Vec<String> =
        (0..3).flat_map(|n| [format!("{n} {finding}"), format!("{n} OK to CRIT")]).collect();
    let news: Vec<String> = log.news().into_iter().map(|(_, words)| words).collect();
    assert_eq!(news, told);
    let all = incidents(&log);
    assert_eq!(
        all.iter().filter_map(|incident| incident.matter.node_id).collect::<Vec<_>>(),
        [node(0), node(1), node(2)]
    );
    for incident in &all {
        let Posture { critical, high, low, medium, .. } = incident.posture.as_ref().unwrap();
        assert_eq!((critical, high, medium, low), (&1, &7, &9, &28));
        assert_eq!(incident.title, "finding-critical sshd-login /etc/ssh/sshd_config and 44 more");
    }
    // By the rules before, each finding of each node was told; now 3 of the 135 pages are left.
    let mut rehearsal = Rehearsal::of_versions(3, Timestamp::from_millis(0)).unwrap();
    log.announcing.records.iter().flatten().for_each(|record| rehearsal.apply(record));
    let difference = rehearsal.difference();
    assert_eq!((difference.before, difference.after, difference.kept), (135, 3, 3));
    assert_eq!((difference.dropped.len(), difference.added.len()), (132, 0));
    assert!(Rehearsal::of_versions(2, Timestamp::from_millis(0)).is_none());
}

#[test]
fn findings_come_and_go_in_one_incident() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.scan(61, &[MEDIUM, LOW], &[]);
    expect(&mut log, &[]);
    assert_eq!(incidents(&log), [], "what is less than high is a line of a report");
    log.scan(70, &[MEDIUM, LOW, HIGH], &[]);
    expect(&mut log, &[(70, "0 finding-high sudoers /etc/sudoers.d/ops:1 firing"), (70, "0 OK to ATTN")]);
    assert_eq!(only(&log), open(Band::Attn, "finding-high sudoers /etc/sudoers.d/ops:1 and 2 more"));
    let id = incidents(&log)[0].id;
    log.operator(71, Kind::Ack, None, json!({"target": id}));
    // Lesser ones come and go.
    log.scan(80, &[HIGH], &[]);
    log.scan(90, &[HIGH, LOW], &[]);
    expect(&mut log, &[]);
    assert_eq!(only(&log).0, IncidentState::Acked);
    // Another as grave: whoever looks after it is to look again.
    log.scan(100, &[HIGH, HIGH_TOO, LOW], &[]);
    expect(&mut log, &[(100, "0 finding-high apt-source /etc/apt/sources.list:9 firing")]);
    assert_eq!(only(&log), open(Band::Attn, "finding-high apt-source /etc/apt/sources.list:9 and 2 more"));
    assert_eq!(incidents(&log)[0].reopened.as_ref().unwrap().at, at(100));
    log.scan(110, &[HIGH, HIGH_TOO, CRITICAL], &[]);
    expect(&mut log, &[(110, "0 finding-critical uid-zero toor firing"), (110, "0 ATTN to CRIT")]);
    assert_eq!(only(&log), open(Band::Crit, "finding-critical uid-zero toor and 2 more"));
    log.operator(111, Kind::Ack, None, json!({"target": id}));
    // Beside that a high one that comes is no news, and none when it is what is left.
    log.scan(120, &[CRITICAL, HIGH], &[]);
    log.scan(130, &[CRITICAL, HIGH, HIGH_TOO], &[]);
    expect(&mut log, &[(120, "0 finding-high apt-source /etc/apt/sources.list:9 cleared")]);
    assert_eq!(only(&log).0, IncidentState::Acked);
    log.scan(140, &[HIGH, HIGH_TOO], &[]);
    expect(&mut log, &[(140, "0 finding-critical uid-zero toor cleared")]);
    assert_eq!(only(&log).1, Band::Attn);
    assert_eq!(only(&log).0, IncidentState::Acked);
    log.scan(150, &[LOW], &[]);
    assert_eq!(only(&log).0, IncidentState::Resolved);
    // Soon after it is the same incident, later another.
    log.scan(200, &[HIGH], &[]);
    assert_eq!(only(&log).0, IncidentState::Open);
    log.scan(210, &[], &[]);
    log.scan(1200, &[HIGH], &[]);
    assert_eq!(
        incidents(&log).iter().map(|one| one.state(at(1200))).collect::<Vec<_>>(),
        [IncidentState::Resolved, IncidentState::Open]
    );
}

#[test]
fn the_band_of_a_node_is_not_that_of_its_posture() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.scan(61, &[HIGH, LOW], &[]);
    log.say(62, &crate::entries::Fact::Fork { key: 0 });
    assert_eq!(log.band(0).0, Band::Crit);
    let bands: Vec<(String, Band)> =
        every(&log).into_iter().map(|incident| (incident.matter.topic, incident.band)).collect();
    assert_eq!(bands, [("posture".to_owned(), Band::Attn), ("chain-fork".to_owned(), Band::Crit)]);
    // Silences over findings are over the posture.
    let of_findings =
        json!({"action": "create", "expires_at": at(900), "reason": "finding-low", "text": "x"});
    log.operator(63, Kind::Silence, None, of_findings);
    let of = log.announcing.folds.incidents().of(&name("acme")).unwrap();
    let covered = |incident: &Incident| of.silences().over(&incident.matter, at(64)).is_some();
    assert_eq!(every(&log).iter().map(covered).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_a_package_explains_is_low_at_most() {
    let mut log = Log::recorded(1);
    log.beats(60, 0..1);
    let finding = json!({"explained": "openssh 9.9p1-2", "id": "package-file", "remediation": "", "severity": "critical",
        "subject": "/usr/sbin/sshd", "title": "changed"});
    let payload = json!({"counts": {"critical": 1, "high": 0, "low": 0, "medium": 0, "unknown": 0},
        "duration_ms": 1, "findings": [finding], "root": "/", "simulated": false, "started_at": at(60),
        "unchecked": []});
    log.tell(61, Author::Node(node(0)), Kind::Scan, None, payload);
    assert_eq!(
        (log.reasons(0), log.band(0)),
        (vec!["finding-low package-file /usr/sbin/sshd".to_owned()], (Band::Ok, 3))
    );
    expect(&mut log, &[]);
    let mut former = Refolding::default();
    log.announcing.records.iter().flatten().for_each(|record| former.apply(record));
    let [digests, _] = former.former().try_into().unwrap();
    assert_ne!(digests["attention"].digest, former.digests()["attention"].digest, "it was critical before");
}

#[test]
fn an_accepted_finding_counts_for_nothing_until_the_acceptance_ends() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.scan(61, &[CRITICAL, HIGH, LOW], &[]);
    log.news();
    accept(&mut log, 70, CRITICAL, 1000, json!({}));
    expect(&mut log, &[(70, "0 finding-critical uid-zero toor cleared")]);
    assert_eq!((log.band(0).1, accepted(&log, 0)), (40 + 3 / 2, 1));
    assert_eq!(only(&log), open(Band::Attn, "finding-high sudoers /etc/sudoers.d/ops:1 and 1 more"));
    // A scan that finds it again says nothing new, nor does one that no longer finds what is accepted.
    log.scan(80, &[CRITICAL, HIGH, LOW], &[]);
    accept(&mut log, 90, HIGH, 2000, json!({}));
    log.beats(600, 0..1);
    expect(
        &mut log,
        &[
            (90, "0 finding-high sudoers /etc/sudoers.d/ops:1 cleared"),
            (370, "0 CRIT to ATTN"),
            (390, "0 ATTN to OK"),
        ],
    );
    assert_eq!((only(&log).0, accepted(&log, 0), log.band(0)), (IncidentState::Resolved, 2, (Band::Ok, 3)));
    log.scan(700, &[HIGH, LOW], &[]);
    log.scan(710, &[CRITICAL, HIGH, LOW], &[]);
    expect(&mut log, &[]);
    // It comes back at its end, to the millisecond, whether anything else happens then or not.
    log.beats(990, 0..1);
    let standing = |secs: u64| log.attention().standing(&name("acme"), node(0), at(secs)).unwrap().score;
    assert_eq!((standing(999), standing(1000)), (3, 80 + 3 / 2));
    log.beats(1050, 0..1);
    expect(&mut log, &[(1000, "0 finding-critical uid-zero toor firing"), (1000, "0 OK to CRIT")]);
    let state = |incident: &Incident| incident.state(at(log.now));
    assert_eq!(
        incidents(&log).iter().map(state).collect::<Vec<_>>(),
        [IncidentState::Resolved, IncidentState::Open]
    );
}

#[test]
fn an_end_that_nobody_was_there_to_see_comes_when_the_ledger_is_back() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    accept(&mut log, 61, CRITICAL, 5000, json!({}));
    log.scan(62, &[CRITICAL], &[]);
    assert_eq!(accepted(&log, 0), 1);
    log.news();
    // The ledger is away from 90 to 9000.
    log.beats(90, 0..1);
    log.now = 9000;
    let start = crate::entries::Fact::Start;
    log.say(9000, &start);
    expect(&mut log, &[(9000, "0 finding-critical uid-zero toor firing"), (9000, "0 OK to CRIT")]);
}

#[test]
fn an_acceptance_is_of_a_node_of_a_selection_or_of_all() {
    let mut log = Log::started(4);
    log.beats(60, 0..4);
    let label = |log: &mut Log, id: u16, env: &str| {
        log.operator(log.now, Kind::Labels, Some(node(id)), json!({"labels": {"env": env}}));
    };
    label(&mut log, 1, "lab");
    for n in 0..4 {
        log.scan_of(n, 61, &[HIGH, LOW], &[]);
    }
    let of_all = |log: &Log| [0, 1, 2, 3].map(|n| accepted(log, n));
    let one = accept(&mut log, 62, HIGH, 9000, json!({"node": node(0)}));
    assert_eq!(of_all(&log), [1, 0, 0, 0]);
    let lab = accept(&mut log, 63, ("mount-options", "", ""), 9000, json!({"selector": "env=lab"}));
    assert_eq!(of_all(&log), [1, 1, 0, 0]);
    // Whoever comes to be selected later is covered from then on.
    label(&mut log, 2, "lab");
    label(&mut log, 1, "prod");
    assert_eq!(of_all(&log), [1, 0, 1, 0]);
    let all = accept(&mut log, 64, HIGH, 9000, json!({"severity": "medium"}));
    assert_eq!(of_all(&log), [1, 0, 1, 0], "it is graver than what is accepted");
    let everywhere = accept(&mut log, 65, HIGH, 9000, json!({"severity": "high"}));
    assert_eq!(of_all(&log), [1, 1, 2, 1]);
    let other = json!({"action": "withdraw", "acceptance": everywhere});
    let mut theirs = event(
        log.announcing.seq(),
        at(log.now),
        Author::Token(Uuid::v4([66; 16])),
        Kind::Acceptance,
        None,
        &other,
    );
    theirs.entry.header.org = name("umbrella");
    log.announcing.record(&theirs);
    assert_eq!(of_all(&log), [1, 1, 2, 1], "nobody of another organisation withdraws it");
    for id in [one, lab, all, everywhere] {
        log.operator(70, Kind::Acceptance, None, json!({"action": "withdraw", "acceptance": id}));
    }
    assert_eq!(of_all(&log), [0, 0, 0, 0]);
    // What was there all the time is told as what comes back.
    let told: Vec<String> = log.news().into_iter().map(|(_, words)| words).collect();
    assert_eq!(told.last().map(String::as_str), Some("3 finding-high sudoers /etc/sudoers.d/ops:1 firing"));
    let snapshot = log.announcing.folds.snapshot();
    let restored = Projections::restore(&snapshot).unwrap();
    assert_eq!(restored.digests(), log.announcing.folds.digests());
    assert_eq!(restored.scans().acceptances().of(&name("acme")).count(), 4);
    let part = restored.parts("scans").unwrap().into_iter().find(|part| part.org == name("acme")).unwrap();
    assert!(String::from_utf8(part.json).unwrap().contains("\"withdrawn_by\""));
}

/// A change that attention announced, as it did in the version before.
fn announce(log: &mut Log, secs: u64, finding: (&str, &str, &str), state: &str) {
    let (check, subject, severity) = finding;
    let weight = if severity == "critical" { 80 } else { 40 };
    let change = json!({"reason": format!("finding-{severity}"), "state": state,
        "subject": format!("{check} {subject}"), "weight": weight, "what": "reason"});
    let payload = json!({"at": at(secs), "band": "CRIT", "change": change, "ruleset": Hash::ZERO, "score": 80,
        "seq": 9});
    log.tell(secs, Author::Service(name("attention")), Kind::Attention, Some(node(0)), payload);
}

#[test]
fn findings_that_were_told_each_by_itself_are_one_incident_as_well() {
    let mut log = Log::recorded(1);
    log.announcing.deaf = true;
    let hook = Uuid::v4([1; 16]);
    let types = json!(["incident.opened", "incident.reopened", "incident.resolved"]);
    let made = json!({"action": "create", "id": hook, "secret": Hash::ZERO, "types": types, "url": "https://example.org/"});
    log.operator(0, Kind::Webhook, None, made);
    for finding in [LOW, HIGH, HIGH_TOO, CRITICAL] {
        announce(&mut log, 61, finding, "firing");
    }
    assert_eq!(only(&log), open(Band::Crit, "finding-critical uid-zero toor and 3 more"));
    announce(&mut log, 70, CRITICAL, "cleared");
    assert_eq!(only(&log), open(Band::Attn, "finding-high apt-source /etc/apt/sources.list:9 and 2 more"));
    // What was sent by the rules of then, in messages of other names, is not sent again.
    let of = log.announcing.folds.incidents().of(&name("acme")).unwrap();
    let owed: Vec<Hash> = of
        .webhooks()
        .iter()
        .flat_map(Webhook::messages)
        .flat_map(|m| &m.items)
        .map(|item| item.event)
        .collect();
    assert_eq!(owed.len(), 2, "opened, and looked at again for what was graver");
    let notice = json!({"attempt": 1, "events": owed, "message": "msg_2_x_incident-opened", "outcome": "delivered",
        "status": 200, "webhook": hook});
    log.tell(71, Author::Service(name("webhooks")), Kind::Notice, None, notice);
    let of = log.announcing.folds.incidents().of(&name("acme")).unwrap();
    assert_eq!(of.webhooks().iter().map(Webhook::owed).collect::<Vec<_>>(), [0]);
    for finding in [HIGH, HIGH_TOO] {
        announce(&mut log, 80, finding, "cleared");
    }
    assert_eq!(only(&log).0, IncidentState::Resolved);
    let restored = Projections::restore(&log.announcing.folds.snapshot()).unwrap();
    assert_eq!(restored.incidents(), log.announcing.folds.incidents());
}

/// A seal that says this of the folds.
fn seal(log: &Log, advisory: BTreeMap<String, Digest>) -> Record {
    let seal = Seal { admission: Hash::ZERO, advisory, index: 0, prev: Hash::ZERO, root: Hash::ZERO };
    let payload = serde_json::to_value(&seal).unwrap();
    let mut record =
        event(log.announcing.seq(), at(log.now), Author::Service(name("ledger")), Kind::Seal, None, &payload);
    record.entry.header.org = name("ledger");
    record
}

#[test]
fn an_auditor_has_the_rules_of_before_until_a_seal_names_those_of_now() {
    let mut log = Log::recorded(2);
    log.beats(60, 0..2);
    log.scan(61, &[CRITICAL, HIGH, LOW], &[]);
    let mut refolding = Refolding::default();
    for record in log.announcing.records.iter().flatten() {
        refolding.apply(record);
    }
    let size = log.announcing.seq();
    let [now, sealed] = refolding.former().try_into().unwrap();
    assert!(sealed.is_empty(), "there was no seal");
    let named: Vec<_> = now.iter().map(|(name, said)| (name.as_str(), said.version, said.size)).collect();
    assert_eq!(named, VERSIONS.map(|(name, version)| (name, version, size)));
    // One of then changes nothing, and what it was made over is known at the next.
    let then = seal(&log, now.clone());
    log.announcing.record(&then);
    refolding.apply(&then);
    assert_eq!(refolding.former()[1], now);
    let present = seal(&log, log.announcing.folds.digests());
    log.announcing.record(&present);
    refolding.apply(&present);
    assert_eq!(refolding.former(), []);
    assert_eq!(refolding.digests(), log.announcing.folds.digests());
    assert_eq!(refolding.sealed(), *log.announcing.folds.sealed());
}

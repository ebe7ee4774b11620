//! What of attention is told to operators: each change once, as one where it is one, and by their own rules.
#![allow(clippy::needless_pass_by_value, reason = "the calls read better")]

use crate::announcing::Announcing;
use crate::entries::{Fact, at, entry, event, name, node, number};
use projections::attention::{Attention, Band, Notice, Reason};
use projections::fact::Fact as Entry;
use projections::{Projection as _, Projections};
use serde_json::{Value, json};
use spec::payload::AttentionChange;
use spec::{Author, Hash, Kind, Uuid};

const I: u64 = 30;

/// A log in the making, and what is announced of it.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) now: u64,
    pub(crate) announcing: Announcing,
    /// Announcements that the test has looked at.
    read: usize,
}

impl Log {
    pub(crate) fn started(nodes: u16) -> Self {
        let mut log = Self::default();
        log.start(nodes);
        log
    }

    /// The same, with every entry kept.
    pub(crate) fn recorded(nodes: u16) -> Self {
        let mut log = Self::default();
        log.announcing.records = Some(Vec::new());
        log.start(nodes);
        log
    }

    fn start(&mut self, nodes: u16) {
        self.fact(&Fact::Start);
        for n in 0..nodes {
            self.say(0, &Fact::Introduce { node: n, key: n, org: "acme" });
        }
    }

    /// The next entry, at once.
    fn fact(&mut self, fact: &Fact) {
        self.announcing.record(&entry(self.announcing.seq(), self.now, fact));
    }

    /// Time passes until `secs`; once a minute the ledger says that it is alive.
    pub(crate) fn pass(&mut self, secs: u64) {
        while self.now < secs {
            self.now = (self.now + 10).min(secs);
            self.fact(&Fact::Alive);
        }
    }

    pub(crate) fn say(&mut self, secs: u64, fact: &Fact) {
        self.pass(secs);
        self.fact(fact);
    }

    pub(crate) fn tell(
        &mut self,
        secs: u64,
        author: Author,
        kind: Kind,
        node: Option<Uuid>,
        payload: Value,
    ) -> Hash {
        self.pass(secs);
        let record = event(self.announcing.seq(), at(self.now), author, kind, node, &payload);
        self.announcing.record(&record);
        record.entry.header.event_hash(&record.entry.sig)
    }

    pub(crate) fn beat(&mut self, secs: u64, id: u16, more: Value) {
        self.say(secs, &Fact::Beat { node: id, org: "acme", made: secs, more });
    }

    /// Heartbeats of some nodes every interval, the last at `until`.
    pub(crate) fn beats(&mut self, until: u64, ids: impl Iterator<Item = u16> + Clone) {
        let mut next = (self.now / I + 1) * I;
        while next <= until {
            for id in ids.clone() {
                self.beat(next, id, json!({"interval_secs": I}));
            }
            next += I;
        }
        self.pass(until);
    }

    pub(crate) fn operator(&mut self, secs: u64, kind: Kind, node: Option<Uuid>, payload: Value) -> Hash {
        self.tell(secs, Author::Token(Uuid::v4([77; 16])), kind, node, payload)
    }

    pub(crate) fn scan(&mut self, secs: u64, findings: &[(&str, &str, &str)], unchecked: &[&str]) {
        self.scan_of(0, secs, findings, unchecked);
    }

    pub(crate) fn scan_of(
        &mut self,
        id: u16,
        secs: u64,
        findings: &[(&str, &str, &str)],
        unchecked: &[&str],
    ) {
        let mut findings = findings.to_vec();
        findings.sort_unstable();
        let count = |severity: &str| findings.iter().filter(|(_, _, s)| *s == severity).count();
        let listed: Vec<Value> = findings
            .iter()
            .map(|(id, subject, severity)| {
                json!({"id": id, "remediation": "", "severity": severity, "subject": subject, "title": id})
            })
            .collect();
        let skipped: Vec<Value> =
            unchecked.iter().map(|id| json!({"id": id, "reason": "unreadable"})).collect();
        let payload = json!({
            "counts": {"critical": count("critical"), "high": count("high"), "low": count("low"),
                "medium": count("medium"), "unknown": unchecked.len()},
            "duration_ms": 1, "findings": listed, "root": "/", "simulated": false,
            "started_at": at(secs), "unchecked": skipped,
        });
        self.tell(secs, Author::Node(node(id)), Kind::Scan, None, payload);
    }

    pub(crate) fn attention(&self) -> &Attention {
        self.announcing.folds.attention()
    }

    pub(crate) fn reasons(&self, id: u16) -> Vec<String> {
        let standing = self.attention().standing(&name("acme"), node(id), at(self.now)).unwrap();
        let text = |reason: Reason, subject: &str| format!("{} {subject}", reason.as_str()).trim().to_owned();
        standing.reasons.iter().map(|active| text(active.reason, active.subject.as_str())).collect()
    }

    pub(crate) fn band(&self, id: u16) -> (Band, u64) {
        let standing = self.attention().standing(&name("acme"), node(id), at(self.now)).unwrap();
        (standing.band, standing.score)
    }

    /// What was told since the last call.
    pub(crate) fn news(&mut self) -> Vec<(u64, String)> {
        let news =
            &self.announcing.announced[std::mem::replace(&mut self.read, self.announcing.announced.len())..];
        let secs = |notice: &Notice| (notice.payload.at.millis() - at(0).millis()) / 1000;
        news.iter().map(|(notice, _)| (secs(notice), words(notice))).collect()
    }

    /// The event hash of an announcement.
    fn hash(&self, said: &str) -> Hash {
        self.announcing.announced.iter().find(|(notice, _)| words(notice) == said).unwrap().1
    }
}

fn words(notice: &Notice) -> String {
    let who = notice.node.map_or("site".to_owned(), |node| number(node).to_string());
    let change = serde_json::to_value(&notice.payload.change).unwrap();
    let text = |field: &str| change[field].as_str().unwrap_or_default().to_owned();
    let words = match &notice.payload.change {
        AttentionChange::Band { .. } => vec![text("from"), "to".to_owned(), text("to")],
        AttentionChange::Reason { .. } => vec![text("reason"), text("subject"), text("state")],
        AttentionChange::Flapping { .. } => vec!["flapping".to_owned(), text("state")],
        AttentionChange::Storm { nodes, of, .. } => {
            vec![text("site"), "storm".to_owned(), text("state"), format!("{nodes}/{of}")]
        }
    };
    let words: Vec<String> = [who].into_iter().chain(words).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

pub(crate) fn expect(log: &mut Log, expected: &[(u64, &str)]) {
    let news = log.news();
    let news: Vec<(u64, &str)> = news.iter().map(|(secs, words)| (*secs, words.as_str())).collect();
    assert_eq!(news, expected);
}

#[test]
fn an_outage_is_told_when_it_is_none_of_a_site_and_its_end_once() {
    let mut log = Log::started(1);
    log.beats(600, 0..1);
    expect(&mut log, &[]);
    // Stale at 691; sixty seconds later nobody else is, and by then the node is offline.
    log.pass(900);
    expect(&mut log, &[(750, "0 offline firing"), (750, "0 OK to ATTN")]);
    log.beats(990, 0..1);
    expect(&mut log, &[(990, "0 offline cleared")]);
    log.beats(1400, 0..1);
    expect(&mut log, &[(1290, "0 ATTN to OK")]);
    // Silent too short to be told.
    log.pass(1500);
    log.beats(1900, 0..1);
    expect(&mut log, &[]);
}

#[test]
fn a_storm_is_told_as_one_and_what_outlasts_it_by_itself() {
    let mut log = Log::started(20);
    log.beats(600, 0..20);
    // Six of twenty fall silent; five is the least, and a fifth of them are four.
    log.beats(690, 6..20);
    expect(&mut log, &[]);
    log.beats(900, 6..20);
    expect(&mut log, &[(690, "site acme storm began 5/20")]);
    assert_eq!(log.band(0), (Band::Attn, 60));
    // All but one come back.
    log.beats(1000, 1..20);
    expect(
        &mut log,
        &[(930, "site acme storm ended 2/20"), (750, "0 offline firing"), (990, "0 OK to ATTN")],
    );
    log.beats(2000, 1..20);
    expect(&mut log, &[]);
}

#[test]
fn nodes_of_another_site_make_no_storm() {
    let mut log = Log::started(10);
    for n in 0..10u16 {
        let site = if n % 2 == 0 { "north" } else { "south" };
        log.operator(0, Kind::Labels, Some(node(n)), json!({"labels": {"site": site}}));
    }
    log.beats(600, 0..10);
    // Four of the north and two of the south.
    log.beats(900, [5, 7, 8, 9].into_iter());
    let news = log.news();
    assert!(news.iter().all(|(_, words)| !words.contains("storm")), "{news:?}");
    assert_eq!(news.iter().filter(|(_, words)| words.ends_with("offline firing")).count(), 6);
}

#[test]
fn going_back_and_forth_is_told_as_flapping() {
    let mut log = Log::started(1);
    log.beats(600, 0..1);
    for _ in 0..6 {
        log.pass(log.now + 170);
        log.beats(log.now + 100, 0..1);
    }
    let news = log.news();
    let flapping = news.iter().position(|(_, words)| words == "0 flapping began").unwrap();
    assert!(news[flapping + 1..].is_empty(), "while it flaps nothing else is told: {news:?}");
    log.beats(log.now + 3000, 0..1);
    let news = log.news();
    assert_eq!(news[0].1, "0 flapping ended");
    assert!(news[1..].iter().all(|(_, words)| !words.contains("firing")), "{news:?}");
    assert_eq!(log.band(0), (Band::Ok, 0));
}

#[test]
fn a_node_that_flaps_and_then_dies_flaps_no_more() {
    let mut log = Log::started(1);
    log.beats(600, 0..1);
    while !log.attention().standing(&name("acme"), node(0), at(log.now)).unwrap().flapping {
        log.pass(log.now + 170);
        log.beats(log.now + 100, 0..1);
    }
    let (died, before) = (log.now, log.news());
    assert_eq!(before.last().unwrap().1, "0 flapping began");
    // A heartbeat was due in each of the 21 intervals since the last.
    let last = died / I * I;
    log.pass(last + 21 * I - 1);
    expect(&mut log, &[]);
    log.pass(last + 21 * I + 10);
    // That it is offline was the last that was told of it.
    expect(&mut log, &[(last + 21 * I, "0 flapping ended")]);
    assert_eq!(log.reasons(0), ["offline"]);
    log.pass(last + 86_400 + 10);
    expect(&mut log, &[(last + 86_400, "0 lost firing"), (last + 86_400, "0 ATTN to CRIT")]);
}

#[test]
fn a_lower_degree_is_told_with_the_time_at_which_it_took_over() {
    let mut log = Log::started(1);
    let full = |percent: u64| json!({"interval_secs": I, "disk_total_bytes": 100, "disk_available_bytes": 100 - percent});
    let beats = |until: u64, percent: u64, log: &mut Log| {
        while log.now + I <= until {
            log.beat(log.now + I, 0, full(percent));
        }
    };
    beats(600, 96, &mut log);
    beats(1800, 91, &mut log);
    let news = log.news();
    let at = |words: &str| news.iter().find(|(_, said)| said == words).unwrap().0;
    assert!(at("0 disk-critical firing") < 600, "{news:?}");
    assert!(at("0 disk-low firing") > 1200, "{news:?}");
    assert!(news.is_sorted_by_key(|(secs, _)| *secs), "{news:?}");
}

#[test]
fn a_goodbye_is_no_silence_until_its_time_is_over() {
    let mut log = Log::started(2);
    log.beats(600, 0..2);
    log.tell(
        601,
        Author::Node(node(0)),
        Kind::Goodbye,
        None,
        json!({"reason": "new disk", "until": at(4000)}),
    );
    log.tell(601, Author::Node(node(1)), Kind::Goodbye, None, json!({"reason": "retired"}));
    log.pass(4000);
    expect(&mut log, &[]);
    log.pass(4300);
    expect(&mut log, &[(4150, "0 offline firing"), (4150, "0 OK to ATTN")]);
    log.pass(14_000);
    assert_eq!(log.reasons(1), Vec::<String>::new());
    // The time away is none of its rhythm.
    log.beats(14_120, 1..2);
    log.pass(14_220);
    assert_eq!(log.reasons(1), ["stale"]);
}

#[test]
fn findings_count_until_a_scan_does_not_find_them() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.scan(
        61,
        &[("suid.new", "/bin/a", "high"), ("suid.new", "/bin/b", "high"), ("sysctl", "kptr", "low")],
        &[],
    );
    assert_eq!(
        log.reasons(0),
        ["finding-high suid.new /bin/a", "finding-high suid.new /bin/b", "finding-low sysctl kptr"]
    );
    assert_eq!(log.band(0), (Band::Attn, 40 + 40 / 2));
    log.news();
    // Gone, could not be checked, and found to be graver.
    log.scan(70, &[("ld.preload", "/etc/ld.so.preload", "critical")], &["sysctl"]);
    assert_eq!(log.reasons(0), ["finding-critical ld.preload /etc/ld.so.preload", "finding-low sysctl kptr"]);
    assert_eq!(log.band(0), (Band::Crit, 81));
    expect(
        &mut log,
        &[(70, "0 finding-critical ld.preload /etc/ld.so.preload firing"), (70, "0 ATTN to CRIT")],
    );
    let many: Vec<String> = (10..99).map(|n| format!("/bin/{n}")).collect();
    let many: Vec<(&str, &str, &str)> = many.iter().map(|path| ("suid.new", path.as_str(), "high")).collect();
    log.scan(80, &many, &[]);
    assert_eq!(log.band(0).1, 65, "posture alone has a cap");
    let standing = log.attention().standing(&name("acme"), node(0), at(80)).unwrap();
    assert_eq!((standing.reasons.len(), standing.more_reasons), (64, 25));
}

#[test]
fn a_person_ends_what_does_not_end_by_itself() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.say(61, &Fact::Fork { key: 0 });
    log.beats(600, 0..1);
    assert_eq!((log.reasons(0), log.band(0)), (vec!["chain-fork".to_owned()], (Band::Crit, 100)));
    let fork = log.hash("0 chain-fork firing");
    // To have seen it is not enough, nor is another event's name.
    log.operator(610, Kind::Ack, None, json!({"target": fork}));
    log.operator(611, Kind::Resolve, None, json!({"target": Hash([9; 32])}));
    assert_eq!(log.reasons(0), ["chain-fork"]);
    let stranger = Author::Token(Uuid::v4([66; 16]));
    let target = json!({"target": fork});
    let mut theirs = event(log.announcing.seq(), at(log.now), stranger, Kind::Resolve, None, &target);
    theirs.entry.header.org = name("umbrella");
    log.announcing.record(&theirs);
    assert_eq!(log.reasons(0), ["chain-fork"], "nobody of another organisation ends it");
    log.operator(612, Kind::Resolve, None, json!({"target": fork}));
    assert_eq!(log.reasons(0), Vec::<String>::new());
    assert_eq!(log.news().last().unwrap().1, "0 chain-fork cleared");
}

#[test]
fn a_key_that_is_used_after_its_end_is_told_until_a_person_says_that_it_is_over() {
    let mut log = Log::started(2);
    log.beats(60, 0..2);
    log.say(61, &Fact::EndKey { key: 0 });
    let refused = |code: &str, k: u16| json!({"code": code, "header": {"key": crate::entries::key(k)}, "sig": spec::Signature([0; 64])});
    let ledger = || Author::Service(name("ledger"));
    log.tell(62, ledger(), Kind::Refusal, Some(node(0)), refused("bad-payload", 0));
    assert_eq!(log.reasons(0), Vec::<String>::new(), "a mistake is no theft");
    log.tell(63, ledger(), Kind::Refusal, Some(node(0)), refused("key-revoked", 0));
    log.pass(5000);
    assert_eq!((log.reasons(0), log.band(0)), (vec!["revoked-key".to_owned()], (Band::Crit, 100)));
    let told = log.hash("0 revoked-key firing");
    log.operator(5001, Kind::Ack, None, json!({"target": told}));
    assert_eq!(log.reasons(0), ["revoked-key"]);
    log.operator(5002, Kind::Resolve, None, json!({"target": told}));
    assert_eq!(log.reasons(0), Vec::<String>::new());
}

#[test]
fn a_ledger_that_a_node_caught_is_told_until_a_person_says_that_it_is_over() {
    let mut log = Log::started(2);
    log.beats(60, 0..2);
    let shown = || json!({"a": "one checkpoint", "b": "another"});
    let ledger = || Author::Service(name("ledger"));
    log.tell(61, ledger(), Kind::Contradiction, None, shown());
    assert_eq!(log.reasons(0), Vec::<String>::new(), "somebody from outside is no node");
    log.tell(62, ledger(), Kind::Contradiction, Some(node(0)), shown());
    log.pass(90);
    assert_eq!((log.reasons(0), log.band(0)), (vec!["ledger-contradiction".to_owned()], (Band::Crit, 100)));
    assert_eq!(log.reasons(1), Vec::<String>::new());
    let told = log.hash("0 ledger-contradiction firing");
    log.operator(91, Kind::Resolve, None, json!({"target": told}));
    assert_eq!(log.reasons(0), Vec::<String>::new());
}

fn order(expires: u64, approvals: u64, command: &str) -> Value {
    json!({"action": "issue", "approvals": approvals, "command": command, "expires_at": at(expires),
        "node": node(0), "nonce": Hash([3; 32]), "not_before": at(0), "parameters": {},
        "sig": spec::Signature([0; 64])})
}

#[test]
fn a_command_without_a_receipt_and_one_that_failed() {
    let mut log = Log::started(2);
    log.beats(60, 0..1);
    let late = log.operator(60, Kind::Command, Some(node(0)), order(120, 0, "scan"));
    log.operator(60, Kind::Command, Some(node(0)), order(120, 1, "never-approved"));
    log.beats(120, 0..1);
    assert_eq!(log.reasons(0), Vec::<String>::new());
    log.beats(150, 0..1);
    assert_eq!(log.reasons(0), ["command-overdue scan"]);
    let receipt = |command: Hash, state: &str| json!({"command": command, "state": state});
    // It comes late, and says that all is well.
    log.tell(151, Author::Node(node(0)), Kind::Receipt, None, receipt(late, "succeeded"));
    assert_eq!(log.reasons(0), Vec::<String>::new());
    log.operator(151, Kind::Command, Some(node(0)), order(160, 0, "scan"));
    log.beats(180, 0..1);
    assert_eq!(log.reasons(0), ["command-overdue scan"]);
    // So does the next one of its name.
    let next = log.operator(182, Kind::Command, Some(node(0)), order(400, 0, "scan"));
    // Another node's receipt says nothing.
    log.tell(183, Author::Node(node(1)), Kind::Receipt, None, receipt(next, "succeeded"));
    assert_eq!(log.reasons(0), ["command-overdue scan"]);
    log.tell(184, Author::Node(node(0)), Kind::Receipt, None, receipt(next, "running"));
    log.tell(185, Author::Node(node(0)), Kind::Receipt, None, receipt(next, "succeeded"));
    assert_eq!(log.reasons(0), Vec::<String>::new());
    let failing = log.operator(190, Kind::Command, Some(node(0)), order(400, 0, "restart"));
    log.tell(191, Author::Node(node(0)), Kind::Receipt, None, receipt(failing, "failed"));
    log.beats(210, 0..1);
    assert_eq!(log.reasons(0), ["command-failed restart"]);
    let told = log.hash("0 command-failed restart firing");
    log.operator(211, Kind::Ack, None, json!({"target": told}));
    assert_eq!(log.reasons(0), Vec::<String>::new());
}

#[test]
fn an_organisations_rules_take_the_place_of_those_built_in() {
    let mut log = Log::started(1);
    log.beats(60, 0..1);
    log.scan(61, &[("suid.new", "/bin/a", "high")], &[]);
    assert_eq!(log.band(0), (Band::Attn, 40));
    let rules = json!({"bands": {"attn": {"enter": 50, "leave": 45}, "patience_secs": 10},
        "reasons": {"finding-high": {"weight": 44}, "service-down": {"enter_beats": 1, "weight": 90},
            "unheard-of": {"weight": 1}}});
    let hash = log.operator(62, Kind::Ruleset, None, rules);
    assert_eq!(log.band(0), (Band::Attn, 44), "a band is left with patience");
    log.pass(80);
    assert_eq!(log.band(0), (Band::Ok, 44));
    log.beat(90, 0, json!({"interval_secs": I, "services_ok": false}));
    assert_eq!(log.band(0), (Band::Crit, 100), "a weight of 80 enters CRIT at once");
    let ruleset = &log.announcing.announced.last().unwrap().0.payload.ruleset;
    assert_eq!((ruleset, log.attention().rules(&name("acme")).hash), (&hash, hash));
    assert_eq!(log.attention().rules(&name("umbrella")).hash, Hash::ZERO);
    let muted = log.operator(90, Kind::Ruleset, None, json!({"reasons": {"service-down": {"weight": 0}}}));
    assert_eq!(log.reasons(0), ["finding-high suid.new /bin/a", "service-down services"]);
    assert_eq!(log.band(0).1, 40, "what is muted is shown and adds nothing");
    let cleared =
        log.announcing.announced.iter().rev().find(|(notice, _)| words(notice).ends_with("services cleared"));
    assert_eq!(cleared.unwrap().0.payload.ruleset, muted);
    log.operator(91, Kind::Ruleset, None, json!({}));
    assert_eq!(log.band(0), (Band::Crit, 50 + 40 / 2));
}

/// Nobody announces for a while: what is owed stays owed over a restart, and is not owed for ever.
#[test]
fn what_is_owed_is_part_of_the_folds() {
    let mut log = Log::started(1);
    log.announcing.deaf = true;
    log.beats(60, 0..1);
    log.scan(61, &[("suid.new", "/bin/a", "high")], &[]);
    let owed: Vec<Notice> = log.attention().owed().cloned().collect();
    assert_eq!(
        owed.iter().map(words).collect::<Vec<_>>(),
        ["0 finding-high suid.new /bin/a firing", "0 OK to ATTN"]
    );
    log.announcing.folds = Projections::restore(&log.announcing.folds.snapshot()).unwrap();
    log.pass(90);
    assert!(log.attention().owed().eq(&owed), "time alone changes nothing of it, and its ids stay");
    // The ledger itself is away: that time does not count.
    log.now = 100_000;
    log.fact(&Fact::Start);
    assert!(log.attention().owed().take(2).eq(&owed));
    log.pass(100_000 + 3700);
    assert!(!log.attention().owed().any(|notice| owed.contains(notice)));
    log.news();
    log.announcing.deaf = false;
    log.fact(&Fact::Alive);
    let news = log.news();
    assert!(!news.is_empty());
    assert!(!news.iter().any(|(_, words)| words.contains("finding")), "{news:?}");
}

#[test]
fn every_reason_is_a_name_and_reads_back() {
    for reason in Reason::ALL {
        assert!(reason.as_str().parse::<spec::Name>().is_ok());
        assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
    assert_eq!(Reason::from_word("gossip"), None);
}

/// The digest of a fixed log: whoever changes it changes what seals committed to, and bumps the version.
#[test]
fn the_digests_of_versions_3_and_4_stay_what_they_are() {
    let mut log = Log::recorded(3);
    log.beats(600, 0..2);
    log.scan(601, &[("uid-zero", "toor", "critical")], &["sudoers"]);
    log.say(602, &Fact::Fork { key: 1 });
    log.operator(603, Kind::Command, Some(node(0)), order(700, 0, "scan"));
    log.pass(900);
    let digest = "1656d4039733fca155ebadf0cf3e6a8a05b93f5f8f16f9bf555555513ee1cbe7";
    // All of it was found by itself, so both make the same of it.
    let digests = log.announcing.folds.digests();
    assert_eq!((digests["attention"].version, digests["attention"].digest.to_hex().as_str()), (4, digest));
    let mut former = Attention::of_version(3).unwrap();
    log.announcing.records.iter().flatten().for_each(|record| former.apply(&Entry::of(record)));
    assert_eq!(former.digest().to_hex(), digest);
}

//! Attention: scripted cases, and what must hold of every log.

use crate::entries::{Fact, at, entry, name, node, said, user};
use projections::Projection as _;
use projections::attention::{
    Attention, AttentionStanding, Band, Change, Level, MAX_ABSENCE_MS, Phase, Reason, Transition,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use spec::payload::PolicyDocument;
use spec::{Author, Hash, Kind};

const I: u64 = 30;

/// A log in the making, recorded by a ledger that says once a minute that it is alive.
#[derive(Default)]
struct Log {
    seq: u64,
    now: u64,
    attention: Attention,
    seen: Vec<Transition>,
}

impl Log {
    fn started() -> Self {
        let mut log = Self::default();
        log.record(0, &Fact::Start);
        log.record(0, &Fact::Introduce { node: 1, key: 1, org: "acme" });
        log
    }

    /// An entry at `secs`, with whatever the ledger says of itself before.
    fn at(&mut self, secs: u64, fact: &Fact) {
        while self.now + 60 < secs {
            self.record(self.now + 60, &Fact::Alive);
        }
        self.record(secs, fact);
    }

    /// An entry at `secs`, after silence of the ledger itself.
    fn record(&mut self, secs: u64, fact: &Fact) {
        self.attention.apply(&projections::fact::Fact::of(&entry(self.seq, secs, fact)));
        self.seq += 1;
        self.now = secs;
        self.seen.extend_from_slice(self.attention.transitions());
    }

    fn beat(&mut self, secs: u64, more: Value) {
        self.at(secs, &Fact::Beat { node: 1, org: "acme", made: secs, more });
    }

    /// Heartbeats every interval, the last at `until`.
    fn beats(&mut self, until: u64, more: &Value) {
        while self.now + I <= until {
            self.beat(self.now + I, more.clone());
        }
    }

    fn pass(&mut self, until: u64) {
        self.at(until, &Fact::Alive);
    }

    fn standing(&self, secs: u64) -> AttentionStanding {
        self.attention.standing(&name("acme"), node(1), at(secs)).unwrap()
    }

    fn bands(&self) -> Vec<(u64, Band)> {
        let seconds = |transition: &Transition| (transition.at.millis() - at(0).millis()) / 1000;
        let bands = self.seen.iter().filter_map(|transition| match transition.change {
            Change::Band { to, .. } => Some((seconds(transition), to)),
            _ => None,
        });
        bands.collect()
    }
}

fn fine() -> Value {
    json!({"interval_secs": I})
}

fn reasons(standing: &AttentionStanding) -> Vec<Reason> {
    standing.reasons.iter().map(|active| active.reason).collect()
}

#[test]
fn silence_raises_by_the_nodes_own_rhythm_and_three_heartbeats_end_it() {
    let mut log = Log::started();
    log.beats(600, &fine());
    for (silent, level, score) in [
        (60, Level::Live, 0),
        (61, Level::Late, 0),
        (90, Level::Late, 0),
        (91, Level::Stale, 25),
        (150, Level::Stale, 25),
        (151, Level::Offline, 60),
        (86_400, Level::Offline, 60),
        (86_401, Level::Lost, 75),
    ] {
        log.pass(600 + silent);
        let standing = log.standing(600 + silent);
        assert_eq!((standing.silence, standing.score), (level, score), "{silent} s");
    }
    assert_eq!(log.bands(), [(690, Band::Attn), (87_000, Band::Crit)]);
    log.beats(log.now + 2 * I, &fine());
    assert_eq!(reasons(&log.standing(log.now)), [Reason::Lost]);
    assert_eq!(log.standing(log.now).reasons[0].phase, Phase::Recovering);
    log.beats(log.now + I, &fine());
    let quiet = log.now;
    assert_eq!(
        log.standing(quiet),
        AttentionStanding {
            band: Band::Crit,
            flapping: false,
            silence: Level::Live,
            score: 0,
            reasons: vec![],
            more_reasons: 0,
            accepted_findings: 0
        }
    );
    // The band is left after five minutes below its edge.
    log.beats(quiet + 290, &fine());
    assert_eq!(log.standing(log.now).band, Band::Crit);
    log.beats(quiet + 330, &fine());
    assert_eq!(log.standing(log.now).band, Band::Ok);
}

/// A node that is heard of at odd times is given the time it needs.
#[test]
fn a_slow_rhythm_is_not_silence() {
    let mut log = Log::started();
    for n in 0..64 {
        log.beat(80 * n, fine());
    }
    let last = log.now;
    // The 95th of 100 gaps is 80 s: stale beyond 80 + 60.
    assert_eq!(log.standing(last + 110).silence, Level::Live);
    log.pass(last + 140);
    assert_eq!(log.standing(last + 140).silence, Level::Late);
    assert_eq!(log.standing(last + 141).silence, Level::Stale);
}

#[test]
fn a_service_is_down_after_two_heartbeats_and_up_after_five_minutes() {
    let mut log = Log::started();
    let down = json!({"interval_secs": I, "services_ok": false});
    let unknown = json!({"interval_secs": I, "services_ok": "unknown"});
    log.beats(60, &fine());
    log.beats(90, &down);
    log.beats(120, &fine());
    log.beats(150, &down);
    assert_eq!(log.bands(), [], "once is not enough");
    log.beats(180, &down);
    assert_eq!(log.standing(180).reasons[0].subject.to_string(), "services");
    assert_eq!((log.standing(180).score, log.standing(180).band), (50, Band::Attn));
    log.beats(210, &fine());
    // Nothing that can be read: neither better nor worse.
    log.beats(480, &unknown);
    assert_eq!(reasons(&log.standing(480)), [Reason::ServiceDown]);
    log.beats(540, &fine());
    assert_eq!(reasons(&log.standing(540)), []);
}

#[test]
fn a_full_disk_counts_once_by_its_gravest_degree() {
    let mut log = Log::started();
    let used = |percent: u64| json!({"disk_available_bytes": 1000 - 10 * percent, "disk_total_bytes": 1000, "interval_secs": I});
    log.beats(300, &used(96));
    assert_eq!(log.standing(300).reasons, []);
    log.beats(360, &used(96));
    assert_eq!((reasons(&log.standing(360)), log.standing(360).score), (vec![Reason::DiskCritical], 60));
    // Between the thresholds nothing changes; ten minutes below 92 % leave the lesser degree.
    log.beats(900, &used(93));
    assert_eq!(reasons(&log.standing(900)), [Reason::DiskCritical]);
    log.beats(1560, &used(91));
    assert_eq!(reasons(&log.standing(1560)), [Reason::DiskLow]);
    log.beats(2220, &used(80));
    assert_eq!(reasons(&log.standing(2220)), []);
}

#[test]
fn the_ledgers_own_absence_is_nobodys_silence() {
    for (stops, starts) in [(false, true), (true, true), (false, false)] {
        let mut log = Log::started();
        log.beats(600, &fine());
        if stops {
            log.record(601, &Fact::Stop);
            // The last seal and the like come after it.
            log.record(601, &Fact::EndKey { key: 9 });
        }
        let away = log.standing(4200);
        let most = if stops { Level::Live } else { Level::Stale };
        assert!(away.silence <= most, "it cannot know: {away:?}");
        if starts {
            log.record(4200, &Fact::Start);
        } else {
            log.record(4200, &Fact::Alive);
        }
        if starts {
            assert_eq!(log.standing(4200).silence, Level::Live);
            // Three intervals of grace, then silence counts again.
            log.pass(4290);
            assert_eq!(log.standing(4290).silence, Level::Live);
            log.beat(4290, fine());
            log.beats(4290 + I, &fine());
            assert_eq!(log.bands(), []);
        }
        log.pass(log.now + 300);
        assert_eq!(log.standing(log.now).silence, Level::Offline, "{stops} {starts}");
    }
}

#[test]
fn what_waited_in_a_spool_shows_life_and_says_nothing_of_now() {
    let mut log = Log::started();
    log.beats(600, &fine());
    log.pass(4000);
    assert_eq!(log.standing(4000).silence, Level::Offline);
    let before = log.seen.len();
    for n in 1..=100 {
        let more = json!({"interval_secs": I, "services_ok": false, "spool_dropped": n});
        log.at(4000, &Fact::Beat { node: 1, org: "acme", made: 600 + I * n, more });
    }
    assert_eq!(log.standing(4000).reasons, [], "alive, and nothing said of services");
    let reopened = log.seen[before..].iter().any(|transition| transition.at < at(4000));
    assert!(!reopened, "{:?}", &log.seen[before..]);
    // A clock that is off, and known to be, does not make a heartbeat old.
    for n in 1..=3 {
        let more = json!({"clock_offset_ms": 3_600_000, "interval_secs": I, "services_ok": false});
        log.at(4000 + I * n, &Fact::Beat { node: 1, org: "acme", made: 400 + I * n, more });
    }
    assert_eq!(reasons(&log.standing(log.now)), [Reason::ServiceDown, Reason::ClockFarOff]);
    assert_eq!(log.standing(log.now).score, 50 + 40 / 2);
}

#[test]
fn a_fork_stays_until_a_person_says_otherwise() {
    let mut log = Log::started();
    log.beats(60, &fine());
    log.at(61, &Fact::Fork { key: 1 });
    log.beats(6000, &fine());
    let standing = log.standing(log.now);
    assert_eq!(
        (reasons(&standing), standing.score, standing.band),
        (vec![Reason::ChainFork], 100, Band::Crit)
    );
    assert_eq!(standing.reasons[0].since, at(61));
    log.record(50_000, &Fact::Start);
    assert_eq!(log.standing(50_000).reasons[0].since, at(61), "the ledger's absence moves nothing");
}

#[test]
fn a_node_that_never_speaks_is_missed() {
    let mut log = Log::started();
    log.pass(151);
    assert_eq!(log.standing(151).silence, Level::Offline);
}

/// What ends and what begins with one heartbeat do not add up.
#[test]
fn a_score_is_that_of_a_whole_heartbeat() {
    let mut log = Log::started();
    let full = json!({"disk_available_bytes": 10, "disk_total_bytes": 1000, "interval_secs": I});
    let mut down = full.clone();
    down["services_ok"] = json!(false);
    log.beats(60, &fine());
    log.beats(330, &full);
    assert_eq!(log.bands(), []);
    log.beats(390, &down);
    assert_eq!((log.standing(390).score, log.bands()), (60 + 50 / 2, vec![(390, Band::Crit)]));
}

#[test]
fn a_node_whose_key_ended_is_expected_no_more() {
    let mut log = Log::started();
    log.beats(60, &fine());
    log.at(61, &Fact::EndKey { key: 1 });
    log.pass(100_000);
    assert_eq!(log.standing(100_000).reasons, []);
    // It comes back with another key; what becomes of the old one says nothing of it.
    log.at(100_000, &Fact::Introduce { node: 1, key: 2, org: "acme" });
    log.beats(100_060, &fine());
    log.pass(100_400);
    log.at(100_400, &Fact::EndKey { key: 1 });
    assert_eq!(log.standing(100_400).silence, Level::Offline);
}

#[test]
fn a_node_is_expected_by_the_key_it_went_over_to() {
    let mut log = Log::started();
    log.beats(60, &fine());
    log.at(61, &crate::keys::rotation("acme", 1, 1, 2));
    log.beats(120, &fine());
    log.at(121, &Fact::EndKey { key: 1 });
    log.pass(300);
    assert_eq!(log.standing(300).silence, Level::Offline);
    log.at(300, &Fact::Fork { key: 2 });
    let reasons = log.standing(300).reasons;
    assert!(reasons.iter().any(|reason| reason.reason == Reason::ChainFork), "{reasons:?}");
    log.at(301, &Fact::EndKey { key: 2 });
    log.pass(100_000);
    assert_eq!(log.standing(100_000).silence, Level::Live);
}

/// A policy and its hash.
fn policy() -> (Value, Hash) {
    let document = json!({"allow": {}, "format": "vaultmesh-policy-v1", "mode": "enforce"});
    let hash = PolicyDocument::parse(&document.to_string()).unwrap().bytes_and_hash().unwrap().1;
    (document, hash)
}

/// A step of a made-up history: some seconds later a heartbeat of a node, or none.
fn history() -> impl Strategy<Value = Vec<(u64, u16, Value)>> {
    let more = prop_oneof![
        5 => Just(fine()),
        1 => Just(json!({"interval_secs": I, "services_ok": false})),
        1 => Just(json!({"interval_secs": I, "services_ok": "unknown"})),
        1 => Just(json!({"interval_secs": 60, "cloudflare_ok": false})),
        1 => Just(json!({"disk_available_bytes": 10, "disk_total_bytes": 1000, "interval_secs": 5})),
        2 => Just(json!({"interval_secs": I, "policy_hash": policy().1})),
        1 => (0..200u64).prop_map(|n| json!({"interval_secs": I, "spool_dropped": n})),
        1 => (-100_000..100_000i64).prop_map(|n| json!({"clock_offset_ms": n, "interval_secs": I})),
    ];
    let gap = prop_oneof![6 => 0..40u64, 2 => 40..200u64, 1 => 200..2000u64];
    prop::collection::vec((gap, 1..4u16, more), 1..120)
}

/// Entries of a history; each node belongs to one organisation.
fn facts(history: &[(u64, u16, Value)]) -> Vec<(u64, Fact)> {
    let mut now = 0;
    // Nodes of one organisation are to follow a policy; most of their heartbeats name none.
    let assign = json!({"action": "assign", "document": policy().0, "selector": ""});
    let mut facts = vec![(0, said(user(1), Kind::Policy, "acme", None, assign))];
    // What a scan found at first is accepted, but not for long.
    let found = crate::scans::scan(Author::Node(node(1)), "acme", None, false, &["high", "critical"]);
    facts.push((0, found));
    for (check, end) in [("check-0", 97), ("check-1", 1003)] {
        let accept = json!({"action": "accept", "check": check, "expires_at": at(end), "text": "known"});
        facts.push((0, said(user(1), Kind::Acceptance, "acme", None, accept)));
    }
    for (gap, id, more) in history {
        now += gap;
        let org = if *id == 3 { "umbrella" } else { "acme" };
        facts.push((now, Fact::Beat { node: *id, org, made: now, more: more.clone() }));
    }
    facts
}

/// Folds facts, with the ledger's own word every `alive` seconds on the minute grid.
fn fold(facts: &[(u64, Fact)], alive: u64, until: u64) -> (Attention, Vec<Transition>) {
    let mut log = Log::default();
    log.record(0, &Fact::Start);
    let mut tick = alive;
    for (secs, fact) in facts {
        while tick <= *secs {
            log.record(tick, &Fact::Alive);
            tick += alive;
        }
        log.record(*secs, fact);
    }
    while tick < until {
        log.record(tick, &Fact::Alive);
        tick += alive;
    }
    log.record(until, &Fact::Alive);
    (log.attention, log.seen)
}

/// Transitions without the seqs, which count the entries in between as well.
fn plain(transitions: &[Transition]) -> Vec<(u64, u16, Change)> {
    let id = |transition: &Transition| (1..4).find(|n| node(*n) == transition.node).unwrap();
    transitions.iter().map(|t| (t.at.millis(), id(t), t.change.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_often_it_is_evaluated_does_not_matter(history in history()) {
        let facts = facts(&history);
        let until = facts.last().unwrap().0 + 400;
        let (often, seen_often) = fold(&facts, 7, until);
        let (seldom, seen_seldom) = fold(&facts, 60, until);
        let mut sorted = [plain(&seen_often), plain(&seen_seldom)];
        // What came about at one instant for two nodes may be told in either order.
        for seen in &mut sorted {
            seen.sort_by_key(|(at, id, _)| (*at, *id));
        }
        prop_assert_eq!(&sorted[0], &sorted[1]);
        for id in 1..4 {
            let org = name(if id == 3 { "umbrella" } else { "acme" });
            let standing = |attention: &Attention| attention.standing(&org, node(id), at(until));
            prop_assert_eq!(standing(&often), standing(&seldom));
        }
    }

    #[test]
    fn looking_ahead_is_what_comes_about(history in history(), ahead in 0..110u64) {
        let facts = facts(&history);
        let until = facts.last().unwrap().0;
        let (attention, _) = fold(&facts, 60, until);
        let mut later = attention.clone();
        let digest = attention.digest();
        let looked: Vec<_> = attention.standings(&name("acme"), at(until + ahead)).collect();
        prop_assert_eq!(attention.digest(), digest, "looking changes nothing");
        later.apply(&projections::fact::Fact::of(&entry(9999, until + ahead, &Fact::Alive)));
        let came: Vec<_> = later.standings(&name("acme"), at(until + ahead)).collect();
        prop_assert_eq!(looked, came);
    }

    #[test]
    fn silence_only_raises(history in history()) {
        let facts = facts(&history);
        let (_, seen) = fold(&facts, 60, facts.last().unwrap().0 + 3000);
        for transition in &seen {
            if let Change::Silence { from, to } = transition.change {
                let beat = facts.iter().any(|(secs, fact)| {
                    matches!(fact, Fact::Beat { node: id, .. } if node(*id) == transition.node)
                        && at(*secs) == transition.at
                });
                prop_assert!(to > from || beat, "{transition:?}");
            }
        }
    }

    #[test]
    fn other_organisations_change_nothing(history in history()) {
        let facts = facts(&history);
        let until = facts.last().unwrap().0 + 400;
        let own: Vec<_> = facts
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::Beat { org: "acme", .. } | Fact::Said(_)))
            .cloned()
            .collect();
        let (all, _) = fold(&facts, 60, until);
        let (alone, _) = fold(&own, 60, until);
        let standings = |attention: &Attention| -> Vec<_> {
            attention.standings(&name("acme"), at(until)).collect()
        };
        prop_assert_eq!(standings(&all), standings(&alone));
    }
}

fn goodbye(log: &mut Log, secs: u64, until: Option<u64>) {
    let mut bye = json!({"reason": "away"});
    if let Some(until) = until {
        bye["until"] = json!(at(until));
    }
    let bye = said(Author::Node(node(1)), Kind::Goodbye, "acme", None, bye);
    log.at(secs, &bye);
}

#[test]
fn no_goodbye_switches_a_nodes_silence_off_for_good() {
    let most = MAX_ABSENCE_MS / 1000;
    for until in [None, Some(200_000_000_000)] {
        let mut log = Log::started();
        log.beats(600, &fine());
        goodbye(&mut log, 601, until);
        log.pass(601 + most);
        assert_eq!(log.standing(log.now).silence, Level::Planned);
        // One after the other makes no longer absence.
        goodbye(&mut log, 601 + most, until);
        log.pass(601 + most + 151);
        assert_eq!(log.standing(log.now).silence, Level::Offline, "{until:?}");
        goodbye(&mut log, 601 + most + 160, until);
        assert_eq!(log.standing(log.now).silence, Level::Offline, "{until:?}");
        // Who was heard of since may leave again.
        log.beats(log.now + 3 * I, &fine());
        let again = log.now + 1;
        goodbye(&mut log, again, until);
        log.pass(log.now + most);
        assert_eq!(log.standing(log.now).silence, Level::Planned);
    }
}

#[test]
fn a_node_whose_events_are_refused_for_their_time_has_a_clock_far_off() {
    let mut log = Log::started();
    log.beats(600, &fine());
    for n in 1..=3 {
        let header = json!({"key": crate::entries::key(1)});
        let refused = json!({"code": "id-time", "header": header, "sig": spec::Signature([0; 64])});
        log.at(
            600 + n,
            &said(Author::Service(name("ledger")), Kind::Refusal, "acme", Some(node(1)), refused),
        );
    }
    assert!(reasons(&log.standing(log.now)).contains(&Reason::ClockFarOff));
}

#[test]
fn no_interval_of_a_node_puts_its_alarm_off() {
    let silence = |asked: Option<u64>, interval: u64, secs: u64| {
        let mut log = Log::started();
        if let Some(asked) = asked {
            let start = json!({"action": "start", "heartbeat_secs": asked, "version": "0.1.0"});
            log.record(1, &said(Author::Service(name("ledger")), Kind::Service, "ledger", None, start));
        }
        log.beat(30, json!({"interval_secs": interval}));
        log.pass(30 + secs);
        log.standing(log.now).silence
    };
    // Five minutes are waited for, whatever the node says, and twice what the service asks for.
    assert_eq!((silence(None, 86_400, 900), silence(None, 86_400, 901)), (Level::Late, Level::Stale));
    assert_eq!(silence(Some(30), 86_400, 901), Level::Stale);
    assert_eq!(
        (silence(Some(600), 86_400, 3600), silence(Some(600), 86_400, 3601)),
        (Level::Late, Level::Stale)
    );
    assert_eq!((silence(Some(600), 5, 25), silence(Some(600), 5, 26)), (Level::Late, Level::Stale));
}

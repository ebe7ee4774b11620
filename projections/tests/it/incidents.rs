//! Incidents: how they are opened, looked after and over, and who has a say in that.

use crate::entries::{at, entry, name, node, said, user};
use projections::fact::Fact as Entry;
use projections::incidents::{
    Incident, IncidentState, Incidents, MAX_NOTES, MAX_REMARK_BYTES, MAX_REPORTED_BY_NODE,
    MAX_REPORTED_REMARK_BYTES, MAX_RESOLVED, MAX_TEXT_BYTES,
};
use projections::{Projection as _, Projections};
use serde_json::{Value, json};
use spec::payload::Band;
use spec::{Author, Hash, Kind, Record, Uuid};

/// A log in the making.
#[derive(Default)]
struct Log {
    seq: u64,
    now: u64,
    folds: Projections,
    records: Vec<Record>,
}

impl Log {
    fn say(
        &mut self,
        secs: u64,
        author: Author,
        org: &'static str,
        kind: Kind,
        about: Option<u16>,
        payload: Value,
    ) -> Hash {
        let record = entry(self.seq, secs, &said(author, kind, org, about.map(node), payload));
        self.folds.apply(&record).unwrap();
        self.records.push(record.clone());
        self.seq += 1;
        self.now = secs;
        record.entry.header.event_hash(&record.entry.sig)
    }

    fn person(&mut self, secs: u64, kind: Kind, payload: Value) -> Hash {
        self.say(secs, user(1), "acme", kind, None, payload)
    }

    /// Attention announces a change of node 1, or of a site.
    fn announce(&mut self, secs: u64, band: &str, change: Value) -> Hash {
        let about = (change["what"] != "storm").then_some(1);
        let payload = json!({"at": at(secs), "band": band, "change": change, "ruleset": Hash::ZERO,
            "score": 50, "seq": self.seq});
        self.say(secs, Author::Service(name("attention")), "acme", Kind::Attention, about, payload)
    }

    fn reason(&mut self, secs: u64, band: &str, reason: &str, state: &str) -> Hash {
        self.announce(secs, band, json!({"what": "reason", "reason": reason, "state": state, "weight": 50}))
    }

    fn all(&self) -> Vec<Incident> {
        self.folds.incidents().of(&name("acme")).into_iter().flat_map(|all| all.iter().cloned()).collect()
    }

    fn get(&self, id: Hash) -> Incident {
        self.folds.incidents().of(&name("acme")).unwrap().get(&id).unwrap().clone()
    }

    fn state(&self, id: Hash, secs: u64) -> IncidentState {
        self.get(id).state(at(secs))
    }
}

#[test]
fn one_thing_is_one_incident_whatever_its_degree() {
    let mut log = Log::default();
    let id = log.reason(10, "ATTN", "stale", "firing");
    assert_eq!(
        (log.state(id, 10), log.get(id).title.as_str(), log.get(id).band),
        (IncidentState::Open, "stale", Band::Attn)
    );
    log.reason(100, "CRIT", "lost", "firing");
    log.reason(100, "CRIT", "service-down", "firing");
    assert_eq!((log.all().len(), log.get(id).title.as_str(), log.get(id).band), (2, "lost", Band::Crit));
    log.reason(200, "OK", "lost", "cleared");
    assert_eq!((log.state(id, 200), log.get(id).resolved.unwrap().author), (IncidentState::Resolved, None));
    // Again within a quarter of an hour: the same; later: another.
    log.reason(200 + 900, "ATTN", "offline", "firing");
    assert_eq!((log.state(id, 1100), log.get(id).reopened.unwrap().at), (IncidentState::Open, at(1100)));
    log.reason(1200, "OK", "offline", "cleared");
    let another = log.reason(1200 + 901, "ATTN", "stale", "firing");
    assert_eq!(
        (log.state(id, 2200), log.state(another, 2200)),
        (IncidentState::Resolved, IncidentState::Open)
    );
}

#[test]
fn an_acknowledgement_expires_or_breaks_on_a_worse_band() {
    let mut log = Log::default();
    let id = log.reason(0, "ATTN", "disk-low", "firing");
    log.person(10, Kind::Ack, json!({"target": id, "text": "mine"}));
    assert_eq!(log.get(id).notes[0].text, "mine");
    assert_eq!(
        (log.state(id, 10 + 8 * 3600 - 1), log.state(id, 10 + 8 * 3600)),
        (IncidentState::Acked, IncidentState::Open)
    );
    // The band of the node gets worse; then better, which breaks nothing.
    log.announce(20, "CRIT", json!({"what": "band", "from": "ATTN", "to": "CRIT", "reasons": []}));
    assert_eq!(log.state(id, 20), IncidentState::Open);
    log.person(30, Kind::Ack, json!({"target": id}));
    assert_eq!(
        (log.state(id, 30 + 1799), log.state(id, 30 + 1800)),
        (IncidentState::Acked, IncidentState::Open)
    );
    log.announce(40, "ATTN", json!({"what": "band", "from": "CRIT", "to": "ATTN", "reasons": []}));
    assert_eq!(log.state(id, 40), IncidentState::Acked);
    log.person(50, Kind::Ack, json!({"expires_at": at(60), "target": id}));
    assert_eq!((log.state(id, 59), log.state(id, 60)), (IncidentState::Acked, IncidentState::Open));
}

#[test]
fn people_open_resolve_reopen_and_talk() {
    let mut log = Log::default();
    let id = log.person(0, Kind::Incident, json!({"text": "more", "title": "the door is open"}));
    let incident = log.get(id);
    assert_eq!((incident.title.as_str(), incident.text.as_deref()), ("the door is open", Some("more")));
    let before = log.state(id, 1);
    log.person(1, Kind::Note, json!({"target": id, "text": "looking"}));
    log.person(1, Kind::Tag, json!({"tags": ["door", "night"], "target": id}));
    log.person(1, Kind::Assign, json!({"assignee": "kay", "target": id}));
    assert_eq!(log.state(id, 1), before, "notes, tags and whose it is change nothing about how it stands");
    let incident = log.get(id);
    assert_eq!(
        (incident.tags.len(), incident.assignee.as_deref(), incident.notes.len()),
        (2, Some("kay"), 1)
    );
    log.person(2, Kind::Resolve, json!({"target": id, "text": "shut"}));
    assert_eq!(
        (log.state(id, 2), log.get(id).resolved.unwrap().author),
        (IncidentState::Resolved, Some(user(1)))
    );
    // What is over is not looked after.
    log.person(3, Kind::Ack, json!({"target": id}));
    assert_eq!(log.state(id, 3), IncidentState::Resolved);
    log.person(4, Kind::Reopen, json!({"target": id}));
    log.person(5, Kind::Assign, json!({"target": id}));
    assert_eq!((log.state(id, 5), log.get(id).assignee), (IncidentState::Open, None));
    // Two of the same title are two.
    log.person(6, Kind::Incident, json!({"title": "the door is open"}));
    assert_eq!(log.all().len(), 2);
}

#[test]
fn nobody_has_a_say_in_another_organisations_incidents() {
    let mut log = Log::default();
    let id = log.reason(0, "ATTN", "stale", "firing");
    let part = log.folds.parts("incidents");
    for kind in [Kind::Ack, Kind::Resolve] {
        log.say(1, user(2), "umbrella", kind, None, json!({"target": id}));
    }
    log.say(1, user(2), "umbrella", Kind::Incident, None, json!({"title": "theirs"}));
    let acme =
        |parts: Option<Vec<projections::Part>>| parts.unwrap().into_iter().find(|p| p.org == name("acme"));
    assert_eq!(acme(log.folds.parts("incidents")), acme(part));
    log.person(2, Kind::Resolve, json!({"target": Hash([5; 32])}));
    assert_eq!(log.state(id, 2), IncidentState::Open);
}

#[test]
fn storms_and_flapping_are_incidents_of_their_own() {
    let mut log = Log::default();
    let storm = |state: &str| json!({"what": "storm", "site": "north", "state": state, "nodes": 7, "of": 20});
    let id = log.announce(0, "CRIT", storm("began"));
    let matter = log.get(id).matter;
    assert_eq!((matter.site.as_deref(), matter.node_id, log.get(id).band), (Some("north"), None, Band::Crit));
    let flapping = log.announce(1, "ATTN", json!({"what": "flapping", "state": "began"}));
    log.announce(2, "OK", storm("ended"));
    log.announce(2, "OK", json!({"what": "flapping", "state": "ended"}));
    assert_eq!(
        (log.state(id, 2), log.state(flapping, 2)),
        (IncidentState::Resolved, IncidentState::Resolved)
    );
}

#[test]
fn a_silence_covers_what_fits_all_of_it_until_it_ends() {
    let mut log = Log::default();
    let id = log.reason(0, "ATTN", "disk-low", "firing");
    let other = log.reason(0, "ATTN", "stale", "firing");
    let covered = |log: &Log, id: Hash, secs: u64| {
        let of_org = log.folds.incidents().of(&name("acme")).unwrap();
        of_org.silences().over(&log.get(id).matter, at(secs)).is_some()
    };
    let silence = json!({"action": "create", "expires_at": at(100), "node": node(1), "reason": "disk-critical",
        "text": "a new disk is on its way"});
    let made = log.person(1, Kind::Silence, silence);
    assert!(covered(&log, id, 99) && !covered(&log, id, 100) && !covered(&log, other, 50));
    let elsewhere =
        json!({"action": "create", "expires_at": at(100), "node": node(2), "text": "another node"});
    log.person(1, Kind::Silence, elsewhere);
    assert!(!covered(&log, other, 50));
    log.person(40, Kind::Silence, json!({"action": "end", "silence": made}));
    assert!(covered(&log, id, 39) && !covered(&log, id, 40));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut log = Log::default();
    let first = log.person(0, Kind::Incident, json!({"title": "first"}));
    for n in 0..=MAX_NOTES {
        log.person(1, Kind::Note, json!({"target": first, "text": n.to_string()}));
    }
    assert_eq!((log.get(first).notes.len(), log.get(first).notes[0].text.as_str()), (MAX_NOTES, "1"));
    log.person(1, Kind::Resolve, json!({"target": first}));
    for n in 0..MAX_RESOLVED {
        let id = log.person(2, Kind::Incident, json!({"title": n.to_string()}));
        log.person(2, Kind::Resolve, json!({"target": id}));
    }
    assert_eq!(log.all().len(), MAX_RESOLVED);
    assert!(log.folds.incidents().of(&name("acme")).unwrap().get(&first).is_none(), "the oldest goes");
    assert_eq!(Projections::restore(&log.folds.snapshot()).unwrap().digests(), log.folds.digests());
}

/// The digest of a fixed log: whoever changes it changes what seals committed to, and bumps the version.
#[test]
fn the_digests_of_versions_2_and_3_stay_what_they_are() {
    let mut log = Log::default();
    let id = log.reason(0, "ATTN", "stale", "firing");
    log.person(1, Kind::Ack, json!({"target": id, "text": "mine"}));
    log.person(2, Kind::Incident, json!({"title": "the door is open"}));
    log.person(
        3,
        Kind::Silence,
        json!({"action": "create", "expires_at": at(9), "reason": "stale", "text": "x"}),
    );
    log.person(
        4,
        Kind::Webhook,
        json!({"action": "create", "id": Uuid::v4([3; 16]), "secret": Hash::ZERO,
            "types": ["incident.opened"], "url": "https://example.org/"}),
    );
    // None of it is a finding, so both make the same of it.
    let digest = "6166a38d8e5fe8fef0e45e5575f13825663d63d112186f57fd66fceef58c6800";
    let digests = log.folds.digests();
    assert_eq!((digests["incidents"].version, digests["incidents"].size), (3, 5));
    assert_eq!(digests["incidents"].digest.to_hex(), digest);
    let mut former = Incidents::of_version(2).unwrap();
    log.records.iter().for_each(|record| former.apply(&Entry::of(record)));
    assert_eq!(former.digest().to_hex(), digest);
}

#[test]
fn what_nodes_report_takes_no_place_of_what_attention_found() {
    let mut log = Log::default();
    let found = log.reason(0, "CRIT", "chain-fork", "firing");
    let theirs = log.person(1, Kind::Incident, json!({"title": "a person's"}));
    let junk = |n: u64| json!({"title": format!("junk {n}")});
    for n in 0..MAX_REPORTED_BY_NODE as u64 + 300 {
        log.say(2 + n, Author::Node(node(7)), "acme", Kind::Incident, Some(7), junk(n));
    }
    // The first few stand; what attention found and people reported stands beside them.
    let open = log.all();
    assert_eq!(open.len(), MAX_REPORTED_BY_NODE + 2);
    assert!(
        open.iter().any(|incident| incident.title == "junk 0") && open.iter().all(|i| i.resolved.is_none())
    );
    assert_eq!((log.state(found, 400), log.state(theirs, 400)), (IncidentState::Open, IncidentState::Open));
    // Another node has room of its own, and this one again once somebody has looked.
    let other = log.say(401, Author::Node(node(8)), "acme", Kind::Incident, Some(8), junk(0));
    assert_eq!(log.state(other, 401), IncidentState::Open);
    let first = open.iter().find(|incident| incident.title == "junk 0").unwrap().id;
    log.person(402, Kind::Resolve, json!({"target": first}));
    let again = log.say(403, Author::Node(node(7)), "acme", Kind::Incident, Some(7), junk(999));
    assert_eq!(log.state(again, 403), IncidentState::Open);
}

#[test]
fn nodes_answer_nothing() {
    let mut log = Log::default();
    let id = log.reason(0, "CRIT", "chain-fork", "firing");
    let part = log.folds.parts("incidents");
    for (kind, said) in [
        (Kind::Ack, json!({"target": id})),
        (Kind::Assign, json!({"assignee": "nobody", "target": id})),
        (Kind::Resolve, json!({"target": id})),
        (Kind::Tag, json!({"tags": ["seen"], "target": id})),
    ] {
        for author in [Author::Node(node(7)), Author::Service(name("ingest"))] {
            log.say(1, author, "acme", kind.clone(), Some(7), said.clone());
        }
    }
    assert_eq!(log.folds.parts("incidents"), part);
    // A node's remarks push out none of a person's.
    log.person(2, Kind::Note, json!({"target": id, "text": "looking"}));
    for n in 0..MAX_NOTES + 5 {
        let said = json!({"target": id, "text": format!("remark {n}")});
        log.say(3, Author::Node(node(7)), "acme", Kind::Note, Some(7), said);
    }
    let notes = log.get(id).notes;
    assert_eq!((notes.len(), notes[0].text.as_str()), (MAX_NOTES, "looking"));
}

#[test]
fn texts_are_kept_as_far_as_the_output_of_a_command() {
    let mut log = Log::default();
    let whole = "ä".repeat(MAX_TEXT_BYTES / 2 + 1);
    let id = log.person(10, Kind::Incident, json!({"title": "a", "text": whole}));
    let short = log.person(10, Kind::Incident, json!({"title": "b", "text": &whole[2..]}));
    let kept = |incident: &Incident| (incident.text.as_ref().map(String::len), incident.is_cut);
    assert_eq!(kept(&log.get(id)), (Some(MAX_TEXT_BYTES), true));
    assert_eq!(kept(&log.get(short)), (Some(MAX_TEXT_BYTES), false));
    for kind in [Kind::Ack, Kind::Assign, Kind::Note, Kind::Resolve, Kind::Reopen] {
        log.person(20, kind, json!({"target": id, "text": whole}));
    }
    let notes = log.get(id).notes;
    assert_eq!(notes.len(), 5);
    assert!(notes.iter().all(|note| note.is_cut && note.text.len() == MAX_TEXT_BYTES));
}

#[test]
fn remarks_of_an_organisation_take_their_share_and_nodes_another() {
    let mut log = Log::default();
    let text = "x".repeat(MAX_TEXT_BYTES);
    let each = MAX_TEXT_BYTES + 256;
    let ids: Vec<_> =
        (0..60).map(|n| log.person(10, Kind::Incident, json!({"title": n.to_string()}))).collect();
    let most = MAX_REMARK_BYTES / each;
    for n in 0..most + 100 {
        log.person(20, Kind::Note, json!({"target": ids[n % 60], "text": text}));
    }
    let kept = |log: &Log| log.all().iter().map(|incident| incident.notes.len()).sum::<usize>();
    assert_eq!(kept(&log), most);
    // The oldest went first.
    let first = log.all().iter().flat_map(|incident| &incident.notes).map(|note| note.by.seq).min();
    assert_eq!(first, Some(60 + 100));
    for n in 0..MAX_REPORTED_REMARK_BYTES / each + 50 {
        let remark = json!({"target": ids[n % 60], "text": text});
        log.say(30, Author::Node(node(1)), "acme", Kind::Note, None, remark);
    }
    let by_people = |incident: &Incident| {
        incident.notes.iter().filter(|note| !matches!(note.by.author, Some(Author::Node(_)))).count()
    };
    assert_eq!(log.all().iter().map(by_people).sum::<usize>(), most, "nodes took the place of people");
    assert_eq!(kept(&log), most + MAX_REPORTED_REMARK_BYTES / each);
}

#[test]
fn reports_are_counted_as_they_are_opened_over_and_opened_again() {
    let mut log = Log::default();
    let reports = |log: &mut Log, count: usize| -> Vec<Hash> {
        let report = |_| {
            let title = json!({"title": log.seq.to_string()});
            log.say(10, Author::Node(node(1)), "acme", Kind::Incident, Some(1), title)
        };
        (0..count).map(report).collect()
    };
    let ids = reports(&mut log, MAX_REPORTED_BY_NODE + 10);
    let open = |log: &Log| log.all().iter().filter(|incident| incident.resolved.is_none()).count();
    assert_eq!(open(&log), MAX_REPORTED_BY_NODE);
    for id in &ids[..5] {
        log.person(20, Kind::Resolve, json!({"target": id}));
    }
    // What is over is over once.
    log.person(20, Kind::Resolve, json!({"target": ids[0]}));
    log.person(30, Kind::Reopen, json!({"target": ids[1]}));
    // A snapshot of before says nothing of the counts; they are made anew.
    let mut json: Value = serde_json::from_slice(&log.folds.snapshot()).unwrap();
    let own = json.pointer_mut("/folds/incidents/orgs/acme").unwrap().as_object_mut().unwrap();
    assert!(own.remove("reports").is_some() && own.remove("remarks").is_some());
    let restored = Projections::restore(&serde_json::to_vec(&json).unwrap()).unwrap();
    let mut before = Log { seq: log.seq, now: log.now, folds: restored, records: Vec::new() };
    for log in [&mut log, &mut before] {
        reports(log, 10);
        assert_eq!(open(log), MAX_REPORTED_BY_NODE);
    }
}

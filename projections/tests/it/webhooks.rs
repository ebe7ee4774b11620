//! Webhooks: what they are owed, in which messages, and what becomes of those.

use crate::entries::{at, entry, name, node, said, user};
use projections::Projections;
use projections::incidents::{GROUP_MS, MAX_GROUP, MAX_OWED, Message, PAUSES_MS, Webhook};
use serde_json::{Value, json};
use spec::limits::MAX_WEBHOOKS;
use spec::{Author, Hash, Kind, Uuid};

const GROUP: u64 = GROUP_MS / 1000;

#[derive(Default)]
struct Log {
    seq: u64,
    folds: Projections,
}

impl Log {
    /// A log with a webhook for these types.
    fn telling(types: &[&str]) -> Self {
        let mut log = Self::default();
        log.hook(0, 1, types);
        log
    }

    fn say(&mut self, secs: u64, author: Author, kind: Kind, about: Option<u16>, payload: Value) -> Hash {
        let record = entry(self.seq, secs, &said(author, kind, "acme", about.map(node), payload));
        self.folds.apply(&record).unwrap();
        self.seq += 1;
        // What a snapshot keeps is all there is.
        self.folds = Projections::restore(&self.folds.snapshot()).unwrap();
        record.entry.header.event_hash(&record.entry.sig)
    }

    fn person(&mut self, secs: u64, kind: Kind, payload: Value) -> Hash {
        self.say(secs, user(1), kind, None, payload)
    }

    fn hook(&mut self, secs: u64, n: u8, types: &[&str]) {
        let payload = json!({"action": "create", "id": id(n), "secret": Hash::ZERO, "types": types,
            "url": "https://example.org/hook"});
        self.person(secs, Kind::Webhook, payload);
    }

    fn reason(&mut self, secs: u64, about: u16, state: &str) -> Hash {
        let change = json!({"what": "reason", "reason": "offline", "state": state, "weight": 60});
        let payload = json!({"at": at(secs), "band": "ATTN", "change": change, "ruleset": Hash::ZERO,
            "score": 60, "seq": self.seq});
        self.say(secs, Author::Service(name("attention")), Kind::Attention, Some(about), payload)
    }

    fn webhooks(&self) -> Vec<Webhook> {
        let of = self.folds.incidents().of(&name("acme"));
        of.into_iter().flat_map(|of| of.webhooks().iter().cloned()).collect()
    }

    fn messages(&self) -> Vec<Message> {
        self.webhooks()[0].messages().cloned().collect()
    }

    /// The types of what is owed, with how many each message tells.
    fn owed(&self) -> Vec<(String, usize)> {
        self.messages().iter().map(|message| (message.r#type.to_string(), message.items.len())).collect()
    }

    fn notice(&mut self, secs: u64, message: &Message, outcome: &str, status: Option<u16>) {
        let events: Vec<Hash> = message.items.iter().map(|item| item.event).collect();
        let mut payload = json!({"attempt": message.attempts + 1, "events": events, "message": message.id,
            "outcome": outcome, "webhook": id(1)});
        if let Some(status) = status {
            payload["status"] = json!(status);
        }
        self.say(secs, Author::Service(name("webhooks")), Kind::Notice, None, payload);
    }
}

fn id(n: u8) -> Uuid {
    Uuid::v4([n; 16])
}

#[test]
fn what_happens_together_goes_out_together() {
    let mut log = Log::telling(&["incident.opened", "incident.resolved"]);
    let first = log.reason(10, 1, "firing");
    log.reason(12, 2, "firing");
    log.reason(13, 1, "cleared");
    log.reason(10 + GROUP, 3, "firing");
    assert_eq!(
        log.owed(),
        [
            ("incident.opened".to_owned(), 2),
            ("incident.resolved".to_owned(), 1),
            ("incident.opened".to_owned(), 1)
        ]
    );
    let messages = log.messages();
    assert_eq!(messages[0].due, at(10 + GROUP), "it waits for others, counted from the first");
    let told = &messages[0].items[0];
    assert_eq!((told.event, told.by.at, told.by.seq), (first, at(10), 1));
    assert_eq!(told.incident.as_ref().unwrap().title, "offline");
    assert_eq!(messages.iter().map(|m| &m.id).collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(messages[0].id, format!("msg_1_{}_incident-opened", id(1)));
}

#[test]
fn each_is_told_what_it_wants_and_nothing_from_before_it_was_made() {
    let mut log = Log::default();
    log.reason(1, 1, "firing");
    log.hook(2, 1, &["incident.acked", "incident.reopened"]);
    let incident = log.person(3, Kind::Incident, json!({"title": "smoke"}));
    log.person(4, Kind::Ack, json!({"target": incident}));
    log.person(5, Kind::Resolve, json!({"target": incident}));
    log.person(6, Kind::Reopen, json!({"target": incident}));
    assert_eq!(log.owed(), [("incident.acked".to_owned(), 1), ("incident.reopened".to_owned(), 1)]);
    let acked = &log.messages()[0].items[0];
    assert_eq!((acked.by.author.clone(), acked.by.at), (Some(user(1)), at(4)));
    log.person(7, Kind::Webhook, json!({"action": "remove", "id": id(1)}));
    assert!(log.webhooks().is_empty());
}

#[test]
fn bands_are_told_with_their_reasons() {
    let mut log = Log::telling(&["attention.band"]);
    let mut band = |secs: u64, about: u16| {
        let change = json!({"what": "band", "from": "OK", "to": "ATTN",
            "reasons": [{"reason": "offline", "weight": 60}]});
        let payload = json!({"at": at(secs), "band": "ATTN", "change": change, "ruleset": Hash::ZERO,
            "score": 60, "seq": 3});
        log.say(secs, Author::Service(name("attention")), Kind::Attention, Some(about), payload);
        log.messages()
    };
    let told = band(1, 1)[0].items[0].band.clone().unwrap();
    assert_eq!((told.node_id, told.score, told.reasons.len()), (Some(node(1)), 60, 1));
    let silence = json!({"action": "create", "expires_at": at(900), "node": node(2), "text": "being moved"});
    log.person(2, Kind::Silence, silence);
    let change = json!({"what": "band", "from": "OK", "to": "ATTN", "reasons": []});
    let payload = json!({"at": at(3), "band": "ATTN", "change": change, "ruleset": Hash::ZERO, "score": 60,
        "seq": 3});
    log.say(3, Author::Service(name("attention")), Kind::Attention, Some(2), payload);
    assert_eq!(log.owed(), [("attention.band".to_owned(), 1)], "a node that is silenced as a whole");
}

#[test]
fn what_a_silence_covers_is_told_when_it_ends_if_it_is_still_open() {
    let mut log = Log::telling(&["incident.opened", "incident.resolved", "incident.acked"]);
    let until =
        |secs: u64| json!({"action": "create", "expires_at": at(secs), "reason": "offline", "text": "known"});
    log.person(1, Kind::Silence, until(100));
    log.reason(2, 1, "firing");
    let open = log.reason(3, 2, "firing");
    log.person(4, Kind::Ack, json!({"target": open}));
    log.reason(5, 1, "cleared");
    assert_eq!(log.owed(), [], "neither that it began nor that it is over");
    // A second silence that lasts longer.
    let second = log.person(6, Kind::Silence, until(500));
    log.say(
        101,
        Author::Service(name("ledger")),
        Kind::Service,
        None,
        json!({"action": "alive", "version": "1"}),
    );
    assert_eq!(log.owed(), []);
    log.person(200, Kind::Silence, json!({"action": "end", "silence": second}));
    assert_eq!(log.owed(), [("incident.opened".to_owned(), 1)]);
    let item = &log.messages()[0].items[0];
    assert_eq!((item.event, item.by.at), (open, at(200)));
    // What was told before a silence is told to be over.
    log.person(201, Kind::Silence, until(400));
    log.reason(202, 2, "cleared");
    assert_eq!(log.owed().last().unwrap().0, "incident.resolved");
}

#[test]
fn the_end_of_a_silence_is_noticed_whoever_speaks_next() {
    let mut log = Log::telling(&["incident.opened"]);
    log.person(
        1,
        Kind::Silence,
        json!({"action": "create", "expires_at": at(100), "node": node(1), "text": "x"}),
    );
    log.reason(2, 1, "firing");
    let digest = |log: &Log| log.folds.parts("incidents").unwrap()[0].json.clone();
    let before = digest(&log);
    let theirs = entry(log.seq, 100, &said(user(2), Kind::Note, "umbrella", None, json!({"text": "x"})));
    log.folds.apply(&theirs).unwrap();
    log.seq += 1;
    assert_eq!(log.owed(), [("incident.opened".to_owned(), 1)]);
    assert_eq!(digest(&log), before, "what digests are over is the same whatever others say");
}

#[test]
fn a_message_that_is_not_taken_is_sent_again_after_growing_pauses() {
    let mut log = Log::telling(&["incident.opened"]);
    log.reason(0, 1, "firing");
    let (mut now, id) = (GROUP, log.messages()[0].id.clone());
    for (attempt, pause) in PAUSES_MS.iter().enumerate() {
        let message = log.messages()[0].clone();
        assert_eq!((message.attempts, &message.id), (attempt as u64, &id));
        assert!(message.due <= at(now));
        log.notice(now, &message, "failed", Some(503));
        assert_eq!(log.messages()[0].due, at(now + pause / 1000));
        now += pause / 1000;
    }
    // A message of its own: the first is not to be mixed with what came later.
    log.reason(now, 2, "firing");
    assert_eq!(log.owed().len(), 2);
    let last = log.messages()[0].clone();
    log.notice(now, &last, "given-up", None);
    let webhook = log.webhooks()[0].standing.clone();
    assert_eq!((webhook.given_up, webhook.delivered, log.owed().len()), (1, 0, 1));
}

#[test]
fn who_takes_one_message_gets_the_others_at_once() {
    let mut log = Log::telling(&["incident.opened", "incident.resolved"]);
    log.reason(0, 1, "firing");
    let failing = log.messages()[0].clone();
    log.notice(20, &failing, "failed", None);
    let failing = log.messages()[0].clone();
    log.notice(30, &failing, "failed", None);
    assert_eq!(log.messages()[0].due, at(330));
    log.reason(60, 1, "cleared");
    let next = log.messages()[1].clone();
    log.notice(71, &next, "delivered", Some(204));
    assert_eq!((log.owed().len(), log.messages()[0].due), (1, at(71)));
    assert_eq!(log.webhooks()[0].standing.delivered, 1);
}

#[test]
fn what_came_too_late_for_a_message_is_told_in_the_next() {
    let mut log = Log::telling(&["incident.opened"]);
    log.reason(0, 1, "firing");
    let sent = log.messages()[0].clone();
    let late = log.reason(1, 2, "firing");
    log.notice(11, &sent, "delivered", Some(200));
    let rest = log.messages();
    assert_eq!((rest.len(), rest[0].items[0].event, rest[0].due), (1, late, at(11)));
    assert_ne!(rest[0].id, sent.id);
}

#[test]
fn a_receiver_that_is_gone_is_told_nothing_more() {
    let mut log = Log::telling(&["incident.opened"]);
    log.reason(0, 1, "firing");
    let message = log.messages()[0].clone();
    log.notice(11, &message, "given-up", Some(410));
    log.reason(12, 2, "firing");
    let webhook = log.webhooks()[0].clone();
    assert_eq!((webhook.owed(), webhook.standing.gone.unwrap().at), (0, at(11)));
}

#[test]
fn what_is_owed_is_limited() {
    let mut log = Log::telling(&["incident.opened"]);
    for n in 0..=MAX_OWED {
        let payload = json!({"title": format!("{n}")});
        // Nobody alone may report so much.
        let who = u16::from(n >= MAX_OWED / 2) + 1;
        let record = entry(log.seq, 1, &said(user(who), Kind::Incident, "acme", None, payload));
        log.folds.apply(&record).unwrap();
        log.seq += 1;
    }
    let webhook = log.webhooks()[0].clone();
    assert!(webhook.messages().all(|message| message.items.len() <= MAX_GROUP));
    assert_eq!((webhook.owed(), webhook.dropped), (MAX_OWED + 1 - MAX_GROUP, MAX_GROUP as u64));
    for n in 2..=u8::try_from(MAX_WEBHOOKS).unwrap() + 1 {
        log.hook(2, n, &["incident.opened"]);
    }
    assert_eq!(log.webhooks().len(), MAX_WEBHOOKS);
}

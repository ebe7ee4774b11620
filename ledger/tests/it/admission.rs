//! Who may say what, at which place, and what the ledger records of the rest.

use crate::support::{
    Node, Place, SMALL_SEGMENT, START, admin, all_recorded, append, appended_codes, check_whole, codes,
    draft, enrol, introduction, name, random, recorded, run, signed, unenrolled,
};
use ledger::admission::{Code, MAX_EPOCHS_PER_KEY, MAX_MARKS_PER_KEY};
use ledger::open::{Options, open};
use ledger::{AppendError, AppendOptions, Ledger, Outcome};
use serde_json::{Value, json};
use spec::payload::{ChainFork, Refusal, token_hash};
use spec::{Author, ChainLink, Epoch, Event, Hash, Kind, Record, Timestamp, Uuid, Via};

pub(crate) const DAY: u64 = 86_400_000;

/// How a test changes a header before it is signed.
type Change = fn(&mut spec::Header);

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) ledger: Ledger,
}

impl World {
    pub(crate) async fn new() -> Self {
        let place = Place::memory();
        let ledger = place.start().await;
        Self { place, ledger }
    }

    pub(crate) async fn node(&self) -> Node {
        enrol(&self.place, &self.ledger, "acme").await
    }

    pub(crate) async fn codes(&self, events: Vec<Event>) -> Vec<&'static str> {
        appended_codes(&self.ledger, events).await
    }

    pub(crate) async fn code(&self, event: Event) -> &'static str {
        self.codes(vec![event]).await[0]
    }

    pub(crate) async fn own(&self, event: Event) -> &'static str {
        codes(&self.ledger.append_own(vec![event], AppendOptions::default()).await.unwrap())[0]
    }

    /// The record behind a refusal.
    pub(crate) async fn recorded_of(&self, event: Event) -> (Code, Option<Record>) {
        let outcome = append(&self.ledger, vec![event]).await.unwrap().outcomes.remove(0);
        let Outcome::Refused { refused, recorded } = outcome else { panic!("it was recorded") };
        let record = match recorded {
            Some(seq) => Some(self.ledger.reader().record(seq).await.unwrap().unwrap()),
            None => None,
        };
        (refused.code, record)
    }

    fn size(&self) -> u64 {
        self.ledger.head().borrow().size
    }

    /// Ends the test: everything verifies, and a second fold from disk comes to the same state.
    pub(crate) async fn end(self) {
        let head = self.ledger.head().borrow().clone();
        self.ledger.close(false);
        check_whole(&self.place);
        let again = self.place.without_index().open().await;
        assert_eq!(again.head().borrow().checkpoint, head.checkpoint);
        again.close(false);
        check_whole(&self.place);
    }
}

pub(crate) fn body<T: serde::de::DeserializeOwned>(record: &Record) -> T {
    serde_json::from_str(&record.payload.as_ref().unwrap().json).unwrap()
}

pub(crate) fn revoke(ledger: &Ledger, node: &Node) -> Event {
    admin(ledger, node.org.as_str(), Kind::KeyStatus, json!({"key": node.key.public(), "status": "revoked"}))
}

#[test]
fn a_key_revoked_in_the_same_group_speaks_no_more() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let (before, after) = (node.note("before"), node.note("after"));
        let events = vec![before.clone(), revoke(&world.ledger, &node), after.clone()];
        assert_eq!(world.codes(events).await, ["ok", "ok", "key-revoked"]);
        // The use of a key after its end leaves a trace; the same again leaves no other.
        let size = world.size();
        let last: Record = world.ledger.reader().record(size - 1).await.unwrap().unwrap();
        assert_eq!(body::<Refusal>(&last).code, "key-revoked");
        assert_eq!(world.code(after).await, "key-revoked");
        assert_eq!(world.code(before).await, "again", "it is in the log, whatever became of the key");
        assert_eq!(world.size(), size);
        for _ in 0..MAX_MARKS_PER_KEY + 3 {
            let next = node.note("still at it");
            assert_eq!(world.code(next).await, "key-revoked");
        }
        assert_eq!(world.size(), size + MAX_MARKS_PER_KEY - 1, "so many traces and no more");
        world.end().await;
    });
}

#[test]
fn a_second_event_for_a_place_is_a_fork_with_both_quoted() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let events = node.notes(3);
        let seq = all_recorded(&append(&world.ledger, events.clone()).await.unwrap())[1].seq;
        let fork = node.craft(Kind::Note, &json!({"text": "another"}), |header| {
            header.chain = events[1].header.chain;
        });
        let (code, record) = world.recorded_of(fork.clone()).await;
        let record = record.unwrap();
        assert_eq!((code, &record.entry.header.kind), (Code::ChainFork, &Kind::ChainFork));
        assert_eq!(record.entry.header.org, node.org);
        assert_eq!(record.entry.header.subject_node(), Some(node.id));
        let said: ChainFork = body(&record);
        assert_eq!((said.recorded, said.key, said.sig), (seq, node.key.public(), fork.sig));
        assert_eq!((said.place.epoch, said.place.seq), (node.epoch, 1));
        let (header, hash) = ledger::state::quoted(&said.header, &said.sig).unwrap();
        assert_eq!((header, hash), (fork.header.clone(), fork.hash()));
        // The chain itself goes on, and an honest resend is still one.
        assert_eq!(world.codes(vec![events[1].clone(), node.note("next")]).await, ["again", "ok"]);
        world.end().await;
    });
}

#[test]
fn forks_within_one_batch_and_group() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let fork = node.craft(Kind::Note, &json!({"text": "other"}), |_| ());
        let first = node.note("first");
        let mut copy = node.clone();
        copy.head = fork.hash();
        let behind = copy.note("behind the fork");
        let second = node.note("second");
        let batch = vec![first, fork, behind, second];
        assert_eq!(world.codes(batch).await, ["ok", "chain-fork", "blocked", "ok"]);
        world.end().await;
    });
}

#[test]
fn a_gap_is_told_what_is_expected_and_blocks_the_rest() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        recorded(&world.ledger, node.note("first")).await;
        let head = node.head;
        let lost = node.note("lost");
        let batch = node.notes(3);
        let before = world.size();
        let appended = append(&world.ledger, batch.clone()).await.unwrap();
        assert_eq!(codes(&appended), ["chain-gap", "blocked", "blocked"]);
        for outcome in &appended.outcomes {
            let Outcome::Refused { refused, recorded: None } = outcome else { panic!("{outcome:?}") };
            let expected = refused.expected.unwrap();
            assert_eq!((expected.epoch, expected.seq, expected.prev), (Some(node.epoch), 1, head));
        }
        assert_eq!(world.size(), before, "a gap writes nothing");
        let mut whole = vec![lost];
        whole.extend(batch);
        assert_eq!(world.codes(whole).await, ["ok"; 4]);
        // Another chain in the same batch is not blocked by the first one's gap.
        let mut other = world.node().await;
        let _lost = node.note("lost again");
        let mixed = vec![node.note("gap"), other.note("fine"), node.note("blocked")];
        assert_eq!(world.codes(mixed).await, ["chain-gap", "ok", "blocked"]);
        world.end().await;
    });
}

#[test]
fn a_restored_agent_opens_a_new_epoch() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let old = node.notes(4);
        all_recorded(&append(&world.ledger, old.clone()).await.unwrap());
        let mut lost = node.clone();
        let opened = node.open_epoch();
        assert_eq!(world.codes(vec![opened, node.note("in the new epoch")]).await, ["ok", "ok"]);
        // The old epoch is closed for new events and for forks; a resend of what it had is still one.
        let (code, record) = world.recorded_of(lost.note("from the copy")).await;
        assert_eq!(code, Code::EpochClosed);
        let record = record.unwrap();
        assert_eq!(record.entry.header.kind, Kind::Refusal);
        assert_eq!(body::<Refusal>(&record).code, "epoch-closed");
        let fork = lost.craft(Kind::Note, &json!({"text": "fork"}), |h| h.chain = old[2].header.chain);
        let (code, record) = world.recorded_of(fork).await;
        assert_eq!((code, record.unwrap().entry.header.kind), (Code::EpochClosed, Kind::ChainFork));
        assert_eq!(world.code(old[3].clone()).await, "again");
        assert_eq!(world.code(node.note("goes on")).await, "ok");
        // A closed epoch never opens again.
        let reopen = node.craft(Kind::ChainOpen, &json!({"reason": "again"}), |header| {
            header.chain = Some(ChainLink { epoch: lost.epoch, prev: node.introduction, seq: 0 });
        });
        assert_eq!(world.code(reopen).await, "epoch-closed");
        // Only chain-open opens an epoch.
        let note = node.craft(Kind::Note, &json!({"text": "x"}), |header| {
            header.chain = Some(ChainLink { epoch: Epoch(random()), prev: node.introduction, seq: 0 });
        });
        assert_eq!(world.code(note).await, "chain-gap");
        assert_eq!(world.code(node.note("goes on")).await, "ok");
        world.end().await;
    });
}

#[test]
fn a_refused_event_is_recorded_and_passed_over() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        recorded(&world.ledger, node.note("first")).await;
        let bad = [
            (node.craft(Kind::Note, &json!({"words": "no such field"}), |_| ()), Code::BadPayload),
            (node.craft(Kind::Seal, &json!({}), |_| ()), Code::BadPayload),
        ];
        for (event, code) in bad {
            // Each takes the place the node has now.
            let event = Event { header: event.header.clone(), ..event };
            let event = if event.header.chain.unwrap().seq == node.next {
                event
            } else {
                signed(
                    spec::Header { chain: node.header(Kind::Note).chain, ..event.header.clone() },
                    &serde_json::from_str::<Value>(&event.payload.json).unwrap(),
                    &node.key,
                )
            };
            let (found, record) = world.recorded_of(event.clone()).await;
            let record = record.unwrap();
            assert_eq!((found, &record.entry.header.kind), (code, &Kind::Refusal));
            let refusal: Refusal = body(&record);
            assert_eq!((refusal.code.as_str(), refusal.sig), (code.as_str(), event.sig));
            node.advance(&event);
        }
        assert_eq!(world.code(node.note("after them")).await, "ok");
        // Right form, wrong speaker, organisation, tenant.
        let seal = json!({
            "admission": Hash::ZERO, "advisory": {}, "index": 0, "prev": Hash::ZERO, "root": Hash::ZERO,
        });
        let text = json!({"text": "x"});
        let cases: [(Kind, &Value, Change, &str); 5] = [
            (Kind::Seal, &seal, |_| (), "not-allowed"),
            (Kind::Note, &text, |h| h.org = name("other"), "wrong-org"),
            (Kind::Note, &text, |h| h.org = name("ledger"), "wrong-org"),
            (Kind::Note, &text, |h| h.tenant = Some(name("prod")), "wrong-tenant"),
            (Kind::Note, &text, |h| h.payload_version = 2, "bad-payload"),
        ];
        for (kind, payload, change, code) in cases {
            let event = node.craft(kind, payload, change);
            node.advance(&event);
            let appended = append(&world.ledger, vec![event, node.note("follows")]).await.unwrap();
            assert_eq!(codes(&appended), [code, "ok"]);
        }
        world.end().await;
    });
}

#[test]
fn a_resend_of_a_refused_event_is_no_fork() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let bad = node.craft(Kind::Note, &json!({"words": "?"}), |_| ());
        node.advance(&bad);
        let (first, record) = world.recorded_of(bad.clone()).await;
        let seq = record.unwrap().entry.position.seq;
        let size = world.size();
        for round in 0..3 {
            let (again, record) = world.recorded_of(bad.clone()).await;
            assert_eq!(again, first, "round {round}");
            assert_eq!(record.unwrap().entry.position.seq, seq);
        }
        assert_eq!(world.size(), size, "the answer was lost, not the event: nothing new is written");
        // Also within one group, and without blocking what follows.
        let worse = node.craft(Kind::Note, &json!({"words": "??"}), |_| ());
        node.advance(&worse);
        let batch = vec![bad.clone(), worse.clone(), worse.clone(), node.note("fine"), bad.clone()];
        let expected = ["bad-payload", "bad-payload", "bad-payload", "ok", "bad-payload"];
        assert_eq!(world.codes(batch).await, expected);
        assert_eq!(world.size(), size + 2);
        // Another event at that place is a fork of it.
        let fork = node.craft(Kind::Note, &json!({"text": "fork"}), |h| h.chain = bad.header.chain);
        let (code, record) = world.recorded_of(fork).await;
        assert_eq!((code, body::<ChainFork>(&record.unwrap()).recorded), (Code::ChainFork, seq));
        // After the segment has closed and the ledger was opened anew.
        while world.place.segments().len() < 3 {
            all_recorded(&append(&world.ledger, node.notes(8)).await.unwrap());
        }
        world.ledger.close(false);
        let ledger = world.place.open().await;
        let world = World { ledger, ..world };
        let size = world.size();
        let (again, record) = world.recorded_of(bad).await;
        assert_eq!((again, record.unwrap().entry.position.seq), (first, seq));
        assert_eq!(world.size(), size);
        world.end().await;
    });
}

#[test]
fn a_resend_of_an_event_of_a_closed_epoch_is_no_fork() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        recorded(&world.ledger, node.note("first")).await;
        let late = node.note("late");
        let opened = node.open_epoch();
        assert_eq!(world.code(opened).await, "ok");
        let (_, record) = world.recorded_of(late.clone()).await;
        let seq = record.unwrap().entry.position.seq;
        let (code, record) = world.recorded_of(late).await;
        assert_eq!((code, record.unwrap().entry.position.seq), (Code::EpochClosed, seq));
        world.end().await;
    });
}

#[test]
fn traces_are_limited_per_key() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let mut other = world.node().await;
        for i in 0..MAX_MARKS_PER_KEY {
            let bad = node.craft(Kind::Note, &json!({"n": i}), |_| ());
            node.advance(&bad);
            let (code, record) = world.recorded_of(bad).await;
            assert_eq!((code, record.is_some()), (Code::BadPayload, true));
        }
        let size = world.size();
        let bad = node.craft(Kind::Note, &json!({"n": "too many"}), |_| ());
        let mut after = node.clone();
        after.advance(&bad);
        assert_eq!(
            world.codes(vec![bad.clone(), after.note("behind it")]).await,
            ["bad-payload", "blocked"],
            "the chain stays where it is"
        );
        let fork = node.craft(Kind::Note, &json!({"text": "fork"}), |header| {
            header.chain = Some(ChainLink { epoch: node.epoch, prev: node.introduction, seq: 0 });
        });
        assert_eq!(world.recorded_of(fork).await, (Code::ChainFork, None));
        assert_eq!(world.size(), size);
        // A sound event still takes the place, and other keys have their own budget.
        assert_eq!(world.code(node.note("sound")).await, "ok");
        let bad = other.craft(Kind::Note, &json!({"n": 0}), |_| ());
        other.advance(&bad);
        assert!(world.recorded_of(bad).await.1.is_some());
        world.end().await;
    });
}

#[test]
fn strangers_leave_no_trace() {
    run(async {
        let world = World::new().await;
        let node = world.node().await;
        let stranger = unenrolled(&world.place, &world.ledger, "acme");
        let size = world.size();
        let unsigned = |mut event: Event| {
            event.sig.0[0] ^= 1;
            event
        };
        let text = json!({"text": "x"});
        let foreign = node.craft(Kind::Note, &text, |h| h.ledger = Hash([7; 32]));
        let posing = node.craft(Kind::Note, &text, |h| h.author = Author::Node(stranger.id));
        let cases = [
            (stranger.craft(Kind::Note, &text, |_| ()), "unknown-key"),
            (unsigned(node.craft(Kind::Note, &text, |_| ())), "bad-signature"),
            (unsigned(node.craft(Kind::Note, &json!({}), |_| ())), "bad-signature"),
            (foreign, "foreign-ledger"),
            (posing, "author-mismatch"),
        ];
        for (event, code) in cases {
            let (found, record) = world.recorded_of(event).await;
            assert_eq!((found.as_str(), record), (code, None));
        }
        assert_eq!(world.size(), size);
        world.end().await;
    });
}

#[test]
fn ids_are_new_to_their_author() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let mut other = enrol(&world.place, &world.ledger, "other").await;
        let first = node.note("first");
        assert_eq!(world.codes(vec![first.clone(), first.clone()]).await, ["ok", "again"]);
        // In its place, with an id that is taken: refused for good.
        let twice = node.craft(Kind::Note, &json!({"text": "x"}), |h| h.id = first.header.id);
        node.advance(&twice);
        let (code, record) = world.recorded_of(twice).await;
        assert_eq!((code, record.unwrap().entry.header.kind), (Code::DuplicateId, Kind::Refusal));
        // Out of its place, a second event is a fork whatever its id.
        let fork = node.craft(Kind::Note, &json!({"text": "y"}), |h| {
            h.id = first.header.id;
            h.chain = first.header.chain;
        });
        assert_eq!(world.code(fork).await, "chain-fork");
        // The id is another author's to use, in another organisation or the same.
        let mut neighbour = world.node().await;
        for author in [&mut other, &mut neighbour] {
            let same = author.craft(Kind::Note, &json!({"text": "x"}), |h| h.id = first.header.id);
            author.advance(&same);
            assert_eq!(world.code(same).await, "ok");
        }
        world.end().await;
    });
}

#[test]
fn ids_carry_a_time_within_the_window() {
    run(async {
        let world = World::new().await;
        world.place.clock.advance(100 * DAY);
        let options = Options { accept_clock: true, ..world.place.options() };
        let world = World { ledger: open(options).await.unwrap().0, ..world };
        let mut node = unenrolled(&world.place, &world.ledger, "acme");
        let secret = random();
        let expires = Timestamp::from_millis(START + 200 * DAY);
        let made = json!({
            "action": "create", "expires_at": expires, "org": "acme", "token": token_hash(&secret), "uses": 1,
        });
        assert_eq!(world.own(admin(&world.ledger, "acme", Kind::Enrolment, made)).await, "ok");
        let event = introduction(&world.ledger, "acme", &Author::Node(node.id), &node.key, &secret);
        (node.introduction, node.head) = (event.hash(), event.hash());
        assert_eq!(world.own(event).await, "ok");
        let at = START + 100 * DAY;
        for (time, code) in [
            (at + 600_000, "ok"),
            (at + 600_001, "id-time"),
            (at - 90 * DAY, "ok"),
            (at - 90 * DAY - 1, "id-time"),
            (at, "ok"),
        ] {
            let event = node.craft(Kind::Note, &json!({"text": "x"}), |header| {
                header.id = Uuid::v7(Timestamp::from_millis(time), random());
            });
            node.advance(&event);
            assert_eq!(world.code(event).await, code, "{time}");
        }
        // An import may be as old as it likes, but its id is one of version 7 like any other.
        let import = |id| {
            let via = Via { method: name("import"), subject: Some(name("old.jsonl")) };
            let author = Author::Import(name("old.jsonl"));
            let mut draft = draft(author, via, "acme", Kind::Note, json!({"text": "x"}));
            draft.id = Some(id);
            world.ledger.sign(&draft)
        };
        let old = Uuid::v7(Timestamp::from_millis(1), random());
        assert_eq!(world.own(import(old).unwrap()).await, "ok");
        assert_eq!(world.own(import(old).unwrap()).await, "again");
        assert!(import(Uuid::v4(random())).is_err());
        world.end().await;
    });
}

#[test]
fn what_the_service_may_sign() {
    run(async {
        let world = World::new().await;
        let node = world.node().await;
        let beat = |id: Uuid| {
            json!({
                "node_id": id, "hostname": "h", "os_profile": "ArchVault", "cloudflare_ok": true,
                "services_ok": true, "vaultmesh_root": "/var", "timestamp": "2026-11-21T20:42:00Z",
            })
        };
        let service = Author::Service(name("ingest"));
        let say = async |author: &Author, method: &str, org: &str, kind: Kind, node_id, payload: Value| {
            let via = Via { method: name(method), subject: None };
            let mut draft = draft(author.clone(), via, org, kind, payload);
            draft.node_id = node_id;
            world.own(world.ledger.sign(&draft).unwrap()).await
        };
        let note = json!({"text": "x"});
        let administrator = Author::Service(name("admin"));
        let import = Author::Import(name("a.jsonl"));
        let own = Author::Service(name("ledger"));
        let cases = [
            (&service, "node-jwt", "acme", Kind::Heartbeat, Some(node.id), beat(node.id), "ok"),
            (&service, "node-jwt", "other", Kind::Heartbeat, Some(node.id), beat(node.id), "wrong-org"),
            (&service, "node-jwt", "acme", Kind::Heartbeat, None, beat(node.id), "not-allowed"),
            (&import, "import", "acme", Kind::Heartbeat, None, beat(node.id), "bad-payload"),
            (
                &import,
                "import",
                "acme",
                Kind::Heartbeat,
                Some(Uuid::v4([8; 16])),
                beat(node.id),
                "bad-payload",
            ),
            (&service, "enrolment", "acme", Kind::Note, None, note.clone(), "not-allowed"),
            (&service, "admin", "acme", Kind::Note, None, note.clone(), "not-allowed"),
            (&administrator, "admin", "acme", Kind::Note, None, note.clone(), "ok"),
            (&administrator, "admin", "ledger", Kind::Note, None, note.clone(), "ok"),
            (&Author::Node(node.id), "node-jwt", "acme", Kind::Note, None, note.clone(), "not-allowed"),
            (&Author::Node(node.id), "admin", "acme", Kind::Note, None, note.clone(), "not-allowed"),
            (&import, "import", "acme", Kind::Note, None, note.clone(), "ok"),
            (&import, "import", "ledger", Kind::Note, None, note.clone(), "wrong-org"),
            (&own, "self", "ledger", Kind::Note, None, note.clone(), "not-allowed"),
            (
                &Author::Token(Uuid::v4([3; 16])),
                "token",
                "acme",
                Kind::Note,
                None,
                note.clone(),
                "token-unknown",
            ),
            (
                &administrator,
                "admin",
                "ledger",
                Kind::ChainGap,
                None,
                json!({
                    "count": 1, "from": "2026-11-21T20:42:00.000Z", "head": Hash::ZERO,
                    "to": "2026-11-21T20:42:00.000Z",
                }),
                "not-allowed",
            ),
        ];
        for (author, method, org, kind, node_id, payload, code) in cases {
            let found = say(author, method, org, kind.clone(), node_id, payload).await;
            assert_eq!(found, code, "{author} {method} {org} {kind}");
        }
        // A chained event under the service key, and a service-signed one under a node's.
        let mut event = admin(&world.ledger, "acme", Kind::Note, note.clone());
        event.header.via = None;
        event.header.chain = node.header(Kind::Note).chain;
        let event = signed(event.header, &note, &world.place.keys.service);
        assert_eq!(world.code(event).await, "wrong-use");
        let mut header = node.header(Kind::Note);
        header.via = Some(Via { method: name("admin"), subject: None });
        header.chain = None;
        assert_eq!(world.code(signed(header, &note, &node.key)).await, "wrong-use");
        world.end().await;
    });
}

#[test]
fn a_heartbeat_speaks_of_its_sender_alone() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let other = world.node().await;
        let beat = |id: Uuid| {
            json!({
                "node_id": id, "hostname": "h", "os_profile": "ArchVault", "cloudflare_ok": true,
                "services_ok": true, "vaultmesh_root": "/var", "timestamp": "2026-11-21T20:42:00Z",
            })
        };
        assert_eq!(world.code(node.event(Kind::Heartbeat, &beat(node.id))).await, "ok");
        assert_eq!(world.code(node.event(Kind::Heartbeat, &beat(other.id))).await, "bad-payload");
        let about_another =
            node.craft(Kind::Heartbeat, &beat(node.id), |header| header.node_id = Some(other.id));
        node.advance(&about_another);
        assert_eq!(world.code(about_another).await, "bad-payload");
        assert_eq!(world.code(node.note("goes on")).await, "ok");
        world.end().await;
    });
}

#[test]
fn an_inadmissible_statement_does_not_stop_the_ledger() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let size = world.size();
        let refused = world.ledger.append_statement(Kind::Note, json!({"text": "x"})).await;
        assert_eq!(refused, Err(AppendError::Refused(Code::NotAllowed)));
        let refused = world.ledger.append_statement(Kind::Authority, json!({})).await;
        assert_eq!(refused, Err(AppendError::Refused(Code::BadPayload)));
        assert!(world.size() == size && world.ledger.poisoned().is_none());
        assert_eq!(world.code(node.note("goes on")).await, "ok");
        world.end().await;
    });
}

#[test]
fn api_tokens() {
    run(async {
        let world = World::new().await;
        let create = |id: Uuid, org: &str, role: &str| {
            let payload = json!({
                "action": "create", "expires_at": Timestamp::from_millis(START + DAY), "id": id,
                "label": "l", "org": org, "role": role, "secret": Hash([9; 32]),
            });
            admin(&world.ledger, org, Kind::Token, payload)
        };
        let [owner, viewer, everywhere] = [1, 2, 3].map(|n| Uuid::v4([n; 16]));
        assert_eq!(world.own(create(owner, "acme", "org_owner")).await, "ok");
        assert_eq!(world.own(create(owner, "acme", "org_owner")).await, "duplicate-id");
        assert_eq!(world.own(create(viewer, "acme", "viewer")).await, "ok");
        assert_eq!(world.own(create(everywhere, "ledger", "org_owner")).await, "ok");
        let say = async |id: Uuid, org: &str, kind: Kind, payload: Value| {
            let via = Via { method: name("token"), subject: None };
            let draft = draft(Author::Token(id), via, org, kind, payload);
            world.own(world.ledger.sign(&draft).unwrap()).await
        };
        let note = json!({"text": "x"});
        assert_eq!(say(owner, "acme", Kind::Note, note.clone()).await, "ok");
        assert_eq!(say(owner, "other", Kind::Note, note.clone()).await, "wrong-org");
        assert_eq!(say(everywhere, "other", Kind::Note, note.clone()).await, "ok");
        assert_eq!(say(everywhere, "ledger", Kind::Note, note.clone()).await, "wrong-org");
        assert_eq!(say(viewer, "acme", Kind::Note, note.clone()).await, "not-allowed");
        let end = json!({"action": "revoke", "id": viewer});
        assert_eq!(say(viewer, "acme", Kind::Token, end.clone()).await, "not-allowed");
        assert_eq!(say(owner, "acme", Kind::Token, end).await, "ok");
        assert_eq!(say(viewer, "acme", Kind::Note, note.clone()).await, "token-revoked");
        world.place.clock.advance(DAY);
        assert_eq!(say(owner, "acme", Kind::Note, note).await, "token-expired");
        world.end().await;
    });
}

#[test]
fn duplicates_are_found_in_closed_segments() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let mut all = Vec::new();
        while world.place.segments().len() < 5 {
            let events = node.notes(4);
            all_recorded(&append(&world.ledger, events.clone()).await.unwrap());
            all.extend(events);
            world.place.clock.advance(1000);
        }
        assert!(world.place.segments()[0].1.len() as u64 >= SMALL_SEGMENT);
        assert_eq!(world.codes(all.clone()).await, vec!["again"; all.len()]);
        let fork = node.craft(Kind::Note, &json!({"text": "fork"}), |h| h.chain = all[1].header.chain);
        assert_eq!(world.code(fork).await, "chain-fork");
        world.end().await;
    });
}

#[test]
fn gaps_and_late_ids_cost_no_files() {
    run(async {
        let disk = crate::sim_disk::SimDisk::new();
        let place = Place::simulated(&disk);
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        let mut all = Vec::new();
        while place.segments().len() < 6 {
            let events = node.notes(4);
            all_recorded(&append(&ledger, events.clone()).await.unwrap());
            all.extend(events);
            place.clock.advance(1000);
        }
        // A gap is told from a fork without a look at what closed segments hold.
        let before = disk.reads_in("ids");
        for seq in 1..20 {
            let gap = node.craft(Kind::Note, &json!({"text": "gap"}), |header| {
                let link = header.chain.as_mut().unwrap();
                (link.seq, link.prev) = (link.seq + seq, Hash([1; 32]));
            });
            assert_eq!(appended_codes(&ledger, vec![gap]).await, ["chain-gap"]);
        }
        assert_eq!(disk.reads_in("ids"), before);
        // Events whose ids fall into any of the last segments, one after another.
        for _ in 0..3 {
            assert_eq!(appended_codes(&ledger, all.clone()).await, vec!["again"; all.len()]);
        }
        assert_eq!(disk.reads_in("ids"), before, "what was just closed is in memory");
        ledger.close(false);
        let ledger = place.open().await;
        let before = disk.reads_in("ids");
        for _ in 0..3 {
            assert_eq!(appended_codes(&ledger, all.clone()).await, vec!["again"; all.len()]);
        }
        assert_eq!(disk.reads_in("ids") - before, 5, "each file is read once");
        ledger.close(false);
        check_whole(&place);
    });
}

#[test]
fn epochs_are_limited_per_key() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        let first = node.note("first");
        let epochs: Vec<Event> =
            std::iter::once(first).chain((0..MAX_EPOCHS_PER_KEY).map(|_| node.open_epoch())).collect();
        assert!(world.codes(epochs).await.iter().all(|code| *code == "ok"));
        let before = node.clone();
        assert_eq!(
            world.codes(vec![node.open_epoch(), node.note("x")]).await,
            ["too-many-epochs", "blocked"]
        );
        node = before;
        assert_eq!(world.code(node.note("the last epoch goes on")).await, "ok");
        world.end().await;
    });
}

#[test]
fn the_codes_are_those_of_the_specification() {
    let text = include_str!("../../../spec/event.md");
    let section = text.split("## 8. Refusals").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let known: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(known, listed);
}

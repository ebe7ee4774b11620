//! Entries that admission would have refused, written past it by the ledger itself: the auditor replays the
//! decision.

use crate::forger::{Forger, failures, header_of, stranger};
use crate::rotation::rotation;
use crate::support::{Node, START, introduction, name, random, signed, token};
use serde_json::{Value, json};
use spec::limits::{MAX_ID_AHEAD_MS, MAX_ID_BEHIND_MS};
use spec::{Author, ChainLink, Epoch, Event, Hash, Header, KeyUse, Kind, Timestamp, Uuid, Via};

/// What is said, the refusal it should have met, and how it is written past that; gives its seq.
pub(crate) type Smuggled = (&'static str, &'static str, fn(&mut Forger) -> u64);

/// A note of the node with another header.
fn note_with(forger: &Forger, change: impl FnOnce(&mut Header)) -> Event {
    forger.node.craft(Kind::Note, &json!({"text": "forged"}), change)
}

/// An administrator's note with another header.
fn plain_with(forger: &Forger, change: impl FnOnce(&mut Header)) -> Event {
    let mut header = forger.plain().header;
    change(&mut header);
    signed(header, &json!({"text": "plain"}), &forger.service_key)
}

fn id_at(millis: u64) -> Uuid {
    Uuid::v7(Timestamp::from_millis(millis), random())
}

fn revocation(forger: &Forger) -> Event {
    forger.admin("acme", Kind::KeyStatus, json!({"key": forger.node.key.public(), "status": "revoked"}))
}

/// A node beside the forger's own, the token it may come with, and its introduction.
fn newcomer(forger: &Forger, org: &str, uses: u64) -> (Node, Event, Event) {
    let mut node = forger.node.clone();
    (node.id, node.key) = (Uuid::v4(random()), proofs::SigningKey::from_seed(&random()));
    let secret = random();
    let token = token(&forger.ledger, org, &secret, uses);
    let event = introduction(&forger.ledger, "acme", &Author::Node(node.id), &node.key, &secret);
    node.introduction = event.hash();
    (node.head, node.next, node.epoch) = (node.introduction, 0, Epoch(random()));
    (node, token, event)
}

fn api_token(forger: &Forger, id: Uuid, role: &str, expires_at: u64) -> Event {
    let payload = json!({
        "action": "create", "expires_at": Timestamp::from_millis(expires_at), "id": id, "label": "l",
        "org": "acme", "role": role, "secret": Hash([9; 32]),
    });
    forger.admin("acme", Kind::Token, payload)
}

fn by_token(forger: &Forger, id: Uuid) -> Event {
    plain_with(forger, |header| {
        header.author = Author::Token(id);
        header.via = Some(Via { method: name("token"), subject: None });
    })
}

/// An id that nobody has.
fn some_id() -> Uuid {
    Uuid::v4([7; 16])
}

/// A rotation of the node to a stranger's key that says something else.
fn rotation_with(forger: &Forger, change: impl FnOnce(&mut Value)) -> Event {
    let mut payload = rotation(&forger.node, &stranger());
    change(&mut payload);
    forger.node.craft(Kind::KeyRotation, &payload, |_| ())
}

/// Somebody's approval of a roll-out, past the routes.
fn approval(forger: &Forger, author: Author, method: &str) -> Event {
    let payload = json!({"action": "approve", "id": some_id(), "target": Hash::ZERO});
    let event = forger.admin("acme", Kind::Rollout, payload.clone());
    let via = Some(Via { method: name(method), subject: Some(name(&some_id().to_string())) });
    signed(Header { author, via, ..event.header }, &payload, &forger.service_key)
}

pub(crate) const SMUGGLED: [Smuggled; 45] = [
    ("a key nobody introduced", "unknown-key", |f| {
        let event = note_with(f, |header| header.key = stranger().public());
        let event = signed(event.header, &json!({"text": "forged"}), &stranger());
        f.append(&event)
    }),
    ("a key before its introduction", "unknown-key", |f| {
        let (node, token, introduction) = newcomer(f, "acme", 1);
        f.say(&token);
        let seq = f.say(&node.craft(Kind::Note, &json!({"text": "early"}), |_| ()));
        f.append(&introduction);
        seq
    }),
    ("a revoked key", "key-revoked", |f| {
        let (revocation, note) = (revocation(f), f.note());
        f.say(&revocation);
        f.append(&note)
    }),
    ("the replaced service key", "key-revoked", |f| {
        let change = f.change_of_keys(KeyUse::Service, &stranger());
        f.say(&change);
        let plain = f.plain();
        f.append(&plain)
    }),
    ("the new service key, not yet named", "unknown-key", |f| {
        let event = plain_with(f, |header| header.key = stranger().public());
        let event = signed(event.header, &json!({"text": "plain"}), &stranger());
        let seq = f.say(&event);
        let change = f.change_of_keys(KeyUse::Service, &stranger());
        f.append(&change);
        seq
    }),
    ("the checkpoint key as an author", "wrong-use", |f| {
        let event = plain_with(f, |header| header.key = f.checkpoint_key.public());
        let event = signed(event.header, &json!({"text": "plain"}), &f.checkpoint_key);
        f.append(&event)
    }),
    ("another author under the node's key", "author-mismatch", |f| {
        let event = note_with(f, |header| header.author = Author::Node(some_id()));
        f.append(&event)
    }),
    ("an event for another ledger", "foreign-ledger", |f| {
        let event = note_with(f, |header| header.ledger = Hash([1; 32]));
        f.append(&event)
    }),
    ("an id from too far ahead", "id-time", |f| {
        let id = id_at(f.now.millis() + MAX_ID_AHEAD_MS + 1);
        let event = note_with(f, |header| header.id = id);
        f.append(&event)
    }),
    ("an id from too long ago", "id-time", |f| {
        let id = id_at(f.now.millis() - MAX_ID_BEHIND_MS - 1);
        let event = note_with(f, |header| header.id = id);
        f.append(&event)
    }),
    ("a place of the chain left out", "chain-gap", |f| {
        f.note();
        let event = f.note();
        f.append(&event)
    }),
    ("a place of the chain taken twice", "chain-gap", |f| {
        let first = note_with(f, |_| ());
        let second = note_with(f, |_| ());
        f.say(&first);
        f.append(&second)
    }),
    ("a link to another event", "chain-gap", |f| {
        let event = note_with(f, |header| header.chain.as_mut().unwrap().prev = Hash::ZERO);
        f.append(&event)
    }),
    ("a chain that starts in the middle", "chain-gap", |f| {
        let (node, token, introduction) = newcomer(f, "acme", 1);
        f.say(&token);
        f.say(&introduction);
        let event = node.craft(Kind::Note, &json!({"text": "x"}), |header| {
            header.chain.as_mut().unwrap().seq = 1;
        });
        f.append(&event)
    }),
    ("a chain that starts from nothing", "chain-gap", |f| {
        let (node, token, introduction) = newcomer(f, "acme", 1);
        f.say(&token);
        f.say(&introduction);
        let event = node.craft(Kind::Note, &json!({"text": "x"}), |header| {
            header.chain.as_mut().unwrap().prev = Hash::ZERO;
        });
        f.append(&event)
    }),
    ("an epoch without word of it", "chain-gap", |f| {
        let event = note_with(f, |header| {
            header.chain = Some(ChainLink { epoch: Epoch([3; 16]), prev: f.node.introduction, seq: 0 });
        });
        f.append(&event)
    }),
    ("an epoch that is closed", "epoch-closed", |f| {
        let old = f.note();
        let opened = f.node.open_epoch();
        f.say(&opened);
        f.append(&old)
    }),
    ("a node that speaks for the ledger", "not-allowed", |f| {
        let payload = json!({"action": "start", "version": "1"});
        let event = f.node.craft(Kind::Service, &payload, |_| ());
        f.append(&event)
    }),
    ("an administrator who speaks for the ledger", "not-allowed", |f| {
        let event = f.admin("ledger", Kind::Service, json!({"action": "start", "version": "1"}));
        f.append(&event)
    }),
    ("another organisation's node", "wrong-org", |f| {
        let event = note_with(f, |header| header.org = name("umbrella"));
        f.append(&event)
    }),
    ("another tenant's node", "wrong-tenant", |f| {
        let event = note_with(f, |header| header.tenant = Some(name("tenant")));
        f.append(&event)
    }),
    ("the ledger in an organisation", "wrong-org", |f| {
        let event = f.own(Kind::Service, json!({"action": "start", "version": "1"}));
        let header = Header { org: name("acme"), ..event.header };
        let event = signed(header, &json!({"action": "start", "version": "1"}), &f.service_key);
        f.append(&event)
    }),
    ("a token that was never made", "token-unknown", |f| {
        let (_, _, introduction) = newcomer(f, "acme", 1);
        f.append(&introduction)
    }),
    ("a token used twice", "token-exhausted", |f| {
        let secret = random();
        let token = token(&f.ledger, "acme", &secret, 1);
        f.say(&token);
        let seqs = [1, 2].map(|n| {
            let (id, key) = (Author::Node(Uuid::v4([n; 16])), crate::support::key(n));
            let event = introduction(&f.ledger, "acme", &id, &key, &secret);
            f.say(&event)
        });
        f.commit();
        seqs[1]
    }),
    ("a token that has expired", "token-expired", |f| {
        let (_, token, introduction) = newcomer(f, "acme", 1);
        f.say(&token);
        f.now = Timestamp::from_millis(START + 86_400_000);
        f.append(&introduction)
    }),
    ("a token of another organisation", "wrong-org", |f| {
        let (_, token, introduction) = newcomer(f, "umbrella", 1);
        f.say(&token);
        f.append(&introduction)
    }),
    ("a key introduced twice", "key-in-use", |f| {
        let secret = random();
        let token = token(&f.ledger, "acme", &secret, 2);
        f.say(&token);
        let event = introduction(&f.ledger, "acme", &Author::Node(some_id()), &f.node.key, &secret);
        f.append(&event)
    }),
    ("an author with two keys", "author-taken", |f| {
        let secret = random();
        let token = token(&f.ledger, "acme", &secret, 2);
        f.say(&token);
        let author = Author::Node(f.node.id);
        let event = introduction(&f.ledger, "acme", &author, &stranger(), &secret);
        f.append(&event)
    }),
    ("a key that nobody showed to have", "bad-possession", |f| {
        let (_, token, event) = newcomer(f, "acme", 1);
        f.say(&token);
        let mut payload: Value = serde_json::from_str(&event.payload.json).unwrap();
        payload["author"] = json!(Author::Node(some_id()));
        let event = signed(event.header, &payload, &f.service_key);
        f.append(&event)
    }),
    ("a key after its author has gone over to another", "key-revoked", |f| {
        let (rotation, note) = (f.node.clone().rotate(stranger()), f.note());
        f.say(&rotation);
        f.append(&note)
    }),
    ("a key before its author has gone over to it", "unknown-key", |f| {
        let rotation = f.node.rotate(stranger());
        let note = f.node.note("early");
        let seq = f.say(&note);
        f.append(&rotation);
        seq
    }),
    ("a rotation to a key that nobody showed to have", "bad-possession", |f| {
        let event = rotation_with(f, |payload| payload["pop"] = json!(spec::Signature([1; 64])));
        f.append(&event)
    }),
    ("a rotation that names another key as the old one", "bad-payload", |f| {
        let event = rotation_with(f, |payload| payload["replaces"] = json!(crate::support::key(9).public()));
        f.append(&event)
    }),
    ("a rotation to a key that has an owner", "key-in-use", |f| {
        let event = f.node.clone().rotate(f.service_key.clone());
        f.append(&event)
    }),
    ("a rotation to a weak key", "bad-key", |f| {
        let event = rotation_with(f, |payload| payload["key"] = json!("00".repeat(32)));
        f.append(&event)
    }),
    ("a rotation that the service claims", "not-allowed", |f| {
        let payload = rotation(&f.node, &stranger());
        let mut header = f.plain().header;
        (header.kind, header.node_id) = (Kind::KeyRotation, Some(f.node.id));
        let event = signed(header, &payload, &f.service_key);
        f.append(&event)
    }),
    ("a rotation from another author's key", "author-mismatch", |f| {
        let (mut node, token, introduction) = newcomer(f, "acme", 1);
        f.say(&token);
        f.say(&introduction);
        node.id = f.node.id;
        let event = node.rotate(stranger());
        f.append(&event)
    }),
    ("a change of keys without the threshold", "bad-authority", |f| {
        let event = f.change_of_keys(KeyUse::Checkpoint, &stranger());
        let mut payload: Value = serde_json::from_str(&event.payload.json).unwrap();
        payload["signatures"].as_array_mut().unwrap().pop();
        let event = signed(event.header, &payload, &f.service_key);
        f.append(&event)
    }),
    ("a change of keys told twice", "bad-authority", |f| {
        let event = f.change_of_keys(KeyUse::Checkpoint, &stranger());
        let again = signed(
            Header { id: id_at(f.now.millis()), ..event.header.clone() },
            &serde_json::from_str(&event.payload.json).unwrap(),
            &f.service_key,
        );
        f.say(&event);
        f.append(&again)
    }),
    ("an API token that may only read", "not-allowed", |f| {
        let token = api_token(f, some_id(), "viewer", START + 86_400_000);
        f.say(&token);
        let event = by_token(f, some_id());
        f.append(&event)
    }),
    ("an approval by the scheduler", "not-allowed", |f| {
        let event = approval(f, Author::Service(name("scheduler")), "schedule");
        f.append(&event)
    }),
    ("an approval by an import", "not-allowed", |f| {
        let event = approval(f, Author::Import(name("file")), "import");
        f.append(&event)
    }),
    ("an approval by an API token for support", "not-allowed", |f| {
        let token = api_token(f, some_id(), "support", START + 86_400_000);
        f.say(&token);
        let event = approval(f, Author::Token(some_id()), "token");
        f.append(&event)
    }),
    ("an API token that has expired", "token-expired", |f| {
        let token = api_token(f, some_id(), "org_owner", f.now.millis());
        f.say(&token);
        let event = by_token(f, some_id());
        f.append(&event)
    }),
    ("an API token that was revoked", "token-revoked", |f| {
        let token = api_token(f, some_id(), "org_owner", START + 86_400_000);
        f.say(&token);
        let end = f.admin("acme", Kind::Token, json!({"action": "revoke", "id": some_id()}));
        f.say(&end);
        let event = by_token(f, some_id());
        f.append(&event)
    }),
];

#[test]
fn what_admission_refuses_the_auditor_finds() {
    for (what, refusal, forge) in SMUGGLED {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        let report = forger.verify();
        assert_eq!(failures(&report), [("admission", Some(seq))], "{what}: {:?}", report.failures);
        let detail = &report.failures[0].detail;
        assert!(detail.contains(&format!("should have been refused: {refusal}: ")), "{what}: {detail}");
    }
}

/// The same, as far as it is allowed: the last millisecond, the last use, the last word of a key.
#[test]
fn what_admission_lets_in_the_auditor_does_too() {
    let mut forger = Forger::new();
    let (node, token, introduction) = newcomer(&forger, "acme", 1);
    forger.say(&token);
    forger.say(&introduction);
    forger.say(&node.craft(Kind::Note, &json!({"text": "first"}), |_| ()));
    for millis in [forger.now.millis() + MAX_ID_AHEAD_MS, forger.now.millis() - MAX_ID_BEHIND_MS] {
        let event = note_with(&forger, |header| header.id = id_at(millis));
        forger.node.advance(&event);
        forger.say(&event);
    }
    let import = plain_with(&forger, |header| {
        header.author = Author::Import(name("a.jsonl"));
        header.via = Some(Via { method: name("import"), subject: None });
        header.id = id_at(START - 2 * MAX_ID_BEHIND_MS);
    });
    forger.say(&import);
    let token = api_token(&forger, some_id(), "org_owner", forger.now.millis() + 1);
    forger.say(&token);
    let event = by_token(&forger, some_id());
    forger.say(&event);
    // A node with a new key, whose first event is the first of a chain; the old one can still be said to be bad.
    let old = forger.node.key.public();
    let rotation = forger.node.rotate(crate::support::key(8));
    forger.say(&rotation);
    let first = forger.node.note("with the new key");
    forger.say(&first);
    let lost = json!({"key": old, "status": "compromised", "suspect_from": 2});
    let lost = forger.admin("acme", Kind::KeyStatus, lost);
    forger.say(&lost);
    let again = forger.node.rotate(crate::support::key(7));
    forger.say(&again);
    let revocation = revocation(&forger);
    forger.say(&revocation);
    // The entry that replaces the service key is the last one the old key signs.
    let change = forger.change_of_keys(KeyUse::Service, &stranger());
    forger.append(&change);
    let mut header = forger.plain().header;
    header.key = stranger().public();
    forger.append(&signed(header, &json!({"text": "plain"}), &stranger()));
    forger.passes();
}

/// What the ledger says of an author is the author's own word, or it is the ledger's lie.
#[test]
fn what_is_said_of_an_author_bears_the_authors_signature() {
    let refusal = |forger: &Forger, event: &Event| forger.refusal("bad-payload", event);
    let mut forger = Forger::new();
    let taken = forger.note();
    let recorded = forger.append(&taken);
    let fork = |forger: &Forger, event: &Event, by: i64| {
        let link = event.header.chain.unwrap();
        let place = json!({"epoch": link.epoch, "seq": link.seq.strict_add_signed(by)});
        let payload = json!({
            "header": header_of(event), "key": forger.node.key.public(), "place": place, "recorded": recorded,
            "sig": event.sig,
        });
        forger.accuse(Kind::ChainFork, &payload)
    };
    let next = note_with(&forger, |_| ());
    let again = note_with(&forger, |header| header.chain = taken.header.chain);
    let unsigned = |event: &Event| signed(event.header.clone(), &json!({"text": "forged"}), &stranger());
    let strangers = |event: &Event| {
        let header = Header { key: stranger().public(), ..event.header.clone() };
        signed(header, &json!({"text": "forged"}), &stranger())
    };
    let foreign = note_with(&forger, |header| header.ledger = Hash([1; 32]));
    let lies = [
        ("a refusal of what was not signed", refusal(&forger, &unsigned(&next))),
        ("a refusal of what another ledger was told", refusal(&forger, &foreign)),
        ("a fork that was not signed", fork(&forger, &unsigned(&again), 0)),
        ("a fork that another key signed", fork(&forger, &strangers(&again), 0)),
        ("a fork for another place", fork(&forger, &again, -1)),
        ("a fork for a place that nobody took", fork(&forger, &next, 0)),
    ];
    for (what, event) in lies {
        let mut forger = forger.clone();
        let seq = forger.append(&event);
        assert_eq!(failures(&forger.verify()), [("signature", Some(seq))], "{what}");
    }
    let fork = fork(&forger, &again, 0);
    forger.append(&fork);
    let refusal = refusal(&forger, &next);
    forger.append(&refusal);
    forger.passes();
}

//! People answer, and nodes report: from version 2 of the admission rules on no key or session of a node
//! answers an incident, labels are those of a node of the organisation, and an enrolment token introduces what it is
//! for. `spec/vectors/nodes.json` has the same for verifiers of other makes.

use crate::admission_vectors::{failures_of, log_of, write_vectors};
use crate::forged_kinds::{Smuggled, by, by_session, each_is_found, other, service};
use crate::forger::Forger;
use crate::support::{START, introduction, name, random, signed};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::payload::token_hash;
use spec::{Author, Event, Hash, Header, Kind, Timestamp, Uuid};
use std::path::{Path, PathBuf};

/// What an answer is about; admission looks at no target.
fn target() -> Value {
    json!({"target": Hash([7; 32])})
}

fn by_node(forger: &mut Forger, kind: Kind, said: &Value) -> u64 {
    let event = forger.node.event(kind, said);
    forger.append(&event)
}

/// A token with a secret, for what is said beside.
fn token(forger: &mut Forger, secret: [u8; 32], beside: &Value) -> u64 {
    let mut said = json!({
        "action": "create", "expires_at": Timestamp::from_millis(START + 86_400_000), "org": "acme",
        "token": token_hash(&secret), "uses": 2,
    });
    said.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    let event = forger.admin("acme", Kind::Enrolment, said);
    forger.append(&event)
}

/// A new key of an author, with a token of that secret.
fn introduced(forger: &Forger, author: &Author, secret: [u8; 32]) -> Event {
    introduction(&forger.ledger, "acme", author, &SigningKey::from_seed(&random()), &secret)
}

fn introduce(forger: &mut Forger, author: &Author, beside: &Value) -> u64 {
    let secret = random();
    token(forger, secret, beside);
    let event = introduced(forger, author, secret);
    forger.append(&event)
}

/// A person's device resolves an incident.
fn answer_of_a_device(forger: &mut Forger) -> u64 {
    let (secret, person, key) = (random(), a_person(), SigningKey::from_seed(&random()));
    token(forger, secret, &json!({"use": "device"}));
    let event = introduction(&forger.ledger, "acme", &person, &key, &secret);
    forger.append(&event);
    let mut device = forger.node.clone();
    (device.key, device.introduction, device.head, device.next) = (key, event.hash(), event.hash(), 0);
    let answer = device.craft(Kind::Resolve, &target(), |header| header.author = person);
    forger.append(&answer)
}

fn a_node() -> Author {
    Author::Node(Uuid::v4(random()))
}

fn a_person() -> Author {
    Author::User(Uuid::v4(random()))
}

fn labels(forger: &mut Forger, change: impl FnOnce(&mut Header)) -> u64 {
    let said = json!({"labels": {"rack": "7"}});
    let event = service(forger, Kind::Labels, &said, |header| {
        by("service:admin", "admin")(header);
        change(header);
    });
    forger.append(&event)
}

/// The node's key has ended, and a token of another tenant introduces another one.
fn moved(forger: &mut Forger) -> u64 {
    let ended = json!({"key": forger.node.key.public(), "status": "revoked"});
    let ended = forger.admin("acme", Kind::KeyStatus, ended);
    forger.append(&ended);
    let secret = random();
    token(forger, secret, &json!({"tenant": "other"}));
    let event = introduced(forger, &Author::Node(forger.node.id), secret);
    let said: Value = serde_json::from_str(&event.payload.json).unwrap();
    let header = Header { tenant: Some(name("other")), ..event.header };
    forger.append(&signed(header, &said, &forger.service_key))
}

const SMUGGLED: &[Smuggled] = &[
    ("an acknowledgement by a node", "not-allowed", |f| by_node(f, Kind::Ack, &target())),
    ("an assignment by a node", "not-allowed", |f| by_node(f, Kind::Assign, &target())),
    ("a resolution by a node", "not-allowed", |f| by_node(f, Kind::Resolve, &target())),
    ("a node reopens", "not-allowed", |f| by_node(f, Kind::Reopen, &target())),
    ("a tag by a node", "not-allowed", |f| {
        by_node(f, Kind::Tag, &json!({"tags": ["seen"], "target": Hash([7; 32])}))
    }),
    ("a resolution by a node's session", "not-allowed", |f| {
        let event = service(f, Kind::Resolve, &target(), by_session(f.node.id));
        f.append(&event)
    }),
    ("labels of no node", "bad-payload", |f| labels(f, |_| ())),
    ("labels of another organisation's node", "wrong-org", |f| {
        let node = f.node.id;
        labels(f, |header| (header.node_id, header.org) = (Some(node), name("umbrella")))
    }),
    ("a device with a node's token", "not-allowed", |f| introduce(f, &a_person(), &json!({"use": "node"}))),
    ("a device with a token that does not say", "not-allowed", |f| introduce(f, &a_person(), &json!({}))),
    ("a node with a device's token", "not-allowed", |f| introduce(f, &a_node(), &json!({"use": "device"}))),
    ("another node than the token's", "not-allowed", |f| {
        introduce(f, &a_node(), &json!({"node": other(), "use": "node"}))
    }),
    ("a node again, in another tenant", "author-taken", moved),
];

#[test]
fn a_nodes_word_counts_as_a_nodes() {
    each_is_found(SMUGGLED);
}

/// The same as far as it is allowed.
fn let_in() -> Forger {
    let mut forger = Forger::new();
    let admin =
        |forger: &Forger, kind, said: &Value| service(forger, kind, said, by("service:admin", "admin"));
    for kind in [Kind::Ack, Kind::Assign, Kind::Resolve, Kind::Reopen] {
        let event = admin(&forger, kind, &target());
        forger.append(&event);
    }
    let event = service(&forger, Kind::Ack, &target(), by("import:old.jsonl", "import"));
    forger.append(&event);
    by_node(&mut forger, Kind::Incident, &json!({"title": "a node reports"}));
    by_node(&mut forger, Kind::Note, &json!({"target": Hash([7; 32]), "text": "and remarks"}));
    let node = forger.node.id;
    labels(&mut forger, |header| header.node_id = Some(node));
    answer_of_a_device(&mut forger);
    introduce(&mut forger, &a_node(), &json!({}));
    introduce(&mut forger, &Author::Node(other()), &json!({"node": other()}));
    forger
}

#[test]
fn what_people_say_is_let_in() {
    let_in().passes();
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/nodes.json")
}

#[test]
fn each_vector_of_what_nodes_say_has_its_verdict() {
    failures_of(&file(), 12);
}

#[test]
#[ignore = "writes spec/vectors/nodes.json"]
fn regenerate_vectors_of_nodes() {
    let base = log_of(&Forger::new());
    let appended = |forger: &Forger| log_of(forger)[base.len()..].to_owned();
    let refused = SMUGGLED.iter().map(|(what, _, forge)| {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        json!({"appended": appended(&forger), "failure": {"code": "admission", "seq": seq}, "name": what})
    });
    let refused: Vec<Value> = refused.collect();
    write_vectors(&file(), &json!({"accepted": appended(&let_in()), "log": base, "refused": refused}));
}

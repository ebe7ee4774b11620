//! What the rules of kinds ask for, and a ledger that holds all keys keeps none of: accusations out of thin air, inner
//! signatures, derived ids, things said by whoever may not. From version 2 of the admission rules on the auditor finds
//! each; a ledger of version 1 is judged by version 1.

use crate::forger::{Forger, failures, stranger};
use crate::support::{START, keyring, name, payload, random, recovery_keys, signed, token};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::limits::MAX_ID_AHEAD_MS;
use spec::payload::{
    Attention, Command, CommandOrder, Genesis, KeySignature, RolloutWave, ScheduleRun, command_bytes,
    token_hash, witness_possession_bytes,
};
use spec::{Author, Event, Hash, Header, KeyUse, Kind, Name, Signature, Timestamp, Uuid, Via};

/// What is said, the refusal it should have met, and how it is written past that; gives its seq.
pub(crate) type Smuggled = (&'static str, &'static str, fn(&mut Forger) -> u64);

pub(crate) fn note_with(forger: &Forger, change: impl FnOnce(&mut Header)) -> Event {
    forger.node.craft(Kind::Note, &json!({"text": "forged"}), change)
}

/// Something that the service says, with another header.
pub(crate) fn service(forger: &Forger, kind: Kind, said: &Value, change: impl FnOnce(&mut Header)) -> Event {
    let mut header = forger.plain().header;
    header.payload_version = kind.payload_version(&payload(said).json).unwrap();
    header.kind = kind;
    change(&mut header);
    signed(header, said, &forger.service_key)
}

pub(crate) fn by(author: &str, method: &str) -> impl FnOnce(&mut Header) {
    let (author, method) = (author.parse::<Author>().unwrap(), name(method));
    move |header| {
        header.author = author;
        header.via = Some(Via { method, subject: None });
    }
}

/// What a node's session says.
pub(crate) fn by_session(node: Uuid) -> impl FnOnce(&mut Header) {
    move |header| {
        by("service:ingest", "node-jwt")(header);
        header.node_id = Some(node);
    }
}

/// A note that is recorded, and a second one for its place.
fn fork(forger: &mut Forger) -> (u64, Event, Event) {
    let taken = forger.note();
    let second = note_with(forger, |header| header.chain = taken.header.chain);
    (forger.append(&taken), taken, second)
}

/// An accusation with another header.
fn accuse_with(forger: &Forger, event: Event, change: impl FnOnce(&mut Header)) -> Event {
    let said: Value = serde_json::from_str(&event.payload.json).unwrap();
    let mut header = event.header;
    change(&mut header);
    signed(header, &said, &forger.service_key)
}

/// An event of an epoch that is closed by now, and what became of it at the time.
fn of_a_closed_epoch(forger: &mut Forger, recorded: bool) -> Event {
    let old = forger.note();
    if recorded {
        forger.append(&old);
    }
    let opened = forger.node.open_epoch();
    forger.append(&opened);
    old
}

fn order(forger: &Forger, node: Uuid, key: &SigningKey) -> Value {
    let mut order = CommandOrder {
        approvals: 0,
        command: name("scan"),
        expires_at: Timestamp::from_millis(START + 600_000),
        node,
        nonce: Hash(random()),
        not_before: Timestamp::from_millis(START),
        parameters: std::collections::BTreeMap::new(),
        rollout: None,
        sig: Signature([0; 64]),
        text: None,
    };
    order.sig = key.sign(&command_bytes(&order, &forger.node.ledger));
    serde_json::to_value(Command::Issue(order)).unwrap()
}

fn command_key() -> SigningKey {
    keyring(230).command
}

fn command(forger: &Forger, said: &Value, about: Uuid) -> Event {
    service(forger, Kind::Command, said, |header| {
        by("service:admin", "admin")(header);
        header.node_id = Some(about);
    })
}

/// A node offers a key to cosign with.
fn offer(forger: &Forger, key: &SigningKey, as_name: &str) -> Value {
    let as_name: Name = name(as_name);
    let pop = key.sign(&witness_possession_bytes(&key.public(), &forger.node.ledger, &as_name));
    json!({"key": key.public(), "name": as_name, "pop": pop})
}

fn offered(forger: &mut Forger, said: &Value) -> u64 {
    let event = forger.node.event(Kind::WitnessKey, said);
    forger.append(&event)
}

fn own_name(forger: &Forger) -> String {
    format!("node:{}", forger.node.id)
}

fn change_of_band() -> Value {
    json!({
        "at": Timestamp::from_millis(START), "band": "ATTN",
        "change": {"from": "OK", "reasons": [], "to": "ATTN", "what": "band"},
        "ruleset": Hash::ZERO, "score": 25, "seq": 3,
    })
}

fn attention(forger: &Forger, author: &str, change: impl FnOnce(&mut Header)) -> Event {
    let said = change_of_band();
    let typed: Attention = serde_json::from_value(said.clone()).unwrap();
    service(forger, Kind::Attention, &said, |header| {
        by(author, "self")(header);
        header.node_id = Some(forger.node.id);
        header.id = typed.id(&header.org, header.node_id);
        change(header);
    })
}

fn run_of_schedule() -> Value {
    let due = Timestamp::from_millis(START);
    json!({
        "at": due, "count": 1, "due": due, "first": due, "outcome": "missed", "reason": "late",
        "schedule": Hash::ZERO,
    })
}

fn decision(forger: &Forger, kind: Kind, change: impl FnOnce(&mut Header)) -> Event {
    let wave = json!({
        "at": Timestamp::from_millis(START), "rollout": Hash::ZERO, "step": "begun", "wave": 0,
    });
    let (said, id) = if kind == Kind::ScheduleRun {
        let said = run_of_schedule();
        let id = serde_json::from_value::<ScheduleRun>(said.clone()).unwrap().id();
        (said, id)
    } else {
        let id = serde_json::from_value::<RolloutWave>(wave.clone()).unwrap().id();
        (wave, id)
    };
    service(forger, kind, &said, |header| {
        header.author = Author::Service(name("scheduler"));
        let subject = Some(name(&Uuid::v4([4; 16]).to_string()));
        header.via = Some(Via { method: name("schedule"), subject });
        header.id = id;
        change(header);
    })
}

fn heartbeat(node: Uuid) -> Value {
    json!({
        "node_id": node, "hostname": "h", "os_profile": "ArchVault", "cloudflare_ok": true,
        "services_ok": true, "vaultmesh_root": "/var", "timestamp": "2026-11-21T20:42:00Z",
    })
}

pub(crate) fn other() -> Uuid {
    Uuid::v4([7; 16])
}

fn api_token() -> Value {
    json!({
        "action": "create", "id": Uuid::v4([5; 16]), "label": "l", "org": "acme", "role": "org_owner",
        "secret": Hash([9; 32]),
    })
}

const WITHOUT_GROUND: &str = "without ground";

pub(crate) const SMUGGLED: [Smuggled; 48] = [
    ("a fork of the recorded event itself", WITHOUT_GROUND, |f| {
        let (recorded, taken, _) = fork(f);
        f.append(&f.fork(&taken, recorded))
    }),
    ("a fork with another entry", WITHOUT_GROUND, |f| {
        let (recorded, _, second) = fork(f);
        f.append(&f.fork(&second, recorded - 1))
    }),
    ("a fork with an entry that is not there yet", "bad-payload", |f| {
        let (_, _, second) = fork(f);
        let size = f.size();
        f.append(&f.fork(&second, size))
    }),
    ("a fork in another organisation", "wrong-org", |f| {
        let (recorded, _, second) = fork(f);
        let event = accuse_with(f, f.fork(&second, recorded), |header| header.org = name("umbrella"));
        f.append(&event)
    }),
    ("a fork in another tenant", "wrong-tenant", |f| {
        let (recorded, _, second) = fork(f);
        let event = accuse_with(f, f.fork(&second, recorded), |header| header.tenant = Some(name("test")));
        f.append(&event)
    }),
    ("a fork about another node", "bad-payload", |f| {
        let (recorded, _, second) = fork(f);
        let event = accuse_with(f, f.fork(&second, recorded), |header| header.node_id = Some(other()));
        f.append(&event)
    }),
    ("a fork by another author", "bad-payload", |f| {
        let taken = f.note();
        let recorded = f.append(&taken);
        let second = note_with(f, |header| {
            header.chain = taken.header.chain;
            header.author = Author::Node(other());
        });
        f.append(&f.fork(&second, recorded))
    }),
    ("the 65th accusation of a key", "bad-payload", |f| {
        for _ in 0..64 {
            let (recorded, _, second) = fork(f);
            f.append(&f.fork(&second, recorded));
        }
        let (recorded, _, second) = fork(f);
        f.append(&f.fork(&second, recorded))
    }),
    ("a refusal after 64 forks", "bad-payload", |f| {
        for _ in 0..64 {
            let (recorded, _, second) = fork(f);
            f.append(&f.fork(&second, recorded));
        }
        let next = f.note();
        f.append(&f.refusal("bad-payload", &next))
    }),
    ("a refusal of a key that nobody introduced", "unknown-key", |f| {
        let header = Header { key: stranger().public(), ..f.node.header(Kind::Note) };
        let event = signed(header, &json!({"text": "x"}), &stranger());
        f.append(&f.refusal("bad-payload", &event))
    }),
    ("a refusal of what the service said", "bad-payload", |f| {
        let plain = f.plain();
        let event = accuse_with(f, f.refusal("not-allowed", &plain), |header| {
            header.org = name("ledger");
            header.node_id = None;
        });
        f.append(&event)
    }),
    ("a refusal in another organisation", "wrong-org", |f| {
        let next = f.note();
        let event = accuse_with(f, f.refusal("bad-payload", &next), |header| header.org = name("umbrella"));
        f.append(&event)
    }),
    ("a refusal about another node", "bad-payload", |f| {
        let next = f.note();
        let event = accuse_with(f, f.refusal("bad-payload", &next), |header| header.node_id = None);
        f.append(&event)
    }),
    ("a refusal of a recorded event", "bad-payload", |f| {
        let taken = f.note();
        f.append(&taken);
        f.append(&f.refusal("bad-payload", &taken))
    }),
    ("a refusal of an event that is not in its place", "bad-payload", |f| {
        f.note();
        let ahead = f.note();
        f.append(&f.refusal("bad-payload", &ahead))
    }),
    ("a refusal of what a closed epoch has recorded", WITHOUT_GROUND, |f| {
        let old = of_a_closed_epoch(f, true);
        f.append(&f.refusal("epoch-closed", &old))
    }),
    ("a second refusal of one event", WITHOUT_GROUND, |f| {
        let old = of_a_closed_epoch(f, false);
        f.append(&f.refusal("epoch-closed", &old));
        f.append(&f.refusal("epoch-closed", &old))
    }),
    ("a word that is no code", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("because", &next))
    }),
    ("a code that is not for good", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("blocked", &next))
    }),
    ("a revoked key that is valid", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("key-revoked", &next))
    }),
    ("a wrong organisation that is right", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("wrong-org", &next))
    }),
    ("a wrong tenant that is right", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("wrong-tenant", &next))
    }),
    ("a kind that is allowed", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("not-allowed", &next))
    }),
    ("a time that is right", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("id-time", &next))
    }),
    ("an entry that is not too large", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("too-large", &next))
    }),
    ("an id that nobody has", WITHOUT_GROUND, |f| {
        let next = f.note();
        f.append(&f.refusal("duplicate-id", &next))
    }),
    ("a closed epoch that is open", "bad-payload", |f| {
        let next = f.note();
        f.append(&f.refusal("epoch-closed", &next))
    }),
    ("an order under a stranger's signature", "bad-signature", |f| {
        let said = order(f, f.node.id, &stranger());
        f.append(&command(f, &said, f.node.id))
    }),
    ("an order under the service key", "bad-signature", |f| {
        let said = order(f, f.node.id, &f.service_key);
        f.append(&command(f, &said, f.node.id))
    }),
    ("an order under the command key that was replaced", "bad-signature", |f| {
        let said = order(f, f.node.id, &command_key());
        let change = f.change_of_keys(KeyUse::Command, &stranger());
        f.append(&change);
        f.append(&command(f, &said, f.node.id))
    }),
    ("an order to another organisation's node", "wrong-org", |f| {
        let said = order(f, f.node.id, &command_key());
        let event = command(f, &said, f.node.id);
        let header = Header { org: name("umbrella"), ..event.header };
        f.append(&signed(header, &said, &f.service_key))
    }),
    ("an order about another node", "bad-payload", |f| {
        let said = order(f, f.node.id, &command_key());
        f.append(&command(f, &said, other()))
    }),
    ("an offer without possession", "bad-payload", |f| {
        let mut said = offer(f, &stranger(), &own_name(f));
        said["pop"] = json!(Signature([0; 64]));
        offered(f, &said)
    }),
    ("an offer in another's name", "bad-payload", |f| {
        let said = offer(f, &stranger(), "auditor.example");
        offered(f, &said)
    }),
    ("an offer of the key of events", "bad-payload", |f| {
        let said = offer(f, &f.node.key, &own_name(f));
        offered(f, &said)
    }),
    ("an offer of a key that is for something else", "bad-payload", |f| {
        let said = offer(f, &f.checkpoint_key, &own_name(f));
        offered(f, &said)
    }),
    ("an offer by a node's session", "bad-payload", |f| {
        let said = offer(f, &stranger(), &own_name(f));
        let event = service(f, Kind::WitnessKey, &said, by_session(f.node.id));
        f.append(&event)
    }),
    ("a change of attention under another id", "bad-payload", |f| {
        let id = f.plain().header.id;
        f.append(&attention(f, "service:attention", |header| header.id = id))
    }),
    ("a change of attention about another node", "bad-payload", |f| {
        f.append(&attention(f, "service:attention", |header| header.node_id = Some(other())))
    }),
    ("a change of attention by another part of the service", "bad-payload", |f| {
        f.append(&attention(f, "service:ledger", |_| ()))
    }),
    ("a decision on a schedule under another id", "bad-payload", |f| {
        let id = f.plain().header.id;
        f.append(&decision(f, Kind::ScheduleRun, |header| header.id = id))
    }),
    ("a decision on a schedule in a tenant", "bad-payload", |f| {
        f.append(&decision(f, Kind::ScheduleRun, |header| header.tenant = Some(name("prod"))))
    }),
    ("a decision on a roll-out under another id", "bad-payload", |f| {
        let id = f.plain().header.id;
        f.append(&decision(f, Kind::RolloutWave, |header| header.id = id))
    }),
    ("a heartbeat of another node", "bad-payload", |f| {
        let event = f.node.event(Kind::Heartbeat, &heartbeat(other()));
        f.append(&event)
    }),
    ("a session's heartbeat of another node", "bad-payload", |f| {
        let event = service(f, Kind::Heartbeat, &heartbeat(other()), by_session(f.node.id));
        f.append(&event)
    }),
    ("an owner's token by a node's session", "not-allowed", |f| {
        let event = service(f, Kind::Token, &api_token(), by_session(f.node.id));
        f.append(&event)
    }),
    ("a revocation by a node's session", "not-allowed", |f| {
        let said = json!({"key": f.node.key.public(), "status": "revoked"});
        let event = service(f, Kind::KeyStatus, &said, by_session(f.node.id));
        f.append(&event)
    }),
    ("admission rules that are in force already", "bad-payload", |f| {
        let event = f.own(Kind::Admission, json!({"version": 2}));
        f.append(&event)
    }),
];

#[test]
fn what_the_rules_of_kinds_refuse_the_auditor_finds() {
    each_is_found(&SMUGGLED);
}

/// Each is found by the auditor at its entry, and for its reason.
pub(crate) fn each_is_found(smuggled: &[Smuggled]) {
    for (what, refusal, forge) in smuggled {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        let report = forger.verify();
        assert_eq!(failures(&report), [("admission", Some(seq))], "{what}: {:?}", report.failures);
        let detail = &report.failures[0].detail;
        let expected = match *refusal {
            WITHOUT_GROUND => WITHOUT_GROUND.to_owned(),
            code => format!("should have been refused: {code}: "),
        };
        assert!(detail.contains(&expected), "{what}: {detail}");
    }
}

#[test]
fn enrolment_is_not_for_a_nodes_session() {
    let mut forger = Forger::new();
    let said: Value = serde_json::from_str(&token(&forger.ledger, "acme", &[3; 32], 1).payload.json).unwrap();
    let event = service(&forger, Kind::Enrolment, &said, by_session(forger.node.id));
    let seq = forger.append(&event);
    assert_eq!(failures(&forger.verify()), [("admission", Some(seq))]);
    // Nor is a key introduced by anybody without a token to show.
    let mut forger = Forger::new();
    let secret = random();
    let made = token(&forger.ledger, "acme", &secret, 1);
    forger.append(&made);
    let (id, key) = (Uuid::v4(random()), SigningKey::from_seed(&random()));
    let author = Author::Node(id);
    let said = crate::support::introduction(&forger.ledger, "acme", &author, &key, &secret);
    let said: Value = serde_json::from_str(&said.payload.json).unwrap();
    assert_eq!(said["token"], json!(token_hash(&secret)));
    let event = forger.admin("acme", Kind::Key, said);
    let seq = forger.append(&event);
    assert_eq!(failures(&forger.verify()), [("admission", Some(seq))]);
}

#[test]
fn a_seal_is_the_last_of_its_group() {
    let mut forger = Forger::new();
    let state = forger.state();
    let seal = json!({
        "admission": state.admission_digest(), "advisory": {}, "index": state.seals.count,
        "prev": state.seals.last, "root": state.tree.root(),
    });
    let seal = forger.own(Kind::Seal, seal);
    let seq = forger.say(&seal);
    let note = forger.note();
    forger.append(&note);
    assert_eq!(failures(&forger.verify())[0], ("seal", Some(seq)));
}

#[test]
fn what_the_rules_of_kinds_let_in_the_auditor_does_too() {
    let_in().passes();
}

/// The same as far as it is allowed.
pub(crate) fn let_in() -> Forger {
    let mut forger = Forger::new();
    let (recorded, _, second) = fork(&mut forger);
    forger.append(&forger.fork(&second, recorded));
    // A refusal holds the place of what it quotes.
    let refused = forger.note();
    let refusal = forger.append(&forger.refusal("bad-payload", &refused));
    let again = note_with(&forger, |header| header.chain = refused.header.chain);
    forger.append(&forger.fork(&again, refusal));
    for (code, event) in [
        ("wrong-org", note_with(&forger, |header| header.org = name("umbrella"))),
        ("wrong-tenant", note_with(&forger, |header| header.tenant = Some(name("test")))),
        (
            "id-time",
            note_with(&forger, |header| {
                let late = forger.now.millis() + MAX_ID_AHEAD_MS + 1;
                header.id = Uuid::v7(Timestamp::from_millis(late), random());
            }),
        ),
        ("duplicate-id", note_with(&forger, |header| header.id = refused.header.id)),
    ] {
        // All of them for the same place: each in a ledger of its own.
        let mut forger = forger.clone();
        if code == "duplicate-id" {
            let taken = note_with(&forger, |_| ());
            forger.node.advance(&taken);
            forger.append(&taken);
            let event = note_with(&forger, |header| header.id = taken.header.id);
            forger.append(&forger.refusal(code, &event));
        } else {
            forger.append(&forger.refusal(code, &event));
        }
        forger.passes();
    }
    let old = of_a_closed_epoch(&mut forger, false);
    forger.append(&forger.refusal("epoch-closed", &old));
    let said = order(&forger, forger.node.id, &command_key());
    forger.append(&command(&forger, &said, forger.node.id));
    let said = order(&forger, other(), &command_key());
    forger.append(&command(&forger, &said, other()));
    let said = offer(&forger, &stranger(), &own_name(&forger));
    offered(&mut forger, &said);
    forger.append(&attention(&forger, "service:attention", |_| ()));
    forger.append(&decision(&forger, Kind::ScheduleRun, |_| ()));
    forger.append(&decision(&forger, Kind::RolloutWave, |_| ()));
    let beat = heartbeat(forger.node.id);
    let event = service(&forger, Kind::Heartbeat, &beat, by_session(forger.node.id));
    forger.append(&event);
    // Whoever uses a key after its end is to be noticed.
    let ended = json!({"key": forger.node.key.public(), "status": "revoked"});
    let ended = forger.admin("acme", Kind::KeyStatus, ended);
    forger.append(&ended);
    let late = forger.note();
    forger.append(&forger.refusal("key-revoked", &late));
    forger
}

/// A ledger that starts with these rules, with all of the honest ledger's keys.
fn ledger_of_version(version: u64) -> Forger {
    let mut forger = Forger::from_nothing();
    let honest = Forger::genesis();
    let mut said: Genesis = serde_json::from_str(&honest.payload.json).unwrap();
    said.admission = version;
    let keys = keyring(230);
    let mut signers = vec![keys.checkpoint, keys.checkpoint_sha256, keys.command, keys.service];
    signers.extend(recovery_keys());
    signers.sort_by_key(SigningKey::public);
    let message = said.possession_bytes();
    said.pop = signers.iter().map(|k| KeySignature { key: k.public(), sig: k.sign(&message) }).collect();
    let event = signed(honest.header, &serde_json::to_value(&said).unwrap(), &forger.service_key);
    forger.append(&event);
    forger
}

#[test]
fn each_entry_is_judged_by_the_version_in_force() {
    let mut forger = ledger_of_version(1);
    let ledger = forger.state().ledger;
    let for_it = move |header: &mut Header| header.ledger = ledger;
    // A heartbeat about another node than the header says: version 1 did not look.
    let beat = |forger: &Forger| {
        service(forger, Kind::Heartbeat, &heartbeat(other()), |header| {
            by("import:old.jsonl", "import")(header);
            header.node_id = Some(forger.node.id);
            for_it(header);
        })
    };
    let first = beat(&forger);
    forger.append(&first);
    let root = forger.checkpoint();
    forger.sign_root(&root);
    forger.passes();
    let over = forger.own(Kind::Admission, json!({"version": 2}));
    let mut header = over.header;
    for_it(&mut header);
    let over = signed(header, &json!({"version": 2}), &forger.service_key);
    let mut skipped = forger.clone();
    forger.append(&over);
    assert_eq!(forger.state().admission, 2);
    let root = forger.checkpoint();
    forger.sign_root(&root);
    forger.passes();
    let second = beat(&forger);
    let seq = forger.append(&second);
    assert_eq!(failures(&forger.verify()), [("admission", Some(seq))]);
    // Rules that nobody here knows are not guessed.
    let unknown = signed(over.header, &json!({"version": 3}), &skipped.service_key);
    let seq = skipped.append(&unknown);
    assert_eq!(failures(&skipped.verify()), [("admission-version", Some(seq))]);
}

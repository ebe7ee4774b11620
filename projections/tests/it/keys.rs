//! Keys: what ends one, and what counts as its use.

use crate::entries::{Fact, at, key, name, node, saying, user};
use crate::fleet::fold;
use projections::keys::{Key, KeyState};
use serde_json::{Value, json};
use spec::{Author, Hash, Kind, Signature};

/// A person's device gets a key.
pub(crate) fn device(org: &'static str, person: u16, n: u16) -> Fact {
    let payload = json!({"author": user(person), "key": key(n), "pop": Signature([0; 64]),
        "token": Hash::ZERO, "use": "device"});
    let mut saying = saying(Author::Service(name("ingest")), Kind::Key, org, None, payload);
    saying.tenant = Some("prod");
    Fact::Said(Box::new(saying))
}

/// The end of a key, said in an organisation.
pub(crate) fn end(org: &'static str, n: u16, status: &str, suspect_from: Option<u64>) -> Fact {
    let mut payload = json!({"key": key(n), "reason": format!("was {status}"), "status": status});
    if let Some(from) = suspect_from {
        payload["suspect_from"] = json!(from);
    }
    crate::entries::said(Author::Service(name("ingest")), Kind::KeyStatus, org, None, payload)
}

/// A note, signed with a key.
pub(crate) fn signed(org: &'static str, n: u16) -> Fact {
    let payload: Value = json!({"text": "mine"});
    let mut saying = saying(user(1), Kind::Note, org, None, payload);
    saying.key = n;
    Fact::Said(Box::new(saying))
}

/// A node goes over from one key to another.
pub(crate) fn rotation(org: &'static str, id: u16, old: u16, new: u16) -> Fact {
    let payload = json!({"key": key(new), "pop": Signature([0; 64]), "replaces": key(old)});
    let mut saying = saying(Author::Node(node(id)), Kind::KeyRotation, org, None, payload);
    saying.key = old;
    Fact::Said(Box::new(saying))
}

fn one(facts: &[Fact]) -> Key {
    fold(facts).keys().of(&name("acme")).next().unwrap().clone()
}

#[test]
fn a_key_is_active_until_it_ends() {
    let introduced = device("acme", 1, 11);
    let known = one(&[introduced.clone(), signed("acme", 11), signed("acme", 12)]);
    assert_eq!(
        (known.key, known.author.clone(), known.tenant.clone()),
        (key(11), user(1), Some(name("prod")))
    );
    assert_eq!((known.status(), known.introduced.seq), (KeyState::Active, 0));
    assert_eq!(known.used.map(|used| (used.seq, used.recorded_at)), Some((1, at(10))));
    for (facts, status, reason) in [
        (vec![end("acme", 11, "revoked", None)], KeyState::Revoked, "was revoked"),
        (vec![end("ledger", 11, "compromised", Some(1))], KeyState::Compromised, "was compromised"),
        (
            vec![end("acme", 11, "revoked", None), end("acme", 11, "compromised", Some(0))],
            KeyState::Compromised,
            "was compromised",
        ),
        (
            vec![end("acme", 11, "compromised", Some(0)), end("acme", 11, "revoked", None)],
            KeyState::Compromised,
            "was compromised",
        ),
    ] {
        let key = one(&[std::slice::from_ref(&introduced), &facts[..]].concat());
        let ended = key.ended.as_ref().unwrap();
        assert_eq!((key.status(), ended.reason.as_deref(), ended.at.seq), (status, Some(reason), 1));
    }
    assert_eq!(one(&[introduced, end("beta", 11, "revoked", None)]).status(), KeyState::Active);
}

#[test]
fn a_key_is_suspect_if_it_signed_what_is_in_doubt() {
    let facts =
        |from| [device("acme", 1, 11), signed("acme", 11), end("acme", 11, "compromised", Some(from))];
    assert!(one(&facts(0)).is_suspect() && one(&facts(1)).is_suspect());
    assert!(!one(&facts(2)).is_suspect(), "what is in doubt came after its last use");
    assert!(
        !one(&[device("acme", 1, 11), end("acme", 11, "compromised", Some(0))]).is_suspect(),
        "never used"
    );
}

#[test]
fn a_key_is_introduced_once_and_used_where_it_belongs() {
    let node_key = Fact::Introduce { node: 1, key: 11, org: "beta" };
    let folds = fold(&[device("acme", 1, 11), node_key, signed("beta", 11)]);
    assert_eq!(folds.keys().of(&name("beta")).count(), 0);
    assert_eq!(folds.keys().of(&name("acme")).next().unwrap().used, None);
    let folds = fold(&[Fact::Introduce { node: 1, key: 11, org: "acme" }]);
    let found = folds.keys().of(&name("acme")).next().unwrap();
    assert_eq!(found.author, Author::Node(node(1)));
}

#[test]
fn a_key_that_another_took_the_place_of_is_superseded() {
    let history =
        [Fact::Introduce { node: 1, key: 11, org: "acme" }, rotation("acme", 1, 11, 12), signed("acme", 12)];
    let folds = fold(&history);
    let [old, new] = folds.keys().of(&name("acme")).collect::<Vec<_>>()[..] else { panic!() };
    let ended = old.ended.as_ref().unwrap();
    assert_eq!((old.status(), ended.at.seq, ended.successor), (KeyState::Superseded, 1, Some(key(12))));
    assert_eq!(old.used.map(|used| used.seq), Some(1), "the rotation is the last that it signed");
    assert_eq!((new.status(), new.key, new.introduced.seq), (KeyState::Active, key(12), 1));
    assert_eq!(
        (&new.author, new.key_use, new.tenant.as_ref()),
        (&old.author, old.key_use, old.tenant.as_ref())
    );
    assert_eq!(new.used.map(|used| used.seq), Some(2));
    // It can be found to be bad, not to be merely revoked.
    for (status, from, became) in
        [("revoked", None, KeyState::Superseded), ("compromised", Some(0), KeyState::Compromised)]
    {
        let folds = fold(&[&history[..], &[end("acme", 11, status, from)]].concat());
        let states: Vec<KeyState> = folds.keys().of(&name("acme")).map(Key::status).collect();
        assert_eq!(states, [became, KeyState::Active]);
    }
    // Nobody is spoken for by a key of another organisation.
    let folds = fold(&[Fact::Introduce { node: 1, key: 11, org: "acme" }, rotation("beta", 1, 11, 12)]);
    assert_eq!(folds.keys().of(&name("beta")).count(), 0);
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let facts = [
        device("acme", 1, 11),
        Fact::Introduce { node: 1, key: 21, org: "beta" },
        signed("acme", 11),
        end("acme", 11, "compromised", Some(1)),
        end("ledger", 21, "revoked", None),
    ];
    let digest = &fold(&facts).digests()["keys"];
    assert_eq!((digest.version, digest.size), (1, 5));
    assert_eq!(digest.digest.to_hex(), "5219ed7b0fb6cbe2afe7f4d93a662af0999563e95d7b7e4cdbf858a03736f0ad");
}

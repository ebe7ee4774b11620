//! Keys: what ends one, and what counts as its use.

use crate::entries::{Fact, at, key, name, node, saying, user};
use crate::fleet::fold;
use projections::keys::{Key, Status};
use serde_json::{Value, json};
use spec::{Author, Hash, Kind, Signature};

/// A person's device gets a key.
pub(crate) fn device(org: &'static str, person: u8, n: u8) -> Fact {
    let payload = json!({"author": user(person), "key": key(n), "pop": Signature([0; 64]),
        "token": Hash::ZERO, "use": "device"});
    let mut saying = saying(Author::Service(name("ingest")), Kind::Key, org, None, payload);
    saying.tenant = Some("prod");
    Fact::Said(Box::new(saying))
}

/// The end of a key, said in an organisation.
pub(crate) fn end(org: &'static str, n: u8, status: &str, suspect_from: Option<u64>) -> Fact {
    let mut payload = json!({"key": key(n), "reason": format!("was {status}"), "status": status});
    if let Some(from) = suspect_from {
        payload["suspect_from"] = json!(from);
    }
    crate::entries::said(Author::Service(name("ingest")), Kind::KeyStatus, org, None, payload)
}

/// A note, signed with a key.
pub(crate) fn signed(org: &'static str, n: u8) -> Fact {
    let payload: Value = json!({"text": "mine"});
    let mut saying = saying(user(1), Kind::Note, org, None, payload);
    saying.key = n;
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
    assert_eq!((known.status(), known.introduced.seq), (Status::Active, 0));
    assert_eq!(known.used.map(|used| (used.seq, used.recorded_at)), Some((1, at(10))));
    for (facts, status, reason) in [
        (vec![end("acme", 11, "revoked", None)], Status::Revoked, "was revoked"),
        (vec![end("ledger", 11, "compromised", Some(1))], Status::Compromised, "was compromised"),
        (
            vec![end("acme", 11, "revoked", None), end("acme", 11, "compromised", Some(0))],
            Status::Compromised,
            "was compromised",
        ),
        (
            vec![end("acme", 11, "compromised", Some(0)), end("acme", 11, "revoked", None)],
            Status::Compromised,
            "was compromised",
        ),
    ] {
        let key = one(&[std::slice::from_ref(&introduced), &facts[..]].concat());
        let ended = key.ended.as_ref().unwrap();
        assert_eq!((key.status(), ended.reason.as_deref(), ended.at.seq), (status, Some(reason), 1));
    }
    assert_eq!(one(&[introduced, end("beta", 11, "revoked", None)]).status(), Status::Active);
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

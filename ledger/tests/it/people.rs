//! Organisations and their people: what admission lets in of a day in their life, what it refuses and the auditor finds,
//! and `spec/vectors/organisations.json`, which has both.
//!
//! `cargo test -p ledger --test it -- --ignored regenerate_people` writes the vectors anew; keys are those of the tests.

use crate::admission::{DAY, World};
use crate::admission_vectors::{failures_of, log_of, write_vectors};
use crate::forger::{Forger, failures};
use crate::support::{START, admin, draft, name, run, token};
use ledger::Ledger;
use serde_json::{Value, json};
use spec::payload::user_id;
use spec::{Author, Event, Hash, Kind, Timestamp, Uuid, Via};
use std::path::{Path, PathBuf};

const ISSUER: &str = "https://id.example.org";
const RULE: &str = "3f2b8c1e-5f0a-4d52-9a57-0c6f4b1f2a90";
const OWNERS: &str = "9a1c7c7e-8a3b-4a0e-b0a4-1f6d9f0c2b11";
const INVITATION: &str = "7b1de0c4-62a5-4f0e-8f4f-2f9f6c1b7d33";

fn person(ledger: &Ledger, subject: &str) -> Uuid {
    user_id(&ledger.id(), ISSUER, subject)
}

fn said_by(ledger: &Ledger, subject: &str, org: &str, kind: Kind, payload: Value) -> Event {
    let via = Via { method: name("sign-in"), subject: Some(name("example")) };
    ledger.sign(&draft(Author::User(person(ledger, subject)), via, org, kind, payload)).unwrap()
}

fn provider(issuer: &str) -> Value {
    let settings =
        json!({"algorithms": ["EdDSA"], "audiences": ["vaultmesh"], "issuer": issuer, "kind": "oidc"});
    json!({"action": "set", "id": "example", "settings": settings})
}

fn rule(id: &str, role: &str) -> Value {
    json!({"action": "set", "claim": "groups", "id": id, "provider": "example", "role": role, "value": role})
}

fn until(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

/// Who asks for what, and what becomes of it.
type Step = (&'static str, &'static str, fn(&Ledger) -> Event);

/// A day in the life of two organisations, in this order.
const DAY_OF_PEOPLE: &[Step] = &[
    ("a provider", "ok", |l| admin(l, "ledger", Kind::IdentityProvider, provider(ISSUER))),
    ("a provider of a customer", "wrong-org", |l| admin(l, "acme", Kind::IdentityProvider, provider(ISSUER))),
    ("a second provider of an issuer", "duplicate-id", |l| {
        let mut said = provider(ISSUER);
        said["id"] = json!("other");
        admin(l, "ledger", Kind::IdentityProvider, said)
    }),
    ("an organisation", "ok", |l| {
        admin(l, "acme", Kind::Org, json!({"action": "create", "name": "Acme Ltd"}))
    }),
    ("an organisation twice", "duplicate-id", |l| {
        admin(l, "acme", Kind::Org, json!({"action": "create", "name": "Acme Ltd"}))
    }),
    ("the ledger's organisation", "wrong-org", |l| {
        admin(l, "ledger", Kind::Org, json!({"action": "create", "name": "Ledger"}))
    }),
    ("a name of what nobody made", "wrong-org", |l| {
        admin(l, "other", Kind::Org, json!({"action": "rename", "name": "Other"}))
    }),
    ("rules", "ok", |l| admin(l, "acme", Kind::SignInRule, rule(RULE, "org_admin"))),
    ("rules for owners", "ok", |l| admin(l, "acme", Kind::SignInRule, rule(OWNERS, "org_owner"))),
    ("a person", "ok", |l| {
        said_by(l, "ada", "ledger", Kind::User, json!({"issuer": ISSUER, "subject": "ada"}))
    }),
    ("a person under another's name", "bad-payload", |l| {
        said_by(l, "ada", "ledger", Kind::User, json!({"issuer": ISSUER, "subject": "bob"}))
    }),
    ("a person without roles", "wrong-org", |l| said_by(l, "ada", "acme", Kind::Note, json!({"text": "x"}))),
    ("a role by a rule", "ok", |l| {
        let said = json!({"action": "grant", "role": "org_admin", "rule": RULE, "user": person(l, "ada")});
        said_by(l, "ada", "acme", Kind::Member, said)
    }),
    ("a greater role by a rule", "not-allowed", |l| {
        let said = json!({"action": "grant", "role": "org_owner", "rule": RULE, "user": person(l, "ada")});
        said_by(l, "ada", "acme", Kind::Member, said)
    }),
    ("a role by a rule for somebody else", "not-allowed", |l| {
        let said = json!({"action": "grant", "role": "org_admin", "rule": RULE, "user": person(l, "bob")});
        said_by(l, "ada", "acme", Kind::Member, said)
    }),
    ("a role that nobody gave", "wrong-org", |l| {
        said_by(
            l,
            "bob",
            "acme",
            Kind::Member,
            json!({"action": "grant", "role": "viewer", "user": person(l, "bob")}),
        )
    }),
    ("a note by an admin", "ok", |l| said_by(l, "ada", "acme", Kind::Note, json!({"text": "x"}))),
    ("a note in another organisation", "wrong-org", |l| {
        said_by(l, "ada", "other", Kind::Note, json!({"text": "x"}))
    }),
    ("an owner by an admin", "not-allowed", |l| {
        said_by(
            l,
            "ada",
            "acme",
            Kind::Member,
            json!({"action": "grant", "role": "org_owner", "user": person(l, "bob")}),
        )
    }),
    ("an owner's rule by an admin", "not-allowed", |l| {
        said_by(l, "ada", "acme", Kind::SignInRule, json!({"action": "remove", "id": OWNERS}))
    }),
    ("a provider by an admin", "wrong-org", |l| {
        said_by(l, "ada", "ledger", Kind::IdentityProvider, json!({"action": "remove", "id": "example"}))
    }),
    ("an organisation by an admin", "wrong-org", |l| {
        said_by(l, "ada", "new", Kind::Org, json!({"action": "create", "name": "New"}))
    }),
    ("an invitation", "ok", |l| {
        let said = json!({
            "action": "invite", "expires_at": until(DAY), "id": INVITATION, "role": "viewer", "secret": Hash([9; 32]),
        });
        said_by(l, "ada", "acme", Kind::Member, said)
    }),
    ("an invitation to more", "not-allowed", |l| {
        let said = json!({
            "action": "grant", "invitation": INVITATION, "role": "node_admin", "user": person(l, "bob"),
        });
        said_by(l, "bob", "acme", Kind::Member, said)
    }),
    ("an invitation taken up", "ok", |l| {
        let said =
            json!({"action": "grant", "invitation": INVITATION, "role": "viewer", "user": person(l, "bob")});
        said_by(l, "bob", "acme", Kind::Member, said)
    }),
    ("an invitation taken up twice", "token-unknown", |l| {
        let said =
            json!({"action": "grant", "invitation": INVITATION, "role": "viewer", "user": person(l, "eve")});
        said_by(l, "eve", "acme", Kind::Member, said)
    }),
    ("a note by a viewer", "not-allowed", |l| said_by(l, "bob", "acme", Kind::Note, json!({"text": "x"}))),
    ("an owner", "ok", |l| {
        admin(
            l,
            "acme",
            Kind::Member,
            json!({"action": "grant", "role": "org_owner", "user": person(l, "bob")}),
        )
    }),
    ("the end of the last owner", "last-owner", |l| {
        admin(
            l,
            "acme",
            Kind::Member,
            json!({"action": "end", "role": "org_owner", "user": person(l, "bob")}),
        )
    }),
    ("the last owner leaves", "last-owner", |l| {
        said_by(
            l,
            "bob",
            "acme",
            Kind::Member,
            json!({"action": "end", "role": "org_owner", "user": person(l, "bob")}),
        )
    }),
    ("a second owner", "ok", |l| {
        said_by(
            l,
            "bob",
            "acme",
            Kind::Member,
            json!({"action": "grant", "role": "org_owner", "user": person(l, "ada")}),
        )
    }),
    ("the first owner leaves", "ok", |l| {
        said_by(
            l,
            "bob",
            "acme",
            Kind::Member,
            json!({"action": "end", "role": "org_owner", "user": person(l, "bob")}),
        )
    }),
    ("a supporter of the ledger", "ok", |l| {
        admin(
            l,
            "ledger",
            Kind::Member,
            json!({"action": "grant", "role": "support", "user": person(l, "sue")}),
        )
    }),
    ("support from outside", "wrong-org", |l| {
        said_by(
            l,
            "sue",
            "acme",
            Kind::Member,
            json!({"action": "grant", "role": "viewer", "user": person(l, "sue")}),
        )
    }),
    ("support without an end", "wrong-org", |l| {
        let said =
            json!({"action": "grant", "reason": "ticket", "role": "support", "user": person(l, "sue")});
        said_by(l, "sue", "acme", Kind::Member, said)
    }),
    ("support for a month", "wrong-org", |l| {
        let said = json!({
            "action": "grant", "expires_at": until(30 * DAY), "reason": "ticket", "role": "support",
            "user": person(l, "sue"),
        });
        said_by(l, "sue", "acme", Kind::Member, said)
    }),
    ("support for an hour", "ok", |l| {
        let said = json!({
            "action": "grant", "expires_at": until(3_600_000), "reason": "ticket", "role": "support",
            "user": person(l, "sue"),
        });
        said_by(l, "sue", "acme", Kind::Member, said)
    }),
    ("a note by support", "ok", |l| said_by(l, "sue", "acme", Kind::Note, json!({"text": "x"}))),
    ("support is shown out", "ok", |l| {
        said_by(
            l,
            "ada",
            "acme",
            Kind::Member,
            json!({"action": "end", "role": "support", "user": person(l, "sue")}),
        )
    }),
    ("a note by support that was shown out", "wrong-org", |l| {
        said_by(l, "sue", "acme", Kind::Note, json!({"text": "x"}))
    }),
    ("suspended", "ok", |l| admin(l, "acme", Kind::Org, json!({"action": "suspend", "reason": "unpaid"}))),
    ("a note in a suspended organisation", "org-suspended", |l| {
        said_by(l, "ada", "acme", Kind::Note, json!({"text": "x"}))
    }),
    ("an owner lets himself in", "org-suspended", |l| {
        said_by(l, "ada", "acme", Kind::Org, json!({"action": "resume"}))
    }),
    ("resumed", "ok", |l| admin(l, "acme", Kind::Org, json!({"action": "resume"}))),
    ("the rule ends", "ok", |l| admin(l, "acme", Kind::SignInRule, json!({"action": "remove", "id": RULE}))),
    ("a role by a rule that has ended", "not-allowed", |l| {
        let said = json!({"action": "grant", "role": "org_admin", "rule": RULE, "user": person(l, "eve")});
        said_by(l, "eve", "acme", Kind::Member, said)
    }),
    ("no role twice", "bad-payload", |l| {
        let said = json!({"action": "end", "role": "viewer", "rule": RULE, "user": person(l, "bob")});
        said_by(l, "bob", "acme", Kind::Member, said)
    }),
];

#[test]
fn a_day_in_the_life_of_organisations() {
    run(async {
        let world = World::new().await;
        let mut node = world.node().await;
        for (what, code, event) in DAY_OF_PEOPLE {
            assert_eq!(world.own(event(&world.ledger)).await, *code, "{what}");
            // What nodes report goes on, whatever becomes of their organisation.
            assert_eq!(world.code(node.note("goes on")).await, "ok", "{what}");
        }
        world.end().await;
    });
}

#[test]
fn a_suspended_organisation_takes_no_tokens_and_no_nodes() {
    run(async {
        let world = World::new().await;
        let said = json!({
            "action": "create", "id": Uuid::v4([1; 16]), "label": "l", "org": "acme", "role": "org_owner",
            "secret": Hash([9; 32]),
        });
        assert_eq!(world.own(admin(&world.ledger, "acme", Kind::Token, said)).await, "ok");
        for action in [json!({"action": "create", "name": "A"}), json!({"action": "suspend", "reason": "x"})]
        {
            assert_eq!(world.own(admin(&world.ledger, "acme", Kind::Org, action)).await, "ok");
        }
        let via = Via { method: name("token"), subject: None };
        let note = draft(Author::Token(Uuid::v4([1; 16])), via, "acme", Kind::Note, json!({"text": "x"}));
        assert_eq!(world.own(world.ledger.sign(&note).unwrap()).await, "org-suspended");
        assert_eq!(world.own(token(&world.ledger, "acme", &[3; 32], 1)).await, "ok");
        let key = proofs::SigningKey::from_seed(&[4; 32]);
        let author = Author::Node(Uuid::v4([2; 16]));
        let event = crate::support::introduction(&world.ledger, "acme", &author, &key, &[3; 32]);
        assert_eq!(world.own(event).await, "org-suspended");
        world.end().await;
    });
}

/// The day as a forger writes it, up to a step that is refused: that one is written all the same.
fn forged(upto: usize) -> (Forger, u64) {
    let mut forger = Forger::new();
    let mut seq = 0;
    for (n, (_, code, event)) in DAY_OF_PEOPLE.iter().enumerate().take(upto + 1) {
        if *code == "ok" || n == upto {
            let event = event(&forger.ledger);
            seq = forger.append(&event);
        }
    }
    (forger, seq)
}

#[test]
fn what_admission_refuses_the_auditor_finds() {
    for (n, (what, code, _)) in DAY_OF_PEOPLE.iter().enumerate().filter(|(_, (_, code, _))| *code != "ok") {
        let (forger, seq) = forged(n);
        let report = forger.verify();
        assert_eq!(failures(&report), [("admission", Some(seq))], "{what}: {:?}", report.failures);
        let expected = format!("should have been refused: {code}: ");
        assert!(report.failures[0].detail.contains(&expected), "{what}: {}", report.failures[0].detail);
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/organisations.json")
}

#[test]
fn each_vector_of_organisations_has_its_verdict() {
    failures_of(&file(), 20);
}

#[test]
#[ignore = "writes spec/vectors/organisations.json"]
fn regenerate_people() {
    let base = log_of(&Forger::new());
    let appended = |forger: &Forger| log_of(forger)[base.len()..].to_owned();
    let whole = forged(DAY_OF_PEOPLE.len()).0;
    let refused = DAY_OF_PEOPLE.iter().enumerate().filter(|(_, (_, code, _))| *code != "ok");
    let refused = refused.map(|(n, (what, ..))| {
        let (forger, seq) = forged(n);
        json!({"appended": appended(&forger), "failure": {"code": "admission", "seq": seq}, "name": what})
    });
    let refused: Vec<Value> = refused.collect();
    let vectors = json!({"accepted": appended(&whole), "log": base, "refused": refused});
    write_vectors(&file(), &vectors);
}

//! Enrolment trusts the ledger id in the token and nothing else.

use crate::ledger::Ledger;
use crate::world::start;
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::{PublicKey, Uuid};
use vaultmesh_agent::identity::enrol::{self, Enrolment, EnrolmentError};
use vaultmesh_agent::identity::key::Identity;
use vaultmesh_agent::identity::token::EnrolmentToken;

fn identity(seed: u8) -> Identity {
    Identity { node_id: Uuid::v4([seed; 16]), key: SigningKey::from_seed(&[seed; 32]) }
}

fn answered(ledger: &mut Ledger, identity: &Identity) -> (EnrolmentToken, Value) {
    let token: EnrolmentToken = ledger.token().parse().unwrap();
    let response = ledger.handle(&enrol::request(identity, &token, &enrol::Called::after_host("n")));
    (token, serde_json::from_slice(&response.body).unwrap())
}

fn verify(body: &Value, identity: &Identity, token: &EnrolmentToken) -> Result<Enrolment, EnrolmentError> {
    enrol::verify(body.to_string().as_bytes(), identity, token, "http://ledger/")
}

#[test]
fn what_the_introduction_says_is_kept() {
    let mut ledger = Ledger::new(start());
    let me = identity(1);
    let (token, body) = answered(&mut ledger, &me);
    let enrolment = verify(&body, &me, &token).unwrap();
    assert_eq!((enrolment.org.as_str(), enrolment.tenant.as_ref().unwrap().as_str()), ("acme", "prod"));
    assert_eq!((enrolment.ledger, enrolment.key), (ledger.id, me.public()));
    assert_eq!(enrolment.url, "http://ledger");
    // A lost answer: the same key asks again, later, and gets the same introduction.
    ledger.grow("meanwhile");
    let (_, again) = answered(&mut ledger, &me);
    assert_eq!(verify(&again, &me, &token).unwrap().introduction, enrolment.introduction);
}

#[test]
fn keys_that_changed_before_the_enrolment_are_followed() {
    let me = identity(1);
    let mut ledger = Ledger::new(start());
    ledger.rotate_checkpoint_key(2);
    let (token, mut body) = answered(&mut ledger, &me);
    assert!(verify(&body, &me, &token).is_ok());
    let records = body["authority"].as_array_mut().unwrap();
    records.pop();
    assert!(matches!(verify(&body, &me, &token), Err(EnrolmentError::Checkpoint(_))));
    let mut ledger = Ledger::new(start());
    ledger.rotate_checkpoint_key(1);
    let (token, body) = answered(&mut ledger, &me);
    assert!(matches!(verify(&body, &me, &token), Err(EnrolmentError::Authority(_))));
}

#[test]
fn every_part_that_was_tampered_with_is_refused() {
    let me = identity(1);
    let mut ledger = Ledger::new(start());
    ledger.grow("so that paths are not empty");
    let (token, good) = answered(&mut ledger, &me);
    let hex = |v: &Value| {
        let text = v.as_str().unwrap();
        json!(format!("{}{}", if text.starts_with('0') { "1" } else { "0" }, &text[1..]))
    };
    let other_key: PublicKey = identity(9).public();
    let table: Vec<(&str, Value)> = vec![
        ("/authority/0/entry/recorded_at", json!("2026-11-21T20:42:00.001Z")),
        ("/authority/0/payload/name", json!("evil.local")),
        ("/authority/0/payload/keys/checkpoint", json!(other_key)),
        ("/authority/0/salt", hex(&good["authority"][0]["salt"])),
        ("/authority", json!([])),
        ("/checkpoint", json!(good["checkpoint"].as_str().unwrap().replacen("\n3\n", "\n4\n", 1))),
        ("/introduction/inclusion/0", hex(&good["introduction"]["inclusion"][0])),
        ("/introduction/inclusion", json!([])),
        ("/introduction/record/entry/event/org", json!("evil")),
        ("/introduction/record/entry/event/tenant", json!("evil")),
        ("/introduction/record/entry/event/key", json!(other_key)),
        ("/introduction/record/entry/lane/n", json!(7)),
        ("/introduction/record/entry/seq", json!(1)),
        ("/introduction/record/payload/key", json!(other_key)),
        ("/introduction/record/payload/author", json!(identity(9).author())),
        ("/introduction/record/payload/use", json!("witness")),
        ("/introduction/record/payload/token", hex(&good["introduction"]["record"]["payload"]["token"])),
        ("/introduction/record/salt", hex(&good["introduction"]["record"]["salt"])),
        ("/introduction/record", good["authority"][0].clone()),
        ("/introduction/record", json!(null)),
    ];
    for (pointer, value) in table {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        assert!(verify(&body, &me, &token).is_err(), "{pointer}");
    }
    for name in ["authority", "checkpoint", "introduction", "heartbeat_secs"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        assert!(verify(&body, &me, &token).is_err(), "{name}");
    }
}

#[test]
fn another_ledger_or_another_node() {
    let mut ledger = Ledger::new(start());
    let (token, body) = answered(&mut ledger, &identity(1));
    assert!(matches!(
        verify(&body, &identity(2), &token),
        Err(EnrolmentError::Introduction("is that of another key"))
    ));
    let elsewhere: EnrolmentToken = format!("vm1.{}.{}", "ab".repeat(32), "5e".repeat(32)).parse().unwrap();
    assert!(matches!(verify(&body, &identity(1), &elsewhere), Err(EnrolmentError::Authority(_))));
    let other_secret: EnrolmentToken = format!("vm1.{}.{}", ledger.id, "5f".repeat(32)).parse().unwrap();
    assert!(matches!(
        verify(&body, &identity(1), &other_secret),
        Err(EnrolmentError::Introduction("rests on another enrolment token"))
    ));
}

//! Who is introduced, by which token, and where they belong from then on.

use crate::admission::{DAY, World, revoke};
use crate::support::{START, admin, appended_codes, draft, introduction, name, random, run, token};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::payload::{node_possession_bytes, token_hash};
use spec::{Author, Hash, Kind, Uuid, Via};

#[test]
fn a_token_for_one_key_raced_by_fifty() {
    run(async {
        let world = World::new().await;
        let secret = random();
        assert_eq!(world.own(token(&world.ledger, "acme", &secret, 1)).await, "ok");
        let mut racing: Vec<_> = (0..50)
            .map(|_| {
                let author = Author::Node(Uuid::v4(random()));
                let key = SigningKey::from_seed(&random());
                let event = introduction(&world.ledger, "acme", &author, &key, &secret);
                let ledger = world.ledger.clone();
                Box::pin(async move { appended_codes(&ledger, vec![event]).await[0] })
            })
            .collect();
        let mut results = Vec::new();
        std::future::poll_fn(|context| {
            racing.retain_mut(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(code) => {
                    results.push(code);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if racing.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        assert_eq!(results.iter().filter(|code| **code == "ok").count(), 1);
        assert_eq!(results.iter().filter(|code| **code == "token-exhausted").count(), 49);
        world.end().await;
    });
}

#[test]
fn enrolment_tokens_end_at_their_position() {
    run(async {
        let world = World::new().await;
        let try_with = async |secret: &[u8; 32], org: &str| {
            let author = Author::Node(Uuid::v4(random()));
            let key = SigningKey::from_seed(&random());
            world.own(introduction(&world.ledger, org, &author, &key, secret)).await
        };
        let (expiring, revoked) = (random(), random());
        assert_eq!(try_with(&random(), "acme").await, "token-unknown");
        assert_eq!(world.own(token(&world.ledger, "acme", &expiring, 9)).await, "ok");
        assert_eq!(world.own(token(&world.ledger, "acme", &revoked, 9)).await, "ok");
        assert_eq!(world.own(token(&world.ledger, "acme", &revoked, 9)).await, "bad-payload");
        assert_eq!(world.own(token(&world.ledger, "other", &random(), 0)).await, "bad-payload");
        assert_eq!(try_with(&expiring, "other").await, "wrong-org");
        assert_eq!(try_with(&revoked, "acme").await, "ok");
        // Revoked and used in one group.
        let end = json!({"action": "revoke", "token": token_hash(&revoked)});
        let author = Author::Node(Uuid::v4(random()));
        let key = SigningKey::from_seed(&random());
        let late = introduction(&world.ledger, "acme", &author, &key, &revoked);
        let batch = vec![admin(&world.ledger, "acme", Kind::Enrolment, end.clone()), late];
        assert_eq!(world.codes(batch).await, ["ok", "token-revoked"]);
        assert_eq!(world.own(admin(&world.ledger, "other", Kind::Enrolment, end)).await, "wrong-org");
        // The last millisecond counts, the end itself does not.
        world.place.clock.set(START + DAY - 1);
        world.ledger.close(false);
        let world = World { ledger: world.place.open().await, ..world };
        let try_with = async |secret: &[u8; 32]| {
            let author = Author::Node(Uuid::v4(random()));
            let key = SigningKey::from_seed(&random());
            world.own(introduction(&world.ledger, "acme", &author, &key, secret)).await
        };
        assert_eq!(try_with(&expiring).await, "ok");
        world.place.clock.advance(1);
        assert_eq!(try_with(&expiring).await, "token-expired");
        world.end().await;
    });
}

#[test]
fn introductions_are_sound_and_new() {
    run(async {
        let world = World::new().await;
        let node = world.node().await;
        let secret: [u8; 32] = random();
        assert_eq!(world.own(token(&world.ledger, "acme", &secret, 99)).await, "ok");
        let say = async |payload: Value| {
            let via = Via { method: name("enrolment"), subject: None };
            let draft = draft(Author::Service(name("ingest")), via, "acme", Kind::Key, payload);
            world.own(world.ledger.sign(&draft).unwrap()).await
        };
        let token = token_hash(&secret);
        let fresh = || (Author::Node(Uuid::v4(random())), SigningKey::from_seed(&random()));
        let payload = |author: &Author, key: &SigningKey, signed_author: &Author, signed_token: &Hash| {
            let statement =
                node_possession_bytes(signed_author, &key.public(), &world.ledger.id(), signed_token);
            json!({
                "author": author, "key": key.public(), "pop": key.sign(&statement), "token": token,
                "use": "node",
            })
        };
        let (author, key) = fresh();
        let (other, _) = fresh();
        assert_eq!(say(payload(&author, &key, &other, &token)).await, "bad-possession");
        assert_eq!(say(payload(&author, &key, &author, &Hash([1; 32]))).await, "bad-possession");
        assert_eq!(say(payload(&author, &node.key, &author, &token)).await, "key-in-use");
        let taken = Author::Node(node.id);
        assert_eq!(say(payload(&taken, &key, &taken, &token)).await, "author-taken");
        // Weak and non-canonical keys: the identity, and an encoding with y = p.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut high = [0xff; 32];
        (high[0], high[31]) = (0xed, 0x7f);
        for bytes in [identity, [0; 32], high] {
            let mut weak = payload(&author, &key, &author, &token);
            weak["key"] = json!(spec::PublicKey(bytes));
            assert_eq!(say(weak).await, "bad-key");
        }
        // The ledger's own keys are keys in use.
        let mut own = payload(&author, &key, &author, &token);
        own["key"] = json!(world.ledger.service_key());
        assert_eq!(say(own).await, "key-in-use");
        assert_eq!(say(payload(&author, &key, &author, &token)).await, "ok");
        world.end().await;
    });
}

#[test]
fn a_node_stays_with_its_organisation() {
    run(async {
        let world = World::new().await;
        let node = world.node().await;
        let (ours, theirs) = (random(), random());
        assert_eq!(world.own(token(&world.ledger, "acme", &ours, 9)).await, "ok");
        assert_eq!(world.own(token(&world.ledger, "other", &theirs, 9)).await, "ok");
        let author = Author::Node(node.id);
        let again = |org, secret| {
            let key = SigningKey::from_seed(&random());
            introduction(&world.ledger, org, &author, &key, secret)
        };
        assert_eq!(world.own(again("other", &theirs)).await, "author-taken");
        assert_eq!(world.own(again("acme", &ours)).await, "author-taken");
        assert_eq!(world.own(revoke(&world.ledger, &node)).await, "ok");
        // Its old key is gone: a new one may follow, but not into another organisation.
        assert_eq!(world.own(again("other", &theirs)).await, "author-taken");
        assert_eq!(world.own(again("acme", &ours)).await, "ok");
        world.end().await;
    });
}

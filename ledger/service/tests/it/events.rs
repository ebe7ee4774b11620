//! Signed events: receipts, resends, batches, refusals.

use crate::world::{World, ndjson};
use proofs::Checkpoint;
use proofs::tree::{Blake3, TreeHash as _, verify_inclusion};
use serde_json::{Value, json};
use spec::entry::{Lane, Position};
use spec::{Event, Hash, Kind, Timestamp};

fn hash(value: &Value) -> Hash {
    Hash::from_hex(value.as_str().unwrap()).unwrap()
}

/// Checks a receipt as an author does: from the own event, the place it names, and a checkpoint.
pub(crate) fn check_receipt(world: &World, event: &Event, receipt: &Value, note: &str) {
    let keys = [world.ledger.current_key(spec::KeyUse::Checkpoint)];
    let checkpoint = Checkpoint::open(note.as_bytes(), &keys, &[]).unwrap().checkpoint;
    assert_eq!(hash(&receipt["event_hash"]), event.hash());
    let position = Position {
        seq: receipt["seq"].as_u64().unwrap(),
        prev: hash(&receipt["prev"]),
        lane: Lane { n: receipt["lane"]["n"].as_u64().unwrap(), prev: hash(&receipt["lane"]["prev"]) },
        recorded_at: Timestamp::parse(receipt["recorded_at"].as_str().unwrap()).unwrap(),
    };
    let (mut signed, mut entry) = (Vec::new(), Vec::new());
    event.header.write(Some(&event.sig), &mut signed);
    position.write_entry(&signed, &mut entry);
    let leaf = Blake3::leaf(&entry);
    assert_eq!(hash(&receipt["leaf"]), leaf);
    let path: Vec<Hash> = receipt["inclusion"].as_array().unwrap().iter().map(hash).collect();
    verify_inclusion::<Blake3>(&leaf, position.seq, checkpoint.size, &path, &checkpoint.root).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_recorded_once_and_proved() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let event = node.note("first");
    let answer = world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let receipt = answer.json();
    assert_eq!(receipt["duplicate"], false);
    check_receipt(&world, &event, &receipt, receipt["checkpoint"].as_str().unwrap());

    let size = world.size();
    let again =
        world.post_bytes("/api/events", "application/json; charset=utf-8", event.to_canonical()).await;
    assert_eq!((again.status, world.size()), (200, size));
    let again = again.json();
    assert_eq!(
        (&again["seq"], &again["leaf"], &again["duplicate"]),
        (&receipt["seq"], &receipt["leaf"], &json!(true))
    );
    check_receipt(&world, &event, &again, again["checkpoint"].as_str().unwrap());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_event_by_event() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let events: Vec<Event> = (0..5).map(|i| node.note(&format!("note {i}"))).collect();

    let answer =
        world.post_bytes("/api/events?inclusion=true", "application/x-ndjson", ndjson(&events)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let batch = answer.json();
    for (i, event) in events.iter().enumerate() {
        let result = &batch["results"][i];
        assert_eq!((&result["index"], &result["status"]), (&json!(i), &json!(201)));
        assert_eq!(result["receipt"].get("checkpoint"), None);
        check_receipt(&world, event, &result["receipt"], batch["checkpoint"].as_str().unwrap());
    }
    let size = world.size();
    let again = world.post_bytes("/api/events", "application/x-ndjson", ndjson(&events)).await;
    assert_eq!((again.status, world.size()), (200, size));
    assert_eq!(again.json()["results"][0]["receipt"].get("inclusion"), None);

    // An array holds each event byte for byte; here with white space between them.
    let next = node.note("in an array");
    let mut array = b"[ ".to_vec();
    array.extend_from_slice(&events[0].to_canonical());
    array.extend_from_slice(b",\n ");
    array.extend_from_slice(&next.to_canonical());
    array.extend_from_slice(b"]");
    let answer = world.post_bytes("/api/events", "application/json", array).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let statuses: Vec<Value> =
        answer.json()["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(201)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_in_a_batch_names_its_index_and_blocks_its_chain() {
    let world = World::start().await;
    let (mut node, mut other) = (world.node("acme").await, world.node("acme").await);
    let first = node.note("first");
    let broken = node.sign(Kind::Note, &json!({"text": "broken"}));
    let mut broken_bytes = broken.to_canonical();
    let at = broken_bytes.windows(6).position(|w| w == b"broken").unwrap();
    broken_bytes[at] = b'B';
    node.advance(&broken);
    let after = node.note("after");
    let foreign = other.note("of another");

    let mut body = ndjson(&[first]);
    body.extend_from_slice(&broken_bytes);
    body.push(b'\n');
    body.extend_from_slice(&ndjson(&[after, foreign]));
    body.extend_from_slice(b"nonsense");
    let answer = world.post_bytes("/api/events", "application/x-ndjson", body).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let results = answer.json()["results"].clone();
    let codes: Vec<Value> = (0..5)
        .map(|i| {
            let result = &results[i];
            if result["problem"].is_object() {
                assert_eq!(result["problem"]["index"], i);
                assert_eq!(result["problem"]["status"], result["status"]);
            }
            result["problem"]["code"].clone()
        })
        .collect();
    assert_eq!(
        codes,
        [Value::Null, json!("payload-hash"), json!("chain-gap"), Value::Null, json!("not-canonical")]
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_kept() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let send =
        async |event: &Event| world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    let first = node.note("first");
    assert_eq!(send(&first).await.status, 201);
    let second = node.note("second");
    let third = node.note("third");

    let size = world.size();
    let gap = send(&third).await;
    assert_eq!((gap.status, gap.problem().as_str()), (409, "chain-gap"));
    let expected = gap.json()["expected"].clone();
    assert_eq!(expected, json!({"epoch": node.link.epoch, "seq": 1, "prev": first.hash()}));
    assert_eq!(world.size(), size, "a gap leaves no trace");

    let batch = world
        .post_bytes("/api/events", "application/x-ndjson", ndjson(&[third.clone(), node.clone().note("x")]))
        .await;
    assert_eq!(batch.json()["results"][1]["problem"]["code"], "blocked");
    assert_eq!(send(&second).await.status, 201);
    assert_eq!(send(&third).await.status, 201);

    let mut fork = second.clone();
    fork.header.id = spec::Uuid::v7(node.now, [7; 10]);
    let forked = send(&node.resign(fork)).await;
    assert_eq!((forked.status, forked.problem().as_str()), (409, "chain-fork"));
    assert_eq!(forked.json().get("recorded"), None, "the chain did not advance");
    assert_eq!(world.size(), size + 3, "the fork is in the log");

    // Refused for good, in its place: recorded, and the chain goes on over it.
    let bad = node.next(Kind::Incident, &json!({"no": "title"}));
    let refused = send(&bad).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "bad-payload"));
    assert_eq!(refused.json()["recorded"], true);
    assert_eq!(send(&node.note("after")).await.status, 201);

    // The same id again for something else.
    let mut taken = node.sign(Kind::Note, &json!({"text": "taken"}));
    taken.header.id = first.header.id;
    let taken = node.resign(taken);
    assert_eq!(send(&taken).await.problem(), "duplicate-id");
    world.finish().await;
}

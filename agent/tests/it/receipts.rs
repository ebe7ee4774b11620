//! A receipt that says anything but the truth proves nothing, and is not taken.

use crate::node::{MINUTE, Node};
use crate::world::{Fault, World};
use serde_json::{Value, json};
use vaultmesh_agent::network::Response;

fn edit(response: &mut Response, change: impl FnOnce(&mut Value)) {
    let mut body: Value = serde_json::from_slice(&response.body).unwrap();
    change(&mut body);
    response.body = body.to_string().into_bytes();
}

/// Another value of the same form.
fn tampered(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_u64().unwrap() + 1),
        Value::String(text) if text.ends_with('Z') => json!("2026-11-21T20:42:00.777Z"),
        Value::String(text) => {
            let first = if text.starts_with('0') { "1" } else { "0" };
            json!(format!("{first}{}", &text[1..]))
        }
        other => panic!("{other}"),
    }
}

/// Tampers with the answers to `path`; nothing is acknowledged until the truth is told.
fn assert_refused(what: &str, path: &'static str, change: impl Fn(&mut Value) + Clone + 'static) {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    world.ledger.borrow_mut().grow("a neighbour, so that paths are not empty");
    // A heartbeat goes alone while nothing else waits, so the first one is looked at at once.
    let batch = path.starts_with("/api/events");
    let (lost, forged) = if batch { (3 * MINUTE, 6 * MINUTE) } else { (MINUTE / 60, MINUTE / 10) };
    world.script(move |request, now| {
        if now >= forged {
            Fault::None
        } else if batch && now < lost {
            Fault::Lost
        } else if request.path.starts_with(path) {
            let change = change.clone();
            Fault::Changed(Box::new(move |response| edit(response, change)))
        } else {
            Fault::None
        }
    });
    let mut agent = node.open().unwrap();
    assert_eq!(node.run(&mut agent, forged), None, "{what}");
    assert!(agent.pending() >= 1, "{what} was taken for a receipt");
    let known = agent.memory().checkpoint.size;
    assert_eq!(known, 2, "{what}: a checkpoint was remembered on the word of a forged answer");
    assert_eq!(node.run(&mut agent, 15 * MINUTE), None, "{what}");
    assert_eq!(agent.pending(), 0, "{what}");
}

#[test]
fn every_field_of_a_heartbeats_receipt() {
    for pointer in [
        "/seq",
        "/prev",
        "/lane/n",
        "/lane/prev",
        "/recorded_at",
        "/event_hash",
        "/leaf",
        "/inclusion/0",
        "/inclusion/1",
    ] {
        assert_refused(pointer, "/api/agent/heartbeat", move |body| {
            let field = body["receipts"][0].pointer_mut(pointer).unwrap();
            *field = tampered(field);
        });
    }
}

#[test]
fn every_field_of_a_receipt_in_a_batch() {
    for pointer in
        ["/seq", "/prev", "/lane/n", "/lane/prev", "/recorded_at", "/event_hash", "/leaf", "/inclusion/0"]
    {
        assert_refused(pointer, "/api/events", move |body| {
            let field = body["results"][0]["receipt"].pointer_mut(pointer).unwrap();
            *field = tampered(field);
        });
    }
}

#[test]
fn paths_and_parts_that_do_not_belong() {
    assert_refused("a longer path", "/api/agent/heartbeat", |body| {
        let path = body["receipts"][0]["inclusion"].as_array_mut().unwrap();
        path.push(path[0].clone());
    });
    assert_refused("no path", "/api/agent/heartbeat", |body| body["receipts"][0]["inclusion"] = json!([]));
    assert_refused("no checkpoint", "/api/agent/heartbeat", |body| {
        body["receipts"][0].as_object_mut().unwrap().remove("checkpoint");
    });
    assert_refused("no receipt", "/api/agent/heartbeat", |body| body["receipts"] = json!([]));
    assert_refused("no object", "/api/agent/heartbeat", |body| *body = json!("accepted"));
    assert_refused("no results", "/api/events", |body| body["results"] = json!([]));
    assert_refused("an answer about the second event only", "/api/events", |body| {
        body["results"][0]["index"] = json!(1);
    });
}

#[test]
fn a_checkpoint_nobody_signed() {
    let with = |change: fn(&str) -> String| {
        move |body: &mut Value| {
            let note = &mut body["receipts"][0]["checkpoint"];
            *note = json!(change(note.as_str().unwrap()));
        }
    };
    assert_refused(
        "another origin",
        "/api/agent/heartbeat",
        with(|note| note.replace("test.local", "evil.local")),
    );
    assert_refused("another size", "/api/agent/heartbeat", with(|note| note.replacen("\n4\n", "\n5\n", 1)));
    assert_refused(
        "no signature",
        "/api/agent/heartbeat",
        with(|note| note.split_inclusive("\n\n").next().unwrap().to_owned()),
    );
    assert_refused(
        "another signature",
        "/api/agent/heartbeat",
        with(|note| {
            let at = note.len() - 10;
            let other = if &note[at..=at] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &note[..at], &note[at + 1..])
        }),
    );
    assert_refused("another line", "/api/agent/heartbeat", with(|note| note.replace("keys ", "keyz ")));
}

#[test]
fn a_proof_of_consistency_that_is_missing() {
    // A service that cannot answer now is no liar: the events wait.
    for status in [500, 503, 429, 404] {
        let world = World::new();
        let mut node = Node::enrolled(&world, 1);
        world.script(move |request, now| {
            if request.path.starts_with("/api/ledger/proof") && now < 5 * MINUTE {
                Fault::Instead(Response { status, retry_after: None, body: b"<html>".to_vec() })
            } else {
                Fault::None
            }
        });
        let mut agent = node.open().unwrap();
        assert_eq!(node.run(&mut agent, 4 * MINUTE), None);
        assert!(agent.pending() > 3);
        assert_eq!(node.run(&mut agent, 12 * MINUTE), None);
        assert_eq!(agent.pending(), 0);
        assert_eq!(world.ledger.borrow().problems, [""; 0]);
    }
}

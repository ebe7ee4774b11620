//! One client, one key, one organisation cannot take the service away: who pays, and who is asked first.

use crate::between::Between;
use crate::world::{World, ndjson, send, with_token};
use reqwest::Method;
use serde_json::{Value, json};
use spec::Event;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use web::limits::{MAX_EVENTS_BODY_BYTES, MAX_STRANGER_BODY_BYTES, Rate, Shares};
use web::{Config, Limits};

/// Holds appends back while it is shut.
#[derive(Debug, Default)]
struct Gate {
    shut: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    /// A world whose sequencer stops at the gate.
    async fn world(self: &Arc<Self>, limits: Limits) -> World {
        let gate = Arc::clone(self);
        let wait = move || {
            let mut shut = gate.shut.lock().unwrap();
            shut.1 += 1;
            gate.changed.notify_all();
            let mut shut = gate.changed.wait_while(shut, |shut| shut.0).unwrap();
            shut.1 -= 1;
            Ok(())
        };
        World::over(Config { limits, ..Config::default() }, |inner| Between::new(inner, wait)).await
    }

    fn shut(&self) {
        self.shut.lock().unwrap().0 = true;
    }

    fn open(&self) {
        self.shut.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    /// Waits until the sequencer stands before it.
    async fn reached(self: &Arc<Self>) {
        let gate = Arc::clone(self);
        let wait =
            move || drop(gate.changed.wait_while(gate.shut.lock().unwrap(), |shut| shut.1 == 0).unwrap());
        tokio::task::spawn_blocking(wait).await.unwrap();
    }
}

async fn sent(world: &World, event: &Event) -> crate::world::Answer {
    world.post_bytes("/api/events", "application/json", event.to_canonical()).await
}

/// The answer to a request of which nothing but the headers is sent.
async fn headers_alone(world: &World, more: &str) -> String {
    headers_and(world, more, &[]).await
}

async fn headers_and(world: &World, more: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST /api/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n{more}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    // Closed by the service, which does not read on.
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_it_is_is_asked_before_a_body_is_read() {
    let world = World::start().await;
    let viewer = world.token("acme", "viewer").await;
    let length = |bytes: usize| format!("content-length: {bytes}\r\n");
    let answer = headers_alone(&world, &length(MAX_EVENTS_BODY_BYTES)).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("unauthenticated"), "{answer}");
    let shown = format!("authorization: Bearer {viewer}\r\n{}", length(MAX_STRANGER_BODY_BYTES + 1));
    let answer = headers_alone(&world, &shown).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "whoever only reads has nothing to send: {answer}");
    let answer = headers_alone(&world, &length(MAX_EVENTS_BODY_BYTES + 1)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    // What does not say how long it is, is read as far as it may be.
    let spaces = vec![b' '; MAX_STRANGER_BODY_BYTES + 1];
    let chunk = [format!("{:x}\r\n", spaces.len()).as_bytes(), &spaces, b"\r\n0\r\n\r\n"].concat();
    let answer = headers_and(&world, "transfer-encoding: chunked\r\n", &chunk).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let owner = world.token("acme", "org_owner").await;
    let mut spaces = vec![b' '; MAX_EVENTS_BODY_BYTES];
    (spaces[0], spaces[MAX_EVENTS_BODY_BYTES - 1]) = (b'[', b']');
    let request = with_token(world.request(Method::POST, "/api/events"), Some(&owner));
    let answer = send(request.header("content-type", "application/json").body(spaces)).await;
    assert_eq!(answer.status, 400, "whoever may write is read to the end: {}", answer.text);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_parsed_of_somebody_who_may_say_nothing() {
    let world = World::start().await;
    let twice = r#"{"kind":"x-a","org":"acme","payload":{"a":1,"a":2}}"#;
    for body in [twice.to_owned(), format!("[{twice}]")] {
        let answer = world.post_bytes("/api/events", "application/json", body.clone()).await;
        let problem = match answer.status {
            207 => answer.json()["results"][0]["problem"]["code"].clone(),
            _ => json!(answer.problem()),
        };
        assert_eq!(problem, "unauthenticated", "{body}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_document_takes_once_it_is_parsed_is_counted() {
    let bodies = Shares { principal: 200_000, ..Limits::default().bodies };
    let limits = Limits { bodies, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let token = world.token("acme", "org_owner").await;
    let draft = |count: usize| {
        let members = vec![r#"{"":0}"#; count].join(",");
        format!(r#"{{"kind":"x-mine","payload":{{"a":[{members}]}}}}"#)
    };
    let post = async |body: String| {
        let request = with_token(world.request(Method::POST, "/api/events"), Some(&token));
        send(request.header("content-type", "application/json").body(body)).await
    };
    assert_eq!(post(draft(100)).await.status, 201);
    let answer = post(draft(1000)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (429, "rate-limited"),
        "8 kB of text, most of a MB"
    );
    let answer = post(draft(25_000)).await;
    assert_eq!(answer.status, 429);
    world.finish().await;

    let world = World::start().await;
    let token = world.token("acme", "org_owner").await;
    let request = with_token(world.request(Method::POST, "/api/events"), Some(&token));
    let answer = send(request.header("content-type", "application/json").body(draft(100_000))).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too-large"),
        "no document may take as much"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_is_answered_beside_the_sequencer() {
    let gate = Arc::new(Gate::default());
    let world = gate.world(Limits::default()).await;
    let (mut node, mut other) = (world.node("acme").await, world.node("acme").await);
    let events: Vec<Event> = (0..3).map(|i| node.note(&format!("note {i}"))).collect();
    assert_eq!(world.post_bytes("/api/events", "application/x-ndjson", ndjson(&events)).await.status, 201);
    gate.shut();
    let stuck = other.note("this one waits");
    let waiting = sent(&world, &stuck);
    let again = async {
        gate.reached().await;
        let one = sent(&world, &events[1]).await;
        assert_eq!((one.status, &one.json()["duplicate"]), (200, &json!(true)));
        let path = "/api/events?inclusion=true";
        let all = world.post_bytes(path, "application/x-ndjson", ndjson(&events)).await;
        assert_eq!(all.status, 200, "{}", all.text);
        assert!(all.json()["results"][2]["receipt"]["inclusion"].is_array());
        gate.open();
    };
    let (recorded, ()) = tokio::join!(waiting, again);
    assert_eq!(recorded.status, 201);

    // Old and new in one batch, in its order, each with its proof under the one checkpoint.
    let mixed = [events[0].clone(), node.note("new"), events[2].clone()];
    let answer =
        world.post_bytes("/api/events?inclusion=true", "application/x-ndjson", ndjson(&mixed)).await.json();
    let results = answer["results"].as_array().unwrap();
    let duplicate: Vec<&Value> = results.iter().map(|result| &result["receipt"]["duplicate"]).collect();
    assert_eq!(duplicate, [&json!(true), &json!(false), &json!(true)]);
    for (event, result) in mixed.iter().zip(results) {
        assert_eq!(result["receipt"]["event_hash"], event.hash().to_hex());
        crate::events::check_receipt(
            &world,
            event,
            &result["receipt"],
            answer["checkpoint"].as_str().unwrap(),
        );
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_costs_whoever_sends_it_and_nobody_else() {
    let limits = Limits {
        duplicates: Rate { per_sec: 1, burst: 3 },
        identity_events: Rate { per_sec: 1, burst: 10 },
        ..Limits::default()
    };
    let client_address_header = Some("cf-connecting-ip".parse().unwrap());
    let world = World::with(Config { limits, client_address_header, ..Config::default() }).await;
    let mut node = world.node("acme").await;
    let (event, heartbeat) = (node.note("seen by everyone"), node.heartbeat());
    assert_eq!(sent(&world, &event).await.status, 201);
    let beat = async |event: &Event| {
        world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await
    };
    assert_eq!(beat(&heartbeat).await.status, 201);
    let replay = async |address: &str| {
        let request = world.request(Method::POST, "/api/events").header("cf-connecting-ip", address);
        send(request.header("content-type", "application/json").body(event.to_canonical())).await
    };
    for _ in 0..3 {
        assert_eq!(replay("192.0.2.1").await.status, 200);
    }
    let answer = replay("192.0.2.1").await;
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rate-limited"));
    assert_eq!(replay("192.0.2.2").await.status, 200, "another address pays for itself");
    for _ in 0..20 {
        assert_eq!(beat(&heartbeat).await.status, 200, "a heartbeat is paid for as a request");
    }
    for _ in 0..7 {
        let event = node.note("new");
        assert_eq!(sent(&world, &event).await.status, 201, "the key itself has paid nothing");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_at_the_same_moment_share_one_burst() {
    let gate = Arc::new(Gate::default());
    let limits = Limits { identity_events: Rate { per_sec: 1, burst: 60 }, ..Limits::default() };
    let world = gate.world(limits).await;
    let token = world.token("acme", "node_admin").await;
    // Drafts stand in no chain: whichever batch is taken first, all of it is recorded.
    let note =
        |i: usize, n: usize| json!({"kind": "note", "org": "acme", "payload": {"text": format!("{i}.{n}")}});
    let lines = |i: usize| (0..50).map(|n| note(i, n).to_string()).collect::<Vec<_>>().join("\n");
    let batches: Vec<String> = (0..4).map(lines).collect();
    let size = world.size();
    gate.shut();
    let post = |i: usize| {
        let request = with_token(world.request(Method::POST, "/api/events"), Some(&token));
        send(request.header("content-type", "application/x-ndjson").body(batches[i].clone()))
    };
    let (first, statuses) = tokio::join!(post(0), async {
        gate.reached().await;
        // The first has not been answered, and has been paid for all the same; so is one other, of what is left. The
        // two that are answered before the gate opens are those that are refused.
        let answered = AtomicUsize::new(0);
        let other = async |i| {
            let status = post(i).await.status;
            if answered.fetch_add(1, Ordering::SeqCst) == 1 {
                gate.open();
            }
            status
        };
        let others = tokio::join!(other(1), other(2), other(3));
        [others.0, others.1, others.2]
    });
    let mut statuses = [first.status, statuses[0], statuses[1], statuses[2]];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 429, 429]);
    assert_eq!(world.size(), size + 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_pays_in_bytes_and_heartbeats_do_not() {
    let limits = Limits {
        shared_bytes: Rate { per_sec: 1, burst: 4000 },
        identity_bytes: Rate { per_sec: 1000, burst: 100_000 },
        ..Limits::default()
    };
    let client_address_header = Some("cf-connecting-ip".parse().unwrap());
    let world = World::with(Config { limits, client_address_header, ..Config::default() }).await;
    let (mut one, mut two) = (world.node("acme").await, world.node("acme").await);
    let mut stranger = world.node("other").await;
    let from = async |address: &str, path: &str, event: &Event| {
        let request = world.request(Method::POST, path).header("cf-connecting-ip", address);
        send(request.header("content-type", "application/json").body(event.to_canonical())).await.status
    };
    let large = one.note(&"x".repeat(8000));
    assert_eq!(from("192.0.2.1", "/api/events", &large).await, 201);
    let event = two.note("small");
    assert_eq!(from("192.0.2.2", "/api/events", &event).await, 429, "the organisation has spent it");
    assert_eq!(from("192.0.2.2", "/api/events", &stranger.note("theirs")).await, 201);
    let theirs = stranger.note("from there");
    assert_eq!(from("192.0.2.1", "/api/events", &theirs).await, 429, "so has the address");
    let mut two = crate::world::Node { link: event.header.chain.unwrap(), ..two };
    let heartbeat = two.heartbeat();
    assert_eq!(
        from("192.0.2.1", "/api/agent/heartbeat", &heartbeat).await,
        201,
        "whatever others have spent"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_new_heartbeat_of_a_valid_key_is_told_what_to_do() {
    let world = World::start().await;
    let mut node = world.node("acme").await;
    let token = world.token("acme", "org_owner").await;
    let beat = async |event: &Event| {
        let answer = world.post_bytes("/api/agent/heartbeat", "application/json", event.to_canonical()).await;
        (answer.status, answer.json()["commands"].as_array().unwrap().len())
    };
    let first = node.heartbeat();
    assert_eq!(beat(&first).await, (201, 0));
    let order = json!({"node_id": node.id, "command": "status"});
    let answer = world.post("/api/commands", Some(&token), &order).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let delivered = loop {
        // The folds may still be reading.
        let event = node.clone().heartbeat();
        let (_, count) = beat(&event).await;
        node.advance(&event);
        if count > 0 {
            break event;
        }
    };
    assert_eq!(beat(&delivered).await, (200, 0), "whoever has seen it may send it again");
    assert_eq!(beat(&first).await, (200, 0));
    let next = node.heartbeat();
    assert_eq!(beat(&next).await, (201, 1));
    let path = format!("/api/keys/{}/governance", node.key.public());
    let revoked = world.admin(Method::PATCH, &path, Some(&json!({"status": "revoked"}))).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert_eq!(beat(&next).await, (200, 0));
    world.finish().await;
}

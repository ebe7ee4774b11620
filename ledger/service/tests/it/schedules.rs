//! `/api/schedules` and `/api/rollouts`: what becomes of a request, and what is asked of the folds.

use crate::world::{Answer, World, name, send, with_token};
use ledger::service::Draft;
use ledger::{AppendOptions, Outcome};
use proofs::SigningKey;
use reqwest::Method;
use serde_json::{Value, json};
use spec::limits::{MAX_ROLLOUTS, MAX_SCHEDULES};
use spec::payload::{MAX_ROLLOUT_NODES, RolloutWave, node_possession_bytes, token_hash};
use spec::time::parse_rfc3339;
use spec::{Author, Hash, Kind, Uuid, Via};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// Says things in the ledger itself, as the service would.
async fn say(world: &World, drafts: Vec<Draft>) {
    let events: Vec<_> = drafts.iter().map(|draft| world.ledger.sign(draft).unwrap()).collect();
    let appended = world.ledger.append_own(events, AppendOptions::default()).await.unwrap();
    for outcome in &appended.outcomes {
        assert!(matches!(outcome, Outcome::Recorded(_)), "{outcome:?}");
    }
}

fn draft(author: &str, method: &str, subject: Option<String>, kind: Kind, payload: Value) -> Draft {
    Draft {
        author: Author::Service(name(author)),
        via: Via { method: name(method), subject: subject.map(|subject| name(&subject)) },
        kind,
        org: name("acme"),
        tenant: None,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload,
    }
}

/// Nodes of `acme` that have a valid key and have said nothing yet.
async fn nodes(world: &World, count: u64) {
    let token = world.enrolment("acme", count).await;
    let (ledger, secret) = token.strip_prefix("vm1.").unwrap().split_once('.').unwrap();
    let (ledger, secret) = (Hash::from_hex(ledger).unwrap(), Hash::from_hex(secret).unwrap());
    let token = token_hash(&secret.0);
    let node = |_| {
        let key = SigningKey::from_seed(&ledger::keyring::random().unwrap());
        let author = Author::Node(Uuid::v4(ledger::keyring::random().unwrap()));
        let pop = key.sign(&node_possession_bytes(&author, &key.public(), &ledger, &token));
        let payload =
            json!({"author": author, "key": key.public(), "pop": pop, "token": token, "use": "node"});
        Draft {
            tenant: Some(name("prod")),
            ..draft("ingest", "enrolment", Some(token.to_hex()), Kind::Key, payload)
        }
    };
    let drafts: Vec<Draft> = (0..count).map(node).collect();
    for some in drafts.chunks(1000) {
        say(world, some.to_vec()).await;
    }
}

fn id(n: usize) -> Uuid {
    let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
    Uuid::v4([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

async fn put(world: &World, token: &str, id: Uuid, body: &Value) -> Answer {
    let request = world.request(Method::PUT, &format!("/api/schedules/{id}"));
    send(with_token(request, Some(token)).json(body)).await
}

/// A schedule that is in the log without having been asked for over HTTP.
fn schedule(n: usize) -> Draft {
    let plan = json!({
        "action": "set", "catch_up": "skip", "command": "scan", "id": id(n), "jitter_secs": 0,
        "name": "nightly", "parameters": {}, "selector": "", "ttl_secs": 600,
        "when": {"cron": "30 2 * * *"},
    });
    draft("admin", "admin", None, Kind::Schedule, plan)
}

fn body() -> Value {
    json!({"command": "scan", "name": "nightly", "when": {"cron": "30 2 * * *"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_set_with_what_it_leaves_out() {
    let world = World::start().await;
    let token = world.token("acme", "node_admin").await;
    let answer = put(&world, &token, id(1), &body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!((&answer.json()["id"], &answer.json()["org"]), (&json!(id(1)), &json!("acme")));
    let mut windowed = body();
    windowed["windows"] = json!([{"days": ["sat"], "minutes": 60, "start": "02:00"}]);
    windowed["when"] = json!({"every_secs": 60});
    assert_eq!(put(&world, &token, id(2), &windowed).await.status, 201);
    let seq = world.size() - 2;
    let listed = world.get("/api/events?kind=schedule", Some(&token)).await.json();
    let said: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|item| &item["payload"]).collect();
    assert_eq!((said.len(), listed["items"][1]["seq"].as_u64()), (2, Some(seq)));
    let plain = said.iter().find(|said| said["id"] == json!(id(1))).unwrap();
    let expected = json!({
        "action": "set", "catch_up": "skip", "command": "scan", "id": id(1), "jitter_secs": 0, "name": "nightly",
        "parameters": {}, "selector": "", "ttl_secs": 600, "when": {"cron": "30 2 * * *"},
    });
    assert_eq!(**plain, expected);
    let other = said.iter().find(|said| said["id"] == json!(id(2))).unwrap();
    assert_eq!(other["outside"], "skip");
    assert!(other["when"]["start"].is_string(), "an interval begins now");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_schedule_is_refused() {
    let world = World::start().await;
    let token = world.token("acme", "org_owner").await;
    let size = world.size();
    for (pointer, value, status) in [
        ("when", json!({}), 400),
        ("when", json!({"cron": "61 * * * *"}), 400),
        ("when", json!({"every_secs": 0}), 400),
        ("when", json!({"every_secs": 5, "start": "soon"}), 400),
        ("when", json!({"cron": "* * * * *", "every_secs": 5}), 400),
        ("selector", json!("a in b"), 400),
        ("ttl_secs", json!(0), 400),
        ("command", json!("rm -rf"), 400),
        ("outside", json!("wait"), 400),
        ("windows", json!([{"days": ["mon"], "minutes": 0, "start": "00:00"}]), 400),
        ("surprise", json!(1), 400),
        ("org", json!("other"), 403),
    ] {
        let mut request = body();
        request[pointer] = value.clone();
        let answer = put(&world, &token, id(1), &request).await;
        let refused = answer.status == status || status == 400 && answer.status == 422;
        assert!(refused, "{pointer} {value}: {}", answer.text);
    }
    let everywhere = world.token("ledger", "org_owner").await;
    assert!(
        (400..=422).contains(&put(&world, &everywhere, id(1), &body()).await.status),
        "of no organisation"
    );
    let remove = world.request(Method::DELETE, &format!("/api/schedules/{}", id(1)));
    assert_eq!(send(with_token(remove, Some(&token))).await.status, 404);
    assert_eq!(world.size(), size + 1, "the token alone");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_has_so_many_schedules() {
    let world = World::start().await;
    let token = world.token("acme", "node_admin").await;
    say(&world, (0..MAX_SCHEDULES).map(schedule).collect()).await;
    let full = world.size();
    assert_eq!(put(&world, &token, id(MAX_SCHEDULES), &body()).await.status, 409);
    assert_eq!(put(&world, &token, id(7), &body()).await.status, 200, "one of them is changed");
    let remove = |n| world.request(Method::DELETE, &format!("/api/schedules/{}", id(n)));
    assert_eq!(send(with_token(remove(7), Some(&token))).await.status, 204);
    assert_eq!(send(with_token(remove(MAX_SCHEDULES), Some(&token))).await.status, 404);
    let listed = world.get(&format!("/api/events?kind=schedule&since=seq:{full}"), Some(&token)).await.json();
    let kinds = listed["items"].as_array().unwrap().iter().map(|item| item["event"]["kind"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), [json!(Kind::Schedule), json!(Kind::Schedule)]);
    world.finish().await;
}

fn rollout() -> Value {
    json!({"command": "scan", "name": "all", "waves": [{"count": 1}, {"percent": 100}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_is_started_with_what_it_leaves_out() {
    let world = World::start().await;
    world.node("acme").await;
    let token = world.token("acme", "node_admin").await;
    let answer = world.post("/api/rollouts", Some(&token), &rollout()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let listed = world.get("/api/events?kind=rollout", Some(&token)).await.json();
    let expected = json!({
        "action": "start", "command": "scan", "id": answer.json()["id"], "may_fail": {"count": 0}, "name": "all",
        "parameters": {}, "pause_secs": 0, "selector": "", "ttl_secs": 600,
        "waves": [{"count": 1}, {"percent": 100}],
    });
    assert_eq!(listed["items"][0]["payload"], expected);
    let size = world.size();
    for (pointer, value) in [
        ("waves", json!([])),
        ("waves", json!([{"percent": 50}])),
        ("waves", json!([{"count": 1, "percent": 100}])),
        ("may_fail", json!({"percent": 101})),
        ("selector", json!("a in b")),
        ("pause_secs", json!(604_801)),
        ("command", json!("rm -rf")),
        ("surprise", json!(1)),
    ] {
        let mut request = rollout();
        request[pointer] = value.clone();
        let answer = world.post("/api/rollouts", Some(&token), &request).await;
        assert!(matches!(answer.status, 400 | 422), "{pointer} {value}: {}", answer.text);
    }
    let unknown = world.post(&format!("/api/rollouts/{}/pause", id(1)), Some(&token), &json!({})).await;
    assert_eq!((unknown.status, world.size()), (404, size));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_rollouts_go_on_at_once() {
    let world = World::start().await;
    world.node("acme").await;
    let token = world.token("acme", "node_admin").await;
    let mut started = Vec::new();
    for _ in 0..MAX_ROLLOUTS {
        started.push(start(&world, &token, &rollout()).await);
    }
    assert_eq!(world.post("/api/rollouts", Some(&token), &rollout()).await.status, 409);
    for (id, action, status) in [
        (started[1], "pause", 201),
        (started[1], "resume", 201),
        (started[1], "abort", 201),
        (started[1], "abort", 409),
        (id(1), "abort", 404),
    ] {
        let path = format!("/api/rollouts/{id}/{action}");
        let answer = world.post(&path, Some(&token), &json!({})).await;
        assert_eq!(answer.status, status, "{action} {id}: {}", answer.text);
    }
    start(&world, &token, &rollout()).await;
    world.finish().await;
}

/// What became of forty requests at once, by status; each has a problem in full unless it made something.
async fn forty_at_once(ask: impl Fn(usize) -> reqwest::RequestBuilder) -> BTreeMap<u16, usize> {
    let mut at_once = JoinSet::new();
    for n in 0..40 {
        at_once.spawn(send(ask(n)));
    }
    let mut statuses = BTreeMap::new();
    for answer in at_once.join_all().await {
        if answer.status != 201 {
            assert_eq!((answer.status, answer.problem().as_str()), (409, "conflict"), "{}", answer.text);
        }
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn of_forty_that_begin_at_once_as_many_go_on_as_may() {
    let world = World::start().await;
    world.node("acme").await;
    let token = world.token("acme", "node_admin").await;
    let begun = forty_at_once(|_| {
        with_token(world.request(Method::POST, "/api/rollouts"), Some(&token)).json(&rollout())
    });
    assert_eq!(begun.await, BTreeMap::from([(201, MAX_ROLLOUTS), (409, 40 - MAX_ROLLOUTS)]));
    let listed = world.get("/api/events?kind=rollout", Some(&token)).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), MAX_ROLLOUTS);

    let left = 7;
    say(&world, (0..MAX_SCHEDULES - left).map(schedule).collect()).await;
    let set = forty_at_once(|n| {
        let path = format!("/api/schedules/{}", id(MAX_SCHEDULES + n));
        with_token(world.request(Method::PUT, &path), Some(&token)).json(&body())
    });
    assert_eq!(set.await, BTreeMap::from([(201, left), (409, 40 - left)]));
    world.finish().await;
}

async fn start(world: &World, token: &str, request: &Value) -> Uuid {
    let answer = world.post("/api/rollouts", Some(token), request).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_needs_approval_says_until_when() {
    let world = World::start().await;
    world.node("acme").await;
    let token = world.token("acme", "node_admin").await;
    let ask = async |approvals: Value, secs: Value| {
        let mut request = rollout();
        request["approvals"] = approvals;
        request["approval_secs"] = secs;
        request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        world.post("/api/rollouts", Some(&token), &request).await
    };
    for (approvals, secs) in [
        (json!(6), Value::Null),
        (json!(1), json!(0)),
        (json!(1), json!(2_592_001)),
        (json!(0), json!(60)),
        (Value::Null, json!(60)),
    ] {
        let answer = ask(approvals.clone(), secs.clone()).await;
        assert!(matches!(answer.status, 400 | 422), "{approvals} {secs}: {}", answer.text);
    }
    assert!(ask(json!(0), Value::Null).await.json()["approve_by"].is_null());
    let (day, minute) = (ask(json!(2), Value::Null).await.json(), ask(json!(5), json!(60)).await.json());
    let millis = |answer: &Value| parse_rfc3339(answer["approve_by"].as_str().unwrap()).unwrap().millis();
    let apart = (millis(&day) - millis(&minute)) / 1000;
    assert!((80_000..=86_340).contains(&apart), "{apart}");
    let listed = world.get("/api/events?kind=rollout&order=desc&limit=1", Some(&token)).await.json();
    let plan = &listed["items"][0]["payload"];
    assert_eq!((&plan["approvals"], &plan["approve_by"]), (&json!(5), &minute["approve_by"]));
    world.finish().await;
}

/// What the scheduler says of a roll-out within moments: whom it is about. The event hash of its start.
async fn choose(world: &World, token: &str, rollout: Uuid) -> Hash {
    let listed = world.get("/api/events?kind=rollout&limit=500", Some(token)).await.json();
    let items = listed["items"].as_array().unwrap().iter();
    let is_start =
        |item: &&Value| item["payload"]["action"] == "start" && item["payload"]["id"] == json!(rollout);
    let start = items.into_iter().find(is_start).unwrap();
    let hash = Hash::from_hex(start["event_hash"].as_str().unwrap()).unwrap();
    let nodes = json!([NODE]);
    let payload =
        json!({"at": world.ledger.now(), "nodes": nodes, "rollout": hash, "step": "chosen", "wave": 0});
    let id = serde_json::from_value::<RolloutWave>(payload.clone()).unwrap().id();
    let chosen = draft("scheduler", "schedule", Some(rollout.to_string()), Kind::RolloutWave, payload);
    say(world, vec![Draft { id: Some(id), ..chosen }]).await;
    hash
}

const NODE: &str = "550e8400-e29b-41d4-a716-446655440000";

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_is_approved_by_another_person() {
    let world = World::start().await;
    world.node("acme").await;
    let (mine, other) = (world.token("acme", "node_admin").await, world.token("acme", "node_admin").await);
    let approve = async |rollout: Uuid| {
        let body = json!({"text": "seen"});
        world.post(&format!("/api/rollouts/{rollout}/approve"), Some(&mine), &body).await
    };
    let waiting = |approvals: u64, secs: u64| {
        let mut request = rollout();
        (request["approvals"], request["approval_secs"]) = (json!(approvals), json!(secs));
        request
    };
    let theirs = start(&world, &other, &waiting(2, 60)).await;
    let hash = choose(&world, &mine, theirs).await;
    let answer = approve(theirs).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let listed = world.get("/api/events?kind=rollout", Some(&mine)).await.json();
    let item = &listed["items"][0];
    let expected = json!({"action": "approve", "id": theirs, "target": hash, "text": "seen"});
    assert_eq!((&item["payload"], &item["event"]["schema"]["payload"]), (&expected, &json!(2)));

    let own = start(&world, &mine, &waiting(1, 60)).await;
    choose(&world, &mine, own).await;
    let late = start(&world, &other, &waiting(1, 1)).await;
    choose(&world, &mine, late).await;
    let free = start(&world, &other, &rollout()).await;
    let over = start(&world, &other, &rollout()).await;
    world.post(&format!("/api/rollouts/{over}/abort"), Some(&other), &json!({})).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let size = world.size();
    for (rollout, status, words) in [
        (theirs, 409, "another person"),
        (own, 403, "of their own"),
        (late, 409, "was to be approved"),
        (free, 409, "no approval"),
        (over, 409, "over"),
        (id(1), 404, "no roll-out"),
    ] {
        let answer = approve(rollout).await;
        assert_eq!(answer.status, status, "{words}: {}", answer.text);
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
    assert_eq!(world.size(), size, "nothing was said");
    let viewer = world.token("acme", "viewer").await;
    let path = format!("/api/rollouts/{theirs}/approve");
    assert_eq!(world.post(&path, Some(&viewer), &json!({})).await.status, 403);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_of_nobody_is_told_and_starts_no_rollout() {
    let world = World::start().await;
    let token = world.token("acme", "node_admin").await;
    // A schedule may wait for its nodes; whoever sets it is told.
    let told = put(&world, &token, id(1), &body()).await;
    assert_eq!(told.status, 201);
    assert!(told.json()["warning"].as_str().unwrap().contains("acme has no node"), "{}", told.text);
    nodes(&world, MAX_ROLLOUT_NODES).await;
    let quiet = put(&world, &token, id(1), &body()).await;
    assert_eq!((quiet.status, quiet.json()["warning"].is_null()), (200, true), "{}", quiet.text);
    start(&world, &token, &rollout()).await;

    nodes(&world, 1).await;
    let mut narrow = rollout();
    (narrow["selector"], narrow["os_profile"]) = (json!("env=prod"), json!("DebianVault"));
    let size = world.size();
    for (request, words) in [
        (narrow, ["\"env=prod\"", "\"DebianVault\"", "/api/nodes?org=acme"]),
        (rollout(), ["4097", "4096", "selected"]),
    ] {
        let answer = world.post("/api/rollouts", Some(&token), &request).await;
        let problem = answer.json();
        assert_eq!((answer.status, &problem["pointer"]), (409, &json!("/selector")), "{}", answer.text);
        let detail = problem["detail"].as_str().unwrap();
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
    assert_eq!(world.size(), size, "nothing was said");
    world.finish().await;
}

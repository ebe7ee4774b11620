//! `/api/schedules/{id}`: what becomes of a request, and what is asked of the folds.

use crate::world::{World, send, with_token};
use ingest::Config;
use ingest::commands::{Assignment, Desk, Given, Later, Listen, Open};
use reqwest::Method;
use serde_json::{Value, json};
use spec::limits::{MAX_ROLLOUTS, MAX_SCHEDULES};
use spec::{Hash, Kind, Name, Timestamp, Uuid};
use std::sync::Arc;

/// Folds in which there is nothing.
#[derive(Debug)]
pub(crate) struct EmptyDesk;

/// Word of nothing.
#[derive(Debug)]
struct Silent;

impl Listen for Silent {
    fn more(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

impl Desk for EmptyDesk {
    fn open_for(&self, _: &Name, _: Uuid, _: Timestamp, _: usize) -> Vec<Open> {
        Vec::new()
    }

    fn folded(&self) -> u64 {
        0
    }

    fn given(&self, _: Hash, _: u64) -> Later<Option<Given>> {
        Box::pin(std::future::ready(None))
    }

    fn assignment(&self, _: Hash, _: u64) -> Later<Option<Assignment>> {
        Box::pin(std::future::ready(None))
    }

    fn schedules(&self, _: u64) -> Later<Vec<(Name, Uuid)>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn rollouts(&self, _: u64) -> Later<Vec<(Name, Uuid, bool)>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn listen(&self, _: Uuid) -> Box<dyn Listen> {
        Box::new(Silent)
    }
}

/// Folds with as many schedules of `acme` as there may be.
#[derive(Debug)]
struct FullDesk;

impl Desk for FullDesk {
    fn open_for(&self, org: &Name, node: Uuid, now: Timestamp, limit: usize) -> Vec<Open> {
        EmptyDesk.open_for(org, node, now, limit)
    }

    fn folded(&self) -> u64 {
        0
    }

    fn given(&self, hash: Hash, size: u64) -> Later<Option<Given>> {
        EmptyDesk.given(hash, size)
    }

    fn assignment(&self, hash: Hash, size: u64) -> Later<Option<Assignment>> {
        EmptyDesk.assignment(hash, size)
    }

    fn schedules(&self, _: u64) -> Later<Vec<(Name, Uuid)>> {
        let acme: Name = "acme".parse().unwrap();
        Box::pin(std::future::ready((0..MAX_SCHEDULES).map(|n| (acme.clone(), id(n))).collect()))
    }

    fn rollouts(&self, _: u64) -> Later<Vec<(Name, Uuid, bool)>> {
        let acme: Name = "acme".parse().unwrap();
        // The last is over.
        Box::pin(std::future::ready(
            (0..=MAX_ROLLOUTS).map(|n| (acme.clone(), id(n), n == MAX_ROLLOUTS)).collect(),
        ))
    }

    fn listen(&self, node: Uuid) -> Box<dyn Listen> {
        EmptyDesk.listen(node)
    }
}

fn id(n: usize) -> Uuid {
    let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
    Uuid::v4([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

async fn put(world: &World, token: &str, id: Uuid, body: &Value) -> crate::world::Answer {
    let request = world.request(Method::PUT, &format!("/api/schedules/{id}"));
    send(with_token(request, Some(token)).json(body)).await
}

fn body() -> Value {
    json!({"command": "scan", "name": "nightly", "when": {"cron": "30 2 * * *"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_set_with_what_it_leaves_out() {
    let world = World::with(Config { desk: Some(Arc::new(EmptyDesk)), ..Config::default() }).await;
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
    let world = World::with(Config { desk: Some(Arc::new(EmptyDesk)), ..Config::default() }).await;
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
    let world = World::with(Config { desk: Some(Arc::new(FullDesk)), ..Config::default() }).await;
    let token = world.token("acme", "node_admin").await;
    assert_eq!(put(&world, &token, id(MAX_SCHEDULES), &body()).await.status, 409);
    assert_eq!(put(&world, &token, id(7), &body()).await.status, 200, "one of them is changed");
    let remove = |n| world.request(Method::DELETE, &format!("/api/schedules/{}", id(n)));
    assert_eq!(send(with_token(remove(7), Some(&token))).await.status, 204);
    assert_eq!(send(with_token(remove(MAX_SCHEDULES), Some(&token))).await.status, 404);
    let listed = world.get("/api/events?kind=schedule", Some(&token)).await.json();
    let kinds = listed["items"].as_array().unwrap().iter().map(|item| item["event"]["kind"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), [json!(Kind::Schedule), json!(Kind::Schedule)]);
    world.finish().await;
}

fn rollout() -> Value {
    json!({"command": "scan", "name": "all", "waves": [{"count": 1}, {"percent": 100}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_is_started_with_what_it_leaves_out() {
    let world = World::with(Config { desk: Some(Arc::new(EmptyDesk)), ..Config::default() }).await;
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
    let world = World::with(Config { desk: Some(Arc::new(FullDesk)), ..Config::default() }).await;
    let token = world.token("acme", "node_admin").await;
    assert_eq!(world.post("/api/rollouts", Some(&token), &rollout()).await.status, 409);
    for (n, action, status) in [
        (1, "pause", 201),
        (1, "resume", 201),
        (1, "abort", 201),
        (MAX_ROLLOUTS, "abort", 409),
        (MAX_ROLLOUTS + 1, "abort", 404),
    ] {
        let path = format!("/api/rollouts/{}/{action}", id(n));
        let answer = world.post(&path, Some(&token), &json!({})).await;
        assert_eq!(answer.status, status, "{action} {n}: {}", answer.text);
    }
    world.finish().await;
}

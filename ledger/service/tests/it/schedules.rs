//! `/api/schedules` and `/api/rollouts`: what becomes of a request, and what is asked of the folds.

use crate::world::{World, send, with_token};
use ingest::Config;
use ingest::commands::{Assignment, Desk, Given, Later, Listen, Open, Rollout};
use reqwest::Method;
use serde_json::{Value, json};
use spec::limits::{MAX_ROLLOUTS, MAX_SCHEDULES};
use spec::payload::MAX_ROLLOUT_NODES;
use spec::selector::Selector;
use spec::time::parse_rfc3339;
use spec::{Author, Hash, Kind, Name, Timestamp, Uuid};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

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

    fn rollouts(&self, _: u64) -> Later<Vec<Rollout>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn selected(&self, _: Name, _: Selector, _: Option<String>, _: u64) -> Later<u64> {
        Box::pin(std::future::ready(0))
    }

    fn listen(&self, _: Uuid) -> Box<dyn Listen> {
        Box::new(Silent)
    }
}

/// Folds with as many schedules of `acme` as there may be, and with some roll-outs.
#[derive(Debug)]
struct FullDesk {
    rollouts: Mutex<Vec<Rollout>>,
    /// How many nodes any selector selects.
    selected: AtomicU64,
}

impl FullDesk {
    /// With as many roll-outs as there may be, and one that is over.
    fn new() -> Arc<Self> {
        let one = |n| Rollout { is_over: n == MAX_ROLLOUTS, ..known(n) };
        Self::of((0..=MAX_ROLLOUTS).map(one).collect())
    }

    fn of(rollouts: Vec<Rollout>) -> Arc<Self> {
        Arc::new(Self { rollouts: Mutex::new(rollouts), selected: AtomicU64::new(1) })
    }
}

/// A roll-out of `acme` that goes on and needs nobody.
fn known(n: usize) -> Rollout {
    Rollout {
        org: "acme".parse().unwrap(),
        id: id(n),
        is_over: false,
        hash: Hash([7; 32]),
        started_by: Author::Service("admin".parse().unwrap()),
        is_chosen: true,
        approved_by: Vec::new(),
        waits_until: None,
    }
}

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

    fn rollouts(&self, _: u64) -> Later<Vec<Rollout>> {
        Box::pin(std::future::ready(self.rollouts.lock().unwrap().clone()))
    }

    fn selected(&self, _: Name, _: Selector, _: Option<String>, _: u64) -> Later<u64> {
        Box::pin(std::future::ready(self.selected.load(Ordering::Relaxed)))
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
    let world = World::with(Config { desk: Some(FullDesk::new()), ..Config::default() }).await;
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
    let world = World::with(Config { desk: Some(FullDesk::of(Vec::new())), ..Config::default() }).await;
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
    let world = World::with(Config { desk: Some(FullDesk::new()), ..Config::default() }).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_needs_approval_says_until_when() {
    let world = World::with(Config { desk: Some(FullDesk::of(Vec::new())), ..Config::default() }).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_is_approved_by_another_person() {
    let desk = FullDesk::new();
    let shared: Arc<dyn Desk> = Arc::<FullDesk>::clone(&desk);
    let world = World::with(Config { desk: Some(shared), ..Config::default() }).await;
    let token = world.token("acme", "node_admin").await;
    let approve = async |n: usize| {
        let body = json!({"text": "seen"});
        world.post(&format!("/api/rollouts/{}/approve", id(n)), Some(&token), &body).await
    };
    let until = Timestamp::from_millis(4_000_000_000_000);
    desk.rollouts.lock().unwrap()[1].waits_until = Some(until);
    let answer = approve(1).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let listed = world.get("/api/events?kind=rollout", Some(&token)).await.json();
    let item = &listed["items"][0];
    let expected = json!({"action": "approve", "id": id(1), "target": known(1).hash, "text": "seen"});
    assert_eq!((&item["payload"], &item["event"]["schema"]["payload"]), (&expected, &json!(2)));
    let author: Author = item["event"]["author"].as_str().unwrap().parse().unwrap();
    {
        let mut all = desk.rollouts.lock().unwrap();
        all[2] = Rollout { waits_until: Some(until), approved_by: vec![author.clone()], ..known(2) };
        all[3] = Rollout { waits_until: Some(until), started_by: author, ..known(3) };
        all[4].waits_until = Some(Timestamp::from_millis(1));
    }
    let size = world.size();
    for (n, status, words) in [
        (2, 409, "another person"),
        (3, 403, "of their own"),
        (4, 409, "was to be approved"),
        (5, 409, "no approval"),
        (MAX_ROLLOUTS, 409, "over"),
        (MAX_ROLLOUTS + 1, 404, "no roll-out"),
    ] {
        let answer = approve(n).await;
        assert_eq!(answer.status, status, "{n}: {}", answer.text);
        assert!(answer.text.contains(words), "{n}: {}", answer.text);
    }
    assert_eq!(world.size(), size, "nothing was said");
    let viewer = world.token("acme", "viewer").await;
    let path = format!("/api/rollouts/{}/approve", id(1));
    assert_eq!(world.post(&path, Some(&viewer), &json!({})).await.status, 403);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_of_nobody_is_told_and_starts_no_rollout() {
    let desk = FullDesk::of(Vec::new());
    let shared: Arc<dyn Desk> = Arc::<FullDesk>::clone(&desk);
    let world = World::with(Config { desk: Some(shared), ..Config::default() }).await;
    let token = world.token("acme", "node_admin").await;
    let mut request = rollout();
    (request["selector"], request["os_profile"]) = (json!("env=prod"), json!("DebianVault"));
    let (size, start) = (world.size(), async || world.post("/api/rollouts", Some(&token), &request).await);
    for (selected, words) in [
        (0, ["\"env=prod\"", "\"DebianVault\"", "/api/nodes?org=acme"]),
        (MAX_ROLLOUT_NODES + 1, ["4097", "4096", "selected"]),
    ] {
        desk.selected.store(selected, Ordering::Relaxed);
        let answer = start().await;
        let problem = answer.json();
        assert_eq!((answer.status, &problem["pointer"]), (409, &json!("/selector")), "{}", answer.text);
        let detail = problem["detail"].as_str().unwrap();
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
    assert_eq!(world.size(), size, "nothing was said");
    desk.selected.store(MAX_ROLLOUT_NODES, Ordering::Relaxed);
    assert_eq!(start().await.status, 201);
    // A schedule may wait for its nodes; whoever sets it is told.
    let quiet = put(&world, &token, id(1), &body()).await;
    assert!(quiet.json()["warning"].is_null(), "{}", quiet.text);
    desk.selected.store(0, Ordering::Relaxed);
    let told = put(&world, &token, id(1), &body()).await;
    assert_eq!(told.status, 200);
    assert!(told.json()["warning"].as_str().unwrap().contains("acme has no node"), "{}", told.text);
    world.finish().await;
}

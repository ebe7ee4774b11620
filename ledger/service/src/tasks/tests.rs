//! Faults in each task of a whole service: it goes on, it shows, and nothing is lost or said twice.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test may stop the test")]

use crate::data::{DataDir, Manner};
use crate::{Choices, Running, outbound, start};
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use ledger::durable::RealDisk;
use ledger::verify::{DiskSource, Options, Verdict, verify_log};
use projections::Projections;
use proofs::SigningKey;
use reqwest::Method;
use serde_json::{Value, json};
use spec::payload::{node_possession_bytes, token_hash};
use spec::{Author, Hash, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// A service in a directory of its own, and its owner.
struct World {
    running: Running,
    dir: tempfile::TempDir,
    client: reqwest::Client,
    token: String,
}

impl World {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path());
        data.init(&"test.local".parse().unwrap()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let choices = Choices { allow_private_webhooks: true, ..Choices::default() };
        let manner = Manner { as_service: true, ..Manner::default() };
        let running = start(&data, listener, manner, choices).await.unwrap();
        let client = outbound::builder().tls_certs_only([]).build().unwrap();
        let token = data.owner_token().unwrap();
        Self { running, dir, client, token }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let url = format!("http://{}{path}", self.running.address);
        let request = self.client.request(method, url).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn json(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, text) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        self.json(Method::GET, path, None).await["items"].as_array().unwrap().clone()
    }

    /// Lets the next steps of a task panic once they are done.
    fn strike(&self, name: &str, times: u64) {
        let status = self.running.tasks.0.iter().find(|status| status.name == name).unwrap();
        status.panics.store(times, Ordering::SeqCst);
    }

    /// Makes a node of `acme`.
    async fn node(&self) {
        let made = self.json(Method::POST, "/api/orgs/acme/nodes/enrollment-tokens", Some(json!({}))).await;
        let token = made["token"].as_str().unwrap();
        let (ledger, secret) = token.strip_prefix("vm1.").unwrap().split_once('.').unwrap();
        let (ledger, secret) = (Hash::from_hex(ledger).unwrap(), Hash::from_hex(secret).unwrap());
        let (key, author) = (SigningKey::from_seed(&[7; 32]), Author::Node(Uuid::v4([7; 16])));
        let pop = key.sign(&node_possession_bytes(&author, &key.public(), &ledger, &token_hash(&secret.0)));
        let body = json!({"author": author, "key": key.public(), "pop": pop, "token": token});
        self.json(Method::POST, "/api/nodes/register", Some(body)).await;
    }

    /// Ends the service; an auditor goes over all of it, and folds it again.
    async fn finish(self) {
        assert_eq!(self.running.finish().await, None);
        let (disk, mut folds) = (RealDisk::existing(self.dir.path()), Projections::default());
        let report = verify_log(&DiskSource(&disk), &Options::default(), Some(&mut folds), &mut |_| {});
        assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    }
}

/// A receiver of webhooks: the ids of what it was sent.
async fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let received: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = Arc::clone(&received);
    let take = move |headers: HeaderMap| {
        all.lock().unwrap().push(headers["webhook-id"].to_str().unwrap().to_owned());
        std::future::ready(())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(take))).await });
    (url, received)
}

/// Waits for something that comes about within seconds, five minutes where the machine has much else to do.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to be: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_each_task_loses_nothing_and_says_nothing_twice() {
    let world = World::start().await;
    let (url, received) = receiver().await;
    world.json(Method::POST, "/api/orgs/acme/webhooks", Some(json!({"url": url}))).await;
    world.node().await;
    let names: Vec<String> = world.running.tasks.rows().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["folds", "announce", "scheduler", "webhooks", "witness-offers", "packing", "disk"]);
    for name in &names {
        world.strike(name, 1);
    }
    let schedule = json!({"command": "scan", "name": "often", "org": "acme", "when": {"every_secs": 1}});
    world.json(Method::PUT, &format!("/api/schedules/{}", Uuid::v4([3; 16])), Some(schedule)).await;
    let incident = json!({"kind": "incident", "org": "acme", "payload": {"title": "the disk is full"}});
    world.json(Method::POST, "/api/events", Some(incident)).await;

    until("every task was started again and goes on", async || {
        let rows = world.items("/api/tasks").await;
        rows.iter().all(|row| row["restarts"] == 1 && row["failures"] == 0 && row["last_run"].is_string())
    })
    .await;
    for row in world.items("/api/tasks").await {
        let error = row["last_error"]["error"].as_str().unwrap();
        assert!(error.contains("a fault that a test injects"), "{row}");
        assert_eq!(row["failing"], false);
    }
    until("runs and a message after the faults", async || {
        let told = world.items("/api/orgs/acme/webhooks").await;
        let runs = world.items("/api/events?kind=schedule-run&org=acme").await;
        // With the folds behind, lists of them are refused: they are asked for once the folds are there.
        runs.len() >= 4 && told[0]["delivered"].as_u64() >= Some(1)
    })
    .await;
    world.json(Method::GET, "/api/nodes", None).await;

    let runs = world.items("/api/events?kind=schedule-run&org=acme&limit=500").await;
    let dues: BTreeSet<String> = runs.iter().map(|run| run["payload"]["due"].to_string()).collect();
    assert_eq!(dues.len(), runs.len(), "a run is decided once");
    let started = runs.iter().filter(|run| run["payload"]["outcome"] == "started").count();
    let orders = world.items("/api/events?kind=command&org=acme&limit=500").await;
    let mut nonces: BTreeMap<String, usize> = BTreeMap::new();
    for order in &orders {
        *nonces.entry(order["payload"]["nonce"].to_string()).or_default() += 1;
    }
    assert!(nonces.values().all(|times| *times == 1), "a node is told once: {nonces:?}");
    // The newest run may have told its node since.
    assert!(orders.len().abs_diff(started) <= 1, "{} orders of {started} runs", orders.len());
    {
        let received = received.lock().unwrap();
        let distinct: BTreeSet<&String> = received.iter().collect();
        assert_eq!(distinct.len(), received.len(), "a message is sent once: {received:?}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_keeps_failing_makes_the_service_unready_until_it_goes_on() {
    let world = World::start().await;
    let ready = async || world.ask(Method::GET, "/readyz", None).await;
    until("ready", async || ready().await.0 == 200).await;
    world.strike("announce", super::KEEPS_FAILING);
    // Something is folded, and the task takes a step.
    let note = json!({"kind": "note", "org": "acme", "payload": {"text": "x"}});
    world.json(Method::POST, "/api/events", Some(note)).await;
    until("not ready", async || ready().await.0 == 503).await;
    let (_, problem) = ready().await;
    assert!(problem.contains("the task announce keeps failing"), "{problem}");
    assert!(!problem.contains("injects"), "why it fails is not for everyone: {problem}");
    let tasks = world.items("/api/tasks").await;
    let row = tasks.iter().find(|row| row["name"] == "announce").unwrap();
    assert_eq!((&row["failing"], &row["failures"]), (&json!(true), &json!(super::KEEPS_FAILING)));
    assert!(row["next_start"].is_string(), "{row}");
    until("ready again", async || ready().await.0 == 200).await;
    let (_, metrics) = world.ask(Method::GET, "/metrics", None).await;
    for line in [
        "\nvaultmesh_task_restarts_total{task=\"announce\"} 3\n",
        "\nvaultmesh_task_failures{task=\"announce\"} 0\n",
        "\nvaultmesh_task_restarts_total{task=\"folds\"} 0\n",
        "\nvaultmesh_task_last_run_timestamp_seconds{task=\"announce\"} ",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    world.finish().await;
}

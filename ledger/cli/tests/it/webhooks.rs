//! Webhooks, with the real executable and a real receiver: signed, grouped, sent again, over a kill, and on record.

use crate::support::{PATIENCE, Service, json, ledger, look_until, verify};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A message as it arrived.
#[derive(Debug, Clone)]
struct Arrival {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

impl Arrival {
    /// Whether the holder of the secret sent it, by the receiver's side of the rules.
    fn is_signed(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        let mut signatures = self.signature.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        signatures.any(|one| mac.clone().verify_slice(&STANDARD.decode(one).unwrap()).is_ok())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Somebody who listens; the first answers are those given.
#[derive(Debug, Clone, Default)]
struct Receiver {
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let arrival = Arrival {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    };
    receiver.arrivals.lock().unwrap().push(arrival);
    let mut answers = receiver.answers.lock().unwrap();
    if answers.is_empty() { StatusCode::NO_CONTENT } else { answers.remove(0) }
}

impl Receiver {
    async fn start(answers: &[StatusCode]) -> (Self, SocketAddr) {
        let receiver = Self { answers: Arc::new(Mutex::new(answers.to_vec())), ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    async fn arrived(&self, count: usize) -> Vec<Arrival> {
        let started = Instant::now();
        loop {
            let arrivals = self.arrivals.lock().unwrap().clone();
            if arrivals.len() >= count {
                return arrivals;
            }
            assert!(started.elapsed() < PATIENCE, "{arrivals:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The webhook, once it is as wanted.
fn listed(path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    look_until(|| {
        let webhook = json(&["webhooks", "list", "--data", path, "-o", "json"], 0)["items"][0].clone();
        if wanted(&webhook) { Ok(webhook) } else { Err(webhook) }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_signed_and_together_until_it_takes_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let (receiver, address) = Receiver::start(&[StatusCode::SERVICE_UNAVAILABLE]).await;
    let service = Service::start_with(&data, &["--allow-private-webhooks"]);
    let url = format!("http://{address}/hook");
    let made = json(&["webhooks", "create", &url, "--data", path], 0);
    let secret = made["secret"].as_str().unwrap().to_owned();
    for title in ["smoke", "fire"] {
        json(&["incidents", "open", title, "--data", path], 0);
    }
    let first = receiver.arrived(1).await.remove(0);
    listed(path, |webhook| webhook["last"]["outcome"] == "failed");
    // The second attempt is another process's.
    service.kill();
    let service = Service::start_with(&data, &["--allow-private-webhooks"]);
    let second = receiver.arrived(2).await.remove(1);
    assert!(first.is_signed(&secret) && second.is_signed(&secret));
    assert!(!Arrival { body: first.body.replace("smoke", "smokf"), ..first.clone() }.is_signed(&secret));
    assert_eq!((&first.id, &first.body), (&second.id, &second.body), "a receiver knows it again");
    let told = second.json();
    assert_eq!(told["type"], "incident.opened");
    let items = told["data"]["items"].as_array().unwrap();
    let titles: Vec<_> = items.iter().map(|item| item["incident"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["smoke", "fire"]);
    let webhook = listed(path, |webhook| webhook["delivered"] == 1);
    assert_eq!((&webhook["owed"], &webhook["given_up"]), (&0.into(), &0.into()));
    assert!(!webhook.to_string().contains(&secret) && !webhook.to_string().contains("secret"));

    // What was sent is on record, with what came of it.
    let notices = json(&["logs", "view", "--data", path, "--kind", "notice", "-o", "json"], 0).to_string();
    assert_eq!(notices.matches(&first.id).count(), 2, "{notices}");
    let log = std::fs::read_dir(data.join("log")).unwrap();
    for file in log.map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(secret.strip_prefix("whsec_").unwrap()));
    }
    assert_eq!(
        json(&["webhooks", "remove", made["id"].as_str().unwrap(), "--data", path], 0)["removed"],
        made["id"]
    );
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_this_machine_reaches_is_not_reached() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let (receiver, address) = Receiver::start(&[]).await;
    let service = Service::start(&data);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/hook", address.port());
        json(&["webhooks", "create", &url, "--data", path], 0);
    }
    json(&["incidents", "open", "smoke", "--data", path], 0);
    let failed = |n: usize| move |all: &Value| all["items"][n]["last"]["outcome"] == "failed";
    let all = look_until(|| {
        let all = json(&["webhooks", "list", "--data", path, "-o", "json"], 0);
        if failed(0)(&all) && failed(1)(&all) { Ok(all) } else { Err(all) }
    });
    assert_eq!(all["items"][0]["last"]["status"], Value::Null);
    assert_eq!(receiver.arrivals.lock().unwrap().len(), 0);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[test]
fn what_cannot_be_a_webhook_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    json(&["init", "--data", path], 0);
    for (args, word) in [
        (["ftp://example.org/x", "--org", "default"], "/url"),
        (["https://user:word@example.org/", "--org", "default"], "/url"),
        (["https://example.org/", "--type", "incident.closed"], "/types"),
    ] {
        let refused = ledger(&[&["webhooks", "create", "--data", path], &args[..]].concat());
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains(word), "{args:?}: {told}");
    }
    let id = "550e8400-e29b-41d4-a716-446655440000";
    let refused = ledger(&["webhooks", "remove", id, "--data", path]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not-found"));
}

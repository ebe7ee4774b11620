//! What goes wrong is told once, becomes an incident, and can be looked into afterwards: with a real service, over
//! a kill, and from the files alone.

use crate::support::{Node, Service, http, json, look_until, now, verify};
use serde_json::{Value, json};
use spec::{Event, Kind};
use vaultmesh_agent::chain::author::Draft;
use vaultmesh_agent::entropy::SystemEntropy;

/// A heartbeat of a node that beats once a second.
fn beat(node: &mut Node, services_ok: bool) -> Event {
    let payload = json!({
        "node_id": node.id, "hostname": "vault-test", "os_profile": "DebianVault", "cloudflare_ok": true,
        "services_ok": services_ok, "vaultmesh_root": "/var/lib/vaultmesh", "timestamp": now().to_string(),
        "interval_secs": 1,
    });
    node.author.next_event(Draft::new(Kind::Heartbeat, &payload, now(), &mut SystemEntropy).unwrap())
}

async fn send(client: &reqwest::Client, service: &Service, event: &Event) {
    let request = client.post(format!("{}/api/events", service.url)).body(event.to_canonical());
    let answer = request.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

/// Asks until the answer is as wanted.
fn until(args: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
    look_until(|| {
        let answer = json(args, 0);
        if wanted(&answer) { Ok(answer) } else { Err(format!("{args:?}: {answer}")) }
    })
}

fn items(answer: &Value) -> &Vec<Value> {
    answer["items"].as_array().unwrap()
}

/// The titles of the incidents, sorted.
fn titles(answer: &Value) -> Vec<&str> {
    let mut titles: Vec<_> =
        items(answer).iter().map(|incident| incident["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    titles
}

/// How often each change was announced.
fn announced(data: &str) -> Vec<String> {
    let events = json(&["events", "--data", data, "--kind", "attention", "--limit", "500", "-o", "json"], 0);
    let change = |event: &Value| event["payload"]["change"].to_string();
    items(&events).iter().map(|event| change(event.get("record").unwrap_or(event))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_once_and_looked_after() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let client = http();
    let mut node = Node::enrol(&client, &service, &service.enrolment_token(1)).await;
    let data = service.data.clone();
    let path = data.to_str().unwrap();
    for ok in [true, false, false] {
        send(&client, &service, &beat(&mut node, ok)).await;
    }
    let list = ["incidents", "list", "--data", path, "-o", "json"];
    let listed = until(&list, |answer| titles(answer) == ["service-down services"]);
    let incident = &items(&listed)[0];
    let id = incident["id"].as_str().unwrap().to_owned();
    assert_eq!((&incident["state"], &incident["band"]), (&"open".into(), &"ATTN".into()));
    assert_eq!(incident["node_id"], node.id.to_string());

    json(&["incidents", "ack", &id, "--data", path, "--until", "1h", "--text", "on it"], 0);
    json(&["incidents", "assign", &id, "kay", "--data", path], 0);
    json(
        &[
            "incidents",
            "silence",
            "--data",
            path,
            "--until",
            "1h",
            "--why",
            "known",
            "--org",
            "acme",
            "--reason",
            "service-down",
        ],
        0,
    );
    let shown =
        until(&["incidents", "show", &id, "--data", path], |shown| shown["incident"]["silence"].is_object());
    let incident = &shown["incident"];
    assert_eq!((&incident["state"], &incident["assignee"]), (&"acked".into(), &"kay".into()));
    assert_eq!(incident["notes"][0]["text"], "on it");

    // Silence comes about by time alone; nobody but the ledger says anything any more.
    let listed = until(&list, |answer| items(answer).len() == 2);
    assert_eq!(titles(&listed), ["service-down services", "stale"]);
    let before = announced(path);
    service.kill();
    let service = Service::start(&data);
    // Back with all well for the first time: what was told stays told.
    for _ in 0..3 {
        send(&client, &service, &beat(&mut node, true)).await;
    }
    let resolved = ["incidents", "list", "--data", path, "--state", "resolved", "-o", "json"];
    until(&resolved, |answer| titles(answer) == ["stale"]);
    let after = announced(path);
    let count = |all: &[String], one: &str| all.iter().filter(|change| *change == one).count();
    for change in &before {
        assert_eq!((count(&before, change), count(&after, change)), (1, 1), "{change}");
    }
    assert_eq!(service.terminate(), Some(0));

    // From the files alone: the same, seals and all.
    let report = verify(&data, &[]);
    let digests =
        report["checks"].as_array().unwrap().iter().find(|check| check["code"] == "digests").unwrap();
    assert!(digests["status"] == "passed" && digests["count"].as_u64() >= Some(9), "{report}");
    let replayed = json(&["replay", "--projection", "incidents", "--data", path], 0);
    assert_eq!(replayed["state"]["acme"]["incidents"].as_array().unwrap().len(), 2);
    let earlier = json(&["replay", "--projection", "incidents", "--data", path, "--at", "2"], 0);
    assert_eq!((&earlier["at_seq"], &earlier["state"]), (&2.into(), &json!({})));

    let turned = json(&["bisect", "any(.acme.nodes[]?; .band != \"OK\")", "--data", path], 0);
    assert_eq!(
        (&turned["was"], &turned["is"], &turned["kind"]),
        (&false.into(), &true.into(), &"heartbeat".into())
    );
    assert_eq!(turned["payload"]["services_ok"], false);
    let seq = turned["seq"].as_u64().unwrap();
    let band = |seq: u64| {
        let replay =
            json(&["replay", "--projection", "attention", "--data", path, "--at", &seq.to_string()], 0);
        replay["state"]["acme"]["nodes"][node.id.to_string()]["band"].as_str().unwrap().to_owned()
    };
    assert_eq!((band(seq - 1), band(seq)), ("OK".to_owned(), "ATTN".to_owned()));

    let rules = dir.path().join("rules.json");
    write(&rules, r#"{"reasons":{"service-down":{"weight":0}}}"#);
    let rehearsed =
        json(&["attention", "rehearse", rules.to_str().unwrap(), "--data", path, "-o", "json"], 0);
    let dropped: Vec<_> =
        items(&json!({"items": rehearsed["dropped"]})).iter().map(|p| p["reason"].clone()).collect();
    assert_eq!(dropped, ["service-down"], "{rehearsed}");
    assert_eq!((&rehearsed["kept"], &rehearsed["added"]), (&1.into(), &json!([])), "{rehearsed}");
    write(&rules, r#"{"reasons":{"servise-down":{"weight":0}}}"#);
    json_failure(&["attention", "rehearse", rules.to_str().unwrap(), "--data", path], "servise-down");
    json_failure(&["bisect", ".acme |", "--data", path], "jq");
    json_failure(&["replay", "--at", "999999", "--data", path], "--at 999999");
}

#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn write(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// A mistake of the caller's, named.
fn json_failure(args: &[&str], word: &str) {
    let output = crate::support::ledger(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(word), "{args:?}: {said}");
}

//! What messages stand in, as the log says it: the request and the entry it was acknowledged as, the group that entry was
//! written with, the task and the fold that took it in, and the node that an agent speaks for.

use crate::support::{Node, Service, command, http, json, until};
use serde_json::Value;
use std::path::Path;

/// The spans of this name that messages in a log stand in, each with those around it. Lines that are not JSON are no
/// messages.
fn spans(log: &str, name: &str) -> Vec<(Value, Vec<Value>)> {
    let mut found = Vec::new();
    for message in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let around = message["spans"].as_array().cloned().unwrap_or_default();
        if let Some(at) = around.iter().position(|span| span["name"] == name) {
            found.push((around[at].clone(), around[..at].to_vec()));
        }
    }
    found
}

fn holds(span: &Value, seq: u64) -> bool {
    span["from"].as_u64().unwrap() <= seq && seq < span["to"].as_u64().unwrap()
}

fn run(data: &Path, log: &Path) -> Service {
    let said = std::fs::File::create(log).unwrap().into();
    let more = ["--log", "debug", "--log-format", "json"];
    Service::start_saying("127.0.0.1:0", data, &more, said)
}

#[tokio::test]
async fn messages_stand_in_request_group_task_fold_and_node() {
    let dir = tempfile::tempdir().unwrap();
    let (data, log) = (dir.path().join("ledger"), dir.path().join("log"));
    let service = run(&data, &log);
    let client = http();
    let mut node = Node::enrol(&client, &service, &service.enrolment_token(1)).await;
    let event = node.note("seen on its whole way").to_canonical();
    let request = client.post(format!("{}/api/events", service.url)).body(event);
    let answer = request.header("content-type", "application/json").send().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let seq = answer["seq"].as_u64().unwrap_or_else(|| panic!("{answer}"));

    // The folds follow within moments; of the past they are asked.
    let path = data.to_str().unwrap();
    let said = || std::fs::read_to_string(&log).unwrap();
    let of_head = |span: &Value| span["of"] == "head" && holds(span, seq);
    let folded = until("the folds have it", || {
        let all = spans(&said(), "fold");
        all.into_iter().find(|(span, _)| of_head(span))
    });
    assert!(folded.1.iter().any(|span| span["name"] == "task" && span["task"] == "folds"), "{folded:?}");
    json(&["nodes", "list", "--as-of", &seq.to_string(), "--data", path, "-o", "json"], 0);
    let past = spans(&said(), "fold").into_iter().find(|(span, _)| span["of"] == "past").unwrap().0;
    assert_eq!(past["to"], seq + 1);

    let state = dir.path().join("state").to_str().unwrap().to_owned();
    let (token, url) = (service.enrolment_token(1), service.url.clone());
    let enroll = ["agent", "enroll", "--url", &url, "--token", &token, "--state-dir", &state];
    let enrolled = json(&enroll, 0);
    let once = command(&["agent", "run", "--once", "--state-dir", &state])
        .env("VAULTMESH_LOG", "debug")
        .env("VAULTMESH_LOG_FORMAT", "json")
        .output()
        .unwrap();
    let of_node = spans(&String::from_utf8_lossy(&once.stderr), "node");
    assert!(of_node.iter().any(|(span, _)| span["id"] == enrolled["node_id"]), "{once:?}");

    assert_eq!(service.terminate(), Some(0));
    let said = said();
    let requests = spans(&said, "request");
    let (request, _) = requests.iter().find(|(span, _)| span["seq"] == seq).unwrap();
    assert_eq!((&request["method"], &request["path"]), (&"POST".into(), &"/api/events".into()));
    assert!(requests.iter().all(|(span, _)| span["principal"].is_string()), "{requests:#?}");
    assert!(spans(&said, "group").iter().any(|(span, _)| holds(span, seq)), "the group of {seq}");
}

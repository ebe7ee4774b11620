//! A node goes over to a new key, with the real service and the real agent: by command, through a kill, with a copy of
//! the machine that goes on with the old key, and by hand.

use crate::between::{Agent, MARK, issue, state};
use crate::support::{Service, command, json, ledger, look_until, verify};
use serde_json::Value;
use std::process::Stdio;

fn key_of(agent: &Agent) -> String {
    let status = json(&["agent", "status", "--state-dir", &agent.state, "-o", "json"], 0);
    assert!(status["next_key"].is_null(), "{status}");
    status["key"].as_str().unwrap().to_owned()
}

/// The ledger's word on a key.
fn known(data: &str, key: &str) -> Value {
    let keys = json(&["keys", "show", "--data", data, "-o", "json"], 0);
    let all = keys.as_array().cloned().or_else(|| keys["items"].as_array().cloned()).unwrap();
    all.into_iter().find(|known| known["key"] == key).unwrap()
}

fn entries(data: &str, kind: &str) -> Vec<Value> {
    let all = json(&["logs", "view", "--data", data, "--kind", kind, "--limit", "500", "-o", "json"], 0);
    all["items"].as_array().unwrap().clone()
}

#[test]
fn a_node_goes_over_to_a_new_key_and_its_copy_is_told_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let id = service.ledger_id.to_hex();
    let mut agent = Agent::start(dir.path(), "one", &service.url, &service);
    let (node, first, place) = (agent.id(), key_of(&agent), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();
    let (before, _) = issue(path, &node, &mark);
    state(path, &before, "succeeded");
    let _ = agent.child.kill();
    let copy = format!("{}-copy", agent.state);
    let copied = std::process::Command::new("cp").args(["-a", &agent.state, &copy]).status();
    assert!(copied.unwrap().success());
    agent.restart();

    let (rotate, _) = issue(path, &node, &["rotate-key"]);
    state(path, &rotate, "succeeded");
    let second = key_of(&agent);
    assert_ne!(first, second);
    let gone = known(path, &first);
    assert_eq!((&gone["status"], &gone["successor"]), (&"superseded".into(), &second.as_str().into()));
    assert_eq!(known(path, &second)["status"], "active");

    // It goes on, also after a kill; what it says bears the new key, and that proves itself from the ledger's id.
    agent.restart();
    let (after, _) = issue(path, &node, &mark);
    state(path, &after, "succeeded");
    assert_eq!(key_of(&agent), second);
    let rotation = entries(path, "key-rotation")[0]["seq"].as_u64().unwrap();
    let receipts = entries(path, "receipt");
    let last = receipts.iter().rfind(|entry| entry["event"]["key"] == second.as_str()).unwrap();
    for seq in [rotation, last["seq"].as_u64().unwrap()] {
        let bundle = dir.path().join(format!("bundle-{seq}.json"));
        let file = bundle.to_str().unwrap();
        let proved = ledger(&["prove", "--seq", &seq.to_string(), "--out", file, "--data", path]);
        assert_eq!(proved.status.code(), Some(0), "{}", String::from_utf8_lossy(&proved.stderr));
        assert_eq!(verify(&bundle, &["--trust", &id])["verdict"], "verified");
    }

    // The copy speaks for a place that the rotation has taken: it ends, and the fork is told.
    let run = ["agent", "run", "--state-dir", &copy];
    let stopped = command(&run).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(1), "{said}");
    assert!(said.contains("does not accept this node's key"), "{said}");
    assert_eq!(entries(path, "chain-fork").len(), 1);
    look_until(|| {
        let shown = json(&["nodes", "show", &node, "--data", path, "-o", "json"], 0).to_string();
        let told = shown.contains("\"chain-fork\"") && shown.contains("\"live\"");
        if told { Ok(()) } else { Err(shown) }
    });

    // By hand, while the agent is stopped, and while it runs.
    let by_hand = ["agent", "rotate-key", "--state-dir", &agent.state];
    assert_eq!(ledger(&by_hand).status.code(), Some(1), "the agent runs");
    let _ = agent.child.kill();
    let _ = agent.child.wait();
    let done = ledger(&by_hand);
    let third = key_of(&agent);
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).trim(),
        third,
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(known(path, &second)["successor"], third.as_str());
    // With the service away it is begun, says so, and goes on when it is back.
    let address = service.url.trim_start_matches("http://").to_owned();
    service.kill();
    let away = ledger(&by_hand);
    let said = String::from_utf8_lossy(&away.stderr).into_owned();
    assert_eq!(away.status.code(), Some(3), "{said}");
    assert!(said.contains("has not answered yet"), "{said}");
    let status = json(&["agent", "status", "--state-dir", &agent.state, "-o", "json"], 0);
    assert_eq!(status["key"], third.as_str());
    let fourth = status["next_key"].as_str().unwrap().to_owned();
    let service = Service::start_at(&address, &data, &["--heartbeat-secs", "1"]);
    let done = ledger(&by_hand);
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), fourth, "it is the one that was begun");
    assert_eq!(key_of(&agent), fourth);
    agent.restart();
    let (again, _) = issue(path, &node, &mark);
    state(path, &again, "succeeded");
    assert_eq!(agent.marks(), 3);
    drop(agent);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &["--trust", &id]);
}

//! Policies, with the real service and the real agent: assigned, applied, kept to through a kill, and withdrawn.

use crate::between::{Agent, MARK, issue, refused, state};
use crate::support::{Service, json, ledger, look_until, verify};
use serde_json::{Value, json};
use spec::Hash;

/// What a node is to follow and follows, once it is as wanted.
fn shown(data: &str, node: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    look_until(|| {
        let policy = json(&["policies", "show", "--node", node, "--data", data], 0)["policy"].clone();
        if wanted(&policy) { Ok(policy) } else { Err(policy) }
    })
}

#[test]
fn a_policy_is_assigned_applied_kept_to_and_withdrawn() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let mut agent = Agent::start(dir.path(), "one", &service.url, &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();
    let file = |name: &str, allow: Value| {
        let document = json!({"allow": allow, "format": "vaultmesh-policy-v1", "mode": "enforce"});
        let file = dir.path().join(name);
        ::ledger::durable::write_secret(&file, &serde_json::to_string_pretty(&document).unwrap()).unwrap();
        file.to_str().unwrap().to_owned()
    };

    // Assigned, and not yet applied: the node drifts, and is told what it was told before.
    let scans = file("scans.json", json!({"scan": {}}));
    let assigned =
        json(&["policies", "assign", &scans, "--selector", "!exempt", "--org", "acme", "--data", path], 0);
    let hash = assigned["policy"].as_str().unwrap();
    let policy = shown(path, &node, |policy| policy["desired"] == hash);
    assert_eq!((&policy["drift"], &policy["reported"]), (&json!(true), &Value::Null));
    assert_eq!(policy["assignment"]["id"], assigned["assignment"]);
    let (before, _) = issue(path, &node, &mark);
    state(path, &before, "succeeded");
    assert_eq!(
        json(&["policies", "show", hash, "--data", path], 0)["document"]["allow"],
        json!({"scan": {}})
    );

    // Applied: heartbeats name it, and a kill changes nothing.
    let (apply, _) = issue(path, &node, &["apply-policy", "--param", &format!("policy={hash}")]);
    state(path, &apply, "succeeded");
    shown(path, &node, |policy| policy["reported"] == hash && policy["drift"] == false);
    for _ in 0..2 {
        let (narrowed, _) = issue(path, &node, &mark);
        refused(path, &narrowed, "narrowed");
        agent.restart();
    }
    assert_eq!(agent.marks(), 1);
    shown(path, &node, |policy| policy["reported"] == hash);

    // Another for this node alone, told at once; then withdrawn, so that the first holds again.
    let marks = file("marks.json", json!({"run": {"templates": ["mark"]}}));
    let own =
        json(&["policies", "assign", &marks, "--node", &node, "--apply", "--org", "acme", "--data", path], 0);
    state(path, own["commands"][0]["command"].as_str().unwrap(), "succeeded");
    let (allowed, _) = issue(path, &node, &mark);
    state(path, &allowed, "succeeded");
    let withdraw = |assignment: &Value| {
        let id = assignment.as_str().unwrap();
        json(&["policies", "withdraw", id, "--apply", "--org", "acme", "--data", path], 0)["commands"][0]["command"].clone()
    };
    let command = withdraw(&own["assignment"]);
    state(path, command.as_str().unwrap(), "succeeded");
    shown(path, &node, |policy| policy["reported"] == hash && policy["desired"] == hash);
    let command = withdraw(&assigned["assignment"]);
    let done = state(path, command.as_str().unwrap(), "succeeded");
    assert_eq!(done["order"]["parameters"]["policy"], json!(Hash::ZERO));
    shown(path, &node, |policy| policy["reported"].is_null() && policy["desired"].is_null());
    let (free, _) = issue(path, &node, &mark);
    state(path, &free, "succeeded");
    assert_eq!(agent.marks(), 3);

    // What does not hold is not withdrawn, and what is no policy is not assigned.
    let id = own["assignment"].as_str().unwrap();
    let code = |args: &[&str]| ledger(&[args, &["--org", "acme", "--data", path]].concat()).status.code();
    assert_eq!(code(&["policies", "withdraw", id]), Some(1));
    let wide = file("wide.json", json!({"scan": {"units": ["b", "a"]}}));
    assert_eq!(code(&["policies", "assign", &wide, "--selector", ""]), Some(1));
    drop(agent);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

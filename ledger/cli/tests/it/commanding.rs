//! Commands, with the real service and the real agent, and somebody between the two who may change what is
//! delivered: what is in order is carried out once, everything else refused for its own reason, on record.

use crate::between::{Agent, Between, MARK, Way, get, issue, proved, refused, state};
use crate::support::{Service, json, ledger, not_cut_off, until, verify};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A line to import.
fn note(n: u32) -> String {
    let payload = json!({"text": format!("another history, {n}")});
    json!({"kind": "note", "org": "other", "payload": payload, "ts": "2026-11-21T20:42:00.000Z"}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_order_is_refused_for_its_own_reason() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "2"]);
    let (between, address) = Between::start(&service.url).await;
    let agent = Agent::start(dir.path(), "one", &format!("http://{address}"), &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();

    let (good, good_seq) = issue(path, &node, &mark);
    let done = state(path, &good, "succeeded");
    assert!(done["ended"]["receipt"]["output"].as_str().unwrap().contains("/marks/tmp."), "{done}");
    assert_eq!(agent.marks(), 1);
    let (widened, _) = issue(path, &node, &[&MARK[..], &["--param", "place=/tmp"]].concat());
    refused(path, &widened, "widened");
    let (unlisted, _) = issue(path, &node, &["service-restart", "--param", "unit=sshd.service"]);
    refused(path, &unlisted, "not-listed");

    // The same ledger, gone another way: what it has recorded is rightly signed, and in no other log.
    between.set(Way::Only(Vec::new(), String::new()));
    let other = dir.path().join("other");
    let copied = std::process::Command::new("cp").args(["-a", path, other.to_str().unwrap()]).status();
    assert!(copied.unwrap().success());
    std::fs::remove_file(other.join("admin.sock")).unwrap();
    let fork = Service::start(&other);
    let (hidden, hidden_seq) = issue(other.to_str().unwrap(), &node, &mark);
    let (hidden_command, _) = proved(&fork, hidden_seq).await;
    let (_, checkpoint) = proved(&service, good_seq).await;
    between.set(Way::Only(vec![hidden_command], checkpoint));
    refused(path, &hidden, "not-in-ledger");

    // On record, and delivered otherwise than recorded.
    between.set(Way::Only(Vec::new(), String::new()));
    let (tampered, seq) = issue(path, &node, &mark);
    let (mut command, checkpoint) = proved(&service, seq).await;
    let text = command["command"]["record"].to_string().replace("place\":\"", "place\":\"/other");
    command["command"]["record"] = serde_json::from_str(&text).unwrap();
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &tampered, "tampered");

    // On record, for another node.
    between.set(Way::Only(Vec::new(), String::new()));
    let stranger = Agent::start(dir.path(), "two", &format!("http://{address}"), &service);
    let (strange, seq) = issue(path, &stranger.id(), &mark);
    let (command, checkpoint) = proved(&service, seq).await;
    drop(stranger);
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &strange, "wrong-node");

    // On record, held back until its time was over.
    between.set(Way::Only(Vec::new(), String::new()));
    let (expired, seq) = issue(path, &node, &[&mark[..], &["--ttl", "1"]].concat());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (command, checkpoint) = proved(&service, seq).await;
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &expired, "expired");

    // On record, without the approval it needs.
    between.set(Way::Only(Vec::new(), String::new()));
    let (alone, seq) = issue(path, &node, &[&mark[..], &["--approvals", "1"]].concat());
    let (command, checkpoint) = proved(&service, seq).await;
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &alone, "not-approved");

    // Carried out long ago.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (command, checkpoint) = proved(&service, good_seq).await;
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &good, "replayed");
    assert_eq!(agent.marks(), 1, "nothing else was carried out");
    assert_eq!(state(path, &good, "succeeded")["ended"]["receipt"]["state"], "succeeded");

    assert_eq!(fork.terminate(), Some(0));
    drop(agent);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_ledger_is_found_out_and_obeyed_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let (between, address) = Between::start(&service.url).await;
    let mut agent = Agent::start(dir.path(), "one", &format!("http://{address}"), &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();
    let other = dir.path().join("other");
    let (path, other_path) = (data.to_str().unwrap(), other.to_str().unwrap());
    // A ledger that is written to meanwhile is copied in pieces of different times.
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    assert!(std::process::Command::new("cp").args(["-a", path, other_path]).status().unwrap().success());
    let _ = std::fs::remove_file(other.join("admin.sock"));
    agent.restart();
    // The agent sees the first history go on, then the second.
    let (seen, _) = issue(path, &node, &mark);
    state(path, &seen, "succeeded");
    let fork = Service::start(&other);
    // It has gone on for a while when the agent gets to see it.
    let lines: String = (0..200).map(|n| note(n) + "\n").collect();
    ::ledger::durable::write_secret(&dir.path().join("notes.jsonl"), &lines).unwrap();
    let notes = dir.path().join("notes.jsonl");
    json(&["import", notes.to_str().unwrap(), "--data", other_path, "-o", "json"], 0);
    issue(other_path, &node, &mark);
    fork.url.clone_into(&mut between.service.lock().unwrap());
    let status = until("the agent ends", || agent.child.try_wait().unwrap());
    assert_eq!((status.code(), agent.marks()), (Some(1), 1), "what the second history orders is not done");
    let file = Path::new(&agent.state).join("equivocation.json");
    // On another machine: the file and the ledger's id are all there is.
    let elsewhere = dir.path().join("evidence.json");
    std::fs::copy(&file, &elsewhere).unwrap();
    let id = service.ledger_id.to_string();
    let proof = ledger(&["verify", elsewhere.to_str().unwrap(), "--trust", &id, "--json"]);
    let verdict: Value = serde_json::from_slice(&proof.stdout).unwrap();
    assert_eq!((proof.status.code(), &verdict["kind"]), (Some(0), &json!("equivocation")), "{verdict}");
    // Nor is anything done after a restart, until somebody has looked at it.
    agent.restart();
    assert_eq!(agent.child.wait().unwrap().code(), Some(1));
    assert_eq!(fork.terminate(), Some(0));
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[test]
fn a_command_is_carried_out_once_whatever_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let log = dir.path().join("log");
    let said = std::fs::File::create(&log).unwrap().into();
    let service = Service::start_saying("127.0.0.1:0", &data, &["--heartbeat-secs", "1"], said);
    let mut agent = Agent::start(dir.path(), "one", &service.url, &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();
    for n in 1..=3 {
        let (hash, _) = issue(path, &node, &mark);
        state(path, &hash, "succeeded");
        agent.restart();
        assert_eq!(agent.marks(), n);
    }
    // By somebody else's leave, and not by one's own.
    let token = json(
        &["tokens", "create", "--data", path, "--org", "acme", "--role", "node_admin", "--label", "b"],
        0,
    );
    let token = token["token"].as_str().unwrap();
    let (hash, _) = issue(path, &node, &[&mark[..], &["--approvals", "1"]].concat());
    let own = ledger(&["commands", "approve", &hash, "--data", path]);
    assert!(String::from_utf8_lossy(&own.stderr).contains("of their own"), "{own:?}");
    json(&["commands", "approve", &hash, "--url", &service.url, "--token", token], 0);
    state(path, &hash, "succeeded");
    assert_eq!(agent.marks(), 4);
    // Taken back in time.
    let (hash, _) = issue(path, &node, &[&mark[..], &["--approvals", "1"]].concat());
    json(&["commands", "cancel", &hash, "--data", path, "--text", "a mistake"], 0);
    state(path, &hash, "cancelled");
    let late = ledger(&["commands", "approve", &hash, "--url", &service.url, "--token", token]);
    assert_eq!(late.status.code(), Some(1));
    // The agent's question is open, and keeps nobody from stopping; requests in general have ten seconds to end.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = || runtime.block_on(get(&service, "/metrics")).contains("\nhttp_polls 1\n");
    until("the agent's question", || asked().then_some(()));
    assert_eq!(service.terminate(), Some(0));
    not_cut_off(&log);
    drop(agent);
    verify(&data, &[]);
}

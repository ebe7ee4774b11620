//! Witnesses, with the real service, the real agent and a witness from outside: what a quorum stands for, what waits
//! for it, and what happens to a ledger that is put back.

use crate::between::{Agent, Between, MARK, Way, issue, proved, refused, state};
use crate::support::{Service, command, json, ledger, until, verify};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A witness from outside, at work.
struct Outside(Child);

impl Outside {
    fn start(state: &str, id: &str, url: &str) -> Self {
        let run = ["witness", "run", "--state", state, "--ledger", id, "--url", url];
        Self(command(&run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `holds`.
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}

/// Makes a witness's key; the file with what it says of itself.
pub(crate) fn introduction(dir: &Path, id: &str) -> (String, String) {
    let state = dir.join("outside").to_str().unwrap().to_owned();
    let said = json(&["witness", "key", "--state", &state, "--name", "auditor.example", "--ledger", id], 0);
    let file = dir.join("auditor.json");
    ::ledger::durable::write_secret(&file, &said.to_string()).unwrap();
    (state, file.to_str().unwrap().to_owned())
}

fn size(data: &str) -> u64 {
    json(&["witness", "list", "--data", data, "-o", "json"], 0)["size"].as_u64().unwrap()
}

fn cosigned(data: &str) -> Option<u64> {
    json(&["witness", "list", "--data", data, "-o", "json"], 0)["cosigned"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_wait_for_the_quorum() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let id = service.ledger_id.to_string();
    let (between, address) = Between::start(&service.url).await;
    let mut agent = Agent::start(dir.path(), "one", &format!("http://{address}"), &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();

    let (outside, file) = introduction(dir.path(), &id);
    let recovery = data.join("recovery.key");
    let add = ["witness", "add", &node, "--data", path, "--recovery-key", recovery.to_str().unwrap()];
    wait("the node offers its key", || {
        let all = json(&["logs", "view", "--data", path, "--kind", "witness-key", "-o", "json"], 0);
        all.to_string().contains(&node)
    });
    let alone = ledger(&add);
    assert_eq!(alone.status.code(), Some(1), "somebody from outside is missing");
    let unsigned = json(&["witness", "add", &node, "--outside", &file, "--data", path, "-o", "json"], 0);
    assert_eq!(unsigned["signatures"], json!([]), "without a recovery key nothing is changed");
    assert_eq!(json(&["witness", "list", "--data", path, "-o", "json"], 0)["quorum"], 0);
    let told = ledger(&["witness", "add", &node, "--outside", &file, "--data", path]);
    let (would, why) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(
        would.contains("auditor.example") && would.contains("quorum 2 of 2") && !would.contains('{'),
        "{would}"
    );
    assert!(why.contains("Nothing was changed yet"), "{why}");
    let named = ledger(&[&add[..], &["--outside", &file]].concat()).stdout;
    let named = String::from_utf8_lossy(&named);
    assert!(named.starts_with("Since entry ") && named.contains("quorum 2 of 2"), "{named}");
    assert!(named.contains("  outside  ") && !named.contains('{'), "{named}");

    // The agent learns of it with a heartbeat; the one from outside asks.
    let mut witness = Outside::start(&outside, &id, &service.url);
    wait("the agent knows the set", || {
        let enrolment = std::fs::read_to_string(Path::new(&agent.state).join("enrolment.json")).unwrap();
        enrolment.contains("auditor.example")
    });
    agent.restart();
    let (good, seq) = issue(path, &node, &mark);
    state(path, &good, "succeeded");
    assert_eq!(agent.marks(), 1);
    assert!(cosigned(path).unwrap() > seq, "under a checkpoint that both have signed");

    // Without its quorum nothing is delivered, and what is delivered all the same is refused.
    witness.0.kill().unwrap();
    witness.0.wait().unwrap();
    let (waiting, seq) = issue(path, &node, &mark);
    tokio::time::sleep(Duration::from_secs(3)).await;
    state(path, &waiting, "issued");
    let (delivered, checkpoint) = proved(&service, seq).await;
    between.set(Way::Only(vec![delivered], checkpoint));
    refused(path, &waiting, "not-witnessed");
    between.set(Way::Open);
    let (later, _) = issue(path, &node, &mark);
    let witness = Outside::start(&outside, &id, &service.url);
    state(path, &later, "succeeded");
    assert_eq!(agent.marks(), 2);

    let policy = dir.path().join("policy.json");
    let text = json(&["witness", "policy", "--data", path], 0).to_string();
    ::ledger::durable::write_secret(&policy, &text).unwrap();
    drop((agent, witness));
    assert_eq!(service.terminate(), Some(0));
    let report = verify(&data, &["--trust", policy.to_str().unwrap()]);
    assert_eq!(
        (&report["trust"], &report["witnessed"]["by"][0]["name"]),
        (&json!("witnessed"), &json!("auditor.example"))
    );
    let out = dir.path().join("export");
    assert!(ledger(&["export", "--out", out.to_str().unwrap(), "--data", path]).status.success());
    assert_eq!(verify(&out, &["--trust", &id])["trust"], "witnessed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_put_back_is_noticed_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let id = service.ledger_id.to_string();
    let (between, address) = Between::start(&service.url).await;
    let url = format!("http://{address}");
    let mut agent = Agent::start(dir.path(), "one", &url, &service);
    let node = agent.id();
    let (outside, _) = introduction(dir.path(), &id);
    let look =
        ["witness", "run", "--once", "--state", &outside, "--ledger", &id, "--url", &url, "-o", "json"];
    wait("a heartbeat", || size(path) > 6);
    assert_eq!(service.terminate(), Some(0));
    let backup = dir.path().join("backup");
    let copied = std::process::Command::new("cp").args(["-a", path, backup.to_str().unwrap()]).status();
    assert!(copied.unwrap().success());

    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    service.url.clone_into(&mut between.service.lock().unwrap());
    let before = size(path);
    wait("heartbeats that the backup lacks", || size(path) > before + 3);
    assert!(json(&look, 0)["watched"].as_u64().unwrap() > 0);
    assert_eq!(service.terminate(), Some(0));
    std::fs::remove_dir_all(&data).unwrap();
    #[expect(clippy::disallowed_methods, reason = "an operator puts a backup back")]
    std::fs::rename(&backup, &data).unwrap();

    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    service.url.clone_into(&mut between.service.lock().unwrap());
    wait("the agent stops", || agent.child.try_wait().unwrap().is_some());
    assert_eq!(agent.child.wait().unwrap().code(), Some(1));
    assert!(Path::new(&agent.state).join("equivocation.json").exists());
    let all = json(&["logs", "view", "--data", path, "--kind", "contradiction", "-o", "json"], 0);
    assert_eq!(all["items"][0]["event"]["node_id"], node, "{all}");
    let standing = json(&["attention", "explain", &node, "--data", path, "-o", "json"], 0);
    assert!(standing.to_string().contains("ledger-contradiction"), "{standing}");

    let caught = ledger(&look);
    let said = String::from_utf8_lossy(&caught.stderr);
    assert_eq!(caught.status.code(), Some(1), "{said}");
    assert!(said.contains("contradicts itself") && said.contains("the service was told"), "{said}");
    assert!(Path::new(&outside).join("equivocation.json").exists());
    assert_eq!(ledger(&look).status.code(), Some(1), "until somebody has looked at it");
    assert_eq!(service.terminate(), Some(0));
    // What the service was told twice: by the node and from outside.
    let told: Value = json(&["logs", "view", "--data", path, "--kind", "contradiction", "-o", "json"], 0);
    let told = told["items"].as_array().unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().any(|one| one["event"]["org"] == "ledger"));
    verify(&data, &[]);
}

//! Roll-outs, with the real executable over kills of it: wave after wave by the receipts of nodes, each told once,
//! nobody more once too many failed, and nobody before they are approved.

use crate::scheduling::{records, said};
use crate::support::{Node, Service, http, json, ledger, now, until, verify};
use serde_json::{Value, json};
use spec::payload::RolloutStep::{self, Begun, Chosen, Expired, Finished};
use spec::payload::{Command, RolloutWave};
use spec::{Hash, Kind, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use vaultmesh_agent::chain::author::Draft;
use vaultmesh_agent::entropy::SystemEntropy;

/// Nodes that say of each of their commands that it is over.
pub(crate) struct Fleet {
    pub(crate) nodes: BTreeMap<Uuid, Node>,
    answered: BTreeSet<Hash>,
}

impl Fleet {
    pub(crate) async fn enrol(service: &Service, count: u32) -> Self {
        let client = http();
        let token = service.enrolment_token(count);
        let mut nodes = BTreeMap::new();
        for _ in 0..count {
            let node = Node::enrol(&client, service, &token).await;
            nodes.insert(node.id, node);
        }
        Self { nodes, answered: BTreeSet::new() }
    }

    /// Answers the commands that the log has; whether the service took the answers.
    pub(crate) async fn answer(&mut self, service: &Service, state: &str) -> bool {
        let mut events = Vec::new();
        for (node, hash) in commands(&service.data) {
            if !self.answered.contains(&hash) {
                let mut payload = json!({"command": hash, "state": state});
                if state == "refused" {
                    payload["code"] = json!("not-listed");
                }
                let draft = Draft::new(Kind::Receipt, &payload, now(), &mut SystemEntropy).unwrap();
                events.push((hash, self.nodes.get_mut(&node).unwrap().author.next_event(draft)));
            }
        }
        for (hash, event) in events {
            let request = http().post(format!("{}/api/events", service.url));
            let request = request.header("content-type", "application/json").body(event.to_canonical());
            if !request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
            self.answered.insert(hash);
        }
        true
    }
}

/// The commands in a log, in order: node and event hash.
pub(crate) fn commands(data: &Path) -> Vec<(Uuid, Hash)> {
    let of = |record: &spec::Record| {
        let Command::Issue(order) = said(record) else { panic!("an order") };
        (order.node, record.entry.header.event_hash(&record.entry.sig))
    };
    records(data).iter().filter(|record| record.entry.header.kind == Kind::Command).map(of).collect()
}

fn steps(data: &Path) -> Vec<(RolloutStep, u64)> {
    let all = records(data);
    let own = all.iter().filter(|record| record.entry.header.kind == Kind::RolloutWave);
    own.map(said::<RolloutWave>).map(|wave| (wave.step, wave.wave)).collect()
}

pub(crate) fn start(data: &str, more: &[&str]) -> String {
    let made =
        json(&[&["rollouts", "start", "--data", data, "--org", "acme", "all", "scan"], more].concat(), 0);
    made["id"].as_str().unwrap().to_owned()
}

fn show(data: &str, id: &str) -> Value {
    json(&["rollouts", "show", id, "--data", data, "-o", "json"], 0)["rollout"].clone()
}

pub(crate) fn in_state(data: &str, id: &str, state: &str) -> Value {
    until(state, || Some(show(data, id)).filter(|rollout| rollout["state"] == state))
}

#[tokio::test(flavor = "multi_thread")]
async fn waves_follow_each_other_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let mut service = Service::start(&data);
    let mut fleet = Fleet::enrol(&service, 20).await;
    let id = start(path, &["--waves", "1,25%,50%,100%"]);
    for told in [1, 5, 10, 20] {
        until("the commands of a wave", || (commands(&data).len() == told).then_some(()));
        // Once it has begun, and once it is over: nothing is said twice, and the next wave comes all the same.
        service.kill();
        service = Service::start(&data);
        assert!(fleet.answer(&service, "succeeded").await);
        service.kill();
        service = Service::start(&data);
    }
    let over = in_state(path, &id, "finished");
    let waves: Vec<_> =
        over["waves"].as_array().unwrap().iter().map(|wave| wave["succeeded"].clone()).collect();
    assert_eq!(waves, [1, 4, 5, 10]);
    let listed = ledger(&["rollouts", "list", "--data", path]).stdout;
    assert!(String::from_utf8_lossy(&listed).contains("4/4"), "{}", String::from_utf8_lossy(&listed));
    let shown = ledger(&["rollouts", "show", &id, "--data", path]).stdout;
    assert!(String::from_utf8_lossy(&shown).contains("finished"));
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
    let expected = [(Chosen, 0), (Begun, 0), (Begun, 1), (Begun, 2), (Begun, 3), (Finished, 3)];
    assert_eq!(steps(&data), expected);
    let once: BTreeSet<Uuid> = commands(&data).into_iter().map(|(node, _)| node).collect();
    assert_eq!((once.len(), commands(&data).len()), (20, 20));
    assert!(fleet.nodes.keys().all(|node| once.contains(node)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_that_fails_is_the_last_and_people_end_others() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let mut fleet = Fleet::enrol(&service, 10).await;
    let id = start(path, &["--waves", "20%,100%", "--may-fail", "50%"]);
    until("the first wave", || (commands(&data).len() == 2).then_some(()));
    assert!(fleet.answer(&service, "failed").await);
    let halted = in_state(path, &id, "halted");
    assert_eq!((&halted["waves"][0]["failed"], halted["waves"].as_array().unwrap().len()), (&json!(2), 1));
    // One that waits between its waves is held, goes on, and is ended.
    let id = start(path, &["--waves", "1,100%", "--pause", "1h"]);
    until("the first wave", || (commands(&data).len() == 3).then_some(()));
    assert!(fleet.answer(&service, "succeeded").await);
    for (action, state) in [("pause", "paused"), ("resume", "running"), ("abort", "aborted")] {
        json(&["rollouts", action, &id, "--org", "acme", "--data", path], 0);
        assert_eq!(show(path, &id)["state"], state);
    }
    let over = ledger(&["rollouts", "resume", &id, "--org", "acme", "--data", path]);
    assert!(String::from_utf8_lossy(&over.stderr).contains("over"));
    let wrong =
        ledger(&["rollouts", "start", "x", "scan", "--waves", "1,50%", "--org", "acme", "--data", path]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the last wave is 100 percent"));
    let nobody =
        ["rollouts", "start", "x", "scan", "--waves", "100%", "--select", "env=nowhere", "--data", path];
    let nobody = ledger(&[&nobody[..], &["--org", "acme"]].concat());
    let words = String::from_utf8_lossy(&nobody.stderr);
    assert!(words.contains("\"env=nowhere\" selects no node of acme"), "{words}");
    // A moment in which nothing more is said.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(commands(&data).len(), 3);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_before_another_person_agrees_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let mut service = Service::start(&data);
    let mut fleet = Fleet::enrol(&service, 3).await;
    let made = json(
        &["tokens", "create", "--data", path, "--org", "acme", "--role", "node_admin", "--label", "second"],
        0,
    );
    let second = made["token"].as_str().unwrap();
    let id = start(path, &["--waves", "1,100%", "--approvals", "1"]);
    until("its nodes", || Some(show(path, &id)).filter(|rollout| rollout["nodes"] == 3));
    let own = ledger(&["rollouts", "approve", &id, "--org", "acme", "--data", path]);
    assert!(String::from_utf8_lossy(&own.stderr).contains("of their own"), "{own:?}");
    service.kill();
    service = Service::start(&data);
    let listed = ledger(&["rollouts", "list", "--data", path]).stdout;
    assert!(String::from_utf8_lossy(&listed).contains("waiting for approval until"));
    assert_eq!(commands(&data).len(), 0);
    json(
        &[
            "rollouts",
            "approve",
            &id,
            "--text",
            "go",
            "--url",
            &service.url,
            "--token",
            second,
            "--org",
            "acme",
        ],
        0,
    );
    service.kill();
    service = Service::start(&data);
    for told in [1, 3] {
        until("the commands of a wave", || (commands(&data).len() == told).then_some(()));
        assert!(fleet.answer(&service, "succeeded").await);
    }
    let over = in_state(path, &id, "finished");
    assert_eq!(over["approvals"].as_array().unwrap().len(), 1);
    let late =
        ledger(&["rollouts", "approve", &id, "--url", &service.url, "--token", second, "--org", "acme"]);
    assert!(String::from_utf8_lossy(&late.stderr).contains("over"), "{late:?}");
    // For another nobody agrees in time.
    let id = start(path, &["--waves", "100%", "--approvals", "2", "--approve-within", "1s"]);
    in_state(path, &id, "expired");
    let shown = ledger(&["rollouts", "show", &id, "--data", path]).stdout;
    assert!(String::from_utf8_lossy(&shown).contains("0/2"), "{}", String::from_utf8_lossy(&shown));
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
    let expected = [(Chosen, 0), (Begun, 0), (Begun, 1), (Finished, 1), (Chosen, 0), (Expired, 0)];
    assert_eq!((steps(&data), commands(&data).len()), (expected.to_vec(), 3));
}

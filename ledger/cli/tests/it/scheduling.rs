//! Schedules, with the real executable over kills of it: each time that was due is decided once, each node of a run is
//! given its command once, and what nobody was there to begin is on record.

use crate::between::Agent;
use crate::support::{Node, Service, http, json, ledger, until, verify};
use serde_json::{Value, json};
use spec::payload::{Command, RunOutcome, Schedule, ScheduleRun};
use spec::{Hash, Kind, Record, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// The records of a log, in order.
pub(crate) fn records(data: &Path) -> Vec<Record> {
    let files = std::fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    let text: Vec<String> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines = text.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with("{\"commit\""));
    lines.map(|line| Record::parse(line).unwrap()).collect()
}

pub(crate) fn said<T: serde::de::DeserializeOwned>(record: &Record) -> T {
    serde_json::from_str(&record.payload.as_ref().unwrap().json).unwrap()
}

/// Decisions with their event hashes, in the order of the log.
fn decisions(records: &[Record]) -> Vec<(Hash, ScheduleRun)> {
    let own = records.iter().filter(|record| record.entry.header.kind == Kind::ScheduleRun);
    own.map(|record| (record.entry.header.event_hash(&record.entry.sig), said(record))).collect()
}

/// How often decisions are named in the log so far, complete or not.
fn seen(data: &Path) -> usize {
    let files = std::fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).matches("schedule-run").count())
        .sum()
}

fn set(data: &str, name: &str, more: &[&str]) -> String {
    let made = json(&[&["schedules", "set", "--data", data, "--org", "acme", name], more].concat(), 0);
    made["id"].as_str().unwrap().to_owned()
}

fn show(data: &str, id: &str) -> Value {
    json(&["schedules", "show", id, "--data", data, "-o", "json"], 0)["schedule"].clone()
}

/// Enrols nodes; every second one has the label `env=prod`, and their ids are returned.
async fn fleet(service: &Service, count: u32) -> BTreeSet<Uuid> {
    let client = http();
    let token = service.enrolment_token(count);
    let owner = std::fs::read_to_string(service.data.join("owner.token")).unwrap();
    let (mut labels, mut wanted) = (Vec::new(), BTreeSet::new());
    for n in 0..count {
        let node = Node::enrol(&client, service, &token).await;
        let env = if n % 2 == 0 { "prod" } else { "test" };
        let payload = json!({"labels": {"env": env}});
        labels.push(json!({"kind": "labels", "node_id": node.id, "org": "acme", "payload": payload}));
        if n % 2 == 0 {
            wanted.insert(node.id);
        }
    }
    let request = client.post(format!("{}/api/events", service.url)).bearer_auth(owner.trim());
    assert!(request.json(&labels).send().await.unwrap().status().is_success());
    wanted
}

/// Each node of a run has one command, and nobody else has any; of the newest run perhaps not yet.
fn commanded_once(records: &[Record], wanted: &BTreeSet<Uuid>) {
    let mut given: BTreeMap<Hash, Vec<Uuid>> = BTreeMap::new();
    let runs = decisions(records);
    let commands = records.iter().filter(|record| record.entry.header.kind == Kind::Command);
    for record in commands {
        let Command::Issue(order) = said(record) else { panic!("an order") };
        let seed = |run: &Hash| spec::payload::order_seed(run, order.node) == order.nonce;
        let (run, _) = runs.iter().find(|(run, _)| seed(run)).expect("a run that it follows from");
        given.entry(*run).or_default().push(order.node);
    }
    let started: Vec<_> = runs.iter().filter(|(_, run)| run.outcome == RunOutcome::Started).collect();
    for (n, (hash, run)) in started.iter().enumerate() {
        assert_eq!(run.nodes, wanted.iter().copied().collect::<Vec<_>>());
        let nodes = given.remove(hash).unwrap_or_default();
        let once: BTreeSet<Uuid> = nodes.iter().copied().collect();
        assert_eq!(nodes.len(), once.len(), "a node was told twice");
        assert!(once.is_subset(wanted));
        assert!(once.len() == wanted.len() || n + 1 == started.len(), "{} of {}", once.len(), wanted.len());
    }
    assert!(given.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_due_time_is_decided_once_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let mut service = Service::start(&data);
    // More than one batch of commands for a run.
    let wanted = fleet(&service, 600).await;
    let id = set(path, "often", &["scan", "--every", "3s", "--select", "env=prod", "--jitter", "5s"]);
    let mut since = String::new();
    for kill in 0..5_u64 {
        // Right after a decision, in the middle of its commands, or between two.
        let before = seen(&data);
        until("a decision", || (seen(&data) > before).then_some(()));
        tokio::time::sleep(Duration::from_millis(kill * 40)).await;
        service.kill();
        if kill == 2 {
            // Due at least twice.
            tokio::time::sleep(Duration::from_secs(7)).await;
        }
        since = crate::support::now().to_string();
        service = Service::start(&data);
    }
    // Any of them: the newest may be under way whenever it is looked at.
    let whole = |run: &Value| run["ordered"] == wanted.len() && run["due"].as_str().unwrap() > since.as_str();
    let done = |schedule: &Value| {
        schedule["runs"].as_array().unwrap().iter().any(whole)
            && schedule["counts"]["started"].as_u64() > Some(5)
    };
    let shown = until("a run after the last kill", || Some(show(path, &id)).filter(done));
    assert!(shown["counts"]["missed"].as_u64().unwrap() >= 1, "{shown}");
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);

    let records = records(&data);
    let schedule = records.iter().find(|record| record.entry.header.kind == Kind::Schedule).unwrap();
    let Schedule::Set(plan) = said(schedule) else { panic!("it was set") };
    let mut time = schedule.entry.position.recorded_at;
    let decided = decisions(&records);
    for (_, run) in &decided {
        for n in 0..run.count {
            time = plan.when.next(time).unwrap();
            assert!(n > 0 || time == run.first, "{run:?}");
        }
        assert_eq!(time, run.due);
    }
    let ids: BTreeSet<Uuid> = decided.iter().map(|(_, run)| run.id()).collect();
    assert_eq!(ids.len(), decided.len());
    commanded_once(&records, &wanted);
}

#[test]
fn what_nobody_was_there_to_begin_is_missed_or_caught_up_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let wanted = runtime.block_on(fleet(&service, 2));
    let more = ["scan", "--every", "1s", "--select", "env=prod", "--ttl", "1h"];
    let (often, again) =
        ([&more[..], &["--catch-up", "once"]].concat(), ["scan", "--every", "2s", "--select", "none"]);
    let nobody = set(path, "nobody", &again);
    let often = set(path, "often", &often);
    until("no nodes", || (show(path, &nobody)["counts"]["skipped"].as_u64() > Some(0)).then_some(()));
    assert_eq!(show(path, &nobody)["runs"][0]["reason"], "no-nodes");
    json(&["schedules", "remove", &nobody, "--org", "acme", "--data", path], 0);
    // Due once, while nobody is there: the last that is said before, with time for a machine that is slow to say it.
    let due = crate::support::now().millis() + 20_000;
    let start = spec::Timestamp::from_millis(due).to_string();
    let single = ["scan", "--every", "1d", "--start", &start, "--select", "env=prod", "--ttl", "1h"];
    let missed = set(path, "missed", &single);
    let caught = set(path, "caught up", &[&single[..], &["--catch-up", "once"]].concat());
    service.kill();
    assert!(crate::support::now().millis() < due, "the machine took 20 s for two commands");
    // Later than what is begun late still.
    std::thread::sleep(Duration::from_millis((due + 64_000).saturating_sub(crate::support::now().millis())));
    let service = Service::start(&data);
    let decided =
        |id: &str| until("a decision", || Some(show(path, id)).filter(|it| it["runs"][0].is_object()));
    let (missed, caught) = (decided(&missed), decided(&caught));
    assert_eq!((&missed["runs"][0]["outcome"], &missed["counts"]["missed"]), (&json!("missed"), &json!(1)));
    assert_eq!((&caught["runs"][0]["outcome"], &caught["counts"]["missed"]), (&json!("started"), &json!(0)));
    let late = until("what came due meanwhile", || {
        let shown = show(path, &often);
        let late = shown["runs"].as_array()?.iter().find(|run| run["count"].as_u64() > Some(40))?.clone();
        Some(late)
    });
    assert_eq!(
        (&late["outcome"], &late["reason"], &late["nodes"]),
        (&json!("missed"), &json!("late"), &json!(0))
    );
    let listed = json(&["schedules", "list", "--data", path, "-o", "json"], 0);
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    for (form, word) in
        [("table", "caught up"), ("wide", "caught up"), ("yaml", "caught up"), ("jsonl", "caught up")]
    {
        let out = ledger(&["schedules", "list", "--data", path, "-o", form]).stdout;
        assert!(String::from_utf8_lossy(&out).contains(word), "{form}");
    }
    let people =
        ledger(&["schedules", "show", missed["plan"]["id"].as_str().unwrap(), "--data", path]).stdout;
    assert!(String::from_utf8_lossy(&people).contains("late"));
    json(&["schedules", "remove", &often, "--org", "acme", "--data", path], 0);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
    let all = records(&data);
    let started = decisions(&all).into_iter().filter(|(_, run)| run.outcome == RunOutcome::Started);
    assert!(started.into_iter().all(|(_, run)| run.nodes == wanted.iter().copied().collect::<Vec<_>>()));
}

#[test]
fn a_node_carries_out_what_a_schedule_tells_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let agent = Agent::start(dir.path(), "one", &service.url, &service);
    let place = agent.place();
    let id = set(path, "mark", &["run", "--param", "template=mark", "--param", &place, "--every", "2s"]);
    until("three marks", || (agent.marks() >= 3).then_some(()));
    json(&["schedules", "remove", &id, "--org", "acme", "--data", path], 0);
    let gone = ledger(&["schedules", "show", &id, "--data", path]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("not-found"));
    let succeeded = || {
        let all = json(&["commands", "list", "--data", path, "-o", "json"], 0);
        let all = all["items"].as_array().unwrap().clone();
        all.iter()
            .all(|command| command["state"] == "succeeded" && command["issuer"] == "service:scheduler")
            .then_some(all.len())
    };
    let commands = until("every command succeeded", succeeded);
    assert_eq!(agent.marks(), commands);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
    commanded_once(&records(&data), &BTreeSet::from([agent.id().parse().unwrap()]));
}

#[test]
fn what_cannot_be_a_schedule_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    for (more, word) in [
        (&["--cron", "0 0 30 2 *"][..], "cron"),
        (&["--every", "5x"], "unit"),
        (&[], "required"),
        (&["--every", "5s", "--cron", "* * * * *"], "cannot be used"),
        (&["--every", "5s", "--select", "a in b"], "selector"),
        (&["--every", "5s", "--window", "mon 22:00"], "window"),
        (&["--every", "5s", "--outside", "wait"], "required"),
        (&["--every", "5s", "--jitter", "2d"], "jitter_secs"),
        (&["--every", "5s", "--org", "ledger"], "wrong-org"),
    ] {
        let refused = ledger(&[&["schedules", "set", "x", "scan", "--data", path], more].concat());
        assert!(!refused.status.success(), "{more:?}");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains(word), "{more:?}: {told}");
    }
    let id = "550e8400-e29b-41d4-a716-446655440000";
    let unknown = ledger(&["schedules", "remove", id, "--data", path]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("not-found"));
    assert_eq!(service.terminate(), Some(0));
    assert!(!records(&data).iter().any(|record| record.entry.header.kind == Kind::Schedule));
}

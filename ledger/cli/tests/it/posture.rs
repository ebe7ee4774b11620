//! What a first scan of three nodes leads to, with the real executable: a report, and no storm.

use crate::fleet::{entries, header, until};
use crate::support::{Node, Service, http, json, lines, now, verify};
use serde_json::{Value, json as value};
use spec::payload::{Finding, FindingCounts};
use spec::{Event, Kind};
use testing::first_scan::FIRST_SCAN;
use vaultmesh_agent::chain::author::Draft;
use vaultmesh_agent::entropy::SystemEntropy;

fn scan(node: &mut Node) -> Event {
    let finding = |(check, subject, severity): &(&str, &str, &str)| {
        value!({"id": check, "remediation": "Mend it.", "severity": severity, "subject": subject,
            "title": format!("{check} of {subject}")})
    };
    let findings: Vec<Value> = FIRST_SCAN.iter().map(finding).collect();
    let typed: Vec<Finding> = serde_json::from_value(value!(findings)).unwrap();
    let payload = value!({"counts": FindingCounts::of(&typed, &[]), "duration_ms": 3700, "findings": findings,
        "root": "/", "simulated": false, "started_at": now(), "unchecked": []});
    node.author.next_event(Draft::new(Kind::Scan, &payload, now(), &mut SystemEntropy).unwrap())
}

/// A heartbeat of a node that is not missed while this runs.
fn heartbeat(node: &mut Node, host: &str) -> Event {
    let payload = value!({"node_id": node.id, "hostname": host, "os_profile": "DebianVault", "cloudflare_ok": true,
        "services_ok": true, "vaultmesh_root": "/var/lib/vaultmesh", "timestamp": now(), "interval_secs": 3600});
    node.author.next_event(Draft::new(Kind::Heartbeat, &payload, now(), &mut SystemEntropy).unwrap())
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().unwrap().clone()
}

/// State and band of each incident.
fn stand(incidents: &[Value]) -> Vec<(&str, &str)> {
    incidents.iter().map(|one| (one["state"].as_str().unwrap(), one["band"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_scan_of_three_nodes_is_three_incidents_and_a_finding_of_all_is_accepted_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (service, client) = (Service::start(&data), http());
    let token = service.enrolment_token(3);
    for host in ["web-1", "web-2", "web-3"] {
        let mut node = Node::enrol(&client, &service, &token).await;
        let events = [heartbeat(&mut node, host), scan(&mut node)];
        let sent = client.post(format!("{}/api/events", service.url)).body(lines(&events));
        let answer = sent.header("content-type", "application/x-ndjson").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
    let path = data.to_str().unwrap();
    let run = |args: &[&str]| json(&[args, &["--data", path, "-o", "json"]].concat(), 0);
    let incidents = || items(&run(&["incidents", "list"]));
    until("each node is told of", || incidents().len() == 3);
    assert_eq!(stand(&incidents()), [("open", "CRIT"); 3]);
    let title = "finding-critical sshd-login /etc/ssh/sshd_config and 44 more";
    assert!(incidents().iter().all(|one| one["title"] == title && one["topic"] == "posture"));
    let shown = run(&["incidents", "show", incidents()[0]["id"].as_str().unwrap()]);
    assert_eq!(
        (items(&value!({"items": shown["findings"]})).len(), &shown["findings"][0]["severity"]),
        (45, &value!("critical"))
    );

    let found = items(&run(&["findings", "--grouped"]));
    assert_eq!((found.len(), &found[0]["id"], &found[0]["nodes"]), (45, &value!("sshd-login"), &value!(3)));
    let accept = ["findings", "accept", "sshd-login", "/etc/ssh/sshd_config", "--org", "acme"];
    let made = run(&[&accept[..], &["--until", "30d", "--why", "the jump hosts"]].concat());
    until("the incidents are less grave", || stand(&incidents()) == [("open", "ATTN"); 3]);
    let found = items(&run(&["findings", "--grouped"]));
    assert_eq!(
        (&found[44]["id"], &found[44]["nodes"], &found[44]["accepted"]),
        (&value!("sshd-login"), &value!(0), &value!(3))
    );
    let held = items(&run(&["findings", "accepted"]));
    assert_eq!(
        (held.len(), &held[0]["id"], &held[0]["text"]),
        (1, &made["acceptance"], &value!("the jump hosts"))
    );
    run(&["findings", "withdraw", &made["acceptance"].as_str().unwrap()[..12]]);
    until("it counts again", || stand(&incidents()) == [("open", "CRIT"); 3]);

    // By the rules before each finding was a page: of 135 and their return, six pages are left.
    let rehearsed = run(&["attention", "rehearse", "--before", "3"]);
    let pages = |name: &str| rehearsed[name].as_u64().unwrap();
    assert_eq!((pages("before"), pages("after")), (135 + 3, 6), "{rehearsed}");
    assert_eq!(service.terminate(), Some(0));
    let told = entries(&data);
    let told = told.iter().filter(|entry| header(entry)["kind"] == "attention");
    let firing = told.filter(|entry| entry["payload"]["change"]["state"] == "firing").count();
    assert_eq!(firing, 6, "each node once at first, and once for what came back");
    assert_eq!(verify(&data, &[])["verdict"], "verified");
}

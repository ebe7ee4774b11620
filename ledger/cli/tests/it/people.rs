//! What people see and write: lines, names, beginnings of ids, and nothing raw of what a node says.

use crate::support::{Node, Service, http, json, ledger, lines};
use serde_json::Value;

/// What a command writes for people, which must succeed.
fn text(args: &[&str]) -> String {
    let output = ledger(args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Why a command is refused.
fn refused(args: &[&str]) -> String {
    let output = ledger(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_lines_and_nothing_raw() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let data = service.data.to_str().unwrap();
    let client = http();
    let token = service.enrolment_token(2);
    let mut nodes = Vec::new();
    for hostname in ["web-1", "db\u{1b}[2J\u{202e}\u{200b}1"] {
        let mut node = Node::enrol(&client, &service, &token).await;
        let beat = lines(&[node.heartbeat(hostname)]);
        let request = client.post(format!("{}/api/events", service.url)).body(beat);
        let answer = request.header("content-type", "application/x-ndjson").send().await.unwrap();
        assert!(answer.status().is_success());
        nodes.push(node);
    }

    for form in ["table", "wide"] {
        let listed = text(&["nodes", "list", "--data", data, "-o", form]);
        assert!(listed.contains("db\\u{1b}[2J\\u{202e}\\u{200b}1"), "{listed}");
        assert!(listed.chars().all(|c| c == '\n' || !c.is_control()), "{listed:?}");
    }
    let whole = nodes[0].id.to_string();
    let by_name = json(&["nodes", "show", "web-1", "--data", data], 0);
    let by_beginning = json(&["nodes", "show", &whole[..12], "--data", data], 0);
    assert_eq!(
        (&by_name["node"]["node_id"], &by_beginning["node"]["node_id"]),
        (&whole.as_str().into(), &whole.as_str().into())
    );
    assert!(text(&["nodes", "show", "web-1", "--data", data]).contains("nothing counts against it"));
    assert!(refused(&["nodes", "show", "web-2", "--data", data]).contains("see `ledger nodes list`"));

    let opened =
        text(&["incidents", "open", "the disk is loud", "--node", "web-1", "--org", "acme", "--data", data]);
    let id = opened.trim().strip_prefix("opened ").unwrap();
    assert_eq!(id.len(), 8, "{opened}");
    let acked = text(&["incidents", "ack", id, "--until", "2h", "--data", data]);
    assert!(acked.starts_with(&format!("acked {id} until ")) && acked.ends_with(" UTC\n"), "{acked}");
    assert_eq!(text(&["incidents", "resolve", id, "--data", data]), format!("resolved {id}\n"));
    let none = text(&["incidents", "list", "--data", data]);
    assert!(none.contains("`ledger incidents open`"), "an empty list says what fills it: {none}");
    let before: Value = json(&["incidents", "list", "--data", data, "--as-of", "1h", "--state", "all"], 0);
    assert_eq!(before["items"], Value::Array(Vec::new()), "an hour ago there was nothing");

    let set = ["schedules", "set", "nightly", "scan", "--org", "acme", "--data", data, "--every"];
    let made = text(&[&set[..], &["1d"]].concat());
    let changed = text(&[&set[..], &["2d"]].concat());
    assert_eq!(made.strip_prefix("made "), changed.strip_prefix("changed "), "one name, one schedule");
    assert!(text(&["schedules", "show", "nightly", "--data", data]).contains("every 2d"));
    assert_eq!(json(&["schedules", "list", "--data", data], 0)["items"].as_array().unwrap().len(), 1);

    for _ in 0..2 {
        text(&["tokens", "create", "--role", "viewer", "--label", "ci", "--ttl", "2h", "--data", data]);
    }
    let several = refused(&["tokens", "revoke", "ci", "--data", data]);
    assert!(several.contains("2 tokens: ") && several.contains("(ci)"), "{several}");
    assert_eq!(service.terminate(), Some(0));
}

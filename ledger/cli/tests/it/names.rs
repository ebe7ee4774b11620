//! Nodes by name: given at enrolment, changed later, typed in part or wrongly.

use crate::support::{Service, json, ledger};
use serde_json::{Value, json};
use std::path::Path;

struct Fleet<'a> {
    service: &'a Service,
    dir: &'a Path,
}

impl Fleet<'_> {
    /// Enrols an agent of its own; its id.
    fn enrol(&self, state: &str, more: &[&str]) -> String {
        let (state, token) = (self.dir.join(state), self.service.enrolment_token(1));
        let known = ["agent", "enroll", "--url", &self.service.url, "--token", &token, "--state-dir"];
        let args = [&known[..], &[state.to_str().unwrap()], more].concat();
        json(&args, 0)["node_id"].as_str().unwrap().to_owned()
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = ledger(&[args, &["--data", self.service.data.to_str().unwrap()]].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn says(&self, args: &[&str]) -> String {
        let (code, said, wrong) = self.run(args);
        assert_eq!(code, Some(0), "{args:?}: {wrong}");
        said
    }

    fn refused(&self, args: &[&str]) -> String {
        let (code, _, wrong) = self.run(args);
        assert_eq!(code, Some(1), "{args:?}");
        wrong.trim().to_owned()
    }

    fn node(&self, name: &str) -> Value {
        let said = self.says(&["nodes", "show", name, "-o", "json"]);
        serde_json::from_str::<Value>(&said).unwrap()["node"].clone()
    }
}

#[test]
fn nodes_go_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let fleet = Fleet { service: &service, dir: dir.path() };
    let first = fleet.enrol("a", &["--name", "web-1", "--label", "env=prod", "--label", "canary"]);
    let second = fleet.enrol("b", &["--name", "web-1"]);
    let third = fleet.enrol("c", &[]);

    assert_eq!(fleet.node("web-1")["node_id"], first);
    assert_eq!(fleet.node("web-1-2")["node_id"], second, "the name was taken");
    assert_eq!(fleet.node(&first)["labels"], json!({"canary": "", "env": "prod"}));
    assert!(fleet.node(&third)["name"].is_string(), "it is called as its host is");

    let short = first.get(..8).unwrap();
    assert_eq!(
        fleet.says(&["nodes", "rename", &second, "db-1"]),
        format!("{} is called db-1 now\n", second.get(..8).unwrap())
    );
    assert_eq!(
        fleet.refused(&["nodes", "rename", "db-1", "web-1"]),
        format!("ledger: web-1 is what {short} is called; choose another name")
    );
    assert_eq!(fleet.says(&["nodes", "label", "web-1", "env=test", "-canary"]), "web-1 has env=test now\n");
    assert_eq!(fleet.says(&["nodes", "label", "db-1", "tier=data"]), "db-1 has tier=data now\n");
    assert_eq!(
        fleet.refused(&["nodes", "label", "web-1", "-canary"]),
        "ledger: it has no label canary; nothing was changed"
    );
    assert_eq!(
        fleet.refused(&["nodes", "show", "wbe-1"]),
        "ledger: there is no node wbe-1; the nearest is web-1; see `ledger nodes list`"
    );
    let wide = fleet.says(&["nodes", "list", "-o", "wide"]);
    assert!(wide.contains("env=test") && wide.contains("tier=data"), "{wide}");

    let told = fleet.says(&["commands", "issue", "db-1", "scan"]);
    assert!(told.starts_with("told db-1 to scan: command "), "{told}");
    let listed = fleet.says(&["commands", "list", "--node", "db-1"]);
    assert!(listed.contains("db-1") && !listed.contains(second.get(..8).unwrap()), "{listed}");
    assert_eq!(service.terminate(), Some(0));
}

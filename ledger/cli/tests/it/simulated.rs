//! Many agents in one process, with a real service, over a kill of theirs; and one that says goodbye.

use crate::support::{Service, command, json, ledger, look_until, verify};
use serde_json::Value;
use std::process::Stdio;

fn nodes(data: &str) -> Vec<Value> {
    json(&["nodes", "list", "--data", data, "-o", "json"], 0)["items"].as_array().unwrap().clone()
}

#[test]
fn a_simulated_fleet_is_a_fleet() {
    let dir = tempfile::tempdir().unwrap();
    let (data, state) = (dir.path().join("ledger"), dir.path().join("fleet"));
    let (path, state) = (data.to_str().unwrap(), state.to_str().unwrap());
    let service = Service::start(&data);
    let token = service.enrolment_token(12);
    let simulate =
        ["agent", "simulate", "--nodes", "12", "--interval", "1", "--token", &token, "--url", &service.url];
    let mut fleet = command(&simulate).args(["--state-dir", state]).stderr(Stdio::null()).spawn().unwrap();
    let heard = || nodes(path).iter().filter(|node| node["heartbeat"].is_object()).count();
    look_until(|| match heard() {
        12 => Ok(()),
        some => Err(format!("{some} were heard of")),
    });
    fleet.kill().unwrap();
    fleet.wait().unwrap();
    // The same agents go on: nobody is enrolled anew, no chain begins anew.
    let again = ledger(&[&simulate[..], &["--state-dir", state, "--duration", "4"]].concat());
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let said: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&said["agents"], &said["stopped"]), (&12.into(), &0.into()));
    assert_eq!(nodes(path).len(), 12);
    let events = json(&["logs", "view", "--data", path, "--kind", "chain-open", "-o", "json"], 0);
    assert_eq!(events.to_string().matches("chain-open").count(), 0);

    let one = format!("{state}/00003");
    let goodbye =
        ledger(&["agent", "goodbye", "--state-dir", &one, "--reason", "new disk", "--back-in", "3600"]);
    assert!(goodbye.status.success(), "{}", String::from_utf8_lossy(&goodbye.stderr));
    let planned = nodes(path).iter().filter(|node| node["silence"] == "planned").count();
    assert_eq!(planned, 1);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

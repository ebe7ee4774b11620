//! `vaultmesh-agent scan` from outside: forms of the answer, exit codes, baselines.

use super::Machine;
use serde_json::Value;
use std::process::{Command, Output};

fn scan(machine: &Machine, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh-agent"));
    command.args(["scan", "--max-bytes-per-sec", "0", "--root"]).arg(machine.root()).args(args);
    command.env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_answer_has_the_fields_of_the_event() {
    let machine = Machine::healthy();
    machine.add("etc/passwd", "toor:x:0:0::/root:/bin/sh\n");
    let output = scan(&machine, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "counts duration_ms findings root simulated started_at tree_root unchecked";
    assert_eq!(names.join(" "), expected, "without a baseline there is none");
    assert_eq!((&json["counts"]["critical"], &json["simulated"]), (&1.into(), &false.into()));
    let names: Vec<&str> = json["findings"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.join(" "), "evidence id remediation severity subject title");
    assert_eq!(
        (&json["findings"][0]["id"], &json["findings"][0]["subject"]),
        (&"uid-zero".into(), &"toor".into())
    );
}

#[test]
fn a_table_for_people_and_exit_codes_for_scripts() {
    let machine = Machine::healthy();
    machine.add("etc/passwd", "toor\x1b]0;x:x:0:0::/root:/bin/sh\n");
    let output = scan(&machine, &[]);
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    assert!(table.starts_with("1 critical, 0 high, 0 medium, 0 low, "), "{table}");
    assert!(table.contains("\ncritical  uid-zero  toor\u{fffd}]0;x\n"), "{table}");
    assert!(
        table.contains("\nunknown   file-integrity\n          there is no baseline to compare with\n"),
        "{table}"
    );
    assert!(!table.contains('\x1b'));
    for (args, code) in [
        (&["--fail-on", "critical"][..], 1),
        (&["--fail-on", "low"], 1),
        (&["--fail-on", "info"], 2),
        (&["--baseline", "a", "--no-baseline"], 2),
        (&["--baseline", "/nonexistent"], 3),
        (&["--state-dir", "/nonexistent"], 3),
        (&["--watch", "/nonexistent"], 3),
    ] {
        assert_eq!(scan(&machine, args).status.code(), Some(code), "{args:?}");
    }
    machine.put("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    assert_eq!(scan(&machine, &["--fail-on", "low"]).status.code(), Some(0));
    let absent =
        Command::new(env!("CARGO_BIN_EXE_vaultmesh-agent")).args(["scan", "--root", "/nonexistent"]).output();
    assert_eq!(absent.unwrap().status.code(), Some(3));
}

#[test]
fn a_baseline_is_written_whole_and_used() {
    let machine = Machine::healthy();
    let file = machine.state().join("scan-baseline");
    let (state, file) = (machine.state(), file.to_str().unwrap().to_owned());
    let state = state.to_str().unwrap();
    let written = scan(&machine, &["--state-dir", state, "--write-baseline", &file]);
    assert_eq!(written.status.code(), Some(0));
    // The state directory's own baseline is found without being named.
    let json: Value =
        serde_json::from_slice(&scan(&machine, &["--state-dir", state, "-o", "json"]).stdout).unwrap();
    assert!(json["baseline"].is_string() && json["counts"]["unknown"] == 0, "{json}");
    let chosen = scan(&machine, &["--baseline", &file, "-o", "json"]);
    assert_eq!(serde_json::from_slice::<Value>(&chosen.stdout).unwrap()["baseline"], json["baseline"]);
    let without = scan(&machine, &["--state-dir", state, "--no-baseline", "-o", "json"]);
    assert!(serde_json::from_slice::<Value>(&without.stdout).unwrap().get("baseline").is_none());
    let left =
        std::fs::read_dir(machine.state()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.contains("tmp")).collect();
    assert_eq!(left, [""; 0]);
}

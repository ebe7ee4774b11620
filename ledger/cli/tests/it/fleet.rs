//! Agents of one process at work against a real service, and what the log has of each.

use crate::support::{command, json, ledger};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A running fleet; killed when dropped.
pub(crate) struct Fleet {
    child: Child,
    state: PathBuf,
}

impl Fleet {
    /// Enrols those of the fleet that are not, and lets all of them work.
    pub(crate) fn start(url: &str, token: &str, state: &Path, nodes: usize, interval_secs: u64) -> Self {
        let (nodes, interval) = (nodes.to_string(), interval_secs.to_string());
        let simulate = ["agent", "simulate", "--nodes", &nodes, "--interval", &interval];
        let mut simulate = command(&simulate);
        simulate.args(["--token", token, "--url", url, "--log", "error"]).arg("--state-dir").arg(state);
        let child = simulate.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, state: state.to_owned() }
    }

    /// The state directory of one agent.
    pub(crate) fn dir(&self, n: usize) -> PathBuf {
        self.state.join(format!("{n:05}"))
    }

    /// Asks the fleet to end; how many of its agents had stopped for good before.
    pub(crate) fn stop(mut self) -> u64 {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let said: Value = serde_json::from_reader(self.child.stdout.take().unwrap()).unwrap();
        assert!(self.child.wait().unwrap().success());
        said["stopped"].as_u64().unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a state directory says.
pub(crate) fn status(dir: &Path) -> Value {
    json(&["agent", "status", "--state-dir", dir.to_str().unwrap(), "-o", "json"], 0)
}

/// Every entry of a ledger's files.
pub(crate) fn entries(data: &Path) -> Vec<Value> {
    let output =
        ledger(&["logs", "view", "--data", data.to_str().unwrap(), "--limit", "1000000", "-o", "jsonl"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The header of an entry.
pub(crate) fn header(entry: &Value) -> &Value {
    &entry["event"]
}

/// The events of each node, by author.
pub(crate) fn by_node(entries: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut by_node: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for header in entries.iter().map(header) {
        if let Some(id) = header["author"].as_str().and_then(|author| author.strip_prefix("node:")) {
            by_node.entry(id.to_owned()).or_default().push(header);
        }
    }
    by_node
}

/// How many entries are of a kind.
pub(crate) fn count(entries: &[Value], kind: &str) -> usize {
    entries.iter().filter(|entry| header(entry)["kind"] == kind).count()
}

/// Waits for something to be so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    crate::support::until(what, || is_so().then_some(()));
}

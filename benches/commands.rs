//! Commands: from the moment one is recorded to the moment its receipt is, with the real service and a real agent,
//! and what the agent costs at rest. The command is `/usr/bin/true`, so that what is measured is the way.
//!
//! ```text
//! BENCH_N=100000    1,000 commands, one after another
//! BENCH_LEDGER=FILE another executable, to compare with
//! ```

use crate::report::{say, ticks};
use crate::streams::{Service, status};
use crate::world::scratch;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const POLICY: &str = "[allow.run]\ntemplates = [\"true\"]\n[template.true]\nprogram = \"/usr/bin/true\"\n";

/// Events for one command.
const PER_COMMAND: usize = 100;

/// How long the agent is looked at while it does nothing but report.
const REST: Duration = Duration::from_secs(20);

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended already if the benchmark stops because of that.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn run(events: usize) {
    let commands = (events / PER_COMMAND).max(5);
    let dir = scratch();
    let service = Service::start(&dir.path().join("ledger"));
    let agent = start(&service, dir.path());
    let node = node(&service);
    rest(&agent);
    for _ in 0..commands {
        let (url, token) = (format!("http://{}", service.address), service.owner());
        let given = ["commands", "issue", &node, "run", "--param", "template=true", "--wait", "-o", "json"];
        let status =
            ledger(&service).args(given).args(["--url", &url, "--token", &token]).output().unwrap().status;
        assert!(status.success(), "a command did not succeed");
    }
    let listed =
        ledger(&service).args(["commands", "list", "-o", "json", "--data"]).arg(&service.data).output();
    let listed: Value = serde_json::from_slice(&listed.unwrap().stdout).unwrap();
    let commands = listed["items"].as_array().unwrap();
    for (what, pointer) in [("begun", "/begun/recorded_at"), ("over", "/ended/recorded_at")] {
        let mut waits: Vec<u64> =
            commands.iter().map(|c| millis(c, pointer) - millis(c, "/issued_at")).collect();
        waits.sort_unstable();
        let at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
        say(&format!(
            "{} commands, from issued to {what}: {} ms (50 %), {} (99 %), {} (all)",
            waits.len(),
            at(50),
            at(99),
            at(100)
        ));
    }
}

fn ledger(service: &Service) -> Command {
    let mut command = Command::new(&service.executable);
    command.stderr(Stdio::null());
    command
}

/// Enrols a node and starts its agent.
fn start(service: &Service, dir: &Path) -> Agent {
    let token = ledger(service)
        .args(["enroll", "token", "--org", "acme", "--tenant", "prod", "--ttl", "600", "--uses", "1"])
        .args(["-o", "json", "--data"])
        .arg(&service.data)
        .output();
    let token: Value = serde_json::from_slice(&token.unwrap().stdout).unwrap();
    let (state, policy) = (dir.join("agent"), dir.join("policy.toml"));
    ledger::durable::write_secret(&policy, POLICY).unwrap();
    let url = format!("http://{}", service.address);
    let enrolled = ledger(service)
        .args(["agent", "enroll", "--url", &url, "--token", token["token"].as_str().unwrap(), "--state-dir"])
        .arg(&state)
        .stdout(Stdio::null())
        .status();
    assert!(enrolled.unwrap().success(), "the node is not enrolled");
    let agent = ledger(service)
        .args(["agent", "run", "--scan-every", "0", "--policy"])
        .arg(&policy)
        .arg("--state-dir")
        .arg(&state)
        .spawn();
    Agent(agent.unwrap())
}

/// The node, once it was heard of.
fn node(service: &Service) -> String {
    for _ in 0..100 {
        let nodes =
            ledger(service).args(["nodes", "list", "-o", "json", "--data"]).arg(&service.data).output();
        let nodes: Value = serde_json::from_slice(&nodes.unwrap().stdout).unwrap();
        let node = &nodes["items"][0];
        if node["heard"].is_object() {
            return node["node_id"].as_str().unwrap().to_owned();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no node was heard of");
}

fn rest(agent: &Agent) {
    let (id, started) = (agent.0.id(), Instant::now());
    let before = ticks(&id.to_string());
    std::thread::sleep(REST);
    let share = (ticks(&id.to_string()) - before).as_secs_f64() / started.elapsed().as_secs_f64();
    let resident = status(id, "VmRSS:") as f64 / 1024.0;
    say(&format!(
        "the agent at rest, asking for commands: {resident:.1} MiB resident, {:.2} % of a core",
        share * 100.0
    ));
}

fn millis(command: &Value, pointer: &str) -> u64 {
    let text = command.pointer(pointer).and_then(Value::as_str).unwrap();
    spec::time::parse_rfc3339(text).unwrap().millis()
}

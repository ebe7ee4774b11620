//! The executable against a server on loopback: exit codes, standard output, signals, two at once.

use crate::ledger::Ledger;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vaultmesh_agent::clock::{Clock as _, SystemClock};
use vaultmesh_agent::network::{Request, Response};

/// Serves a ledger until the process that tests it ends.
pub(crate) struct Server {
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) url: String,
}

pub(crate) fn serve() -> Server {
    let ledger = Arc::new(Mutex::new(Ledger::new(SystemClock::start().now().wall)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::clone(&ledger);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let ledger = Arc::clone(&shared);
            std::thread::spawn(move || while exchange(&stream, &ledger).is_some() {});
        }
    });
    Server { ledger, url }
}

/// One request and its answer; `None` when the other side has gone.
fn exchange(stream: &TcpStream, ledger: &Mutex<Ledger>) -> Option<()> {
    let response = exchanged(&mut BufReader::new(stream), ledger)?;
    let head = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n\r\n", response.status, response.body.len());
    let mut stream = stream;
    stream.write_all(&[head.as_bytes(), &response.body].concat()).ok()
}

/// One request, and the ledger's answer to it.
pub(crate) fn exchanged(reader: &mut BufReader<&TcpStream>, ledger: &Mutex<Ledger>) -> Option<Response> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = (length > 0).then_some(("application/json", body));
    let mut ledger = ledger.lock().unwrap();
    ledger.now = SystemClock::start().now().wall;
    Some(ledger.handle(&Request { path, body, bearer: None }))
}

pub(crate) fn agent(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh-agent"));
    command.args(args).env_clear().env("VAULTMESH_STATE_DIR", dir).stdin(Stdio::null());
    command
}

pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    agent(dir, args).output().unwrap()
}

pub(crate) fn assert_code(output: &Output, code: i32, says: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(says), "{errors}");
}

pub(crate) fn json(output: &Output) -> Value {
    assert_code(output, 0, "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An agent in the background; it does not outlive the test.
struct Running(Child);

impl Running {
    fn start(dir: &Path) -> Self {
        let mut command = agent(dir, &["run", "--interval", "1", "--log", "error"]);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long a test waits for what is sure to come, on a machine that may have much else to do.
const PATIENCE: Duration = Duration::from_mins(5);

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_life_from_enrolment_to_a_signal() {
    let server = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let token = server.ledger.lock().unwrap().token();

    let enroll = || run(dir, &["enroll", "--url", &server.url, "--token", &token]);
    let said = json(&enroll());
    assert_eq!((&said["org"], &said["tenant"]), (&"acme".into(), &"prod".into()));
    assert_eq!(said["ledger"], server.ledger.lock().unwrap().id.to_hex());
    assert_eq!(json(&enroll()), said, "a second enrolment says the same");
    let mode = |name: &str| std::fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("node.key"), mode("spool.log")), (0o700, 0o600, 0o600));

    let once = run(dir, &["run", "--once"]);
    assert_code(&once, 0, "");
    assert!(once.stdout.is_empty());
    assert_eq!(server.ledger.lock().unwrap().log.len(), 1);
    let status = json(&run(dir, &["status", "-o", "json"]));
    assert_eq!((&status["node_id"], &status["key"]), (&said["node_id"], &said["key"]));
    assert_eq!(
        (&status["last_seq"], &status["spool_depth"], &status["dropped"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(status["last_checkpoint"]["size"], 3);

    for signal in [Signal::TERM, Signal::INT] {
        let before = server.ledger.lock().unwrap().log.len();
        let running = Running::start(dir);
        until("three heartbeats", || server.ledger.lock().unwrap().log.len() >= before + 3);
        assert_code(&run(dir, &["run", "--once"]), 1, "another agent works in");
        assert_code(&enroll(), 1, "another agent works in");
        json(&run(dir, &["status", "-o", "json"]));
        // It ends by itself, whatever it is doing; how soon depends on what else the machine has to do.
        assert_eq!(running.signal(signal).code(), Some(0));
    }
    // And by the rudest signal: nothing is lost, nothing is sent twice.
    let running = Running::start(dir);
    let before = server.ledger.lock().unwrap().log.len();
    until("a heartbeat", || server.ledger.lock().unwrap().log.len() > before);
    running.signal(Signal::KILL);
    assert_code(&run(dir, &["run", "--once"]), 0, "");
    let ledger = server.ledger.lock().unwrap();
    let seqs: Vec<u64> = ledger.log.iter().map(|e| e.header.chain.unwrap().seq).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(ledger.problems, [""; 0]);
    let last: Value = serde_json::from_str(&ledger.log.last().unwrap().payload.json).unwrap();
    for field in ["load1_milli", "memory_total_bytes", "uptime_secs", "agent_rss_bytes"] {
        assert!(last[field].is_u64(), "{last}");
    }
    assert_ne!(last["hostname"], "unknown");
}

#[test]
fn messages_stand_in_a_node_and_a_delivery() {
    let server = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let token = server.ledger.lock().unwrap().token();
    let said = json(&run(dir, &["enroll", "--url", &server.url, "--token", &token]));
    let once = |format: &str| {
        let mut command = agent(dir, &["run", "--once", "--log", "debug"]);
        let output = command.env("VAULTMESH_LOG_FORMAT", format).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, errors) = once("json");
    assert_eq!(code, Some(0), "{errors}");
    let lines: Vec<Value> = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let delivered = lines.iter().find(|line| line["fields"]["message"] == "delivered").unwrap();
    let spans = [&delivered["spans"][0], &delivered["spans"][1]];
    assert_eq!(spans.map(|span| &span["name"]), ["node", "delivery"]);
    assert_eq!((&spans[0]["id"], &spans[1]["seq"]), (&said["node_id"], &0.into()));
    let (code, errors) = once("text");
    assert!(code == Some(0) && errors.contains("}:delivery{seq=1 waiting=1}: delivered"), "{errors}");
    assert_eq!(once("xml").0, Some(2));
}

#[test]
fn a_ledger_that_lies_ends_the_agent() {
    let server = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let token = server.ledger.lock().unwrap().token();
    json(&run(dir, &["enroll", "--url", &server.url, "--token", &token]));
    let backup = server.ledger.lock().unwrap().clone();
    server.ledger.lock().unwrap().grow("lost");
    assert_code(&run(dir, &["run", "--once"]), 0, "");
    *server.ledger.lock().unwrap() = backup;
    let mut running = Running::start(dir);
    until("the agent ends", || running.0.try_wait().unwrap().is_some());
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    assert_code(&run(dir, &["run"]), 1, "stopped: ledger contradicts itself");
    let status = json(&run(dir, &["status", "-o", "json"]));
    assert_eq!(status["stopped"], "ledger contradicts itself");
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let server = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let token = server.ledger.lock().unwrap().token();
    let other = format!("vm1.{}.{}", "ab".repeat(32), "5e".repeat(32));
    let enroll = |url: &str, token: &str| run(dir, &["enroll", "--url", url, "--token", token]);

    assert_code(&run(dir, &[]), 2, "Usage");
    assert_code(&run(dir, &["run", "--interval", "0"]), 2, "0");
    assert_code(&run(dir, &["enroll", "--token", &token]), 2, "VAULTMESH_CC_URL");
    assert_code(&run(dir, &["enroll", "--url", &server.url]), 2, "VAULTMESH_ENROLMENT_TOKEN");
    assert_code(&enroll(&server.url, "secret"), 2, "vm1.");
    assert_code(&enroll("ftp://somewhere", &token), 2, "ftp");
    assert_code(&run(dir, &["run"]), 3, "enrol");
    assert_code(&run(dir, &["status"]), 3, "not enrolled");
    assert_code(&enroll("http://127.0.0.1:1", &token), 3, "no answer");
    assert_code(&enroll(&server.url, &other), 1, "bad-token");
    // The key that was made stays, and the node is enrolled with it.
    json(&enroll(&server.url, &token));
    assert_code(&enroll(&server.url, &other), 1, "enrolled with ledger");
    let key = dir.join("node.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    assert_code(&run(dir, &["run", "--once"]), 1, "0644");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o770)).unwrap();
    assert_code(&run(dir, &["run", "--once"]), 1, "0770");
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o700)).unwrap();
    let elsewhere = agent(dir, &["run", "--once"])
        .env("VAULTMESH_NODE_ID", "550e8400-e29b-41d4-a716-446655440000")
        .output()
        .unwrap();
    assert_code(&elsewhere, 2, "VAULTMESH_NODE_ID");
    let unreachable =
        agent(dir, &["run", "--once"]).env("VAULTMESH_CC_URL", "http://127.0.0.1:1").output().unwrap();
    assert_code(&unreachable, 3, "1 events wait");
    assert_code(&run(dir, &["run", "--once"]), 0, "");
    assert_eq!(server.ledger.lock().unwrap().log.len(), 2);
}

#[test]
fn a_check_says_what_is_wrong_and_a_broken_policy_keeps_nobody_silent() {
    let server = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let policy = home.path().join("policy.toml");
    let write = |text: &str| {
        let mut file = std::fs::File::create(&policy).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_permissions(PermissionsExt::from_mode(0o644)).unwrap();
    };
    let check = || run(dir, &["config", "check", "--policy", policy.to_str().unwrap()]);
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    write("[allow.scan]\n");
    let before = check();
    assert_code(&before, 1, "things are wrong");
    assert!(said(&before).contains("WRONG  enrolment  this node is not enrolled"), "{}", said(&before));
    let token = server.ledger.lock().unwrap().token();
    json(&run(dir, &["enroll", "--url", &server.url, "--token", &token]));
    let good = check();
    assert_code(&good, 0, "");
    assert!(said(&good).contains("policy.toml: scan"), "{}", said(&good));

    write("[allow.reboot]\n");
    let bad = check();
    assert_code(&bad, 1, "one thing is wrong");
    assert!(said(&bad).contains("allow.reboot"), "{}", said(&bad));
    let once = run(dir, &["run", "--once", "--policy", policy.to_str().unwrap()]);
    assert_code(&once, 0, "the policy does not hold");
    assert_eq!(server.ledger.lock().unwrap().log.len(), 1);
    std::fs::set_permissions(&policy, PermissionsExt::from_mode(0o666)).unwrap();
    assert!(said(&check()).contains("chmod go-w"), "{}", said(&check()));
}

#[test]
fn the_manual_and_the_completions() {
    let home = tempfile::tempdir().unwrap();
    let text = |args: &[&str]| {
        let output = run(home.path(), args);
        assert_code(&output, 0, "");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text(&["man"]).contains("vaultmesh\\-agent"));
    assert!(text(&["completions", "bash"]).contains("enroll"));
    assert!(text(&["--help"]).contains("Exit codes"));
    assert!(text(&["--version"]).starts_with("vaultmesh-agent "));
}

/// Resident memory in KiB and processor time in clock ticks.
fn usage(child: &Child) -> (u64, u64) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap();
    let status = read("status");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let stat = read("stat");
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    (rss.trim().trim_end_matches(" kB").parse().unwrap(), ticks)
}

/// The budget of an agent at rest; `cargo test --release -p vaultmesh-agent -- --ignored at_rest`.
#[test]
#[ignore = "takes a minute, and says something only of a release build"]
fn at_rest() {
    const BEATS: u64 = 60;
    let server = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let token = server.ledger.lock().unwrap().token();
    json(&run(dir, &["enroll", "--url", &server.url, "--token", &token]));
    let running = Running::start(dir);
    let wait_for = |count: u64| {
        while (server.ledger.lock().unwrap().log.len() as u64) < count {
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait_for(5);
    let (_, before) = usage(&running.0);
    wait_for(5 + BEATS);
    let (rss, after) = usage(&running.0);
    // Ticks are hundredths of a second; heartbeats here come thirty times as often as they would.
    let milli_percent = (after - before) * 10 * 100 * 1000 / 1000 / (BEATS * 30);
    println!(
        "resident {rss} KiB; {} ms a heartbeat, {milli_percent}/1000 % of a core at 30 s",
        (after - before) * 10 / BEATS
    );
    assert!(rss <= 12 * 1024, "{rss} KiB");
    assert!(milli_percent <= 200, "{milli_percent}");
}

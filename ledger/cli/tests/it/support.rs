//! Running the executable, talking to it, and writing events as a node does.

use serde_json::Value;
use spec::payload::{node_possession_bytes, token_hash};
use spec::{Author, Epoch, Event, Hash, Kind, PublicKey, Timestamp, Uuid};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use vaultmesh_agent::chain::author::{ChainAuthor, Credentials, Draft};
use vaultmesh_agent::entropy::SystemEntropy;

/// The executable under test.
pub(crate) const LEDGER: &str = env!("CARGO_BIN_EXE_ledger");

/// How long a test waits for what is sure to come. Nothing is measured by it: it is as long as a machine may take that
/// has much else to do, and ends what would never end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// Looks until there is something, and gives it.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    look_until(|| look().ok_or(what))
}

/// Looks until there is something, and gives it; what was seen last in its place is what the test fails with.
#[track_caller]
pub(crate) fn look_until<T, S: std::fmt::Display>(mut look: impl FnMut() -> Result<T, S>) -> T {
    let since = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(since.elapsed() < PATIENCE, "{seen}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The executable with arguments, without what the caller's environment might add.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(LEDGER);
    for name in ["VAULTMESH_DATA", "VAULTMESH_CC_URL", "VAULTMESH_TOKEN", "VAULTMESH_LOG"] {
        command.env_remove(name);
    }
    // Nor what its user has signed in to.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.args(args);
    command
}

/// Runs the executable to its end.
pub(crate) fn ledger(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Runs the executable, expects an exit code, and reads its answer, for which JSON is asked.
pub(crate) fn json(args: &[&str], code: i32) -> Value {
    let asked = args.contains(&"-o") || args.contains(&"--json") || args.first() == Some(&"agent");
    let output = ledger(&[args, if asked { &[] } else { &["-o", "json"] }].concat());
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\nstdout {out}\nstderr {err}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{args:?}: {e}\nstdout {out}\nstderr {err}"))
}

/// The verdict of `ledger verify`, whose exit code must agree with it.
pub(crate) fn verify(target: &Path, more: &[&str]) -> Value {
    let target = target.to_str().unwrap();
    let output = ledger(&[&["verify", target, "--json"], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let expected = match report["verdict"].as_str().unwrap() {
        "verified" => 0,
        "failed" => 1,
        _ => 3,
    };
    assert_eq!(output.status.code(), Some(expected), "{report}");
    report
}

/// A running service; killed when dropped.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) ledger_id: Hash,
    pub(crate) data: PathBuf,
    child: Child,
}

impl Service {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub(crate) fn start_with(data: &Path, more: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", data, more)
    }

    /// Starts at an address, such as that of a service that is no more.
    pub(crate) fn start_at(address: &str, data: &Path, more: &[&str]) -> Self {
        Self::start_saying(address, data, more, Stdio::inherit())
    }

    /// Starts with somewhere for what it says of itself.
    pub(crate) fn start_saying(address: &str, data: &Path, more: &[&str], log: Stdio) -> Self {
        let mut child = command(&["serve", "--init", "--listen", address, "-o", "json"])
            .arg("--data")
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let facts: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        Self {
            url: facts["listening"].as_str().unwrap().to_owned(),
            ledger_id: Hash::from_hex(facts["ledger_id"].as_str().unwrap()).unwrap(),
            data: data.to_owned(),
            child,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as a power cut would end it, as far as a process can.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits; the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    pub(crate) fn enrolment_token(&self, uses: u32) -> String {
        let data = self.data.to_str().unwrap();
        let uses = uses.to_string();
        let answer = json(&["enroll", "token", "--data", data, "--org", "acme", "--uses", &uses], 0);
        answer["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already, in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stop found no request that it had to cut off when the time to end them was over.
pub(crate) fn not_cut_off(log: &Path) {
    let said = std::fs::read_to_string(log).unwrap();
    assert!(!said.contains(web::CUT_OFF), "{said}");
}

/// The wall clock, for events that a real service is to accept.
#[expect(clippy::disallowed_methods, reason = "the service under test reads the same clock")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    ledger::keyring::random().unwrap()
}

/// Lets this process open as many files as the system allows, which must be so many.
pub(crate) fn raise_open_files(needed: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|most| most >= needed);
    assert!(enough, "this test needs {needed} open files; raise `ulimit -Hn`: {limit:?}");
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// A client for services on loopback.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().tls_certs_only([]);
    builder.timeout(PATIENCE).build().unwrap()
}

/// A node that is enrolled and signs events with the agent's own code.
pub(crate) struct Node {
    pub(crate) id: Uuid,
    pub(crate) key: PublicKey,
    pub(crate) author: ChainAuthor,
}

impl Node {
    pub(crate) async fn enrol(client: &reqwest::Client, service: &Service, token: &str) -> Self {
        let key = ledger::keyring::generate().unwrap();
        let id = Uuid::v4(random());
        let author = Author::Node(id);
        let secret = Hash::from_hex(token.rsplit('.').next().unwrap()).unwrap();
        let statement =
            node_possession_bytes(&author, &key.public(), &service.ledger_id, &token_hash(&secret.0));
        let body = serde_json::json!({
            "author": author, "key": key.public(), "pop": key.sign(&statement), "token": token,
        });
        let response = client
            .post(format!("{}/api/nodes/register", service.url))
            .body(body.to_string())
            .header("content-type", "application/json")
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let record = ledger_record(&answer["introduction"]["record"]);
        let credentials = Credentials {
            author,
            introduction: record.entry.header.event_hash(&record.entry.sig),
            key: key.clone(),
            ledger: service.ledger_id,
            org: "acme".parse().unwrap(),
            tenant: None,
        };
        Self { id, key: key.public(), author: ChainAuthor::new(credentials, Epoch(random())) }
    }

    pub(crate) fn note(&mut self, text: &str) -> Event {
        let payload = serde_json::json!({"text": text});
        let draft = Draft::new(Kind::Note, &payload, now(), &mut SystemEntropy).unwrap();
        self.author.next_event(draft)
    }
}

impl Node {
    /// A heartbeat with all well.
    pub(crate) fn heartbeat(&mut self, hostname: &str) -> Event {
        let payload = serde_json::json!({
            "node_id": self.id, "hostname": hostname, "os_profile": "DebianVault", "cloudflare_ok": true,
            "services_ok": true, "vaultmesh_root": "/var/lib/vaultmesh", "timestamp": now().to_string(),
        });
        let draft = Draft::new(Kind::Heartbeat, &payload, now(), &mut SystemEntropy).unwrap();
        self.author.next_event(draft)
    }
}

/// A record from its JSON value.
pub(crate) fn ledger_record(value: &Value) -> spec::Record {
    let line = spec::canonical::to_vec(value).unwrap();
    spec::Record::parse(std::str::from_utf8(&line).unwrap()).unwrap()
}

/// Events as a body of JSON lines.
pub(crate) fn lines(events: &[Event]) -> Vec<u8> {
    events.iter().flat_map(|event| [event.to_canonical(), b"\n".to_vec()].concat()).collect()
}

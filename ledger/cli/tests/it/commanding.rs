//! Commands, with the real service and the real agent, and somebody between the two who may change what is
//! delivered: what is in order is carried out once, everything else refused for its own reason, on record.

use crate::support::{Service, command, http, json, ledger, verify};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const POLICY: &str = r#"
[allow.run]
templates = ["mark"]
[template.mark]
program = "/usr/bin/mktemp"
arguments = ["-p", "{place}"]
[template.mark.parameters]
place = ["MARKS"]
"#;

/// What the one in between does to commands on their way.
#[derive(Debug, Clone, Default)]
enum Way {
    /// Nothing.
    #[default]
    Open,
    /// None gets through but these, with the checkpoint they are proved under.
    Only(Vec<Value>, String),
}

/// Somebody between agent and service.
#[derive(Debug, Clone)]
struct Between {
    service: Arc<Mutex<String>>,
    way: Arc<Mutex<Way>>,
    client: reqwest::Client,
}

async fn carry(
    State(between): State<Between>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let service = between.service.lock().unwrap().clone();
    // Answers at once, so that what is put in its way is delivered within a second.
    let path = uri.to_string().replace("wait=25", "wait=1");
    let mut request = between.client.request(method, format!("{service}{path}")).body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
    let mut bytes = answer.bytes().await.unwrap().to_vec();
    let way = between.way.lock().unwrap().clone();
    if let (Way::Only(commands, checkpoint), Ok(mut answer)) = (way, serde_json::from_slice::<Value>(&bytes))
        && answer["commands"].is_array()
    {
        let polled = answer["checkpoint"].is_string();
        answer["commands"] = if polled { json!(commands) } else { json!([]) };
        if polled {
            answer["checkpoint"] = json!(checkpoint);
        }
        bytes = serde_json::to_vec(&answer).unwrap();
    }
    let headers = kind.into_iter().map(|kind| (header::CONTENT_TYPE, kind)).collect();
    (status, headers, bytes)
}

impl Between {
    async fn start(service: &str) -> (Self, SocketAddr) {
        let service = Arc::new(Mutex::new(service.to_owned()));
        let between = Self { service, way: Arc::default(), client: http() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(carry).with_state(between.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (between, address)
    }

    fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }
}

pub(crate) struct Agent {
    child: Child,
    state: String,
    policy: String,
}

impl Agent {
    /// Enrols a node and lets it run.
    pub(crate) fn start(dir: &Path, name: &str, url: &str, service: &Service) -> Self {
        let place = dir.join(name);
        std::fs::create_dir_all(place.join("marks")).unwrap();
        let policy = place.join("policy.toml");
        let text = POLICY.replace("MARKS", place.join("marks").to_str().unwrap());
        ::ledger::durable::write_secret(&policy, &text).unwrap();
        let state = place.join("state").to_str().unwrap().to_owned();
        let token = service.enrolment_token(1);
        let enrolled = ledger(&["agent", "enroll", "--url", url, "--token", &token, "--state-dir", &state]);
        assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
        let mut agent = Self {
            child: command(&["--help"]).stdout(Stdio::null()).spawn().unwrap(),
            state,
            policy: policy.to_str().unwrap().to_owned(),
        };
        agent.restart();
        agent
    }

    /// Kills the agent and starts it again.
    fn restart(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
        let run = ["agent", "run", "--state-dir", &self.state, "--policy", &self.policy];
        self.child = command(&run).stderr(Stdio::null()).spawn().unwrap();
    }

    pub(crate) fn id(&self) -> String {
        let status = json(&["agent", "status", "--state-dir", &self.state, "-o", "json"], 0);
        status["node_id"].as_str().unwrap().to_owned()
    }

    /// How often the command of the policy was carried out.
    pub(crate) fn marks(&self) -> usize {
        std::fs::read_dir(Path::new(&self.policy).with_file_name("marks")).unwrap().count()
    }

    pub(crate) fn place(&self) -> String {
        let marks = Path::new(&self.policy).with_file_name("marks");
        format!("place={}", marks.to_str().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a command; its event hash and its entry.
fn issue(data: &str, node: &str, more: &[&str]) -> (String, u64) {
    let issued = json(&[&["commands", "issue", "--data", data, node], more].concat(), 0);
    (issued["command"].as_str().unwrap().to_owned(), issued["seq"].as_u64().unwrap())
}

async fn get(service: &Service, path: &str) -> String {
    let token = std::fs::read_to_string(service.data.join("owner.token")).unwrap();
    let request = http().get(format!("{}{path}", service.url)).bearer_auth(token.trim());
    request.send().await.unwrap().text().await.unwrap()
}

/// An entry as commands are delivered, proved under a checkpoint of now.
async fn proved(service: &Service, seq: u64) -> (Value, String) {
    let record: Value =
        serde_json::from_str(&get(service, &format!("/api/ledger/entries?from={seq}&limit=1")).await)
            .unwrap();
    let checkpoint = get(service, "/ROOT.txt").await;
    let size = checkpoint.lines().nth(1).unwrap();
    let path = format!("/api/ledger/proof/inclusion?seq={seq}&size={size}");
    let proof: Value = serde_json::from_str(&get(service, &path).await).unwrap();
    let command = json!({"record": record, "inclusion": proof["proof"]});
    (json!({"command": command, "approvals": [], "since": seq}), checkpoint)
}

/// Waits for a refusal of a command by this code.
fn refused(data: &str, hash: &str, code: &str) {
    let started = Instant::now();
    loop {
        let all =
            json(&["logs", "view", "--data", data, "--kind", "receipt", "--limit", "500", "-o", "json"], 0);
        let all = all.to_string();
        let text = format!("{{\"code\":\"{code}\",\"command\":\"{hash}\",\"state\":\"refused\"}}");
        if all.contains(&text) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "no {text} in {all}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn state(data: &str, hash: &str, wanted: &str) -> Value {
    let started = Instant::now();
    loop {
        let shown = json(&["commands", "show", hash, "--data", data], 0)["command"].clone();
        if shown["state"] == wanted {
            return shown;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "{wanted}: {shown}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A line to import.
fn note(n: u32) -> String {
    let payload = json!({"text": format!("another history, {n}")});
    json!({"kind": "note", "org": "other", "payload": payload, "ts": "2026-11-21T20:42:00.000Z"}).to_string()
}

const MARK: [&str; 3] = ["run", "--param", "template=mark"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_order_is_refused_for_its_own_reason() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "2"]);
    let (between, address) = Between::start(&service.url).await;
    let agent = Agent::start(dir.path(), "one", &format!("http://{address}"), &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();

    let (good, good_seq) = issue(path, &node, &mark);
    let done = state(path, &good, "succeeded");
    assert!(done["ended"]["receipt"]["output"].as_str().unwrap().contains("/marks/tmp."), "{done}");
    assert_eq!(agent.marks(), 1);
    let (widened, _) = issue(path, &node, &[&MARK[..], &["--param", "place=/tmp"]].concat());
    refused(path, &widened, "widened");
    let (unlisted, _) = issue(path, &node, &["service-restart", "--param", "unit=sshd.service"]);
    refused(path, &unlisted, "not-listed");

    // The same ledger, gone another way: what it has recorded is rightly signed, and in no other log.
    between.set(Way::Only(Vec::new(), String::new()));
    let other = dir.path().join("other");
    let copied = std::process::Command::new("cp").args(["-a", path, other.to_str().unwrap()]).status();
    assert!(copied.unwrap().success());
    std::fs::remove_file(other.join("admin.sock")).unwrap();
    let fork = Service::start(&other);
    let (hidden, hidden_seq) = issue(other.to_str().unwrap(), &node, &mark);
    let (hidden_command, _) = proved(&fork, hidden_seq).await;
    let (_, checkpoint) = proved(&service, good_seq).await;
    between.set(Way::Only(vec![hidden_command], checkpoint));
    refused(path, &hidden, "not-in-ledger");

    // On record, and delivered otherwise than recorded.
    between.set(Way::Only(Vec::new(), String::new()));
    let (tampered, seq) = issue(path, &node, &mark);
    let (mut command, checkpoint) = proved(&service, seq).await;
    let text = command["command"]["record"].to_string().replace("place\":\"", "place\":\"/other");
    command["command"]["record"] = serde_json::from_str(&text).unwrap();
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &tampered, "tampered");

    // On record, for another node.
    between.set(Way::Only(Vec::new(), String::new()));
    let stranger = Agent::start(dir.path(), "two", &format!("http://{address}"), &service);
    let (strange, seq) = issue(path, &stranger.id(), &mark);
    let (command, checkpoint) = proved(&service, seq).await;
    drop(stranger);
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &strange, "wrong-node");

    // On record, held back until its time was over.
    between.set(Way::Only(Vec::new(), String::new()));
    let (expired, seq) = issue(path, &node, &[&mark[..], &["--ttl", "1"]].concat());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (command, checkpoint) = proved(&service, seq).await;
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &expired, "expired");

    // On record, without the approval it needs.
    between.set(Way::Only(Vec::new(), String::new()));
    let (alone, seq) = issue(path, &node, &[&mark[..], &["--approvals", "1"]].concat());
    let (command, checkpoint) = proved(&service, seq).await;
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &alone, "not-approved");

    // Carried out long ago.
    let ended = Instant::now();
    tokio::time::sleep(Duration::from_secs(12).saturating_sub(ended.elapsed())).await;
    let (command, checkpoint) = proved(&service, good_seq).await;
    between.set(Way::Only(vec![command], checkpoint));
    refused(path, &good, "replayed");
    assert_eq!(agent.marks(), 1, "nothing else was carried out");
    assert_eq!(state(path, &good, "succeeded")["ended"]["receipt"]["state"], "succeeded");

    assert_eq!(fork.terminate(), Some(0));
    drop(agent);
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_ledger_is_found_out_and_obeyed_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let (between, address) = Between::start(&service.url).await;
    let mut agent = Agent::start(dir.path(), "one", &format!("http://{address}"), &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();
    let other = dir.path().join("other");
    let (path, other_path) = (data.to_str().unwrap(), other.to_str().unwrap());
    assert!(std::process::Command::new("cp").args(["-a", path, other_path]).status().unwrap().success());
    let _ = std::fs::remove_file(other.join("admin.sock"));
    // The agent sees the first history go on, then the second.
    let (seen, _) = issue(path, &node, &mark);
    state(path, &seen, "succeeded");
    let fork = Service::start(&other);
    // It has gone on for a while when the agent gets to see it.
    let lines: String = (0..200).map(|n| note(n) + "\n").collect();
    ::ledger::durable::write_secret(&dir.path().join("notes.jsonl"), &lines).unwrap();
    let notes = dir.path().join("notes.jsonl");
    json(&["import", notes.to_str().unwrap(), "--data", other_path, "-o", "json"], 0);
    issue(other_path, &node, &mark);
    fork.url.clone_into(&mut between.service.lock().unwrap());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = agent.child.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "the agent goes on");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((status.code(), agent.marks()), (Some(1), 1), "what the second history orders is not done");
    let file = Path::new(&agent.state).join("equivocation.json");
    // On another machine: the file and the ledger's id are all there is.
    let elsewhere = dir.path().join("evidence.json");
    std::fs::copy(&file, &elsewhere).unwrap();
    let id = service.ledger_id.to_string();
    let proof = ledger(&["verify", elsewhere.to_str().unwrap(), "--trust", &id, "--json"]);
    let verdict: Value = serde_json::from_slice(&proof.stdout).unwrap();
    assert_eq!((proof.status.code(), &verdict["kind"]), (Some(0), &json!("equivocation")), "{verdict}");
    // Nor is anything done after a restart, until somebody has looked at it.
    agent.restart();
    assert_eq!(agent.child.wait().unwrap().code(), Some(1));
    assert_eq!(fork.terminate(), Some(0));
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}

#[test]
fn a_command_is_carried_out_once_whatever_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start_with(&data, &["--heartbeat-secs", "1"]);
    let mut agent = Agent::start(dir.path(), "one", &service.url, &service);
    let (node, place) = (agent.id(), agent.place());
    let mark = [&MARK[..], &["--param", &place]].concat();
    for n in 1..=3 {
        let (hash, _) = issue(path, &node, &mark);
        state(path, &hash, "succeeded");
        agent.restart();
        assert_eq!(agent.marks(), n);
    }
    // By somebody else's leave, and not by one's own.
    let token = json(
        &["tokens", "create", "--data", path, "--org", "acme", "--role", "node_admin", "--label", "b"],
        0,
    );
    let token = token["token"].as_str().unwrap();
    let (hash, _) = issue(path, &node, &[&mark[..], &["--approvals", "1"]].concat());
    let own = ledger(&["commands", "approve", &hash, "--data", path]);
    assert!(String::from_utf8_lossy(&own.stderr).contains("of their own"), "{own:?}");
    json(&["commands", "approve", &hash, "--url", &service.url, "--token", token], 0);
    state(path, &hash, "succeeded");
    assert_eq!(agent.marks(), 4);
    // Taken back in time.
    let (hash, _) = issue(path, &node, &[&mark[..], &["--approvals", "1"]].concat());
    json(&["commands", "cancel", &hash, "--data", path, "--text", "a mistake"], 0);
    state(path, &hash, "cancelled");
    let late = ledger(&["commands", "approve", &hash, "--url", &service.url, "--token", token]);
    assert_eq!(late.status.code(), Some(1));
    // The agent's question is open, and keeps nobody from stopping; requests in general have ten seconds to end.
    std::thread::sleep(Duration::from_secs(2));
    let stopping = Instant::now();
    assert_eq!(service.terminate(), Some(0));
    assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
    drop(agent);
    verify(&data, &[]);
}

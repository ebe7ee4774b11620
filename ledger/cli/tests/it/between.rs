//! A service, an agent, and somebody between the two who may change what is delivered.

use crate::support::{Service, command, http, json, ledger, look_until};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

const POLICY: &str = r#"
[allow.apply-policy]
[allow.rotate-key]
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
pub(crate) enum Way {
    /// Nothing.
    #[default]
    Open,
    /// None gets through but these, with the checkpoint they are proved under.
    Only(Vec<Value>, String),
}

/// Somebody between agent and service.
#[derive(Debug, Clone)]
pub(crate) struct Between {
    pub(crate) service: Arc<Mutex<String>>,
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
    pub(crate) async fn start(service: &str) -> (Self, SocketAddr) {
        let service = Arc::new(Mutex::new(service.to_owned()));
        let between = Self { service, way: Arc::default(), client: http() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(carry).with_state(between.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (between, address)
    }

    pub(crate) fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }
}

pub(crate) struct Agent {
    pub(crate) child: Child,
    pub(crate) state: String,
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
    pub(crate) fn restart(&mut self) {
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
pub(crate) fn issue(data: &str, node: &str, more: &[&str]) -> (String, u64) {
    let issued = json(&[&["commands", "issue", "--data", data, node], more].concat(), 0);
    (issued["command"].as_str().unwrap().to_owned(), issued["seq"].as_u64().unwrap())
}

pub(crate) async fn get(service: &Service, path: &str) -> String {
    let token = std::fs::read_to_string(service.data.join("owner.token")).unwrap();
    let request = http().get(format!("{}{path}", service.url)).bearer_auth(token.trim());
    request.send().await.unwrap().text().await.unwrap()
}

/// An entry as commands are delivered, proved under a checkpoint of now.
pub(crate) async fn proved(service: &Service, seq: u64) -> (Value, String) {
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
pub(crate) fn refused(data: &str, hash: &str, code: &str) {
    let text = format!("{{\"code\":\"{code}\",\"command\":\"{hash}\",\"state\":\"refused\"}}");
    look_until(|| {
        let all =
            json(&["logs", "view", "--data", data, "--kind", "receipt", "--limit", "500", "-o", "json"], 0);
        let all = all.to_string();
        if all.contains(&text) { Ok(()) } else { Err(format!("no {text} in {all}")) }
    });
}

pub(crate) fn state(data: &str, hash: &str, wanted: &str) -> Value {
    look_until(|| {
        let shown = json(&["commands", "show", hash, "--data", data], 0)["command"].clone();
        if shown["state"] == wanted { Ok(shown) } else { Err(format!("{wanted}: {shown}")) }
    })
}

/// The command of the policy; it needs the parameter place.
pub(crate) const MARK: [&str; 3] = ["run", "--param", "template=mark"];

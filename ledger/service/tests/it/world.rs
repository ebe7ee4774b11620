//! A real ledger in a temporary directory behind a real service on loopback, and authors with keys.

use conformance::Document;
use ingest::Ingest;
use ledger::Ledger;
use ledger::clock::{Clock, SystemClock};
use ledger::durable::RealDisk;
use ledger::genesis::Plan;
use ledger::index::FjallRows;
use ledger::keyring::{self, Keyring};
use ledger::open::{self, Options};
use ledger::storage::{FsStorage, Storage};
use ledger::verify::{DiskSource, Verdict, verify_log};
use proofs::SigningKey;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::tasks::Tasks;
use service::{Codes, Composed};
use serving::Reads;
use serving::history::History;
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use spec::event::Payload;
use spec::payload::{node_possession_bytes, rotation_possession_bytes, token_hash};
use spec::{Author, ChainLink, Epoch, Event, Hash, Header, Kind, Name, Timestamp, Uuid, canonical};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use web::limits::Rate;
use web::{App, Config, Limits};

/// The machine's clocks, and what a test lets pass.
#[derive(Debug, Default)]
pub(crate) struct Steered {
    system: SystemClock,
    ahead_ms: AtomicU64,
}

impl Steered {
    /// Lets time pass.
    pub(crate) fn pass(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Steered {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.system.now().millis() + self.ahead_ms.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<Steered>,
    pub(crate) ledger: Ledger,
    pub(crate) app: App,
    /// With which somebody may sign in.
    pub(crate) codes: Codes,
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    admin: reqwest::Client,
    pub(crate) dir: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    /// Ends the folds when it becomes true.
    closed: watch::Sender<bool>,
    folds: tokio::task::JoinHandle<()>,
}

/// An answer, read to the end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    /// The operation that was asked for, by its id.
    pub(crate) operation: Option<String>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The problem code, after a look at the rest of the document.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        code.to_owned()
    }
}

impl World {
    /// With room for the many refusals that a test asks for from one address.
    pub(crate) async fn start() -> Self {
        let limits = Limits { address_failures: Rate { per_sec: 1000, burst: 10_000 }, ..Limits::default() };
        Self::with(Config { limits, ..Config::default() }).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::over(config, |storage| storage).await
    }

    /// With something between the ledger and its files.
    pub(crate) async fn over(
        config: Config,
        wrap: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Storage>,
    ) -> Self {
        Box::pin(Self::made(config, wrap)).await
    }

    async fn made(mut config: Config, wrap: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Storage>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        config.data_dir = Some(dir.path().to_owned());
        let clock = Arc::new(Steered::default());
        let ledger = ledger_in(dir.path().to_owned(), Arc::clone(&clock), wrap).await;
        let app = App::new(ledger.clone(), config);
        let (closed, has_closed) = watch::channel(false);
        let (reads, folds) = folded(&ledger, has_closed);
        let (ingest, tasks, codes) = (Ingest::new(30), Tasks::default(), Codes::default());
        let router =
            Composed { app: app.clone(), ingest, reads: Some(reads), tasks, codes: codes.clone() }.router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let socket = dir.path().join("admin.sock");
        let admin = UnixListener::bind(&socket).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = web::serve(app.clone(), router, vec![listener], Some(admin), async {
            let _ = stopped.await;
        });
        let server = Some(tokio::spawn(served));
        // Another crate of the workspace may ask for TLS; then there has to be a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || reqwest::Client::builder().tls_certs_only([]);
        let http = builder().build().unwrap();
        let admin = builder().unix_socket(socket).build().unwrap();
        Self { clock, ledger, app, codes, address, http, admin, dir, stop: Some(stop), server, closed, folds }
    }

    pub(crate) fn size(&self) -> u64 {
        self.ledger.head().borrow().size
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        send(with_token(self.request(Method::GET, path), token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        send(with_token(self.request(Method::POST, path), token).json(body)).await
    }

    pub(crate) async fn post_bytes(&self, path: &str, media: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(self.request(Method::POST, path).header("content-type", media).body(body)).await
    }

    /// Sends over the admin socket.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.admin.request(method, format!("http://admin{path}"));
        send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// A request over the admin socket.
    pub(crate) fn admin_request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.admin.request(method, format!("http://admin{path}"))
    }

    /// An API token.
    pub(crate) async fn token(&self, org: &str, role: &str) -> String {
        let body = json!({"org": org, "role": role, "label": "test"});
        let answer = self.admin(Method::POST, "/api/tokens", Some(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// An enrolment token.
    pub(crate) async fn enrolment(&self, org: &str, uses: u64) -> String {
        let path = format!("/api/orgs/{org}/nodes/enrollment-tokens");
        let answer = self.admin(Method::POST, &path, Some(&json!({"uses": uses, "tenant": "prod"}))).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A node that has joined an organisation.
    pub(crate) async fn node(&self, org: &str) -> Node {
        let token = self.enrolment(org, 1).await;
        let node = Node::new();
        let answer = self.post("/api/nodes/register", None, &node.registration(&token)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        node.enrolled(self, &answer.json())
    }

    /// Stops the service and the ledger and verifies every byte of it.
    pub(crate) async fn finish(mut self) {
        self.stop().await;
        let ledger = self.ledger.clone();
        tokio::task::spawn_blocking(move || ledger.close(true)).await.unwrap();
        self.closed.send_replace(true);
        self.folds.await.unwrap();
        let disk = RealDisk::existing(self.dir.path());
        let report = verify_log(&DiskSource(&disk), &ledger::verify::Options::default(), None, &mut |_| {});
        assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    }

    /// Stops the service; requests in progress are answered.
    pub(crate) async fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            server.await.unwrap().unwrap();
        }
    }

    /// Tells the service to stop without waiting for it.
    pub(crate) fn tell_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// Folds that follow a ledger until it is closed, and nothing else that a service does by itself.
fn folded(ledger: &Ledger, mut closed: watch::Receiver<bool>) -> (Reads, tokio::task::JoinHandle<()>) {
    let (live, reader, head) = (Live::new(), ledger.reader().clone(), ledger.head());
    let ladder = Arc::new(Ladder::open(&reader, Spacing::default()).unwrap());
    let history = Arc::new(History::new(reader.clone(), Arc::clone(&ladder)));
    let (following, runtime) = (Arc::clone(&live), tokio::runtime::Handle::current());
    let folds = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                followed = following.follow(reader, &ladder, head, &|| {}) => followed.unwrap(),
                _ = closed.wait_for(|closed| *closed) => {}
            }
        });
    });
    (Reads { live, history, ledger: ledger.clone() }, folds)
}

async fn ledger_in(
    dir: PathBuf,
    clock: Arc<Steered>,
    wrap: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Storage>,
) -> Ledger {
    let storage = wrap(Arc::new(FsStorage::new(Arc::new(RealDisk::new(&dir).unwrap())).unwrap()));
    let keys = Keyring::generate().unwrap();
    let plan = Plan {
        name: name("test"),
        keys: keys.clone(),
        recovery: vec![keyring::generate().unwrap()],
        threshold: 1,
        predecessor: None,
    };
    open::create(&*storage, &plan, clock.now()).await.unwrap();
    let rows = Arc::new(FjallRows::open(&dir.join("index")).unwrap());
    let options = Options::new(storage, rows, keys, clock);
    open::open(options).await.unwrap().0
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn with_token(request: reqwest::RequestBuilder, token: Option<&str>) -> reqwest::RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// The service's description of itself: every answer is held against it.
pub(crate) static DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::new(service::document()));

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    let media = headers.get("content-type").map(|media| media.to_str().unwrap()).unwrap_or_default();
    let answer = conformance::Answer {
        method: method.as_str(),
        path: &path,
        status: status.as_u16(),
        media,
        body: text.as_bytes(),
    };
    let checked = DOCUMENT.check(answer);
    let operation = checked.unwrap_or_else(|fault| panic!("{fault}: {text}"));
    Answer { status: status.as_u16(), headers, text, operation }
}

/// A node with its key and its chain.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) id: Uuid,
    pub(crate) key: SigningKey,
    pub(crate) org: Name,
    pub(crate) tenant: Option<Name>,
    pub(crate) ledger: Hash,
    pub(crate) link: ChainLink,
    pub(crate) now: Timestamp,
}

impl Node {
    pub(crate) fn new() -> Self {
        let link = ChainLink { epoch: Epoch(keyring::random().unwrap()), prev: Hash::ZERO, seq: 0 };
        Self {
            id: Uuid::v4(keyring::random().unwrap()),
            key: keyring::generate().unwrap(),
            org: name("none"),
            tenant: None,
            ledger: Hash::ZERO,
            link,
            now: Timestamp::default(),
        }
    }

    pub(crate) fn author(&self) -> Author {
        Author::Node(self.id)
    }

    pub(crate) fn registration(&self, token: &str) -> Value {
        let (ledger, secret) = token.strip_prefix("vm1.").unwrap().split_once('.').unwrap();
        let ledger = Hash::from_hex(ledger).unwrap();
        let hash = token_hash(&Hash::from_hex(secret).unwrap().0);
        let statement = node_possession_bytes(&self.author(), &self.key.public(), &ledger, &hash);
        json!({
            "author": self.author(), "key": self.key.public(), "pop": self.key.sign(&statement), "token": token,
            "hostname": "vault-01",
        })
    }

    pub(crate) fn enrolled(mut self, world: &World, answer: &Value) -> Self {
        self.org = name(answer["org"].as_str().unwrap());
        self.tenant = answer.get("tenant").map(|tenant| name(tenant.as_str().unwrap()));
        self.ledger = Hash::from_hex(answer["ledger"].as_str().unwrap()).unwrap();
        let record = canonical::to_vec(&answer["introduction"]["record"]).unwrap();
        let record = spec::Record::parse(std::str::from_utf8(&record).unwrap()).unwrap();
        self.link.prev = record.entry.header.event_hash(&record.entry.sig);
        self.now = world.ledger.now();
        self
    }

    /// Signs an event for the next place of the chain, without taking it.
    pub(crate) fn sign(&self, kind: Kind, payload: &Value) -> Event {
        let json = String::from_utf8(canonical::to_vec(payload).unwrap()).unwrap();
        let payload = Payload { json: json.into(), salt: Hash(keyring::random().unwrap()) };
        let header = Header {
            author: self.author(),
            chain: Some(self.link),
            id: Uuid::v7(self.now, keyring::random().unwrap()),
            key: self.key.public(),
            kind,
            ledger: self.ledger,
            node_id: None,
            org: self.org.clone(),
            payload_hash: payload.hash(),
            payload_version: 1,
            severity: None,
            tenant: self.tenant.clone(),
            ts: self.now,
            via: None,
        };
        self.resign(Event { header, sig: spec::Signature([0; 64]), payload })
    }

    /// Signs an event anew after a change.
    pub(crate) fn resign(&self, mut event: Event) -> Event {
        event.header.payload_hash = event.payload.hash();
        event.sig = self.key.sign(&event.header.signing_bytes());
        event
    }

    /// Signs an event and takes its place.
    pub(crate) fn next(&mut self, kind: Kind, payload: &Value) -> Event {
        let event = self.sign(kind, payload);
        self.advance(&event);
        event
    }

    pub(crate) fn advance(&mut self, event: &Event) {
        self.link = ChainLink { prev: event.hash(), seq: self.link.seq + 1, ..self.link };
    }

    pub(crate) fn note(&mut self, text: &str) -> Event {
        self.next(Kind::Note, &json!({"text": text}))
    }

    /// Goes over to a new key: the event that says so, and the node as it was.
    pub(crate) fn rotate(&mut self) -> (Event, Self) {
        let (key, old) = (keyring::generate().unwrap(), self.key.public());
        let statement = rotation_possession_bytes(&self.author(), &key.public(), &self.ledger, &old);
        let payload = json!({"key": key.public(), "pop": key.sign(&statement), "replaces": old});
        let event = self.sign(Kind::KeyRotation, &payload);
        let (id, org, tenant) = (self.id, self.org.clone(), self.tenant.clone());
        let link = ChainLink { epoch: Epoch(keyring::random().unwrap()), prev: event.hash(), seq: 0 };
        let new = Self { id, key, org, tenant, ledger: self.ledger, link, now: self.now };
        (event, std::mem::replace(self, new))
    }

    pub(crate) fn heartbeat_payload(&self) -> Value {
        json!({
            "node_id": self.id, "hostname": "vault-01", "os_profile": "ArchVault", "cloudflare_ok": true,
            "services_ok": true, "vaultmesh_root": "/var/lib/vaultmesh", "timestamp": self.now,
        })
    }

    pub(crate) fn heartbeat(&mut self) -> Event {
        self.next(Kind::Heartbeat, &self.heartbeat_payload())
    }

    /// A JWT for a body, with claims to be changed.
    pub(crate) fn jwt(&self, body: &[u8], change: impl FnOnce(&mut Value, &mut Value)) -> String {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let issued_at = self.now.secs();
        let mut header = json!({"alg": "EdDSA", "kid": self.key.public(), "typ": "JWT"});
        let mut claims = json!({
            "iss": self.author(), "aud": self.ledger, "iat": issued_at, "exp": issued_at + 60,
            "body": blake3::hash(body).to_hex().as_str(),
        });
        change(&mut header, &mut claims);
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).0))
    }
}

pub(crate) fn ndjson(events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        out.extend_from_slice(&event.to_canonical());
        out.push(b'\n');
    }
    out
}

//! A ledger in a directory, and nodes that sign real heartbeats.

use ledger::clock::{Clock as _, SystemClock};
use ledger::durable::RealDisk;
use ledger::genesis::Plan;
use ledger::index::{FjallRows, MemoryRows, Rows};
use ledger::keyring::Keyring;
use ledger::open::Options;
use ledger::service::Draft as ServiceDraft;
use ledger::storage::FsStorage;
use ledger::{AppendOptions, Appended, Ledger, Outcome};
use proofs::SigningKey;
use spec::payload::{Heartbeat, Reading, node_possession_bytes, token_hash};
use spec::{Author, Event, Kind, Name, Timestamp, Uuid, Via};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vaultmesh_agent::chain::author::{ChainAuthor, Credentials, Draft};
use vaultmesh_agent::entropy::{Entropy as _, SystemEntropy};

/// Nodes of a world that nobody asked more of.
pub(crate) const NODES: usize = 16;

/// A ledger with enrolled nodes.
pub(crate) struct World {
    /// `None` while it is closed.
    ledger: Option<Ledger>,
    nodes: Vec<ChainAuthor>,
    keys: Keyring,
    dir: PathBuf,
    /// Deletes the directory, unless it is somebody's own.
    _scratch: Option<tempfile::TempDir>,
}

/// A directory on the file system that holds the checkout; the system's own may be memory.
pub(crate) fn scratch() -> tempfile::TempDir {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp");
    std::fs::create_dir_all(&dir).unwrap();
    tempfile::tempdir_in(dir).unwrap()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

pub(crate) fn now() -> Timestamp {
    SystemClock::default().now()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

impl World {
    pub(crate) async fn new(nodes: usize) -> Self {
        let scratch = scratch();
        let world = Self::begun(scratch.path(), nodes).await;
        Self { _scratch: Some(scratch), ..world }
    }

    /// A world in a directory that stays, with its keys, for [`World::again`].
    pub(crate) async fn begun(dir: &Path, nodes: usize) -> Self {
        let keys = Keyring::generate().unwrap();
        let storage = FsStorage::new(Arc::new(RealDisk::new(dir).unwrap())).unwrap();
        let plan = Plan {
            name: name("bench.local"),
            keys: keys.clone(),
            recovery: vec![SigningKey::from_seed(&[1; 32])],
            threshold: 1,
            predecessor: None,
        };
        ledger::open::create(&storage, &plan, now()).await.unwrap();
        keys.store(dir).unwrap();
        let ledger = open(dir, &keys, true).await;
        let nodes = enrol(&ledger, nodes).await;
        Self { ledger: Some(ledger), nodes, keys, dir: dir.to_owned(), _scratch: None }
    }

    /// A world that an earlier run left in a directory. Its nodes say nothing more.
    pub(crate) async fn again(dir: &Path) -> Self {
        let keys = Keyring::load(dir).unwrap();
        let ledger = open(dir, &keys, true).await;
        Self { ledger: Some(ledger), nodes: Vec::new(), keys, dir: dir.to_owned(), _scratch: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Opens the closed ledger again, with its index or with none.
    pub(crate) async fn reopen(&mut self, indexed: bool) {
        self.ledger = Some(open(&self.dir, &self.keys, indexed).await);
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("the ledger is open")
    }

    /// Closes the ledger and lets go of its files.
    pub(crate) fn close(&mut self, seal: bool) {
        if let Some(ledger) = self.ledger.take() {
            ledger.close(seal);
        }
    }

    /// Appends the next `count` heartbeats, a batch after the other, each shown first.
    pub(crate) fn fill(&mut self, count: usize, mut show: impl FnMut(&[Event])) {
        let runtime = runtime();
        let mut left = count;
        while left > 0 {
            let batch = self.heartbeats(left.min(4000));
            left -= batch.len();
            show(&batch);
            recorded(&runtime.block_on(self.ledger().append(batch, AppendOptions::default())).unwrap());
        }
    }

    /// The next `count` heartbeats, node after node in turn, signed on all cores.
    pub(crate) fn heartbeats(&mut self, count: usize) -> Vec<Event> {
        let mut runs: Vec<_> = self.signed(count).into_iter().map(Vec::into_iter).collect();
        let longest = runs.iter().map(ExactSizeIterator::len).max().unwrap_or_default();
        (0..longest).flat_map(|_| runs.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()).collect()
    }

    /// The next `each` heartbeats of every node.
    pub(crate) fn by_node(&mut self, each: usize) -> Vec<Vec<Event>> {
        self.signed(each * self.nodes.len())
    }

    /// The next `count` heartbeats by node, as evenly as they go.
    fn signed(&mut self, count: usize) -> Vec<Vec<Event>> {
        let ts = now();
        let (each, more) = (count / self.nodes.len(), count % self.nodes.len());
        let mut jobs: Vec<_> =
            self.nodes.iter_mut().enumerate().map(|(i, node)| (node, each + usize::from(i < more))).collect();
        let share = jobs.len().div_ceil(crate::report::cores());
        std::thread::scope(|scope| {
            let sign = |jobs: &mut [(&mut ChainAuthor, usize)]| -> Vec<Vec<Event>> {
                jobs.iter_mut().map(|(node, count)| beats(node, *count, ts)).collect()
            };
            let threads: Vec<_> =
                jobs.chunks_mut(share).map(|jobs| scope.spawn(move || sign(jobs))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }
}

async fn open(dir: &Path, keys: &Keyring, indexed: bool) -> Ledger {
    let rows: Arc<dyn Rows> = if indexed {
        Arc::new(FjallRows::open(&dir.join("index")).unwrap())
    } else {
        Arc::new(MemoryRows::default())
    };
    let storage = Arc::new(FsStorage::new(Arc::new(RealDisk::new(dir).unwrap())).unwrap());
    let options = Options::new(storage, rows, keys.clone(), Arc::new(SystemClock::default()));
    ledger::open::open(options).await.unwrap().0
}

/// Enrols nodes as the service does: a token, then an introduction for each key.
async fn enrol(ledger: &Ledger, count: usize) -> Vec<ChainAuthor> {
    let mut entropy = SystemEntropy;
    let secret = entropy.salt().unwrap().0;
    let token = token_hash(&secret);
    let org = name("acme");
    let draft = |author: &str, via: &str, kind, payload| ServiceDraft {
        author: Author::Service(name(author)),
        via: Via { method: name(via), subject: None },
        kind,
        org: org.clone(),
        tenant: None,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload,
    };
    let expires = Timestamp::from_millis(now().millis() + 86_400_000);
    let enrolment = serde_json::json!({"action": "create", "expires_at": expires, "org": org,
        "token": token, "uses": count});
    let mut events = vec![ledger.sign(&draft("admin", "admin", Kind::Enrolment, enrolment)).unwrap()];
    let mut nodes = Vec::new();
    for _ in 0..count {
        let key = SigningKey::from_seed(&entropy.salt().unwrap().0);
        let mut id = [0; 16];
        entropy.fill(&mut id).unwrap();
        let author = Author::Node(Uuid::v4(id));
        let pop = key.sign(&node_possession_bytes(&author, &key.public(), &ledger.id(), &token));
        let payload = serde_json::json!({"author": author, "key": key.public(), "pop": pop,
            "token": token, "use": "node"});
        let event = ledger.sign(&draft("ingest", "enrolment", Kind::Key, payload)).unwrap();
        let introduction = event.hash();
        events.push(event);
        let who =
            Credentials { key, author, org: org.clone(), tenant: None, ledger: ledger.id(), introduction };
        nodes.push(ChainAuthor::new(who, entropy.epoch().unwrap()));
    }
    recorded(&ledger.append_own(events, AppendOptions::default()).await.unwrap());
    nodes
}

/// A benchmark of refusals would be a fast one.
#[track_caller]
pub(crate) fn recorded(appended: &Appended) {
    for outcome in &appended.outcomes {
        assert!(matches!(outcome, Outcome::Recorded(r) if !r.duplicate), "{outcome:?}");
    }
}

fn beats(node: &mut ChainAuthor, count: usize, ts: Timestamp) -> Vec<Event> {
    let Author::Node(id) = node.credentials().author else { panic!("not a node") };
    (0..count)
        .map(|_| {
            let n = node.next_link().seq;
            let draft = Draft::new(Kind::Heartbeat, &heartbeat(id, n, ts), ts, &mut SystemEntropy).unwrap();
            node.next_event(draft)
        })
        .collect()
}

/// What an agent on a real machine says, with numbers that change.
pub(crate) fn heartbeat(id: Uuid, n: u64, ts: Timestamp) -> Heartbeat {
    let known = |value: u64| Some(Reading::Known(value));
    let seven = serde_json::json!({
        "node_id": id, "hostname": "vault-node-01", "os_profile": "DebianVault", "cloudflare_ok": true,
        "services_ok": !n.is_multiple_of(17), "vaultmesh_root": "/var/lib/vaultmesh", "timestamp": ts,
    });
    Heartbeat {
        agent_version: Some("0.1.0".to_owned()),
        clock_offset_ms: Some(Reading::Known(3)),
        disk_total_bytes: known(270_553_735_168),
        disk_available_bytes: known(81_604_378_624 - n * 4096),
        interval_secs: Some(30),
        kernel_version: Some("6.1.0-44-amd64".to_owned()),
        load1_milli: known(120 + n % 900),
        memory_total_bytes: known(25_769_803_776),
        memory_available_bytes: known(17_179_869_184 - n * 512),
        spool_depth: Some(0),
        uptime_secs: known(86_400 + n * 30),
        ..Heartbeat::read(&seven.to_string()).expect("a heartbeat of seven fields")
    }
}

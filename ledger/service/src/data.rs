//! A data directory: what lies where, and how a ledger is made and opened in it.

use crate::failure::Failure;
use ledger::Ledger;
use ledger::clock::{Clock as _, SystemClock};
use ledger::durable::{self, RealDisk};
use ledger::genesis::Plan;
use ledger::index::{FjallRows, Rows};
use ledger::keyring::{self, Keyring};
use ledger::open::{self, Anchor, Digests, OpenReport, Options};
use ledger::service::Draft;
use ledger::storage::{FsStorage, Storage};
use ledger::{AppendOptions, Outcome};
use spec::payload::{Role, Token, token_hash};
use spec::{Author, Hash, Kind, Name, Uuid, Via};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Version that starts and stops are recorded with.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A data directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// What `init` has to say.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Made {
    pub(crate) origin: String,
    pub(crate) ledger_id: Hash,
    pub(crate) log_vkey: String,
    pub(crate) owner_token_file: PathBuf,
    pub(crate) recovery_key_file: PathBuf,
}

/// How a ledger is opened.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    /// Whether starts and stops are recorded.
    pub(crate) as_service: bool,
    /// Time between seals.
    pub(crate) seal_every: Option<Duration>,
    /// Whether a missing `ROOT.txt` is written anew.
    pub(crate) rebuild_root: bool,
    /// Checkpoints that the log must reach and agree with.
    pub(crate) anchors: Vec<Anchor>,
    /// What seals say of the folds.
    pub(crate) digests: Option<Arc<dyn Digests>>,
}

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    pub(crate) fn owner_token_file(&self) -> PathBuf {
        self.0.join("owner.token")
    }

    pub(crate) fn recovery_key_file(&self) -> PathBuf {
        self.0.join("recovery.key")
    }

    /// Whether entries lie here.
    pub(crate) fn has_ledger(&self) -> bool {
        self.0.join("log").read_dir().is_ok_and(|mut entries| entries.next().is_some())
    }

    /// The disk, to be read beside a running service.
    pub(crate) fn disk(&self) -> RealDisk {
        RealDisk::existing(&self.0)
    }

    /// Makes keys, entry 0 and the owner token.
    pub(crate) async fn init(&self, name: &Name) -> Result<Made, Failure> {
        if self.has_ledger() {
            return Err(Failure::usage(format!("{} holds a ledger already", self.0.display())));
        }
        let named = |e: std::io::Error| Failure::io(format!("{}: {e}", self.0.display()));
        let disk = RealDisk::new(&self.0).map_err(named)?;
        let lock = self.lock()?;
        let keys = Keyring::generate()?;
        keys.store(&self.0).map_err(|e| Failure::io(format!("{}/keys: {e}", self.0.display())))?;
        let recovery = keyring::generate()?;
        let recovery_key_file = self.recovery_key_file();
        keyring::store_key(&recovery_key_file, &recovery)
            .map_err(|e| Failure::io(format!("{}: {e}", recovery_key_file.display())))?;
        let storage = FsStorage::new(Arc::new(disk))?;
        let plan =
            Plan { name: name.clone(), keys, recovery: vec![recovery], threshold: 1, predecessor: None };
        open::create(&storage, &plan, SystemClock::default().now()).await?;
        drop(lock);
        let (ledger, _) = self.open(Manner::default()).await?;
        let token = make_token(&ledger, "ledger", Role::OrgOwner, "made by init").await;
        let made = Made {
            origin: ledger.origin().to_owned(),
            ledger_id: ledger.id(),
            log_vkey: ledger.log_vkey(),
            owner_token_file: self.owner_token_file(),
            recovery_key_file,
        };
        close(ledger, false).await;
        let file = self.owner_token_file();
        durable::write_secret(&file, &format!("{}\n", token?))
            .map_err(|e| Failure::io(format!("{}: {e}", file.display())))?;
        Ok(made)
    }

    /// Opens the ledger for writing.
    pub(crate) async fn open(&self, manner: Manner) -> Result<(Ledger, OpenReport), Failure> {
        if !self.has_ledger() {
            let path = self.0.display();
            return Err(Failure::usage(format!(
                "no ledger in {path}; make one with `ledger init --data {path}`"
            )));
        }
        let lock = self.lock()?;
        let keys = Keyring::load(&self.0).map_err(Failure::io)?;
        let storage: Arc<dyn Storage> = Arc::new(FsStorage::new(Arc::new(RealDisk::new(&self.0)?))?);
        let rows: Arc<dyn Rows> = Arc::new(FjallRows::open(&self.0.join("index")).map_err(|e| {
            Failure::io(format!("{e}; if the index is damaged, `ledger reindex` builds it anew from the log"))
        })?);
        let options = Options {
            storage,
            rows,
            keys,
            clock: Arc::new(SystemClock::default()),
            service_version: manner.as_service.then(|| VERSION.to_owned()),
            seal_every: manner.seal_every,
            rebuild_root: manner.rebuild_root,
            anchors: manner.anchors,
            digests: manner.digests,
            lock: Some(lock),
        };
        Ok(open::open(options).await?)
    }

    /// Takes the writer's lock.
    pub(crate) fn lock(&self) -> Result<durable::DirLock, Failure> {
        let path = self.0.display();
        durable::lock(&self.0).map_err(|e| Failure::io(format!("{path}/lock: {e}")))?.ok_or_else(|| {
            Failure::io(format!("another process has the ledger in {path} open; stop it, or use --url"))
        })
    }

    /// The owner token made by init.
    pub(crate) fn owner_token(&self) -> Option<String> {
        std::fs::read_to_string(self.owner_token_file()).ok().map(|text| text.trim().to_owned())
    }
}

/// Closes a ledger off the asynchronous threads: it waits for its own.
pub(crate) async fn close(ledger: Ledger, seal: bool) {
    if tokio::task::spawn_blocking(move || ledger.close(seal)).await.is_err() {
        tracing::error!("closing the ledger panicked");
    }
}

async fn make_token(ledger: &Ledger, org: &str, role: Role, label: &str) -> Result<String, Failure> {
    let secret: [u8; 32] = keyring::random()?;
    let id = Uuid::v4(keyring::random()?);
    let name = |text: &str| text.parse::<Name>().map_err(Failure::io);
    let payload = Token::Create {
        expires_at: None,
        id,
        label: label.to_owned(),
        org: name(org)?,
        role,
        secret: token_hash(&secret),
    };
    let draft = Draft {
        author: Author::Service(name("admin")?),
        via: Via { method: name("admin")?, subject: None },
        kind: Kind::Token,
        org: name(org)?,
        tenant: None,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload: serde_json::to_value(&payload).map_err(Failure::io)?,
    };
    let event = ledger.sign(&draft).map_err(Failure::refused)?;
    let appended = ledger.append_own(vec![event], AppendOptions::default()).await.map_err(Failure::io)?;
    match appended.outcomes.first() {
        Some(Outcome::Recorded(_)) => Ok(format!("vmt1.{id}.{}", Hash(secret).to_hex())),
        Some(Outcome::Refused { refused, .. }) => Err(Failure::refused(&refused.detail)),
        None => Err(Failure::io("no answer")),
    }
}

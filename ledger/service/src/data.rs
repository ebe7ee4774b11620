//! A data directory: what lies where, and how a ledger is made and opened in it.

use ledger::Ledger;
use ledger::clock::{Clock as _, SystemClock};
use ledger::durable::{self, RealDisk};
use ledger::genesis::Plan;
use ledger::index::{FjallRows, MemoryRows, RowError, Rows};
use ledger::keyring::{self, Keyring};
use ledger::open::{self, Anchor, Digests, OpenError, OpenReport, Options, SetBackKeys};
use ledger::service::Draft;
use ledger::space::Room;
use ledger::storage::{FsStorage, Storage};
use ledger::{AppendOptions, Outcome};
use spec::payload::{Predecessor, Role, Token, token_hash};
use spec::{Author, Hash, Kind, Name, Uuid, Via};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Version that starts and stops are recorded with.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A data directory.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// A ledger that was made.
#[derive(Debug, serde::Serialize)]
pub struct Made {
    /// Its name in checkpoints.
    pub origin: String,
    /// Its id.
    pub ledger_id: Hash,
    /// The key of its checkpoints, as notes are verified with it.
    pub log_vkey: String,
    /// Where the owner's token lies.
    pub owner_token_file: PathBuf,
    /// Where the recovery key lies.
    pub recovery_key_file: PathBuf,
}

/// The reason why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no ledger in it.
    #[error("no ledger in {0}; make one with `ledger init --data {0}`")]
    NoLedger(PathBuf),
    /// There is one already.
    #[error("{0} holds a ledger already")]
    Exists(PathBuf),
    /// Another process has it open.
    #[error("another process has the ledger in {0} open; stop it, or use --url")]
    Locked(PathBuf),
    /// A file of it cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system would not do something else.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The index cannot be opened.
    #[error("{0}; if the index is damaged, `ledger reindex` builds it anew from the log")]
    Index(#[from] RowError),
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The owner's token could not be made.
    #[error("the owner's token: {0}")]
    Token(String),
}

fn at(path: PathBuf) -> impl FnOnce(io::Error) -> DataError {
    move |source| DataError::File { path, source }
}

/// The way in which a ledger is opened.
#[derive(Debug, Default)]
pub struct Manner {
    /// Whether starts and stops are recorded.
    pub as_service: bool,
    /// Seconds between the heartbeats that nodes are asked for, recorded with a start.
    pub heartbeat_secs: Option<u64>,
    /// Time between seals.
    pub seal_every: Option<Duration>,
    /// Whether a missing `ROOT.txt` is written anew.
    pub rebuild_root: bool,
    /// Whether a clock far ahead of the last entry is believed.
    pub accept_clock: bool,
    /// Recovery keys under which the clock is set back.
    pub set_back: Option<SetBackKeys>,
    /// Checkpoints that the log must reach and agree with.
    pub anchors: Vec<Anchor>,
    /// What seals say of the folds.
    pub digests: Option<Arc<dyn Digests>>,
}

impl DataDir {
    /// The one at a path.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its admin socket.
    pub fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    /// The file with the owner's token.
    pub fn owner_token_file(&self) -> PathBuf {
        self.0.join("owner.token")
    }

    /// The file with the recovery key.
    pub fn recovery_key_file(&self) -> PathBuf {
        self.0.join("recovery.key")
    }

    /// Whether entries lie here.
    pub fn has_ledger(&self) -> bool {
        self.0.join("log").read_dir().is_ok_and(|mut entries| entries.next().is_some())
    }

    /// What an operator should know of how the directory lies: who else may read it, and a recovery key that was left
    /// where a thief of the other keys finds it too.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let open = self.open_to_others();
        if let Some(first) = open.first() {
            warnings.push(format!(
                "others may read or write {} and {} more in {}: `chmod -R go= {}`",
                first.display(),
                open.len() - 1,
                self.0.display(),
                self.0.display()
            ));
        }
        let recovery = self.recovery_key_file();
        if recovery.exists() {
            warnings.push(format!(
                "{} lies beside the keys that it replaces: whoever takes them has it too. Move it to another machine.",
                recovery.display()
            ));
        }
        warnings
    }

    /// The directory, and what lies in it and in its folders, as far as others than its owner may get at it.
    fn open_to_others(&self) -> Vec<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let list = |dir: &Path| -> Vec<PathBuf> {
            dir.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
        };
        let top = list(&self.0);
        let within = top.iter().flat_map(|path| list(path)).collect::<Vec<_>>();
        let all = std::iter::once(self.0.clone()).chain(top).chain(within);
        let is_open = |path: &PathBuf| {
            path.symlink_metadata().is_ok_and(|m| !m.is_symlink() && m.permissions().mode() & 0o077 != 0)
        };
        all.filter(is_open).collect()
    }

    /// The disk, to be read beside a running service.
    pub fn disk(&self) -> RealDisk {
        RealDisk::existing(&self.0)
    }

    /// Makes keys, entry 0 and the owner token.
    pub async fn init(&self, name: &Name) -> Result<Made, DataError> {
        self.init_after(name, None).await
    }

    /// The same for a ledger that follows one that was lost.
    pub async fn init_after(&self, name: &Name, predecessor: Option<Predecessor>) -> Result<Made, DataError> {
        if self.has_ledger() {
            return Err(DataError::Exists(self.0.clone()));
        }
        let disk = RealDisk::new(&self.0).map_err(at(self.0.clone()))?;
        let lock = self.lock()?;
        let keys = Keyring::generate()?;
        keys.store(&self.0).map_err(at(self.0.join("keys")))?;
        let recovery = keyring::generate()?;
        let recovery_key_file = self.recovery_key_file();
        keyring::store_key(&recovery_key_file, &recovery).map_err(at(recovery_key_file.clone()))?;
        let storage = FsStorage::new(Arc::new(disk))?;
        let plan = Plan { name: name.clone(), keys, recovery: vec![recovery], threshold: 1, predecessor };
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
        durable::write_secret(&file, &format!("{}\n", token?)).map_err(at(file))?;
        Ok(made)
    }

    /// Opens the ledger for writing.
    pub async fn open(&self, manner: Manner) -> Result<(Ledger, OpenReport), DataError> {
        if !self.has_ledger() {
            return Err(DataError::NoLedger(self.0.clone()));
        }
        let lock = self.lock()?;
        let keys = Keyring::load(&self.0)?;
        let storage: Arc<dyn Storage> = Arc::new(FsStorage::new(Arc::new(RealDisk::new(&self.0)?))?);
        let rows = self.rows(&*storage)?;
        let options = Options {
            storage,
            rows,
            keys,
            clock: Arc::new(SystemClock::default()),
            service_version: manner.as_service.then(|| VERSION.to_owned()),
            heartbeat_secs: manner.heartbeat_secs,
            seal_every: manner.seal_every,
            rebuild_root: manner.rebuild_root,
            accept_clock: manner.accept_clock,
            set_back: manner.set_back,
            anchors: manner.anchors,
            digests: manner.digests,
            lock: Some(lock),
        };
        Ok(open::open(options).await?)
    }

    /// The index. One that a full disk has no room for is kept in memory, and made of the log.
    fn rows(&self, storage: &dyn Storage) -> Result<Arc<dyn Rows>, DataError> {
        match FjallRows::open(&self.0.join("index")) {
            Ok(rows) => Ok(Arc::new(rows)),
            Err(error) if storage.space().is_some_and(|space| space.room(Room::Enough) == Room::Gone) => {
                tracing::warn!(%error, "the disk is full: the index is kept in memory");
                Ok(Arc::new(MemoryRows::default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the writer's lock.
    pub fn lock(&self) -> Result<durable::DirLock, DataError> {
        let lock = durable::lock(&self.0).map_err(at(self.0.join("lock")))?;
        lock.ok_or_else(|| DataError::Locked(self.0.clone()))
    }

    /// The owner token made by init.
    pub fn owner_token(&self) -> Option<String> {
        std::fs::read_to_string(self.owner_token_file()).ok().map(|text| text.trim().to_owned())
    }
}

/// Closes a ledger off the asynchronous threads: it waits for its own.
pub async fn close(ledger: Ledger, seal: bool) {
    if tokio::task::spawn_blocking(move || ledger.close(seal)).await.is_err() {
        tracing::error!("closing the ledger panicked");
    }
}

async fn make_token(ledger: &Ledger, org: &str, role: Role, label: &str) -> Result<String, DataError> {
    let secret: [u8; 32] = keyring::random()?;
    let id = Uuid::v4(keyring::random()?);
    let other = |error: &dyn std::fmt::Display| DataError::Token(error.to_string());
    let name = |text: &str| text.parse::<Name>().map_err(|error| other(&error));
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
        payload: serde_json::to_value(&payload).map_err(|error| other(&error))?,
    };
    let event = ledger.sign(&draft).map_err(|error| other(&error))?;
    let appended = ledger.append_own(vec![event], AppendOptions::default()).await;
    match appended.map_err(|error| other(&error))?.outcomes.first() {
        Some(Outcome::Recorded(_)) => Ok(format!("vmt1.{id}.{}", Hash(secret).to_hex())),
        Some(Outcome::Refused { refused, .. }) => Err(other(&refused.detail)),
        None => Err(other(&"no answer")),
    }
}

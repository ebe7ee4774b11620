//! A witness: it follows a ledger's checkpoints, and puts its name under those that extend what it has seen.
//!
//! ```text
//! witness.key    {"format":"vaultmesh-witness-key-v1","name":"…","seed":"<64 hex>"}          mode 0600
//! witness.json   the checkpoint that was signed last, in the form of checkpoint.json
//! ```
//!
//! What is about to be signed is on the disk before the signature exists, so that no crash lets it sign two histories.
//! The key is of no use without that memory: a witness that has lost it makes a new key.

use super::authority::Authority;
use super::following::{self, Followed, follow, shown};
use super::memory::{Memory, MemoryError, OwnEntry};
use super::unproven::{Disagreement, Unproven, read};
use crate::backoff::{self, Backoff};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::durable;
use crate::entropy::{Entropy, SystemEntropy};
use crate::network::{Network, Request};
use proofs::checkpoint::cosign;
use proofs::note::Note;
use proofs::{Checkpoint, SigningKey};
use serde::{Deserialize, Serialize};
use spec::payload::{WitnessKey, witness_possession_bytes};
use spec::{Hash, Name, Timestamp, canonical};
use std::io;
use std::time::Duration;

/// The key.
pub const WITNESS_KEY_FILE: &str = "witness.key";

/// What was signed last.
pub const WITNESS_FILE: &str = "witness.json";

/// What stands in [`WITNESS_FILE`] before anything was signed.
const NOTHING_YET: &[u8] = b"{}\n";

const FORMAT: &str = "vaultmesh-witness-key-v1";
const MAX_KEY_BYTES: usize = 4096;

/// Seconds for which the service is asked to hold its answer.
pub const WAIT_SECS: u64 = 25;

/// Least time between two rounds: a service that does not hold its answer is not asked over and over.
const PAUSE: Duration = Duration::from_millis(250);

/// The identity of a witness.
#[derive(Debug, Clone)]
pub struct WitnessIdentity {
    /// The name under which it signs.
    pub name: Name,
    /// Its key.
    pub key: SigningKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: String,
    name: Name,
    seed: Hash,
}

/// The reason why there is no witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file cannot be read or written.
    #[error("{WITNESS_KEY_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The key file is not what was written.
    #[error(
        "{WITNESS_KEY_FILE} is damaged; restore it, or remove it with {WITNESS_FILE} and have a new key named"
    )]
    Damaged,
    /// What was signed is not known any more.
    #[error(
        "{WITNESS_FILE} is missing beside {WITNESS_KEY_FILE}: what was signed is not known any more; remove the key \
         and have a new one named"
    )]
    NoMemory,
    /// What was signed cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl WitnessIdentity {
    /// Reads the witness's key; makes one under this name if there is none.
    pub fn load_or_make(
        disk: &impl Disk,
        name: &Name,
        entropy: &mut impl Entropy,
    ) -> Result<Self, WitnessError> {
        if let Some(identity) = Self::load(disk)? {
            return Ok(identity);
        }
        let key = SigningKey::from_seed(&entropy.salt()?.0);
        let file = KeyFile { format: FORMAT.to_owned(), name: name.clone(), seed: Hash(*key.seed()) };
        let mut bytes = canonical::to_vec(&file).map_err(|_| WitnessError::Damaged)?;
        bytes.push(b'\n');
        // The memory first: a key that is there has one.
        durable::replace(disk, WITNESS_FILE, NOTHING_YET)?;
        durable::create(disk, WITNESS_KEY_FILE, &bytes)?;
        Ok(Self { name: name.clone(), key })
    }

    /// Reads the witness's key; `None` if none was made.
    pub fn load(disk: &impl Disk) -> Result<Option<Self>, WitnessError> {
        let Some(bytes) = durable::read(disk, WITNESS_KEY_FILE, MAX_KEY_BYTES)? else { return Ok(None) };
        // What is wrong is said without quoting a byte of the file.
        let file: KeyFile = serde_json::from_slice(&bytes).map_err(|_| WitnessError::Damaged)?;
        if file.format != FORMAT {
            return Err(WitnessError::Damaged);
        }
        if disk.len(WITNESS_FILE)?.is_none() {
            return Err(WitnessError::NoMemory);
        }
        Ok(Some(Self { name: file.name, key: SigningKey::from_seed(&file.seed.0) }))
    }

    /// What it says of itself to a ledger that is to name it.
    pub fn introduction(&self, ledger: &Hash) -> WitnessKey {
        let key = self.key.public();
        let pop = self.key.sign(&witness_possession_bytes(&key, ledger, &self.name));
        WitnessKey { key, name: self.name.clone(), pop }
    }
}

/// The outcome of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// The checkpoint of this size carries its name now: so many do, of so many that it takes.
    Signed {
        /// Its size.
        size: u64,
        /// Who has signed.
        cosigned: u64,
        /// How many it takes.
        quorum: u64,
    },
    /// It follows, but the ledger has not named it; the size it has seen.
    Watched(u64),
    /// There was nothing new.
    Nothing,
    /// That could not be told or done now.
    Later(String),
}

/// Two things the ledger signed cannot both be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger contradicts itself: {how}")]
pub struct Caught {
    /// In what way.
    pub how: Disagreement,
}

#[derive(Deserialize)]
struct Offered {
    checkpoint: String,
    authority: u64,
}

#[derive(Deserialize)]
struct Progress {
    size: u64,
    cosigned: u64,
    quorum: u64,
}

/// A witness at work.
#[derive(Debug)]
pub struct Witness<D> {
    disk: D,
    identity: WitnessIdentity,
    authority: Authority,
    memory: Option<Memory>,
    /// Whether the service has the signature under what is remembered.
    told: bool,
}

impl<D: Disk> Witness<D> {
    /// Takes up what was signed last.
    pub fn open(disk: D, identity: WitnessIdentity, authority: Authority) -> Result<Self, WitnessError> {
        let begun = durable::read(&disk, WITNESS_FILE, MAX_KEY_BYTES);
        let memory = match begun {
            Ok(Some(bytes)) if bytes == NOTHING_YET => None,
            _ => Some(Memory::load(&disk, WITNESS_FILE, &authority)?.ok_or(WitnessError::NoMemory)?),
        };
        Ok(Self { disk, identity, authority, memory, told: false })
    }

    /// The authority as far as it is known, to be asked for by whoever pins a ledger id alone.
    ///
    /// # Errors
    /// The service does not answer, or what it says is not the authority of this ledger.
    pub async fn authority_of(ledger: &Hash, network: &impl Network) -> Result<Authority, Unproven> {
        following::authority_of(ledger, network).await
    }

    /// The size that was signed last.
    pub fn signed_size(&self) -> Option<u64> {
        self.memory.as_ref().map(|memory| memory.checkpoint.size)
    }

    /// Whether the newest witness set names this key.
    pub fn is_named(&self) -> bool {
        let key = self.identity.key.public();
        self.authority.witnesses().is_some_and(|set| set.witnesses.iter().any(|named| named.key == key))
    }

    /// Witnesses until the ledger is caught; tells of every round. Dropping the future at any point loses nothing.
    pub async fn run(
        &mut self,
        network: &impl Network,
        clock: &impl Clock,
        mut tell: impl FnMut(&Round),
    ) -> Caught {
        let mut backoff = Backoff::default();
        let mut entropy = SystemEntropy;
        loop {
            let asked_at = clock.now().steady;
            let round = match self.round(network, WAIT_SECS, || clock.now().wall).await {
                Ok(round) => round,
                Err(caught) => return caught,
            };
            tell(&round);
            let pause = if let Round::Later(_) = round {
                backoff.fail(None, &mut entropy).unwrap_or(backoff::CAP)
            } else {
                backoff.succeed();
                PAUSE
            };
            clock.sleep_until((asked_at + PAUSE).max(clock.now().steady + pause)).await;
        }
    }

    /// Asks for what is offered, waiting up to `wait` seconds for something new, and signs it if it extends what was
    /// signed before. `now` tells the time when the signature is made.
    pub async fn round(
        &mut self,
        network: &impl Network,
        wait: u64,
        now: impl Fn() -> Timestamp,
    ) -> Result<Round, Caught> {
        let offered = match self.ask(network, wait).await {
            Ok(offered) => offered,
            Err(why) => return Ok(Round::Later(why.to_string())),
        };
        self.keep_up(network, offered.authority).await;
        let (verified, newer) =
            match following::open_checkpoint(network, &self.authority, &offered.checkpoint).await {
                Ok(opened) => opened,
                Err(why) => return Ok(Round::Later(why.to_string())),
            };
        if let Some(newer) = newer {
            self.authority = newer;
        }
        match self.take(network, offered.checkpoint, verified.checkpoint).await? {
            Ok(true) => self.told = false,
            Ok(false) if self.told => return Ok(Round::Nothing),
            Ok(false) => {}
            Err(why) => return Ok(Round::Later(why.to_string())),
        }
        Ok(self.sign(network, now()).await)
    }

    async fn ask(&self, network: &impl Network, wait: u64) -> Result<Offered, Unproven> {
        let after = self.signed_size().unwrap_or(0);
        // What was signed and not told is offered still, and would be waited for in vain.
        let wait = if self.told || self.memory.is_none() { wait } else { 0 };
        let path = format!("/api/ledger/witness-checkpoint?after={after}&wait={wait}");
        let response = network.send(Request::get(path)).await?;
        if following::denies(&response) {
            // A ledger that does not know the size it signed; its newest checkpoint will say the rest.
            let newest = Request::get("/api/ledger/witness-checkpoint");
            return read(&network.send(newest).await?);
        }
        read(&response)
    }

    async fn keep_up(&mut self, network: &impl Network, records: u64) {
        if records <= self.authority.records().len() as u64 {
            return;
        }
        match following::newer_authority(network, &self.authority).await {
            Ok(newer) => self.authority = newer,
            Err(why) => tracing::warn!(%why, "the ledger's keys have changed, and cannot be had"),
        }
    }

    /// Remembers a checkpoint that extends the one before; whether it is a larger one.
    async fn take(
        &mut self,
        network: &impl Network,
        note: String,
        checkpoint: Checkpoint,
    ) -> Result<Result<bool, Unproven>, Caught> {
        let newest = checkpoint.size.saturating_sub(1);
        let Some(own) = shown(network, newest, &checkpoint).await else {
            return Ok(Err(Unproven::NoEntry));
        };
        let followed = match &self.memory {
            Some(memory) => follow(network, &self.authority, memory, note, checkpoint, own).await,
            None => self.first(note, own),
        };
        match followed {
            Followed::Known => Ok(Ok(false)),
            Followed::NotYet(why) => Ok(Err(why)),
            Followed::Newer(new) => {
                if let Err(source) = new.store(&self.disk, WITNESS_FILE) {
                    return Ok(Err(Unproven::Store { file: WITNESS_FILE, source }));
                }
                self.memory = Some(*new);
                Ok(Ok(true))
            }
            Followed::Contradiction(found) => {
                found.keep(&self.disk, &self.authority);
                Err(Caught { how: found.how })
            }
        }
    }

    /// The first checkpoint of all: there is nothing that it could contradict.
    fn first(&self, note: String, own: OwnEntry) -> Followed {
        match Memory::new(note, Some(own), &self.authority) {
            Ok(memory) => Followed::Newer(Box::new(memory)),
            Err(error) => Followed::NotYet(error.into()),
        }
    }

    /// Signs what is remembered and sends the signature.
    async fn sign(&mut self, network: &impl Network, now: Timestamp) -> Round {
        let Some(memory) = &self.memory else { return Round::Nothing };
        let size = memory.checkpoint.size;
        if !self.is_named() {
            self.told = true;
            return Round::Watched(size);
        }
        let mut note = match Note::parse(memory.note.as_bytes()) {
            Ok(note) => note,
            Err(error) => return Round::Later(error.to_string()),
        };
        note.signatures.push(cosign(&note, self.identity.name.as_str(), &self.identity.key, now.secs()));
        let body = serde_json::json!({"note": note.to_string()}).to_string().into_bytes();
        let request = Request::post("/api/ledger/cosignatures", "application/json", body);
        let response = match network.send(request).await {
            Ok(response) => response,
            Err(error) => return Round::Later(error.to_string()),
        };
        // One that is offered no more is not asked for again; the next offer is.
        self.told = response.status == 200 || response.status == 409;
        match read::<Progress>(&response) {
            Ok(Progress { size, cosigned, quorum }) => Round::Signed { size, cosigned, quorum },
            Err(_) => Round::Later(Unproven::refused(&response).to_string()),
        }
    }
}

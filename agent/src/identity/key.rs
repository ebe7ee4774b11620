//! The node's identity: a UUID and an Ed25519 key, made on the node, never leaving it.
//!
//! ```text
//! node.key    {"format":"vaultmesh-node-key-v1","node_id":"<uuid>","seed":"<64 hex>"}      mode 0600
//! ```

use crate::damage::Damage;
use crate::disk::Disk;
use crate::durable;
use crate::entropy::Entropy;
use proofs::SigningKey;
use serde::{Deserialize, Serialize};
use spec::{Author, Hash, PublicKey, Uuid, canonical};
use std::io;

/// The key file.
pub const KEY_FILE: &str = "node.key";

const FORMAT: &str = "vaultmesh-node-key-v1";
const MAX_FILE_BYTES: usize = 4096;

/// The identity of this node.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The node.
    pub node_id: Uuid,
    /// Its key.
    pub key: SigningKey,
}

/// The reason why there is no identity to work with.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key file cannot be read or written.
    #[error("{KEY_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The key file is not what was written.
    #[error("{KEY_FILE} is damaged: {0}; restore it, or remove the state directory and enrol anew")]
    Damaged(Damage),
    /// Somebody else owns it, and so the key.
    #[error("{path} belongs to somebody else than root and the agent's user")]
    Foreign {
        /// The file or directory.
        path: String,
    },
    /// Others may read or replace the key.
    #[error("{path} has mode {mode:04o}; nobody but its owner may have access (chmod {wanted} {path})")]
    Exposed {
        /// The file or directory.
        path: String,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: String,
    node_id: Uuid,
    seed: Hash,
}

impl Identity {
    /// Makes a new identity; nothing is stored.
    pub fn generate(node_id: Option<Uuid>, entropy: &mut impl Entropy) -> io::Result<Self> {
        let mut random = [0; 16];
        entropy.fill(&mut random)?;
        let node_id = node_id.unwrap_or_else(|| Uuid::v4(random));
        Ok(Self { node_id, key: SigningKey::from_seed(&entropy.salt()?.0) })
    }

    /// Reads the identity; `None` if none was made yet.
    pub fn load(disk: &impl Disk) -> Result<Option<Self>, IdentityError> {
        let Some(bytes) = durable::read(disk, KEY_FILE, MAX_FILE_BYTES)? else { return Ok(None) };
        // What is wrong is said without quoting a byte of the file.
        let damaged = |problem| IdentityError::Damaged(Damage::Part(problem));
        let file: KeyFile =
            serde_json::from_slice(&bytes).map_err(|_| damaged("it is not the JSON object it should be"))?;
        if file.format != FORMAT {
            return Err(damaged("its format is unknown"));
        }
        Ok(Some(Self { node_id: file.node_id, key: SigningKey::from_seed(&file.seed.0) }))
    }

    /// Stores the identity where none may exist yet; on return it is on the disk.
    pub fn store(&self, disk: &impl Disk) -> Result<(), IdentityError> {
        Ok(durable::create(disk, KEY_FILE, &self.file()?)?)
    }

    /// Stores the identity in place of the one before; on return it is on the disk.
    pub(crate) fn replace(&self, disk: &impl Disk) -> Result<(), IdentityError> {
        Ok(durable::replace(disk, KEY_FILE, &self.file()?)?)
    }

    fn file(&self) -> Result<Vec<u8>, IdentityError> {
        let file = KeyFile { format: FORMAT.to_owned(), node_id: self.node_id, seed: Hash(*self.key.seed()) };
        let mut bytes = canonical::to_vec(&file).map_err(|e| IdentityError::Damaged(e.into()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// `node:<uuid>`.
    pub fn author(&self) -> Author {
        Author::Node(self.node_id)
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }
}

//! The ledger's own private keys.

use crate::durable::write_secret;
use proofs::SigningKey;
use spec::hash::read_hex;
use spec::{Hash, KeyUse};
use std::io;
use std::path::Path;

/// The keys the service needs to run; the recovery keys are not among them.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// Signs checkpoints.
    pub checkpoint: SigningKey,
    /// Signs checkpoints of the SHA-256 face.
    pub checkpoint_sha256: SigningKey,
    /// Signs commands.
    pub command: SigningKey,
    /// Signs events on behalf of authors without a key.
    pub service: SigningKey,
}

/// 32 bytes from the operating system.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(bytes)
}

/// A fresh private key.
pub fn generate() -> io::Result<SigningKey> {
    Ok(SigningKey::from_seed(&random()?))
}

impl Keyring {
    /// Fresh keys.
    pub fn generate() -> io::Result<Self> {
        Ok(Self {
            checkpoint: generate()?,
            checkpoint_sha256: generate()?,
            command: generate()?,
            service: generate()?,
        })
    }

    /// Reads the keys from `<dir>/keys`.
    pub fn load(dir: &Path) -> io::Result<Self> {
        let key = |key_use: KeyUse| load_key(&dir.join("keys").join(format!("{}.key", key_use.as_str())));
        Ok(Self {
            checkpoint: key(KeyUse::Checkpoint)?,
            checkpoint_sha256: key(KeyUse::CheckpointSha256)?,
            command: key(KeyUse::Command)?,
            service: key(KeyUse::Service)?,
        })
    }

    /// Writes the keys to new files in `<dir>/keys`, readable by their owner only.
    pub fn store(&self, dir: &Path) -> io::Result<()> {
        let keys = dir.join("keys");
        std::fs::create_dir_all(&keys)?;
        std::fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        for (key_use, key) in [
            (KeyUse::Checkpoint, &self.checkpoint),
            (KeyUse::CheckpointSha256, &self.checkpoint_sha256),
            (KeyUse::Command, &self.command),
            (KeyUse::Service, &self.service),
        ] {
            store_key(&keys.join(format!("{}.key", key_use.as_str())), key)?;
        }
        Ok(())
    }
}

/// Writes a private key as 64 hex digits to a new file that only its owner may read.
pub fn store_key(path: &Path, key: &SigningKey) -> io::Result<()> {
    write_secret(path, &format!("{}\n", Hash(*key.seed()).to_hex()))
}

/// Makes the key in `<use>.key.next` the one in use. Done again after a crash, it does no harm.
pub fn adopt(keys: &Path, key_use: KeyUse) -> io::Result<()> {
    let name = format!("{}.key", key_use.as_str());
    let disk = crate::durable::RealDisk::existing(keys);
    crate::durable::Disk::rename(&disk, &format!("{name}.next"), &name)?;
    crate::durable::Disk::sync_dir(&disk, "")
}

/// Reads a private key; refuses a file that others may read.
pub fn load_key(path: &Path) -> io::Result<SigningKey> {
    use std::os::unix::fs::PermissionsExt as _;
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let mode = std::fs::metadata(path).map_err(named)?.permissions().mode();
    if mode & 0o077 != 0 {
        let detail = format!("others may read it (mode {:o}); run chmod 600", mode & 0o777);
        return Err(named(io::Error::new(io::ErrorKind::PermissionDenied, detail)));
    }
    let text = std::fs::read_to_string(path).map_err(named)?;
    let mut seed = [0; 32];
    if read_hex(text.trim_end_matches('\n'), &mut seed) {
        Ok(SigningKey::from_seed(&seed))
    } else {
        Err(named(io::Error::new(io::ErrorKind::InvalidData, "not a key of 64 hex digits")))
    }
}

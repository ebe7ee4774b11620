//! What a backup holds.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use spec::{Hash, Timestamp};

/// Name of the manifest of a whole backup.
pub(super) const MANIFEST: &str = "backup.json";

/// Name of the manifest of one that is being made.
pub(super) const PROGRESS: &str = "progress.json";

const FORMAT: &str = "vaultmesh-backup-v1";

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    /// The ledger's id.
    pub(crate) ledger: Hash,
    /// The ledger's name in checkpoints.
    pub(crate) origin: String,
    /// When the backup was begun.
    pub(crate) made_at: Timestamp,
    /// Entries that the newest checkpoint in it covers.
    pub(crate) size: u64,
    /// The root that this checkpoint names.
    pub(crate) root: Hash,
    /// Whom the objects are encrypted for; they are not, if it is empty.
    pub(crate) recipients: Vec<String>,
    /// The files, by name.
    pub(crate) files: Vec<Stored>,
}

/// A file of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    /// Its path in the data directory.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// BLAKE3 of its bytes.
    pub(crate) hash: Hash,
    /// BLAKE3 of the object that holds it, and the object's name.
    pub(crate) object: Hash,
    /// The object's length in bytes.
    pub(crate) object_bytes: u64,
    /// Whether it is a segment that nobody writes to any more: the next backup keeps it without a look.
    pub(crate) closed: bool,
}

impl Manifest {
    /// One without files.
    pub(crate) fn new(ledger: Hash, origin: &str, made_at: Timestamp, recipients: Vec<String>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            ledger,
            origin: origin.to_owned(),
            made_at,
            size: 0,
            root: Hash::ZERO,
            recipients,
            files: Vec::new(),
        }
    }

    pub(super) fn read(bytes: &[u8], name: &str) -> Result<Self, Failure> {
        let damaged = |error: &dyn std::fmt::Display| {
            Failure::refused(format!("{name} is damaged: {error}; this backup says no longer what it holds"))
        };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if manifest.format != FORMAT {
            return Err(damaged(&format_args!("its format is not {FORMAT}")));
        }
        let strays = |name: &str| name.split('/').any(|part| matches!(part, "" | "." | ".."));
        match manifest.files.iter().find(|file| strays(&file.name)) {
            Some(file) => Err(damaged(&format_args!("a file is called {:?}", file.name))),
            None => Ok(manifest),
        }
    }

    /// The file of a name.
    pub(crate) fn file(&self, name: &str) -> Option<&Stored> {
        self.files.iter().find(|file| file.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_leads_nowhere_else() {
        let mut manifest = Manifest::new(Hash::ZERO, "x", Timestamp::from_millis(0), Vec::new());
        let file = |name: &str| Stored {
            name: name.to_owned(),
            bytes: 0,
            hash: Hash::ZERO,
            object: Hash::ZERO,
            object_bytes: 0,
            closed: false,
        };
        manifest.files = vec![file("log/00000000000000000000.jsonl")];
        let read = |manifest: &Manifest| Manifest::read(&serde_json::to_vec(manifest).unwrap(), MANIFEST);
        assert_eq!(read(&manifest).unwrap(), manifest);
        for stray in ["../keys", "/etc/passwd", "log//x", "", "log/./x"] {
            manifest.files = vec![file(stray)];
            assert!(read(&manifest).unwrap_err().to_string().contains("damaged"), "{stray}");
        }
        manifest.format = "vaultmesh-backup-v2".to_owned();
        assert!(read(&manifest).is_err());
    }
}

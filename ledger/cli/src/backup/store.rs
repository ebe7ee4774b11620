//! The directory of a backup.

use super::manifest::{MANIFEST, Manifest, PROGRESS, Stored};
use super::{Opening, Sealing};
use crate::failure::Failure;
use ledger::durable::{Disk as _, RealDisk, replace};
use spec::Hash;
use std::collections::BTreeSet;
use std::path::Path;

const OBJECTS: &str = "objects";

/// A backup's directory.
#[derive(Debug)]
pub(crate) struct Store {
    disk: RealDisk,
}

fn hash_of(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

fn path_of(object: &Hash) -> String {
    format!("{OBJECTS}/{object}")
}

impl Store {
    /// The one at a path, which is made if it is missing.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        let named = |error: std::io::Error| Failure::io(format!("{}: {error}", path.display()));
        let disk = RealDisk::new(path).map_err(named)?;
        let strangers = disk.list("").map_err(named)?;
        let ours = [MANIFEST, PROGRESS, OBJECTS, "backup.json.tmp", "progress.json.tmp"];
        if let Some(stranger) = strangers.iter().find(|name| !ours.contains(&name.as_str())) {
            return Err(Failure::usage(format!(
                "{} holds something else than a backup: {stranger}; name a directory of its own",
                path.display()
            )));
        }
        disk.create_dir(OBJECTS).map_err(named)?;
        disk.sync_dir("").map_err(named)?;
        Ok(Self { disk })
    }

    /// The backup at a path, with what it says of itself.
    pub(crate) fn of(path: &Path) -> Result<(Self, Manifest), Failure> {
        let store = Self { disk: RealDisk::existing(path) };
        match store.manifest(MANIFEST)? {
            Some(manifest) => Ok((store, manifest)),
            None if store.manifest(PROGRESS)?.is_some() => Err(Failure::refused(format!(
                "the first backup into {} was not finished; `ledger backup {}` goes on with it",
                path.display(),
                path.display()
            ))),
            None => Err(Failure::usage(format!("{} holds no backup", path.display()))),
        }
    }

    /// What the last whole backup holds, and one that was begun after it.
    pub(crate) fn known(&self) -> Result<Vec<Manifest>, Failure> {
        let known = [self.manifest(PROGRESS)?, self.manifest(MANIFEST)?];
        Ok(known.into_iter().flatten().collect())
    }

    fn manifest(&self, name: &str) -> Result<Option<Manifest>, Failure> {
        match self.disk.read(name) {
            Ok(bytes) => Manifest::read(&bytes, name).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::io(format!("{name}: {error}"))),
        }
    }

    /// Whether the object of a file is there in its length.
    pub(crate) fn holds(&self, file: &Stored) -> bool {
        self.disk.len(&path_of(&file.object)).is_ok_and(|bytes| bytes == file.object_bytes)
    }

    /// Stores a file; on return it is on the disk and was read back.
    pub(crate) fn put(
        &self,
        name: &str,
        bytes: &[u8],
        closed: bool,
        sealing: &Sealing,
    ) -> Result<Stored, Failure> {
        let sealed = sealing.seal(bytes)?;
        let object = hash_of(&sealed);
        let path = path_of(&object);
        let file = Stored {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            hash: hash_of(bytes),
            object,
            object_bytes: sealed.len() as u64,
            closed,
        };
        let failed = |error: std::io::Error| Failure::io(format!("{path}: {error}"));
        if self.disk.read(&path).is_ok_and(|there| there == sealed) {
            return Ok(file);
        }
        replace(&self.disk, &path, &sealed).map_err(failed)?;
        // What counts is what the disk gives back, not what was meant to be written.
        if self.disk.read(&path).map_err(failed)? != sealed {
            return Err(Failure::io(format!("{path}: the disk gives back other bytes than were written")));
        }
        Ok(file)
    }

    /// A file's bytes, if the object is what the manifest says.
    pub(crate) fn get(&self, file: &Stored, encrypted: bool, opening: &Opening) -> Result<Vec<u8>, Failure> {
        let bytes = self.check(file)?;
        let name = &file.name;
        let bytes = if encrypted {
            opening.open(&bytes).map_err(|why| Failure::refused(format!("{name}: {why}")))?
        } else {
            bytes
        };
        if hash_of(&bytes) != file.hash {
            return Err(Failure::refused(format!("{name} is not what the manifest says")));
        }
        Ok(bytes)
    }

    /// The object of a file, if it is whole.
    pub(crate) fn check(&self, file: &Stored) -> Result<Vec<u8>, Failure> {
        let path = path_of(&file.object);
        let bytes = self.disk.read(&path);
        let bytes =
            bytes.map_err(|error| Failure::refused(format!("{} is lost: {path}: {error}", file.name)))?;
        if hash_of(&bytes) != file.object {
            return Err(Failure::refused(format!(
                "{} is damaged: {path} has other bytes than were stored",
                file.name
            )));
        }
        Ok(bytes)
    }

    /// Says how far a backup has come.
    pub(crate) fn progress(&self, manifest: &Manifest) -> Result<(), Failure> {
        self.write(PROGRESS, manifest)
    }

    /// Says that a backup is done, and removes what nothing needs any more.
    pub(crate) fn finish(&self, manifest: &Manifest) -> Result<(), Failure> {
        self.write(MANIFEST, manifest)?;
        match self.disk.remove(PROGRESS) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let needed: BTreeSet<String> = manifest.files.iter().map(|file| file.object.to_string()).collect();
        for name in self.disk.list(OBJECTS)?.into_iter().filter(|name| !needed.contains(name)) {
            self.disk.remove(&format!("{OBJECTS}/{name}"))?;
        }
        self.disk.sync_dir(OBJECTS)?;
        Ok(self.disk.sync_dir("")?)
    }

    fn write(&self, name: &str, manifest: &Manifest) -> Result<(), Failure> {
        let mut bytes = serde_json::to_vec_pretty(manifest).map_err(Failure::io)?;
        bytes.push(b'\n');
        Ok(replace(&self.disk, name, &bytes)?)
    }
}

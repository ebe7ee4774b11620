//! A disk that forgets what was not synced, and fails when it is told to.
//!
//! Every file has the bytes that survive a power cut and the writes since its last sync; names are durable
//! per directory. A power cut keeps any subset of unsynced blocks, in any of the versions they had, any of
//! the lengths, and any subset of unsynced names.

use chance::Chance;
use ledger::durable::{Disk, parent};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

/// What happens to the operation that is told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing happened, and an error is returned. What a failed sync should have kept is lost for good:
    /// later syncs succeed without it, as with a page cache that gave up.
    NotDone,
    /// It happened, and an error is returned all the same.
    Done,
    /// Half of a write happened.
    Half,
}

/// A change of the disk.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    CreateDir(String),
    Write(String, u64, Vec<u8>),
    SetLen(String, u64),
    Sync(String),
    Rename(String, String),
    Remove(String),
    SyncDir(String),
}

impl Op {
    fn name(&self) -> &'static str {
        match self {
            Self::CreateDir(_) => "create_dir",
            Self::Write(..) => "write",
            Self::SetLen(..) => "set_len",
            Self::Sync(_) => "sync",
            Self::Rename(..) => "rename",
            Self::Remove(_) => "remove",
            Self::SyncDir(_) => "sync_dir",
        }
    }
}

/// A file: what survives, what readers see, and what lies between.
#[derive(Debug, Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Link(String, u64),
    Move(String, String, u64),
    Unlink(String),
    MakeDir(String),
}

/// The whole state of a disk; a clone is another disk in the same state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    dirs: BTreeSet<String>,
    durable_names: BTreeMap<String, u64>,
    durable_dirs: BTreeSet<String>,
    unsynced: Vec<NameChange>,
    next: u64,
}

#[derive(Debug, Default)]
struct Inner {
    image: Image,
    operations: u64,
    fail_at: Option<(u64, Form)>,
    fail_at_sync_of: Option<&'static str>,
    failed: Option<&'static str>,
    record: Option<Vec<Op>>,
    reads: BTreeMap<String, u64>,
}

/// The disk. Clones share one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<Inner>>);

impl SimDisk {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of(image: Image) -> Self {
        Self(Arc::new(Mutex::new(Inner { image, ..Inner::default() })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn image(&self) -> Image {
        self.inner().image.clone()
    }

    /// Begins to record changes, from the state that is returned.
    pub(crate) fn record(&self) -> Image {
        let mut inner = self.inner();
        inner.record = Some(Vec::new());
        inner.image.clone()
    }

    /// Number of changes recorded so far.
    pub(crate) fn recorded(&self) -> usize {
        self.inner().record.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn take_record(&self) -> Vec<Op> {
        self.inner().record.take().unwrap_or_default()
    }

    /// How often whole files of a folder were read.
    pub(crate) fn reads_in(&self, folder: &str) -> u64 {
        self.inner().reads.iter().filter(|(path, _)| parent(path) == folder).map(|(_, n)| n).sum()
    }

    /// Number of changes so far.
    pub(crate) fn operations(&self) -> u64 {
        self.inner().operations
    }

    /// Makes the change after the next `n` fail.
    pub(crate) fn fail_after(&self, n: u64, form: Form) {
        let mut inner = self.inner();
        inner.fail_at = Some((inner.operations + n, form));
        inner.failed = None;
    }

    /// Makes the next sync of a file whose name ends like this fail, without effect.
    pub(crate) fn fail_at_sync_of(&self, ending: &'static str) {
        let mut inner = self.inner();
        inner.fail_at_sync_of = Some(ending);
        inner.failed = None;
    }

    /// What failed, if it did; nothing fails from now on.
    pub(crate) fn heal(&self) -> Option<&'static str> {
        let mut inner = self.inner();
        (inner.fail_at, inner.fail_at_sync_of) = (None, None);
        inner.failed.take()
    }

    /// Cuts the power: the disk a machine finds when it starts again.
    pub(crate) fn power_cut(&self, rng: &mut Chance) -> Self {
        let mut image = self.image();
        image.power_cut(rng);
        Self::of(image)
    }

    fn change(&self, op: Op) -> Result<()> {
        let mut inner = self.inner();
        let n = inner.operations;
        inner.operations += 1;
        let mut fault = inner.fail_at.filter(|(at, _)| *at == n).map(|(_, form)| form);
        if let (Op::Sync(path), Some(ending)) = (&op, inner.fail_at_sync_of)
            && path.ends_with(ending)
        {
            inner.fail_at_sync_of = None;
            fault = Some(Form::NotDone);
        }
        let Some(form) = fault else {
            inner.image.apply(&op)?;
            if let Some(record) = &mut inner.record {
                record.push(op);
            }
            return Ok(());
        };
        inner.failed = Some(op.name());
        match (form, &op) {
            (Form::Done, _) => inner.image.apply(&op)?,
            (Form::Half, Op::Write(path, offset, bytes)) => {
                let half = bytes[..bytes.len() / 2].to_vec();
                inner.image.apply(&Op::Write(path.clone(), *offset, half))?;
                return Err(ErrorKind::StorageFull.into());
            }
            (_, Op::Sync(path)) => inner.image.lose(path),
            _ => {}
        }
        Err(Error::other(format!("{} was told to fail ({form:?})", op.name())))
    }
}

impl Image {
    fn inode(&self, path: &str) -> Result<&Inode> {
        self.names.get(path).and_then(|n| self.inodes.get(n)).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn inode_mut(&mut self, path: &str) -> Result<&mut Inode> {
        let n = self.names.get(path).copied();
        n.and_then(|n| self.inodes.get_mut(&n)).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn create(&mut self, path: &str) -> Result<()> {
        if self.names.contains_key(path) {
            return Ok(());
        }
        let dir = parent(path);
        if !dir.is_empty() && !self.dirs.contains(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let n = self.next;
        self.next += 1;
        self.inodes.insert(n, Inode::default());
        self.names.insert(path.to_owned(), n);
        self.unsynced.push(NameChange::Link(path.to_owned(), n));
        Ok(())
    }

    pub(crate) fn apply(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::CreateDir(dir) => {
                if self.dirs.insert(dir.clone()) {
                    self.unsynced.push(NameChange::MakeDir(dir.clone()));
                }
            }
            Op::Write(path, offset, bytes) => {
                self.create(path)?;
                self.inode_mut(path)?.change(Change::Write(usize::try_from(*offset).unwrap(), bytes.clone()));
            }
            Op::SetLen(path, len) => {
                self.create(path)?;
                self.inode_mut(path)?.change(Change::SetLen(usize::try_from(*len).unwrap()));
            }
            Op::Sync(path) => {
                let inode = self.inode_mut(path)?;
                for change in std::mem::take(&mut inode.unsynced) {
                    change.apply(&mut inode.durable);
                }
            }
            Op::Rename(from, to) => {
                let n = self.names.remove(from).ok_or(ErrorKind::NotFound)?;
                self.names.insert(to.clone(), n);
                self.unsynced.push(NameChange::Move(from.clone(), to.clone(), n));
            }
            Op::Remove(path) => {
                self.names.remove(path).ok_or(ErrorKind::NotFound)?;
                self.unsynced.push(NameChange::Unlink(path.clone()));
            }
            Op::SyncDir(dir) => {
                let (names, dirs) = (&mut self.durable_names, &mut self.durable_dirs);
                self.unsynced.retain(|change| {
                    let here = change.dir() == dir;
                    if here {
                        change.apply(names, dirs);
                    }
                    !here
                });
            }
        }
        Ok(())
    }

    /// The writes since the last sync will never reach the disk, whatever is synced later.
    fn lose(&mut self, path: &str) {
        if let Ok(inode) = self.inode_mut(path) {
            inode.unsynced.clear();
        }
    }

    pub(crate) fn power_cut(&mut self, rng: &mut Chance) {
        // Some cuts keep all, some nothing, most a part.
        let keep = [0, 1, 1, 1, 2][rng.index(5)];
        let kept = |rng: &mut Chance| match keep {
            0 => false,
            1 => rng.one_in(2),
            _ => true,
        };
        for change in std::mem::take(&mut self.unsynced) {
            if kept(rng) {
                change.apply(&mut self.durable_names, &mut self.durable_dirs);
            }
        }
        let dirs = self.durable_dirs.clone();
        self.durable_names.retain(|path, _| parent(path).is_empty() || dirs.contains(parent(path)));
        let block = if rng.one_in(2) { 4096 } else { 512 };
        for inode in self.inodes.values_mut() {
            inode.power_cut(rng, keep, block);
        }
        self.names = self.durable_names.clone();
        self.dirs = dirs;
    }
}

impl NameChange {
    fn dir(&self) -> &str {
        match self {
            Self::Link(path, _) | Self::Move(path, _, _) | Self::Unlink(path) | Self::MakeDir(path) => {
                parent(path)
            }
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, u64>, dirs: &mut BTreeSet<String>) {
        match self {
            Self::Link(path, n) => drop(names.insert(path.clone(), *n)),
            Self::Move(from, to, n) => {
                names.remove(from);
                names.insert(to.clone(), *n);
            }
            Self::Unlink(path) => drop(names.remove(path)),
            Self::MakeDir(dir) => drop(dirs.insert(dir.clone())),
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, new) => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
            Self::SetLen(len) => bytes.resize(*len, 0),
        }
    }
}

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.unsynced.push(change);
    }

    /// Each block stays in one of the versions it had since the last sync, the length too.
    fn power_cut(&mut self, rng: &mut Chance, keep: u8, block: usize) {
        let mut versions = vec![self.durable.clone()];
        for change in std::mem::take(&mut self.unsynced) {
            let mut next = versions.last().unwrap().clone();
            change.apply(&mut next);
            versions.push(next);
        }
        let mut pick = || match keep {
            0 => 0,
            1 => rng.index(versions.len()),
            _ => versions.len() - 1,
        };
        let len = versions[pick()].len();
        let mut bytes = vec![0; len];
        for start in (0..len).step_by(block) {
            let end = (start + block).min(len);
            let version = &versions[pick()];
            if let Some(old) = version.get(start..end.min(version.len())) {
                bytes[start..start + old.len()].copy_from_slice(old);
            }
        }
        self.durable.clone_from(&bytes);
        self.current = bytes;
    }
}

impl Disk for SimDisk {
    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut inner = self.inner();
        *inner.reads.entry(path.to_owned()).or_default() += 1;
        Ok(inner.image.inode(path)?.current.clone())
    }

    fn read_at(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let inner = self.inner();
        let bytes = &inner.image.inode(path)?.current;
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        Ok(bytes[from..from.saturating_add(len).min(bytes.len())].to_vec())
    }

    fn len(&self, path: &str) -> Result<u64> {
        Ok(self.inner().image.inode(path)?.current.len() as u64)
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        let inner = self.inner();
        let image = &inner.image;
        let all = image.names.keys().chain(&image.dirs).filter(|path| parent(path) == dir);
        let mut names: Vec<String> =
            all.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> Result<()> {
        self.change(Op::CreateDir(dir.to_owned()))
    }

    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        self.change(Op::Write(path.to_owned(), offset, bytes.to_vec()))
    }

    fn set_len(&self, path: &str, len: u64) -> Result<()> {
        self.change(Op::SetLen(path.to_owned(), len))
    }

    fn sync(&self, path: &str) -> Result<()> {
        self.change(Op::Sync(path.to_owned()))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.change(Op::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.change(Op::Remove(path.to_owned()))
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        self.change(Op::SyncDir(dir.to_owned()))
    }
}

#[test]
fn what_is_synced_survives_and_the_rest_may_not() {
    let disk = SimDisk::new();
    disk.create_dir("log").unwrap();
    disk.sync_dir("").unwrap();
    disk.write_at("log/a", 0, &[1; 6000]).unwrap();
    disk.sync("log/a").unwrap();
    disk.sync_dir("log").unwrap();
    disk.write_at("log/a", 6000, &[2; 6000]).unwrap();
    disk.write_at("log/b", 0, b"new").unwrap();
    let (mut torn, mut kept, mut unnamed) = (0, 0, 0);
    for seed in 0..200 {
        let after = disk.power_cut(&mut Chance(seed));
        let bytes = after.read("log/a").unwrap();
        assert_eq!(bytes[..6000], [1; 6000], "seed {seed}");
        let rest = &bytes[6000..];
        kept += usize::from(rest == [2; 6000]);
        torn += usize::from(rest.contains(&0) && rest.contains(&2));
        unnamed += usize::from(after.read("log/b").is_err());
    }
    assert!(kept > 20 && torn > 20 && unnamed > 20, "{kept} {torn} {unnamed}");
}

#[test]
fn a_failed_sync_loses_what_it_should_have_kept() {
    let disk = SimDisk::new();
    disk.write_at("a", 0, b"lost").unwrap();
    disk.fail_after(0, Form::NotDone);
    assert!(disk.sync("a").is_err());
    assert_eq!(disk.heal(), Some("sync"));
    disk.sync("a").unwrap();
    disk.sync_dir("").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"lost", "readers still see it");
    assert_eq!(disk.power_cut(&mut Chance(1)).read("a").unwrap(), b"");
    disk.write_at("a", 0, b"kept").unwrap();
    disk.sync("a").unwrap();
    assert_eq!(disk.power_cut(&mut Chance(1)).read("a").unwrap(), b"kept");
}

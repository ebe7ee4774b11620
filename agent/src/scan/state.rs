//! What one scan leaves for the next: digests of files that will not have changed, and the lengths of the
//! records of logins. Without a directory nothing is kept, and everything is read.
//!
//! ```text
//! scan-cache      vm-scan-cache-v1 <time of the last full pass in ms>
//!                 <inode> <size> <mtime ns> <ctime ns> <content> <by the package's digest, or -> <path>
//! scan-records    {"<path>":[<inode>,<size>],…}
//! ```

use super::tree;
use crate::disk::FileDisk;
use crate::durable::{self, Replacement};
use spec::{Hash, Timestamp};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const CACHE_FILE: &str = "scan-cache";
const CACHE_FORMAT: &str = "vm-scan-cache-v1";
const RECORDS_FILE: &str = "scan-records";
const LOCK_FILE: &str = "scan-lock";
const MAX_RECORDS_BYTES: usize = 1024 * 1024;

/// How old a full pass may be. A little less than a day, so that a daily scan is one.
const FULL_EVERY_MS: u64 = 23 * 3600 * 1000;

/// A file as the cache knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cached {
    /// Inode, size, mtime and ctime: while these stay, so does the rest.
    pub(super) stamp: (u64, u64, i128, i128),
    /// BLAKE3 of its bytes.
    pub(super) content: Hash,
    /// Its digest by the kind its package lists, if one lists it.
    pub(super) packaged: Option<String>,
    /// Hash of its extended attributes.
    pub(super) xattrs: Option<Hash>,
    /// Where it is.
    pub(super) path: String,
}

impl Cached {
    fn line(&self) -> String {
        let (ino, size, mtime, ctime) = self.stamp;
        let packaged = self.packaged.as_deref().unwrap_or("-");
        let xattrs = self.xattrs.map_or_else(|| "-".to_owned(), Hash::to_hex);
        format!("{ino} {size} {mtime} {ctime} {} {packaged} {xattrs} {}\n", self.content, self.path)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim_end_matches('\n').splitn(8, ' ');
        let stamp = (
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
        );
        let content = Hash::from_hex(fields.next()?).ok()?;
        let packaged = fields.next().filter(|text| *text != "-").map(str::to_owned);
        let xattrs = match fields.next()? {
            "-" => None,
            hex => Some(Hash::from_hex(hex).ok()?),
        };
        Some(Self { stamp, content, packaged, xattrs, path: fields.next()?.to_owned() })
    }
}

/// What is kept between scans.
#[derive(Debug, Default)]
pub(super) struct State {
    disk: Option<FileDisk>,
    old: Option<BufReader<File>>,
    next: Option<Cached>,
    new: Option<Replacement>,
    full: bool,
    /// Held until the end, so that a scan by hand and the agent's own do not write into each other's files.
    _lock: Option<File>,
    /// Lengths of the records of logins at the last scan, if there was one.
    pub(super) before: Option<BTreeMap<String, (u64, u64)>>,
    /// The same now.
    pub(super) records: BTreeMap<String, (u64, u64)>,
}

impl State {
    /// What the last scan left in `dir`. What is damaged counts as absent: it costs time and nothing else.
    pub(super) fn open(dir: &Path, now: Timestamp, full: bool) -> io::Result<Self> {
        let lock = dir.join(LOCK_FILE);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
        lock.try_lock().map_err(|_| io::Error::other("another scan is at work"))?;
        let disk = FileDisk::new(dir);
        let mut old = File::open(dir.join(CACHE_FILE)).ok().map(BufReader::new);
        let mut head = String::new();
        if let Some(reader) = &mut old {
            reader.read_line(&mut head)?;
        }
        let full_at = head.trim_end().strip_prefix(CACHE_FORMAT).and_then(|at| at.trim().parse::<u64>().ok());
        let recent = full_at.filter(|at| (*at..at.saturating_add(FULL_EVERY_MS)).contains(&now.millis()));
        let full = full || recent.is_none();
        let mut new = Replacement::begin(&disk, CACHE_FILE)?;
        let stamp = if full { now.millis() } else { full_at.unwrap_or_default() };
        new.push(&disk, format!("{CACHE_FORMAT} {stamp}\n").as_bytes())?;
        let before = durable::read(&disk, RECORDS_FILE, MAX_RECORDS_BYTES)?;
        let before = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let old = old.filter(|_| !full);
        Ok(Self {
            disk: Some(disk),
            old,
            next: None,
            new: Some(new),
            full,
            _lock: Some(lock),
            before,
            ..Self::default()
        })
    }

    /// Whether every watched file is read.
    pub(super) fn is_full(&self) -> bool {
        self.full || self.disk.is_none()
    }

    /// What the cache has of a path; paths must be asked for in the order of [`tree::order`].
    pub(super) fn cached(&mut self, path: &str) -> Option<Cached> {
        loop {
            if self.next.is_none() {
                let mut line = String::new();
                let read = self.old.as_mut()?.read_line(&mut line).unwrap_or(0);
                self.next = Cached::parse(&line).filter(|_| read > 0);
                if self.next.is_none() {
                    self.old = None;
                    return None;
                }
            }
            match tree::order(&self.next.as_ref()?.path, path) {
                Ordering::Less => self.next = None,
                Ordering::Equal => return self.next.take(),
                Ordering::Greater => return None,
            }
        }
    }

    /// Keeps what is known of a file for the next scan.
    pub(super) fn keep(&mut self, cached: &Cached) -> io::Result<()> {
        match (&self.disk, &mut self.new) {
            (Some(disk), Some(new)) => new.push(disk, cached.line().as_bytes()),
            _ => Ok(()),
        }
    }

    /// Brings everything to the disk.
    pub(super) fn store(self) -> io::Result<()> {
        let (Some(disk), Some(new)) = (self.disk, self.new) else { return Ok(()) };
        new.commit(&disk)?;
        durable::replace(&disk, RECORDS_FILE, &serde_json::to_vec(&self.records)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back() {
        let cached = Cached {
            stamp: (7, 8, -9, 10),
            content: Hash([3; 32]),
            packaged: Some("abcd".to_owned()),
            xattrs: None,
            path: "/a b/\\xff".to_owned(),
        };
        assert_eq!(Cached::parse(&cached.line()), Some(cached.clone()));
        let other = Cached { packaged: None, xattrs: Some(Hash([1; 32])), ..cached };
        assert_eq!(Cached::parse(&other.line()), Some(other));
        for bad in ["", "1 2 3", "x 1 1 1 - - - /a", "1 1 1 1 zz - - /a"] {
            assert_eq!(Cached::parse(bad), None, "{bad}");
        }
    }
}

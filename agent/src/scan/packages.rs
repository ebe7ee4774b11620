//! Which package a file is of, and what the package says its contents are.
//!
//! Read from dpkg's database ([`super::dpkg`]) and pacman's ([`super::pacman`]), from both where both are there. Kept
//! are digests of what lies where programs, libraries and configuration do; documentation is not.

use super::dpkg;
use super::pacman;
use super::source::{Source, Type};
use super::text;
use super::unread::Unread;
use super::watch::{Watched, below};
use std::collections::{BTreeMap, BTreeSet};

/// Where files are worth an entry.
const KEPT: [&str; 15] = [
    "bin",
    "boot",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "opt",
    "sbin",
    "usr/bin",
    "usr/games",
    "usr/lib",
    "usr/libexec",
    "usr/local",
    "usr/sbin",
];

/// Most entries, 40 bytes each.
const MAX_ENTRIES: usize = 1_000_000;

/// Most files that are held against their package though nobody watches them.
const MAX_CHOSEN: usize = 4096;

/// A digest as a package's list gives it. Of SHA-256 the first half is kept: to find another file with the same
/// half is as far out of reach, and a machine has tens of thousands of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digest {
    /// Of dpkg's lists.
    Md5([u8; 16]),
    /// Of pacman's lists.
    Sha256([u8; 16]),
    /// Of where a link points, first half of BLAKE3: pacman's lists say it in full.
    Link([u8; 16]),
}

impl Digest {
    /// Reads lowercase hexadecimal digits; their number tells which it is.
    pub(super) fn parse(hex: &str) -> Option<Self> {
        let (mut short, mut long) = ([0; 16], [0; 32]);
        if spec::hash::read_hex(hex, &mut short) {
            return Some(Self::Md5(short));
        }
        spec::hash::read_hex(hex, &mut long).then(|| Self::sha256(&long))
    }

    /// Of the whole digest.
    pub(super) fn sha256(digest: &[u8; 32]) -> Self {
        Self::Sha256(*digest.first_chunk().unwrap_or(&[0; 16]))
    }

    /// Of where a link points.
    pub(super) fn link(target: &[u8]) -> Self {
        Self::Link(*blake3::hash(target).as_bytes().first_chunk().unwrap_or(&[0; 16]))
    }

    /// Whether dpkg's database is where it is from, and can be asked for more.
    pub(super) fn is_of_dpkg(self) -> bool {
        matches!(self, Self::Md5(_))
    }

    /// Whether it is of a link and not of a file's bytes.
    pub(super) fn is_link(self) -> bool {
        matches!(self, Self::Link(_))
    }

    /// Lowercase hexadecimal digits of what is kept.
    pub(super) fn hex(self) -> String {
        let mut out = Vec::new();
        let (Self::Md5(bytes) | Self::Sha256(bytes) | Self::Link(bytes)) = self;
        spec::hash::write_hex(&bytes, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// A file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    key: Key,
    pub(super) digest: Digest,
    /// Permissions with SUID, SGID and sticky bits, where the list has them.
    pub(super) mode: Option<u16>,
    /// Whether a scan meets it while it walks the watched paths.
    pub(super) watched: bool,
    package: u32,
}

/// By what a path is found; it need not hold against anybody but chance.
pub(super) type Key = [u8; 16];

/// A file that is held against its package wherever it lies, because root runs or loads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) path: String,
    pub(super) digest: Digest,
    pub(super) package: String,
    /// Whether it is the administrator's to change (a conffile).
    pub(super) configured: bool,
}

/// The files of the installed packages.
#[derive(Debug, Default)]
pub(super) struct Packages {
    entries: Vec<Entry>,
    names: Vec<String>,
    watched: Vec<String>,
    left_out: Vec<String>,
    pub(super) chosen: Vec<Chosen>,
    /// Modes that the administrator wrote down for files of packages (dpkg-statoverride(1)).
    pub(super) overrides: BTreeMap<String, u32>,
    /// Whether dpkg's database was read, and can be asked for more.
    pub(super) of_dpkg: bool,
    /// A list that is damaged, so that what it should say of some files is unknown.
    pub(super) damaged: Option<Unread>,
    /// Inode and time of change of dpkg's status when it was read.
    stamp: Option<(u64, i128)>,
    /// Why there is nothing to ask, or not all; `None` if there is.
    pub(super) trouble: Option<Unread>,
}

impl Packages {
    /// Reads the databases that there are. That there is none, or that one cannot be read, is kept as
    /// [`Packages::trouble`].
    pub(super) fn load(source: &Source, watched: &Watched) -> Self {
        let mut packages =
            Self { watched: watched.paths.clone(), left_out: watched.except.clone(), ..Self::default() };
        packages.stamp = dpkg::stamp(source);
        let loaded = [dpkg::load(source, &mut packages), pacman::load(source, &mut packages)];
        let none = loaded.iter().all(|loaded| loaded.as_ref().is_err_and(Unread::is_missing));
        packages.of_dpkg = loaded.first().is_some_and(Result::is_ok);
        packages.trouble = if none {
            Some(Unread::odd("the package database", "was not found"))
        } else {
            loaded.into_iter().filter_map(Result::err).find(|unread| !unread.is_missing())
        };
        packages.entries.sort_unstable();
        packages.entries.dedup();
        packages.settle(source);
        packages.entries.shrink_to_fit();
        packages
    }

    /// Of several packages that have digests for one path, the one whose list of files has it is right: dpkg leaves
    /// the line of a package that lost the file to another in place.
    fn settle(&mut self, source: &Source) {
        let differ = |pair: &&[Entry]| matches!(pair, [a, b] if a.key == b.key && a.digest != b.digest);
        let claims: BTreeSet<(Key, u32)> = self
            .entries
            .windows(2)
            .filter(differ)
            .flatten()
            .map(|entry| (entry.key, entry.package))
            .collect();
        if !claims.is_empty() && self.of_dpkg {
            let held = dpkg::held(source, self, &claims);
            let keys: BTreeSet<Key> = claims.iter().map(|(key, _)| *key).collect();
            let sure: BTreeSet<Key> = held.iter().map(|(key, _)| *key).collect();
            self.entries.retain(|entry| {
                !keys.contains(&entry.key)
                    || !sure.contains(&entry.key)
                    || held.contains(&(entry.key, entry.package))
            });
        }
        self.entries.dedup_by_key(|entry| entry.key);
    }

    /// Whether packages were installed or removed since the database was read.
    pub(super) fn has_moved(&self, source: &Source) -> bool {
        dpkg::stamp(source) != self.stamp
    }

    /// What a package says of the file at an absolute path.
    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(self.place(path)?)
    }

    /// Where the entry of a path is among all.
    pub(super) fn place(&self, path: &str) -> Option<usize> {
        let key = key(path);
        self.entries.binary_search_by(|entry| entry.key.cmp(&key)).ok()
    }

    /// The watched files that packages have and that were not met, which is told by their places.
    pub(super) fn not_met(&self, source: &Source, met: impl Fn(usize) -> bool) -> Vec<(String, u32)> {
        let missing = |(place, entry): &(usize, &Entry)| entry.watched && !met(*place);
        let wanted: BTreeSet<(Key, u32)> = self
            .entries
            .iter()
            .enumerate()
            .filter(missing)
            .map(|(_, entry)| (entry.key, entry.package))
            .collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut paths = dpkg::paths(source, self, &wanted);
        paths.extend(pacman::paths(source, self, &wanted));
        paths
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry at a place.
    pub(super) fn entry_at(&self, place: usize) -> Option<Entry> {
        self.entries.get(place).copied()
    }

    /// Name and version of the package of an entry.
    pub(super) fn name(&self, entry: &Entry) -> Option<String> {
        self.named(entry.package).map(str::to_owned)
    }

    /// Name and version of a package by its number.
    pub(super) fn named(&self, package: u32) -> Option<&str> {
        self.names.get(usize::try_from(package).ok()?).map(String::as_str)
    }

    /// Name and version of the package that lists a path, as far as entries go.
    pub(super) fn owner(&self, path: &str) -> Option<String> {
        self.name(self.entry(path)?)
    }

    /// Name and version of the packages of some paths. Those without an entry are looked for in the lists of files,
    /// which takes a pass over all of them.
    pub(super) fn owners(&self, source: &Source, paths: &[String]) -> BTreeMap<String, String> {
        let mut owners = BTreeMap::new();
        let mut rest = BTreeSet::new();
        for path in paths {
            match self.owner(path) {
                Some(owner) => drop(owners.insert(path.clone(), owner)),
                None => drop(rest.insert(path.clone())),
            }
        }
        if !rest.is_empty() && self.of_dpkg {
            dpkg::owners(source, &rest, &mut owners);
        }
        owners
    }

    /// Adds a package by name and version; its number.
    pub(super) fn package(&mut self, name: String) -> u32 {
        self.names.push(name);
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a file by its path without the first slash.
    pub(super) fn add(&mut self, package: u32, path: &str, digest: Digest, mode: Option<u16>, links: &Links) {
        let powers = mode.is_some_and(|mode| mode & 0o6000 != 0);
        if (!is_kept(path) && !powers) || self.entries.len() >= MAX_ENTRIES {
            return;
        }
        let path = links.resolve(path);
        let watched = self.watched.iter().any(|top| below(&path, top))
            && !self.left_out.iter().any(|top| below(&path, top));
        self.entries.push(Entry { key: key(&path), digest, mode, watched, package });
    }

    /// Notes a file that is held against its package wherever it lies.
    pub(super) fn choose(&mut self, path: String, digest: Digest, package: u32, configured: bool) {
        let package = self.named(package).unwrap_or_default().to_owned();
        if self.chosen.len() < MAX_CHOSEN {
            self.chosen.push(Chosen { path, digest, package, configured });
        }
    }
}

/// Whether files at a path without its first slash are worth an entry.
pub(super) fn is_kept(path: &str) -> bool {
    KEPT.iter().any(|top| below(path, top))
}

/// The key of an absolute path.
pub(super) fn key(path: &str) -> Key {
    *blake3::hash(path.as_bytes()).as_bytes().first_chunk().unwrap_or(&[0; 16])
}

/// Directories of the root that are links, such as `/bin` where `/usr` is merged.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<(String, String)>);

impl Links {
    pub(super) fn read(source: &Source) -> Self {
        let tops = ["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr/sbin"];
        let target = |top: &&str| {
            let path = format!("/{top}");
            (source.lstat(&path).ok()?.kind == Type::Link).then(|| source.link(&path).ok()).flatten()
        };
        let pairs = tops.iter().filter_map(|top| Some(((*top).to_owned(), text::of_bytes(&target(top)?))));
        let absolute = pairs.map(|(top, target)| match target.strip_prefix('/') {
            Some(target) => (top, target.to_owned()),
            None => match top.rsplit_once('/') {
                Some((folder, _)) => (top.clone(), format!("{folder}/{target}")),
                None => (top, target),
            },
        });
        Self(absolute.collect())
    }

    /// The absolute path that one without its first slash names.
    pub(super) fn resolve(&self, path: &str) -> String {
        let link = self.0.iter().find(|(top, _)| below(path, top));
        match link {
            Some((top, target)) => {
                format!("/{target}{}", path.strip_prefix(top.as_str()).unwrap_or_default())
            }
            None => format!("/{path}"),
        }
    }
}

//! Which package a file is of, and what the package says its contents are.
//!
//! Read from dpkg's database (`*.md5sums`, the conffiles of `status`, `diversions`) or pacman's (`mtree`).
//! Kept are digests of what lies where programs, libraries and configuration do; documentation is not.

use super::pacman;
use super::source::{Source, Type};
use super::text;
use super::unread::{Optional as _, Unread};
use std::collections::BTreeMap;

const INFO: &str = "/var/lib/dpkg/info";
const STATUS: &str = "/var/lib/dpkg/status";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";

/// Where files are worth an entry.
const KEPT: [&str; 14] = [
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
    "usr/lib",
    "usr/libexec",
    "usr/local",
    "usr/sbin",
];

/// Most entries, 40 bytes each.
const MAX_ENTRIES: usize = 1_000_000;

/// A digest as a package's list gives it. Of SHA-256 the first half is kept: to find another file with the same
/// half is as far out of reach, and a machine has tens of thousands of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digest {
    /// Of dpkg's lists.
    Md5([u8; 16]),
    /// Of pacman's lists.
    Sha256([u8; 16]),
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

    /// Lowercase hexadecimal digits of what is kept.
    pub(super) fn hex(self) -> String {
        let mut out = Vec::new();
        let (Self::Md5(bytes) | Self::Sha256(bytes)) = self;
        spec::hash::write_hex(&bytes, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// A file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    key: [u8; 16],
    pub(super) digest: Digest,
    package: u32,
}

/// The files of the installed packages.
#[derive(Debug, Default)]
pub(super) struct Packages {
    entries: Vec<Entry>,
    names: Vec<String>,
    /// Why there is nothing to ask; `None` if there is.
    pub(super) trouble: Option<Unread>,
}

impl Packages {
    /// Reads whichever database there is. That there is none, or that it cannot be read, is kept as
    /// [`Packages::trouble`].
    pub(super) fn load(source: &Source) -> Self {
        let mut packages = Self::default();
        let loaded = match dpkg(source, &mut packages) {
            Err(unread) if unread.is_missing() => pacman::load(source, &mut packages),
            loaded => loaded,
        };
        packages.trouble = loaded.err().map(|unread| {
            if unread.is_missing() { Unread::odd("the package database", "was not found") } else { unread }
        });
        packages.entries.sort_unstable();
        packages.entries.dedup_by_key(|entry| entry.key);
        packages.entries.shrink_to_fit();
        packages
    }

    /// What a package says of the file at an absolute path.
    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        let key = key(path);
        let at = self.entries.binary_search_by(|entry| entry.key.cmp(&key)).ok()?;
        self.entries.get(at)
    }

    /// Name and version of the package of an entry.
    pub(super) fn name(&self, entry: &Entry) -> Option<String> {
        self.names.get(usize::try_from(entry.package).ok()?).cloned()
    }

    /// Name and version of the package that lists a path.
    pub(super) fn owner(&self, path: &str) -> Option<String> {
        self.name(self.entry(path)?)
    }

    /// Adds a package by name and version; its number.
    pub(super) fn package(&mut self, name: String) -> u32 {
        self.names.push(name);
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a file by its path without the first slash.
    pub(super) fn add(&mut self, package: u32, path: &str, digest: Digest, links: &Links) {
        let kept = KEPT.iter().any(|top| super::watch::below(path, top));
        if kept && self.entries.len() < MAX_ENTRIES {
            self.entries.push(Entry { key: key(&links.resolve(path)), digest, package });
        }
    }
}

/// By what a path is found; it need not hold against anybody but chance.
fn key(path: &str) -> [u8; 16] {
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
    fn resolve(&self, path: &str) -> String {
        let link = self.0.iter().find(|(top, _)| super::watch::below(path, top));
        match link {
            Some((top, target)) => {
                format!("/{target}{}", path.strip_prefix(top.as_str()).unwrap_or_default())
            }
            None => format!("/{path}"),
        }
    }
}

fn dpkg(source: &Source, packages: &mut Packages) -> Result<(), Unread> {
    let files = source.list(INFO)?;
    let links = Links::read(source);
    let mut versions = BTreeMap::new();
    let mut conffiles = Vec::new();
    status(source, &mut versions, &mut conffiles)?;
    let diverted = diversions(source)?;
    let mut numbers = BTreeMap::new();
    let mut number = |packages: &mut Packages, name: &str| {
        let plain = name.split(':').next().unwrap_or(name).to_owned();
        *numbers.entry(plain.clone()).or_insert_with(|| {
            let version = versions.get(&plain).map_or("", String::as_str);
            packages.package(format!("{plain} {version}").trim_end().to_owned())
        })
    };
    for file in files {
        let Some(name) = file.strip_suffix(".md5sums") else { continue };
        let package = number(packages, name);
        source.each_line(&format!("{INFO}/{file}"), |line| {
            let Some((digest, path)) = line.split_once("  ") else { return };
            let Some(digest) = Digest::parse(digest) else { return };
            let moved = diverted.get(path).filter(|(_, by)| by != name);
            packages.add(package, moved.map_or(path, |(to, _)| to), digest, &links);
        })?;
    }
    for (name, path, digest) in conffiles {
        let package = number(packages, &name);
        packages.add(package, &path, digest, &links);
    }
    Ok(())
}

type Conffile = (String, String, Digest);

/// Versions of the installed packages by name, and the configuration files that they list.
fn status(
    source: &Source,
    versions: &mut BTreeMap<String, String>,
    conffiles: &mut Vec<Conffile>,
) -> Result<(), Unread> {
    let (mut name, mut inside) = (String::new(), false);
    source.each_line(STATUS, |line| {
        if let Some(package) = line.strip_prefix("Package: ") {
            package.clone_into(&mut name);
        } else if let Some(version) = line.strip_prefix("Version: ") {
            versions.insert(name.clone(), version.to_owned());
        }
        if !line.starts_with(' ') {
            inside = line.starts_with("Conffiles:");
        } else if inside {
            let mut words = line.split_whitespace();
            let (path, digest) = (words.next().unwrap_or_default(), words.next().and_then(Digest::parse));
            if let (Some(path), Some(digest)) = (path.strip_prefix('/'), digest) {
                conffiles.push((name.clone(), path.to_owned(), digest));
            }
        }
    })?;
    Ok(())
}

/// Paths that a package took over from others: where theirs went, and which package it was.
fn diversions(source: &Source) -> Result<BTreeMap<String, (String, String)>, Unread> {
    let text = source.text(DIVERSIONS).optional()?.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let plain = |path: &str| path.trim_start_matches('/').to_owned();
    let triples = lines.as_chunks::<3>().0.iter();
    Ok(triples.map(|[from, to, by]| (plain(from), (plain(to), (*by).to_owned()))).collect())
}

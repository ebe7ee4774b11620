//! Files that are not what their package brought: what the walk over the watched files suspects, what packages have
//! and the walk did not meet, and what root runs or loads beside the watched paths.
//!
//! The database is read once at the start and the files up to minutes later, so packages may be upgraded in between.
//! A suspicion therefore becomes a finding only after the database and the file were asked again.

use super::check::Check;
use super::cx::Cx;
use super::dpkg::{Again, Now};
use super::packages::Digest;
use super::source::{Meta, Type};
use super::unread::Optional as _;
use super::watch::below;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use spec::{Hash, Severity};
use std::collections::BTreeMap;

/// A program that is not what its package says.
pub(super) static PACKAGE: Check = Check {
    id: "package-file",
    severity: Severity::Critical,
    title: "A program is not what its package brought",
    remediation: "Compare it with a fresh copy of the package (apt-get download, dpkg -V NAME) and install the package \
                  again. If nobody changed the file on purpose, examine the machine from other media.",
};

/// Most suspicions that are asked about again; a machine with more has other worries than an upgrade.
const MAX_ASKED: usize = 512;

/// Missing files of one package that are named one by one; more are one finding.
const MAX_MISSING: usize = 8;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Other contents.
    Content,
    /// It is of another type: a link in place of a program.
    Type(&'static str),
    /// A link that leads elsewhere.
    Target,
    /// It gives powers, or lets others write, as its package does not have it.
    Mode(u32),
}

/// A file that seems not to be what its package brought.
#[derive(Debug, Clone)]
pub(super) struct Suspect {
    pub(super) path: String,
    pub(super) package: String,
    pub(super) listed: Digest,
    pub(super) wrong: Wrong,
    /// What was seen.
    pub(super) seen: Hash,
    /// Whether it is the administrator's to change.
    pub(super) configured: bool,
}

/// Whether a mode gives away what the package's does not.
pub(super) fn gives_more(is: u32, listed: u32) -> bool {
    is & !listed & 0o6022 != 0
}

/// Holds the files that root runs or loads, and nobody watches, against their packages.
pub(super) fn chosen(cx: &mut Cx<'_>, suspects: &mut Vec<Suspect>) {
    let packages = cx.packages;
    for file in &packages.chosen {
        let watched = cx.watched.paths.iter().any(|top| below(&file.path, top));
        if watched && !below(&file.path, "/etc") || cx.watched.is_left_out(&file.path) {
            continue;
        }
        let meta = cx.source.lstat(&file.path).optional();
        let Some(Some(meta)) = cx.known(&PACKAGE, meta) else { continue };
        let found = if meta.kind == Type::File { digest(cx, &file.path, file.digest) } else { None };
        if found.as_deref() == Some(file.digest.hex().as_str()) {
            continue;
        }
        let wrong = if meta.kind == Type::File { Wrong::Content } else { Wrong::Type(meta.word) };
        let seen = super::cx::evidence(PACKAGE.id, found.unwrap_or_default().as_bytes());
        suspects.push(Suspect {
            path: file.path.clone(),
            package: file.package.clone(),
            listed: file.digest,
            wrong,
            seen,
            configured: file.configured,
        });
    }
}

/// Makes findings of what still holds.
pub(super) fn report(cx: &mut Cx<'_>, suspects: Vec<Suspect>) {
    let source = cx.source;
    let asked = suspects.iter().any(|suspect| suspect.listed.is_of_dpkg());
    let again = asked.then(|| Again::read(source));
    for (number, suspect) in suspects.into_iter().enumerate() {
        let again = again.as_ref().filter(|_| number < MAX_ASKED);
        let now = match again {
            Some(Ok(again)) if suspect.listed.is_of_dpkg() => again.of(&suspect.package, &suspect.path),
            Some(Err(_)) if suspect.listed.is_of_dpkg() => Now::Unknown,
            _ => Now::Has(suspect.listed),
        };
        match now {
            Now::Lost => {}
            Now::Has(listed) => {
                if !is_right(cx, &suspect, listed) {
                    find(cx, &suspect);
                }
            }
            Now::Unfinished => {
                cx.unknown(
                    &PACKAGE,
                    format!("{} is being installed, or its installation broke off", suspect.package),
                );
            }
            Now::Unknown => cx.unknown(&PACKAGE, "the package database changes while it is read"),
        }
    }
}

/// Whether the file is by now what the package lists by now.
fn is_right(cx: &Cx<'_>, suspect: &Suspect, listed: Digest) -> bool {
    let Ok(meta) = cx.source.lstat(&suspect.path) else { return false };
    match suspect.wrong {
        Wrong::Content => {
            meta.kind == Type::File
                && digest(cx, &suspect.path, listed).as_deref() == Some(listed.hex().as_str())
        }
        Wrong::Type(_) => meta.kind == Type::File && !listed.is_link(),
        Wrong::Target => false,
        Wrong::Mode(was) => !gives_more(meta.mode, was),
    }
}

fn find(cx: &mut Cx<'_>, suspect: &Suspect) {
    let package = &suspect.package;
    let (title, severity) = match suspect.wrong {
        _ if suspect.configured => {
            (format!("A script that root runs is not what its package brought: {package}"), Severity::Medium)
        }
        Wrong::Content => {
            (format!("A program is not what its package brought: {package}"), Severity::Critical)
        }
        Wrong::Type(word) => (
            format!(
                "A program is not what its package brought: {package} has a file where there is a {word}"
            ),
            Severity::Critical,
        ),
        Wrong::Target => {
            (format!("A link leads elsewhere than its package has it: {package}"), Severity::High)
        }
        Wrong::Mode(listed) => (
            format!("A program has other permissions than its package gave it: {package} has {listed:o}"),
            Severity::High,
        ),
    };
    cx.find(&PACKAGE, suspect.path.clone(), suspect.seen.0).title(title).severity(severity);
}

/// Reports what packages have in the watched paths and is not there.
pub(super) fn missing(cx: &mut Cx<'_>, met: impl Fn(usize) -> bool) {
    let mut by_package: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, package) in cx.packages.not_met(cx.source, met) {
        let gone = cx.source.lstat(&path).is_err_and(|unread| unread.is_missing());
        // What the administrator took away of the configuration is taken away.
        if gone
            && !below(&path, "/etc")
            && let Some(package) = cx.packages.named(package)
        {
            by_package.entry(package.to_owned()).or_default().push(path);
        }
    }
    for (package, paths) in by_package {
        let title = |what: &str| format!("{what} of a package is missing: {package}");
        if paths.len() > MAX_MISSING {
            let subject = format!("package {}", package.split(' ').next().unwrap_or_default());
            let title = format!("{} files of a package are missing: {package}", paths.len());
            cx.find(&PACKAGE, subject, paths.join("\n")).title(title).severity(Severity::Low);
            continue;
        }
        for path in paths {
            let seen = format!("{path} missing");
            cx.find(&PACKAGE, path, seen).title(title("A file")).severity(Severity::Low);
        }
    }
}

/// The package whose file, with the contents it lists, is at a path, or at the end of the links there.
pub(super) fn explain(cx: &Cx<'_>, path: &str) -> Option<String> {
    let meta = cx.source.lstat(path).ok()?;
    match meta.kind {
        Type::File if cx.packages.entry(path).is_some() => unchanged(cx, path, &meta),
        // Through a folder that is a link.
        Type::File => unchanged(cx, &cx.source.real(path)?, &meta),
        Type::Link => {
            let target = cx.source.link(path).ok()?;
            if let Some(entry) = cx.packages.entry(path) {
                return (entry.digest == Digest::link(&target)).then(|| cx.packages.name(entry)).flatten();
            }
            let real = cx.source.real(path)?;
            let meta = cx.source.lstat(&real).ok()?;
            (meta.kind == Type::File && meta.only_root_writes())
                .then(|| unchanged(cx, &real, &meta))
                .flatten()
        }
        Type::Directory | Type::Special => None,
    }
}

/// The package of a regular file that has the contents which the package lists, be it by now.
fn unchanged(cx: &Cx<'_>, path: &str, meta: &Meta) -> Option<String> {
    let entry = cx.packages.entry(path).filter(|entry| !entry.digest.is_link())?;
    let package = cx.packages.name(entry)?;
    if entry.mode.is_some_and(|listed| gives_more(meta.mode, u32::from(listed))) {
        return None;
    }
    let found = digest(cx, path, entry.digest)?;
    if found == entry.digest.hex() {
        return Some(package);
    }
    // It may have been upgraded since the scan began.
    let again = (entry.digest.is_of_dpkg() && cx.packages.has_moved(cx.source))
        .then(|| Again::read(cx.source).ok())
        .flatten()?;
    match again.of(&package, path) {
        Now::Has(listed) if listed.hex() == found => Some(package),
        _ => None,
    }
}

/// A file's digest by the kind that its package lists.
fn digest(cx: &Cx<'_>, path: &str, kind: Digest) -> Option<String> {
    let mut packaged = Packaged::new(Some(kind));
    cx.source.stream(path, |bytes| packaged.update(bytes)).ok()?;
    packaged.finish()
}

/// A digest of the kind that a package lists, in the making.
pub(super) enum Packaged {
    None,
    Md5(Md5),
    Sha256(Sha256),
}

impl Packaged {
    pub(super) fn new(listed: Option<Digest>) -> Self {
        match listed {
            None | Some(Digest::Link(_)) => Self::None,
            Some(Digest::Md5(_)) => Self::Md5(Md5::new()),
            Some(Digest::Sha256(_)) => Self::Sha256(Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Md5(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Md5(digest) => Some(Digest::Md5(digest.finalize().into()).hex()),
            Self::Sha256(digest) => Some(Digest::sha256(&digest.finalize().into()).hex()),
        }
    }
}

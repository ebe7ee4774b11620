//! dpkg's database, below `/var/lib/dpkg`: what dpkg(1), dpkg-divert(1) and dpkg-statoverride(1) keep there, and the
//! `md5sums` and `conffiles` of deb(5) that packages bring.
//!
//! A package has the files of its `.list`; its `.md5sums` may have lines of files that it lost to another. The lists of
//! files are long, so they are read only when there is a question: two packages claim a path, or nobody does.

use super::packages::{Digest, Key, Links, Packages, is_kept, key};
use super::source::Source;
use super::text;
use super::unread::{Optional as _, Unread};
use std::collections::{BTreeMap, BTreeSet};

const INFO: &str = "/var/lib/dpkg/info";
const STATUS: &str = "/var/lib/dpkg/status";
const UPDATES: &str = "/var/lib/dpkg/updates";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";
const OVERRIDES: &str = "/var/lib/dpkg/statoverride";

/// Where packages put what root runs, beside the paths that are watched. Scripts among the conffiles are the
/// administrator's to change, and still those that root runs.
const RUN: [&str; 12] = [
    "etc/NetworkManager/dispatcher.d",
    "etc/cron.daily",
    "etc/cron.hourly",
    "etc/cron.monthly",
    "etc/cron.weekly",
    "etc/cron.yearly",
    "etc/init.d",
    "etc/update-motd.d",
    "usr/lib/apt",
    "usr/lib/cron",
    "usr/lib/dpkg",
    "usr/lib/udev",
];
const RUN_FROM: [&str; 4] = ["etc/dhcp/", "etc/kernel/", "etc/network/if-", "etc/ppp/ip-"];

/// Libraries that every program or every login loads, by the beginning of their names.
const LOADED: [&str; 8] = [
    "ld-linux",
    "libaudit.so",
    "libc.so",
    "libcrypt.so",
    "libnss_",
    "libpam",
    "libselinux.so",
    "libsystemd.so",
];

/// What a package is in the middle of, so that its files need not fit its lists (dpkg(1), "Package states").
const UNFINISHED: [&str; 2] = ["half-installed", "unpacked"];

type Diversions = BTreeMap<String, (String, String)>;

/// A configuration file of a package: whose, where, and what it was.
type Conffile = (String, String, Digest);

/// What the database says of the packages themselves.
#[derive(Debug, Default)]
struct Status {
    versions: BTreeMap<String, String>,
    conffiles: Vec<Conffile>,
    unfinished: BTreeSet<String>,
}

/// Adds the files of every installed package.
pub(super) fn load(source: &Source, packages: &mut Packages) -> Result<(), Unread> {
    let files = source.list(INFO)?;
    let links = Links::read(source);
    let mut status = Status::default();
    status.read(source, STATUS)?;
    let diverted = diversions(source)?;
    packages.overrides = overrides(source)?;
    let mut numbers = BTreeMap::new();
    let mut number = |packages: &mut Packages, name: &str| {
        *numbers.entry(name.to_owned()).or_insert_with(|| {
            let version = status.versions.get(name).map_or("", String::as_str);
            packages.package(format!("{name} {version}").trim_end().to_owned())
        })
    };
    for file in files {
        let Some(name) = file.strip_suffix(".md5sums").map(plain) else { continue };
        let package = number(packages, name);
        let sound = sums(source, &file, |path, digest| {
            if !is_kept(path) {
                return;
            }
            let path = moved(&diverted, path, name);
            packages.add(package, path, digest, None, &links);
            if is_run(path) {
                packages.choose(links.resolve(path), digest, package, false);
            }
        })?;
        if !sound {
            packages.damaged = Some(Unread::odd(&format!("{INFO}/{file}"), "has lines that are none"));
        }
    }
    for (name, path, digest) in status.conffiles {
        let package = number(packages, &name);
        let path = moved(&diverted, &path, &name).to_owned();
        packages.add(package, &path, digest, None, &links);
        if is_run(&path) {
            packages.choose(links.resolve(&path), digest, package, true);
        }
    }
    Ok(())
}

/// What tells one state of the database from another: dpkg replaces its status whenever something changes.
pub(super) fn stamp(source: &Source) -> Option<(u64, i128)> {
    source.stat(STATUS).ok().map(|meta| (meta.ino, meta.ctime_ns))
}

/// Which of some claims to paths the lists of files bear out.
pub(super) fn held(
    source: &Source,
    packages: &Packages,
    claims: &BTreeSet<(Key, u32)>,
) -> BTreeSet<(Key, u32)> {
    let (links, diverted) = (Links::read(source), diversions(source).unwrap_or_default());
    let mut held = BTreeSet::new();
    let claimants: BTreeSet<u32> = claims.iter().map(|(_, package)| *package).collect();
    let files = source.list(INFO).unwrap_or_default();
    for package in claimants {
        let Some(name) = packages.named(package).and_then(|name| name.split(' ').next()) else { continue };
        for file in of_package(&files, name, ".list") {
            let outcome = listed(source, file, |path| {
                let claim = (key(&links.resolve(moved(&diverted, path, name))), package);
                if claims.contains(&claim) {
                    held.insert(claim);
                }
            });
            drop(outcome);
        }
    }
    held
}

/// Adds the packages whose lists of files have some of the paths.
pub(super) fn owners(source: &Source, paths: &BTreeSet<String>, owners: &mut BTreeMap<String, String>) {
    let (links, diverted) = (Links::read(source), diversions(source).unwrap_or_default());
    let mut status = Status::default();
    // Without it names lack their versions.
    drop(status.read(source, STATUS));
    for file in source.list(INFO).unwrap_or_default() {
        let Some(name) = file.strip_suffix(".list").map(plain) else { continue };
        let outcome = listed(source, &file, |path| {
            let path = links.resolve(moved(&diverted, path, name));
            if paths.contains(&path) {
                let version = status.versions.get(name).map_or("", String::as_str);
                owners.insert(path, format!("{name} {version}").trim_end().to_owned());
            }
        });
        drop(outcome);
    }
}

/// The paths of some entries, by the packages that have them: what is kept of a path does not tell it.
pub(super) fn paths(
    source: &Source,
    packages: &Packages,
    wanted: &BTreeSet<(Key, u32)>,
) -> Vec<(String, u32)> {
    let (links, diverted) = (Links::read(source), diversions(source).unwrap_or_default());
    let mut found = Vec::new();
    let files = source.list(INFO).unwrap_or_default();
    let claimants: BTreeSet<u32> = wanted.iter().map(|(_, package)| *package).collect();
    for package in claimants {
        let Some(name) = packages.named(package).and_then(|name| name.split(' ').next()) else { continue };
        for file in of_package(&files, name, ".list") {
            let outcome = listed(source, file, |path| {
                let path = links.resolve(moved(&diverted, path, name));
                if wanted.contains(&(key(&path), package)) {
                    found.push((path, package));
                }
            });
            drop(outcome);
        }
    }
    found
}

/// What the database says of a path now; it may have changed since it was read as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Now {
    /// The package has no such file any more.
    Lost,
    /// The package has it, with this digest.
    Has(Digest),
    /// The package is being installed.
    Unfinished,
    /// The lists cannot be read.
    Unknown,
}

/// The database as it is now.
#[derive(Debug)]
pub(super) struct Again<'s> {
    source: &'s Source,
    links: Links,
    diverted: Diversions,
    files: Vec<String>,
    status: Status,
}

impl<'s> Again<'s> {
    /// Reads what it says of packages, and the journal of a dpkg that is at work: that has the newest word.
    pub(super) fn read(source: &'s Source) -> Result<Self, Unread> {
        let mut status = Status::default();
        status.read(source, STATUS)?;
        for update in source.list(UPDATES).optional()?.unwrap_or_default() {
            if update.bytes().all(|byte| byte.is_ascii_digit()) {
                // Taken up into the status by the time it is asked for.
                drop(status.read(source, &format!("{UPDATES}/{update}")));
            }
        }
        let (links, diverted, files) = (Links::read(source), diversions(source)?, source.list(INFO)?);
        Ok(Self { source, links, diverted, files, status })
    }

    /// What it says of a file of a package, which is given with its version.
    pub(super) fn of(&self, package: &str, path: &str) -> Now {
        let name = package.split(' ').next().unwrap_or_default();
        if self.status.unfinished.contains(name) {
            return Now::Unfinished;
        }
        let place = |member: &str| self.links.resolve(moved(&self.diverted, member, name));
        let (mut has, mut digest, mut lists) = (false, None, false);
        for file in of_package(&self.files, name, ".list") {
            lists |= listed(self.source, file, |member| has |= place(member) == path).is_ok();
        }
        for file in of_package(&self.files, name, ".md5sums") {
            let outcome = sums(self.source, file, |member, sum| {
                if place(member) == path {
                    digest = Some(sum);
                }
            });
            if outcome.is_err() {
                return Now::Unknown;
            }
        }
        let mut conffiles = self.status.conffiles.iter();
        let configured = conffiles.find(|(of, at, _)| of == name && place(at) == path);
        match digest.or(configured.map(|(_, _, digest)| *digest)) {
            // A package without a list of files is damaged, and says nothing about what it lost.
            Some(digest) if has || !lists => Now::Has(digest),
            _ => Now::Lost,
        }
    }
}

impl Status {
    fn read(&mut self, source: &Source, path: &str) -> Result<(), Unread> {
        let (mut name, mut inside) = (String::new(), false);
        source.each_line(path, |line| {
            if line.starts_with([' ', '\t']) {
                if inside {
                    self.conffile(&name, line);
                }
                return;
            }
            let Some((field, value)) = line.split_once(':') else { return };
            let value = value.trim();
            inside = false;
            match field.to_ascii_lowercase().as_str() {
                "package" => value.clone_into(&mut name),
                "version" => drop(self.versions.insert(name.clone(), value.to_owned())),
                "status" => {
                    let unfinished =
                        value.split_whitespace().nth(2).is_some_and(|word| UNFINISHED.contains(&word));
                    if unfinished {
                        self.unfinished.insert(name.clone())
                    } else {
                        self.unfinished.remove(&name)
                    };
                }
                "conffiles" => inside = true,
                _ => {}
            }
        })
    }

    /// `/etc/x 0123…`, perhaps with `obsolete` behind.
    fn conffile(&mut self, name: &str, line: &str) {
        let mut words = line.split_whitespace();
        let (path, digest) = (words.next().unwrap_or_default(), words.next().and_then(Digest::parse));
        // One that is obsolete is the package's no longer.
        let flag = words.next();
        if let (Some(path), Some(digest), None) = (path.strip_prefix('/'), digest, flag) {
            self.conffiles.push((name.to_owned(), path.to_owned(), digest));
        }
    }
}

/// The lines of a `.md5sums`: paths without slashes or `./` in front, and digests. Whether all lines are such.
fn sums(source: &Source, file: &str, mut each: impl FnMut(&str, Digest)) -> Result<bool, Unread> {
    let path = format!("{INFO}/{file}");
    let mut damaged = false;
    source.each_raw_line(&path, |line| {
        let sum = line.get(..32).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(Digest::parse);
        let name = line.get(32..).and_then(|rest| rest.strip_prefix(b"  ")).filter(|name| !name.is_empty());
        match (sum, name) {
            (Some(sum), Some(name)) => with_name(name, |name| each(name, sum)),
            _ => damaged = true,
        }
    })?;
    Ok(!damaged)
}

/// The lines of a `.list`: paths without their first slash.
fn listed(source: &Source, file: &str, mut each: impl FnMut(&str)) -> Result<(), Unread> {
    source.each_raw_line(&format!("{INFO}/{file}"), |line| with_name(line, &mut each))
}

/// A path of the database as text, without slashes and `./` in front or a slash at its end.
fn with_name(mut name: &[u8], each: impl FnOnce(&str)) {
    while let Some(rest) = name.strip_prefix(b"/").or_else(|| name.strip_prefix(b"./")) {
        name = rest;
    }
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let plain = name.iter().all(|byte| (b' '..0x7f).contains(byte) && *byte != b'\\');
    match std::str::from_utf8(name) {
        Ok(name) if plain => each(name),
        _ => each(&text::of_bytes(name)),
    }
}

/// Files of one package in the database, for whichever architecture.
fn of_package<'f>(files: &'f [String], name: &'f str, ending: &'f str) -> impl Iterator<Item = &'f String> {
    files.iter().filter(move |file| file.strip_suffix(ending).is_some_and(|stem| plain(stem) == name))
}

/// A package's name without its architecture.
fn plain(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

/// Where a package's file lies: elsewhere if another package, or the administrator, took its place.
fn moved<'p>(diverted: &'p Diversions, path: &'p str, package: &str) -> &'p str {
    diverted.get(path).filter(|(_, by)| by != package).map_or(path, |(to, _)| to)
}

fn is_run(path: &str) -> bool {
    let library = || {
        let name = path.rsplit('/').next().unwrap_or_default();
        let folder = path.starts_with("lib/") || path.starts_with("usr/lib/") || path.starts_with("lib64/");
        folder && LOADED.iter().any(|front| name.starts_with(front)) && name.contains(".so")
    };
    RUN.iter().any(|top| super::watch::below(path, top))
        || RUN_FROM.iter().any(|front| path.starts_with(front))
        || library()
}

/// Paths that a package, or the administrator (`:`), took over from others: where theirs went, and who it was.
fn diversions(source: &Source) -> Result<Diversions, Unread> {
    let bytes = source.bytes(DIVERSIONS).optional()?.unwrap_or_default();
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let mut diversions = Diversions::new();
    for [from, to, by] in lines.as_chunks::<3>().0 {
        let mut pair = (String::new(), String::new());
        with_name(from, |name| name.clone_into(&mut pair.0));
        with_name(to, |name| name.clone_into(&mut pair.1));
        diversions.insert(pair.0, (pair.1, plain(&String::from_utf8_lossy(by)).to_owned()));
    }
    Ok(diversions)
}

/// `root shadow 2755 /usr/bin/x`: modes by path.
fn overrides(source: &Source) -> Result<BTreeMap<String, u32>, Unread> {
    let text = source.text(OVERRIDES).optional()?.unwrap_or_default();
    let parse = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let (_, _, mode, path) = (words.next()?, words.next()?, words.next()?, words.next()?);
        Some((path.to_owned(), u32::from_str_radix(mode, 8).ok()?))
    };
    Ok(text.lines().filter_map(parse).collect())
}

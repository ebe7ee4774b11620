//! Where packages come from, and whether their signatures are asked for: apt and pacman.

pub mod conf;
pub mod sources;
mod words;

use super::check::Check;
use super::cx::Cx;
use super::pacman_conf;
use super::unread::{Optional as _, Unread};
use conf::Configuration;
use sources::Entry;
use spec::Severity;
use std::collections::BTreeMap;

/// Packages that nobody signed may be installed, or from a new place.
pub(super) static SOURCES: Check = Check {
    id: "apt-source",
    severity: Severity::High,
    title: "Packages are installed without asking for a signature",
    remediation: "Take trusted=yes, allow-insecure=yes and the like out of the source and give it the key of its maker \
                  (Signed-By). Remove sources that nobody knows.",
};

/// Settings of apt that switch the question off.
const LAX: [&str; 5] = [
    "acquire::allowdowngradetoinsecurerepositories",
    "acquire::allowinsecurerepositories",
    "acquire::allowweakrepositories",
    "apt::get::allowunauthenticated",
    "aptitude::cmdline::ignore-trust-violations",
];

/// Settings of apt's connections that must stay on, for all hosts or for one.
const ASKED: [&str; 2] = ["verify-host", "verify-peer"];

/// A machine with neither package manager has no sources.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let settings = Configuration::load(cx.source);
    let main = settings.file("Dir::Etc::sourcelist");
    let mut files = Vec::new();
    if cx.source.lstat(&main).optional()?.is_some() {
        files.push(main);
    }
    files.extend(words::listed(cx.source, &settings.dir("Dir::Etc::sourceparts"), &["list", "sources"])?);
    for path in files.iter().chain(settings.files()) {
        changed_by_others(cx, path);
    }
    super::loose::visit_all(cx, &SOURCES, &super::loose::SIGN);
    read(cx, &files);
    lax(cx, &settings);
    for refused in &settings.refused {
        cx.unknown(&SOURCES, refused);
    }
    pacman(cx)?;
    if !cx.seen.contains_key(SOURCES.id) {
        return Ok(());
    }
    cx.report_drift(&SOURCES, "A source of packages");
    for found in
        cx.found.iter_mut().filter(|found| found.check.id == SOURCES.id && found.title.contains("baseline"))
    {
        found.severity = found.severity.min(Severity::Medium);
    }
    Ok(())
}

fn changed_by_others(cx: &mut Cx<'_>, path: &str) {
    let meta = cx.source.stat(path);
    if let Some(meta) = cx.known(&SOURCES, meta)
        && !meta.only_root_writes()
    {
        let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
        cx.find(&SOURCES, format!("{path} mode"), seen)
            .title("Others than root can say where packages come from");
    }
}

/// What the files say. Two entries for one address and suite that differ about trust are refused by apt.
fn read(cx: &mut Cx<'_>, files: &[String]) {
    let mut entries: BTreeMap<(String, String), (Vec<String>, Entry)> = BTreeMap::new();
    for path in files {
        let bytes = cx.source.bytes(path);
        let Some(bytes) = cx.known(&SOURCES, bytes) else { continue };
        let sources = sources::parse(path, &bytes);
        if let Some(refused) = sources.refused {
            cx.unknown(&SOURCES, format!("{path}: apt refuses it: {refused}"));
        }
        for entry in sources.entries {
            cx.observe(&SOURCES, entry.address.clone(), &entry.address);
            let key = (entry.address.trim_end_matches('/').to_owned(), entry.suite.clone());
            let (paths, first) = entries.entry(key).or_insert_with(|| (Vec::new(), entry.clone()));
            // Off is as good as not said, but for trust.
            let on = |entry: &Entry| entry.lax.map(|option| option == Some(true));
            if (first.trusted, on(first)) != (entry.trusted, on(&entry)) {
                let (address, suite) = (&entry.address, &entry.suite);
                let why = "is asked for a signature in one entry and not in another";
                cx.unknown(&SOURCES, format!("{path}: apt refuses it: {address} {suite} {why}"));
                // Neither holds as long as both are there.
                (first.trusted, first.lax) = (None, [None; 3]);
            }
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
    }
    let lax = |entry: &Entry| entry.trusted == Some(true) || entry.lax.contains(&Some(true));
    for (paths, entry) in entries.into_values().filter(|(_, entry)| lax(entry)) {
        for path in paths {
            let seen = format!("{} {} {:?} {:?}", entry.address, entry.suite, entry.trusted, entry.lax);
            cx.find(&SOURCES, format!("{path} {}", entry.address), seen);
        }
    }
}

/// Settings that hold for every source.
fn lax(cx: &mut Cx<'_>, settings: &Configuration) {
    let mut names: Vec<(String, bool)> = LAX.iter().map(|name| ((*name).to_owned(), true)).collect();
    let hosts = settings
        .below("Acquire::https")
        .into_iter()
        .map(|host| format!("acquire::https::{}", host.to_ascii_lowercase()));
    for scope in std::iter::once("acquire::https".to_owned()).chain(hosts) {
        names.extend(ASKED.iter().map(|name| (format!("{scope}::{name}"), false)));
    }
    for (name, bad) in names {
        if settings.switch(&name) == Some(bad)
            && let Some((value, file)) = settings.value(&name)
        {
            cx.find(&SOURCES, format!("{} {name}", file.unwrap_or("apt")), format!("{name} {value}"));
        }
    }
}

/// What pacman takes without a signature, for all repositories or for one.
fn pacman(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let Some(settings) = pacman_conf::load(cx.source)? else { return Ok(()) };
    for refused in settings.refused {
        cx.unknown(&SOURCES, refused);
    }
    for (section, why) in settings.lax {
        let severity = if section == "LocalFileSigLevel" { Severity::Medium } else { Severity::High };
        let seen = format!("{section} {why}");
        cx.find(&SOURCES, format!("/etc/pacman.conf {section}"), seen).severity(severity);
    }
    for server in settings.servers {
        cx.observe(&SOURCES, server.clone(), server);
    }
    Ok(())
}

//! Where packages come from, and whether their signatures are asked for: apt and pacman.

use super::check::Check;
use super::cx::Cx;
use super::text;
use super::unread::{Optional as _, Unread};
use spec::Severity;

/// Packages that nobody signed may be installed, or from a new place.
pub(super) static SOURCES: Check = Check {
    id: "apt-source",
    severity: Severity::High,
    title: "Packages are installed without asking for a signature",
    remediation: "Take trusted=yes, allow-insecure=yes and the like out of the source and give it the key of its maker \
                  (Signed-By). Remove sources that nobody knows.",
};

/// Settings of apt that switch the question off.
const LAX: [&str; 6] = [
    "acquire::allowdowngradetoinsecurerepositories",
    "acquire::allowinsecurerepositories",
    "acquire::allowweakrepositories",
    "acquire::https::verify-peer",
    "apt::get::allowunauthenticated",
    "aptitude::cmdline::ignore-trust-violations",
];

/// A machine with neither package manager has no sources.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    for path in files(cx, "/etc/apt/sources.list", "/etc/apt/sources.list.d", &["list", "sources"])? {
        let text = cx.source.text(&path);
        let Some(text) = cx.known(&SOURCES, text) else { continue };
        if path.ends_with(".sources") { stanzas(cx, &path, &text) } else { lines(cx, &path, &text) }
    }
    for path in files(cx, "/etc/apt/apt.conf", "/etc/apt/apt.conf.d", &["", "conf"])? {
        let text = cx.source.text(&path);
        let Some(text) = cx.known(&SOURCES, text) else { continue };
        settings(cx, &path, &text);
    }
    if let Some(text) = cx.source.text("/etc/pacman.conf").optional()? {
        pacman(cx, &text);
    }
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

/// The file and the files of the folder, as far as they exist; those that others can change are reported.
fn files(cx: &mut Cx<'_>, file: &str, folder: &str, suffixes: &[&str]) -> Result<Vec<String>, Unread> {
    let mut paths = Vec::new();
    if cx.source.lstat(file).optional()?.is_some() {
        paths.push(file.to_owned());
    }
    let names = cx.source.list(folder).optional()?.unwrap_or_default();
    let read = |name: &&String| {
        // Apt reads names without a suffix, too, where it reads settings.
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        !name.starts_with('.') && suffixes.contains(&suffix)
    };
    paths.extend(names.iter().filter(read).map(|name| format!("{folder}/{name}")));
    for path in &paths {
        let meta = cx.source.stat(path);
        if let Some(meta) = cx.known(&SOURCES, meta)
            && !meta.only_root_writes()
        {
            let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
            cx.find(&SOURCES, format!("{path} mode"), seen)
                .title("Others than root can say where packages come from");
        }
    }
    Ok(paths)
}

/// `deb [trusted=yes] http://… stable main`.
fn lines(cx: &mut Cx<'_>, path: &str, text: &str) {
    for (number, line) in text::lines(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(("deb" | "deb-src", rest)) = words.split_first().map(|(first, rest)| (*first, rest)) else {
            cx.unknown(&SOURCES, format!("line {number} of {path} is not understood"));
            continue;
        };
        let end = if rest.first().is_some_and(|word| word.starts_with('[')) {
            rest.iter().position(|word| word.ends_with(']')).map_or(rest.len(), |at| at + 1)
        } else {
            0
        };
        let (options, rest) = rest.split_at(end);
        let address = rest.first().copied().unwrap_or_default();
        if address.is_empty() {
            cx.unknown(&SOURCES, format!("line {number} of {path} is not understood"));
            continue;
        }
        let options = options.join(" ").to_ascii_lowercase();
        let lax = options.trim_matches(['[', ']', ' ']).split_whitespace().any(is_lax);
        source(cx, path, address, lax, line);
    }
}

fn is_lax(option: &str) -> bool {
    let lax = ["trusted=", "allow-insecure=", "allow-weak="];
    lax.iter().any(|name| option.strip_prefix(name).is_some_and(is_yes))
}

fn is_yes(value: &str) -> bool {
    matches!(
        value.trim().trim_matches(['"', ';']).to_ascii_lowercase().as_str(),
        "yes" | "true" | "1" | "force"
    )
}

/// `URIs: http://…` and so on, a paragraph each.
fn stanzas(cx: &mut Cx<'_>, path: &str, text: &str) {
    for stanza in text.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            } else if !line.trim().is_empty() {
                cx.unknown(&SOURCES, format!("{path} is not understood"));
            }
        }
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        if field("enabled").is_some_and(|value| !is_yes(&value)) {
            continue;
        }
        let lax = ["trusted", "allow-insecure", "allow-weak"]
            .iter()
            .any(|name| field(name).is_some_and(|v| is_yes(&v)));
        for address in field("uris").unwrap_or_default().split_whitespace() {
            source(cx, path, address, lax, stanza);
        }
    }
}

fn source(cx: &mut Cx<'_>, path: &str, address: &str, lax: bool, seen: &str) {
    cx.observe(&SOURCES, address, address);
    if lax {
        cx.find(&SOURCES, format!("{path} {address}"), seen);
    }
}

/// `APT::Get::AllowUnauthenticated "true";`, in one line as everybody writes them.
fn settings(cx: &mut Cx<'_>, path: &str, text: &str) {
    for (_, line) in text::lines(text).filter(|(_, line)| !line.starts_with("//")) {
        let Some((name, value)) = line.split_once(char::is_whitespace) else { continue };
        let name = name.to_ascii_lowercase();
        let inverted = name.ends_with("verify-peer");
        if LAX.contains(&name.as_str()) && is_yes(value) != inverted {
            cx.find(&SOURCES, format!("{path} {name}"), line);
        }
    }
}

/// `SigLevel = Never` and `TrustAll`, in the file's own words.
fn pacman(cx: &mut Cx<'_>, text: &str) {
    let mut section = String::from("options");
    for (_, line) in text::lines(text) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let lax = value
            .split_whitespace()
            .any(|word| matches!(word, "Never" | "PackageNever" | "TrustAll" | "PackageTrustAll"));
        match name.trim() {
            "SigLevel" if lax => drop(cx.find(&SOURCES, format!("/etc/pacman.conf {section}"), line)),
            "Server" => cx.observe(&SOURCES, value.trim(), value.trim()),
            _ => {}
        }
    }
}

//! Signatures of packages: `pacman-conf` says what each repository asks for.

use super::{Files, judge, place, scan, tool};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

fn level() -> impl Strategy<Value = String> {
    let words = vec![
        "Never",
        "Optional",
        "Required",
        "TrustedOnly",
        "TrustAll",
        "PackageNever",
        "PackageOptional",
        "PackageRequired",
        "PackageTrustAll",
        "PackageTrustedOnly",
        "DatabaseNever",
        "DatabaseOptional",
        "DatabaseRequired",
        "Perhaps",
    ];
    let words = prop::collection::vec(select(words), 1..4);
    let blank = select(vec![" ", "  ", "\t"]);
    (
        select(vec!["SigLevel", "SigLevel", "SigLevel", "#SigLevel"]),
        select(vec![" = ", "=", "\t=  "]),
        words,
        blank,
    )
        .prop_map(|(name, equals, words, blank)| format!("{name}{equals}{}", words.join(blank)))
}

fn section() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => level(),
        1 => Just("Server = http://a.example.org/$repo".to_owned()),
        1 => Just("Include = /etc/pacman.d/*.inc".to_owned()),
        1 => Just(String::new()),
        1 => Just("  # SigLevel = Never".to_owned()),
    ];
    (select(vec!["[options]", "[core]", "[extra]", " [core] "]), prop::collection::vec(line, 0..4))
        .prop_map(|(name, lines)| format!("{name}\n{}\n", lines.join("\n")))
}

fn files() -> impl Strategy<Value = Files> {
    (prop::collection::vec(section(), 1..4), level()).prop_map(|(sections, level)| {
        vec![
            ("etc/pacman.conf".to_owned(), sections.concat()),
            ("etc/pacman.d/a.inc".to_owned(), format!("{level}\n")),
            ("etc/pacman.d/.b.inc".to_owned(), "SigLevel = Never\n".to_owned()),
        ]
    })
}

fn is_lax(words: &str) -> bool {
    let has = |word: &str| words.lines().any(|line| line.trim() == word);
    !has("PackageRequired") || has("PackageTrustAll")
}

/// What is said of packages, and not of databases.
fn packages(words: &str) -> Vec<&str> {
    words.lines().filter(|word| word.starts_with("Package")).collect()
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn pacman_conf() {
    judge("pacman.conf", &files(), |files| {
        place(&["etc/pacman.conf", "etc/pacman.d"], files);
        let (content, default) = tool("pacman-conf", &["SigLevel"]);
        let scan = scan(&[]);
        let refused =
            scan.unchecked.iter().any(|u| u.id.as_str() == "apt-source" && u.reason.contains("pacman"));
        if content == refused {
            return Some(format!("pacman is content: {content}; the scan: {:?}", scan.unchecked));
        }
        if !content {
            return None;
        }
        let found: BTreeSet<String> = scan
            .findings
            .iter()
            .filter_map(|f| f.subject.strip_prefix("/etc/pacman.conf ").map(str::to_owned))
            .collect();
        if is_lax(&default) != found.contains("options") {
            return Some(format!("pacman: {default:?}, the scan: {found:?}"));
        }
        let list = tool("pacman-conf", &["--repo-list"]).1;
        // Of two with one name it shows the first; pacman itself takes neither.
        let twice = |name: &str| list.lines().filter(|other| *other == name).count() > 1;
        for repository in list.lines().filter(|name| !twice(name)) {
            let words = tool("pacman-conf", &["--repo", repository, "SigLevel"]).1;
            // One without a level of its own has that of all.
            let ours = found.contains(repository);
            let differs = if words.trim().is_empty() || packages(&words) == packages(&default) {
                ours && !is_lax(&default)
            } else {
                ours != is_lax(&words)
            };
            if differs {
                return Some(format!("pacman of {repository}: {words:?}, the scan: {found:?}"));
            }
        }
        None
    });
}

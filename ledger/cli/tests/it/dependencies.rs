//! Who may know whom: the edges of `ARCHITECTURE.md`, and what each crate must not touch.

use crate::workspace::{TextFile, files, has_word, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates that do no I/O, so that an auditor can read them and they compile for any target.
const PURE: [&str; 3] = ["spec", "proofs", "projections"];

/// Crates whose own code does none either, though a library of theirs could: `parquet` brings `chrono`.
const PURE_THEMSELVES: [&str; 4] = ["spec", "proofs", "projections", "ledger/pack"];

/// For each crate of the workspace: which others it may depend on, and which its tests may use beside those.
const EDGES: [(&str, &[&str], &[&str]); 18] = [
    ("spec", &[], &[]),
    ("chance", &[], &[]),
    ("proofs", &["spec"], &["chance"]),
    ("disk", &[], &[]),
    ("pack", &["spec", "proofs"], &["chance"]),
    ("ledger", &["spec", "proofs", "disk", "pack"], &["chance"]),
    ("projections", &["spec", "proofs"], &["testing"]),
    ("identity", &["spec"], &[]),
    ("web", &["spec", "proofs", "ledger", "identity"], &[]),
    ("ingest", &["spec", "proofs", "ledger", "web"], &[]),
    ("web-console", &[], &[]),
    ("conformance", &[], &[]),
    (
        "serving",
        &["spec", "proofs", "ledger", "projections", "web", "web-console"],
        &["conformance", "testing"],
    ),
    (
        "service",
        &["spec", "proofs", "ledger", "projections", "identity", "web", "ingest", "serving"],
        &["conformance"],
    ),
    ("vaultmesh-agent", &["spec", "proofs", "disk", "chance"], &["testing"]),
    ("testing", &["spec", "proofs", "projections", "vaultmesh-agent"], &[]),
    (
        "ledger-cli",
        &[
            "spec",
            "proofs",
            "disk",
            "pack",
            "ledger",
            "projections",
            "web",
            "serving",
            "service",
            "vaultmesh-agent",
        ],
        &["testing"],
    ),
    (
        "benches",
        &["spec", "proofs", "ledger", "projections", "web", "ingest", "serving", "vaultmesh-agent"],
        &[],
    ),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn crates_depend_only_on_those_they_may_know() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]))
            .unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    let edges: BTreeMap<&str, (&[&str], &[&str])> =
        EDGES.iter().map(|(name, may, tests)| (*name, (*may, *tests))).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (may, tests) =
            edges.get(name).unwrap_or_else(|| panic!("{name}: a new crate needs a place in EDGES"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            let in_tests = dependency["kind"] == "dev" && tests.contains(&other);
            assert!(
                !names.contains(other) || may.contains(&other) || in_tests,
                "{name} must not depend on {other}; see ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn pure_crates_reach_no_system_through_others() {
    let system: Vec<&str> =
        "async-std axum chrono fjall getrandom hyper maud mio rand reqwest rustix smol time tokio"
            .split(' ')
            .collect();
    for name in PURE {
        let tree = cargo(&["tree", "-p", name, "-e", "normal", "--prefix", "none", "--offline"]);
        let found: Vec<&str> = tree
            .lines()
            .filter(|line| line.split(' ').next().is_some_and(|package| system.contains(&package)))
            .collect();
        assert!(found.is_empty(), "{name} reaches {found:?}");
    }
}

#[test]
fn pure_crates_touch_no_file_network_clock_or_chance() {
    const SYSTEM: &str = "std::env std::fs std::net std::os std::process std::thread std::time \
                          Instant SystemTime getrandom tokio";
    for name in PURE_THEMSELVES {
        assert_none(name, SYSTEM, &[]);
    }
}

#[test]
fn proofs_does_not_know_events() {
    // Of `spec`: bytes, hashes, text forms, limits and times; nothing that says what an event is.
    const MAY: &str =
        "canonical hash ids limits time CanonicalError Domain Hash Name PublicKey Signature Timestamp";
    for file in files("proofs/src", &["rs"]) {
        let code = file.code().map(|(_, line)| line.to_owned()).collect::<Vec<_>>().join("\n");
        for (at, _) in code.match_indices("spec::") {
            for name in names_after(&code[at + "spec::".len()..]) {
                assert!(
                    MAY.split(' ').any(|may| may == name),
                    "{}: proofs must not use spec::{name}",
                    file.path
                );
            }
        }
    }
}

/// The first names of a path or of each member of a braced list: `{a::b, c}` gives `a`, `c`.
fn names_after(rest: &str) -> Vec<&str> {
    fn first(path: &str) -> &str {
        path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    }
    let Some(list) = rest.strip_prefix('{') else { return vec![first(rest)] };
    let end = list.find('}').expect("a list ends");
    let list = &list[..end];
    assert!(!list.contains('{'), "nested lists are not read here: {list}");
    list.split(',').map(str::trim).filter(|path| !path.is_empty()).map(first).collect()
}

#[test]
fn only_durable_touches_the_ledgers_files() {
    const FILES: &str = "File:: OpenOptions std::fs tokio::fs rustix::fs sync_all sync_data";
    // Each with its reason; nothing here is part of the log.
    const MAY: [(&str, &str); 2] = [
        ("ledger/src/durable.rs", "the one module that opens, writes, syncs and renames"),
        (
            "ledger/src/keyring.rs",
            "reads private keys and checks that nobody else may; writes through durable",
        ),
    ];
    assert_none("ledger", FILES, &MAY);
    for (path, _) in MAY {
        let file = files("ledger/src", &["rs"]).into_iter().find(|file| file.path == path).expect(path);
        assert!(!file.uses(FILES).is_empty(), "{path} needs no exception any more");
    }
}

#[test]
fn only_the_executables_print_or_exit() {
    const PRINTING: &str = "print! println! eprint! eprintln! stdout() stderr() process::exit process::abort";
    for name in [
        "spec",
        "proofs",
        "ledger",
        "ledger/service",
        "ingest",
        "ingest/http",
        "projections",
        "projections/serving",
    ] {
        assert_none(name, PRINTING, &[]);
    }
    // The agent's library has the executable's commands in it, so that `ledger agent` is the same program.
    let may = [
        ("agent/src/main.rs", "the executable"),
        ("agent/src/cli.rs", "its command line"),
        ("agent/src/commands/", "its commands"),
    ];
    assert_none("agent", PRINTING, &may);
}

/// Asserts that none of the words stands in a crate's code outside the files that may have it.
#[track_caller]
fn assert_none(folder: &str, words: &str, may: &[(&str, &str)]) {
    let allowed = |file: &TextFile| may.iter().any(|(path, _)| file.path.starts_with(path));
    let found: Vec<String> = files(&format!("{folder}/src"), &["rs"])
        .iter()
        .filter(|file| !allowed(file))
        .flat_map(|file| file.uses(words))
        .collect();
    assert!(found.is_empty(), "none of these may stand here: {words}\n{}", found.join("\n"));
}

#[test]
fn scans_find_what_they_look_for() {
    assert_eq!(names_after("{Hash, limits::MAX, canonical};"), ["Hash", "limits", "canonical"]);
    assert_eq!(names_after("event::Header;"), ["event"]);
    assert!(has_word("    std::process::exit(0);", "process::exit"));
}

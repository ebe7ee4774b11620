//! Files that import each other in a circle cannot be read one after the other, nor moved apart. There are none, beyond
//! pairs inside one subject, each with its reason.

use crate::workspace::{TextFile, files, root};
use std::collections::{BTreeMap, BTreeSet};

/// Circles that stay, or stay for now: the files of each, or the folder that it does not leave, and why. The first that
/// holds a circle counts.
const CIRCLES: &[(&[&str], &str)] = &[
    // Pairs inside one subject.
    (
        &[
            "ledger/src/verify.rs",
            "ledger/src/verify/names.rs",
            "ledger/src/verify/report.rs",
            "ledger/src/verify/side.rs",
            "ledger/src/verify/survey.rs",
        ],
        "one verification: what it looks at beside the log, and the report that begins with its options",
    ),
    (
        &["projections/src/attention/reason.rs", "projections/src/attention/rules.rs"],
        "a reason has its usual rule, and the rules are a table by reason",
    ),
    (
        &["spec/src/entry.rs", "spec/src/written.rs"],
        "an entry is read by the reader of its written form, which makes entries",
    ),
    (
        &["agent/src/scan/accounts/directory.rs", "agent/src/scan/accounts/userdb.rs"],
        "the accounts are read from all their sources, and this one adds to them",
    ),
    (
        &["agent/src/scan/dpkg.rs", "agent/src/scan/packages.rs", "agent/src/scan/pacman.rs"],
        "the lists of packages know their readers",
    ),
    // For now: a registry stands in the file of its vocabulary. Each goes when the two are taken apart.
    (
        &["ingest/http/src"],
        "an app, its routes and a call are three sides of one thing: the one's router makes the other's calls",
    ),
    (&["projections/src"], "`fold.rs` lists the folds, and each fold takes its words from it"),
    (
        &["ledger/src/admission", "ledger/src/state.rs", "ledger/src/witness_set.rs"],
        "what may be said depends on the state, which keeps sets in the form in which they are admitted",
    ),
    (
        &[
            "ledger/src/inlets.rs",
            "ledger/src/intake.rs",
            "ledger/src/sequencer.rs",
            "ledger/src/service.rs",
            "ledger/src/witnessing.rs",
        ],
        "threads and what they send each other: the messages stand with who takes them",
    ),
    (
        &["ledger/service/src/sign_in.rs", "ledger/service/src/state.rs"],
        "the service keeps the codes of links, and the handler that takes one asks the service for them",
    ),
    (
        &["ledger/cli/src/commands/demo.rs", "ledger/cli/src/commands/demo"],
        "one story in four files, which share two constants",
    ),
    (
        &["spec/src/hash.rs", "spec/src/ids.rs", "spec/src/time.rs"],
        "text forms share an error and hex digits",
    ),
];

/// A crate's files by the paths of their modules.
type Modules = BTreeMap<Vec<String>, String>;

/// Which files each file imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_files_import_each_other_in_a_circle_without_a_reason() {
    let mut unused: BTreeSet<&[&str]> = CIRCLES.iter().map(|(paths, _)| *paths).collect();
    let mut problems = Vec::new();
    for folder in crates() {
        for circle in circles(&imports(&files(&format!("{folder}src"), &["rs"]), &folder)) {
            let has =
                |paths: &&[&str]| circle.iter().all(|file| paths.iter().any(|path| file.starts_with(path)));
            match CIRCLES.iter().map(|(paths, _)| *paths).find(has) {
                Some(paths) => drop(unused.remove(paths)),
                None => problems.push(format!("{} files: {}", circle.len(), circle.join(", "))),
            }
        }
    }
    problems
        .extend(unused.iter().map(|paths| format!("no circle any more, strike it: {}", paths.join(", "))));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The folders of the workspace's crates, each with a slash at its end.
fn crates() -> Vec<String> {
    let manifests = files(".", &["toml"]);
    let folders = manifests.iter().filter_map(|file| file.path.strip_suffix("Cargo.toml"));
    // The console's `src` is TypeScript.
    let is_rust = |folder: &str| {
        ["lib.rs", "main.rs"].iter().any(|file| root().join(folder).join("src").join(file).is_file())
    };
    folders.filter(|folder| is_rust(folder)).map(str::to_owned).collect()
}

fn imports(files: &[TextFile], folder: &str) -> Imports {
    let modules: Modules = files.iter().map(|file| (module(&file.path, folder), file.path.clone())).collect();
    files
        .iter()
        .map(|file| (file.path.clone(), imported(file, &module(&file.path, folder), &modules)))
        .collect()
}

/// The module that a file is.
fn module(path: &str, folder: &str) -> Vec<String> {
    let path = path.strip_prefix(folder).and_then(|path| path.strip_prefix("src/")).unwrap();
    let mut parts: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

/// The files that a file imports from. Where it names its own children it imports them, unless it hands their names on:
/// a parent that only declares what is below it does not depend on it.
fn imported(file: &TextFile, own: &[String], modules: &Modules) -> BTreeSet<String> {
    let code: Vec<&str> = file.code().map(|(_, line)| line).collect();
    let code = code.join(" ");
    let mut paths = Vec::new();
    for statement in code.split_inclusive(';') {
        let Some((at, _)) = statement
            .match_indices("use ")
            .find(|(at, _)| *at == 0 || statement[..*at].ends_with(|c: char| c.is_whitespace()))
        else {
            continue;
        };
        let before = statement[..at].trim_end();
        let hands_on = before.ends_with("pub") || (before.ends_with(')') && before.contains("pub("));
        let mut names = Vec::new();
        expand("", statement[at + "use ".len()..].trim_end_matches(';'), &mut names);
        let is_own = |name: &String| !name.starts_with("crate::") && !name.starts_with("super::");
        paths.extend(names.into_iter().filter(|name| !(hands_on && is_own(name))));
    }
    // What is named in full where it is used.
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let inside =
                code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c));
            let end = code[at..]
                .find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)))
                .unwrap_or(code.len() - at);
            if !inside {
                paths.push(code[at..at + end].trim_end_matches(':').to_owned());
            }
        }
    }
    let found = paths.iter().filter_map(|path| resolve(path, own, modules));
    found.filter(|found| *found != file.path).collect()
}

/// The paths of an import: `a::{b, c::{d, e}}` are `a::b`, `a::c::d` and `a::c::e`.
fn expand(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((path, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return paths.push(format!("{before}{path}"));
    };
    let before = format!("{before}{}", path.trim());
    let (mut depth, mut from) = (0, 0);
    let list = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&before, &list[from..at], paths);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !list[from..].trim().is_empty() {
        expand(&before, &list[from..], paths);
    }
}

/// The file that a path leads to: that of the deepest module in it.
fn resolve(path: &str, own: &[String], modules: &Modules) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base: Vec<String> = match *parts.first()? {
        "crate" => {
            parts.remove(0);
            Vec::new()
        }
        "self" => {
            parts.remove(0);
            own.to_vec()
        }
        "super" => own.to_vec(),
        // A child, or something outside the crate.
        child => {
            let child: Vec<String> = own.iter().cloned().chain([child.to_owned()]).collect();
            modules.contains_key(&child).then(|| own.to_vec())?
        }
    };
    while parts.first() == Some(&"super") {
        parts.remove(0);
        base.pop();
    }
    for part in parts {
        base.push(part.to_owned());
        if !modules.contains_key(&base) {
            base.pop();
            break;
        }
    }
    modules.get(&base).cloned()
}

/// The strongly connected components of more than one file, each sorted.
fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        imports.keys().map(|file| (file, reached_from(file, imports))).collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (file, to) in &reached {
        let back = |other: &&&String| reached.get(**other).is_some_and(|to| to.contains(file));
        let circle: Vec<String> = to.iter().filter(back).map(|file| (*file).clone()).collect();
        if circle.len() > 1 && seen.insert(circle.clone()) {
            circles.push(circle);
        }
    }
    circles
}

fn reached_from<'a>(file: &String, imports: &'a Imports) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = imports.get(file).into_iter().flatten().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(imports.get(file).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn circles_are_found() {
    let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
    let of = |texts: &[TextFile]| circles(&imports(texts, "x/"));
    let apart = [
        file("x/src/lib.rs", "pub mod a;\nmod b;\npub use a::A;"),
        file(
            "x/src/a.rs",
            "mod c;\npub use c::C;\nuse crate::b::{B, other::O};\n#[cfg(test)]\nuse crate::a::c;",
        ),
        file("x/src/a/c.rs", "use super::{A, d};\nuse std::fmt; // use crate::b::B;"),
        file("x/src/b.rs", "use serde::Serialize;"),
    ];
    assert_eq!(of(&apart), Vec::<Vec<String>>::new());
    let closing = [
        ("x/src/b.rs", "use crate::{\n    a::{self},\n};"),
        ("x/src/b.rs", "fn f() { crate::a::c::f() }"),
        ("x/src/a.rs", "mod c;\nuse c::C;"),
        ("x/src/a.rs", "mod c;\npub(crate) use self::c::C;\nuse self::c::C as D;"),
    ];
    for (path, text) in closing {
        let mut files = apart.to_vec();
        files.iter_mut().find(|file| file.path == path).unwrap().text = text.to_owned();
        assert_eq!(of(&files).len(), 1, "{path}: {text}");
    }
}

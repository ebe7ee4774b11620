//! What things are called: a public type has a name that no other crate uses for another thing, and is introduced by a
//! noun or a verb.

use crate::workspace::{TextFile, files};
use std::collections::{BTreeMap, BTreeSet};

/// Public types whose bare name is that of another crate's type as well. It only falls: whoever adds a type gives it a
/// name of its own, and whoever renames one takes it off.
const SHARED_NAMES: usize = 60;

/// Words that introduce nothing: what follows them says what a type tells, and not what it is.
const NO_NOUNS: [&str; 16] = [
    "Everything",
    "For",
    "How",
    "Somebody",
    "Something",
    "There",
    "What",
    "When",
    "Where",
    "Whether",
    "Which",
    "Who",
    "Whoever",
    "Whom",
    "Whose",
    "Why",
];

/// A public type: its name, and the first line of what is said of it.
struct Introduced<'t> {
    name: &'t str,
    line: usize,
    says: Option<&'t str>,
}

fn sources() -> Vec<TextFile> {
    let ours = |path: &str| path.contains("/src/") && !path.starts_with("testing/");
    files(".", &["rs"]).into_iter().filter(|file| ours(&file.path)).collect()
}

/// The name of the public type that a line begins, if it begins one.
fn type_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|word| rest.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

fn public_types(file: &TextFile) -> Vec<Introduced<'_>> {
    let (mut found, mut says, mut in_docs) = (Vec::new(), None, false);
    for (number, line) in file.text.lines().enumerate() {
        let doc = line.strip_prefix("/// ");
        if doc.is_some() && !in_docs {
            says = doc;
        }
        in_docs = line.starts_with("///");
        if let Some(name) = type_of(line) {
            found.push(Introduced { name, line: number + 1, says: says.take() });
        } else if line.is_empty() || line.starts_with('}') {
            says = None;
        }
    }
    found
}

/// The folder of a file's crate.
fn crate_of(path: &str) -> &str {
    path.split("/src/").next().unwrap()
}

#[test]
fn types_of_several_crates_share_no_more_names() {
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources() {
        for found in public_types(&file) {
            crates.entry(found.name.to_owned()).or_default().insert(crate_of(&file.path).to_owned());
        }
    }
    let shared: Vec<_> = crates.iter().filter(|(_, crates)| crates.len() > 1).collect();
    assert_eq!(shared.len(), SHARED_NAMES, "{shared:#?}");
}

#[test]
fn types_are_introduced_by_nouns_or_verbs() {
    let mut problems = Vec::new();
    for file in sources() {
        for Introduced { name, line, says } in public_types(&file) {
            let first = says.unwrap_or_default().split([' ', ',']).next().unwrap_or_default();
            if NO_NOUNS.contains(&first) {
                problems.push(format!("{}:{line}: {name}: {}", file.path, says.unwrap_or_default()));
            }
        }
    }
    assert_eq!(problems, [""; 0]);
}

#[test]
fn introductions_are_found() {
    let text = "/// A thing.\n///\n/// More.\n#[derive(Debug)]\npub struct Thing;\n\npub enum Bare {}\n/// What?\npub type It = u8;\n";
    let file = TextFile { path: "a/src/b.rs".to_owned(), text: text.to_owned() };
    let found: Vec<_> = public_types(&file).iter().map(|it| (it.name, it.line, it.says)).collect();
    assert_eq!(found, [("Thing", 5, Some("A thing.")), ("Bare", 7, None), ("It", 9, Some("What?"))]);
}

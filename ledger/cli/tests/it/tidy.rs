//! Rules of the house that a machine can keep.

use crate::workspace::{TextFile, files, has_word, root};
use std::collections::BTreeSet;
use std::path::Path;

/// A file past this length has two subjects, or a reason.
const MAX_LINES: usize = 600;

/// Files that may be longer, each with its reason.
const LONG: [(&str, &str); 5] = [
    ("ledger/src/sequencer.rs", "one thread's whole life: what it may do is clear only when seen at once"),
    ("ledger/src/state.rs", "one fold with its snapshot: a field missing from either must be noticed"),
    ("ledger/tests/it/admission.rs", "a table: one row for each rule of admission"),
    ("ledger/tests/it/recovery.rs", "a table: each kind of damage beside what an open makes of it"),
    ("ledger/tests/it/support.rs", "authors, clocks and ledgers of every test, over every kind of storage"),
];

/// Where an error is said in words, how often, and why. The numbers only fall: errors have types, which keep their
/// sources.
const IN_WORDS: [(&str, usize, &str); 10] = [
    ("agent/src/args.rs", 1, PARSER),
    ("ingest/http/conformance/src/lib.rs", 2, JUDGE),
    ("ingest/http/conformance/src/schema.rs", 6, JUDGE),
    ("ledger/cli/src/commands.rs", 3, PARSER),
    ("ledger/cli/src/commands/nodes.rs", 1, PARSER),
    ("ledger/cli/src/commands/rollouts.rs", 1, PARSER),
    ("ledger/cli/src/commands/schedules.rs", 4, PARSER),
    ("ledger/cli/src/commands/serve.rs", 1, PARSER),
    ("ledger/cli/src/shown/examples.rs", 1, JUDGE),
    ("ledger/cli/src/times.rs", 6, PARSER),
];
const JUDGE: &str = "a judge in tests: what it says is all that a test shows";
const PARSER: &str = "a parser of arguments: clap shows its words behind the argument's name";

const CODE: [&str; 6] = ["rs", "ts", "tsx", "js", "mjs", "css"];
const TEXT: [&str; 14] =
    ["rs", "ts", "tsx", "js", "mjs", "css", "html", "json", "jsonl", "md", "toml", "yml", "yaml", "sh"];

fn code() -> Vec<TextFile> {
    files(".", &CODE)
}

/// What the rules about bytes and paths hold for: files without an extension come by name.
fn texts() -> Vec<TextFile> {
    let mut texts = files(".", &TEXT);
    let others = [
        ".ci/flakes",
        ".ci/mutants",
        ".ci/packages",
        ".ci/run",
        ".ci/test",
        ".gitignore",
        "LICENSE",
        "agent/tests/clean_roots/run",
        "agent/tests/lynis/compare.py",
        "agent/tests/judges/run",
        "agent/tests/lynis/run",
        "agent/tests/package_judges/run",
        "ledger/cli/tests/providers/run",
        "ledger/cli/tests/schemathesis/run",
    ];
    for path in others {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        texts.push(TextFile { path: path.to_owned(), text });
    }
    texts
}

#[test]
fn no_file_is_long_without_a_reason() {
    let mut problems = Vec::new();
    for file in code() {
        let lines = file.text.lines().count();
        let listed = LONG.iter().any(|(path, _)| *path == file.path);
        match (lines > MAX_LINES, listed) {
            (true, false) => {
                problems.push(format!("{}: {lines} lines; split it, or give a reason", file.path));
            }
            (false, true) if lines < MAX_LINES - 100 => {
                problems.push(format!("{}: {lines} lines; it needs no exception", file.path));
            }
            _ => {}
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Whether a line names a result whose error is a text.
fn errs_in_words(line: &str) -> bool {
    line.match_indices("Result<").any(|(at, word)| {
        let mut depth = 1;
        let rest = &line[at + word.len()..];
        let mut last = 0;
        for (i, c) in rest.char_indices() {
            match c {
                '<' | '(' => depth += 1,
                // An arrow closes nothing.
                '>' if rest[..i].ends_with('-') => {}
                '>' | ')' => depth -= 1,
                ',' if depth == 1 => last = i + 1,
                _ => {}
            }
            if depth == 0 {
                return last > 0 && rest[last..i].trim() == "String";
            }
        }
        false
    })
}

#[test]
fn errors_have_types() {
    assert!(errs_in_words("fn a(x: &str) -> Result<BTreeMap<u8, String>, String> {"));
    assert!(!errs_in_words("fn a(x: BTreeMap<u8, String>) -> Result<BTreeMap<u8, String>, Problem> {"));
    let mut problems = Vec::new();
    let outside = |path: &str| !path.contains("/tests/") && !path.starts_with("benches/");
    for file in files(".", &["rs"]).into_iter().filter(|file| outside(&file.path)) {
        let found = file.code().filter(|(_, line)| errs_in_words(line)).count();
        let allowed = IN_WORDS.iter().find(|(path, ..)| *path == file.path).map_or(0, |(_, count, _)| *count);
        if found != allowed {
            problems.push(format!("{}: {found} errors are texts, {allowed} are listed", file.path));
        }
    }
    assert_eq!(problems, [""; 0]);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file passes its own rule.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"], ["to", "do!"], ["unimple", "mented!"]];
    let words: Vec<String> = words.iter().map(|halves| halves.concat()).collect();
    for file in texts().iter().filter(|file| !file.path.ends_with("package-lock.json")) {
        for (number, line) in file.text.lines().enumerate() {
            for word in &words {
                assert!(!has_word(line, word), "{}:{}: {word}", file.path, number + 1);
            }
        }
    }
}

#[test]
fn no_machine_is_named() {
    let homes = ["home", "Users", "root", "work"].map(|folder| format!("/{folder}/"));
    for file in texts() {
        for (number, line) in file.text.lines().enumerate() {
            for home in &homes {
                let absolute = line.match_indices(home.as_str()).any(|(at, _)| starts_a_path(&line[..at]));
                assert!(!absolute, "{}:{}: a path of one machine: {}", file.path, number + 1, line.trim());
            }
        }
    }
}

/// Whether a slash after this text is the first of a path.
fn starts_a_path(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !".-_~*}/".contains(c))
}

#[test]
fn lines_end_where_they_end() {
    // What a release wrote stays as it wrote it.
    for file in texts().iter().filter(|file| !file.path.contains("/tests/fixtures/")) {
        assert!(file.text.ends_with('\n') || file.text.is_empty(), "{}: no LF at the end", file.path);
        assert!(!file.text.ends_with("\n\n"), "{}: an empty line at the end", file.path);
        assert!(!file.text.contains('\r'), "{}: CR", file.path);
        for (number, line) in file.text.split('\n').enumerate() {
            assert!(!line.contains('\t'), "{}:{}: a tab", file.path, number + 1);
            assert!(line.trim_end() == line, "{}:{}: trailing white space", file.path, number + 1);
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let root = root();
    for file in files(".", &["md"]) {
        for target in links(&file.text) {
            if target.starts_with("http://")
                || target.starts_with("https://")
                || target.starts_with("mailto:")
            {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = root.join(Path::new(&file.path).parent().unwrap());
            let path = if path.is_empty() { root.join(&file.path) } else { folder.join(path) };
            assert!(path.exists(), "{}: the link to {target} leads nowhere", file.path);
            if !anchor.is_empty() {
                let headings = headings(&std::fs::read_to_string(&path).unwrap());
                assert!(headings.contains(anchor), "{}: {target}: no such heading", file.path);
            }
        }
    }
}

/// Targets of inline links outside code.
fn links(text: &str) -> Vec<&str> {
    outside_fences(text)
        .flat_map(|line| line.match_indices("](").map(move |(at, _)| &line[at + 2..]))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The anchors that headings have where Markdown is shown.
fn headings(text: &str) -> BTreeSet<String> {
    outside_fences(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

fn outside_fences(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

#[test]
fn every_verification_code_is_documented_and_in_use() {
    let document = std::fs::read_to_string(root().join("spec/verify-codes.md")).unwrap();
    let documented: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(code, _)| code))
        .collect();
    let sources: String = files("ledger/src", &["rs"])
        .iter()
        .flat_map(|file| file.code().map(|(_, line)| format!("{line}\n")).collect::<Vec<_>>())
        .collect();
    // What makes a fault or a finding takes its code first.
    let makers = ["Fault::new(", "fault(", "at_commit(", "find(", "code: ", "Finding { code: "];
    let text = sources.as_str();
    let used: BTreeSet<&str> = makers
        .iter()
        .flat_map(|maker| text.match_indices(*maker).map(move |(at, _)| &text[at + maker.len()..]))
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"').map(|(code, _)| code))
        .filter(|code| code.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect();
    assert!(used.len() > 30, "the scan finds {} codes only", used.len());
    let unknown: Vec<_> = used.difference(&documented).collect();
    assert!(unknown.is_empty(), "not in spec/verify-codes.md: {unknown:?}");
    for code in documented {
        assert!(sources.contains(&format!("\"{code}\"")), "{code} is documented, but nothing says it");
    }
}

//! The files of the workspace, for the tests that are about the code itself.

use std::path::{Path, PathBuf};

/// Folders that hold nothing of the project's own.
const NOT_OURS: [&str; 8] = [
    "target",
    "node_modules",
    "dist",
    "generated",
    "mutants.out",
    "vaultmesh-data",
    "vaultmesh-demo",
    ".git",
];

/// A text file of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct TextFile {
    /// Path from the root of the workspace, parts divided by `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every text file below a folder of the workspace with one of these extensions, sorted by path.
pub(crate) fn files(folder: &str, extensions: &[&str]) -> Vec<TextFile> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_symlink() || NOT_OURS.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.contains(&e.to_str().unwrap())) {
                let text =
                    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push(TextFile { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no files below {folder}");
    found
}

impl TextFile {
    /// The lines of code with their numbers: without comments, and without the tests at the end.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .enumerate()
            .map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// Where the code has one of these words, which are divided by spaces, as `path:line: text`.
    pub(crate) fn uses(&self, words: &str) -> Vec<String> {
        self.code()
            .filter(|(_, line)| words.split_whitespace().any(|word| has_word(line, word)))
            .map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim()))
            .collect()
    }
}

/// Whether `text` has `word` with no letter, digit or underscore beside it.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let open =
            |side: Option<char>, edge: Option<char>| !(side.is_some_and(part) && edge.is_some_and(part));
        open(before, word.chars().next()) && open(after, word.chars().next_back())
    })
}

#[test]
fn words_have_edges() {
    assert!(has_word("use std::fs;", "std::fs"));
    assert!(has_word("File::open(x)", "File::"));
    assert!(!has_word("RootFile::Good", "File::"));
    assert!(!has_word("printer", "print"));
}

//! apt.conf(5) as apt's own reader takes it: a tree of items, filled by `name "value";`, scopes in braces, lists of
//! items without a name, `#include` and `#clear`, with the comments of C, C++ and the shell.
//!
//! It follows `ReadConfigFile` and `Configuration` of apt 2.6 and 3.0, which share them, oddities included: what
//! `apt-config dump` shows is what this tree holds.

use super::words::{c_word, listed, quoted_word, strip, truth};
use crate::scan::source::Source;
use crate::scan::text;
use crate::scan::unread::{Optional as _, Unread};

/// How deep files may include each other; apt stops at the same depth.
const MAX_INCLUDES: usize = 10;

/// Most items; a machine has some hundreds.
const MAX_ITEMS: usize = 20_000;

/// Files that apt unpacks by their ending.
const PACKED: [&str; 6] = ["bz2", "gz", "lz4", "lzma", "xz", "zst"];

/// What apt sets before it reads a file, as far as it matters here.
const DEFAULTS: [(&str, &str); 9] = [
    ("Dir", "/"),
    ("Dir::Etc", "etc/apt"),
    ("Dir::Etc::sourcelist", "sources.list"),
    ("Dir::Etc::sourceparts", "sources.list.d"),
    ("Dir::Etc::main", "apt.conf"),
    ("Dir::Etc::parts", "apt.conf.d"),
    ("Acquire::AllowInsecureRepositories", "0"),
    ("Acquire::AllowWeakRepositories", "0"),
    ("Acquire::AllowDowngradeToInsecureRepositories", "0"),
];

/// One item of the tree.
#[derive(Debug, Clone, Default)]
struct Item {
    tag: Vec<u8>,
    value: Vec<u8>,
    /// The file that set the value last; an index into the files.
    file: Option<usize>,
    children: Vec<usize>,
    parent: Option<usize>,
}

/// The settings of apt, and what apt does not take.
#[derive(Debug, Clone)]
pub struct Configuration {
    items: Vec<Item>,
    files: Vec<String>,
    /// What apt refuses or what could not be read, in words. Apt itself does nothing at all while it refuses one.
    pub refused: Vec<String>,
}

impl Default for Configuration {
    fn default() -> Self {
        let mut configuration = Self { items: vec![Item::default()], files: Vec::new(), refused: Vec::new() };
        for (name, value) in DEFAULTS {
            configuration.set(name.as_bytes(), value.as_bytes(), None);
        }
        configuration
    }
}

impl Configuration {
    /// What apt reads below a root: the files of `apt.conf.d`, then `apt.conf`.
    pub fn load(source: &Source) -> Self {
        let mut configuration = Self::default();
        let parts = configuration.dir("Dir::Etc::parts");
        configuration.folder(source, &parts, 0);
        let main = configuration.file("Dir::Etc::main");
        if source.stat(&main).optional().is_ok_and(|meta| meta.is_some()) {
            configuration.read(source, &main, 0);
        }
        configuration
    }

    /// The files that were read, in their order.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The value of an item, and the file that set it; `None` if it has none or an empty one.
    pub fn value(&self, name: &str) -> Option<(String, Option<&str>)> {
        let item = self.items.get(self.lookup(name.as_bytes())?).filter(|item| !item.value.is_empty())?;
        let file = item.file.and_then(|file| self.files.get(file)).map(String::as_str);
        Some((text::of_bytes(&item.value), file))
    }

    /// Whether a switch is on, off, or left as it is by default.
    pub fn switch(&self, name: &str) -> Option<bool> {
        truth(&self.value(name)?.0)
    }

    /// Names of the items below one.
    pub fn below(&self, name: &str) -> Vec<String> {
        let item = self.lookup(name.as_bytes()).and_then(|item| self.items.get(item));
        let children =
            item.into_iter().flat_map(|item| &item.children).filter_map(|child| self.items.get(*child));
        children.map(|child| text::of_bytes(&child.tag)).filter(|tag| !tag.is_empty()).collect()
    }

    /// Every item with its whole name and its value, as `apt-config dump` lists them.
    pub fn dump(&self) -> Vec<(String, String)> {
        let (mut lines, mut stack) = (Vec::new(), vec![(0, String::new())]);
        while let Some((at, name)) = stack.pop() {
            let Some(item) = self.items.get(at) else { continue };
            if at != 0 {
                lines.push((name.clone(), text::of_bytes(&item.value)));
            }
            for child in item.children.iter().rev() {
                let tag = self.items.get(*child).map(|item| text::of_bytes(&item.tag)).unwrap_or_default();
                stack.push((*child, if at == 0 { tag } else { format!("{name}::{tag}") }));
            }
        }
        lines
    }

    /// The path that an item and those above it give together; a directory without its last slash.
    pub fn dir(&self, name: &str) -> String {
        self.file(name).trim_end_matches('/').to_owned()
    }

    /// The path that an item and those above it give together (`Configuration::FindFile`).
    pub fn file(&self, name: &str) -> String {
        let top = self.value("RootDir").map(|(value, _)| value).unwrap_or_default();
        let mut path = String::new();
        let mut at = self.lookup(name.as_bytes());
        while let Some(item) = at.and_then(|at| self.items.get(at)) {
            let value = text::of_bytes(&item.value);
            at = item.parent.filter(|parent| *parent != 0);
            if value.is_empty() {
                continue;
            }
            path = match path.as_str() {
                "" => value,
                rest if value.ends_with('/') => format!("{value}{rest}"),
                rest => format!("{value}/{rest}"),
            };
            if ["/", "~/", "./", "../"].iter().any(|front| path.starts_with(front)) {
                break;
            }
        }
        if path.starts_with("/dev/null") {
            "/dev/null".clone_into(&mut path);
        }
        let mut whole = format!("{}/{path}", top.trim_end_matches('/'));
        while whole.contains("//") || whole.contains("/./") {
            whole = whole.replace("//", "/").replace("/./", "/");
        }
        whole
    }

    /// Reads the files of a folder whose names count.
    fn folder(&mut self, source: &Source, path: &str, depth: usize) {
        let path = path.trim_end_matches('/');
        match listed(source, path, &["conf", ""]) {
            Ok(files) => {
                for file in files {
                    self.read(source, &file, depth);
                }
            }
            Err(unread) => self.refused.push(unread.to_string()),
        }
    }

    /// Reads one file; what is set before apt stops at it stays.
    fn read(&mut self, source: &Source, path: &str, depth: usize) {
        let packed = path.rsplit_once('.').is_some_and(|(_, ending)| PACKED.contains(&ending));
        let bytes = if packed { Err(Unread::odd(path, "is packed")) } else { source.bytes(path) };
        match bytes {
            Ok(bytes) => {
                self.files.push(path.to_owned());
                let mut reader = Reader {
                    file: self.files.len() - 1,
                    depth,
                    line: 0,
                    pending: Vec::new(),
                    scopes: Vec::new(),
                    scope: Vec::new(),
                };
                let outcome = reader.file(self, source, &bytes);
                if let Err(reason) = outcome {
                    self.refused.push(format!("{path}, line {}: apt refuses it: {reason}", reader.line));
                }
            }
            Err(unread) => self.refused.push(unread.to_string()),
        }
    }

    /// The place of an item by its whole name.
    fn lookup(&self, name: &[u8]) -> Option<usize> {
        let mut at = 0;
        let (tags, last) = split(name);
        for tag in tags.into_iter().chain([last]) {
            at = self.child(at, tag)?;
        }
        Some(at)
    }

    fn child(&self, at: usize, tag: &[u8]) -> Option<usize> {
        let children = &self.items.get(at)?.children;
        let fits =
            |child: &&usize| self.items.get(**child).is_some_and(|item| item.tag.eq_ignore_ascii_case(tag));
        // An item without a name is one of a list, and is never found.
        (!tag.is_empty()).then(|| children.iter().find(fits).copied()).flatten()
    }

    fn set(&mut self, name: &[u8], value: &[u8], file: Option<usize>) {
        let mut at = 0;
        let (tags, last) = split(name);
        for tag in tags.into_iter().chain([last]) {
            at = match self.child(at, tag) {
                Some(child) => child,
                None if self.items.len() >= MAX_ITEMS => return,
                None => {
                    self.items.push(Item { tag: tag.to_vec(), parent: Some(at), ..Item::default() });
                    let new = self.items.len() - 1;
                    if let Some(item) = self.items.get_mut(at) {
                        item.children.push(new);
                    }
                    new
                }
            };
        }
        if let Some(item) = self.items.get_mut(at) {
            item.value = value.to_vec();
            item.file = file;
        }
    }

    /// Takes an item's value and all below it away.
    fn clear(&mut self, name: &[u8]) {
        if let Some(item) = self.lookup(name).and_then(|at| self.items.get_mut(at)) {
            item.value.clear();
            item.children.clear();
        }
    }
}

/// The tags of a whole name, and the last of them. What comes right behind `::` belongs to the next tag, even
/// if it is another `::`.
fn split(name: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut tags, mut start, mut at) = (Vec::new(), 0, 0);
    while at + 2 <= name.len() {
        if name.get(at..at + 2) == Some(b"::") {
            tags.push(name.get(start..at).unwrap_or_default());
            start = at + 2;
            at = start;
        }
        at += 1;
    }
    (tags, name.get(start..).unwrap_or_default())
}

/// What apt reads a file no further after.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is something behind the last semicolon")]
    Rest,
    #[error("a block without a name")]
    Block,
    #[error("a tag that is none")]
    Tag,
    #[error("something behind a value")]
    Value,
    #[error("a directive inside a scope")]
    Scope,
    #[error("an unknown directive {0}")]
    Directive(String),
    #[error("#clear without a name")]
    Clear,
    #[error("files include each other too deep")]
    Depth,
}

/// Where the reader is in a file.
struct Reader {
    file: usize,
    depth: usize,
    line: usize,
    /// What was read since the last `;`, `{` or `}`.
    pending: Vec<u8>,
    scopes: Vec<Vec<u8>>,
    scope: Vec<u8>,
}

impl Reader {
    fn file(&mut self, to: &mut Configuration, source: &Source, bytes: &[u8]) -> Result<(), Refusal> {
        let mut comment = false;
        for line in bytes.split(|byte| *byte == b'\n') {
            self.line += 1;
            let mut plain = Vec::with_capacity(line.len());
            for byte in line {
                if *byte == b'\t' { plain.extend_from_slice(&[b' '; 8]) } else { plain.push(*byte) }
            }
            let said = without_comments(strip(&plain), &mut comment);
            let (mut start, mut quoted) = (0, false);
            for (i, byte) in said.iter().enumerate() {
                match byte {
                    b'"' => quoted = !quoted,
                    b'{' | b';' | b'}' if !quoted => {
                        self.append(said.get(start..i).unwrap_or_default());
                        start = i + 1;
                        self.statement(to, source, *byte)?;
                    }
                    _ => {}
                }
            }
            self.append(said.get(start..).unwrap_or_default());
        }
        if self.pending.is_empty() { Ok(()) } else { Err(Refusal::Rest) }
    }

    fn append(&mut self, part: &[u8]) {
        let part = strip(part);
        if !part.is_empty() && !self.pending.is_empty() {
            self.pending.push(b' ');
        }
        self.pending.extend_from_slice(part);
    }

    /// What stands before a `;`, `{` or `}`.
    fn statement(&mut self, to: &mut Configuration, source: &Source, ends: u8) -> Result<(), Refusal> {
        let said = std::mem::take(&mut self.pending);
        if said.is_empty() {
            match ends {
                b'{' => return Err(Refusal::Block),
                b'}' => self.leave(),
                _ => {}
            }
            return Ok(());
        }
        let (mut tag, after) = quoted_word(&said, 0).ok_or(Refusal::Tag)?;
        let word = match c_word(&said, after) {
            Some(word) => Some(word),
            None => match quoted_word(&said, after) {
                Some((word, end)) if end >= said.len() => Some(word),
                Some(_) => return Err(Refusal::Value),
                None if after < said.len() => return Err(Refusal::Value),
                None if ends == b'{' => None,
                None => Some(std::mem::take(&mut tag)),
            },
        };
        if ends == b'{' {
            self.scopes.push(self.scope.clone());
            if !self.scope.is_empty() {
                self.scope.extend_from_slice(b"::");
            }
            self.scope.append(&mut tag);
        }
        let item = match (self.scope.is_empty(), ends == b'{') {
            (true, _) => tag.clone(),
            (false, true) => self.scope.clone(),
            (false, false) => [self.scope.as_slice(), b"::", &tag].concat(),
        };
        if let Some(directive) = tag.strip_prefix(b"#") {
            if !self.scope.is_empty() {
                return Err(Refusal::Scope);
            }
            let word = word.unwrap_or_default();
            match directive {
                b"clear" => to.clear(&word),
                b"include" => self.include(to, source, &word)?,
                b"x-apt-configure-index" => {}
                other => return Err(Refusal::Directive(text::of_bytes(other))),
            }
        } else if tag.is_empty() && word.as_deref() == Some(b"#clear") {
            return Err(Refusal::Clear);
        } else if let Some(word) = word {
            to.set(&item, &word, Some(self.file));
        }
        if ends == b'}' {
            self.leave();
        }
        Ok(())
    }

    fn include(&self, to: &mut Configuration, source: &Source, word: &[u8]) -> Result<(), Refusal> {
        if self.depth > MAX_INCLUDES {
            return Err(Refusal::Depth);
        }
        let path = text::of_bytes(word);
        if path.len() > 2 && path.ends_with('/') {
            to.folder(source, &path, self.depth + 1);
        } else {
            to.read(source, &path, self.depth + 1);
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.scope = self.scopes.pop().unwrap_or_default();
    }
}

/// What a line says beside its comments; `inside` is whether a comment goes on from line to line.
fn without_comments(line: &[u8], inside: &mut bool) -> Vec<u8> {
    let mut line = line;
    if *inside {
        let Some(end) = find(line, b"*/", 0) else { return Vec::new() };
        line = line.get(end + 2..).unwrap_or_default();
        *inside = false;
    }
    line = until(line, b"//", |_| false);
    line = until(line, b"#", |rest| {
        [b"clear".as_slice(), b"include", b"x-apt-configure-index"].iter().any(|word| rest.starts_with(word))
    });
    let (mut said, mut from) = (Vec::new(), 0);
    while let Some(at) = find(line, b"/*", from) {
        if in_quotes(line, at) {
            from = at + 2;
            continue;
        }
        said.extend_from_slice(line.get(..at).unwrap_or_default());
        from = 0;
        let Some(end) = find(line, b"*/", at + 2) else {
            *inside = true;
            return said;
        };
        line = line.get(end + 2..).unwrap_or_default();
    }
    said.extend_from_slice(line);
    said
}

/// A line up to a mark that is not in quotes, and that `spared` does not spare by what follows it.
fn until<'l>(line: &'l [u8], mark: &[u8], spared: impl Fn(&[u8]) -> bool) -> &'l [u8] {
    let mut from = 0;
    while let Some(at) = find(line, mark, from) {
        let rest = line.get(at + mark.len()..).unwrap_or_default();
        if in_quotes(line, at) || spared(rest) {
            from = at + 1;
        } else {
            return line.get(..at).unwrap_or_default();
        }
    }
    line
}

fn in_quotes(line: &[u8], at: usize) -> bool {
    line.iter().take(at).filter(|byte| **byte == b'"').count() % 2 == 1
}

fn find(line: &[u8], what: &[u8], from: usize) -> Option<usize> {
    line.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_apt_splits_them() {
        let split = |name: &str| {
            let (tags, last) = split(name.as_bytes());
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (tags.into_iter().map(text).collect::<Vec<_>>(), text(last))
        };
        assert_eq!(split("a::b"), (vec!["a".to_owned()], "b".to_owned()));
        assert_eq!(split("a::"), (vec!["a".to_owned()], String::new()));
        assert_eq!(split("a::::b"), (vec!["a".to_owned()], "::b".to_owned()));
        assert_eq!(split(""), (vec![], String::new()));
    }

    #[test]
    fn comments_go() {
        let mut inside = false;
        let mut plain =
            |line: &str| String::from_utf8(without_comments(line.as_bytes(), &mut inside)).unwrap();
        assert_eq!(plain("a \"http://x\"; // b"), "a \"http://x\"; ");
        assert_eq!(plain("a /* b */ c # d"), "a  c ");
        assert_eq!(plain("#clear a; # b"), "#clear a; ");
        assert_eq!(plain("a /* b"), "a ");
        assert_eq!((plain("still"), plain("*/ c")), (String::new(), " c".to_owned()));
    }
}

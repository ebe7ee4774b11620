//! The stack of a service: pam.conf(5), pam.d(5), with what Debian adds (`@include`).

use super::super::cx::Cx;
use super::super::unread::Optional as _;
use super::walk::{Actions, Handler, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Where files of services lie; the first that has one of the name counts.
pub(super) const FOLDERS: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// How deep includes may be nested, as in PAM itself (`PAM_SUBSTACK_MAX_LEVEL`).
const MAX_DEPTH: usize = 16;

/// Most lines of one stack.
const MAX_HANDLERS: usize = 1024;

/// A line in its words, with its number.
type Line = (usize, Vec<String>);

/// Files as they were read: `None` if there is none of the name.
#[derive(Debug, Default)]
pub(super) struct Files {
    read: BTreeMap<String, Option<Rc<Vec<Line>>>>,
    /// Files that others include.
    pub(super) included: BTreeSet<String>,
    /// Why some files could not be read.
    pub(super) odd: Vec<String>,
}

/// The lines of `auth` of a service, in their order; `None` if it cannot be used at all.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) handlers: Vec<Handler>,
    /// Whether a file said something that PAM stops at.
    pub(super) broken: bool,
}

impl Files {
    /// The stack of the service whose file is at `path`.
    pub(super) fn stack(&mut self, cx: &Cx<'_>, path: &str) -> Stack {
        let mut stack = Stack { handlers: Vec::new(), broken: false };
        if !self.file(cx, path, &mut stack, 0, 0) {
            stack.broken = true;
        }
        stack
    }

    fn lines(&mut self, cx: &Cx<'_>, path: &str) -> Option<Rc<Vec<Line>>> {
        if let Some(read) = self.read.get(path) {
            return read.clone();
        }
        let text = match cx.source.text(path).optional() {
            Ok(text) => text,
            Err(unread) => {
                self.odd.push(unread.to_string());
                None
            }
        };
        let lines = text.and_then(|text| lines(&text)).map(Rc::new);
        self.read.insert(path.to_owned(), lines.clone());
        lines
    }

    /// The path of a file that another includes by a name.
    fn named(cx: &Cx<'_>, name: &str) -> String {
        if name.starts_with('/') {
            return name.to_owned();
        }
        let paths = FOLDERS.map(|folder| format!("{folder}/{name}"));
        let [first, second] = &paths;
        if cx.source.stat(first).is_ok() || cx.source.stat(second).is_err() {
            first.clone()
        } else {
            second.clone()
        }
    }

    /// Adds the lines of a file. False if PAM could not load it.
    fn file(&mut self, cx: &Cx<'_>, path: &str, stack: &mut Stack, depth: usize, level: usize) -> bool {
        // A circle brings PAM down, and whoever asked it.
        if depth >= MAX_DEPTH {
            stack.broken = true;
            return false;
        }
        let Some(lines) = self.lines(cx, path) else { return false };
        let at = |number: usize| (path.to_owned(), number);
        for (number, words) in lines.iter() {
            if stack.handlers.len() >= MAX_HANDLERS {
                return false;
            }
            let mut words = words.iter();
            let Some(first) = words.next() else { continue };
            if first == "@include" {
                let Some(name) = words.next() else { return false };
                let included = Self::named(cx, name);
                self.included.insert(included.clone());
                if !self.file(cx, &included, stack, depth + 1, level) {
                    return false;
                }
                continue;
            }
            let kind = first.strip_prefix('-').unwrap_or(first);
            let known =
                ["session", "account", "password"].iter().any(|other| kind.eq_ignore_ascii_case(other));
            if known {
                continue;
            }
            // What is no type at all is taken for the most sensitive one, and fails.
            let must_fail = !kind.eq_ignore_ascii_case("auth");
            let control = words.next();
            let include = control.is_some_and(|word| word.eq_ignore_ascii_case("include"));
            let substack = control.is_some_and(|word| word.eq_ignore_ascii_case("substack"));
            if include || substack {
                if substack {
                    let marker =
                        Handler { level, kind: Kind::Substack, actions: Actions::bad(), at: at(*number) };
                    stack.handlers.push(marker);
                }
                stack.broken |= words.as_slice().is_empty();
                let loaded = words.next().is_some_and(|name| {
                    let included = Self::named(cx, name);
                    self.included.insert(included.clone());
                    self.file(cx, &included, stack, depth + 1, level + usize::from(substack))
                });
                if !loaded {
                    let fails =
                        Handler { level, kind: Kind::MustFail, actions: Actions::bad(), at: at(*number) };
                    stack.handlers.push(fails);
                }
                continue;
            }
            let actions = control.map_or(Actions::bad(), |control| Actions::parse(control));
            let kind = match words.next() {
                Some(module) if !must_fail => {
                    let name = module.rsplit('/').next().unwrap_or_default();
                    let name = name.strip_suffix(".so").unwrap_or(name).to_owned();
                    Kind::Module { name, args: words.cloned().collect() }
                }
                _ => Kind::MustFail,
            };
            stack.handlers.push(Handler { level, kind, actions, at: at(*number) });
        }
        true
    }
}

/// The lines that say something, joined where a backslash ends one. `None` if the text ends in the middle.
fn lines(text: &str) -> Option<Vec<Line>> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n');
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let begun = line.trim_start_matches(blank);
        if begun.is_empty() || begun.starts_with('#') {
            continue;
        }
        let (start, mut whole) = open.take().unwrap_or((number + 1, String::new()));
        if let Some((before, _)) = begun.split_once('#') {
            whole.push_str(before);
        } else {
            let ended = begun.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
            if let Some(part) = ended.strip_suffix('\\') {
                whole.push_str(part);
                whole.push(' ');
                open = Some((start, whole));
                continue;
            }
            whole.push_str(ended);
        }
        lines.push((start, words(&whole)));
    }
    open.is_none().then_some(lines)
}

/// The words of a line; what brackets hold is one, without them.
fn words(line: &str) -> Vec<String> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n');
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(blank);
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let mut word = String::new();
            let mut chars = inside.char_indices().peekable();
            let mut end = inside.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    ']' => {
                        end = at + 1;
                        break;
                    }
                    '\\' if chars.peek().is_some_and(|(_, next)| *next == ']') => {
                        word.push(']');
                        chars.next();
                    }
                    c => word.push(c),
                }
            }
            words.push(word);
            rest = inside.get(end..).unwrap_or_default();
        } else {
            let end = rest.find(blank).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            words.push(word.to_owned());
            // The blank that ends a word is gone with it.
            rest = after.get(1..).unwrap_or_default();
        }
        rest = rest.trim_start_matches(blank);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_pam_reads_them() {
        let text = "# a\nauth \\\n# b\n\n sufficient pam_x.so \\ \n a=[b c]  # d\n\nauth [success=done  default=ignore] m.so\n";
        let read = lines(text).unwrap();
        let words: Vec<(usize, String)> = read.into_iter().map(|(n, words)| (n, words.join("|"))).collect();
        assert_eq!(
            words,
            [
                (2, "auth|sufficient|pam_x.so|a=[b|c]".to_owned()),
                (8, "auth|success=done  default=ignore|m.so".to_owned())
            ]
        );
        assert_eq!(lines("auth required \\\n"), None);
    }
}

//! sources.list(5) as apt's own reader takes it: lines in the one-line style, and paragraphs in the style of deb822.
//!
//! It follows `pkgSourceList` and `pkgTagSection` of apt 2.6 and 3.0: the last of two equal options or fields holds,
//! options of a line are told apart by case and fields are not, and what apt refuses makes it refuse everything.

use super::words::{is_blank, next, quoted_word, truth};
use crate::scan::text;

/// Most entries of one file.
const MAX_ENTRIES: usize = 4096;

/// An address with a suite, and whether apt asks for a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where packages come from, as it stands there.
    pub address: String,
    /// Which distribution, or a folder if it ends in a slash.
    pub suite: String,
    /// What the option `trusted` says, if it is there.
    pub trusted: Option<bool>,
    /// Whether it may be unsigned, weakly signed, or no longer signed (`allow-insecure`, `allow-weak`,
    /// `allow-downgrade-to-insecure`); apt knows these options in the one-line style only.
    pub lax: [Option<bool>; 3],
}

/// The contents of a file, and what apt refuses about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// In the order of the file, up to what apt refuses.
    pub entries: Vec<Entry>,
    /// What apt refuses, in words.
    pub refused: Option<String>,
}

/// What apt reads no further after.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Refusal {
    #[error("line {0} is not understood")]
    Line(usize),
    #[error("cannot be taken apart")]
    Form,
    #[error("paragraph {0} is not understood")]
    Paragraph(usize),
    #[error("has too many entries")]
    Entries,
}

/// Reads a file; its ending says which style it is in.
pub fn parse(path: &str, bytes: &[u8]) -> Sources {
    let mut sources = Sources::default();
    let outcome = match path.rsplit_once('.') {
        Some((_, "sources")) => paragraphs(bytes, &mut sources.entries),
        _ => lines(bytes, &mut sources.entries),
    };
    sources.refused = outcome.err().map(|refusal| refusal.to_string());
    sources.entries.truncate(MAX_ENTRIES);
    sources
}

/// One-line style: `deb [ trusted=yes ] http://… stable main`.
fn lines(bytes: &[u8], entries: &mut Vec<Entry>) -> Result<(), Refusal> {
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let said = trim(without_comment(line));
        if said.is_empty() {
            continue;
        }
        let end = said.iter().position(|byte| matches!(byte, b' ' | b'\t' | 0x0b));
        let known = end.is_some_and(|end| matches!(said.get(..end), Some(b"deb" | b"deb-src")));
        let entry = end.filter(|_| known).and_then(|end| line_entry(said, end));
        match entry {
            Some(entry) => entries.push(entry),
            None => return Err(Refusal::Line(number + 1)),
        }
        if entries.len() > MAX_ENTRIES {
            return Err(Refusal::Entries);
        }
    }
    Ok(())
}

/// A line up to a `#` that is in no brackets.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut open = 0_i64;
    let end = line.iter().position(|byte| {
        match byte {
            b'[' => open += 1,
            b']' => open -= 1,
            _ => {}
        }
        *byte == b'#' && open <= 0
    });
    line.get(..end.unwrap_or(line.len())).unwrap_or_default()
}

fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let from = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let to = line.iter().rposition(|byte| !blank(byte)).map_or(from, |last| last + 1);
    line.get(from..to).unwrap_or_default()
}

/// What follows the type of a line.
fn line_entry(line: &[u8], from: usize) -> Option<Entry> {
    let blanks = |mut at: usize| {
        while line.get(at).copied().is_some_and(is_blank) {
            at += 1;
        }
        at
    };
    let mut at = blanks(from);
    let (mut trusted, mut lax) = (None, [None; 3]);
    if line.get(at) == Some(&b'[') {
        at = blanks(at + 1);
        while *line.get(at)? != b']' {
            let (mut option, after) = quoted_word(line, at)?;
            at = after;
            if option.len() < 3 {
                return None;
            }
            if option.last() == Some(&b']') {
                // The bracket may stand right behind the last option: go back to it.
                at = line
                    .get(..at.saturating_add(1).min(line.len()))?
                    .iter()
                    .rposition(|byte| *byte == b']')?;
                option.pop();
            }
            let equals = option.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (option.get(..equals)?, option.get(equals + 1..)?);
            if name.is_empty() || value.is_empty() {
                return None;
            }
            let on = truth(&text::of_bytes(value));
            match name {
                b"trusted" => trusted = Some(on == Some(true)),
                b"allow-insecure" => lax[0] = on,
                b"allow-weak" => lax[1] = on,
                b"allow-downgrade-to-insecure" => lax[2] = on,
                _ => {}
            }
        }
        at = blanks(at + 1);
    }
    let (address, at) = quoted_word(line, at)?;
    let (suite, at) = quoted_word(line, at)?;
    let components = quoted_word(line, at).is_some();
    let flat = suite.last() == Some(&b'/');
    if !address.contains(&b':') || components == flat {
        return None;
    }
    Some(Entry { address: text::of_bytes(&address), suite: text::of_bytes(&suite), trusted, lax })
}

/// Fields by name, the last of equal names last.
type Fields = Vec<(String, Vec<u8>)>;

/// Style of deb822: paragraphs of `Name: value`.
fn paragraphs(bytes: &[u8], entries: &mut Vec<Entry>) -> Result<(), Refusal> {
    let mut text: Vec<u8> = Vec::with_capacity(bytes.len() + 2);
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
        text.extend_from_slice(line);
    }
    let ending = text
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(|byte| **byte == b'\n')
        .count();
    text.extend(std::iter::repeat_n(b'\n', 2_usize.saturating_sub(ending)));
    let (mut at, mut number) = (0, 0);
    while at < text.len() {
        let (fields, end) = paragraph(&text, at).ok_or(Refusal::Form)?;
        at = end;
        if !fields.is_empty() {
            number += 1;
            stanza(&fields, entries).ok_or(Refusal::Paragraph(number))?;
        }
        if entries.len() > MAX_ENTRIES {
            return Err(Refusal::Entries);
        }
    }
    Ok(())
}

/// One paragraph from a place on, and where the next begins (`pkgTagSection::Scan`).
fn paragraph(text: &[u8], from: usize) -> Option<(Fields, usize)> {
    let byte = |at: usize| text.get(at).copied();
    // Name, and where the value and the next name begin.
    let (mut fields, mut open, mut at) = (Fields::new(), None::<(String, usize)>, from);
    let close = |open: Option<(String, usize)>, end: usize, fields: &mut Fields| {
        if let Some((name, value)) = open {
            let value = text.get(value..end).unwrap_or_default();
            let used = value.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
            fields.push((name, value.get(..used).unwrap_or_default().to_vec()));
        }
    };
    while at < text.len() {
        if !is_blank(byte(at)?) {
            close(open.take(), at, &mut fields);
            let colon = next(text, b':', at)?;
            let name = text.get(at..colon)?;
            let used = name.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
            let name = String::from_utf8_lossy(name.get(..used)?).to_ascii_lowercase();
            at = colon + 1;
            while byte(at).is_some_and(is_blank) && !(byte(at) == Some(b'\n') && byte(at + 1) != Some(b' ')) {
                at += 1;
            }
            byte(at)?;
            open = Some((name, at));
        }
        at = next(text, b'\n', at)?;
        while byte(at + 1) == Some(b'\r') {
            at += 1;
        }
        if byte(at + 1) == Some(b'\n') {
            close(open.take(), at, &mut fields);
            while matches!(byte(at), Some(b'\n' | b'\r')) {
                at += 1;
            }
            return Some((fields, at));
        }
        at += 1;
    }
    // Apt finds no end of the paragraph; what is blank to the end is none.
    (open.is_none() && fields.is_empty()).then_some((fields, text.len()))
}

/// The entries of one paragraph; `None` if apt refuses it.
fn stanza(fields: &Fields, entries: &mut Vec<Entry>) -> Option<()> {
    let field = |name: &str| fields.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_slice());
    let words = |name: &str| {
        let value = field(name).unwrap_or_default();
        let words = value.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
        words.map(text::of_bytes).collect::<Vec<String>>()
    };
    field("types")?;
    for kind in words("types") {
        if kind != "deb" && kind != "deb-src" {
            return None;
        }
        let enabled = field("enabled").filter(|value| !value.is_empty());
        if enabled.is_some_and(|value| truth(&text::of_bytes(value)) == Some(false)) {
            continue;
        }
        let trusted = field("trusted").map(|value| truth(&text::of_bytes(value)) == Some(true));
        let (addresses, suites, components) = (words("uris"), words("suites"), words("components"));
        if addresses.is_empty() || suites.is_empty() {
            return None;
        }
        for address in &addresses {
            if !address.contains(':') {
                return None;
            }
            for suite in &suites {
                if suite.ends_with('/') != components.is_empty() || entries.len() > MAX_ENTRIES {
                    return None;
                }
                entries.push(Entry {
                    address: address.clone(),
                    suite: suite.clone(),
                    trusted,
                    lax: [None; 3],
                });
            }
        }
    }
    Some(())
}

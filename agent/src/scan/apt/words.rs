//! Words, truth values and names of files as apt reads them: `ParseQuoteWord`, `ParseCWord`, `StringToBool` and
//! `GetListOfFilesInDir` of apt's own library, on which sources.list(5) and apt.conf(5) rest.

use crate::scan::source::{Source, Type};
use crate::scan::unread::{Optional as _, Unread};

/// What `isspace` holds to be blank in the C locale.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Cuts blanks off both ends.
pub(super) fn strip(mut bytes: &[u8]) -> &[u8] {
    while let Some((first, rest)) = bytes.split_first().filter(|(first, _)| is_blank(**first)) {
        let _ = first;
        bytes = rest;
    }
    while let Some((_, rest)) = bytes.split_last().filter(|(last, _)| is_blank(**last)) {
        bytes = rest;
    }
    bytes
}

/// Where a byte comes next, from a place on.
pub(super) fn next(bytes: &[u8], byte: u8, from: usize) -> Option<usize> {
    bytes.get(from..)?.iter().position(|b| *b == byte).map(|at| from + at)
}

/// One word from a place on: up to a blank that is neither in quotes nor in brackets, its quotes taken off and its
/// `%41` decoded. Also where the next word begins; `None` if there is none or a quote or bracket stays open.
pub(super) fn quoted_word(text: &[u8], from: usize) -> Option<(Vec<u8>, usize)> {
    let at = |i: usize| text.get(i).copied();
    let mut end = from;
    while at(end) == Some(b' ') {
        end += 1;
    }
    at(end)?;
    while let Some(byte) = at(end).filter(|byte| !is_blank(*byte)) {
        match byte {
            b'"' => end = next(text, b'"', end + 1)?,
            b'[' => end = next(text, b']', end + 1)?,
            _ => {}
        }
        end += 1;
    }
    let raw = text.get(from..end)?;
    let (mut word, mut i) = (Vec::with_capacity(raw.len()), 0);
    while let Some(byte) = raw.get(i).copied() {
        let decoded = (byte == b'%').then(|| raw.get(i + 1..i + 3)).flatten().and_then(hex);
        if let Some(decoded) = decoded {
            word.push(decoded);
            i += 3;
        } else {
            if byte != b'"' {
                word.push(byte);
            }
            i += 1;
        }
    }
    while at(end).is_some_and(is_blank) {
        end += 1;
    }
    Some((word, end))
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match digits {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    }
}

/// The rest of a text as strings in quotes, put together; `None` if it is anything else.
pub(super) fn c_word(text: &[u8], from: usize) -> Option<Vec<u8>> {
    let at = |i: usize| text.get(i).copied();
    let mut i = from;
    while at(i) == Some(b' ') {
        i += 1;
    }
    at(i)?;
    let mut word = Vec::new();
    while let Some(byte) = at(i) {
        if byte == b'"' {
            let end = next(text, b'"', i + 1)?;
            word.extend_from_slice(text.get(i + 1..end)?);
            i = end + 1;
            continue;
        }
        if !is_blank(byte) {
            return None;
        }
        let doubled = i > from && i.checked_sub(1).and_then(at).is_some_and(is_blank);
        if !doubled {
            word.push(b' ');
        }
        i += 1;
    }
    Some(word)
}

/// What a text says of a switch: a whole number that is 0 or 1, or one of apt's words, in any case. `None` leaves
/// the switch as it is by default.
pub(super) fn truth(text: &str) -> Option<bool> {
    if let Some(number) = number(text) {
        // Apt keeps an `int` of what `strtol` gives.
        match number.rem_euclid(1 << 32) {
            0 => return Some(false),
            1 => return Some(true),
            _ => {}
        }
    }
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["no", "false", "without", "off", "disable"]) {
        Some(false)
    } else if is(&["yes", "true", "with", "on", "enable"]) {
        Some(true)
    } else {
        None
    }
}

/// `strtol` with base 0 over the whole of a text; that of an empty text is 0.
fn number(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, base) = match lower.strip_prefix("0x") {
        Some(rest) => (rest, 16),
        None if lower.starts_with('0') => (lower.as_str(), 8),
        None => (lower.as_str(), 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let size = i64::from_str_radix(digits, base).unwrap_or(i64::MAX);
    Some(if !negative {
        size
    } else if size == i64::MAX {
        i64::MIN
    } else {
        -size
    })
}

/// Whether apt reads a file of this name in a folder of configuration: an ending that counts (an empty one allows
/// names without a dot), and no characters but letters, digits and `_-:.`, as run-parts(8) has it.
pub(super) fn name_counts(name: &str, endings: &[&str]) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ends = if name.contains('.') { !ending.is_empty() } else { true } && endings.contains(&ending);
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-:.".contains(c));
    ends && plain && !name.starts_with('.') && !name.is_empty()
}

/// The files of a folder that apt reads, in its order. A folder that does not exist has none; what is there under
/// such a name and cannot be read as a file is listed, so that it is said to be unknown.
pub(super) fn listed(source: &Source, folder: &str, endings: &[&str]) -> Result<Vec<String>, Unread> {
    let names = source.list(folder).optional()?.unwrap_or_default();
    let paths = names.iter().filter(|name| name_counts(name, endings)).map(|name| format!("{folder}/{name}"));
    let file = |path: &String| match source.stat(path) {
        Ok(meta) => meta.kind != Type::Directory,
        Err(unread) => !unread.is_missing(),
    };
    Ok(paths.filter(file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let word = |text: &str| {
            quoted_word(text.as_bytes(), 0).map(|(word, at)| (String::from_utf8(word).unwrap(), at))
        };
        let some = |word: &str, at| Some((word.to_owned(), at));
        assert_eq!(word("a b"), some("a", 2));
        assert_eq!(word("\"a b\"c  d"), some("a bc", 8));
        assert_eq!(word("cdrom:[a b]/ c"), some("cdrom:[a b]/", 13));
        assert_eq!(word("a%20b%4"), some("a b%4", 7));
        assert_eq!((word(""), word("\"a"), word("[a")), (None, None, None));
        let c = |text: &str| c_word(text.as_bytes(), 0).map(|word| String::from_utf8(word).unwrap());
        assert_eq!(c("\"a\"  \"b\""), Some("a b".to_owned()));
        assert_eq!((c("a"), c("\"a"), c("")), (None, None, None));
    }

    #[test]
    fn truths() {
        for yes in ["1", "yes", "ON", "with", "Enable", "0x1", "+1", "01", " 1", "4294967297"] {
            assert_eq!(truth(yes), Some(true), "{yes}");
        }
        for no in ["", "0", "no", "OFF", "without", "disable", "-0", "0x0"] {
            assert_eq!(truth(no), Some(false), "{no}");
        }
        for neither in ["ja", "2", "-1", "yes ", "0x", "1 ", "08", "99999999999999999999"] {
            assert_eq!(truth(neither), None, "{neither}");
        }
    }

    #[test]
    fn names() {
        for (name, counts) in [
            ("a.list", true),
            ("a:b.list", true),
            ("a b.list", false),
            ("a+b.list", false),
            (".a.list", false),
            ("a.list.", false),
            ("list", false),
        ] {
            assert_eq!(name_counts(name, &["list", "sources"]), counts, "{name}");
        }
        assert!(name_counts("zz", &["conf", ""]) && !name_counts("zz.", &["conf", ""]));
        assert!(!name_counts("zz foo", &["conf", ""]) && !name_counts("zz.bak", &["conf", ""]));
    }
}

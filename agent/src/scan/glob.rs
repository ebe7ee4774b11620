//! Patterns of files and names: fnmatch(3) and glob(3), as the tools of the system mean them.

use super::check::Check;
use super::cx::Cx;
use super::text;
use super::unread::Optional as _;

/// Most paths that one pattern stands for.
const MAX_PATHS: usize = 4096;

/// Longest pattern that is tried, in bytes.
const MAX_PATTERN_BYTES: usize = 2048;

/// Most steps that one comparison takes; what needs more is no pattern that a person wrote.
const MAX_STEPS: usize = 100_000;

/// How a pattern is meant, as the flags of fnmatch(3).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// A slash is matched by a slash alone (`FNM_PATHNAME`).
    pub(super) pathname: bool,
    /// A dot at the beginning is matched by a dot alone (`FNM_PERIOD`).
    pub(super) period: bool,
    /// Upper and lower case are the same (`FNM_CASEFOLD`).
    pub(super) casefold: bool,
}

/// Whether a name fits a pattern of `*`, `?`, `[…]` and escaped characters (fnmatch(3)).
pub(super) fn fits(pattern: &str, name: &str, flags: Flags) -> bool {
    if pattern.len() > MAX_PATTERN_BYTES {
        return false;
    }
    let fold = |text: &str| -> Vec<char> {
        if flags.casefold { text.to_lowercase().chars().collect() } else { text.chars().collect() }
    };
    let mut steps = 0;
    matches(&fold(pattern), &fold(name), flags, true, &mut steps)
}

fn matches(pattern: &[char], name: &[char], flags: Flags, first: bool, steps: &mut usize) -> bool {
    let (mut pattern, mut name, mut first) = (pattern, name, first);
    loop {
        *steps += 1;
        if *steps > MAX_STEPS {
            return false;
        }
        let hidden = flags.period && first && name.first() == Some(&'.');
        match pattern.split_first() {
            None => return name.is_empty(),
            Some(('*', rest)) => {
                if hidden {
                    return false;
                }
                let stop = |c: &char| flags.pathname && *c == '/';
                let reach = name.iter().position(stop).unwrap_or(name.len());
                return (0..=reach)
                    .any(|skip| matches(rest, name.get(skip..).unwrap_or_default(), flags, false, steps));
            }
            Some((p, rest)) => {
                let Some((c, others)) = name.split_first() else { return false };
                let slash = flags.pathname && *c == '/';
                let after = match p {
                    '?' if slash || hidden => return false,
                    '?' => rest,
                    '[' => match bracket(rest, *c) {
                        Some((true, _)) if slash || hidden => return false,
                        Some((true, after)) => after,
                        // Without an end it stands for itself.
                        None if *c == '[' => rest,
                        _ => return false,
                    },
                    '\\' => match rest.split_first() {
                        Some((escaped, after)) if escaped == c => after,
                        None if *c == '\\' => rest,
                        _ => return false,
                    },
                    p if p == c => rest,
                    _ => return false,
                };
                first = flags.pathname && *c == '/';
                (pattern, name) = (after, others);
            }
        }
    }
}

/// Whether a character is one of those in brackets, and what follows them; `None` if they do not end.
fn bracket(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let mut rest = pattern;
    let negated = matches!(rest.first(), Some('!' | '^'));
    if negated {
        rest = rest.get(1..)?;
    }
    let (mut found, mut begun) = (false, false);
    loop {
        let (&p, mut after) = rest.split_first()?;
        if p == ']' && begun {
            return Some((found != negated, after));
        }
        begun = true;
        if p == '['
            && after.first() == Some(&':')
            && let Some(end) = after.windows(2).position(|pair| pair == [':', ']'])
        {
            let name: String = after.get(1..end)?.iter().collect();
            found |= class(&name, c);
            rest = after.get(end + 2..)?;
            continue;
        }
        let mut low = p;
        if p == '\\' {
            (low, after) = after.split_first().map(|(low, after)| (*low, after))?;
        }
        let mut high = low;
        if after.first() == Some(&'-') && after.get(1).is_some_and(|next| *next != ']') {
            let escaped = after.get(1) == Some(&'\\');
            high = *after.get(if escaped { 2 } else { 1 })?;
            after = after.get(if escaped { 3 } else { 2 }..)?;
        }
        found |= (low..=high).contains(&c);
        rest = after;
    }
}

fn class(name: &str, c: char) -> bool {
    match name {
        "alnum" => c.is_alphanumeric(),
        "alpha" => c.is_alphabetic(),
        "blank" => c == ' ' || c == '\t',
        "cntrl" => c.is_control(),
        "digit" => c.is_ascii_digit(),
        "graph" => c.is_ascii_graphic(),
        "lower" => c.is_lowercase(),
        "print" => c.is_ascii_graphic() || c == ' ',
        "punct" => c.is_ascii_punctuation(),
        "space" => c.is_whitespace(),
        "upper" => c.is_uppercase(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

/// Whether a text has characters that make a pattern of it.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// The paths that fit a pattern, sorted (glob(3) without flags). What cannot be listed is unknown to `check`.
pub(super) fn expand(cx: &mut Cx<'_>, check: &'static Check, pattern: &str) -> Vec<String> {
    let flags = Flags { period: true, ..Flags::default() };
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?', '[']) {
            let plain = text::of_bytes(unescaped(part).as_bytes());
            for path in &mut paths {
                path.push('/');
                path.push_str(&plain);
            }
            continue;
        }
        let mut found = Vec::new();
        for path in &paths {
            let folder = if path.is_empty() { "/" } else { path.as_str() };
            let is_folder =
                cx.source.stat(folder).is_ok_and(|meta| meta.kind == super::source::Type::Directory);
            if !is_folder {
                continue;
            }
            let names = cx.source.list(folder).optional();
            let names = cx.known(check, names).flatten().unwrap_or_default();
            let fitting = names.iter().filter(|name| fits(part, name, flags));
            found.extend(fitting.map(|name| format!("{path}/{name}")));
            if found.len() > MAX_PATHS {
                cx.unknown(check, format!("{pattern} stands for too many files"));
                break;
            }
        }
        paths = found;
    }
    paths.retain(|path| cx.source.lstat(path).is_ok());
    paths.sort();
    paths
}

fn unescaped(part: &str) -> String {
    let (mut plain, mut escaped) = (String::with_capacity(part.len()), false);
    for c in part.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_fnmatch() {
        let path = Flags { pathname: true, ..Flags::default() };
        let file = Flags { period: true, ..Flags::default() };
        for (pattern, name, flags, expected) in [
            ("*.conf", "a.conf", file, true),
            ("*.conf", ".a.conf", file, false),
            (".*.conf", ".a.conf", file, true),
            ("?a", ".a", file, false),
            ("[.]a", ".a", file, false),
            ("/usr/bin/*", "/usr/bin/env", path, true),
            ("/usr/bin/*", "/usr/bin/x/env", path, false),
            ("/usr/*", "/usr/bin/env", Flags::default(), true),
            ("/usr/[!x]in/e?v", "/usr/bin/env", path, true),
            ("[a-c]", "b", path, true),
            ("[^a-c]", "b", path, false),
            ("[]a]", "]", path, true),
            ("[[:digit:]x]*", "7z", path, true),
            ("[a", "[a", path, true),
            ("\\*", "*", path, true),
            ("\\*", "x", path, false),
            ("WEB*", "web7", Flags { casefold: true, ..path }, true),
            ("", "", path, true),
            ("a", "", path, false),
        ] {
            assert_eq!(fits(pattern, name, flags), expected, "{pattern} {name}");
        }
        let name = format!("{}b", "a".repeat(4000));
        assert!(!fits(&"*a".repeat(60), &name, path), "bounded");
        assert!(!fits(&"*".repeat(100_000), "a", path), "bounded");
    }
}

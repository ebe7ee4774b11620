//! The lines of sshd_config(5), as the server splits them: quotes, the one equals sign, comments, includes.

use super::super::check::Check;
use super::super::cx::Cx;
use super::super::glob;
use super::super::unread::Unread;

/// How deep includes may be nested, as in the server (`SERVCONF_MAX_DEPTH`).
const MAX_DEPTH: usize = 16;

/// Most files that are read.
const MAX_FILES: usize = 256;

/// Most lines of all files.
const MAX_LINES: usize = 20_000;

/// Lines that are told not to be understood.
const MAX_BAD_LINES: usize = 8;

/// A keyword with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// In lower case, and by its present name.
    pub(super) keyword: String,
    pub(super) args: Vec<String>,
}

/// What a file consists of.
#[derive(Debug)]
pub(super) enum Node {
    Line(Line),
    /// `Match`: its criteria as name and value, and as they are written. `None` if the server refuses them.
    Match {
        criteria: Option<Vec<(String, String)>>,
        text: String,
    },
    /// `Include`: each file by itself.
    Include(Vec<Vec<Self>>),
}

/// Names that stand for another one.
const ALIASES: [(&str, &str); 5] = [
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("hostdsakey", "hostkey"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
];

/// Criteria of `Match` that take a value.
const CRITERIA: [&str; 7] = ["user", "group", "host", "address", "localaddress", "localport", "rdomain"];

/// A reader of a file and of those that it includes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    files: usize,
    lines: usize,
}

impl Reader {
    pub(super) fn read(
        &mut self,
        cx: &mut Cx<'_>,
        check: &'static Check,
        path: &str,
        depth: usize,
    ) -> Result<Vec<Node>, Unread> {
        if depth > MAX_DEPTH || self.files >= MAX_FILES {
            cx.unknown(check, format!("{path}: includes are nested too deep, or are too many"));
            return Ok(Vec::new());
        }
        self.files += 1;
        let (mut nodes, mut bad) = (Vec::new(), 0);
        for (number, text) in cx.source.text(path)?.split('\n').enumerate() {
            self.lines += 1;
            if self.lines > MAX_LINES {
                cx.unknown(check, format!("{path} has too many lines"));
                break;
            }
            match split(text) {
                Ok(None) => {}
                Ok(Some((line, _))) if line.keyword == "include" => {
                    let mut files = Vec::new();
                    for pattern in &line.args {
                        let pattern = if pattern.starts_with('/') {
                            pattern.clone()
                        } else {
                            format!("/etc/ssh/{pattern}")
                        };
                        for file in glob::expand(cx, check, &pattern) {
                            let outcome = self.read(cx, check, &file, depth + 1);
                            files.extend(cx.known(check, outcome));
                        }
                    }
                    nodes.push(Node::Include(files));
                }
                Ok(Some((line, rest))) if line.keyword == "match" => {
                    let criteria = criteria(&rest);
                    if criteria.is_none() {
                        cx.unknown(
                            check,
                            format!("Match in line {} of {path} is not understood", number + 1),
                        );
                    }
                    nodes.push(Node::Match { criteria, text: line.args.join(" ") });
                }
                Ok(Some((line, _))) => nodes.push(Node::Line(line)),
                Err(()) => {
                    bad += 1;
                    if bad <= MAX_BAD_LINES {
                        cx.unknown(check, format!("line {} of {path} is not understood", number + 1));
                    }
                }
            }
        }
        Ok(nodes)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// A line in its keyword and arguments, and what stands behind the keyword; nothing if it is empty or a remark.
fn split(line: &str) -> Result<Option<(Line, String)>, ()> {
    let line = line.trim_end_matches(|c: char| is_blank(c) || c == '\x0c').trim_start_matches(is_blank);
    let Some((keyword, rest)) = word(line) else { return if line.is_empty() { Ok(None) } else { Err(()) } };
    if keyword.is_empty() || keyword.starts_with('#') {
        return Ok(None);
    }
    if rest.is_empty() {
        return Err(());
    }
    let args = arguments(rest).ok_or(())?;
    if args.is_empty() {
        return Err(());
    }
    let keyword = keyword.to_ascii_lowercase();
    let keyword =
        ALIASES.iter().find(|(old, _)| *old == keyword).map_or(keyword, |(_, new)| (*new).to_owned());
    Ok(Some((Line { keyword, args }, rest.to_owned())))
}

/// The first word, which a blank, a quote or one equals sign ends, and what follows; `None` if a quote stays open.
fn word(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| is_blank(c) || c == '"' || c == '=');
    let Some(end) = end else { return (!text.is_empty()).then(|| (text.to_owned(), "")) };
    let (before, rest) = text.split_at_checked(end)?;
    if let Some(quoted) = rest.strip_prefix('"') {
        let (inside, after) = quoted.split_once('"')?;
        return Some((format!("{before}{inside}"), after.trim_start_matches(is_blank)));
    }
    let equals = rest.starts_with('=');
    let after = rest.get(1..)?.trim_start_matches(is_blank);
    let after = match after.strip_prefix('=') {
        Some(after) if !equals => after.trim_start_matches(is_blank),
        _ => after,
    };
    Some((before.to_owned(), after))
}

/// Arguments up to a remark: quotes of both kinds, and a backslash before one of them, itself or a blank.
/// `None` if a quote stays open.
fn arguments(text: &str) -> Option<Vec<String>> {
    let mut args = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c == ' ' || c == '\t' {
            chars.next();
            continue;
        }
        if c == '#' {
            break;
        }
        let (mut arg, mut quote) = (String::new(), None);
        while let Some(&c) = chars.peek() {
            if quote.is_none() && (c == ' ' || c == '\t') {
                break;
            }
            chars.next();
            match (c, quote) {
                ('\\', _) => match chars.peek() {
                    Some(&next @ ('\'' | '"' | '\\')) => {
                        arg.push(next);
                        chars.next();
                    }
                    Some(' ') if quote.is_none() => {
                        arg.push(' ');
                        chars.next();
                    }
                    _ => arg.push('\\'),
                },
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => arg.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        args.push(arg);
    }
    Some(args)
}

/// The criteria of a `Match`; no criteria are `all`. `None` if they are none.
fn criteria(text: &str) -> Option<Vec<(String, String)>> {
    let mut criteria = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = word(rest)?;
        if name.is_empty() || name.starts_with('#') {
            break;
        }
        let name = name.to_ascii_lowercase();
        if name == "all" {
            let end = after.is_empty() || after.starts_with('#');
            return (criteria.is_empty() && end).then_some(criteria);
        }
        let (value, after) = word(after)?;
        let sound = CRITERIA.contains(&name.as_str()) && !value.is_empty() && !value.starts_with('#');
        if !sound {
            return None;
        }
        criteria.push((name, value));
        rest = after;
    }
    (!criteria.is_empty()).then_some(criteria)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_the_server_does() {
        for (text, expected) in [
            ("PermitRootLogin yes", "permitrootlogin|yes"),
            ("Port=22", "port|22"),
            ("Port = 22", "port|22"),
            ("\"PermitRootLogin\"\tyes", "permitrootlogin|yes"),
            ("PermitRootLogin 'yes'", "permitrootlogin|yes"),
            ("PermitRootLogin\tno\t# why", "permitrootlogin|no"),
            ("AuthorizedKeysFile \"/etc/ssh/k s/%u\" b\\ c", "authorizedkeysfile|/etc/ssh/k s/%u|b c"),
            ("UsePAM no#x", "usepam|no#x"),
            ("  SkeyAuthentication\tyes \r", "kbdinteractiveauthentication|yes"),
        ] {
            let (line, _) = split(text).unwrap().unwrap();
            assert_eq!(format!("{}|{}", line.keyword, line.args.join("|")), expected, "{text}");
        }
        for text in ["nonsense", "Port", "Port # 22", "Banner \"x", "\"Port 22"] {
            assert_eq!(split(text), Err(()), "{text}");
        }
        for text in ["", "  ", "# Port 22", "\t#"] {
            assert_eq!(split(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn criteria_are_named_with_values() {
        let pairs = |text: &str| {
            criteria(text).map(|c| c.iter().map(|(a, b)| format!("{a}={b}")).collect::<Vec<_>>())
        };
        assert_eq!(pairs("all"), Some(vec![]));
        assert_eq!(
            pairs("User=root Address 10.0.0.0/8 # x"),
            Some(vec!["user=root".into(), "address=10.0.0.0/8".into()])
        );
        for bad in ["", "User", "all User x", "User x all", "Colour red"] {
            assert_eq!(pairs(bad), None, "{bad}");
        }
    }
}

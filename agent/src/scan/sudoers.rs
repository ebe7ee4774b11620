//! Sudoers: who becomes root without a password, and who could write the rules.

use super::check::Check;
use super::cx::Cx;
use super::unread::Unread;
use spec::Severity;
use std::collections::BTreeMap;

/// Everything without a password, or rules that others can change.
pub(super) static SUDOERS: Check = Check {
    id: "sudoers",
    severity: Severity::High,
    title: "Sudo gives root away",
    remediation: "Edit the rule with visudo: name the commands that need no password instead of ALL. A file that \
                  others can write to belongs to root with mode 0440.",
};

const MAIN: &str = "/etc/sudoers";

/// How deep includes may be nested; sudo's own limit is 128.
const MAX_DEPTH: usize = 32;

/// Most files that are read.
const MAX_FILES: usize = 1024;

/// A rule with where it stands.
#[derive(Debug)]
struct Rule {
    file: String,
    line: usize,
    text: String,
}

/// A machine without `/etc/sudoers` has no sudo: nothing to check.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    if cx.source.lstat(MAIN).is_err_and(|unread| unread.is_missing()) {
        return Ok(());
    }
    let (mut rules, mut files) = (Vec::new(), 0);
    collect(cx, MAIN, &mut rules, &mut files, 0)?;
    let aliases = aliases(&rules);
    for rule in &rules {
        if let Some(who) = free_of_charge(&rule.text, &aliases) {
            let seen = format!("{}:{}:{}", rule.file, rule.line, rule.text);
            cx.find(&SUDOERS, format!("{} {who}", rule.file), seen)
                .title(format!("{who} may run everything as root without a password"));
        }
    }
    Ok(())
}

fn collect(
    cx: &mut Cx<'_>,
    path: &str,
    rules: &mut Vec<Rule>,
    files: &mut usize,
    depth: usize,
) -> Result<(), Unread> {
    if depth > MAX_DEPTH || *files >= MAX_FILES {
        cx.unknown(&SUDOERS, format!("{path}: includes are nested too deep, or are too many"));
        return Ok(());
    }
    *files += 1;
    let meta = cx.source.stat(path)?;
    let text = cx.source.text(path)?;
    if !meta.only_root_writes() {
        let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
        cx.find(&SUDOERS, path, seen)
            .title("Others can change a file of sudo's rules")
            .severity(Severity::Critical);
    }
    for (line, text) in joined(&text) {
        match include(&text) {
            None => rules.push(Rule { file: path.to_owned(), line, text }),
            Some((true, folder)) => directory(cx, &absolute(path, folder), rules, files, depth),
            Some((false, file)) => {
                let file = absolute(path, file);
                match collect(cx, &file, rules, files, depth + 1) {
                    // Sudo, too, goes on without it.
                    Err(unread) if unread.is_missing() => {}
                    outcome => drop(cx.known(&SUDOERS, outcome)),
                }
            }
        }
    }
    Ok(())
}

/// Files of an included directory whose names have no dot and do not end in `~`, as sudo reads them.
fn directory(cx: &mut Cx<'_>, folder: &str, rules: &mut Vec<Rule>, files: &mut usize, depth: usize) {
    let names = match cx.source.list(folder) {
        Err(unread) if unread.is_missing() => return,
        names => cx.known(&SUDOERS, names).unwrap_or_default(),
    };
    for name in names.iter().filter(|name| !name.contains('.') && !name.ends_with('~')) {
        let outcome = collect(cx, &format!("{folder}/{name}"), rules, files, depth + 1);
        cx.known(&SUDOERS, outcome);
    }
}

fn absolute(from: &str, path: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") }
}

/// Lines with those joined that a backslash joins; comments are gone, old includes are not.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let (start, mut whole) = open.take().unwrap_or((number + 1, String::new()));
        if let Some(part) = line.strip_suffix('\\') {
            whole.push_str(part);
            open = Some((start, whole));
            continue;
        }
        whole.push_str(line);
        lines.push((start, whole));
    }
    lines.extend(open);
    let kept = lines.into_iter().map(|(number, line)| (number, uncommented(line.trim())));
    kept.filter(|(_, line)| !line.is_empty()).collect()
}

/// Without the comment: `#` begins one unless digits follow (a user id) or it is an include of old.
fn uncommented(line: &str) -> String {
    if include(line).is_some() {
        return line.to_owned();
    }
    let comment = line.match_indices('#').find(|(at, _)| {
        let (before, after) = line.split_at(*at);
        !after[1..].starts_with(|c: char| c.is_ascii_digit()) && !before.ends_with('\\')
    });
    comment.map_or(line, |(at, _)| &line[..at]).trim().to_owned()
}

/// What a line includes: whether a directory, and its path.
fn include(line: &str) -> Option<(bool, &str)> {
    let rest = line.strip_prefix(['#', '@'])?.strip_prefix("include")?;
    let (folder, rest) = rest.strip_prefix("dir").map_or((false, rest), |rest| (true, rest));
    let path = rest.starts_with([' ', '\t']).then(|| rest.trim().trim_matches('"'))?;
    (!path.is_empty()).then_some((folder, path))
}

/// Aliases of commands that stand for all of them.
fn aliases(rules: &[Rule]) -> BTreeMap<String, Vec<String>> {
    let mut aliases = BTreeMap::new();
    for rule in rules {
        let Some(rest) = rule.text.strip_prefix("Cmnd_Alias").or_else(|| rule.text.strip_prefix("Cmd_Alias"))
        else {
            continue;
        };
        for definition in rest.split(" :").flat_map(|part| part.split(":\t")) {
            if let Some((name, commands)) = definition.split_once('=') {
                let commands = commands.split(',').map(|command| command.trim().to_owned()).collect();
                aliases.insert(name.trim().to_owned(), commands);
            }
        }
    }
    aliases
}

/// Whom a rule lets run everything without a password.
fn free_of_charge(rule: &str, aliases: &BTreeMap<String, Vec<String>>) -> Option<String> {
    if let Some(rest) = rule.strip_prefix("Defaults") {
        let whom =
            rest.split_whitespace().next().filter(|_| rest.starts_with([':', '@', '>', '!'])).unwrap_or("");
        let settings = rest.strip_prefix(whom).unwrap_or(rest);
        let off = settings.split(',').any(|setting| setting.trim() == "!authenticate");
        return off.then(|| {
            format!("everybody{}", if whom.is_empty() { String::new() } else { format!(" ({whom})") })
        });
    }
    if ["User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias"]
        .iter()
        .any(|a| rule.starts_with(a))
    {
        return None;
    }
    let (who, specification) = rule.split_once('=')?;
    // `who` ends with the hosts: a list in which commas may be followed by space.
    let who = who.split_whitespace().next()?.trim_end_matches(',').to_owned();
    let (mut free, mut given) = (false, false);
    for command in plain(specification).split([',', ':', '=']) {
        match command.trim() {
            "NOPASSWD" => free = true,
            "PASSWD" => free = false,
            word if free && stands_for_all(word, aliases, 0) => given = true,
            _ => {}
        }
    }
    given.then_some(who)
}

/// Without whom the commands are run as, which stands in parentheses, and without what a backslash takes the
/// meaning from.
fn plain(specification: &str) -> String {
    let (mut plain, mut inside, mut escaped) = (String::new(), false, false);
    for c in specification.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => inside = true,
            ')' => inside = false,
            _ if inside => {}
            _ => plain.push(c),
        }
    }
    plain
}

fn stands_for_all(word: &str, aliases: &BTreeMap<String, Vec<String>>, depth: usize) -> bool {
    if word == "ALL" {
        return true;
    }
    depth < MAX_DEPTH
        && aliases
            .get(word)
            .is_some_and(|commands| commands.iter().any(|c| stands_for_all(c, aliases, depth + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let rule = |text: &str| Rule { file: String::new(), line: 1, text: text.to_owned() };
        let aliases =
            aliases(&[rule("Cmnd_Alias EVERY = ALL : SOME = /bin/ls, /bin/cat"), rule("Cmnd_Alias B=EVERY")]);
        for (text, expected) in [
            ("root ALL=(ALL:ALL) ALL", None),
            ("ops ALL=(ALL:ALL) NOPASSWD: ALL", Some("ops")),
            ("ops ALL=(ALL) NOPASSWD:ALL", Some("ops")),
            ("%wheel ALL=NOPASSWD: /bin/ls, ALL", Some("%wheel")),
            ("%wheel ALL=NOPASSWD: /bin/ls, PASSWD: ALL", None),
            ("ops ALL=(ALL) NOPASSWD: EVERY", Some("ops")),
            ("ops ALL=(ALL) NOPASSWD: B", Some("ops")),
            ("ops ALL=(ALL) NOPASSWD: SOME", None),
            ("ops ALL=(root) NOPASSWD: SETENV: ALL", Some("ops")),
            ("ops ALL=(root) NOPASSWD: /bin/x a\\=ALL", None),
            ("ops web=(root) /bin/x : db=(root) NOPASSWD: ALL", Some("ops")),
            ("ops ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart nginx", None),
            ("Defaults env_reset", None),
            ("Defaults !authenticate", Some("everybody")),
            ("Defaults:ops !authenticate", Some("everybody (:ops)")),
        ] {
            assert_eq!(free_of_charge(text, &aliases).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_joined_and_comments_go() {
        let text =
            "# a\nops ALL = \\\n ALL # all\n#1000 ALL=ALL\n#includedir /etc/sudoers.d\n@include \"x\"\n";
        assert_eq!(
            joined(text),
            [
                (2, "ops ALL =  ALL".to_owned()),
                (4, "#1000 ALL=ALL".to_owned()),
                (5, "#includedir /etc/sudoers.d".to_owned()),
                (6, "@include \"x\"".to_owned()),
            ]
        );
        assert_eq!(include("#includedir /etc/sudoers.d"), Some((true, "/etc/sudoers.d")));
        assert_eq!(include("@include \"x\""), Some((false, "x")));
        assert_eq!(include("#included things"), None);
    }
}

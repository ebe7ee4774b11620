//! Which files hold sudo's rules, and what is in them: sudoers(5), "Including other files from within sudoers",
//! and sudo.conf(5).

use super::super::cx::Cx;
use super::super::source::Type;
use super::super::text;
use super::super::unread::{Optional as _, Unread};
use super::SUDOERS;
use super::grammar::{self, Alias, Entry};
use super::policy::{Defaults, Policy, Rule};
use spec::Severity;

/// Where the rules are unless `sudo.conf` says something else.
const MAIN: &str = "/etc/sudoers";

const CONF: &str = "/etc/sudo.conf";

/// How deep includes may be nested; sudo's own limit is 128.
const MAX_DEPTH: usize = 32;

/// Most files that are read.
const MAX_FILES: usize = 1024;

/// Most lines that are told not to be understood.
const MAX_BAD_LINES: usize = 8;

/// The rules of the machine; `None` if it has no sudo.
pub(super) fn read(cx: &mut Cx<'_>) -> Result<Option<Policy>, Unread> {
    let main = main_file(cx);
    if cx.source.lstat(&main).is_err_and(|unread| unread.is_missing()) {
        if main != MAIN {
            cx.unknown(&SUDOERS, format!("{main}, which {CONF} names, does not exist"));
        }
        return Ok(None);
    }
    elsewhere(cx);
    let mut reader =
        Reader { policy: Policy { hosts: hosts(cx), now: now(cx), ..Policy::default() }, files: 0 };
    reader.file(cx, &main, 0)?;
    Ok(Some(reader.policy))
}

/// `sudoers_file=` of the plugin's line in `sudo.conf`. Sudo does not read one that others can change.
fn main_file(cx: &mut Cx<'_>) -> String {
    let conf = cx.source.text(CONF).optional();
    let Some(Some(conf)) = cx.known(&SUDOERS, conf) else { return MAIN.to_owned() };
    let mut main = MAIN.to_owned();
    if cx.source.stat(CONF).is_ok_and(|meta| meta.uid != 0 || meta.mode & 0o002 != 0) {
        return main;
    }
    for line in conf.replace("\\\n", " ").lines() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        match words.as_slice() {
            [plugin, "sudoers_policy", _, options @ ..] if plugin.eq_ignore_ascii_case("plugin") => {
                if let Some(file) = options.iter().find_map(|option| option.strip_prefix("sudoers_file=")) {
                    file.clone_into(&mut main);
                }
            }
            [plugin, policy, ..] if plugin.eq_ignore_ascii_case("plugin") && policy.ends_with("_policy") => {
                cx.unknown(&SUDOERS, format!("{CONF} names another source of rules: {policy}"));
            }
            _ => {}
        }
    }
    main
}

/// Rules that are in no file of this machine.
fn elsewhere(cx: &mut Cx<'_>) {
    let Some(switch) = cx.source.text("/etc/nsswitch.conf").optional().ok().flatten() else { return };
    for (_, line) in text::lines(&switch) {
        let Some(sources) = line.strip_prefix("sudoers").and_then(|rest| rest.trim_start().strip_prefix(':'))
        else {
            continue;
        };
        let others = sources.split_whitespace().filter(|source| matches!(*source, "ldap" | "sss"));
        for source in others.collect::<Vec<_>>() {
            cx.unknown(&SUDOERS, format!("rules that come from {source} are not in a file"));
        }
    }
}

/// What the machine is called, and what `/etc/hosts` makes of it: whether sudo asks for that depends on how it was
/// built (`fqdn`).
fn hosts(cx: &Cx<'_>) -> Vec<String> {
    let own = ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|path| {
        let text = cx.source.text(path).ok()?;
        let (_, name) = text::lines(&text).next()?;
        (name != "(none)").then(|| name.to_owned())
    });
    let Some(own) = own else { return Vec::new() };
    let known = cx.source.text("/etc/hosts").unwrap_or_default();
    let canonical = text::lines(&known).find_map(|(_, line)| {
        let names: Vec<&str> = line.split('#').next()?.split_whitespace().skip(1).collect();
        let listed = names.iter().any(|name| name.eq_ignore_ascii_case(&own));
        names.first().filter(|_| listed).map(|name| (*name).to_owned())
    });
    [own].into_iter().chain(canonical).collect()
}

/// The time of the scan as digits, as `NOTAFTER=` has it.
fn now(cx: &Cx<'_>) -> String {
    cx.now.to_string().chars().filter(char::is_ascii_digit).take(14).collect()
}

struct Reader {
    policy: Policy,
    files: usize,
}

impl Reader {
    fn file(&mut self, cx: &mut Cx<'_>, path: &str, depth: usize) -> Result<(), Unread> {
        if depth > MAX_DEPTH || self.files >= MAX_FILES {
            cx.unknown(&SUDOERS, format!("{path}: includes are nested too deep, or are too many"));
            return Ok(());
        }
        self.files += 1;
        let meta = cx.source.stat(path)?;
        if meta.kind == Type::File && !meta.only_root_writes() {
            let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
            cx.find(&SUDOERS, path, seen)
                .title("Others can change a file of sudo's rules")
                .severity(Severity::Critical);
            // Sudo refuses what is in it.
            return Ok(());
        }
        let (entries, bad) = grammar::parse(&cx.source.text(path)?);
        for line in bad.iter().take(MAX_BAD_LINES) {
            cx.unknown(&SUDOERS, format!("line {line} of {path} is not understood"));
        }
        for (line, entry) in entries {
            self.entry(cx, path, line, entry, depth);
        }
        Ok(())
    }

    fn entry(&mut self, cx: &mut Cx<'_>, path: &str, line: usize, entry: Entry, depth: usize) {
        let file = path.to_owned();
        match entry {
            Entry::Rule { users, privileges } => {
                self.policy.rules.push(Rule { file, line, users, privileges });
            }
            Entry::Defaults { scope, words, settings } => {
                self.policy.defaults.push(Defaults { file, line, scope, words, settings });
            }
            Entry::Aliases(aliases) => {
                for alias in aliases {
                    match alias {
                        // The second of a name is a mistake that sudo passes over.
                        Alias::Who(kind, name, members) => {
                            self.policy.who.entry((kind, name)).or_insert(members);
                        }
                        Alias::What(name, members) => {
                            self.policy.what.entry(name).or_insert(members);
                        }
                    }
                }
            }
            Entry::Include { folder, path: included } => {
                let Some(included) = self.named(cx, path, &included) else { return };
                if folder {
                    self.folder(cx, &included, depth);
                    return;
                }
                match self.file(cx, &included, depth + 1) {
                    // Sudo, too, goes on without it.
                    Err(unread) if unread.is_missing() => {}
                    outcome => drop(cx.known(&SUDOERS, outcome)),
                }
            }
        }
    }

    /// The path of an include: `%h` is the machine's name, and what is not absolute lies beside the file.
    fn named(&self, cx: &mut Cx<'_>, from: &str, path: &str) -> Option<String> {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
        if !path.contains("%h") {
            return Some(path);
        }
        let short = self.policy.hosts.last().map(|host| host.split('.').next().unwrap_or_default());
        if short.is_none() {
            cx.unknown(&SUDOERS, format!("{path} depends on the name of the machine, which is not known"));
        }
        Some(path.replace("%h", short?))
    }

    /// Files whose names have no dot and do not end in `~`. Sudo does not read a folder that others can change.
    fn folder(&mut self, cx: &mut Cx<'_>, folder: &str, depth: usize) {
        let folder = if folder.len() > 1 { folder.trim_end_matches('/') } else { folder };
        let names = match cx.source.list(folder) {
            Err(unread) if unread.is_missing() => return,
            names => cx.known(&SUDOERS, names).unwrap_or_default(),
        };
        if cx.source.stat(folder).is_ok_and(|meta| !meta.only_root_writes()) {
            return;
        }
        for name in names.iter().filter(|name| !name.contains('.') && !name.ends_with('~')) {
            let path = format!("{folder}/{name}");
            // What is no file is passed over, as is a link that leads nowhere.
            if cx.source.stat(&path).is_ok_and(|meta| meta.kind == Type::File) {
                let outcome = self.file(cx, &path, depth + 1);
                cx.known(&SUDOERS, outcome);
            }
        }
    }
}

//! Sudoers: who becomes root without a password, and who could write the rules.
//!
//! ```text
//! files ── which files there are and what is in them     lexer, grammar ── sudoers(5)
//! policy ─ what all of it comes to for a user            command ──────── which commands a rule names
//! ```

mod arguments;
mod command;
mod files;
mod grammar;
mod lexer;
mod policy;
mod token;

use super::accounts::{self, Directory};
use super::check::Check;
use super::cx::Cx;
use super::unread::Unread;
use command::{EVERYTHING, Probe};
use grammar::{Member, Scope, What, Who};
use policy::{Policy, Rule, User, Verdict};
use spec::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// Everything without a password, or rules that others can change.
pub(super) static SUDOERS: Check = Check {
    id: "sudoers",
    severity: Severity::High,
    title: "Sudo gives root away",
    remediation: "Edit the rule with visudo: name the commands that need no password instead of ALL. A file that \
                  others can write to belongs to root with mode 0440.",
};

/// Most questions of what comes of a command; more rules and members than that are no person's.
const MAX_QUESTIONS: usize = 100_000;

/// Most names in a title.
const MAX_NAMES: usize = 8;

/// A machine without sudo's rules has no sudo: nothing to check.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let Some(policy) = files::read(cx)? else { return Ok(()) };
    let directory = accounts::directory(cx);
    let told_apart = told_apart(&policy, &directory);
    let mut judge =
        Judge { policy: &policy, directory: &directory, told_apart, questions: 0, free: BTreeMap::new() };
    for number in 0..policy.rules.len() {
        judge.rule(cx, number);
    }
    let Judge { questions, free, .. } = judge;
    for (number, defaults) in policy.defaults.iter().enumerate() {
        let names = free.get(&number).cloned().unwrap_or_default();
        if !names.is_empty() || is_left_open(&policy, &directory, number) {
            let whom =
                if defaults.words.is_empty() { String::new() } else { format!(" ({})", defaults.words) };
            let seen = format!("{}:{}:{}", defaults.file, defaults.line, defaults.words);
            let title = if names.is_empty() {
                format!(
                    "Sudo asks nobody{whom} for a password, by line {} of {}",
                    defaults.line, defaults.file
                )
            } else {
                let line = defaults.line;
                format!(
                    "{} may run everything as root, and line {line} asks nobody{whom} for a password",
                    listed(&names)
                )
            };
            cx.find(&SUDOERS, format!("{} everybody{whom}", defaults.file), seen).title(title);
        }
    }
    if questions > MAX_QUESTIONS || policy.is_exhausted() {
        cx.unknown(&SUDOERS, "there are more rules and members than can be judged");
    }
    Ok(())
}

struct Judge<'p> {
    policy: &'p Policy,
    directory: &'p Directory,
    /// Whom settings are about: rules about many may come to something else for them.
    told_apart: Vec<User>,
    questions: usize,
    /// Whom no password is asked for because of settings, by their place.
    free: BTreeMap<usize, BTreeSet<String>>,
}

impl Judge<'_> {
    fn rule(&mut self, cx: &mut Cx<'_>, number: usize) {
        let Some(rule) = self.policy.rules.get(number) else { return };
        // By the member of the rule's list through which it is about somebody.
        let mut everything: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut shell: BTreeMap<usize, BTreeMap<String, String>> = BTreeMap::new();
        let mut users = all_named(self.policy, self.directory, &rule.users);
        if rule.users.iter().any(|member| !matches!(member.what, Who::Name(_))) {
            users.extend(
                self.told_apart.iter().filter(|user| !users.contains(user)).cloned().collect::<Vec<_>>(),
            );
        }
        for user in users {
            let Some(member) = self.policy.deciding_member(&rule.users, &user) else { continue };
            let Some(what) = rule.users.get(member).map(|member| &member.what) else { continue };
            let unnamed = if matches!(what, Who::Capitals(_)) { "others" } else { what.text() };
            let name = user.name.clone().unwrap_or_else(|| unnamed.to_owned());
            match self.ask(&user, &EVERYTHING) {
                Verdict::Free { rule, by_tag: true } if rule == number => {
                    everything.entry(member).or_default().insert(name);
                }
                Verdict::Free { rule, by_tag: false } if rule == number => {
                    self.by_settings(cx, &user, name);
                }
                Verdict::Free { .. } => {}
                _ => {
                    if let Some(program) = self.shell(rule, number, &user) {
                        shell.entry(member).or_default().insert(name.clone(), program);
                    }
                    self.unsure(cx, &user, number, &name);
                }
            }
        }
        for (number, member) in rule.users.iter().enumerate() {
            let who = format!("{}{}", if member.not { "!" } else { "" }, member.what.text());
            let shown = |names: &BTreeSet<String>| {
                let listed_too = !names.contains(&who)
                    && (member.not || matches!(member.what, Who::All | Who::Capitals(_)));
                if listed_too { format!("{who} ({})", listed(names)) } else { who.clone() }
            };
            let title = if let Some(names) = everything.get(&number) {
                format!(
                    "{} may run everything as root without a password, by line {}",
                    shown(names),
                    rule.line
                )
            } else if let Some(programs) = shell.get(&number)
                && let Some(program) = programs.values().next()
            {
                let names = shown(&programs.keys().cloned().collect());
                format!(
                    "{names} may start a shell as root without a password, by line {}: {program}",
                    rule.line
                )
            } else {
                continue;
            };
            let seen = format!("{}:{}:{who}", rule.file, rule.line);
            cx.find(&SUDOERS, format!("{} {who}", rule.file), seen).title(title);
        }
    }

    fn ask(&mut self, user: &User, probe: &Probe<'_>) -> Verdict {
        self.questions += 1;
        if self.questions > MAX_QUESTIONS { Verdict::No } else { self.policy.verdict(user, probe) }
    }

    /// Remembers somebody whom no password is asked for because of settings.
    fn by_settings(&mut self, cx: &mut Cx<'_>, user: &User, name: String) {
        if let Some((defaults, false)) = self.policy.deciding(user, Some(&EVERYTHING)) {
            self.free.entry(defaults).or_default().insert(name);
            return;
        }
        let title = format!("{name} may run everything as root, and exempt_group asks for no password");
        let file = self.policy.rules.first().map_or("/etc/sudoers", |rule| rule.file.as_str());
        cx.find(&SUDOERS, format!("{file} exempt_group"), name).title(title);
    }

    /// A program of a rule's with which a user has all.
    fn shell(&mut self, rule: &Rule, number: usize, user: &User) -> Option<String> {
        let grants = rule.privileges.iter().flat_map(|privilege| &privilege.grants);
        if !grants.into_iter().any(|grant| may_start(&grant.what.what)) {
            return None;
        }
        command::starters().find_map(|(path, args)| {
            let verdict = self.ask(user, &Probe { path: &path, args });
            matches!(verdict, Verdict::Free { rule, .. } if rule == number).then_some(path)
        })
    }

    /// Tells what would give everything if what cannot be known were so.
    fn unsure(&mut self, cx: &mut Cx<'_>, user: &User, number: usize, name: &str) {
        self.policy.assume(true);
        let verdict = self.ask(user, &EVERYTHING);
        self.policy.assume(false);
        let reasons = self.policy.unsure.take();
        if matches!(verdict, Verdict::Free { rule, .. } if rule == number) {
            for reason in reasons {
                cx.unknown(&SUDOERS, format!("whether {name} may run everything depends on {reason}"));
            }
        }
    }
}

/// Whether a command can be one that starts others.
fn may_start(what: &What) -> bool {
    match what {
        What::All | What::Alias(_) => true,
        What::Command { path, .. } => {
            path.ends_with('/') || path.starts_with('^') || super::glob::is_pattern(path) || {
                command::starters().any(|(starter, _)| starter.rsplit('/').next() == path.rsplit('/').next())
            }
        }
    }
}

/// The users that a member of a list stands for. Root is root already.
fn candidates(policy: &Policy, directory: &Directory, who: &Who, depth: usize) -> Vec<User> {
    /// How deep aliases are followed.
    const MAX_DEPTH: usize = 16;
    let mut users = match who {
        Who::All => vec![User::default()],
        Who::Network(_) | Who::Netgroup(_) => Vec::new(),
        Who::Group(group) => members(directory, group.trim_start_matches('%')),
        Who::Name(name) => vec![named(directory, name)],
        Who::Capitals(name) => match policy.who.get(&('U', name.clone())) {
            Some(members) if depth < MAX_DEPTH => {
                let members = members.iter().filter(|_| policy.step());
                members.flat_map(|member| candidates(policy, directory, &member.what, depth + 1)).collect()
            }
            Some(_) => Vec::new(),
            None => vec![named(directory, name)],
        },
    };
    users.retain(|user| user.uid != Some(0) && user.name.as_deref() != Some("root"));
    users
}

fn named(directory: &Directory, name: &str) -> User {
    let id = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    let account = directory.users.iter().find(|account| match id {
        Some(id) => account.uid == id,
        None => account.name.eq_ignore_ascii_case(name),
    });
    match account {
        Some(account) => of_account(directory, account),
        None if id.is_some() => User { uid: id, ..User::default() },
        None => User { name: Some(name.to_owned()), ..User::default() },
    }
}

fn of_account(directory: &Directory, account: &accounts::Account) -> User {
    let groups = directory.groups_of(account).into_iter().map(|(name, gid)| (name, Some(gid))).collect();
    User { name: Some(account.name.clone()), uid: Some(account.uid), groups }
}

/// The members of a group; somebody, if nobody is known to be one.
fn members(directory: &Directory, group: &str) -> Vec<User> {
    /// Most members that are looked at one by one.
    const MAX_MEMBERS: usize = 256;
    let id = group.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    let mut of_name = directory.groups.iter().filter(|known| known.name.eq_ignore_ascii_case(group));
    let gid = id.or_else(|| of_name.next().map(|group| group.gid));
    let names = gid.map(|gid| directory.members(gid)).unwrap_or_default();
    let mut users: Vec<User> = names.iter().take(MAX_MEMBERS).map(|name| named(directory, name)).collect();
    if users.is_empty() {
        users.push(User { groups: vec![(group.trim_start_matches(':').to_owned(), gid)], ..User::default() });
    }
    users
}

/// Whether settings ask nobody for a password and no rule is there yet that shows what this opens.
fn is_left_open(policy: &Policy, directory: &Directory, number: usize) -> bool {
    let Some(defaults) = policy.defaults.get(number) else { return false };
    let users = match &defaults.scope {
        Scope::Everything | Scope::Hosts(_) => vec![User::default()],
        Scope::Users(users) => named_by(policy, directory, users),
        Scope::Runas(_) | Scope::Commands(_) => return false,
    };
    let everybody = !matches!(defaults.scope, Scope::Users(_));
    let acts_on = |rule: &Rule| {
        let theirs = |user: &User| policy.users(&rule.users, user, 'U', 0) == Some(true);
        let named = named_by(policy, directory, &rule.users);
        let concerned = if everybody { !named.is_empty() } else { users.iter().any(theirs) };
        let mut grants = rule.privileges.iter().flat_map(|privilege| &privilege.grants);
        concerned && grants.any(|grant| grant.nopasswd != Some(true))
    };
    let decides = |user: &User| policy.deciding(user, None) == Some((number, false));
    !users.is_empty() && users.iter().all(decides) && !policy.rules.iter().any(acts_on)
}

/// The users that a list is about.
fn named_by(policy: &Policy, directory: &Directory, list: &[Member<Who>]) -> Vec<User> {
    let mut users = all_named(policy, directory, list);
    users.retain(|user| policy.users(list, user, 'U', 0) == Some(true));
    users
}

/// All users that a list names, be it to leave them out.
fn all_named(policy: &Policy, directory: &Directory, list: &[Member<Who>]) -> Vec<User> {
    list.iter().flat_map(|member| candidates(policy, directory, &member.what, 0)).collect()
}

/// Users whom settings are about, by name or by the group from which no password is asked.
fn told_apart(policy: &Policy, directory: &Directory) -> Vec<User> {
    let mut users = Vec::new();
    for defaults in &policy.defaults {
        if let Scope::Users(list) = &defaults.scope {
            users.extend(all_named(policy, directory, list));
        }
        let exempt = defaults.settings.iter().filter(|setting| setting.name == "exempt_group");
        let groups = exempt.filter_map(|setting| setting.value.as_deref());
        users.extend(groups.flat_map(|group| members(directory, group.trim_start_matches('%'))));
    }
    users
}

fn listed(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_NAMES).map(String::as_str).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

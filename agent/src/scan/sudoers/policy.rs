//! What the entries come to: sudoers(5), "User specification" and "DEFAULTS". Of all that match the last
//! one holds: of rules, of what one rule lists, of members of a list.

use super::command::{self, Probe};
use super::grammar::{Grant, Member, Privilege, Scope, Setting, What, Who};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// How deep aliases are followed.
const MAX_DEPTH: usize = 32;

/// Most members that are looked at in all: aliases of aliases would multiply without an end.
const MAX_STEPS: usize = 1_000_000;

/// A rule with where it stands.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) users: Vec<Member<Who>>,
    pub(super) privileges: Vec<Privilege>,
}

/// Settings with where they stand and whom they are about.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) scope: Scope,
    /// The scope as it is written.
    pub(super) words: String,
    pub(super) settings: Vec<Setting>,
}

fn root() -> User {
    User { name: Some("root".to_owned()), uid: Some(0), groups: vec![("root".to_owned(), Some(0))] }
}

/// Somebody who starts sudo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct User {
    /// No name: somebody whom no rule names.
    pub(super) name: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) groups: Vec<(String, Option<u32>)>,
}

/// All rules and settings of a machine.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) rules: Vec<Rule>,
    pub(super) defaults: Vec<Defaults>,
    /// Aliases of users, hosts and whom commands are run as, by their letter.
    pub(super) who: BTreeMap<(char, String), Vec<Member<Who>>>,
    pub(super) what: BTreeMap<String, Vec<Member<What>>>,
    /// The names of the machine: its own, and the one under which it is found; none if nobody knows.
    pub(super) hosts: Vec<String>,
    /// Now, as digits of a date.
    pub(super) now: String,
    /// Whether what cannot be known counts as so, and what that was.
    pub(super) assumed: Cell<bool>,
    pub(super) steps: Cell<usize>,
    pub(super) unsure: RefCell<BTreeSet<String>>,
}

/// What comes of a command as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not allowed.
    No,
    /// Allowed by a rule, with a password.
    Asked,
    /// Allowed by a rule (its place among all), and nobody asks. Whether a tag says so, or else settings.
    Free { rule: usize, by_tag: bool },
}

impl Policy {
    /// What comes of it if `user` runs `probe` as root.
    pub(super) fn verdict(&self, user: &User, probe: &Probe<'_>) -> Verdict {
        let Some((rule, grant)) = self.grant(user, probe) else { return Verdict::No };
        match grant.nopasswd {
            Some(true) => Verdict::Free { rule, by_tag: true },
            Some(false) => Verdict::Asked,
            None if self.authenticates(user, probe) => Verdict::Asked,
            None => Verdict::Free { rule, by_tag: false },
        }
    }

    fn grant(&self, user: &User, probe: &Probe<'_>) -> Option<(usize, &Grant)> {
        let default = self.runas_default(user);
        for (number, rule) in self.rules.iter().enumerate().rev() {
            if self.users(&rule.users, user, 'U', 0) != Some(true) {
                continue;
            }
            for privilege in rule.privileges.iter().rev() {
                if self.hosts(&privilege.hosts, 0) != Some(true) {
                    continue;
                }
                for grant in privilege.grants.iter().rev() {
                    if !self.in_time(grant) || !self.as_root(grant, &default) {
                        continue;
                    }
                    match self.whats(std::slice::from_ref(&grant.what), probe, 0) {
                        Some(true) => return Some((number, grant)),
                        Some(false) => return None,
                        None => {}
                    }
                }
            }
        }
        None
    }

    fn in_time(&self, grant: &Grant) -> bool {
        let digits = |date: &String| {
            let digits: String = date.chars().take_while(char::is_ascii_digit).take(14).collect();
            format!("{digits:0<14}")
        };
        grant.not_before.as_ref().is_none_or(|from| digits(from) <= self.now)
            && grant.not_after.as_ref().is_none_or(|until| self.now <= digits(until))
    }

    fn as_root(&self, grant: &Grant, default: &str) -> bool {
        let root = root();
        match &grant.runas {
            None => is_name(default, &root),
            Some(runas) => {
                runas.users.as_ref().is_some_and(|users| self.users(users, &root, 'R', 0) == Some(true))
            }
        }
    }

    /// Whether a list of users has this one: `Some(false)` if it is taken out again.
    pub(super) fn users(&self, list: &[Member<Who>], user: &User, kind: char, depth: usize) -> Option<bool> {
        list.iter().rev().take_while(|_| self.step()).find_map(|member| {
            let matched = match &member.what {
                Who::All => Some(true),
                Who::Netgroup(name) => self.maybe(format!("netgroup {name}")),
                Who::Group(group) => is_member(group.trim_start_matches('%'), user).then_some(true),
                Who::Name(name) => is_name(name, user).then_some(true),
                Who::Network(_) => None,
                Who::Capitals(name) => match self.who.get(&(kind, name.clone())) {
                    Some(members) if depth < MAX_DEPTH => self.users(members, user, kind, depth + 1),
                    Some(_) => None,
                    None => is_name(name, user).then_some(true),
                },
            };
            matched.map(|matched| matched != member.not)
        })
    }

    /// The place of the member through which a list is about a user, if it is.
    pub(super) fn deciding_member(&self, list: &[Member<Who>], user: &User) -> Option<usize> {
        let mut members = list.iter().enumerate().rev();
        let (place, matched) = members.find_map(|(place, member)| {
            Some((place, self.users(std::slice::from_ref(member), user, 'U', 0)?))
        })?;
        matched.then_some(place)
    }

    fn hosts(&self, list: &[Member<Who>], depth: usize) -> Option<bool> {
        list.iter().rev().take_while(|_| self.step()).find_map(|member| {
            let matched = match &member.what {
                Who::All => Some(true),
                Who::Netgroup(name) => self.maybe(format!("netgroup {name}")),
                Who::Network(address) => self.maybe(format!("machines with the address {address}")),
                Who::Group(_) => None,
                Who::Name(name) => self.is_host(name),
                Who::Capitals(name) => match self.who.get(&('H', name.clone())) {
                    Some(members) if depth < MAX_DEPTH => self.hosts(members, depth + 1),
                    Some(_) => None,
                    None => self.is_host(name),
                },
            };
            matched.map(|matched| matched != member.not)
        })
    }

    fn is_host(&self, name: &str) -> Option<bool> {
        if self.hosts.is_empty() {
            return self.maybe(format!("machines called {name}, and how this one is called is not known"));
        }
        let mine = |host: &String| {
            let short = host.split('.').next().unwrap_or_default();
            command::host_fits(name, if name.contains('.') { host } else { short })
        };
        self.hosts.iter().any(mine).then_some(true)
    }

    /// Whether there was more to look at than is looked at.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps.get() > MAX_STEPS
    }

    /// Counts a step; false if there have been too many.
    pub(super) fn step(&self) -> bool {
        self.steps.set(self.steps.get().saturating_add(1));
        !self.is_exhausted()
    }

    /// From now on, whether what cannot be known counts as so.
    pub(super) fn assume(&self, assumed: bool) {
        self.assumed.set(assumed);
    }

    /// What cannot be known: no match, unless it is to be assumed, which is noted.
    fn maybe(&self, what: String) -> Option<bool> {
        let assumed = self.assumed.get();
        if assumed {
            self.unsure.borrow_mut().insert(what);
        }
        assumed.then_some(true)
    }

    fn whats(&self, list: &[Member<What>], probe: &Probe<'_>, depth: usize) -> Option<bool> {
        list.iter().rev().take_while(|_| self.step()).find_map(|member| {
            let matched = match &member.what {
                What::All => Some(true),
                What::Alias(name) => {
                    let members = self.what.get(name).filter(|_| depth < MAX_DEPTH);
                    members.and_then(|members| self.whats(members, probe, depth + 1))
                }
                What::Command { path, args } => match command::fits(path, args.as_deref(), probe) {
                    Ok(fits) => fits.then_some(true),
                    Err(()) => self.maybe(format!("the command {path}")),
                },
            };
            matched.map(|matched| matched != member.not)
        })
    }

    /// Whether settings are in force for a user: those about hosts and users together, in their order.
    fn holds(&self, defaults: &Defaults, user: &User) -> bool {
        match &defaults.scope {
            Scope::Everything => true,
            Scope::Users(users) => self.users(users, user, 'U', 0) == Some(true),
            Scope::Hosts(hosts) => self.hosts(hosts, 0) == Some(true),
            Scope::Runas(_) | Scope::Commands(_) => false,
        }
    }

    fn last<'s>(&'s self, name: &str, user: &User) -> Option<&'s Setting> {
        let holding = self.defaults.iter().rev().filter(|defaults| self.holds(defaults, user));
        holding.flat_map(|d| d.settings.iter().rev()).find(|setting| setting.name == name)
    }

    /// Who is meant where a rule names nobody. Settings about whom a command is run as, here root, are set last.
    fn runas_default(&self, user: &User) -> String {
        let root = root();
        let for_root = self.defaults.iter().rev().filter(|defaults| match &defaults.scope {
            Scope::Runas(users) => self.users(users, &root, 'R', 0) == Some(true),
            _ => false,
        });
        let for_root =
            for_root.flat_map(|d| d.settings.iter().rev()).find(|setting| setting.name == "runas_default");
        let setting = for_root.or_else(|| self.last("runas_default", user));
        setting.and_then(|setting| setting.value.clone()).unwrap_or_else(|| "root".to_owned())
    }

    /// Whether a password is asked for where no tag says anything.
    pub(super) fn authenticates(&self, user: &User, probe: &Probe<'_>) -> bool {
        let exempt = self.last("exempt_group", user).filter(|setting| !setting.off);
        let exempt = exempt.and_then(|setting| setting.value.as_deref());
        if exempt.is_some_and(|group| is_member(group.trim_start_matches('%'), user)) {
            return false;
        }
        self.deciding(user, Some(probe)).is_none_or(|(_, on)| on)
    }

    /// The settings that decide whether a password is asked for (their place among all), and what they say.
    pub(super) fn deciding(&self, user: &User, probe: Option<&Probe<'_>>) -> Option<(usize, bool)> {
        let root = root();
        let passes: [&dyn Fn(&Defaults) -> bool; 3] = [
            &|defaults| match (&defaults.scope, probe) {
                (Scope::Commands(commands), Some(probe)) => self.whats(commands, probe, 0) == Some(true),
                _ => false,
            },
            &|defaults| match &defaults.scope {
                Scope::Runas(users) => self.users(users, &root, 'R', 0) == Some(true),
                _ => false,
            },
            &|defaults| self.holds(defaults, user),
        ];
        passes.iter().find_map(|holds| {
            self.defaults.iter().enumerate().rev().filter(|(_, defaults)| holds(defaults)).find_map(
                |(number, defaults)| {
                    let said = defaults.settings.iter().rev();
                    let said = said.filter(|setting| setting.value.is_none());
                    said.into_iter().find(|s| s.name == "authenticate").map(|s| (number, !s.off))
                },
            )
        })
    }
}

/// Whether a name, or a number behind `#`, is that of a user.
fn is_name(name: &str, user: &User) -> bool {
    if let Some(id) = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok()) {
        return user.uid == Some(id);
    }
    user.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// Whether a user is in a group, named or numbered behind `#`.
fn is_member(group: &str, user: &User) -> bool {
    let id = group.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    user.groups.iter().any(|(name, gid)| {
        if let Some(id) = id { *gid == Some(id) } else { name.eq_ignore_ascii_case(group) }
    })
}

//! The accounts and groups of a machine, from all sources that are files: nsswitch.conf(5).

use super::super::cx::Cx;
use super::super::text;
use super::super::unread::{Optional as _, Unread};
use super::lines::{self, Account, Group, Shadow};
use super::userdb;
use std::collections::BTreeSet;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Who there is.
#[derive(Debug, Default)]
pub(in crate::scan) struct Directory {
    /// Each name once: the first counts.
    pub(in crate::scan) users: Vec<Account>,
    names: BTreeSet<String>,
    /// In the order in which they are found; a number may have several names.
    pub(in crate::scan) groups: Vec<Group>,
    /// Lines of the file of groups that begin with `#`. The C library reads over them where it looks for a group, and
    /// not where it looks for those of a user: who is named there is in the group of that number.
    commented: Vec<Group>,
    /// Users and groups they are in by a file that says nothing else.
    pub(super) memberships: Vec<(String, String)>,
    /// Passwords that are kept with an account, and whether the C library looks there.
    pub(super) shadows: Vec<Shadow>,
    pub(super) shadows_count: bool,
    /// What was not understood, or comes from elsewhere.
    pub(super) odd: Vec<String>,
    /// Whether there may be accounts that are in no file.
    pub(super) elsewhere: bool,
    /// Why the files of accounts and of groups could not be read, if so.
    pub(super) unread_users: Option<Unread>,
    pub(super) unread_groups: Option<Unread>,
}

impl Directory {
    pub(super) fn add(&mut self, account: Account) {
        if self.names.insert(account.name.clone()) {
            self.users.push(account);
        }
    }

    /// Whether everybody there is stands in it.
    pub(in crate::scan) fn is_whole(&self) -> bool {
        !self.elsewhere && self.unread_users.is_none() && self.unread_groups.is_none()
    }

    /// The first group of a name.
    pub(in crate::scan) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Names and numbers of the groups that a user of the name is in beside the one of its account.
    fn named<'d>(&'d self, user: &'d str) -> impl Iterator<Item = &'d Group> {
        let lines = self.groups.iter().chain(&self.commented);
        let by_file = lines.filter(move |group| group.members.iter().any(|member| member == user));
        let memberships = self.memberships.iter().filter(move |(member, _)| member == user);
        by_file.chain(memberships.filter_map(|(_, group)| self.group(group)))
    }

    /// The groups of an account with all names of their numbers: what counts for the kernel is the number.
    pub(in crate::scan) fn groups_of(&self, account: &Account) -> Vec<(String, u32)> {
        let mut numbers = vec![account.gid];
        numbers.extend(self.named(&account.name).map(|group| group.gid));
        let mut groups: Vec<(String, u32)> = self
            .groups
            .iter()
            .filter(|group| numbers.contains(&group.gid))
            .map(|group| (group.name.clone(), group.gid))
            .collect();
        // A number without a name is a group as well.
        for number in numbers {
            if !groups.iter().any(|(_, gid)| *gid == number) {
                groups.push((format!("#{number}"), number));
            }
        }
        groups.sort();
        groups.dedup();
        groups
    }

    /// Who is in the group of a number, by any of its names: accounts, and names without one.
    pub(in crate::scan) fn members(&self, gid: u32) -> Vec<String> {
        let of_number = self.groups.iter().chain(&self.commented).filter(|group| group.gid == gid);
        let mut members: Vec<String> = of_number.flat_map(|group| group.members.clone()).collect();
        let by_file = self.memberships.iter();
        let by_file = by_file.filter(|(_, group)| self.group(group).is_some_and(|group| group.gid == gid));
        members.extend(by_file.map(|(user, _)| user.clone()));
        members.extend(self.users.iter().filter(|user| user.gid == gid).map(|user| user.name.clone()));
        members.sort();
        members.dedup();
        // A name without an account is nobody's, if all accounts are known.
        if !self.elsewhere {
            members.retain(|member| self.names.contains(member));
        }
        members
    }
}

/// Reads all of it. What could not be read is said in it.
pub(in crate::scan) fn directory(cx: &Cx<'_>) -> Directory {
    let mut directory = Directory::default();
    let switch = cx.source.text("/etc/nsswitch.conf").optional().unwrap_or_else(|unread| {
        directory.odd.push(unread.to_string());
        directory.elsewhere = true;
        None
    });
    let sources = |database: &str| sources(switch.as_deref(), database);
    let (users, groups) = (sources("passwd"), sources("group"));
    directory.shadows_count = sources("shadow").contains(&"systemd".to_owned());
    match cx.source.text(PASSWD) {
        Ok(text) => {
            for (number, line) in lines::rows(&text) {
                if lines::is_network(line) {
                    // Without a word on it the C library decides, and each version in its own way.
                    if switch.is_none() || users.contains(&"compat".to_owned()) {
                        directory.odd.push(format!("line {number} of {PASSWD} brings in others' accounts"));
                    }
                } else if let Some(account) = lines::account(line) {
                    directory.add(account);
                } else {
                    directory.odd.push(format!("line {number} of {PASSWD} is not understood"));
                }
            }
        }
        Err(unread) => directory.unread_users = Some(unread),
    }
    match cx.source.text(GROUP) {
        Ok(text) => {
            directory.commented =
                text.lines().filter(|l| l.starts_with('#')).filter_map(lines::group).collect();
            for (number, line) in lines::rows(&text).filter(|(_, line)| !lines::is_network(line)) {
                match lines::group(line) {
                    Some(group) => directory.groups.push(group),
                    None => directory.odd.push(format!("line {number} of {GROUP} is not understood")),
                }
            }
        }
        Err(unread) => directory.unread_groups = Some(unread),
    }
    let is_systemd = |sources: &[String]| sources.iter().any(|source| source == "systemd");
    if is_systemd(&users) || is_systemd(&groups) {
        userdb::add(cx, &mut directory, is_systemd(&users), is_systemd(&groups));
    }
    for source in users.iter().chain(&groups) {
        let reason = format!("accounts that come from {source} are not in a file");
        if !matches!(source.as_str(), "files" | "compat" | "systemd" | "cache")
            && !directory.odd.contains(&reason)
        {
            directory.odd.push(reason);
            directory.elsewhere = true;
        }
    }
    directory
}

/// The sources of a database, in their order; `files` if nothing is said.
fn sources(switch: Option<&str>, database: &str) -> Vec<String> {
    let named = switch.into_iter().flat_map(text::lines).find_map(|(_, line)| {
        line.split('#')
            .next()?
            .split_once(':')
            .filter(|(name, _)| name.trim() == database)
            .map(|(_, s)| s.to_owned())
    });
    let Some(named) = named else { return vec!["files".to_owned()] };
    let (mut sources, mut inside) = (Vec::new(), false);
    for word in named.replace('[', " [ ").replace(']', " ] ").split_whitespace() {
        match word {
            "[" => inside = true,
            "]" => inside = false,
            word if !inside => sources.push(word.to_owned()),
            _ => {}
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_names() {
        let switch = "# a\npasswd:  files systemd # b\ngroup: files [SUCCESS=merge] sss\nhosts: dns\n";
        assert_eq!(sources(Some(switch), "passwd"), ["files", "systemd"]);
        assert_eq!(sources(Some(switch), "group"), ["files", "sss"]);
        assert_eq!(sources(Some(switch), "shadow"), ["files"]);
        assert_eq!(sources(None, "passwd"), ["files"]);
    }
}

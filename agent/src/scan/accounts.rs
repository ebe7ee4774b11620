//! Accounts: who is root, who needs no password, whose password's hash is weak, and who may read or change
//! the files that say so.
//!
//! ```text
//! directory ── who there is, from all sources that are files
//!     ├─ lines   passwd(5), group(5), shadow(5)    ├─ userdb  nss-systemd(8)
//! crypt ────── what a hash is worth
//! ```

mod crypt;
mod directory;
mod lines;
mod userdb;

use super::check::Check;
use super::cx::Cx;
use super::unread::{Optional as _, Unread};
use crypt::Worth;
pub(super) use directory::Directory;
pub(super) use lines::Account;
use spec::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// Accounts with the power of root under another name.
pub(super) static UID_ZERO: Check = Check {
    id: "uid-zero",
    severity: Severity::Critical,
    title: "An account other than root has user id 0",
    remediation: "Find out who added the account. Give it a user id of its own (usermod -u) or remove it (userdel), \
                  and treat the machine as taken over if nobody can say why it is there.",
};

/// Accounts that anybody can enter.
pub(super) static EMPTY: Check = Check {
    id: "empty-password",
    severity: Severity::Critical,
    title: "An account has an empty password",
    remediation: "Lock the account (passwd -l NAME) or set a password for it.",
};

/// Accounts whose password is soon guessed by whoever gets at its hash.
pub(super) static WEAK: Check = Check {
    id: "weak-password-hash",
    severity: Severity::High,
    title: "A password is kept under a weak hash",
    remediation: "Set ENCRYPT_METHOD YESCRYPT (or SHA512) in /etc/login.defs and in PAM, then have the password \
                  changed.",
};

/// Files of accounts that others may read or change.
pub(super) static CREDENTIALS: Check = Check {
    id: "credential-files",
    severity: Severity::High,
    title: "Others can read or change a file of credentials",
    remediation: "Give the file back to root and restrict it: chown root:root (root:shadow for shadow files on \
                  Debian); chmod 0640 for shadow files, 0644 for passwd and group, 0440 for sudoers.",
};

const SHADOW: &str = "/etc/shadow";

/// Who there is, for a check that does without what could not be read of it.
pub(super) fn directory(cx: &Cx<'_>) -> Directory {
    directory::directory(cx)
}

/// Who there is, for a check that needs to know: the rest is reported as unknown for it.
fn told(cx: &mut Cx<'_>, check: &'static Check) -> Directory {
    let mut directory = directory::directory(cx);
    for reason in std::mem::take(&mut directory.odd) {
        cx.unknown(check, reason);
    }
    directory
}

/// The accounts. What is not understood is reported as unknown for `check`.
pub(super) fn accounts(cx: &mut Cx<'_>, check: &'static Check) -> Result<Vec<Account>, Unread> {
    let directory = told(cx, check);
    directory.unread_users.map_or(Ok(directory.users), Err)
}

/// Accounts and groups. What is not understood is reported as unknown for `check`.
pub(super) fn everybody(cx: &mut Cx<'_>, check: &'static Check) -> Result<Directory, Unread> {
    let mut directory = told(cx, check);
    let unread = directory.unread_users.take().or(directory.unread_groups.take());
    unread.map_or(Ok(directory), Err)
}

pub(super) fn uid_zero(cx: &mut Cx<'_>) -> Result<(), Unread> {
    for account in accounts(cx, &UID_ZERO)? {
        if account.uid == 0 && account.name != "root" {
            let seen = format!("{}:{}:{}", account.name, account.uid, account.shell);
            cx.find(&UID_ZERO, account.name, seen);
        }
    }
    Ok(())
}

/// Whose password something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Account,
    /// There is no account of the name.
    Nobody,
}

/// Name and hash of every account that has one; evidence is made of the name and the method alone, since the
/// hash of a hash could be compared with guesses.
fn passwords(cx: &mut Cx<'_>, check: &'static Check) -> Result<Vec<(String, String, Owner)>, Unread> {
    let mut directory = told(cx, check);
    if let Some(unread) = directory.unread_users.take() {
        return Err(unread);
    }
    let accounts = directory.users;
    let shadowed =
        |account: &&Account| account.password == "x" || account.password == format!("##{}", account.name);
    let mut passwords: Vec<(String, String, Owner)> = accounts
        .iter()
        .filter(|account| !shadowed(account))
        .map(|account| (account.name.clone(), account.password.clone(), Owner::Account))
        .collect();
    // Without a shadow file there may be nothing in it that matters; but not if an account refers to it.
    let text = match cx.source.text(SHADOW) {
        Err(unread) if unread.is_missing() && !accounts.iter().any(|account| shadowed(&account)) => {
            return Ok(passwords);
        }
        read => read?,
    };
    let by_name: BTreeMap<&str, &Account> =
        accounts.iter().map(|account| (account.name.as_str(), account)).collect();
    let (mut seen, mut rows) = (BTreeSet::new(), Vec::new());
    for (number, line) in lines::rows(&text).filter(|(_, line)| !lines::is_network(line)) {
        match lines::shadow(line) {
            Some(row) => rows.push(row),
            None => cx.unknown(check, format!("line {number} of {SHADOW} is not understood")),
        }
    }
    if directory.shadows_count {
        rows.extend(directory.shadows);
    }
    for row in rows {
        // The first of a name counts, and that of an account only if the account refers to it.
        let account = by_name.get(row.name.as_str()).copied();
        if seen.insert(row.name.clone()) && account.is_none_or(|account| shadowed(&account)) {
            let owner = if account.is_some() { Owner::Account } else { Owner::Nobody };
            passwords.push((row.name, row.hash, owner));
        }
    }
    Ok(passwords)
}

pub(super) fn empty_password(cx: &mut Cx<'_>) -> Result<(), Unread> {
    for (name, password, owner) in passwords(cx, &EMPTY)? {
        if password.is_empty() {
            let found = cx.find(&EMPTY, name.clone(), name);
            if owner == Owner::Nobody {
                found
                    .title("An empty password waits for an account that does not exist")
                    .severity(Severity::Low);
            }
        }
    }
    Ok(())
}

pub(super) fn weak_hash(cx: &mut Cx<'_>) -> Result<(), Unread> {
    for (name, password, _) in passwords(cx, &WEAK)? {
        let seen = |method: &str| format!("{name} {method}");
        match crypt::worth(&password) {
            Worth::Fine => {}
            Worth::Weak(method) => {
                let seen = seen(method);
                cx.find(&WEAK, name, seen).title(format!("A password is kept under a weak hash: {method}"));
            }
            Worth::Legacy(method) => {
                let seen = seen(method);
                cx.find(&WEAK, name, seen)
                    .title(format!("A password is kept under a hash of old: {method}"))
                    .severity(Severity::Low);
            }
            Worth::Unknown => cx.unknown(&WEAK, format!("the password hash of {name} is of no known kind")),
        }
    }
    Ok(())
}

pub(super) fn credential_files(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let directory = told(cx, &CREDENTIALS);
    if let Some(unread) = directory.unread_groups {
        return Err(unread);
    }
    let shadow_group = directory.group("shadow").map(|group| group.gid);
    // Bits that nobody must have; whether the group may be the one of shadow files; whether it must exist.
    let files = [
        ("/etc/passwd", 0o022, false, true),
        ("/etc/passwd-", 0o022, false, false),
        ("/etc/group", 0o022, false, true),
        ("/etc/group-", 0o022, false, false),
        ("/etc/shadow", 0o037, true, true),
        ("/etc/shadow-", 0o037, true, false),
        ("/etc/gshadow", 0o037, true, false),
        ("/etc/gshadow-", 0o037, true, false),
        ("/etc/sudoers", 0o027, false, false),
    ];
    for (path, forbidden, shadow, needed) in files {
        let meta = match cx.source.stat(path) {
            Err(unread) if unread.is_missing() && !needed => continue,
            read => read,
        };
        let Some(meta) = cx.known(&CREDENTIALS, meta) else { continue };
        if meta.kind != super::source::Type::File {
            cx.unknown(&CREDENTIALS, format!("{path} is not a regular file"));
            continue;
        }
        let group_reads =
            meta.mode & 0o040 != 0 && meta.gid != 0 && !(shadow && Some(meta.gid) == shadow_group);
        let private = shadow || path == "/etc/sudoers";
        if meta.uid != 0 || meta.mode & forbidden != 0 || private && group_reads {
            let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
            let found = cx.find(&CREDENTIALS, path, seen);
            found.title(format!(
                "Others can read or change {path} (mode {:04o}, owner {}:{})",
                meta.mode, meta.uid, meta.gid
            ));
            if meta.uid != 0 || meta.mode & 0o022 != 0 {
                found.severity(Severity::Critical);
            }
        }
    }
    // Members of this directory are sudoers' business; here it is only about who may add one.
    let folder = cx.source.stat("/etc/sudoers.d").optional();
    if let Some(Some(meta)) = cx.known(&CREDENTIALS, folder)
        && !meta.only_root_writes()
    {
        let seen = format!("/etc/sudoers.d {:o} {} {}", meta.mode, meta.uid, meta.gid);
        cx.find(&CREDENTIALS, "/etc/sudoers.d", seen).severity(Severity::Critical);
    }
    Ok(())
}

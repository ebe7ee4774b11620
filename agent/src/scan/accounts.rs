//! Accounts: who is root, who needs no password, whose password's hash is weak, and who may read or change
//! the files that say so.

use super::check::Check;
use super::cx::Cx;
use super::text;
use super::unread::{Optional as _, Unread};
use spec::Severity;

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

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
const GROUP: &str = "/etc/group";

/// Fewest rounds of SHA-crypt that are not weak: the number used when none is given.
const SHA_ROUNDS: u64 = 5000;

/// An account of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
    pub(super) shell: String,
}

/// A group of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

/// Fields of lines that a colon separates; lines of the old network services (`+`, `-`) are none.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let rows = text::lines(text).filter(|(_, line)| !line.starts_with(['+', '-']));
    rows.map(|(number, line)| (number, line.split(':').collect()))
}

fn account(row: &[&str]) -> Option<Account> {
    let [name, password, uid, gid, _, home, shell] = row else { return None };
    Some(Account {
        name: (*name).to_owned(),
        password: (*password).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: (*home).to_owned(),
        shell: (*shell).to_owned(),
    })
}

/// The accounts. Lines that are none are reported as unknown for `check`.
pub(super) fn accounts(cx: &mut Cx<'_>, check: &'static Check) -> Result<Vec<Account>, Unread> {
    let text = cx.source.text(PASSWD)?;
    let mut accounts = Vec::new();
    for (number, row) in rows(&text) {
        match account(&row) {
            Some(account) => accounts.push(account),
            None => cx.unknown(check, format!("line {number} of {PASSWD} is not understood")),
        }
    }
    Ok(accounts)
}

/// The groups. Lines that are none are reported as unknown for `check`.
pub(super) fn groups(cx: &mut Cx<'_>, check: &'static Check) -> Result<Vec<Group>, Unread> {
    let text = cx.source.text(GROUP)?;
    let mut groups = Vec::new();
    for (number, row) in rows(&text) {
        let parsed = match row.as_slice() {
            [name, _, gid, members] => gid.parse().ok().map(|gid| Group {
                name: (*name).to_owned(),
                gid,
                members: members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect(),
            }),
            _ => None,
        };
        match parsed {
            Some(group) => groups.push(group),
            None => cx.unknown(check, format!("line {number} of {GROUP} is not understood")),
        }
    }
    Ok(groups)
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

/// Name and hash of every account that has one; evidence is made of the name and the method alone, since the
/// hash of a hash could be compared with guesses.
fn passwords(cx: &mut Cx<'_>, check: &'static Check) -> Result<Vec<(String, String)>, Unread> {
    let accounts = accounts(cx, check)?;
    let shadowed = accounts.iter().any(|account| account.password == "x");
    let mut passwords: Vec<(String, String)> =
        accounts.into_iter().filter(|a| a.password != "x").map(|a| (a.name, a.password)).collect();
    // Without a shadow file there may be nothing in it that matters; but not if an account refers to it.
    let text = match cx.source.text(SHADOW) {
        Err(unread) if unread.is_missing() && !shadowed => return Ok(passwords),
        read => read?,
    };
    for (number, row) in rows(&text) {
        match row.as_slice() {
            [name, password, ..] if row.len() >= 8 => {
                passwords.push(((*name).to_owned(), (*password).to_owned()));
            }
            _ => cx.unknown(check, format!("line {number} of {SHADOW} is not understood")),
        }
    }
    Ok(passwords)
}

pub(super) fn empty_password(cx: &mut Cx<'_>) -> Result<(), Unread> {
    for (name, password) in passwords(cx, &EMPTY)? {
        if password.is_empty() {
            cx.find(&EMPTY, name.clone(), name);
        }
    }
    Ok(())
}

/// What a hash is worth.
#[derive(Debug, PartialEq, Eq)]
enum Worth {
    /// Takes long to guess, or none can be entered.
    Fine,
    /// Its method, which is too fast.
    Weak(&'static str),
    /// Nobody can say.
    Unknown,
}

fn worth(hash: &str) -> Worth {
    let rounds = |rest: &str| {
        let given = rest.strip_prefix("rounds=").and_then(|r| r.split('$').next()?.parse::<u64>().ok());
        if given.unwrap_or(SHA_ROUNDS) < SHA_ROUNDS {
            Worth::Weak("SHA-crypt with few rounds")
        } else {
            Worth::Fine
        }
    };
    // What begins with these is locked; an empty field is another check's.
    if hash.is_empty() || hash.starts_with(['!', '*']) || hash == "x" {
        return Worth::Fine;
    }
    let Some((method, rest)) = hash.strip_prefix('$').and_then(|rest| rest.split_once('$')) else {
        let des = hash.bytes().all(|b| b.is_ascii_alphanumeric() || b"./_".contains(&b));
        return if des && matches!(hash.len(), 13 | 20) { Worth::Weak("DES") } else { Worth::Unknown };
    };
    match method {
        "1" | "apr1" => Worth::Weak("MD5"),
        "3" => Worth::Weak("NT"),
        "md5" => Worth::Weak("Sun MD5"),
        "sha1" => Worth::Weak("SHA-1"),
        "5" | "6" => rounds(rest),
        "2a" | "2b" | "2y" | "7" | "y" | "gy" | "argon2i" | "argon2id" => Worth::Fine,
        _ if method.starts_with("md5,") => Worth::Weak("Sun MD5"),
        _ => Worth::Unknown,
    }
}

pub(super) fn weak_hash(cx: &mut Cx<'_>) -> Result<(), Unread> {
    for (name, password) in passwords(cx, &WEAK)? {
        match worth(&password) {
            Worth::Fine => {}
            Worth::Weak(method) => {
                let seen = format!("{name} {method}");
                cx.find(&WEAK, name, seen).title(format!("A password is kept under a weak hash: {method}"));
            }
            Worth::Unknown => cx.unknown(&WEAK, format!("the password hash of {name} is of no known kind")),
        }
    }
    Ok(())
}

pub(super) fn credential_files(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let groups = groups(cx, &CREDENTIALS)?;
    let shadow_group = groups.iter().find(|group| group.name == "shadow").map(|group| group.gid);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        for (hash, expected) in [
            ("", Worth::Fine),
            ("!$1$x$y", Worth::Fine),
            ("*", Worth::Fine),
            ("$y$j9T$salt$hash", Worth::Fine),
            ("$6$salt$hash", Worth::Fine),
            ("$6$rounds=656000$salt$hash", Worth::Fine),
            ("$6$rounds=1000$salt$hash", Worth::Weak("SHA-crypt with few rounds")),
            ("$1$salt$hash", Worth::Weak("MD5")),
            ("abJnggxhB/yWI", Worth::Weak("DES")),
            ("$9$what$ever", Worth::Unknown),
            ("plain?", Worth::Unknown),
        ] {
            assert_eq!(worth(hash), expected, "{hash}");
        }
    }
}

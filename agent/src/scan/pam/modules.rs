//! What the modules of Linux-PAM say to somebody with a wrong password: the manual of each. What a module of
//! others says is not known; it is taken for one that asks for something.

use super::super::accounts::{Account, Directory};
use super::super::cx::Cx;
use super::super::text;
use super::super::unread::Unread;
use super::walk::{
    AUTH_ERR, Code, IGNORE, MODULE_UNKNOWN, PERM_DENIED, SERVICE_ERR, SUCCESS, USER_UNKNOWN, code,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a module says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Code(Code),
    /// Depends on what is not in a file that is understood.
    Unsure,
}

/// Programs of which it is known what they say.
const SUCCEED: [&str; 2] = ["true", ":"];

/// Commands that a user starts with powers of root: `pam_rootok` there asks who the user is.
const OF_CALLERS: [&str; 17] = [
    "chage",
    "chfn",
    "chgpasswd",
    "chpasswd",
    "chsh",
    "groupadd",
    "groupdel",
    "groupmems",
    "groupmod",
    "newusers",
    "passwd",
    "runuser",
    "runuser-l",
    "su",
    "su-l",
    "useradd",
    "usermod",
];

/// Somebody who tries to come in, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor<'v> {
    pub(super) service: &'v str,
    pub(super) account: &'v Account,
    pub(super) directory: &'v Directory,
}

/// Files that modules read, each once.
#[derive(Debug, Default)]
pub(super) struct Texts(RefCell<BTreeMap<String, Result<Rc<str>, Unread>>>);

impl Texts {
    fn get(&self, cx: &Cx<'_>, path: &str) -> Result<Rc<str>, Unread> {
        let mut texts = self.0.borrow_mut();
        texts.entry(path.to_owned()).or_insert_with(|| cx.source.text(path).map(Rc::from)).clone()
    }
}

pub(super) fn says(cx: &Cx<'_>, texts: &Texts, name: &str, args: &[String], visitor: Visitor<'_>) -> Said {
    let argument = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    Said::Code(match name {
        "pam_faillock" if args.iter().any(|arg| arg == "authfail") => AUTH_ERR,
        "pam_permit" | "pam_echo" | "pam_faillock" | "pam_lastlog" | "pam_stress" => SUCCESS,
        "pam_securetty" if visitor.account.uid != 0 => SUCCESS,
        "pam_nologin" if args.iter().any(|arg| arg == "successok") => SUCCESS,
        "pam_nologin" | "pam_cap" | "pam_env" | "pam_faildelay" | "pam_group" | "pam_issue"
        | "pam_keyinit" | "pam_mail" | "pam_warn" => IGNORE,
        "pam_debug" => argument("auth").map_or(SUCCESS, |name| code(name).unwrap_or(SUCCESS)),
        "pam_localuser" => local(cx, texts, argument("file").unwrap_or("/etc/passwd"), &visitor.account.name),
        "pam_shells" => shell(cx, texts, visitor.account),
        "pam_wheel" => PERM_DENIED,
        "pam_rootok" if OF_CALLERS.contains(&visitor.service) => AUTH_ERR,
        "pam_listfile" => return listfile(cx, texts, args, visitor),
        "pam_succeed_if" => return succeed_if(args, visitor),
        "pam_usertype" => return usertype(args, visitor),
        "pam_access" => return access(cx, texts, argument("accessfile")),
        "pam_exec" => return exec(args),
        "pam_rootok" | "pam_rhosts" | "pam_python" | "pam_script" | "pam_perl" => return Said::Unsure,
        "pam_ftp" if visitor.account.name == "ftp" => SUCCESS,
        "pam_cracklib" | "pam_limits" | "pam_loginuid" | "pam_mkhomedir" | "pam_motd" | "pam_namespace"
        | "pam_pwhistory" | "pam_pwquality" | "pam_systemd" | "pam_tally" | "pam_tally2" | "pam_time"
        | "pam_tty_audit" | "pam_umask" | "pam_xauth" => MODULE_UNKNOWN,
        "pam_sss" | "pam_ldap" | "pam_krb5" | "pam_winbind" => USER_UNKNOWN,
        _ => AUTH_ERR,
    })
}

/// `pam_localuser`: whether the file has a line of the name.
fn local(cx: &Cx<'_>, texts: &Texts, file: &str, name: &str) -> Code {
    let Ok(text) = texts.get(cx, file) else { return SERVICE_ERR };
    let found = text.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
    if found { SUCCESS } else { PERM_DENIED }
}

/// `pam_shells`: whether the shell is one of `/etc/shells`.
fn shell(cx: &Cx<'_>, texts: &Texts, account: &Account) -> Code {
    let Ok(shells) = texts.get(cx, "/etc/shells") else { return AUTH_ERR };
    let own = if account.shell.is_empty() { "/bin/sh" } else { &account.shell };
    if shells.lines().any(|line| line == own) { SUCCESS } else { AUTH_ERR }
}

/// `pam_listfile`: whether a file lists the user or one of their groups.
fn listfile(cx: &Cx<'_>, texts: &Texts, args: &[String], visitor: Visitor<'_>) -> Said {
    let argument = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    let on_error = if argument("onerr") == Some("succeed") { SUCCESS } else { SERVICE_ERR };
    let (Some(item), Some(file), Some(sense)) = (argument("item"), argument("file"), argument("sense"))
    else {
        return Said::Code(on_error);
    };
    if argument("apply").is_some() {
        return Said::Unsure;
    }
    let account = visitor.account;
    let values = match item {
        "user" => vec![account.name.clone()],
        "group" => visitor.directory.groups_of(account).into_iter().map(|(name, _)| name).collect(),
        "shell" => vec![account.shell.clone()],
        _ => return Said::Unsure,
    };
    let unsafe_file = cx.source.stat(file).is_ok_and(|meta| meta.world_writable());
    let Ok(text) = texts.get(cx, file) else { return Said::Code(on_error) };
    if unsafe_file {
        return Said::Code(AUTH_ERR);
    }
    let listed = text.lines().any(|line| values.iter().any(|value| value == line));
    Said::Code(if listed == (sense == "allow") { SUCCESS } else { AUTH_ERR })
}

/// `pam_usertype`: whether the account is of a person or of the system.
fn usertype(args: &[String], visitor: Visitor<'_>) -> Said {
    /// The first number of a person's account (`UID_MIN`).
    const PERSONS: u32 = 1000;
    let is_system = visitor.account.uid < PERSONS;
    let wanted = args.iter().find_map(|arg| match arg.as_str() {
        "issystem" => Some(true),
        "isregular" => Some(false),
        _ => None,
    });
    Said::Code(wanted.map_or(SERVICE_ERR, |wanted| if wanted == is_system { SUCCESS } else { AUTH_ERR }))
}

/// `pam_succeed_if`: conditions of three words each, all of which must hold.
fn succeed_if(args: &[String], visitor: Visitor<'_>) -> Said {
    const FLAGS: [&str; 6] = ["debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit"];
    if args.iter().any(|arg| arg == "use_uid") {
        return Said::Unsure;
    }
    let words: Vec<&str> = args.iter().map(String::as_str).filter(|arg| !FLAGS.contains(arg)).collect();
    let account = visitor.account;
    for condition in words.chunks(3) {
        let [field, operator, value] = condition else { return Said::Code(SERVICE_ERR) };
        let own = match *field {
            "user" => account.name.clone(),
            "uid" => account.uid.to_string(),
            "gid" => account.gid.to_string(),
            "shell" => account.shell.clone(),
            "home" | "dir" => account.home.clone(),
            "service" => visitor.service.to_owned(),
            _ => return Said::Unsure,
        };
        let number = || Some((own.parse::<i64>().ok()?, value.parse::<i64>().ok()?));
        let in_list = || value.split(':').any(|one| one == own);
        let in_group = || {
            value
                .split(':')
                .any(|one| visitor.directory.groups_of(account).iter().any(|(name, _)| name == one))
        };
        let flags = super::super::glob::Flags::default();
        let glob = || super::super::glob::fits(value, &own, flags);
        let holds = match *operator {
            "eq" => number().map(|(a, b)| a == b),
            "ne" => number().map(|(a, b)| a != b),
            "lt" | "<" => number().map(|(a, b)| a < b),
            "le" | "<=" => number().map(|(a, b)| a <= b),
            "gt" | ">" => number().map(|(a, b)| a > b),
            "ge" | ">=" => number().map(|(a, b)| a >= b),
            "=" => Some(own == *value),
            "!=" => Some(own != *value),
            "=~" => Some(glob()),
            "!~" => Some(!glob()),
            "in" => Some(in_list()),
            "notin" => Some(!in_list()),
            "ingroup" => Some(in_group()),
            "notingroup" => Some(!in_group()),
            _ => None,
        };
        match holds {
            Some(true) => {}
            Some(false) => return Said::Code(AUTH_ERR),
            None => return Said::Code(SERVICE_ERR),
        }
    }
    Said::Code(if words.is_empty() { SERVICE_ERR } else { SUCCESS })
}

/// `pam_access`: without a rule everybody may.
fn access(cx: &Cx<'_>, texts: &Texts, file: Option<&str>) -> Said {
    match texts.get(cx, file.unwrap_or("/etc/security/access.conf")) {
        Ok(text) if text::lines(&text).next().is_none() => Said::Code(SUCCESS),
        Err(unread) if unread.is_missing() && file.is_none() => Said::Code(SUCCESS),
        _ => Said::Unsure,
    }
}

/// `pam_exec`: what the program says, if anybody knows.
fn exec(args: &[String]) -> Said {
    const FLAGS: [&str; 6] = ["debug", "expose_authtok", "seteuid", "quiet", "quiet_log", "stdout"];
    let program = args.iter().find(|arg| !FLAGS.contains(&arg.as_str()) && !arg.contains('='));
    let Some(program) = program else { return Said::Code(SERVICE_ERR) };
    let name = program.rsplit('/').next().unwrap_or_default();
    if SUCCEED.contains(&name) { Said::Code(SUCCESS) } else { Said::Unsure }
}

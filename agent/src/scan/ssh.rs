//! The SSH server: who may enter how, under which algorithms, and who can read its keys.

use super::accounts;
use super::check::Check;
use super::cx::Cx;
use super::sshd::{self, Passwords, Server, Setting, Somebody, View};
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::collections::BTreeSet;

/// Root by password, or anybody without one.
pub(super) static LOGIN: Check = Check {
    id: "sshd-login",
    severity: Severity::High,
    title: "The SSH server lets root in by password",
    remediation: "Set PermitRootLogin prohibit-password (or no) and PermitEmptyPasswords no in sshd_config, also within \
                  Match, then reload the server.",
};

/// Passwords at all, or algorithms that are broken.
pub(super) static WEAK: Check = Check {
    id: "sshd-weak",
    severity: Severity::Medium,
    title: "The SSH server takes passwords or weak algorithms",
    remediation: "Use keys: set PasswordAuthentication no and KbdInteractiveAuthentication no. Take the algorithms named \
                  here out of Ciphers, MACs, KexAlgorithms, HostKeyAlgorithms and PubkeyAcceptedAlgorithms.",
};

/// Private keys of the host that others can read.
pub(super) static HOST_KEYS: Check = Check {
    id: "ssh-host-keys",
    severity: Severity::High,
    title: "Others can read a private key of the SSH server",
    remediation: "Give the key to root with mode 0600. Others may have read it: make a new one (ssh-keygen -A) and tell \
                  its users.",
};

/// Most accounts that the server's settings are tried with.
const MAX_ACCOUNTS: usize = 64;

/// Where the server looks for its keys unless told otherwise.
const KEYS: [&str; 3] =
    ["/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key"];

/// Keywords of lists of algorithms, how they are written, and what such a list may hold that is broken. What
/// the server offers unless told otherwise is not among it: an unset list says the same as one written out.
const ALGORITHMS: [(&str, &str, &[&str]); 5] = [
    (
        "ciphers",
        "Ciphers",
        &["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "rijndael-cbc@lysator.liu.se"],
    ),
    (
        "macs",
        "MACs",
        &[
            "hmac-md5",
            "hmac-md5-96",
            "hmac-md5-96-etm@openssh.com",
            "hmac-md5-etm@openssh.com",
            "hmac-sha1-96",
            "hmac-sha1-96-etm@openssh.com",
        ],
    ),
    (
        "kexalgorithms",
        "KexAlgorithms",
        &["diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1"],
    ),
    ("hostkeyalgorithms", "HostKeyAlgorithms", BROKEN_KEYS),
    ("pubkeyacceptedalgorithms", "PubkeyAcceptedAlgorithms", BROKEN_KEYS),
];

const BROKEN_KEYS: &[&str] =
    &["ssh-dss", "ssh-dss-cert-v01@openssh.com", "ssh-rsa", "ssh-rsa-cert-v01@openssh.com"];

/// What the server refuses within `Match`, of what is looked at here.
const GLOBAL: [&str; 8] =
    ["ciphers", "hostkey", "hostkeyalgorithms", "kexalgorithms", "macs", "port", "usedns", "usepam"];

/// Without `/etc/ssh/sshd_config` there is no server to check.
pub(super) fn server(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let Some(server) = sshd::read(cx, &LOGIN)? else { return Ok(()) };
    understood(cx, &server);
    if let Some(reasons) = cx.unknown.get(LOGIN.id).map(super::cx::Reasons::text) {
        cx.unknown(&WEAK, reasons);
    }
    logins(cx, &server);
    algorithms(cx, &server);
    Ok(())
}

/// Values with which the server would not start.
fn understood(cx: &mut Cx<'_>, server: &Server) {
    if !server.can_be_met() {
        cx.unknown(&LOGIN, "AuthenticationMethods asks for what is off: the server would not start");
    }
    let mut methods = false;
    for (keyword, args, inside) in server.all() {
        if keyword == "authenticationmethods" {
            if args.iter().any(|method| method == "any") && (methods || args.len() > 1) {
                cx.unknown(&LOGIN, "AuthenticationMethods any is not alone");
            }
            methods |= !inside;
        }
        let value = args.first().map_or("", String::as_str).to_ascii_lowercase();
        let value = value.as_str();
        let sound = match keyword {
            "permitrootlogin" => {
                matches!(
                    value,
                    "yes" | "no" | "prohibit-password" | "without-password" | "forced-commands-only"
                )
            }
            "passwordauthentication"
            | "kbdinteractiveauthentication"
            | "usepam"
            | "permitemptypasswords"
            | "pubkeyauthentication" => matches!(value, "yes" | "no"),
            _ => true,
        };
        let single = !matches!(keyword, "allowusers" | "denyusers" | "allowgroups" | "denygroups");
        if !sound {
            cx.unknown(&LOGIN, format!("{keyword} {value} is not understood"));
        } else if inside && GLOBAL.contains(&keyword) {
            cx.unknown(&LOGIN, format!("{keyword} is not allowed within Match"));
        } else if single && args.len() > 1 && (GLOBAL.contains(&keyword) || keyword == "permitrootlogin") {
            cx.unknown(&LOGIN, format!("{keyword} has more values than one"));
        }
    }
}

fn at<'c>(
    cx: &'c mut Cx<'_>,
    check: &'static Check,
    keyword: &str,
    scope: &str,
    value: &str,
) -> &'c mut super::cx::Found {
    let scope = if scope.is_empty() { String::new() } else { format!(" in Match {scope}") };
    cx.find(check, format!("{keyword}{scope}"), format!("{keyword} {value}{scope}"))
}

/// Everybody whom the settings may tell apart: accounts, names of the settings, and somebody else.
fn everybody(cx: &Cx<'_>, server: &Server) -> Vec<Somebody> {
    let directory = accounts::directory(cx);
    let groups = |account: &accounts::Account| {
        directory.groups_of(account).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let root = directory.users.iter().find(|account| account.name == "root");
    let mut everybody = vec![Somebody {
        name: "root".to_owned(),
        groups: root.map_or_else(|| vec!["root".to_owned()], groups),
    }];
    let named = server.named();
    let others = directory.users.iter().filter(|account| account.name != "root").take(MAX_ACCOUNTS);
    everybody.extend(others.map(|account| Somebody { name: account.name.clone(), groups: groups(account) }));
    everybody.push(Somebody { name: "somebody".to_owned(), groups: Vec::new() });
    // A group has no other members than the accounts that are tried, unless some are not known or there are too many.
    let tried = directory.is_whole() && directory.users.len() <= MAX_ACCOUNTS;
    for somebody in named.into_iter().filter(|somebody| !tried || somebody.groups.is_empty()) {
        let known = directory.users.iter().find(|account| account.name == somebody.name);
        match known {
            Some(account) => everybody.push(Somebody { groups: groups(account), ..somebody }),
            None if somebody.name != "root" => everybody.push(somebody),
            None => {}
        }
    }
    everybody
}

/// Who comes in by password from anywhere, and by which setting.
fn logins(cx: &mut Cx<'_>, server: &Server) {
    let global = server.global();
    let (connections, complete) = server.connections(&everybody(cx, server));
    if !complete {
        cx.unknown(&LOGIN, "there are more cases of Match than can be tried");
        cx.unknown(&WEAK, "there are more cases of Match than can be tried");
    }
    for connection in &connections {
        let view = server.view(&global, connection);
        let passwords = view.passwords();
        if !passwords.any() {
            continue;
        }
        let scope =
            |keyword: &str| view.setting(keyword).map_or("", |setting| setting.scope.as_str()).to_owned();
        let Passwords { plain, interactive } = passwords;
        if plain {
            let scope = scope("passwordauthentication");
            at(cx, &WEAK, "PasswordAuthentication", &scope, "yes").title("The SSH server takes passwords");
        }
        if interactive {
            let scope = scope("kbdinteractiveauthentication");
            at(cx, &WEAK, "KbdInteractiveAuthentication", &scope, "yes")
                .title("The SSH server takes passwords through PAM");
        }
        if view.is_root() {
            let scopes =
                ["permitrootlogin", "passwordauthentication", "kbdinteractiveauthentication"].map(scope);
            let scope = scopes.iter().find(|scope| !scope.is_empty()).cloned().unwrap_or_default();
            at(cx, &LOGIN, "PermitRootLogin", &scope, "yes");
        }
        if view.flag("permitemptypasswords", false) {
            let scope = scope("permitemptypasswords");
            at(cx, &LOGIN, "PermitEmptyPasswords", &scope, "yes")
                .title("The SSH server lets accounts without a password in")
                .severity(Severity::Critical);
        }
    }
}

fn algorithms(cx: &mut Cx<'_>, server: &Server) {
    let global = server.global();
    let (connections, _) = server.connections(&everybody(cx, server));
    for (keyword, name, broken) in ALGORITHMS {
        let mut report = |setting: &Setting<'_>| {
            let found = broken_in(setting.value(), broken);
            if !found.is_empty() {
                at(cx, &WEAK, name, &setting.scope, setting.value())
                    .title(format!("The SSH server allows weak algorithms: {}", found.join(", ")));
            }
        };
        let views = connections.iter().map(|connection| server.view(&global, connection));
        for view in views.filter(View::may_try) {
            if let Some(setting) = view.setting(keyword) {
                report(setting);
            }
        }
    }
}

/// The broken algorithms that a list brings in; a list behind `-` takes some away.
fn broken_in(list: &str, broken: &[&'static str]) -> Vec<&'static str> {
    if list.starts_with('-') {
        return Vec::new();
    }
    let list = list.trim_start_matches(['+', '^']);
    broken.iter().copied().filter(|name| sshd::in_list(name, list)).collect()
}

/// Keys where the server's distribution puts them, and those that its settings name; a machine without
/// `/etc/ssh` has none.
pub(super) fn host_keys(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let names = cx.source.list("/etc/ssh").optional()?.unwrap_or_default();
    // Red Hat's helper reads them through a group of its own.
    let helper = accounts::directory(cx).group("ssh_keys").map(|group| group.gid);
    let usual = names.iter().filter(|name| super::text::fits("ssh_host_*key", name));
    let mut paths: BTreeSet<String> = usual.map(|name| format!("/etc/ssh/{name}")).collect();
    let server = sshd::read(cx, &HOST_KEYS)?;
    let chosen: Vec<String> = server.iter().flat_map(Server::global_host_keys).collect();
    let chosen = if chosen.is_empty() { KEYS.map(str::to_owned).to_vec() } else { chosen };
    paths.extend(chosen.into_iter().filter(|path| path.starts_with('/')));
    for path in paths {
        let Some(meta) = cx.known(&HOST_KEYS, cx.source.stat(&path).optional()).flatten() else { continue };
        if meta.kind != super::source::Type::File {
            cx.unknown(&HOST_KEYS, format!("{path} is not a regular file"));
            continue;
        }
        let allowed = if helper == Some(meta.gid) { 0o640 } else { 0o600 };
        let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
        if meta.uid != 0 || meta.mode & !allowed & 0o777 != 0 {
            cx.find(&HOST_KEYS, path.clone(), &seen);
        }
        if path.contains("_dsa_") {
            cx.find(&HOST_KEYS, format!("{path} DSA"), &seen)
                .title("The SSH server has a key of a broken kind: DSA")
                .severity(Severity::Medium);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_algorithms() {
        let [ciphers, .., keys] = ALGORITHMS.map(|(_, _, broken)| broken);
        assert_eq!(broken_in("aes256-gcm@openssh.com,aes128-cbc", ciphers), ["aes128-cbc"]);
        assert_eq!(broken_in("+ssh-rsa", keys), ["ssh-rsa"]);
        assert_eq!(broken_in("^*-dss", keys), ["ssh-dss"]);
        assert_eq!(broken_in("*,!ssh-dss*", keys), ["ssh-rsa", "ssh-rsa-cert-v01@openssh.com"]);
        assert_eq!(broken_in("-ssh-rsa,*cbc", keys), [""; 0]);
    }
}

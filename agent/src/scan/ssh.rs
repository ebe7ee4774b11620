//! The SSH server: who may enter how, under which algorithms, and who can read its keys.

use super::check::Check;
use super::cx::Cx;
use super::text::fits;
use super::unread::{Optional as _, Unread};
use spec::Severity;

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

const MAIN: &str = "/etc/ssh/sshd_config";
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 256;

/// Algorithms that are broken or close to it.
const BROKEN: [&str; 27] = [
    "3des-cbc",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "arcfour",
    "arcfour128",
    "arcfour256",
    "blowfish-cbc",
    "cast128-cbc",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "hmac-md5",
    "hmac-md5-96",
    "hmac-md5-96-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-ripemd160",
    "hmac-sha1",
    "hmac-sha1-96",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "none",
    "rijndael-cbc@lysator.liu.se",
    "ssh-dss",
    "ssh-rsa",
    "umac-64-etm@openssh.com",
    "umac-64@openssh.com",
];

/// One setting, with the criteria of the `Match` it stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    keyword: String,
    value: String,
    scope: Option<String>,
}

/// All settings in the order in which the server meets them; `None` if there is no server.
pub(super) fn settings(cx: &mut Cx<'_>, check: &'static Check) -> Result<Option<Vec<Setting>>, Unread> {
    if cx.source.lstat(MAIN).is_err_and(|unread| unread.is_missing()) {
        return Ok(None);
    }
    let (mut settings, mut files, mut scope) = (Vec::new(), 0, None);
    read(cx, check, MAIN, &mut settings, &mut scope, (&mut files, 0))?;
    Ok(Some(settings))
}

/// The values of a keyword that count: the first outside `Match`, and the first within each.
pub(super) fn effective<'s>(settings: &'s [Setting], keyword: &str) -> Vec<&'s Setting> {
    let mut seen: Vec<&Option<String>> = Vec::new();
    let of_keyword = settings.iter().filter(|setting| setting.keyword == keyword);
    of_keyword
        .filter(|setting| {
            let first = !seen.contains(&&setting.scope);
            seen.push(&setting.scope);
            first
        })
        .collect()
}

/// The value of a keyword outside `Match`.
pub(super) fn global<'s>(settings: &'s [Setting], keyword: &str) -> Option<&'s str> {
    let found = settings.iter().find(|setting| setting.keyword == keyword && setting.scope.is_none());
    found.map(|setting| setting.value.as_str())
}

fn read(
    cx: &mut Cx<'_>,
    check: &'static Check,
    path: &str,
    settings: &mut Vec<Setting>,
    scope: &mut Option<String>,
    (files, depth): (&mut usize, usize),
) -> Result<(), Unread> {
    if depth > MAX_DEPTH || *files >= MAX_FILES {
        cx.unknown(check, format!("{path}: includes are nested too deep, or are too many"));
        return Ok(());
    }
    *files += 1;
    for (number, line) in super::text::lines(&cx.source.text(path)?) {
        let Some((keyword, value)) = split(line) else {
            cx.unknown(check, format!("line {number} of {path} is not understood"));
            continue;
        };
        match keyword.as_str() {
            "match" => *scope = (!value.eq_ignore_ascii_case("all")).then_some(value),
            "include" => {
                // An include within a Match ends where its file does.
                let outer = scope.clone();
                for pattern in value.split_whitespace() {
                    let pattern = if pattern.starts_with('/') {
                        pattern.to_owned()
                    } else {
                        format!("/etc/ssh/{pattern}")
                    };
                    let files_found = expand(cx, check, &pattern);
                    for file in files_found {
                        let outcome = read(cx, check, &file, settings, scope, (files, depth + 1));
                        cx.known(check, outcome);
                        scope.clone_from(&outer);
                    }
                }
            }
            _ => settings.push(Setting { keyword, value, scope: scope.clone() }),
        }
    }
    Ok(())
}

/// Keyword in lower case, and value without quotes.
fn split(line: &str) -> Option<(String, String)> {
    let end = line.find([' ', '\t', '='])?;
    let (keyword, rest) = line.split_at(end);
    let value = rest.trim_start_matches([' ', '\t']).trim_start_matches('=').trim();
    let value = value.split(" #").next().unwrap_or_default().trim().replace('"', "");
    (!keyword.is_empty() && !value.is_empty()).then(|| (keyword.to_ascii_lowercase(), value))
}

/// The paths that fit a pattern, whose stars may stand in any of its parts.
fn expand(cx: &mut Cx<'_>, check: &'static Check, pattern: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?']) {
            for path in &mut paths {
                *path = format!("{path}/{part}");
            }
            continue;
        }
        let mut found = Vec::new();
        for path in &paths {
            let names = cx.source.list(path).optional();
            let names = cx.known(check, names).flatten().unwrap_or_default();
            found.extend(names.iter().filter(|name| fits(part, name)).map(|name| format!("{path}/{name}")));
        }
        paths = found;
    }
    if pattern.contains(['*', '?']) {
        paths
    } else {
        paths.into_iter().filter(|p| cx.source.stat(p).is_ok()).collect()
    }
}

/// Without `/etc/ssh/sshd_config` there is no server to check.
pub(super) fn server(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let Some(settings) = settings(cx, &LOGIN)? else { return Ok(()) };
    if let Some(reasons) = cx.unknown.get(LOGIN.id).map(super::cx::Reasons::text) {
        cx.unknown(&WEAK, reasons);
    }
    for setting in effective(&settings, "permitrootlogin") {
        match setting.value.to_ascii_lowercase().as_str() {
            "yes" => drop(at(cx, &LOGIN, "PermitRootLogin", setting)),
            "no" | "prohibit-password" | "without-password" | "forced-commands-only" => {}
            value => cx.unknown(&LOGIN, format!("PermitRootLogin {value} is not understood")),
        }
    }
    for setting in effective(&settings, "permitemptypasswords") {
        if setting.value.eq_ignore_ascii_case("yes") {
            at(cx, &LOGIN, "PermitEmptyPasswords", setting)
                .title("The SSH server lets accounts without a password in")
                .severity(Severity::Critical);
        }
    }
    passwords(cx, &settings);
    algorithms(cx, &settings);
    Ok(())
}

fn at<'c>(
    cx: &'c mut Cx<'_>,
    check: &'static Check,
    keyword: &str,
    setting: &Setting,
) -> &'c mut super::cx::Found {
    let scope = setting.scope.as_ref().map(|scope| format!(" in Match {scope}")).unwrap_or_default();
    cx.find(check, format!("{keyword}{scope}"), format!("{keyword} {}{scope}", setting.value))
}

/// What is not set is `yes`, as the server has it.
fn passwords(cx: &mut Cx<'_>, settings: &[Setting]) {
    let on =
        |value: Option<&str>, unset: bool| value.map_or(unset, |value| value.eq_ignore_ascii_case("yes"));
    let title = "The SSH server takes passwords";
    if on(global(settings, "passwordauthentication"), true) {
        cx.find(&WEAK, "PasswordAuthentication", "yes").title(title);
    }
    let interactive = global(settings, "kbdinteractiveauthentication")
        .or_else(|| global(settings, "challengeresponseauthentication"));
    if on(interactive, true) && on(global(settings, "usepam"), false) {
        cx.find(&WEAK, "KbdInteractiveAuthentication", "yes")
            .title("The SSH server takes passwords through PAM");
    }
    for setting in effective(settings, "passwordauthentication") {
        if setting.scope.is_some() && on(Some(&setting.value), false) {
            at(cx, &WEAK, "PasswordAuthentication", setting).title(title);
        }
    }
}

fn algorithms(cx: &mut Cx<'_>, settings: &[Setting]) {
    let lists = [
        ("ciphers", "Ciphers"),
        ("macs", "MACs"),
        ("kexalgorithms", "KexAlgorithms"),
        ("hostkeyalgorithms", "HostKeyAlgorithms"),
        ("pubkeyacceptedalgorithms", "PubkeyAcceptedAlgorithms"),
        ("pubkeyacceptedkeytypes", "PubkeyAcceptedKeyTypes"),
    ];
    for (keyword, name) in lists {
        for setting in effective(settings, keyword) {
            let broken = broken(&setting.value);
            if !broken.is_empty() {
                at(cx, &WEAK, name, setting)
                    .title(format!("The SSH server allows weak algorithms: {}", broken.join(", ")));
            }
        }
    }
    if global(settings, "protocol").is_some_and(|value| value.contains('1')) {
        cx.find(&WEAK, "Protocol", "1")
            .title("The SSH server speaks version 1 of the protocol")
            .severity(Severity::High);
    }
}

/// The broken algorithms that a list brings in; a list behind `-` takes some away.
fn broken(list: &str) -> Vec<&'static str> {
    if list.starts_with('-') {
        return Vec::new();
    }
    let patterns: Vec<&str> = list.trim_start_matches(['+', '^']).split(',').map(str::trim).collect();
    BROKEN.into_iter().filter(|name| patterns.iter().any(|pattern| fits(pattern, name))).collect()
}

/// Keys where the server's distribution puts them; a machine without `/etc/ssh` has none.
pub(super) fn host_keys(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let names = cx.source.list("/etc/ssh").optional()?.unwrap_or_default();
    // Red Hat's helper reads them through a group of its own.
    let helper = cx.source.text("/etc/group").unwrap_or_default();
    let helper =
        helper.lines().find_map(|line| line.strip_prefix("ssh_keys:")?.split(':').nth(1)?.parse().ok());
    for name in names.iter().filter(|name| fits("ssh_host_*key", name)) {
        let path = format!("/etc/ssh/{name}");
        let meta = cx.source.stat(&path);
        let Some(meta) = cx.known(&HOST_KEYS, meta) else { continue };
        if meta.kind != super::source::Type::File {
            cx.unknown(&HOST_KEYS, format!("{path} is not a regular file"));
            continue;
        }
        let allowed = if helper == Some(meta.gid) { 0o640 } else { 0o600 };
        let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
        if meta.uid != 0 || meta.mode & !allowed & 0o777 != 0 {
            cx.find(&HOST_KEYS, path.clone(), &seen);
        }
        if name.contains("_dsa_") {
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
    fn lines_are_split_as_the_server_does() {
        assert_eq!(split("PermitRootLogin yes"), Some(("permitrootlogin".into(), "yes".into())));
        assert_eq!(split("Port=22"), Some(("port".into(), "22".into())));
        assert_eq!(split("Match  User \"a b\""), Some(("match".into(), "User a b".into())));
        assert_eq!(split("UsePAM no # why"), Some(("usepam".into(), "no".into())));
        assert_eq!((split("nonsense"), split("Port")), (None, None));
    }

    #[test]
    fn lists_of_algorithms() {
        assert_eq!(broken("aes256-gcm@openssh.com,aes128-cbc"), ["aes128-cbc"]);
        assert_eq!(broken("+ssh-rsa"), ["ssh-rsa"]);
        assert_eq!(broken("^*-dss"), ["ssh-dss"]);
        assert_eq!(broken("-ssh-rsa,*cbc"), [""; 0]);
    }
}

//! The SSH server: `sshd -T -C` says what holds for a connection, and what that lets in follows from it.

use super::Judge;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use testing::judges::case::{Files, file};
use testing::judges::place::Place;

pub(super) const JUDGE: Judge =
    Judge { name: "sshd", cases: include_str!("cases/sshd.txt"), generated, disagreement };

/// Users with their groups; the last three have no account.
const USERS: [(&str, &[&str]); 9] = [
    ("root", &["root"]),
    ("ops", &["ops"]),
    ("dev", &["dev", "wheel"]),
    ("deploy", &["deploy", "sftp"]),
    ("alice", &["alice", "sudo"]),
    ("plain", &["plain"]),
    ("backup", &[]),
    ("ghost", &[]),
    ("ROOT", &[]),
];

/// One address for each case that the networks of the generated files tell apart.
const ADDRESSES: [&str; 5] = ["10.0.0.9", "10.7.0.1", "192.168.1.5", "2001:db8::9", "203.0.113.77"];

/// What holds for a connection: the values of each keyword.
type Settings = BTreeMap<String, Vec<String>>;

/// A user with their groups, an address, and what holds for them.
type Answer = ((&'static str, &'static [&'static str]), &'static str, Settings);

/// What the server says of each connection; `None` if it would not start.
fn asked() -> Option<Vec<Answer>> {
    let connections: Vec<_> =
        USERS.iter().flat_map(|user| ADDRESSES.iter().map(move |address| (*user, *address))).collect();
    let mut answers = Vec::new();
    // A few at once: each is a process that mostly waits.
    for some in connections.chunks(8) {
        let waiting: Vec<_> = some
            .iter()
            .map(|(user, address)| {
                let name = user.0;
                let connection =
                    format!("user={name},host={address},addr={address},laddr=198.51.100.1,lport=22");
                let mut command = Command::new("/usr/sbin/sshd");
                command.args(["-T", "-h", "/srv/judge/key", "-C", &connection]);
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
                (*user, *address, command.spawn().unwrap())
            })
            .collect();
        for (user, address, child) in waiting {
            let output = child.wait_with_output().unwrap();
            if !output.status.success() {
                return None;
            }
            let mut settings = Settings::new();
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
                settings.entry(keyword.to_owned()).or_default().push(value.to_owned());
            }
            answers.push((user, address, settings));
        }
    }
    Some(answers)
}

fn is(settings: &Settings, keyword: &str, value: &str) -> bool {
    settings.get(keyword).is_some_and(|values| values.iter().any(|own| own == value))
}

fn entries<'s>(settings: &'s Settings, keyword: &str) -> Vec<&'s str> {
    settings.get(keyword).into_iter().flatten().flat_map(|value| value.split_whitespace()).collect()
}

/// A pattern of `*`, `?` and other characters.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            fits(rest, name) || name.split_first().is_some_and(|(_, name)| fits(pattern, name))
        }
        (Some((p, rest)), Some((c, name))) => (*p == b'?' || p == c) && fits(rest, name),
        _ => false,
    }
}

/// Whether the lists of users and groups let somebody try.
fn may_try(user: &str, groups: &[&str], address: &str, settings: &Settings) -> bool {
    let users = |keyword| {
        entries(settings, keyword).iter().any(|entry| {
            let (name, place) =
                entry.split_once('@').map_or((*entry, None), |(name, place)| (name, Some(place)));
            fits(name.as_bytes(), user.as_bytes())
                && place.is_none_or(|place| {
                    fits(place.as_bytes(), address.as_bytes())
                        || place == "10.0.0.0/8" && address.starts_with("10.")
                })
        })
    };
    let of_groups = |keyword| {
        entries(settings, keyword)
            .iter()
            .any(|entry| groups.iter().any(|group| fits(entry.as_bytes(), group.as_bytes())))
    };
    !users("denyusers")
        && (entries(settings, "allowusers").is_empty() || users("allowusers"))
        && !of_groups("denygroups")
        && (entries(settings, "allowgroups").is_empty() || of_groups("allowgroups"))
}

/// Whether a password is enough, by the server and by PAM.
fn suffices(user: &str, settings: &Settings) -> (bool, bool) {
    if user == "root" && !is(settings, "permitrootlogin", "yes") {
        return (false, false);
    }
    let plain = is(settings, "passwordauthentication", "yes");
    let interactive = is(settings, "kbdinteractiveauthentication", "yes") && is(settings, "usepam", "yes");
    let methods = entries(settings, "authenticationmethods");
    if methods.is_empty() || methods == ["any"] {
        return (plain, interactive);
    }
    let usable = methods.iter().filter(|list| {
        list.split(',').all(|method| match method {
            "password" => plain,
            "keyboard-interactive" | "keyboard-interactive:pam" => interactive,
            _ => false,
        })
    });
    let usable: BTreeSet<&str> = usable.flat_map(|list| list.split(',')).collect();
    (usable.contains("password"), usable.iter().any(|method| method.starts_with("keyboard")))
}

fn disagreement(place: &Place) -> Option<String> {
    let scan = place.scan();
    let findings = |check: &str, begin: &str| {
        let mut of = scan.findings.iter().filter(|f| f.id.as_str() == check);
        of.any(|finding| {
            finding.subject == begin || finding.subject.starts_with(&format!("{begin} in Match"))
        })
    };
    let unknown = scan.unchecked.iter().any(|unchecked| unchecked.id.as_str() == "sshd-login");
    let Some(answers) = asked() else {
        return (!unknown).then(|| "sshd would not start, and the scan says nothing of it".to_owned());
    };
    if unknown {
        return Some(format!("sshd understands it, the scan does not: {:?}", scan.unchecked));
    }
    let mut reachable: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for ((user, groups), address, settings) in &answers {
        let (plain, interactive) = suffices(user, settings);
        if !(plain || interactive) || !may_try(user, groups, address, settings) {
            continue;
        }
        let empty = is(settings, "permitemptypasswords", "yes");
        for (reached, check, subject) in [
            (plain, "sshd-weak", "PasswordAuthentication"),
            (interactive, "sshd-weak", "KbdInteractiveAuthentication"),
            (*user == "root", "sshd-login", "PermitRootLogin"),
            (empty, "sshd-login", "PermitEmptyPasswords"),
        ] {
            if reached {
                reachable.entry((check, subject)).or_default().push(format!("{user}@{address}"));
            }
        }
    }
    for (check, subject) in [
        ("sshd-weak", "PasswordAuthentication"),
        ("sshd-weak", "KbdInteractiveAuthentication"),
        ("sshd-login", "PermitRootLogin"),
        ("sshd-login", "PermitEmptyPasswords"),
    ] {
        let by = reachable.get(&(check, subject));
        if by.is_some() != findings(check, subject) {
            let found: Vec<&str> = scan.findings.iter().map(|finding| finding.subject.as_str()).collect();
            return Some(format!("{subject}: by sshd it lets in {by:?}, the scan finds {found:?}"));
        }
    }
    None
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(words).prop_map(str::to_owned).boxed()
}

const USER_LISTS: &[&str] = &[
    "root", "ops", "deploy", "*", "*,!root", "!root,*", "r*", "!root", "o?s,dev", "ghost", "ROOT", "\"root\"",
];
const GROUP_LISTS: &[&str] = &["sftp", "wheel,sftp", "root", "*,!wheel", "!root,*", "w*"];
const ADDRESS_LISTS: &[&str] = &[
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.0.0/8,!10.0.0.0/16",
    "!10.0.0.0/8,0.0.0.0/0",
    "192.168.*",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "192.168.1.5",
    "10.?.0.1",
    "!192.168.1.5,*",
];

/// A keyword in some writing, a separator, a value in some quotes, and what may stand behind it.
fn setting(keyword: &'static [&'static str], values: &'static [&'static str]) -> BoxedStrategy<String> {
    let separator =
        prop_oneof![6 => Just(" "), 1 => Just("\t"), 1 => Just("="), 1 => Just(" = "), 1 => Just("  ")];
    let quotes = prop_oneof![8 => Just(("", "")), 1 => Just(("\"", "\"")), 1 => Just(("'", "'"))];
    let end =
        prop_oneof![8 => Just(""), 1 => Just(" # why"), 1 => Just("\t#"), 1 => Just(" \r"), 1 => Just("  ")];
    let case = prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    (one_of(keyword), separator, one_of(values), quotes, end, case)
        .prop_map(|(keyword, separator, value, (open, close), end, case)| {
            let keyword = match case {
                1 => keyword.to_uppercase(),
                2 => keyword.to_lowercase(),
                3 => format!("\"{keyword}\""),
                _ => keyword,
            };
            let separator = if keyword.starts_with('"') && separator.contains('=') { " " } else { separator };
            format!("{keyword}{separator}{open}{value}{close}{end}\n")
        })
        .boxed()
}

/// Lists of words are left as they are: quotes would make one word of them.
fn lists(keyword: &'static str, values: &'static [&'static str]) -> BoxedStrategy<String> {
    one_of(values).prop_map(move |value| format!("{keyword} {value}\n")).boxed()
}

/// A setting that may stand within `Match` as well.
fn anywhere() -> BoxedStrategy<String> {
    const FLAG: &[&str] = &["yes", "no", "yes", "no", "Yes", "NO"];
    prop_oneof![
        5 => setting(&["PermitRootLogin"], &["yes", "yes", "no", "prohibit-password", "without-password", "forced-commands-only"]),
        4 => setting(&["PasswordAuthentication"], FLAG),
        3 => setting(&["KbdInteractiveAuthentication", "ChallengeResponseAuthentication"], FLAG),
        2 => setting(&["PermitEmptyPasswords"], FLAG),
        1 => setting(&["PubkeyAuthentication"], FLAG),
        1 => setting(&["X11Forwarding"], FLAG),
        1 => lists("AuthenticationMethods", &[
            "publickey", "password", "publickey,password", "any", "publickey password", "password,keyboard-interactive",
            "keyboard-interactive:pam publickey,password", "keyboard-interactive",
        ]),
        1 => lists("AllowUsers", &["ops", "root", "ops deploy", "r*", "*@10.0.0.0/8", "root@192.168.1.5 ops"]),
        1 => lists("DenyUsers", &["root", "ops", "ro*", "root@10.0.0.0/8", "ghost", "?????"]),
        1 => lists("AllowGroups", &["sftp", "root wheel", "*", "ops"]),
        1 => lists("DenyGroups", &["root", "sftp", "w*"]),
        1 => one_of(&["# PermitRootLogin yes\n", "\n", "  \t\n", "#\n", "Banner none # PermitRootLogin yes\n"]),
    ]
    .boxed()
}

fn outside() -> BoxedStrategy<String> {
    prop_oneof![
        9 => anywhere(),
        2 => setting(&["UsePAM"], &["yes", "no"]),
        1 => setting(&["LoginGraceTime"], &["2m", "30"]),
        1 => lists("Banner", &["none", "/etc/issue.net", "\"/etc/a b\""]),
    ]
    .boxed()
}

fn criteria() -> BoxedStrategy<String> {
    let one = prop_oneof![
        4 => one_of(USER_LISTS).prop_map(|list| format!("User {list}")),
        2 => one_of(GROUP_LISTS).prop_map(|list| format!("Group {list}")),
        3 => one_of(ADDRESS_LISTS).prop_map(|list| format!("Address {list}")),
        1 => one_of(ADDRESS_LISTS).prop_map(|list| format!("address={list}")),
        1 => one_of(&["LocalPort 22", "LocalPort 2222", "Host 10.*", "Host web*"]),
    ];
    let all = one_of(&["all", "All", "all # everybody"]);
    let some = vec(one, 1..3).prop_map(|criteria| criteria.join(" "));
    prop_oneof![6 => some, 1 => all].boxed()
}

fn block() -> BoxedStrategy<String> {
    (criteria(), vec(anywhere().prop_map(|line| format!("  {line}")), 0..4))
        .prop_map(|(criteria, lines)| format!("Match {criteria}\n{}", lines.concat()))
        .boxed()
}

fn text() -> BoxedStrategy<String> {
    (vec(outside(), 0..5), vec(block(), 0..3))
        .prop_map(|(lines, blocks)| lines.concat() + &blocks.concat())
        .boxed()
}

/// Within a `Match` only what may stand there.
fn text_inside() -> BoxedStrategy<String> {
    (vec(anywhere(), 0..4), vec(block(), 0..2))
        .prop_map(|(lines, blocks)| lines.concat() + &blocks.concat())
        .boxed()
}

fn generated() -> BoxedStrategy<Files> {
    const INCLUDES: &[&str] = &[
        "Include /etc/ssh/sshd_config.d/*.conf\n",
        "Include sshd_config.d/*.conf\n",
        "Include \"/etc/ssh/sshd_config.d/b c.conf\"\n",
        "include /etc/ssh/sshd_config.d/10-a.conf /etc/ssh/sshd_config.d/absent\n",
        "Include /etc/ssh/*/[0-9]*.conf\n",
        "Include /etc/ssh/sshd_config.d/b\\ c.conf # ours\n",
    ];
    let names = one_of(&["10-a.conf", "20-b.conf", "b c.conf", ".10-x.conf", "old"]);
    // Everything may be included where nothing has been matched yet; what is included at the end may be within.
    let early = vec((names.clone(), text()), 0..3);
    let late = vec(text_inside(), 0..2);
    let early_include = prop_oneof![2 => one_of(INCLUDES), 1 => Just(String::new())];
    (early_include, text(), early, late)
        .prop_map(|(include, main, early, late)| {
            let mut main = include + &main;
            let mut files = Vec::new();
            for (name, text) in early {
                files.push(file(&format!("etc/ssh/sshd_config.d/{name}"), 0o644, text));
            }
            for (number, text) in late.into_iter().enumerate() {
                files.push(file(&format!("etc/ssh/late{number}.inc"), 0o644, text));
                main.push_str(&format!("Include /etc/ssh/late{number}.inc\n"));
            }
            files.push(file("etc/ssh/sshd_config", 0o644, main));
            files
        })
        .boxed()
}

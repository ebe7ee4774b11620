//! Sudo: each account starts a program as root without a terminal, and either sudo asks or it does not.

use super::Judge;
use proptest::collection::vec;
use proptest::prelude::*;
use spec::payload::Scan;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use testing::judges::case::{Files, file};
use testing::judges::place::Place;

pub(super) const JUDGE: Judge =
    Judge { name: "sudoers", cases: include_str!("cases/sudoers.txt"), generated, disagreement };

/// Accounts: one for each group that a case can name, and one that nothing names.
const USERS: [(&str, u32); 5] =
    [("ops", 1000), ("alice", 1001), ("dev", 1002), ("deploy", 1003), ("plain", 1999)];

/// A program that no rule names, and shells: as arguments of sudo. They say the number of the user they run as.
const PROBES: [&[&str]; 4] = [
    &["/srv/judge/probe", "any"],
    &["/bin/bash", "-c", "echo $EUID"],
    &["/usr/bin/env", "/srv/judge/probe"],
    &["/bin/bash"],
];

/// Accounts that become root without a password.
fn free() -> BTreeSet<&'static str> {
    let mut free = BTreeSet::new();
    for probe in PROBES {
        let waiting: Vec<_> = USERS
            .iter()
            .filter(|(user, _)| !free.contains(user))
            .map(|(user, uid)| {
                let mut command = Command::new("setpriv");
                command.args([
                    format!("--reuid={uid}"),
                    format!("--regid={uid}"),
                    "--init-groups".to_owned(),
                ]);
                command
                    .args(["sudo", "-n", "-u", "root"])
                    .args(probe)
                    .env_clear()
                    .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
                let mut child = command.spawn().unwrap();
                // A shell without arguments is told what to do; whoever does not read it has refused.
                let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"echo $EUID\n");
                (*user, child)
            })
            .collect();
        for (user, child) in waiting {
            let output = child.wait_with_output().unwrap();
            if output.status.success() && String::from_utf8_lossy(&output.stdout).trim() == "0" {
                free.insert(user);
            }
        }
    }
    free
}

/// Accounts that a finding is about, by its subject and, where that is no name, its title.
fn covered(subject: &str, title: &str) -> BTreeSet<&'static str> {
    // A subject is a file and whom its rule is about; one of the folders has a blank in its name.
    let subject = subject.replace("/my rules/", "/rules/");
    let (_, who) = subject.split_once(' ').unwrap_or(("", ""));
    let group = |group: &str| match group {
        "wheel" | "#10" => vec!["dev"],
        "sudo" | "#27" => vec!["alice"],
        "sftp" | "#150" => vec!["deploy"],
        _ => vec![],
    };
    let names = USERS.iter().filter(|(name, uid)| {
        let titled = title.split(" may ").next().unwrap_or_default();
        let mut words = titled.split([' ', ',', '(', ')']);
        who == "ALL"
            || titled.contains("(others)")
            || titled.contains(", others")
            || who.eq_ignore_ascii_case(name)
            || who == format!("#{uid}")
            || words.any(|word| word == *name || word == "ALL")
            || who.strip_prefix('%').is_some_and(|who| group(who).contains(name))
    });
    names.map(|(name, _)| *name).collect()
}

fn disagreement(place: &Place) -> Option<String> {
    let scan = place.scan();
    let free = free();
    let mut found = BTreeSet::new();
    for finding in of_rules(&scan) {
        let covered = covered(&finding.subject, &finding.title);
        // Nobody is asked, and nobody has a rule yet, or it is about somebody without an account: none can show it.
        let nobody = covered.is_empty() || finding.title.starts_with("Sudo asks nobody");
        if !nobody && covered.is_disjoint(&free) {
            return Some(format!(
                "sudo asks for a password, the scan says: {}: {}",
                finding.subject, finding.title
            ));
        }
        found.extend(covered);
    }
    let missed: Vec<_> = free.difference(&found).collect();
    if !missed.is_empty() {
        return Some(format!("sudo asks {missed:?} for no password, the scan names {found:?}"));
    }
    let parsed = Command::new("cvtsudoers").args(["-f", "json", "/etc/sudoers"]).output().unwrap();
    // Of an include that is not there it complains, and so does sudo, which goes on without it.
    let sound = parsed.status.success()
        || !String::from_utf8_lossy(&parsed.stderr)
            .lines()
            .any(|line| line.starts_with("/etc/") && line.contains(": "));
    let unknown = scan.unchecked.iter().find(|unchecked| unchecked.id.as_str() == "sudoers");
    match (sound, unknown) {
        (false, None) => {
            Some("cvtsudoers does not understand it, and the scan says nothing of it".to_owned())
        }
        (true, Some(unknown)) if unknown.reason.contains("not understood") => {
            Some(format!("cvtsudoers understands it, the scan says: {}", unknown.reason))
        }
        _ => None,
    }
}

/// Findings about rules, rather than about who can write them.
fn of_rules(scan: &Scan) -> impl Iterator<Item = &spec::payload::Finding> {
    scan.findings.iter().filter(|f| f.id.as_str() == "sudoers" && f.subject.contains(' '))
}

/// Blanks, or none, or a line that goes on.
fn gap() -> BoxedStrategy<&'static str> {
    prop_oneof![6 => Just(""), 4 => Just(" "), 1 => Just("\t"), 1 => Just(" \\\n "), 1 => Just("\\ \n")]
        .boxed()
}

fn blank() -> BoxedStrategy<&'static str> {
    prop_oneof![8 => Just(" "), 1 => Just("\t "), 1 => Just(" \\\n\t")].boxed()
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(words).prop_map(str::to_owned).boxed()
}

/// Members of a list, some negated, with whatever may stand around a comma.
fn list(words: &'static [&'static str]) -> BoxedStrategy<String> {
    let not = prop_oneof![8 => Just(""), 2 => Just("!"), 1 => Just("!!"), 1 => Just("! ")];
    let member = (not, one_of(words)).prop_map(|(not, word)| format!("{not}{word}"));
    vec((member, gap(), gap()), 1..4)
        .prop_map(|members| {
            let mut text = String::new();
            for (number, (member, before, after)) in members.iter().enumerate() {
                if number > 0 {
                    text.push_str(before);
                    text.push(',');
                    text.push_str(after);
                }
                text.push_str(member);
            }
            text
        })
        .boxed()
}

const WHO: &[&str] = &[
    "ops",
    "ops",
    "alice",
    "dev",
    "deploy",
    "%wheel",
    "%sudo",
    "#1000",
    "%#10",
    "ALL",
    "ADMINS",
    "TEAM",
    "OPS",
    "\"ops\"",
    "\"%wheel\"",
    "op\\s",
    "+net",
    "ghost",
    "root",
    "%:unix",
];
const HOSTS: &[&str] =
    &["ALL", "ALL", "ALL", "vm", "VM", "web7", "v*", "HERE", "THERE", "10.0.0.0/8", "vm.example.org"];
const RUNAS: &[&str] = &["ALL", "root", "#0", "www-data", "daemon", "RUN", "%root", "ops", "Root"];
const COMMANDS: &[&str] = &[
    "ALL",
    "ALL",
    "ALL",
    "/bin/ls",
    "/usr/bin/id -u",
    "/bin/bash",
    "/usr/bin/env",
    "/usr/bin/",
    "/usr/bin/*",
    "/bin/*",
    "^/.*$",
    "SHELLS",
    "TOOLS",
    "EVERY",
    "/bin/bash \"\"",
    "/bin/bash *",
    "/bin/bash -x",
    "sudoedit /etc/motd",
    "/usr/bin/x a\\=ALL",
    "/usr/bin/x a\\,b",
];
const CHOICES: &[&str] = &[
    "",
    "",
    "",
    "CWD=/ ",
    "TIMEOUT=30m ",
    "NOTAFTER=20380101000000Z ",
    "NOTBEFORE=20380101000000Z ",
    "CWD = / TIMEOUT=1h ",
    "NOTBEFORE=20200101000000Z ",
    "ROLE=a TYPE=b ",
];
const TAGS: &[&str] =
    &["NOPASSWD:", "NOPASSWD:", "PASSWD:", "NOPASSWD :", "SETENV:", "EXEC:", "NOPASSWD: SETENV:", "NOMAIL:"];
const SETTINGS: &[&str] = &[
    "!authenticate",
    "!authenticate",
    "authenticate",
    "! authenticate",
    "!!authenticate",
    "!!!authenticate",
    "env_reset",
    "badpass_message=\"no # really\"",
    "passprompt=\"a, !authenticate, b\"",
    "runas_default=www-data",
    "runas_default=root",
    "exempt_group=wheel",
    "!lecture",
    "timestamp_timeout = 0",
    "secure_path=/usr/bin:/bin",
    "env_keep += \"A B\"",
    "passprompt=a\\,b",
];

fn grant() -> BoxedStrategy<String> {
    let runas = prop_oneof![
        3 => Just(String::new()),
        5 => list(RUNAS).prop_map(|list| format!("({list})")),
        1 => list(RUNAS).prop_map(|list| format!("( {list} : adm )")),
        1 => Just("(:adm)".to_owned()),
        1 => Just("()".to_owned()),
    ];
    let tags = vec((one_of(TAGS), gap()), 0..3);
    let not = prop_oneof![9 => Just(""), 1 => Just("!")];
    (runas, gap(), one_of(CHOICES), tags, not, one_of(COMMANDS))
        .prop_map(|(runas, gap, choices, tags, not, command)| {
            let tags: String = tags.iter().map(|(tag, gap)| format!("{tag}{gap}")).collect();
            format!("{runas}{gap}{choices}{tags}{not}{command}")
        })
        .boxed()
}

fn rule() -> BoxedStrategy<String> {
    let grants = vec((grant(), gap(), gap()), 1..4).prop_map(|grants| {
        let grants: Vec<String> = grants.iter().map(|(grant, a, b)| format!("{a}{grant}{b}")).collect();
        grants.join(",")
    });
    let privilege = (list(HOSTS), gap(), gap(), grants)
        .prop_map(|(hosts, a, b, grants)| format!("{hosts}{a}={b}{grants}"));
    (list(WHO), blank(), vec(privilege, 1..3))
        .prop_map(|(who, blank, privileges)| format!("{who}{blank}{}", privileges.join(" : ")))
        .boxed()
}

fn defaults() -> BoxedStrategy<String> {
    let scope = prop_oneof![
        6 => Just(String::new()),
        2 => list(&WHO[..10]).prop_map(|list| format!(":{list}")),
        1 => list(HOSTS).prop_map(|list| format!("@{list}")),
        1 => list(RUNAS).prop_map(|list| format!(">{list}")),
        1 => one_of(&["!/bin/ls", "!EVERY", "!SHELLS", "! /usr/bin/id", "!ALL"]),
    ];
    (scope, vec((one_of(SETTINGS), gap()), 1..4), gap())
        .prop_map(|(scope, settings, after)| {
            let settings: Vec<String> =
                settings.iter().map(|(setting, gap)| format!("{gap}{setting}")).collect();
            format!("Defaults{scope} {}{after}", settings.join(","))
        })
        .boxed()
}

fn line() -> BoxedStrategy<String> {
    let remark = one_of(&["# ops ALL=(ALL) NOPASSWD: ALL", "", "#", "  # !authenticate", "## a \\"]);
    let text = prop_oneof![8 => rule(), 3 => defaults(), 1 => remark];
    let end = prop_oneof![9 => Just(""), 1 => Just(" # why"), 1 => Just(" ")];
    (text, end).prop_map(|(text, end)| format!("{text}{end}\n")).boxed()
}

/// Other names, which every case has: where they stand does not matter.
fn aliases() -> BoxedStrategy<String> {
    let form = |kind: &'static str, defined: &'static [&'static str]| {
        (gap(), gap(), proptest::sample::select(defined)).prop_map(move |(a, b, defined)| {
            format!("{kind}_Alias {}\n", defined.replace('=', &format!("{a}={b}")))
        })
    };
    (
        form(
            "User",
            &[
                "ADMINS=ops:TEAM=%wheel, !dev",
                "TEAM=alice, ADMINS : ADMINS=dev",
                "ADMINS=ALL,!ops:TEAM=deploy",
            ],
        ),
        form("Host", &["HERE=vm:THERE=web7", "HERE=ALL, !web7 : THERE=!vm", "THERE=HERE:HERE=VM"]),
        form("Runas", &["RUN=root", "RUN=www-data,daemon", "RUN=ALL,!root", "RUN=!root,root"]),
        form(
            "Cmnd",
            &[
                "SHELLS=/bin/bash:TOOLS=/bin/ls,/usr/bin/id:EVERY=ALL",
                "EVERY=ALL,!SHELLS:SHELLS=/bin/bash, /usr/bin/env : TOOLS=!/bin/ls",
                "TOOLS=/usr/bin/x ALL:EVERY=TOOLS, SHELLS:SHELLS=!/bin/bash",
            ],
        ),
    )
        .prop_map(|(a, b, c, d)| [a, b, c, d].concat())
        .boxed()
}

fn generated() -> BoxedStrategy<Files> {
    let include = one_of(&[
        "@includedir /etc/sudoers.d\n",
        "#includedir /etc/sudoers.d\n",
        "@includedir \"/etc/sudoers.d\"\n",
        "@includedir /etc/sudoers.d # ours\n",
        "@include sudoers.d/20-b\n",
        "# includedir /etc/sudoers.d\n",
        "@include /etc/sudoers.d/more.%h\n",
        "@includedir /etc/my\\ rules\n",
        "@include /etc/sudoers.d/absent\n",
        "",
    ]);
    let folder = vec((one_of(&["10-a", "20-b", "c.d", "x~", "more.vm"]), vec(line(), 0..3)), 0..3);
    (vec(line(), 0..6), include, vec(line(), 0..3), folder, aliases(), any::<bool>())
        .prop_map(|(before, include, after, folder, aliases, first)| {
            let (head, tail) = if first { (aliases, String::new()) } else { (String::new(), aliases) };
            let main = format!("{head}{}{include}{}{tail}", before.concat(), after.concat());
            let mut files = vec![file("etc/sudoers", 0o440, main)];
            for (name, lines) in folder {
                files.push(file(&format!("etc/sudoers.d/{name}"), 0o440, lines.concat()));
                files.push(file("etc/my rules/10-x", 0o440, lines.concat()));
            }
            files
        })
        .boxed()
}

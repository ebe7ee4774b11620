//! Accounts: `getent` says who there is, as the C library and nss-systemd read the same files.

use super::Judge;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use testing::judges::case::{Files, file};
use testing::judges::place::Place;

pub(super) const JUDGE: Judge =
    Judge { name: "accounts", cases: include_str!("cases/accounts.txt"), generated, disagreement };

/// Names that the generated files are about.
const NAMES: &[&str] = &["ops", "alice", "eve", "toor", "svc", "ghost", "backup2"];

/// What a command prints if it succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn fields(line: &str) -> Vec<&str> {
    line.trim_end_matches('\n').split(':').collect()
}

/// What the C library says of names: those with user id 0, without a password, and in Docker's group.
fn known(names: &BTreeSet<String>) -> [BTreeSet<String>; 3] {
    let (mut zero, mut empty, mut docker) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let socket = output(Command::new("getent").args(["group", "docker"])).unwrap_or_default();
    let socket = fields(&socket).get(2).map(|gid| (*gid).to_owned());
    for name in names {
        let Some(line) = output(Command::new("getent").args(["passwd", name])) else { continue };
        let account = fields(&line);
        // Asked for a number, it answers with whose it is.
        if account.first() != Some(&name.as_str()) {
            continue;
        }
        if account[2] == "0" && name != "root" {
            zero.insert(name.clone());
        }
        let shadow = output(Command::new("getent").args(["shadow", name])).unwrap_or_default();
        let hash =
            if account[1] == "x" { fields(&shadow).get(1).copied().unwrap_or("*") } else { account[1] };
        if hash.is_empty() {
            empty.insert(name.clone());
        }
        // What a sign-in gives the name. `id` would say the groups of whoever comes first with its number.
        let others = output(Command::new("getent").args(["initgroups", name])).unwrap_or_default();
        let mut groups = others.split_whitespace().skip(1).chain([account[3]]);
        if socket.is_some() && groups.any(|gid| Some(gid) == socket.as_deref()) && name != "root" {
            docker.insert(name.clone());
        }
    }
    [zero, empty, docker]
}

fn disagreement(place: &Place) -> Option<String> {
    let scan = place.scan();
    let of = |check: &str, begin: &str| -> BTreeSet<String> {
        let findings =
            scan.findings.iter().filter(|f| f.id.as_str() == check && f.severity.as_str() != "low");
        findings.filter_map(|finding| finding.subject.strip_prefix(begin)).map(str::to_owned).collect()
    };
    let said = [of("uid-zero", ""), of("empty-password", ""), of("docker-socket", "member ")];
    // Whom the scan names without need is asked for as well.
    let listed = output(Command::new("getent").arg("passwd")).unwrap_or_default();
    let mut names: BTreeSet<String> = said.iter().flatten().cloned().collect();
    names.extend(NAMES.iter().map(|name| (*name).to_owned()));
    names.extend(listed.lines().map(|line| fields(line)[0].to_owned()).filter(|name| !name.is_empty()));
    let known = known(&names);
    (known != said).then(|| format!("getent says {known:?}, the scan says {said:?}"))
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(words).prop_map(str::to_owned).boxed()
}

const NUMBERS: &[&str] = &[
    "0",
    "0",
    "1005",
    "1000",
    "990",
    " 0",
    "-0",
    "+0",
    "00",
    "0 ",
    "",
    "x",
    "0x0",
    "4294967296",
    "-1",
    "991",
];

fn passwd() -> BoxedStrategy<String> {
    let begin = one_of(&["", "", "", "", " ", "\t", "#"]);
    let end = one_of(&["::/:/bin/sh", "::/:", "::/", ":", "", "::/:/bin/sh "]);
    (begin, one_of(NAMES), one_of(&["x", "x", "", "*", "!"]), one_of(NUMBERS), one_of(NUMBERS), end)
        .prop_map(|(begin, name, password, uid, gid, end)| {
            format!("{begin}{name}:{password}:{uid}:{gid}{end}\n")
        })
        .boxed()
}

fn group() -> BoxedStrategy<String> {
    let member = (one_of(&["", "", " ", "\t"]), one_of(NAMES), one_of(&["", "", " "]));
    let members = vec(member, 0..3).prop_map(|members| {
        members.iter().map(|(a, name, b)| format!("{a}{name}{b}")).collect::<Vec<_>>().join(",")
    });
    let begin = one_of(&["", "", "", " ", "#"]);
    (
        begin,
        one_of(&["docker", "docker", "backup2", "other"]),
        one_of(&["990", "990", "991", " 990", "x", "-1", ""]),
        members,
        any::<bool>(),
    )
        .prop_map(|(begin, name, gid, members, full)| {
            if full {
                format!("{begin}{name}:x:{gid}:{members}\n")
            } else {
                format!("{begin}{name}:x:{gid}\n")
            }
        })
        .boxed()
}

fn shadow() -> BoxedStrategy<String> {
    let rest = one_of(&[
        ":19000:0:99999:7:::",
        ":19000:0:99999:7:::",
        ":19000:0:99999:7::",
        ":19000:0:99999:7::1",
        ":19000:0:99999",
        ":1::::::",
        ":19000:0:99999:7::::",
        ":::::::",
        ": 1: 2:3: ::: ",
        "",
        ":x:0:9:7:::",
    ]);
    (one_of(&["", "", " ", "#"]), one_of(NAMES), one_of(&["", "", "*", "!", "$y$j9T$a$b"]), rest)
        .prop_map(|(begin, name, hash, rest)| format!("{begin}{name}:{hash}{rest}\n"))
        .boxed()
}

/// A file of a user, of a group or of a membership, by the name that makes it count or by another.
fn record() -> BoxedStrategy<(String, String)> {
    let user = (
        one_of(NAMES),
        one_of(NAMES),
        one_of(&["0", "1007", "4711"]),
        one_of(&["", ",\"gid\":990", ",\"gid\":4711"]),
        any::<bool>(),
    )
        .prop_map(|(name, other, uid, gid, same)| {
            let stem = if same { name.clone() } else { other };
            (format!("{stem}.user"), format!("{{\"userName\":\"{name}\",\"uid\":{uid}{gid}}}"))
        });
    let membership = (one_of(NAMES), one_of(&["docker", "backup2", "absent"]))
        .prop_map(|(user, group)| (format!("{user}:{group}.membership"), "{}\n".to_owned()));
    prop_oneof![3 => user, 2 => membership].boxed()
}

fn generated() -> BoxedStrategy<Files> {
    let switch = one_of(&[
        "passwd: files systemd\ngroup: files systemd\n",
        "passwd: files systemd # x\ngroup: files [SUCCESS=merge] systemd\n",
        "passwd: files\ngroup: files\n",
        "passwd:files systemd\ngroup: files\n",
    ]);
    let folder = one_of(&["etc/userdb", "run/userdb", "usr/lib/userdb"]);
    (vec(passwd(), 0..4), vec(group(), 0..4), vec(shadow(), 0..4), vec((folder, record()), 0..3), switch)
        .prop_map(|(passwd, group, shadow, records, switch)| {
            let root = "root:x:0:0:root:/root:/bin/bash\n";
            let mut files = vec![
                file("etc/passwd", 0o644, format!("{root}{}", passwd.concat())),
                file("etc/group", 0o644, format!("root:x:0:\n{}", group.concat())),
                file("etc/shadow", 0o640, format!("root:*:19000:0:99999:7:::\n{}", shadow.concat())),
                file("etc/nsswitch.conf", 0o644, format!("{switch}shadow: files\nhosts: files\n")),
            ];
            files.extend(
                records
                    .into_iter()
                    .map(|(folder, (name, text))| file(&format!("{folder}/{name}"), 0o644, text)),
            );
            files
        })
        .boxed()
}

//! Files of packages: `dpkg -V` says which are not what their package brought.

use super::{judge, place, put, root, scan, tool};
use md5::{Digest as _, Md5};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::symlink;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    Changed,
    Gone,
    Link,
}

/// A file of a package.
#[derive(Debug, Clone)]
struct File {
    name: String,
    text: u8,
    /// How the path is written in the list of digests.
    front: &'static str,
    fate: Fate,
    /// Whether another package had it before, and still has the line.
    taken_over: bool,
}

#[derive(Debug, Clone)]
struct Package {
    sums: bool,
    same: bool,
    files: Vec<File>,
    /// A script among the conffiles, and whether it was changed.
    script: Option<bool>,
    /// Whether the package's first file is diverted: by the administrator or by another package.
    diverted: Option<bool>,
}

fn file() -> impl Strategy<Value = File> {
    let fate = prop_oneof![5 => Just(Fate::Same), 2 => Just(Fate::Changed), 1 => Just(Fate::Gone), 1 => Just(Fate::Link)];
    let name = select(vec![
        "usr/bin/a",
        "usr/bin/b",
        "usr/bin/c d",
        "usr/sbin/e",
        "usr/bin/f\\g",
        "bin/h",
        "usr/bin/+",
        "usr/bin/ü",
    ]);
    (name, any::<u8>(), select(vec!["", "", "./", "/"]), fate, any::<bool>()).prop_map(
        |(name, text, front, fate, taken_over)| File { name: name.to_owned(), text, front, fate, taken_over },
    )
}

fn package() -> impl Strategy<Value = Package> {
    let optional = || prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (prop::bool::weighted(0.85), any::<bool>(), prop::collection::vec(file(), 1..4), optional(), optional())
        .prop_map(|(sums, same, files, script, diverted)| Package { sums, same, files, script, diverted })
}

fn sum(text: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Md5::digest(text) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// Writes the database and the files.
fn build(packages: &[Package]) {
    place(
        &["var", "usr", "bin", "etc/cron.daily"],
        &vec![("usr/sbin/x".to_owned(), String::new()), ("usr/bin/x".to_owned(), String::new())],
    );
    let _ = std::fs::remove_file(root().join("bin"));
    symlink("usr/bin", root().join("bin")).unwrap();
    let (mut status, mut diversions, mut stale) = (String::new(), String::new(), String::new());
    let mut taken = BTreeSet::new();
    for (number, package) in packages.iter().enumerate() {
        let name = format!("p{number}");
        let base = if package.same { format!("{name}:amd64") } else { name.clone() };
        let multi = if package.same { "Multi-Arch: same\n" } else { "" };
        let (mut list, mut sums) = ("/.\n/usr\n/usr/bin\n/usr/sbin\n".to_owned(), String::new());
        for (at, file) in package.files.iter().enumerate() {
            let real =
                file.name.strip_prefix("bin/").map_or(file.name.clone(), |rest| format!("usr/bin/{rest}"));
            if !taken.insert(real.clone()) {
                continue;
            }
            let text = vec![file.text; 8];
            writeln!(list, "/{}", file.name).unwrap();
            if package.sums {
                writeln!(sums, "{}  {}{}", sum(&text), file.front, file.name).unwrap();
            }
            if file.taken_over && package.sums {
                writeln!(stale, "{}  {}", sum(&[file.text, 1]), file.name).unwrap();
            }
            let mut at_path = real.clone();
            let moved = at == 0 && package.diverted.is_some();
            if moved {
                let by = if package.diverted == Some(true) { ":" } else { "other" };
                writeln!(diversions, "/{}\n/{}.distrib\n{by}", file.name, file.name).unwrap();
                at_path.push_str(".distrib");
            }
            // Of what is diverted dpkg knows that it is there, and not what it should hold.
            let fate = if moved && file.fate != Fate::Gone || !package.sums { Fate::Same } else { file.fate };
            match fate {
                Fate::Same => put(&at_path, &text),
                Fate::Changed => put(&at_path, b"changed"),
                Fate::Gone => {}
                Fate::Link => symlink("/usr/bin/x", root().join(&at_path)).unwrap(),
            }
        }
        let mut conffiles = String::new();
        if let Some(changed) = package.script {
            let path = format!("etc/cron.daily/{name}");
            conffiles = format!("Conffiles:\n /{path} {}\n", sum(b"script"));
            writeln!(list, "/etc\n/etc/cron.daily\n/{path}").unwrap();
            put(&path, if changed { b"other" } else { b"script" });
        }
        put(&format!("var/lib/dpkg/info/{base}.list"), list.as_bytes());
        if package.sums {
            put(&format!("var/lib/dpkg/info/{base}.md5sums"), sums.as_bytes());
        }
        write!(
            status,
            "Package: {name}\nStatus: install ok installed\nMaintainer: x <x@example.org>\nArchitecture: amd64\n{multi}Version: 1.0\n{conffiles}Description: x\n\n"
        )
        .unwrap();
    }
    // A package that lost files to others, and keeps its lines.
    status.push_str("Package: old\nStatus: install ok installed\nMaintainer: x <x@example.org>\nArchitecture: amd64\nVersion: 1.0\nDescription: x\n\n");
    put("var/lib/dpkg/info/old.list", b"/.\n/usr\n");
    put("var/lib/dpkg/info/old.md5sums", stale.as_bytes());
    put("var/lib/dpkg/info/format", b"1\n");
    put("var/lib/dpkg/status", status.as_bytes());
    put("var/lib/dpkg/diversions", diversions.as_bytes());
    put("var/lib/dpkg/statoverride", b"");
    put("var/lib/dpkg/updates/.keep", b"");
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn dpkg() {
    judge("dpkg", &prop::collection::vec(package(), 1..4), |packages| {
        build(packages);
        let (_, text) = tool("dpkg", &[&format!("--root={}", root().display()), "-V"]);
        let plain = |path: &str| {
            path.strip_prefix("/bin/").map_or(path.to_owned(), |rest| format!("/usr/bin/{rest}"))
        };
        // `??5?????? c /path`, `missing     /path`.
        let told: BTreeMap<String, bool> = text
            .lines()
            .filter_map(|line| Some((plain(&line[line.find('/')?..]), line.starts_with("missing"))))
            .collect();
        let scan = scan(&["/usr/bin", "/usr/sbin"]);
        let found = scan.findings.iter().filter(|f| f.id.as_str() == "package-file");
        let ours: BTreeMap<String, bool> =
            found.map(|f| (f.subject.replace("\\x5c", "\\"), f.title.contains("missing"))).collect();
        (told != ours).then(|| format!("dpkg: {told:?}, the scan: {ours:?} {:?}", scan.unchecked))
    });
}

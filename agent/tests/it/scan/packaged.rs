//! Files of packages, each with what dpkg and pacman themselves say of them.

use super::Machine;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use vaultmesh_agent::scan::Options;

/// Digests of what [`put`] writes.
const A: &str = "0cc175b9c0f1b6a831c399e269772661";
const B: &str = "92eb5ffee6ae2fec3ad71c777531578f";

/// A machine without a baseline, and with packages whose files are `a` or `b`.
fn machine(packages: &[(&str, &str, &str)]) -> Machine {
    let machine = Machine::healthy();
    std::fs::remove_file(machine.baseline()).unwrap();
    for (name, list, sums) in packages {
        machine.add(
            "var/lib/dpkg/status",
            &format!("Package: {name}\nStatus: install ok installed\nVersion: 1.0\n\n"),
        );
        machine.put(&format!("var/lib/dpkg/info/{name}.list"), list);
        if !sums.is_empty() {
            machine.put(&format!("var/lib/dpkg/info/{name}.md5sums"), sums);
        }
    }
    machine
}

fn put(machine: &Machine, path: &str, text: &str) {
    machine.put_mode(path, text.as_bytes(), 0o755);
}

/// Findings about files that are none of a package, as severity, check and subject.
fn found(machine: &Machine) -> Vec<(String, String, String)> {
    let findings = machine.scan().findings.into_iter();
    let of = findings.filter(|f| ["package-file", "privileged-file"].contains(&f.id.as_str()));
    of.map(|f| (f.severity.as_str().to_owned(), f.id.to_string(), f.subject)).collect()
}

fn one(severity: &str, check: &str, subject: &str) -> Vec<(String, String, String)> {
    vec![(severity.to_owned(), check.to_owned(), subject.to_owned())]
}

#[test]
fn a_file_is_of_the_package_whose_list_has_it() {
    // Whichever digest sorts first.
    for (old, new, own, others) in [(A, B, "b", "a"), (B, A, "a", "b")] {
        let sums = format!("{old}  usr/bin/tool\n");
        let machine = machine(&[
            ("old", "/usr/bin/other\n", &sums),
            ("new", "/usr/bin/tool\n", &format!("{new}  usr/bin/tool\n")),
        ]);
        put(&machine, "usr/bin/tool", own);
        assert_eq!(found(&machine), []);
        put(&machine, "usr/bin/tool", others);
        assert_eq!(found(&machine), one("critical", "package-file", "/usr/bin/tool"));
        let title =
            machine.scan().findings.into_iter().find(|f| f.id.as_str() == "package-file").unwrap().title;
        assert!(title.ends_with("new 1.0"), "{title}");
    }
    // The other has no digests: then nobody says what the file should be.
    let machine = machine(&[
        ("old", "/usr/bin/other\n", &format!("{A}  usr/bin/tool\n")),
        ("new", "/usr/bin/tool\n", ""),
    ]);
    put(&machine, "usr/bin/tool", "b");
    assert_eq!(found(&machine), []);
}

#[test]
fn odd_paths_are_those_of_the_file() {
    for front in ["./usr/bin/tool", "/usr/bin/tool", "bin/tool"] {
        let machine = machine(&[("foo", "/usr/bin/tool\n/bin/tool\n", &format!("{A}  {front}\n"))]);
        machine.put_mode("usr/bin/tool", b"a", 0o4755);
        assert_eq!(found(&machine), [], "{front}");
        put(&machine, "usr/bin/tool", "b");
        assert_eq!(found(&machine), one("critical", "package-file", "/usr/bin/tool"), "{front}");
    }
    let machine = machine(&[("foo", "/usr/bin/to\\ol\n", &format!("{A}  usr/bin/to\\ol\n"))]);
    machine.put_mode("usr/bin/to\\ol", b"a", 0o4755);
    assert_eq!(found(&machine), []);
}

#[test]
fn a_package_without_digests_owns_its_files_all_the_same() {
    let machine = machine(&[("foo", "/usr/lib/virt/helper\n/usr/share/x/helper\n/usr/games/rogue\n", "")]);
    for path in ["usr/lib/virt/helper", "usr/share/x/helper", "usr/games/rogue"] {
        machine.put_mode(path, b"a", 0o4755);
    }
    assert_eq!(found(&machine), []);
    machine.put_mode("usr/share/x/mine", b"a", 0o4755);
    assert_eq!(found(&machine), one("high", "privileged-file", "/usr/share/x/mine"));
}

#[test]
fn another_type_of_file_is_not_what_the_package_brought() {
    let machine = machine(&[("foo", "/usr/bin/tool\n", &format!("{A}  usr/bin/tool\n"))]);
    machine.put("tmp/x", "c");
    machine.link("usr/bin/tool", "/tmp/x");
    assert_eq!(found(&machine), one("critical", "package-file", "/usr/bin/tool"));
    machine.remove("usr/bin/tool");
    assert_eq!(found(&machine), one("low", "package-file", "/usr/bin/tool"));
    machine.folder("usr/bin/tool", 0o755);
    assert_eq!(found(&machine), one("critical", "package-file", "/usr/bin/tool"));
}

#[test]
fn what_the_administrator_diverted_lies_elsewhere() {
    let machine = machine(&[("foo:amd64", "/usr/bin/tool\n", &format!("{A}  usr/bin/tool\n"))]);
    machine.put("var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.real\n:\n");
    put(&machine, "usr/bin/tool", "b");
    put(&machine, "usr/bin/tool.real", "a");
    assert_eq!(found(&machine), []);
    // The one who diverts keeps the place, be its database file named by an architecture or not.
    machine.put("var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.real\nfoo\n");
    put(&machine, "usr/bin/tool", "a");
    put(&machine, "usr/bin/tool.real", "b");
    assert_eq!(found(&machine), []);
}

#[test]
fn what_root_runs_beside_the_watched_paths_is_held_against_its_package() {
    let sums = format!("{A}  usr/lib/apt/methods/http\n{A}  usr/lib/x86_64-linux-gnu/libpam.so.0.85.1\n");
    let machine = machine(&[(
        "foo",
        "/usr/lib/apt/methods/http\n/usr/lib/x86_64-linux-gnu/libpam.so.0.85.1\n/etc/cron.daily/foo\n",
        &sums,
    )]);
    machine.add("var/lib/dpkg/status", &format!("Package: foo\nStatus: install ok installed\nVersion: 1.0\nConffiles:\n /etc/cron.daily/foo {A}\n /etc/cron.daily/gone {A}\n /etc/cron.daily/old {A} obsolete\n"));
    for path in
        ["usr/lib/apt/methods/http", "usr/lib/x86_64-linux-gnu/libpam.so.0.85.1", "etc/cron.daily/foo"]
    {
        put(&machine, path, "a");
    }
    put(&machine, "etc/cron.daily/old", "b");
    assert_eq!(found(&machine), []);
    for (path, severity) in [
        ("usr/lib/apt/methods/http", "critical"),
        ("usr/lib/x86_64-linux-gnu/libpam.so.0.85.1", "critical"),
        ("etc/cron.daily/foo", "medium"),
    ] {
        put(&machine, path, "b");
        assert_eq!(found(&machine), one(severity, "package-file", &format!("/{path}")));
        put(&machine, path, "a");
    }
}

#[test]
fn a_package_in_the_middle_of_its_installation_is_unknown() {
    let machine = machine(&[("foo", "/usr/bin/tool\n", &format!("{A}  usr/bin/tool\n"))]);
    put(&machine, "usr/bin/tool", "b");
    machine.put(
        "var/lib/dpkg/updates/0001",
        "Package: foo\nStatus: install reinstreq half-installed\nVersion: 1.0\n",
    );
    assert_eq!(found(&machine), []);
    let unknown = machine.scan().unchecked.into_iter().find(|u| u.id.as_str() == "package-file").unwrap();
    assert_eq!(unknown.reason, "foo 1.0 is being installed, or its installation broke off");
}

/// A package is upgraded after the lists were read, and before its files are.
#[test]
fn an_upgrade_during_a_scan_is_no_finding() {
    let machine = machine(&[("foo", "/usr/bin/tool\n", &format!("{A}  usr/bin/tool\n"))]);
    put(&machine, "usr/bin/tool", "a");
    let (tool, sums) = (machine.path("usr/bin/tool"), machine.path("var/lib/dpkg/info/foo.md5sums"));
    let mut upgraded = false;
    let tell: vaultmesh_agent::scan::Tell = Box::new(move |progress| {
        if progress.at == "package-file" && !upgraded {
            upgraded = true;
            for (path, text) in [(&tool, "b".to_owned()), (&sums, format!("{B}  usr/bin/tool\n"))] {
                std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
            }
        }
    });
    let options = Options { ..machine.options() };
    let scan = vaultmesh_agent::scan::run(&options, super::now(), Some(tell), None).unwrap().scan;
    assert_eq!(std::fs::read(machine.path("usr/bin/tool")).unwrap(), b"b");
    assert!(!scan.findings.iter().any(|f| f.id.as_str() == "package-file"), "{:#?}", scan.findings);
}

#[test]
fn links_that_packages_make_are_explained_by_what_they_lead_to() {
    let sums = format!("{A}  usr/bin/zz\n{A}  lib/systemd/system/zz.service\n");
    let machine = machine(&[("zz", "/usr/bin/zz\n/lib/systemd/system/zz.service\n", &sums)]);
    machine.rebase();
    put(&machine, "usr/bin/zz", "a");
    machine.put("usr/lib/systemd/system/zz.service", "a");
    machine.link("etc/systemd/system/multi-user.target.wants/zz.service", "/lib/systemd/system/zz.service");
    machine.link("etc/alternatives/zzz", "/usr/bin/zz");
    machine.link("usr/bin/zzz", "/etc/alternatives/zzz");
    let scan = machine.scan();
    for finding in &scan.findings {
        let folder = finding.title.contains("directory");
        assert!(folder || finding.explained.as_deref() == Some("zz 1.0"), "{finding:#?}");
        assert_eq!(finding.severity.as_str(), "low", "{finding:#?}");
    }
    assert!(scan.findings.iter().any(|f| f.subject == "/usr/bin/zzz"));
    // One that leads to a file that was changed, or of no package, is not.
    put(&machine, "usr/bin/zz", "b");
    let scan = machine.scan();
    let link = scan.findings.iter().find(|f| f.subject == "/usr/bin/zzz").unwrap();
    assert_eq!((link.severity.as_str(), link.explained.as_deref()), ("high", None));
}

#[test]
fn pacmans_lists_say_modes_and_where_links_lead() {
    let digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    let list = format!(
        "#mtree\n/set type=file uid=0 gid=0 mode=755\n./usr/bin/tool time=1.0 size=1 sha256digest={digest}\n\
         ./usr/bin/link time=1.0 mode=777 type=link link=tool\n./usr/share/x time=1.0 mode=4755 sha256digest={digest}\n"
    );
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(list.as_bytes()).unwrap();
    // Beside dpkg's database, which is there and has nothing.
    let machine = machine(&[]);
    machine.put_mode("var/lib/pacman/local/tool-1-1/mtree", &packed.finish().unwrap(), 0o644);
    put(&machine, "usr/bin/tool", "a");
    machine.link("usr/bin/link", "tool");
    machine.put_mode("usr/share/x", b"a", 0o4755);
    assert_eq!(found(&machine), []);
    machine.mode("usr/bin/tool", 0o4755);
    assert_eq!(found(&machine), one("high", "package-file", "/usr/bin/tool"));
    machine.mode("usr/bin/tool", 0o755);
    machine.link("usr/bin/link", "/opt/evil");
    assert_eq!(found(&machine), one("high", "package-file", "/usr/bin/link"));
    machine.link("usr/bin/link", "tool");
    machine.remove("usr/bin/tool");
    assert_eq!(found(&machine), one("low", "package-file", "/usr/bin/tool"));
}

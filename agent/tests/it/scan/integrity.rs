//! The tree of watched files, the cache between scans, and baselines.

use super::{Machine, now};
use proptest::prelude::*;
use std::collections::BTreeMap;
use vaultmesh_agent::scan::{self, Options, Outcome};

fn changes(machine: &Machine) -> BTreeMap<String, (String, &'static str)> {
    let findings =
        machine.scan().findings.into_iter().filter(|finding| finding.id.as_str() == "file-integrity");
    findings.map(|finding| (finding.subject, (finding.title, finding.severity.as_str()))).collect()
}

#[test]
fn each_kind_of_change_is_found_where_it_is_and_nowhere_else() {
    let machine = Machine::healthy();
    machine.put_mode("usr/bin/app", b"another app\n", 0o755);
    machine.put("etc/new/file", "");
    machine.remove("boot/vmlinuz");
    machine.mode("etc/nsswitch.conf", 0o600);
    machine.link("lib", "opt/lib");
    let found = changes(&machine);
    let of = |what: &str, severity| (format!("A watched {what} since the baseline"), severity);
    let expected = [
        ("/boot/vmlinuz", of("file is gone", "medium")),
        ("/etc/new", of("directory is new", "low")),
        ("/etc/new/file", of("file is new", "medium")),
        ("/etc/nsswitch.conf", of("file is changed", "medium")),
        ("/lib", of("link is changed", "critical")),
        ("/usr/bin/app", of("file is changed", "critical")),
    ];
    assert_eq!(found, expected.map(|(path, words)| (path.to_owned(), words)).into());
}

#[test]
fn the_root_of_the_tree_changes_with_every_part_of_a_leaf_and_comes_back() {
    let machine = Machine::healthy();
    let root = || machine.scan().tree_root.unwrap();
    let first = root();
    assert_eq!(root(), first, "nothing happened");
    let mut seen = vec![first];
    let mut differs = |what: &str| {
        let now = root();
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    machine.put("etc/profile", "umask 077\n");
    differs("contents");
    machine.put("etc/profile", "umask 022\n");
    machine.mode("etc/profile", 0o600);
    differs("mode");
    machine.mode("etc/profile", 0o644);
    // Only root gives files away.
    if rustix::process::geteuid().is_root() {
        let own =
            |uid, gid| std::os::unix::fs::chown(machine.path("etc/profile"), Some(uid), Some(gid)).unwrap();
        own(1, 0);
        differs("owner");
        own(0, 1);
        differs("group");
        own(0, 0);
    }
    machine.link("etc/link", "a");
    differs("a link");
    machine.link("etc/link", "b");
    differs("where a link points");
    machine.remove("etc/link");
    machine.pipe("etc/pipe");
    differs("type");
    machine.remove("etc/pipe");
    // Not every file system of a test has attributes of users.
    let attribute = |value: &[u8]| {
        let path = machine.path("etc/profile");
        rustix::fs::setxattr(path, c"user.test", value, rustix::fs::XattrFlags::empty()).is_ok()
    };
    if attribute(b"1") {
        differs("an attribute");
        assert!(attribute(b"2"));
        differs("an attribute's value");
        rustix::fs::removexattr(machine.path("etc/profile"), c"user.test").unwrap();
    }
    assert_eq!(root(), first, "all is as it was");
}

/// Files as old as the cache asks for, so that a second pass may trust it.
fn settled(machine: &Machine) -> Options {
    let later = spec::Timestamp::parse("2026-11-23T00:00:00.000Z").unwrap();
    assert_eq!(later, now());
    Options { watched: scan::watch::Watched::with("").unwrap(), ..machine.options() }
}

fn run_at(machine: &Machine, hours: u64) -> Outcome {
    let at = spec::Timestamp::from_millis(far_future().millis() + hours * 3_600_000);
    scan::run(&settled(machine), at, None, None).unwrap()
}

/// Later than any file of a test was made.
fn far_future() -> spec::Timestamp {
    spec::Timestamp::parse("2090-01-01T00:00:00.000Z").unwrap()
}

#[test]
fn a_second_pass_reads_only_what_changed_and_a_full_one_everything() {
    let machine = Machine::healthy();
    let big = "x".repeat(1_000_000);
    machine.put_mode("usr/bin/big", big.as_bytes(), 0o755);
    let first = run_at(&machine, 0);
    assert!(first.full && first.bytes > 1_000_000, "{}", first.bytes);
    let second = run_at(&machine, 1);
    assert!(!second.full && second.bytes < 100_000, "{}", second.bytes);
    assert_eq!(second.scan.tree_root, first.scan.tree_root);
    // The same length, and an older time of change: ctime cannot be set.
    let path = machine.path("usr/bin/big");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"y", 0).unwrap();
    file.set_modified(before).unwrap();
    let third = run_at(&machine, 2);
    assert!(!third.full && third.bytes > 1_000_000);
    assert_ne!(third.scan.tree_root, first.scan.tree_root);
    let tomorrow = run_at(&machine, 26);
    assert!(tomorrow.full && tomorrow.bytes > 1_000_000);
    assert_eq!(tomorrow.scan.tree_root, third.scan.tree_root);
}

#[test]
fn a_damaged_cache_costs_time_and_nothing_else() {
    let machine = Machine::healthy();
    let first = run_at(&machine, 0).scan.tree_root;
    let cache = machine.state().join("scan-cache");
    let text = std::fs::read_to_string(&cache).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 10);
    let half = lines[..lines.len() / 2].join("\n");
    for bad in
        [String::new(), half, text.replace(' ', "x"), "vm-scan-cache-v1 9999999999999999999\n".to_owned()]
    {
        std::fs::remove_file(&cache).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(&cache).unwrap(), bad.as_bytes()).unwrap();
        assert_eq!(run_at(&machine, 1).scan.tree_root, first);
    }
}

#[test]
fn a_scan_names_its_baseline_and_refuses_one_that_is_damaged() {
    let machine = Machine::healthy();
    let written = machine.rebase();
    let scan = machine.scan();
    assert_eq!((scan.baseline, scan.tree_root), (written.written, written.scan.tree_root));
    let text = std::fs::read_to_string(machine.baseline()).unwrap();
    assert_eq!(spec::Hash::of(spec::Domain::Baseline, &[text.as_bytes()]), scan.baseline.unwrap());
    for line in text.lines() {
        assert_eq!(spec::canonical::check(line.as_bytes()), Ok(line), "{line}");
    }
    let last = text.lines().last().unwrap();
    let cut = text.strip_suffix(&format!("{last}\n")).unwrap();
    for bad in
        ["", "{}\n", cut, &text[..text.len() - 1], &format!("{text}{last}\n"), &text.replace("uid", "udi")]
    {
        std::io::Write::write_all(&mut std::fs::File::create(machine.baseline()).unwrap(), bad.as_bytes())
            .unwrap();
        assert!(scan::run(&machine.options(), now(), None, None).is_err());
    }
}

#[test]
fn a_directory_that_cannot_be_read_has_not_lost_its_files() {
    let machine = Machine::healthy();
    machine.deep("etc/deep");
    machine.rebase();
    let scan = machine.scan();
    assert!(scan.unchecked.iter().any(|unchecked| unchecked.id.as_str() == "file-integrity"));
    assert_eq!(changes(&machine), BTreeMap::new());
}

#[test]
fn without_a_baseline_what_is_new_is_unknown_and_what_is_wrong_is_not() {
    let machine = Machine::healthy();
    std::fs::remove_file(machine.baseline()).unwrap();
    machine.put_mode("usr/bin/helper", b"x", 0o4755);
    machine.add("proc/net/tcp", "   2: 00000000:7A69 00000000:0000 0A 0:0 0:0\n");
    let scan = machine.scan();
    assert_eq!(scan.baseline, None);
    let found: Vec<(&str, &str)> =
        scan.findings.iter().map(|f| (f.id.as_str(), f.subject.as_str())).collect();
    assert_eq!(found, [("privileged-file", "/usr/bin/helper")]);
    let unknown: Vec<&str> = scan.unchecked.iter().map(|unchecked| unchecked.id.as_str()).collect();
    let drifts = [
        "apt-source",
        "authorized-keys",
        "file-integrity",
        "kernel-module",
        "listener",
        "login-drift",
        "privileged-file",
        "schedule-drift",
    ];
    assert_eq!(unknown, drifts);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Whatever the order in which files were made, which is the order in which a directory lists them.
    #[test]
    fn the_root_does_not_depend_on_the_order_of_a_directory(
        names in prop::collection::btree_set("[a-z.\\-]{1,12}", 1..24),
        seed in any::<u64>(),
    ) {
        let names: Vec<String> = names.into_iter().filter(|name| name != "." && name != "..").collect();
        let mut shuffled = names.clone();
        let mut chance = crate::world::Chance::new(seed);
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, usize::try_from(chance.below(i as u64 + 1)).unwrap());
        }
        let root = |names: &[String]| {
            let dir = tempfile::tempdir().unwrap();
            for name in names {
                let folder = dir.path().join("etc").join(name);
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::File::create(folder.join("x")).unwrap();
            }
            let options = Options { root: dir.path().to_owned(), ..Options::default() };
            scan::run(&options, now(), None, None).unwrap().scan.tree_root
        };
        prop_assert_eq!(root(&names), root(&shuffled));
    }
}

//! Who can reach a file, and what kind of place it lies in.

use super::Machine;
use spec::payload::Scan;

fn machine() -> Machine {
    let machine = Machine::healthy();
    std::fs::remove_file(machine.baseline()).unwrap();
    machine
}

fn of(scan: &Scan, check: &str) -> Vec<(String, String)> {
    let findings = scan.findings.iter().filter(|f| f.id.as_str() == check);
    findings.map(|f| (f.severity.as_str().to_owned(), f.subject.clone())).collect()
}

fn found(machine: &Machine, check: &str) -> Vec<(String, String)> {
    of(&machine.scan(), check)
}

fn one(severity: &str, subject: &str) -> Vec<(String, String)> {
    vec![(severity.to_owned(), subject.to_owned())]
}

#[test]
fn what_nobody_can_reach_nobody_can_change() {
    let machine = machine();
    let cache = "var/lib/kubelet/pods/6f0c/volumes/kubernetes.io~empty-dir/cache";
    machine.folder(cache, 0o777);
    machine.mode("var/lib/kubelet", 0o750);
    machine.put_mode("root/x/f", b"", 0o666);
    machine.mode("root", 0o700);
    machine.put_mode("opt/app/g", b"", 0o666);
    assert_eq!(found(&machine, "world-writable"), one("high", "/opt/app/g"));
    machine.mode("var/lib/kubelet", 0o751);
    assert_eq!(found(&machine, "world-writable").len(), 2);
}

#[test]
fn what_nobody_can_start_gives_nothing_away() {
    let machine = machine();
    machine.put_mode("root/helper", b"x", 0o4755);
    machine.mode("root", 0o700);
    machine.put_mode("usr/lib/a", b"x", 0o4700);
    machine.put_mode("usr/lib/b", b"x", 0o4750);
    assert_eq!(found(&machine, "privileged-file"), []);
    machine.put_mode("usr/lib/c", b"x", 0o4711);
    assert_eq!(found(&machine, "privileged-file"), one("high", "/usr/lib/c"));
    // A home that only its owner enters keeps the owner in.
    if rustix::process::geteuid().is_root() {
        machine.remove("usr/lib/c");
        machine.put_mode("srv/bob/helper", b"x", 0o4755);
        machine.mode("srv/bob", 0o700);
        let own =
            |path: &str, uid| std::os::unix::fs::chown(machine.path(path), Some(uid), Some(uid)).unwrap();
        own("srv/bob", 1000);
        assert_eq!(found(&machine, "privileged-file"), one("high", "/srv/bob/helper"));
        own("srv/bob/helper", 1000);
        machine.mode("srv/bob/helper", 0o4755);
        assert_eq!(found(&machine, "privileged-file"), []);
    }
}

#[test]
fn programs_with_which_anything_can_be_done_are_told_by_what_they_can() {
    for name in ["dd", "sed", "vim.tiny", "vim.basic", "mawk", "python3.11"] {
        let machine = machine();
        machine.put_mode(&format!("usr/bin/{name}"), b"x", 0o4755);
        assert_eq!(found(&machine, "privileged-file"), one("critical", &format!("/usr/bin/{name}")));
    }
}

#[test]
fn the_kernel_gives_no_powers_on_a_mount_without_them() {
    let machine = machine();
    machine.put_mode("srv/x/helper", b"x", 0o4755);
    assert_eq!(found(&machine, "privileged-file"), one("high", "/srv/x/helper"));
    machine.add("proc/mounts", "/dev/vdb /srv/x ext4 rw,nosuid 0 0\n");
    assert_eq!(found(&machine, "privileged-file"), []);
}

#[test]
fn mounts_that_are_not_looked_into_are_named() {
    let machine = machine();
    machine.put_mode("opt/ovl/dash", b"x", 0o4755);
    machine.put_mode("opt/ovl/ww", b"x", 0o666);
    machine.add("proc/mounts", "overlay /opt/ovl overlay rw 0 0\n");
    assert_eq!(found(&machine, "privileged-file"), one("critical", "/opt/ovl/dash"));
    assert_eq!(found(&machine, "world-writable"), one("high", "/opt/ovl/ww"));
    for (line, privileged, writable) in [
        ("server:/x /opt/ovl nfs4 rw 0 0\n", true, true),
        ("server:/x /opt/ovl nfs4 rw,nosuid 0 0\n", false, true),
        ("x /srv/ovl fuse.sshfs rw 0 0\n", true, false),
        ("x /srv/ovl fuse.sshfs rw,nosuid 0 0\n", false, false),
    ] {
        machine.folder("srv/ovl", 0o755);
        machine.add("proc/mounts", line);
        let unchecked = machine.scan().unchecked;
        let named = |check: &str| {
            unchecked.iter().any(|u| u.id.as_str() == check && u.reason.contains("/ovl is a mount of"))
        };
        assert_eq!((named("privileged-file"), named("world-writable")), (privileged, writable), "{line}");
        let text = std::fs::read_to_string(machine.path("proc/mounts")).unwrap();
        machine.put("proc/mounts", text.strip_suffix(line).unwrap());
    }
}

#[test]
fn systems_within_the_system_are_spoken_of_once() {
    let kept = [
        "home/bob/.local/share/containers/storage/overlay/ab/diff",
        "home/bob/.local/share/docker/overlay2/a1/diff",
        "var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs",
        "var/snap/microk8s/common/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs",
        "var/snap/lxd/common/lxd/storage-pools/default/containers/web/rootfs",
        "var/lib/lxd/containers/web/rootfs",
        "var/lib/incus/storage-pools/default/containers/web/rootfs",
        "var/lib/buildkit/runc-overlayfs/snapshots/snapshots/3/fs",
        "var/lib/flatpak/runtime/org.x/a",
        "var/lib/snapd/snap/core20/1",
        "var/lib/schroot/unpack/x",
        "var/cache/pbuilder/build/123",
        "srv/chroot/bookworm",
        "ostree/deploy/x/deploy/abc.0",
        ".snapshots/12/snapshot",
        "timeshift/snapshots/2026-01-01/localhost",
    ];
    for place in kept {
        let machine = machine();
        machine.put_mode(&format!("{place}/usr/bin/su"), b"x", 0o4755);
        machine.put_mode(&format!("{place}/usr/bin/mount"), b"x", 0o4755);
        let found = found(&machine, "privileged-file");
        assert_eq!(found.len(), 1, "{place}: {found:?}");
        assert_eq!(found[0].0, "low", "{place}: {found:?}");
    }
    for place in ["var/lib/docker", "var/lib/containerd", "var/lib/machines", "snap"] {
        let machine = machine();
        machine.put_mode(&format!("{place}/x/usr/bin/su"), b"x", 0o4755);
        assert_eq!(found(&machine, "privileged-file"), [], "{place}");
    }
    // One that nobody is known to keep is said once, and not hidden; a shell with root's powers never is.
    let machine = machine();
    machine.put_mode("opt/build/sys/usr/bin/su", b"x", 0o4755);
    machine.put_mode("opt/build/sys/bin/mount", b"x", 0o4755);
    assert_eq!(found(&machine, "privileged-file"), one("medium", "/opt/build/sys"));
    machine.put_mode("srv/chroot/x/usr/bin/dash", b"x", 0o4755);
    let expected = [("medium", "/opt/build/sys"), ("critical", "/srv/chroot/x/usr/bin/dash")];
    assert_eq!(found(&machine, "privileged-file"), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn a_folder_with_very_many_files_is_looked_through() {
    let machine = machine();
    machine.folder("var/spool/q", 0o755);
    let first = machine.path("var/spool/q/0");
    machine.put("var/spool/q/0", "");
    for number in 1..30_000 {
        std::fs::hard_link(&first, machine.path(&format!("var/spool/q/{number}"))).unwrap();
    }
    machine.put_mode("var/spool/q/helper", b"x", 0o4755);
    assert_eq!(found(&machine, "privileged-file"), one("high", "/var/spool/q/helper"));
}

#[test]
fn holes_are_not_read() {
    let machine = machine();
    std::fs::File::create(machine.path("etc/disk.img")).unwrap().set_len(8 << 30).unwrap();
    let outcome = vaultmesh_agent::scan::run(&machine.options(), super::now(), None, None).unwrap();
    assert!(outcome.bytes < 1 << 20, "{}", outcome.bytes);
    let reason =
        outcome.scan.unchecked.into_iter().find(|u| u.id.as_str() == "file-integrity").unwrap().reason;
    assert!(reason.contains("/etc/disk.img has holes of 8192 MiB"), "{reason}");
}

#[test]
fn processes_of_containers_are_not_the_machines() {
    let machine = machine();
    for (pid, namespace, device) in [(1, 1, "8:1"), (100, 2, "0:40")] {
        machine.link(&format!("proc/{pid}/ns/mnt"), &format!("mnt:[{namespace}]"));
        machine.put(&format!("proc/{pid}/mountinfo"), &format!("1 0 {device} / / rw - ext4 x rw\n"));
    }
    machine.link("proc/100/exe", "/tmp/app");
    machine.put("proc/100/environ", "LD_PRELOAD=/usr/lib/libhook.so\0");
    assert_eq!(found(&machine, "root-process-binary"), one("low", "/tmp/app in a container"));
    assert_eq!(found(&machine, "root-process-preload"), one("low", "/tmp/app in a container"));
    // A service with a folder of its own for `/tmp` sees the machine's files beside it.
    machine
        .put("proc/100/mountinfo", "1 0 8:1 / / rw - ext4 x rw\n2 1 8:1 /tmp/private /tmp rw - ext4 x rw\n");
    assert_eq!(found(&machine, "root-process-binary"), one("high", "/tmp/app"));
    machine.put("proc/100/mountinfo", "1 0 8:1 / / rw - ext4 x rw\n");
    assert_eq!(found(&machine, "root-process-binary"), one("critical", "/tmp/app"));
}

#[test]
fn a_library_that_a_package_brought_is_explained() {
    let machine = machine();
    let owner = || {
        let scan = machine.scan();
        let finding = scan.findings.into_iter().find(|f| f.id.as_str() == "root-process-preload").unwrap();
        (finding.severity.as_str().to_owned(), finding.explained)
    };
    machine.put("proc/100/environ", "LD_PRELOAD=/usr/bin/ls:ls\0");
    assert_eq!(owner(), ("high".to_owned(), None), "one of two is found nowhere");
    machine.put("proc/100/environ", "LD_PRELOAD=/usr/bin/ls /bin/ls\0");
    assert_eq!(owner(), ("low".to_owned(), Some("base 1.2-3".to_owned())));
    machine.put("usr/bin/ls", "changed");
    assert_eq!(owner(), ("high".to_owned(), None));
}

#[test]
fn settings_of_the_kernel_are_what_the_kernel_makes_of_them() {
    let machine = machine();
    let conf = "proc/sys/net/ipv4/conf";
    machine.put(&format!("{conf}/all/rp_filter"), "0\n");
    machine.put(&format!("{conf}/lo/rp_filter"), "0\n");
    machine.put(&format!("{conf}/eth0/rp_filter"), "2\n");
    assert_eq!(found(&machine, "kernel-hardening"), []);
    machine.put(&format!("{conf}/eth1/rp_filter"), "0\n");
    assert_eq!(found(&machine, "kernel-hardening"), one("low", "net.ipv4.conf.all.rp_filter"));
    for (pattern, expected) in [
        ("|/usr/bin/dash /srv/ops/x.sh", one("high", "/usr/bin/dash")),
        ("@/run/x.sock", one("high", "@/run/x.sock")),
        ("@@/run/systemd/coredump", vec![]),
        ("core.%p", vec![]),
    ] {
        machine.put("proc/sys/kernel/core_pattern", pattern);
        assert_eq!(found(&machine, "core-pattern"), expected, "{pattern}");
    }
}

#[test]
fn the_mount_that_shows_counts() {
    let machine = machine();
    machine.put("proc/mounts", "tmpfs /var/tmp tmpfs rw 0 0\ntmpfs /var/tmp tmpfs rw,nosuid,nodev 0 0\n");
    assert_eq!(found(&machine, "mount-options"), []);
    machine.put("proc/mounts", "tmpfs /run/user/1000 tmpfs rw 0 0\n");
    assert_eq!(found(&machine, "mount-options"), one("low", "/run/user/1000"));
}

#[test]
fn processes_that_a_mount_hides_are_unknown() {
    let machine = machine();
    machine.put("proc/mounts", "proc /proc proc rw,hidepid=invisible,gid=27 0 0\n");
    machine.add("sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", "777\n");
    let status = |powers: &str, groups: &str| {
        machine.put("proc/self/status", &format!("Name:\tx\nGroups:\t{groups}\nCapEff:\t{powers}\n"));
        machine.scan()
    };
    let scan = status("0000000000000000", "4 24");
    assert_eq!(of(&scan, "hidden-process"), []);
    assert!(scan.unchecked.iter().any(|u| u.id.as_str() == "hidden-process" && u.reason.contains("hidepid")));
    for scan in [status("000001ffffffffff", ""), status("0000000000000000", "4 27")] {
        assert_eq!(of(&scan, "hidden-process"), one("critical", "process 777"));
    }
}

/// Only root gives files away.
fn give(machine: &Machine, path: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if root {
        std::os::unix::fs::lchown(machine.path(path), Some(1000), Some(1000)).unwrap();
    }
    root
}

#[test]
fn what_root_runs_or_reads_only_root_may_change() {
    for (path, check) in [
        ("etc/cron.yearly/job", "schedule-drift"),
        ("etc/systemd/system-generators/x", "schedule-drift"),
        ("etc/systemd/system.control/x.service", "schedule-drift"),
        ("run/systemd/system/x.service", "schedule-drift"),
        ("usr/lib/systemd/system/x.service", "schedule-drift"),
        ("etc/udev/rules.d/x.rules", "schedule-drift"),
        ("etc/NetworkManager/dispatcher.d/x", "schedule-drift"),
        ("etc/network/if-up.d/x", "schedule-drift"),
        ("etc/kernel/postinst.d/x", "schedule-drift"),
        ("etc/update-motd.d/x", "login-drift"),
        ("etc/ssh/sshd_config.d/x.conf", "login-drift"),
        ("etc/ld.so.preload", "login-drift"),
        ("etc/apt/keyrings/x.gpg", "apt-source"),
    ] {
        let machine = machine();
        machine.put(path, "");
        assert_eq!(found(&machine, check), [], "{path}");
        if give(&machine, path) {
            assert_eq!(found(&machine, check), one("high", &format!("/{path} mode")), "{path}");
        }
    }
}

#[test]
fn a_link_is_as_safe_as_what_it_leads_to() {
    let machine = machine();
    machine.put("srv/user/job", "#!/bin/sh\n");
    machine.put("opt/app/x.service", "[Service]\n");
    machine.link("etc/cron.daily/job", "/srv/user/job");
    machine.link("etc/systemd/system/x.service", "/opt/app/x.service");
    machine.link("etc/systemd/system/masked.service", "/dev/null");
    assert_eq!(found(&machine, "schedule-drift"), []);
    if give(&machine, "srv/user") {
        assert_eq!(found(&machine, "schedule-drift"), one("high", "/etc/cron.daily/job target"));
    }
    // What it leads to changes after the baseline, and nobody else watches it.
    machine.rebase();
    machine.put("opt/app/x.service", "[Service]\nExecStart=/x\n");
    let scan = machine.scan();
    assert!(
        of(&scan, "schedule-drift")
            .contains(&("medium".to_owned(), "/etc/systemd/system/x.service target".to_owned()))
    );
}

#[test]
fn an_access_list_is_as_good_as_a_mode() {
    let machine = machine();
    machine.put_mode("etc/cron.d/job", b"x", 0o664);
    assert_eq!(found(&machine, "schedule-drift"), []);
    // user::rw- user:1000:rw- group::r-- mask::rw- other::r--
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 6, 1000), (4, 4, u32::MAX), (0x10, 6, u32::MAX), (0x20, 4, u32::MAX)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        list.extend(id.to_le_bytes());
    }
    let path = machine.path("etc/cron.d/job");
    // Not every file system of a test has access lists.
    if rustix::fs::setxattr(path, c"system.posix_acl_access", &list, rustix::fs::XattrFlags::empty()).is_ok()
    {
        assert_eq!(found(&machine, "schedule-drift"), one("high", "/etc/cron.d/job mode"));
    }
}

/// Scans twice with a change between, and says what `login-records` found.
fn between(first: impl Fn(&Machine), then: impl Fn(&Machine)) -> Vec<(String, String)> {
    let machine = machine();
    first(&machine);
    machine.scan();
    then(&machine);
    found(&machine, "login-records")
}

#[test]
fn records_that_were_put_away_are_not_lost() {
    let record = |n: usize| vec![7_u8; 384 * n];
    let first = |m: &Machine| m.put_mode("var/log/wtmp", &record(9), 0o664);
    let copied = |m: &Machine, name: &str, n: usize| {
        m.put_mode(name, &record(n), 0o664);
        m.shorten("var/log/wtmp", 0);
    };
    assert_eq!(between(first, |m| copied(m, "var/log/wtmp.1", 9)), []);
    assert_eq!(between(first, |m| copied(m, "var/log/wtmp-20261130", 9)), []);
    assert_eq!(between(first, |m| copied(m, "var/log/wtmp.1", 8)), one("high", "/var/log/wtmp"));
    // An older copy does not have what is missing.
    let old = |m: &Machine| {
        first(m);
        m.put_mode("var/log/wtmp.1", &record(20), 0o664);
    };
    assert_eq!(between(old, |m| m.shorten("var/log/wtmp", 0)), one("high", "/var/log/wtmp"));
    let zeros =
        |m: &Machine| m.put_mode("var/log/wtmp", &[record(1), vec![0; 384 * 3], record(1)].concat(), 0o664);
    assert_eq!(between(zeros, |_| ()), one("medium", "/var/log/wtmp wiped"));
    for database in ["var/log/wtmp.db", "var/lib/wtmpdb/wtmp.db"] {
        let first = |m: &Machine| m.put(database, "SQLite format 3");
        let subject = format!("/{database}");
        assert_eq!(between(first, |m| m.remove(database)), one("high", &subject));
        assert_eq!(between(first, |m| m.shorten(database, 0)), one("high", &subject));
        assert_eq!(between(first, |m| m.add(database, "more")), []);
    }
}

#[test]
fn the_first_certificate_is_the_services_own() {
    let (late, ended) = (super::healthy::LATE, include_str!("../../lynis/ended.pem"));
    let titles = |text: &str, path: &str| {
        let machine = machine();
        machine.put(path, text);
        let findings = machine.scan().findings.into_iter();
        let of = findings.filter(|f| f.id.as_str() == "certificate-expiry");
        of.map(|f| (f.severity.as_str().to_owned(), f.subject, f.title)).collect::<Vec<_>>()
    };
    let both = titles(&format!("{late}{ended}"), "etc/nginx/fullchain.pem");
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(both[0].0 == "low" && both[0].2.starts_with("A certificate behind the first"), "{both:?}");
    for path in [
        "etc/ssl/certs/shop.example.pem",
        "etc/nginx/a/b/c/d/e/deep.pem",
        "etc/exim4/exim.crt",
        "etc/mosquitto/certs/server.crt",
        "etc/caddy/site.PEM",
        "etc/nginx/noending",
        "var/lib/postgresql/15/main/server.crt",
    ] {
        let found = titles(ended, path);
        assert_eq!((found.len(), found[0].0.as_str()), (1, "high"), "{path}: {found:?}");
    }
    let labelled = ended.replace("CERTIFICATE", "X509 CERTIFICATE");
    assert_eq!(titles(&labelled, "etc/nginx/x509.pem").len(), 1);
    assert_eq!(titles(ended, "etc/letsencrypt/archive/x/cert1.pem"), []);
    let machine = machine();
    machine.put("etc/nginx/a/b/c/d/e/f/g/h/i/j/deep.pem", ended);
    let unchecked = machine.scan().unchecked;
    assert!(unchecked.iter().any(|u| u.id.as_str() == "certificate-expiry" && u.reason.contains("too deep")));
}

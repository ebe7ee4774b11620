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
        machine.put_mode("home/bob/helper", b"x", 0o4755);
        machine.mode("home/bob", 0o700);
        let own =
            |path: &str, uid| std::os::unix::fs::chown(machine.path(path), Some(uid), Some(uid)).unwrap();
        own("home/bob", 1000);
        assert_eq!(found(&machine, "privileged-file"), one("high", "/home/bob/helper"));
        own("home/bob/helper", 1000);
        machine.mode("home/bob/helper", 0o4755);
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
    machine.put_mode("opt/build/root/usr/bin/su", b"x", 0o4755);
    machine.put_mode("opt/build/root/bin/mount", b"x", 0o4755);
    assert_eq!(found(&machine, "privileged-file"), one("medium", "/opt/build/root"));
    machine.put_mode("srv/chroot/x/usr/bin/dash", b"x", 0o4755);
    let expected = [("medium", "/opt/build/root"), ("critical", "/srv/chroot/x/usr/bin/dash")];
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
        ("|/usr/bin/dash /home/ops/x.sh", one("high", "/usr/bin/dash")),
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

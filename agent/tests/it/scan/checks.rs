//! One row for each check: a change that it must find, one that it must not mind, and one after which it
//! cannot tell.

use super::Machine;
use super::healthy::assert_valid;
use super::healthy::{KEY, SOON};
use spec::payload::{Finding, Scan};
use std::collections::BTreeSet;
use vaultmesh_agent::scan::registry::checks;

type Change = fn(&Machine);

/// A check, what fires it and what the finding is then about, what does not, and what leaves it unknown.
struct Row {
    check: &'static str,
    fires: Change,
    subject: &'static str,
    clean: Change,
    unknown: Change,
}

const RSA_1024: &str = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDBAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIz\
     NDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+fw==";

const ROWS: &[Row] = &[
    Row {
        check: "uid-zero",
        fires: |m| m.add("etc/passwd", "toor:x:0:0::/root:/bin/sh\n"),
        subject: "toor",
        clean: |m| m.add("etc/passwd", "+::::::\n# a remark\nnew:x:1001:0::/srv/new:/bin/sh\n"),
        unknown: |m| m.add("etc/passwd", "toor:x:zero:0::/root:/bin/sh\n"),
    },
    Row {
        check: "empty-password",
        fires: |m| m.add("etc/shadow", "guest::19000:0:99999:7:::\n"),
        subject: "guest",
        clean: |m| m.add("etc/shadow", "guest:*:19000:0:99999:7:::\n"),
        unknown: |m| m.remove("etc/shadow"),
    },
    Row {
        check: "weak-password-hash",
        fires: |m| m.add("etc/shadow", "old:$1$salt$hash:19000:0:99999:7:::\n"),
        subject: "old",
        clean: |m| m.add("etc/shadow", "old:!$1$salt$hash:19000:0:99999:7:::\n"),
        unknown: |m| m.add("etc/shadow", "old:$99$salt$hash:19000:0:99999:7:::\n"),
    },
    Row {
        check: "credential-files",
        fires: |m| m.mode("etc/shadow", 0o644),
        subject: "/etc/shadow",
        clean: |m| m.mode("etc/shadow", 0o600),
        unknown: |m| m.blocked("etc/shadow"),
    },
    Row {
        check: "sudoers",
        fires: |m| m.put_mode("etc/sudoers.d/dev", b"dev ALL=(ALL) NOPASSWD: \\\n  ALL\n", 0o440),
        subject: "/etc/sudoers.d/dev dev",
        clean: |m| m.put_mode("etc/sudoers.d/dev.bak", b"dev ALL=(ALL) NOPASSWD: ALL\n", 0o440),
        unknown: |m| m.put_mode("etc/sudoers.d/dev", b"dev is no rule\n", 0o440),
    },
    Row {
        check: "sudoers",
        fires: |m| m.mode("etc/sudoers.d/ops", 0o666),
        subject: "/etc/sudoers.d/ops",
        clean: |m| m.add("etc/sudoers", "@include /etc/sudoers.absent\n"),
        unknown: |m| m.add("etc/sudoers", "@include /etc/sudoers\n"),
    },
    Row {
        check: "ld-so-preload",
        fires: |m| m.put("etc/ld.so.preload", "/usr/lib/libhook.so # why\n"),
        subject: "/usr/lib/libhook.so",
        clean: |m| m.put("etc/ld.so.preload", "# nothing\n\n"),
        unknown: |m| m.folder("etc/ld.so.preload", 0o755),
    },
    Row {
        check: "hidden-process",
        fires: |m| m.add("sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", "777\n"),
        subject: "process 777",
        clean: |m| m.put("sys/fs/cgroup/user.slice/cgroup.procs", "100\n1\n0\n"),
        unknown: |m| m.blocked("proc"),
    },
    Row {
        check: "root-process-binary",
        fires: |m| m.link("proc/100/exe", "/dev/shm/.x (deleted)"),
        subject: "/dev/shm/.x",
        clean: |m| {
            m.link("proc/100/exe", "/tmp/mine");
            m.put(
                "proc/100/status",
                "Name:\tx\nTgid:\t100\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\nVmSize:\t1 kB\n",
            );
        },
        unknown: |m| m.put("proc/100/exe", "not a link"),
    },
    Row {
        check: "root-process-binary",
        fires: |m| m.link("proc/100/exe", "/usr/sbin/oldd (deleted)"),
        subject: "/usr/sbin/oldd",
        clean: |m| m.remove("proc/100"),
        unknown: |m| m.put("proc/100/status", "\n"),
    },
    Row {
        check: "root-process-preload",
        fires: |m| m.put("proc/100/environ", "A=b\0LD_PRELOAD=/usr/lib/libhook.so\0"),
        subject: "/usr/sbin/sshd",
        clean: |m| m.put("proc/100/environ", "A=LD_PRELOAD=x\0LD_PRELOAD=\0"),
        unknown: |m| m.blocked("proc/100/environ"),
    },
    Row {
        check: "sshd-login",
        fires: |m| {
            let text = "PasswordAuthentication yes\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n";
            m.put("etc/ssh/sshd_config.d/a.conf", text);
        },
        subject: "PermitRootLogin in Match Address 10.0.0.0/8",
        // The first value counts, and that is the included one's.
        clean: |m| {
            m.put("etc/ssh/sshd_config.d/a.conf", "PermitRootLogin prohibit-password\n");
            m.add("etc/ssh/sshd_config", "PermitRootLogin yes\n");
        },
        unknown: |m| m.looped("etc/ssh/sshd_config"),
    },
    Row {
        check: "sshd-login",
        fires: |m| {
            m.put(
                "etc/ssh/sshd_config.d/a.conf",
                "permitemptypasswords=yes\nPasswordAuthentication\tyes # x\n",
            );
        },
        subject: "PermitEmptyPasswords",
        clean: |m| m.remove("etc/ssh/sshd_config"),
        unknown: |m| m.add("etc/ssh/sshd_config", "nonsense\n"),
    },
    Row {
        check: "sshd-weak",
        fires: |m| m.remove("etc/ssh/sshd_config.d/keys.conf"),
        subject: "PasswordAuthentication",
        clean: |m| m.add("etc/ssh/sshd_config", "MACs hmac-sha2-512\nPubkeyAcceptedAlgorithms -ssh-rsa\n"),
        unknown: |m| m.blocked("etc/ssh/sshd_config.d/keys.conf"),
    },
    Row {
        check: "sshd-weak",
        fires: |m| m.add("etc/ssh/sshd_config", "KexAlgorithms +diffie-hellman-group1-*\n"),
        subject: "KexAlgorithms",
        clean: |m| m.add("etc/ssh/sshd_config", "UsePAM yes\n"),
        unknown: |m| m.add("etc/ssh/sshd_config", "Include /etc/ssh/sshd_config\n"),
    },
    Row {
        check: "ssh-host-keys",
        fires: |m| m.mode("etc/ssh/ssh_host_ed25519_key", 0o640),
        subject: "/etc/ssh/ssh_host_ed25519_key",
        clean: |m| m.put_mode("etc/ssh/ssh_host_ed25519_key.pub", b"public", 0o644),
        unknown: |m| m.blocked("etc/ssh/ssh_host_ed25519_key"),
    },
    Row {
        check: "authorized-keys",
        fires: |m| m.add("root/.ssh/authorized_keys", &format!("ssh-rsa {RSA_1024} weak\n")),
        subject: concat!("/root", "/.ssh/authorized_keys SHA256:"),
        clean: |m| {
            m.put_mode("root/.ssh/authorized_keys", format!("\n# moved\n{KEY} renamed\n").as_bytes(), 0o600);
        },
        unknown: |m| m.add("root/.ssh/authorized_keys", "ssh-rsa AAAA!\n"),
    },
    Row {
        check: "authorized-keys",
        fires: |m| m.mode("root/.ssh/authorized_keys", 0o666),
        subject: concat!("/root", "/.ssh/authorized_keys"),
        clean: |m| m.folder("srv/ops/.ssh", 0o700),
        unknown: |m| m.blocked("root/.ssh/authorized_keys"),
    },
    Row {
        check: "kernel-module",
        fires: |m| m.add("proc/modules", "diamorphine 1 0 - Live 0x0\n"),
        subject: "diamorphine",
        clean: |m| m.put("proc/sys/kernel/tainted", "16\n"),
        unknown: |m| m.put("proc/sys/kernel/tainted", "very\n"),
    },
    Row {
        check: "kernel-module",
        fires: |m| m.put("sys/module/rootkit/initstate", "live\n"),
        subject: "rootkit",
        clean: |m| m.put("sys/module/leaving/initstate", "going\n"),
        unknown: |m| m.blocked("proc/modules"),
    },
    Row {
        check: "listener",
        fires: |m| m.add("proc/net/tcp", "   2: 00000000:7A69 00000000:0000 0A 0:0 0:0\n"),
        subject: "tcp 0.0.0.0:31337",
        clean: |m| m.add("proc/net/udp", "   2: 00000000:C001 00000000:0000 07 0:0 0:0\n"),
        unknown: |m| m.add("proc/net/tcp", "   2: nonsense\n"),
    },
    Row {
        check: "packet-capture",
        fires: |m| m.put("sys/class/net/eth0/flags", "0x1103\n"),
        subject: "interface eth0",
        clean: |m| {
            m.put("sys/class/net/veth1/flags", "0x1103\n");
            m.link("sys/class/net/veth1/master", "../br0");
        },
        unknown: |m| m.put("sys/class/net/eth0/flags", "up\n"),
    },
    Row {
        check: "packet-capture",
        fires: |m| {
            m.add("proc/net/packet", "0 3 3 0003 2 1 0 0 4711\n");
            m.link("proc/100/fd/5", "socket:[4711]");
        },
        subject: "/usr/sbin/sshd",
        clean: |m| m.remove("proc/net/packet"),
        unknown: |m| m.add("proc/net/packet", "0 3\n"),
    },
    Row {
        check: "privileged-file",
        fires: |m| m.put_mode("usr/bin/helper", b"x", 0o4755),
        subject: "/usr/bin/helper",
        clean: |m| m.put_mode("usr/bin/helper", b"x", 0o755),
        unknown: |m| m.deep("srv"),
    },
    Row {
        check: "world-writable",
        fires: |m| m.mode("usr/bin/ls", 0o757),
        subject: "/usr/bin/ls",
        clean: |m| m.put_mode("tmp/anybody", b"x", 0o666),
        unknown: |m| m.blocked_by_file("tmp"),
    },
    Row {
        check: "world-writable",
        fires: |m| m.mode("tmp", 0o777),
        subject: "/tmp",
        clean: |m| m.mode("tmp", 0o700),
        unknown: |m| m.deep("usr/share"),
    },
    Row {
        check: "schedule-drift",
        fires: |m| m.put("etc/systemd/system/app.service.d/override.conf", "[Service]\nExecStartPre=/x\n"),
        subject: "/etc/systemd/system/app.service.d/override.conf",
        clean: |m| m.put("etc/cron.d/rotate.dpkg-old", "old\n"),
        unknown: |m| m.pipe("etc/cron.d/rotate"),
    },
    Row {
        check: "login-drift",
        fires: |m| m.put("etc/pam.d/common-auth", "auth sufficient pam_permit.so\n"),
        subject: "/etc/pam.d/common-auth pam_permit",
        clean: |m| m.put("etc/motd", "hello\n"),
        unknown: |m| m.pipe("etc/profile"),
    },
    Row {
        check: "core-pattern",
        fires: |m| m.put("proc/sys/kernel/core_pattern", "|/usr/local/bin/grab %p\n"),
        subject: "/usr/local/bin/grab",
        clean: |m| m.put("proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n"),
        unknown: |m| m.blocked("proc/sys/kernel/core_pattern"),
    },
    Row {
        check: "package-file",
        fires: |m| m.put_mode("usr/bin/ls", b"program ls, and more\n", 0o755),
        subject: "/usr/bin/ls",
        clean: |m| m.put_mode("usr/bin/app", b"of no package\n", 0o755),
        unknown: |m| m.blocked("var/lib/dpkg/status"),
    },
    Row {
        check: "apt-source",
        fires: |m| {
            m.put(
                "etc/apt/sources.list.d/x.sources",
                "Types: deb\nURIs: http://x.example.org\nSuites: ./\nTrusted: yes\n",
            );
        },
        subject: "/etc/apt/sources.list.d/x.sources http://x.example.org",
        clean: |m| {
            m.put("etc/apt/sources.list.d/x.sources.off", "deb [trusted=yes] http://x.example.org ./\n");
        },
        unknown: |m| m.add("etc/apt/sources.list", "debian\n"),
    },
    Row {
        check: "mandatory-access",
        fires: |m| m.put("sys/module/apparmor/parameters/enabled", "N\n"),
        subject: "kernel",
        clean: |m| {
            m.remove("sys/module/apparmor");
            m.put("sys/fs/selinux/enforce", "1");
        },
        unknown: |m| m.put("sys/module/apparmor/parameters/enabled", "perhaps\n"),
    },
    Row {
        check: "login-records",
        fires: |m| m.shorten("var/log/wtmp", 384),
        subject: "/var/log/wtmp",
        clean: |m| {
            std::fs::hard_link(m.path("var/log/wtmp"), m.path("var/log/wtmp.1")).unwrap();
            m.put("var/log/wtmp", "");
        },
        unknown: |m| m.blocked("var/log/wtmp"),
    },
    Row {
        check: "docker-socket",
        fires: |m| m.put("etc/group", "root:x:0:\ndocker:x:998:ops\n"),
        subject: "member ops",
        clean: |m| m.put("etc/group", "root:x:0:\n"),
        unknown: |m| m.add("etc/group", "nonsense\n"),
    },
    Row {
        check: "kernel-hardening",
        fires: |m| m.put("proc/sys/kernel/randomize_va_space", "0\n"),
        subject: "kernel.randomize_va_space",
        clean: |m| m.remove("proc/sys/fs/protected_symlinks"),
        unknown: |m| m.put("proc/sys/kernel/randomize_va_space", "much\n"),
    },
    Row {
        check: "mount-options",
        fires: |m| m.add("proc/mounts", "server:/x /srv/x nfs4 rw,nosuid 0 0\n"),
        subject: "/srv/x",
        clean: |m| m.add("proc/mounts", "/dev/vdb /home ext4 rw 0 0\n"),
        unknown: |m| m.add("proc/mounts", "nonsense\n"),
    },
    Row {
        check: "reboot-required",
        fires: |m| m.folder("usr/lib/modules/6.1.0-21-amd64", 0o755),
        subject: "kernel",
        clean: |m| m.folder("usr/lib/modules/6.1.0-9-amd64", 0o755),
        unknown: |m| m.looped("proc/sys/kernel/osrelease"),
    },
    Row {
        check: "reboot-required",
        fires: |m| m.put("run/reboot-required", "*** System restart required ***\n"),
        subject: "packages",
        clean: |m| m.folder("usr/lib/modules/6.9.0-1-cloud-amd64", 0o755),
        unknown: |m| m.folder("run/reboot-required", 0o755),
    },
    Row {
        check: "certificate-expiry",
        fires: |m| m.put("etc/nginx/tls.pem", SOON),
        subject: "/etc/nginx/tls.pem",
        clean: |m| {
            m.put("usr/share/ca-certificates/authority.crt", SOON);
            m.link("etc/ssl/certs/authority.pem", "/usr/share/ca-certificates/authority.crt");
        },
        unknown: |m| {
            m.put("etc/nginx/tls.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
        },
    },
    Row {
        check: "file-integrity",
        fires: |m| m.put_mode("usr/bin/app", b"program app, and more\n", 0o755),
        subject: "/usr/bin/app",
        clean: |m| m.put("usr/share/doc/readme", "changed, and not watched"),
        unknown: |m| m.deep("etc/app"),
    },
];

fn of<'s>(scan: &'s Scan, check: &str) -> Vec<&'s Finding> {
    scan.findings.iter().filter(|finding| finding.id.as_str() == check).collect()
}

fn reason<'s>(scan: &'s Scan, check: &str) -> Option<&'s str> {
    scan.unchecked
        .iter()
        .find(|unchecked| unchecked.id.as_str() == check)
        .map(|unchecked| unchecked.reason.as_str())
}

#[test]
fn a_healthy_machine_has_no_findings() {
    let scan = Machine::healthy().scan();
    assert_eq!(scan.findings, [], "{scan:#?}");
    assert_eq!(scan.unchecked, [], "{scan:#?}");
    assert!(scan.baseline.is_some() && scan.tree_root.is_some());
}

#[test]
fn every_check_finds_what_is_wrong() {
    for row in ROWS {
        let machine = Machine::healthy();
        (row.fires)(&machine);
        let scan = machine.scan();
        assert_valid(&scan);
        let found = of(&scan, row.check);
        let about = found
            .iter()
            .any(|finding| finding.subject.starts_with(row.subject) && finding.evidence.is_some());
        assert!(about, "{}: nothing about {}: {found:#?} {:?}", row.check, row.subject, scan.unchecked);
    }
}

#[test]
fn no_check_minds_what_is_right() {
    for row in ROWS {
        let machine = Machine::healthy();
        (row.clean)(&machine);
        let scan = machine.scan();
        assert_eq!((of(&scan, row.check), reason(&scan, row.check)), (vec![], None), "{}", row.check);
    }
}

#[test]
fn what_cannot_be_read_is_unknown() {
    for row in ROWS {
        let machine = Machine::healthy();
        (row.unknown)(&machine);
        let scan = machine.scan();
        assert_valid(&scan);
        assert!(reason(&scan, row.check).is_some(), "{}: {:?}", row.check, scan.unchecked);
    }
}

#[test]
fn every_check_has_a_row_and_a_line_in_the_specification() {
    let registered: BTreeSet<&str> = checks().map(|check| check.id).collect();
    assert_eq!(registered.len(), checks().count(), "an id is there twice");
    assert_eq!(registered, ROWS.iter().map(|row| row.check).collect());
    let table = include_str!("../../../../spec/scan.md");
    let documented: BTreeSet<(&str, &str)> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            Some((cells.next()?.trim().trim_end_matches('`'), cells.next()?.trim()))
        })
        .filter(|(_, severity)| ["low", "medium", "high", "critical"].contains(severity))
        .collect();
    let built: BTreeSet<(&str, &str)> = checks().map(|check| (check.id, check.severity.as_str())).collect();
    assert_eq!(documented, built);
}

#[test]
fn an_empty_root_is_unknown_and_not_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let options = vaultmesh_agent::scan::Options { root: dir.path().to_owned(), ..Default::default() };
    let scan = vaultmesh_agent::scan::run(&options, super::now(), None, None).unwrap().scan;
    assert_valid(&scan);
    assert_eq!(scan.findings, []);
    for check in
        ["uid-zero", "empty-password", "listener", "hidden-process", "core-pattern", "file-integrity"]
    {
        assert!(reason(&scan, check).is_some(), "{check}");
    }
}

#[test]
fn a_change_that_a_package_brought_is_explained_and_not_hidden() {
    let machine = Machine::healthy();
    // Listed by the package, and not there when the baseline was made.
    machine.put_mode("usr/bin/upgraded", b"program ls\n", 0o755);
    machine.put_mode("usr/bin/foreign", b"program ls\n", 0o755);
    machine.add("proc/modules", "nfs 1 0 - Live 0x0\n");
    let scan = machine.scan();
    let finding = |check: &str, subject: &str| {
        let found = of(&scan, check).into_iter().find(|finding| finding.subject == subject);
        found.map(|finding| (finding.severity.as_str(), finding.explained.as_deref())).unwrap()
    };
    assert_eq!(finding("file-integrity", "/usr/bin/upgraded"), ("low", Some("base 1.2-3")));
    assert_eq!(finding("file-integrity", "/usr/bin/foreign"), ("high", None));
    assert_eq!(finding("kernel-module", "nfs"), ("low", Some("base 1.2-3")));
}

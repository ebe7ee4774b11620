//! How grave a finding is in the case at hand, and the cases that the one row of each check leaves out.

use super::Machine;
use super::healthy::KEY;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

type Change = fn(&Machine);

/// A check, a change, and what is then found: about what, and how grave.
const ROWS: &[(&str, Change, &str, &str)] = &[
    (
        "apt-source",
        |m| m.add("etc/apt/sources.list", "deb [trusted=yes] http://x.example.org ./\n"),
        "/etc/apt/sources.list http://x.example.org",
        "high",
    ),
    (
        "apt-source",
        |m| m.add("etc/apt/sources.list", "deb https://new.example.org stable main\n"),
        "https://new.example.org",
        "medium",
    ),
    (
        "apt-source",
        |m| m.add("etc/apt/apt.conf.d/01recommends", "APT::Get::AllowUnauthenticated \"true\";\n"),
        "/etc/apt/apt.conf.d/01recommends apt::get::allowunauthenticated",
        "high",
    ),
    (
        "apt-source",
        |m| m.put("etc/pacman.conf", "[options]\nSigLevel = Never\n"),
        "/etc/pacman.conf options",
        "high",
    ),
    ("authorized-keys", |m| m.mode("root/.ssh", 0o777), concat!("/root", "/.ssh"), "high"),
    (
        "authorized-keys",
        |m| m.put("srv/ops/.ssh/authorized_keys", KEY),
        "/srv/ops/.ssh/authorized_keys SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "high",
    ),
    (
        "authorized-keys",
        |m| m.remove("root/.ssh/authorized_keys"),
        concat!("/root", "/.ssh/authorized_keys SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"),
        "low",
    ),
    (
        "certificate-expiry",
        |m| m.put("etc/nginx/tls.pem", include_str!("../../lynis/ended.pem")),
        "/etc/nginx/tls.pem",
        "high",
    ),
    ("credential-files", |m| m.mode("etc/passwd", 0o666), "/etc/passwd", "critical"),
    ("credential-files", |m| m.mode("etc/sudoers", 0o444), "/etc/sudoers", "high"),
    ("docker-socket", |m| m.socket("run/docker.sock", 0o666), "/run/docker.sock", "critical"),
    ("empty-password", |m| m.add("etc/passwd", "guest::1001:1001::/:/bin/sh\n"), "guest", "critical"),
    ("file-integrity", |m| m.add("etc/passwd", "new:x:1001:1001::/:/bin/sh\n"), "/etc/passwd", "high"),
    (
        "kernel-hardening",
        |m| m.put("proc/sys/fs/protected_symlinks", "0\n"),
        "fs.protected_symlinks",
        "medium",
    ),
    (
        "kernel-module",
        |m| m.put("proc/sys/kernel/tainted", "8192\n"),
        "taint: an unsigned module was loaded",
        "high",
    ),
    ("kernel-module", |m| m.put("sys/module/rootkit/initstate", "live\n"), "rootkit", "critical"),
    ("ld-so-preload", |m| m.put("etc/ld.so.preload", "/usr/bin/ls"), "/usr/bin/ls", "low"),
    (
        "listener",
        |m| m.add("proc/net/tcp", "   2: 0100007F:0016 00000000:0000 0A 0:0 0:0\n"),
        "tcp 127.0.0.1:22",
        "low",
    ),
    (
        "listener",
        |m| m.put("proc/net/tcp6", " sl\n 0: 00000000000000000000000000000000:0016 x:0 0A\n"),
        "tcp [::]:22",
        "medium",
    ),
    (
        "listener",
        |m| m.add("proc/net/udp", "   2: 00000000:0035 00000000:0000 07 0:0 0:0\n"),
        "udp 0.0.0.0:53",
        "medium",
    ),
    ("login-drift", |m| m.mode("etc/profile", 0o666), "/etc/profile mode", "high"),
    ("login-drift", |m| m.put("root/.bashrc", "curl x | sh\n"), concat!("/root", "/.bashrc"), "high"),
    ("login-records", |m| m.put_mode("var/log/btmp", &[0; 384], 0o660), "/var/log/btmp wiped", "high"),
    ("login-records", |m| m.add("var/log/wtmp", "x"), "/var/log/wtmp length", "medium"),
    ("login-records", |m| m.remove("var/log/wtmp"), "/var/log/wtmp", "high"),
    ("mandatory-access", |m| m.put("sys/fs/selinux/enforce", "0"), "SELinux", "medium"),
    ("mount-options", |m| m.put("proc/mounts", "tmpfs /tmp tmpfs rw,nodev 0 0\n"), "/tmp", "low"),
    ("privileged-file", |m| m.put_mode("usr/bin/bash", b"x", 0o4755), "/usr/bin/bash", "critical"),
    ("privileged-file", |m| m.put_mode("var/tmp/.x", b"x", 0o4755), "/var/tmp/.x", "critical"),
    ("privileged-file", |m| m.put_mode("usr/bin/app", b"x", 0o2755), "/usr/bin/app", "high"),
    ("root-process-binary", |m| m.link("proc/100/exe", "/memfd:x (deleted)"), "/memfd:x", "high"),
    (
        "root-process-binary",
        |m| m.link("proc/100/exe", "/memfd:runc_cloned:/proc/self/exe (deleted)"),
        "/memfd:runc_cloned:/proc/self/exe",
        "low",
    ),
    // Replaced by an upgrade, and not started again since.
    ("root-process-binary", |m| m.link("proc/100/exe", "/usr/sbin/sshd (deleted)"), "/usr/sbin/sshd", "low"),
    (
        "schedule-drift",
        |m| m.put_mode("etc/cron.d/rotate", b"0 3 * * * root /usr/bin/rotate\n", 0o666),
        "/etc/cron.d/rotate mode",
        "high",
    ),
    (
        "schedule-drift",
        |m| m.put_mode("var/spool/cron/crontabs/ops", b"* * * * * x\n", 0o600),
        "/var/spool/cron/crontabs/ops",
        "medium",
    ),
    ("schedule-drift", |m| m.remove("etc/crontab"), "/etc/crontab", "low"),
    (
        "ssh-host-keys",
        |m| m.put_mode("etc/ssh/ssh_host_dsa_key", b"x", 0o600),
        "/etc/ssh/ssh_host_dsa_key DSA",
        "medium",
    ),
    (
        "sshd-weak",
        |m| m.put("etc/ssh/sshd_config.d/keys.conf", "PasswordAuthentication no\nUsePAM yes\n"),
        "KbdInteractiveAuthentication",
        "medium",
    ),
    (
        "sudoers",
        |m| m.add("etc/sudoers", "Defaults:ops !authenticate\n"),
        "/etc/sudoers everybody (:ops)",
        "high",
    ),
    (
        "weak-password-hash",
        |m| m.add("etc/shadow", "old:$6$rounds=1000$salt$hash:19000:0:99999:7:::\n"),
        "old",
        "high",
    ),
];

#[test]
fn each_case_is_as_grave_as_it_is() {
    for (check, change, subject, expected) in ROWS {
        let machine = Machine::healthy();
        change(&machine);
        let findings = machine.scan().findings;
        let found =
            findings.iter().find(|finding| finding.id.as_str() == *check && finding.subject == *subject);
        let severity = found.map(|finding| finding.severity.as_str());
        assert_eq!(severity, Some(*expected), "{check} {subject}: {findings:#?}");
    }
}

#[test]
fn pacmans_lists_serve_as_well_as_dpkgs() {
    let machine = Machine::healthy();
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let list = format!(
        "#mtree\n/set type=file uid=0 gid=0 mode=644\n./usr/bin/empty time=1.0 sha256digest={digest}\n\
         ./usr/bin/ls time=1.0 size=3 sha256digest={digest}\n"
    );
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(list.as_bytes()).unwrap();
    machine.remove("var/lib/dpkg");
    machine.put("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
    machine.put_mode("var/lib/pacman/local/core-utils-9.4-3/mtree", &packed.finish().unwrap(), 0o644);
    machine.put_mode("usr/bin/empty", b"", 0o755);
    let scan = machine.scan();
    let found: Vec<(&str, &str, Option<&str>)> =
        scan.findings.iter().map(|f| (f.id.as_str(), f.subject.as_str(), f.explained.as_deref())).collect();
    let expected = [
        ("file-integrity", "/usr/bin/empty", Some("core-utils 9.4-3")),
        ("package-file", "/usr/bin/ls", None),
    ];
    assert_eq!(found, expected);
    machine.put_mode("var/lib/pacman/local/core-utils-9.4-3/mtree", b"not packed", 0o644);
    let scan = machine.scan();
    assert!(scan.unchecked.iter().any(|unchecked| unchecked.id.as_str() == "package-file"));
}

#[test]
fn without_a_package_database_programs_are_unknown() {
    let machine = Machine::healthy();
    machine.remove("var/lib/dpkg");
    let scan = machine.scan();
    let reason =
        scan.unchecked.iter().find(|unchecked| unchecked.id.as_str() == "package-file").map(|u| &u.reason);
    assert_eq!(reason.map(String::as_str), Some("the package database was not found"));
}

#[test]
fn a_diverted_file_is_held_against_the_right_package() {
    let machine = Machine::healthy();
    machine.put("var/lib/dpkg/diversions", "/usr/sbin/sshd\n/usr/sbin/sshd.distrib\nother\n");
    machine.put_mode("usr/sbin/sshd", b"another's\n", 0o755);
    machine.put_mode("usr/sbin/sshd.distrib", b"program sshd\n", 0o755);
    let scan = machine.scan();
    assert!(
        !scan.findings.iter().any(|finding| finding.id.as_str() == "package-file"),
        "{:#?}",
        scan.findings
    );
}

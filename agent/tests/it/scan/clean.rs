//! Machines with their usual servers as their packages set them up: nothing above low that a package explains.

use super::healthy::{KEY, LATE, Machine};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;

/// Programs and libraries of packages: package, path, mode.
const PROGRAMS: [(&str, &str, u32); 14] = [
    ("containerd-2.0.1-1", "usr/bin/containerd", 0o755),
    ("coreutils-9.5-2", "usr/bin/ls", 0o755),
    ("docker-1:27.4.1-1", "usr/bin/dockerd", 0o755),
    ("glibc-2.40-1", "usr/lib/libc.so.6", 0o755),
    ("kubelet-1.32.0-1", "usr/bin/kubelet", 0o755),
    ("linux-6.12.4.arch1-1", "usr/lib/modules/6.12.4-arch1-1/vmlinuz", 0o644),
    ("nginx-1.26.2-3", "usr/bin/nginx", 0o755),
    ("openssh-9.9p1-2", "usr/bin/sshd", 0o755),
    ("pambase-20230918-2", "etc/pam.d/other", 0o644),
    ("postgresql-16.3-4", "usr/bin/postgres", 0o755),
    ("shadow-4.16.0-1", "usr/bin/passwd", 0o4755),
    ("sudo-1.9.16.p2-2", "usr/bin/sudo", 0o4755),
    ("systemd-257.1-1", "usr/lib/systemd/systemd", 0o755),
    ("util-linux-2.40.2-1", "usr/bin/mount", 0o4755),
];

/// What lies below the folders of engines: whole systems, each with programs that give powers.
const SYSTEMS: [&str; 4] = [
    "var/lib/docker/overlay2/0123/diff",
    "var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs",
    "var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/data",
    "var/lib/machines/build",
];

/// What `pacstrap` and the packages leave, put in place of Debian's.
fn arch() -> Machine {
    let machine = Machine::healthy();
    for path in ["var/lib/dpkg", "etc/apt", "usr/bin", "usr/sbin", "usr/lib", "sbin", "root/.ssh"] {
        machine.remove(path);
    }
    machine.link("usr/sbin", "bin");
    machine.link("sbin", "usr/bin");
    machine.folder("var/lib/pacman", 0o755);
    for (package, path, mode) in PROGRAMS {
        let text = format!("program {path}\n");
        let text = if path == "etc/pam.d/other" { "auth required pam_deny.so\n".to_owned() } else { text };
        machine.put_mode(path, text.as_bytes(), mode);
        let mut digest = String::new();
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(digest, "{byte:02x}");
        }
        let list = format!(
            "#mtree\n/set type=file uid=0 gid=0 mode=644\n./.PKGINFO time=1.0 size=1 sha256digest={digest}\n\
             ./{path} time=1.0 mode={mode:o} size=1 sha256digest={digest}\n"
        );
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(list.as_bytes()).unwrap();
        let folder = format!("var/lib/pacman/local/{package}");
        machine.put_mode(&format!("{folder}/mtree"), &packed.finish().unwrap(), 0o644);
        machine.put(&format!("{folder}/desc"), "%NAME%\nx\n");
    }
    machine.put("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
    machine.put(
        "etc/pacman.conf",
        "[options]\nHoldPkg = pacman glibc\nArchitecture = auto\nCheckSpace\nSigLevel = Required DatabaseOptional\n\
         LocalFileSigLevel = Optional\n[core]\nInclude = /etc/pacman.d/mirrorlist\n[extra]\n\
         Include = /etc/pacman.d/mirrorlist\n",
    );
    machine.put("etc/pacman.d/mirrorlist", "Server = https://mirror.example.org/$repo/os/$arch\n");
    machine.put("usr/lib/modules/6.12.4-arch1-1/modules.dep", "");
    machine.put("proc/sys/kernel/osrelease", "6.12.4-arch1-1\n");
    machine.put("proc/modules", "");
    machine.remove("sys/module/ext4");
    machine.link("proc/100/exe", "/usr/bin/sshd");
    machine.put_mode("root/.ssh/authorized_keys", format!("{KEY} ops\n").as_bytes(), 0o600);
    machine.mode("root/.ssh", 0o700);
    machine
}

/// The servers' own files, and what engines of containers keep.
fn with_servers(machine: &Machine) {
    machine.put("etc/nginx/nginx.conf", "events {}\n");
    machine.put("etc/nginx/tls.pem", LATE);
    machine.put_mode("var/lib/postgres/data/server.crt", LATE.as_bytes(), 0o600);
    machine.mode("var/lib/postgres/data", 0o700);
    machine.put_mode("etc/kubernetes/admin.conf", b"apiVersion: v1\n", 0o600);
    machine.put("etc/kubernetes/pki/apiserver.crt", LATE);
    machine.put_mode("etc/docker/daemon.json", b"{}", 0o644);
    machine.folder("run/docker", 0o755);
    machine.socket("run/docker.sock", 0o660);
    for system in SYSTEMS {
        machine.put_mode(&format!("{system}/usr/bin/su"), b"su", 0o4755);
        machine.put_mode(&format!("{system}/usr/bin/bash"), b"bash", 0o755);
        machine.put_mode(&format!("{system}/etc/shared"), b"x", 0o666);
    }
    machine.mode("var/lib/docker", 0o710);
    machine.mode("var/lib/kubelet", 0o750);
}

fn above_low(machine: &Machine) -> Vec<String> {
    let findings = machine.scan().findings.into_iter();
    let grave = findings.filter(|finding| finding.severity.as_str() != "low");
    grave.map(|finding| format!("{} {}: {}", finding.id, finding.subject, finding.title)).collect()
}

#[test]
fn an_arch_shaped_root_with_its_servers_is_clean() {
    let machine = arch();
    with_servers(&machine);
    std::fs::remove_file(machine.baseline()).unwrap();
    assert_eq!(above_low(&machine), [] as [&str; 0]);
    // And it is looked at: what is wrong there is found.
    machine.mode("usr/bin/ls", 0o4755);
    machine.put("etc/pacman.d/mirrorlist", "SigLevel = Never\n");
    assert_eq!(above_low(&machine).len(), 3, "{:?}", above_low(&machine));
}

#[test]
fn a_debian_shaped_root_with_its_servers_is_clean() {
    let machine = Machine::healthy();
    with_servers(&machine);
    // Its one SUID program is the package's; without a baseline the packages decide.
    std::fs::remove_file(machine.baseline()).unwrap();
    assert_eq!(above_low(&machine), [] as [&str; 0]);
}

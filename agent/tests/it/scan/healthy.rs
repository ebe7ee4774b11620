//! A machine as files: healthy as it is made, and changed by whoever tests.

use rustix::fs::{CWD, Mode, mkfifoat};
use spec::Timestamp;
use spec::payload::Scan;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use vaultmesh_agent::scan::{self, Options, Outcome};

/// When every scan of these tests begins: 2026-11-23T00:00:00Z, eight days before `soon.pem` ends.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T00:00:00.000Z").unwrap()
}

/// A certificate with ten years before it, and one that ends on 2026-12-01.
pub(crate) const LATE: &str = include_str!("late.pem");
pub(crate) const SOON: &str = include_str!("soon.pem");

/// A key that lets somebody in.
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/// A record of a login: not all of it zeros.
const RECORD: [u8; 384] = [7; 384];

/// Files of the healthy machine: path, permissions, contents.
const FILES: &[(&str, u32, &str)] = &[
    ("boot/vmlinuz", 0o644, "kernel"),
    ("etc/apt/apt.conf.d/01recommends", 0o644, "APT::Install-Recommends \"false\";\n"),
    ("etc/apt/sources.list", 0o644, "deb [signed-by=/k.gpg] https://deb.example.org/debian stable main\n"),
    ("etc/cron.d/rotate", 0o644, "0 3 * * * root /usr/bin/rotate\n"),
    ("etc/crontab", 0o644, "17 * * * * root run-parts\n"),
    ("etc/group", 0o644, "root:x:0:\nshadow:x:42:\ndocker:x:998:\nops:x:1000:\n"),
    ("etc/gshadow", 0o640, "root:*::\n"),
    ("etc/nginx/tls.pem", 0o644, LATE),
    ("etc/nsswitch.conf", 0o644, "passwd: files\n"),
    (
        "etc/pam.d/common-auth",
        0o644,
        "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
    ),
    ("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000::/srv/ops:/bin/bash\n"),
    ("etc/profile", 0o644, "umask 022\n"),
    ("etc/shadow", 0o640, "root:!:19000:0:99999:7:::\nops:$y$j9T$salt$hash:19000:0:99999:7:::\n"),
    ("etc/ssh/ssh_host_ed25519_key", 0o600, "private"),
    ("etc/ssh/sshd_config", 0o644, "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n"),
    (
        "etc/ssh/sshd_config.d/keys.conf",
        0o644,
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nCiphers aes256-gcm@openssh.com\n",
    ),
    ("etc/sudoers", 0o440, "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"),
    ("etc/sudoers.d/ops", 0o440, "ops ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart nginx\n"),
    ("etc/systemd/system/app.service", 0o644, "[Service]\nExecStart=/usr/bin/app\n"),
    ("proc/1/environ", 0o400, "PATH=/bin\0"),
    ("proc/1/status", 0o444, "Name:\tsystemd\nTgid:\t1\nPPid:\t0\nUid:\t0\t0\t0\t0\nVmSize:\t  100 kB\n"),
    ("proc/2/status", 0o444, "Name:\tkthreadd\nTgid:\t2\nPPid:\t0\nUid:\t0\t0\t0\t0\n"),
    ("proc/100/environ", 0o400, "PATH=/bin\0"),
    ("proc/100/status", 0o444, "Name:\tsshd\nTgid:\t100\nPPid:\t1\nUid:\t0\t0\t0\t0\nVmSize:\t  100 kB\n"),
    ("proc/loadavg", 0o444, "0.00 0.00 0.00 1/3 100\n"),
    ("proc/modules", 0o444, "ext4 1 0 - Live 0x0\n"),
    ("proc/mounts", 0o444, "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,nosuid,nodev 0 0\n"),
    ("proc/net/packet", 0o444, "sk RefCnt Type Proto Iface R Rmem User Inode\n"),
    (
        "proc/net/tcp",
        0o444,
        "  sl local rem st\n   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0\n   1: 0100007F:1F90 0100007F:9999 01 0:0 0:0\n",
    ),
    ("proc/net/udp", 0o444, "  sl local rem st\n   0: 00000000:D431 00000000:0000 07 0:0 0:0\n"),
    ("proc/sys/fs/protected_symlinks", 0o644, "1\n"),
    ("proc/sys/kernel/core_pattern", 0o644, "core\n"),
    ("proc/sys/kernel/osrelease", 0o444, "6.1.0-18-amd64\n"),
    ("proc/sys/kernel/pid_max", 0o644, "32768\n"),
    ("proc/sys/kernel/randomize_va_space", 0o644, "2\n"),
    ("proc/sys/kernel/tainted", 0o644, "0\n"),
    ("proc/sys/net/ipv4/ip_local_port_range", 0o644, "32768\t60999\n"),
    ("root/.profile", 0o644, "mesg n\n"),
    ("sys/class/net/eth0/flags", 0o444, "0x1003\n"),
    ("sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", 0o644, "100\n0\n"),
    ("sys/kernel/security/lsm", 0o444, "lockdown,yama,apparmor"),
    ("sys/module/apparmor/parameters/enabled", 0o444, "Y\n"),
    ("sys/module/ext4/initstate", 0o444, "live\n"),
    ("sys/module/tcp_cubic/parameters/beta", 0o444, "717\n"),
    ("usr/bin/app", 0o755, "program app\n"),
    ("usr/bin/ls", 0o755, "program ls\n"),
    ("usr/bin/sudo", 0o4755, "program sudo\n"),
    (
        "usr/lib/modules/6.1.0-18-amd64/modules.dep",
        0o644,
        "kernel/fs/nfs/nfs.ko: kernel/net/sunrpc/sunrpc.ko\n",
    ),
    ("usr/lib/modules/6.1.0-18-amd64/kernel/fs/nfs/nfs.ko", 0o644, "program ls\n"),
    ("usr/lib/systemd/systemd", 0o755, "program systemd\n"),
    ("usr/sbin/sshd", 0o755, "program sshd\n"),
    ("usr/share/doc/readme", 0o644, "not watched"),
    ("var/lib/dpkg/diversions", 0o644, ""),
    (
        "var/lib/dpkg/info/base.md5sums",
        0o644,
        "ff9f849240df0a6343163f6b11726364  bin/ls\n27de8c82a00e817964efc1f6210225d8  usr/bin/sudo\n\
         5763eb477cb71284a2cfdccf71ae90a5  usr/sbin/sshd\n\
         ff9f849240df0a6343163f6b11726364  lib/modules/6.1.0-18-amd64/kernel/fs/nfs/nfs.ko\n\
         ff9f849240df0a6343163f6b11726364  usr/bin/upgraded\n",
    ),
    ("var/lib/dpkg/info/base.list", 0o644, "/bin/ls\n"),
    ("var/lib/dpkg/status", 0o644, "Package: base\nStatus: install ok installed\nVersion: 1.2-3\n\n"),
    ("var/log/btmp", 0o660, ""),
    ("var/log/journal/0123/system.journal", 0o640, "LPKSHHRH"),
    ("var/log/syslog", 0o640, "a line\n"),
    ("var/spool/cron/crontabs/root", 0o600, "0 4 * * * backup\n"),
    ("srv/ops/notes", 0o666, "others may write here, and it is nobody's business"),
    ("root/.ssh/known_hosts", 0o600, ""),
];

/// A root directory, and beside it what scans leave for each other.
pub(crate) struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// The healthy machine, after a first scan that was made its baseline.
    pub(crate) fn healthy() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.state()).unwrap();
        fs::create_dir(machine.root()).unwrap();
        for (path, mode, text) in FILES.iter().copied() {
            machine.put_mode(path, text.as_bytes(), mode);
        }
        machine.put_mode("root/.ssh/authorized_keys", format!("# mine\n{KEY} ops\n").as_bytes(), 0o600);
        machine.put_mode("var/log/wtmp", &[RECORD, RECORD].concat(), 0o664);
        for (path, target) in [
            ("bin", "usr/bin"),
            ("sbin", "usr/sbin"),
            ("lib", "usr/lib"),
            ("proc/1/exe", "/usr/lib/systemd/systemd"),
            ("proc/100/exe", "/usr/sbin/sshd"),
        ] {
            symlink(target, machine.path(path)).unwrap();
        }
        machine.folder("tmp", 0o1777);
        machine.folder("var/tmp", 0o1777);
        machine.folder("run", 0o755);
        machine.folder("proc/100/fd", 0o700);
        machine.rebase();
        machine
    }

    /// Scans, and makes what is there the baseline.
    pub(crate) fn rebase(&self) -> Outcome {
        let mut file = fs::File::create(self.baseline()).unwrap();
        let options = Options { baseline: None, ..self.options() };
        scan::run(&options, now(), None, Some(&mut |line| file.write_all(line))).unwrap()
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            root: self.root(),
            state_dir: Some(self.state()),
            baseline: Some(self.baseline()).filter(|file| file.exists()),
            bytes_per_sec: None,
            ..Options::default()
        }
    }

    /// Scans as it stands.
    pub(crate) fn scan(&self) -> Scan {
        scan::run(&self.options(), now(), None, None).unwrap().scan
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn baseline(&self) -> PathBuf {
        self.dir.path().join("baseline")
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// A file with these permissions, in place of what was there.
    pub(crate) fn put_mode(&self, path: &str, bytes: &[u8], mode: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        chmod(&path, mode);
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        self.put_mode(path, text.as_bytes(), 0o644);
    }

    /// Adds to a file, which keeps its permissions.
    pub(crate) fn add(&self, path: &str, text: &str) {
        let at = self.path(path);
        let mode = fs::metadata(&at).map_or(0o644, |meta| meta.permissions().mode() & 0o7777);
        if at.exists() {
            chmod(&at, 0o600);
        }
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&at)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        chmod(&at, mode);
    }

    pub(crate) fn mode(&self, path: &str, mode: u32) {
        chmod(&self.path(path), mode);
    }

    pub(crate) fn folder(&self, path: &str, mode: u32) {
        fs::create_dir_all(self.path(path)).unwrap();
        self.mode(path, mode);
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        let _ = fs::remove_file(self.path(path));
        symlink(target, self.path(path)).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// A directory where a file should be: what nobody, not even root, can read as one.
    pub(crate) fn blocked(&self, path: &str) {
        self.remove(path);
        self.folder(path, 0o755);
    }

    /// A file where a directory should be.
    pub(crate) fn blocked_by_file(&self, path: &str) {
        self.remove(path);
        self.put(path, "");
    }

    /// Cuts a file to a length, so that it stays the same file.
    pub(crate) fn shorten(&self, path: &str, len: u64) {
        fs::OpenOptions::new().write(true).open(self.path(path)).unwrap().set_len(len).unwrap();
    }

    /// A link to itself.
    pub(crate) fn looped(&self, path: &str) {
        self.remove(path);
        let name = self.path(path).file_name().unwrap().to_str().unwrap().to_owned();
        self.link(path, &name);
    }

    /// A pipe, which would block whoever opens it.
    pub(crate) fn pipe(&self, path: &str) {
        let _ = fs::remove_file(self.path(path));
        mkfifoat(CWD, self.path(path), Mode::from_bits_truncate(0o644)).unwrap();
    }

    /// A socket that nobody listens on.
    pub(crate) fn socket(&self, path: &str, mode: u32) {
        drop(std::os::unix::net::UnixListener::bind(self.path(path)).unwrap());
        self.mode(path, mode);
    }

    /// Directories nested deeper than a scan goes.
    pub(crate) fn deep(&self, path: &str) {
        self.folder(&format!("{path}{}", "/d".repeat(140)), 0o755);
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Panics unless a scan has the form of its event.
pub(crate) fn assert_valid(scan: &Scan) {
    let json = spec::canonical::to_vec(scan).unwrap();
    assert!(json.len() <= spec::limits::MAX_PAYLOAD_BYTES, "{}", json.len());
    spec::Kind::Scan.check_payload(1, std::str::from_utf8(&json).unwrap()).unwrap();
}

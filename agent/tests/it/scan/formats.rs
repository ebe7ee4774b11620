//! Formats as the parsers of the scan are fed with them: of each the files that an input is put into, and the checks
//! that read them.

use flate2::Compression;
use flate2::write::GzEncoder;
use spec::Timestamp;
use spec::payload::Scan;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use vaultmesh_agent::scan;

/// Stands between the parts of an input, one for each file.
const BETWEEN: u8 = 0x1c;

/// A format.
pub(crate) struct Format {
    /// As its corpus is called.
    pub(crate) name: &'static str,
    pub(crate) checks: &'static [&'static str],
    pub(crate) files: &'static [&'static str],
    /// Whether the last file is packed, so that an input need not be.
    packed: bool,
}

const fn format(
    name: &'static str,
    checks: &'static [&'static str],
    files: &'static [&'static str],
) -> Format {
    Format { name, checks, files, packed: false }
}

pub(crate) const FORMATS: [Format; 13] = [
    format(
        "accounts",
        &["uid-zero", "empty-password", "weak-password-hash", "docker-socket"],
        &[
            "etc/passwd",
            "etc/shadow",
            "etc/group",
            "etc/nsswitch.conf",
            "etc/userdb/eve.user",
            "etc/userdb/eve:docker.membership",
        ],
    ),
    format(
        "apt-conf",
        &["apt-source"],
        &["etc/apt/apt.conf", "etc/apt/apt.conf.d/10a", "etc/apt/sources.list"],
    ),
    format(
        "apt-sources",
        &["apt-source"],
        &["etc/apt/sources.list", "etc/apt/sources.list.d/a.sources", "etc/apt/sources.list.d/b.list"],
    ),
    format("authorized-keys", &["authorized-keys"], &["root/.ssh/authorized_keys"]),
    format("certificates", &["certificate-expiry"], &["etc/nginx/a.pem", "etc/nginx/b.der"]),
    format(
        "dpkg",
        &["package-file"],
        &[
            "var/lib/dpkg/status",
            "var/lib/dpkg/info/a.md5sums",
            "var/lib/dpkg/info/a.list",
            "var/lib/dpkg/diversions",
            "var/lib/dpkg/statoverride",
            "var/lib/dpkg/updates/0001",
            "var/lib/dpkg/info/b:amd64.md5sums",
        ],
    ),
    format(
        "kernel",
        &[
            "core-pattern",
            "hidden-process",
            "kernel-module",
            "listener",
            "mount-options",
            "packet-capture",
            "root-process-binary",
        ],
        &[
            "proc/mounts",
            "proc/1/status",
            "proc/1/environ",
            "proc/modules",
            "proc/net/tcp",
            "proc/net/udp6",
            "proc/net/packet",
            "proc/sys/kernel/core_pattern",
        ],
    ),
    format("logins", &["login-records"], &["var/log/wtmp", "var/log/wtmp.db"]),
    Format {
        name: "mtree",
        checks: &["package-file"],
        files: &["var/lib/pacman/local/a-1-1/mtree"],
        packed: true,
    },
    format("pacman-conf", &["apt-source"], &["etc/pacman.conf", "etc/pacman.d/a.inc"]),
    format(
        "pam",
        &["login-drift"],
        &["etc/pam.d/door", "etc/pam.d/a", "usr/lib/pam.d/b", "etc/security/access.conf", "etc/listed"],
    ),
    format("sshd", &["sshd-login"], &["etc/ssh/sshd_config", "etc/ssh/sshd_config.d/a.conf"]),
    format(
        "sudoers",
        &["sudoers"],
        &["etc/sudoers", "etc/sudoers.d/a", "etc/sudo.conf", "etc/hosts", "etc/hostname"],
    ),
];

/// What is there before an input.
const BASE: [(&str, &str); 8] = [
    ("etc/group", "root:x:0:\nwheel:x:10:dev\ndocker:x:990:\n"),
    ("etc/hostname", "vm\n"),
    ("etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n"),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000::/srv/ops:/bin/bash\n"),
    ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
    ("usr/bin/tool", "a"),
    ("usr/bin/other", "b"),
    ("var/log/lastlog", ""),
];

/// The root that a format's inputs are put into.
pub(crate) struct Place<'a> {
    root: PathBuf,
    format: &'a Format,
}

impl<'a> Place<'a> {
    /// At an empty folder.
    pub(crate) fn new(root: &Path, format: &'a Format) -> Self {
        let place = Self { root: root.to_owned(), format };
        for (path, text) in BASE {
            place.put(path, text.as_bytes());
        }
        place
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(bytes).unwrap();
    }

    /// Scans with an input in place; what comes of it is an event, whatever the input is.
    pub(crate) fn scan(&self, input: &[u8]) -> Scan {
        let mut parts = input.split(|byte| *byte == BETWEEN);
        for (number, path) in self.format.files.iter().enumerate() {
            let part = parts.next().unwrap_or_default();
            if self.format.packed && number + 1 == self.format.files.len() {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(part).unwrap();
                self.put(path, &packed.finish().unwrap());
            } else {
                self.put(path, part);
            }
        }
        self.look()
    }

    /// Scans as it stands.
    pub(crate) fn look(&self) -> Scan {
        let now = Timestamp::parse("2026-11-23T00:00:00.000Z").unwrap();
        let scan = scan::only(&self.root, now, self.format.checks).unwrap();
        let json = spec::canonical::to_vec(&scan).unwrap();
        assert!(json.len() <= spec::limits::MAX_PAYLOAD_BYTES, "{}", json.len());
        spec::Kind::Scan.check_payload(1, std::str::from_utf8(&json).unwrap()).unwrap();
        scan
    }
}

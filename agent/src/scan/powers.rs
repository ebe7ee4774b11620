//! What powers a program gives to whoever starts it: by its mode, or by file capabilities (capabilities(7), "File
//! capabilities"), and whether it is one with which anything can be done.

/// Programs with which whoever has their powers has all: they start others, or read and write any file.
const ALL: [&str; 189] = [
    "ab",
    "agetty",
    "apt",
    "apt-get",
    "aptitude",
    "ar",
    "aria2c",
    "as",
    "ash",
    "awk",
    "base32",
    "base64",
    "basenc",
    "bash",
    "bc",
    "bpftrace",
    "busctl",
    "busybox",
    "byebug",
    "bzip2",
    "capsh",
    "cat",
    "cc",
    "chmod",
    "chown",
    "chroot",
    "cmp",
    "comm",
    "cp",
    "cpio",
    "cpulimit",
    "csh",
    "csplit",
    "curl",
    "cut",
    "dash",
    "date",
    "dc",
    "dd",
    "debugfs",
    "dialog",
    "diff",
    "dig",
    "dmsetup",
    "docker",
    "dpkg",
    "ed",
    "elvish",
    "emacs",
    "env",
    "expand",
    "expect",
    "file",
    "find",
    "fish",
    "flock",
    "fmt",
    "fold",
    "gawk",
    "gcc",
    "gcore",
    "gdb",
    "gimp",
    "git",
    "grep",
    "gzip",
    "hd",
    "head",
    "hexdump",
    "iconv",
    "install",
    "ionice",
    "ip",
    "jjs",
    "joe",
    "join",
    "jq",
    "jrunscript",
    "julia",
    "ksh",
    "kubectl",
    "ld.so",
    "ldconfig",
    "less",
    "lftp",
    "links",
    "ln",
    "look",
    "lua",
    "luajit",
    "make",
    "man",
    "mawk",
    "mcedit",
    "mksh",
    "more",
    "mv",
    "mysql",
    "nano",
    "nasm",
    "nawk",
    "nc",
    "ncat",
    "nft",
    "nice",
    "nl",
    "nm",
    "nmap",
    "node",
    "nodejs",
    "nohup",
    "nsenter",
    "nvim",
    "od",
    "openssl",
    "openvpn",
    "original-awk",
    "oksh",
    "paste",
    "perf",
    "perl",
    "pg",
    "php",
    "pico",
    "podman",
    "posh",
    "pr",
    "psql",
    "ptx",
    "pwsh",
    "pypy",
    "python",
    "rbash",
    "rc",
    "readelf",
    "rev",
    "rlwrap",
    "rpm",
    "rsync",
    "ruby",
    "run-parts",
    "rview",
    "rvim",
    "sash",
    "scp",
    "script",
    "sed",
    "setarch",
    "setfacl",
    "setpriv",
    "sh",
    "shuf",
    "sort",
    "sqlite",
    "ss",
    "ssh-keygen",
    "sshpass",
    "start-stop-daemon",
    "stdbuf",
    "strace",
    "strings",
    "sysctl",
    "systemctl",
    "systemd-run",
    "tac",
    "tail",
    "tar",
    "taskset",
    "tclsh",
    "tcsh",
    "tee",
    "time",
    "timeout",
    "tmux",
    "unshare",
    "unzip",
    "vi",
    "view",
    "vim",
    "vimdiff",
    "visudo",
    "wc",
    "wget",
    "xargs",
    "xxd",
    "xz",
    "yash",
    "zip",
    "zsh",
];

/// Endings of a name that say which build of a program it is, beside its version.
const BUILDS: [&str; 10] =
    [".athena", ".basic", ".gtk", ".gtk3", ".motif", ".nox", ".tiny", ".traditional", "-nox", "-static"];

/// Whether whoever has the powers of a program of this name has all: `vim.tiny` is `vim`, `python3.11` is `python`.
pub(super) fn gives_all(name: &str) -> bool {
    let name = BUILDS.iter().find_map(|build| name.strip_suffix(build)).unwrap_or(name);
    let version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || ".-".contains(c));
    ALL.iter().any(|program| name.strip_prefix(program).is_some_and(version)) || name.starts_with("ld-linux")
}

/// Capabilities with which a program can become root, by their numbers: of files (`CAP_CHOWN`, `CAP_DAC_OVERRIDE`,
/// `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`), of users (`CAP_SETGID`, `CAP_SETUID`), of the kernel (`CAP_SYS_MODULE`,
/// `CAP_SYS_RAWIO`), of processes and mounts (`CAP_SYS_PTRACE`, `CAP_SYS_ADMIN`), of capabilities (`CAP_SETPCAP`,
/// `CAP_SETFCAP`), of programs in the kernel (`CAP_BPF`).
const OF_ROOT: [u32; 13] = [0, 1, 2, 3, 6, 7, 8, 16, 17, 19, 21, 31, 39];

/// What the attribute `security.capability` gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    permitted: u64,
    /// In a form that is not known: then it may be anything.
    odd: bool,
}

impl Capabilities {
    /// The attribute in revision 1, 2 or 3 (`struct vfs_ns_cap_data`). One that belongs to another user namespace
    /// gives nothing here.
    pub(super) fn parse(value: &[u8]) -> Self {
        let word = |at: usize| value.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let permitted = |high: Option<u32>| {
            u64::from(word(4).unwrap_or_default()) | u64::from(high.unwrap_or_default()) << 32
        };
        match (word(0).map(|magic| magic >> 24), value.len()) {
            (Some(1), 12) => Self { permitted: permitted(None), odd: false },
            (Some(2), 20) => Self { permitted: permitted(word(12)), odd: false },
            (Some(3), 24) if word(20) == Some(0) => Self { permitted: permitted(word(12)), odd: false },
            (Some(3), 24) => Self::default(),
            _ => Self { permitted: 0, odd: true },
        }
    }

    /// Whether they give anything at all.
    pub(super) fn any(self) -> bool {
        self.permitted != 0 || self.odd
    }

    /// Whether they are enough to become root.
    pub(super) fn of_root(self) -> bool {
        self.odd || OF_ROOT.iter().any(|number| self.permitted >> number & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in
            ["bash", "vim.tiny", "vim.basic", "python3.11", "perl5.36", "mawk", "dd", "sed", "busybox-static"]
        {
            assert!(gives_all(name), "{name}");
        }
        for name in
            ["su", "sudo", "mount", "ssh-keysign", "passwd", "dbus-daemon-launch-helper", "bashful", ""]
        {
            assert!(!gives_all(name), "{name}");
        }
    }

    #[test]
    fn capabilities() {
        let of = |words: &[u32]| {
            Capabilities::parse(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
        };
        // cap_net_raw=ep, cap_setuid=ep, and the same for a user namespace.
        assert!(
            of(&[0x0200_0001, 1 << 13, 0, 0, 0]).any() && !of(&[0x0200_0001, 1 << 13, 0, 0, 0]).of_root()
        );
        assert!(of(&[0x0200_0001, 1 << 7, 0, 0, 0]).of_root());
        assert!(!of(&[0x0300_0001, 1 << 7, 0, 0, 0, 1000]).any());
        assert!(of(&[0x0300_0001, 1 << 7, 0, 0, 0, 0]).of_root());
        assert!(of(&[7]).of_root());
    }
}

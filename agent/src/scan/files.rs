//! One walk over all files: which give their powers to whoever starts them, and which everybody can change.
//!
//! What containers bring (`/var/lib/docker` and the like), pseudo file systems and those that come over a
//! network are left out; so is what the kernel does not let have such powers (`nosuid`).

use super::check::Check;
use super::cx::{Change, Cx};
use super::mounts::{self, Mount};
use super::source::{Folder, Meta, Type};
use super::text;
use super::unread::Unread;
use super::watch::below;
use rustix::io::Errno;
use spec::Severity;

/// A program that runs with powers its caller lacks.
pub(super) static PRIVILEGED: Check = Check {
    id: "privileged-file",
    severity: Severity::High,
    title: "A program gives whoever starts it the powers of another",
    remediation: "If nobody needs it so, take the powers away (chmod u-s,g-s FILE; setcap -r FILE) or remove it. If it is \
                  meant to be so, make a new baseline.",
};

/// A file of the system that everybody can change.
pub(super) static WRITABLE: Check = Check {
    id: "world-writable",
    severity: Severity::High,
    title: "Everybody can change a file of the system",
    remediation: "Take the right away (chmod o-w); a folder that everybody needs to write to has mode 1777.",
};

/// Folders that everybody writes to, so that the sticky bit must keep each other's files apart.
const SHARED: [&str; 3] = ["/dev/shm", "/tmp", "/var/tmp"];

/// Not walked: no files on a disk, or others' systems.
const LEFT_OUT: [&str; 12] = [
    "/dev",
    "/mnt",
    "/media",
    "/proc",
    "/run",
    "/snap",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/lxc",
    "/var/lib/machines",
];

/// Where files are the system's.
const SYSTEM: [&str; 12] = [
    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/root", "/sbin", "/usr", "/var",
];

/// Programs with which whoever has their powers has all.
const SHELLS: [&str; 24] = [
    "ash", "awk", "bash", "busybox", "cp", "dash", "env", "find", "gdb", "ksh", "less", "lua", "mawk",
    "more", "nano", "nmap", "perl", "php", "python", "ruby", "sh", "tar", "vim", "zsh",
];

/// Kinds of mounts that are not walked beside those over a network.
const PSEUDO: [&str; 6] = ["autofs", "cgroup", "cgroup2", "fuse", "overlay", "proc"];

const MAX_DEPTH: usize = 128;

/// Most files that are looked at.
const MAX_FILES: u64 = 10_000_000;

struct Walk<'c, 'a> {
    cx: &'c mut Cx<'a>,
    mounts: Vec<Mount>,
    files: u64,
    denied: u64,
}

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    shared(cx);
    let top = cx.source.dir("/")?;
    let device = top.meta().map_err(|e| Unread::of("/", e))?.dev;
    // Of a root that is no running system there are no mounts to know.
    let mounts = cx.source.text("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(mounts::parse).collect();
    let mut walk = Walk { cx, mounts, files: 0, denied: 0 };
    walk.folder(&top, "", device, 0);
    let (files, denied) = (walk.files, walk.denied);
    for check in [&PRIVILEGED, &WRITABLE] {
        if denied > 0 {
            cx.unknown(check, format!("{denied} files or folders could not be read"));
        }
        if files >= MAX_FILES {
            cx.unknown(check, format!("there are more than {MAX_FILES} files"));
        }
    }
    drift(cx);
    Ok(())
}

fn shared(cx: &mut Cx<'_>) {
    for path in SHARED {
        let meta = cx.source.stat(path);
        match meta {
            Err(unread) if unread.is_missing() => {}
            meta => {
                let Some(meta) = cx.known(&WRITABLE, meta) else { continue };
                if meta.kind != Type::Directory {
                    cx.unknown(&WRITABLE, format!("{path} is not a directory"));
                } else if meta.world_writable() && meta.mode & 0o1000 == 0 {
                    cx.find(&WRITABLE, path, format!("{path} {:o}", meta.mode))
                        .title("Everybody can remove everybody's files: the folder is not sticky");
                }
            }
        }
    }
}

impl Walk<'_, '_> {
    fn folder(&mut self, folder: &Folder, path: &str, device: u64, depth: usize) {
        let Ok(names) = folder.names() else {
            self.denied += 1;
            return;
        };
        for name in names {
            self.files += 1;
            if self.files >= MAX_FILES {
                return;
            }
            let member = format!("{path}/{}", text::of_bytes(name.to_bytes()));
            match folder.stat(&name) {
                // Gone since it was listed.
                Err(Errno::NOENT) => {}
                Err(_) => self.denied += 1,
                Ok(meta) => {
                    self.file(folder, &name, &member, &meta);
                    if meta.kind == Type::Directory && !self.is_left_out(&member, meta.dev != device) {
                        self.descend(folder, &name, &member, meta.dev, depth);
                    }
                }
            }
        }
    }

    fn descend(&mut self, folder: &Folder, name: &std::ffi::CStr, path: &str, device: u64, depth: usize) {
        if depth == 2 {
            self.cx.source.at(path);
        }
        match folder.dir(name) {
            _ if depth >= MAX_DEPTH => self.denied += 1,
            Ok(inner) => self.folder(&inner, path, device, depth + 1),
            Err(Errno::NOENT) => {}
            Err(_) => self.denied += 1,
        }
    }

    fn is_left_out(&self, path: &str, crossed: bool) -> bool {
        if LEFT_OUT.contains(&path) {
            return true;
        }
        let mount = self.mounts.iter().rfind(|mount| mount.at == path);
        crossed
            && mount.is_some_and(|mount| {
                let kind = mount.kind.as_str();
                kind.starts_with("fuse") || PSEUDO.contains(&kind) || mounts::NETWORK.contains(&kind)
            })
    }

    fn file(&mut self, folder: &Folder, name: &std::ffi::CStr, path: &str, meta: &Meta) {
        let open = meta.world_writable() && matches!(meta.kind, Type::File | Type::Directory);
        let sticky = meta.kind == Type::Directory && meta.mode & 0o1000 != 0;
        let system = SYSTEM.iter().any(|top| below(path, top)) && !SHARED.iter().any(|top| below(path, top));
        if open && !sticky && system {
            let what = if meta.kind == Type::Directory { "folder" } else { "file" };
            let title = format!("Everybody can change a {what} of the system");
            self.cx.find(&WRITABLE, path, format!("{path} {:o} {}", meta.mode, meta.uid)).title(title);
        }
        if meta.kind != Type::File || meta.mode & 0o111 == 0 {
            return;
        }
        let capable = match folder.has_capabilities(name) {
            Ok(capable) => capable,
            Err(Errno::NOENT) => false,
            Err(_) => {
                self.denied += 1;
                false
            }
        };
        let group = meta.mode & 0o2010 == 0o2010;
        if meta.mode & 0o4000 != 0 || group || capable {
            self.privileged(path, meta, capable);
        }
    }

    fn privileged(&mut self, path: &str, meta: &Meta, capable: bool) {
        let seen = format!("{path} {:o} {} {} {capable}", meta.mode, meta.uid, meta.gid);
        self.cx.observe(&PRIVILEGED, path, &seen);
        let name = path.rsplit('/').next().unwrap_or_default();
        let shell = SHELLS.iter().any(|shell| {
            let rest = name.strip_prefix(shell);
            rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || ".-".contains(c)))
        });
        let title = if shell && meta.mode & 0o4000 != 0 {
            "A program with which anything can be done gives its owner's powers away"
        } else if meta.mode & 0o002 != 0 || meta.mode & 0o020 != 0 && meta.gid != 0 {
            "A program that gives powers away can be changed by others"
        } else if SHARED.iter().any(|top| below(path, top)) {
            "A program that gives powers away lies where everybody can put one"
        } else {
            return;
        };
        self.cx.find(&PRIVILEGED, path, seen).title(title).severity(Severity::Critical);
    }
}

/// What is new since the baseline; without one, what no package brought.
fn drift(cx: &mut Cx<'_>) {
    for (path, change, digest) in cx.drift(&PRIVILEGED) {
        if change != Change::Gone {
            let owner = super::integrity::explain(cx, &path);
            let title = format!("A program that gives powers away is {} since the baseline", change.word());
            add(cx, path, digest.0, title, owner);
        }
    }
    if cx.baseline.is_some() {
        return;
    }
    if let Some(trouble) = cx.packages.trouble.clone() {
        cx.unknown(&PRIVILEGED, trouble);
        return;
    }
    let paths: Vec<(String, spec::Hash)> = cx
        .seen
        .get(PRIVILEGED.id)
        .into_iter()
        .flatten()
        .map(|(path, digest)| (path.clone(), *digest))
        .collect();
    for (path, digest) in paths {
        if cx.packages.owner(&path).is_none() {
            add(cx, path, digest.0, "A program that no package brought gives powers away".to_owned(), None);
        }
    }
}

/// Unless something worse is known of the same file.
fn add(cx: &mut Cx<'_>, path: String, seen: [u8; 32], title: String, owner: Option<String>) {
    if !cx.found.iter().any(|found| found.check.id == PRIVILEGED.id && found.subject == path) {
        cx.find(&PRIVILEGED, path, seen).title(title).explained(owner);
    }
}

//! One walk over all files: which give their powers to whoever starts them, and which everybody can change.
//!
//! What counts is who can reach and use a file: one below a folder that others cannot enter gives nothing away, and the
//! kernel gives no powers on a mount with `nosuid`. Systems within the system are spoken of once for each
//! ([`super::storage`]). Mounts that are not looked into, though there may be something, are named as unknown.

use super::access::Closed;
use super::check::Check;
use super::cx::{Change, Cx};
use super::mounts::{self, Mount};
use super::powers::{Capabilities, gives_all};
use super::source::{Folder, Meta, Type};
use super::storage;
use super::text;
use super::unread::Unread;
use super::watch::below;
use rustix::io::Errno;
use spec::Severity;
use std::collections::BTreeMap;
use std::ffi::CStr;

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
const LEFT_OUT: [&str; 8] = [
    "/proc",
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

/// Kinds of mounts that hold no files.
const PSEUDO: [&str; 19] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

const MAX_DEPTH: usize = 128;

/// Most files that are looked at.
const MAX_FILES: u64 = 10_000_000;

/// Most files of one kind that are kept until the end of the walk.
const MAX_CANDIDATES: usize = 20_000;

/// A program that gives powers.
struct Privileged {
    path: String,
    meta: Meta,
    capabilities: Capabilities,
}

struct Walk<'c, 'a> {
    cx: &'c mut Cx<'a>,
    mounts: BTreeMap<String, Mount>,
    files: u64,
    path: String,
    /// Folders above that not everybody may enter.
    closed: Vec<Closed>,
    privileged: Vec<Privileged>,
    writable: Vec<(String, Meta)>,
}

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    shared(cx);
    let top = cx.source.dir("/")?;
    // Of a root that is no running system there are no mounts to know.
    let mounts = mounts::showing(&cx.source.text("/proc/mounts").unwrap_or_default());
    let mounts: BTreeMap<String, Mount> = mounts.into_iter().map(|mount| (mount.at.clone(), mount)).collect();
    let nosuid = mounts.get("/").is_some_and(Mount::is_nosuid);
    let (closed, privileged, writable) = (Vec::new(), Vec::new(), Vec::new());
    let mut walk = Walk { cx, mounts, files: 0, path: String::new(), closed, privileged, writable };
    walk.folder(&top, nosuid, 0);
    let Walk { cx, files, privileged, writable, .. } = walk;
    if files >= MAX_FILES || privileged.len() >= MAX_CANDIDATES || writable.len() >= MAX_CANDIDATES {
        for check in [&PRIVILEGED, &WRITABLE] {
            cx.unknown(
                check,
                format!("there are more than {MAX_FILES} files, or {MAX_CANDIDATES} of one kind"),
            );
        }
    }
    open(cx, writable);
    powers(cx, privileged);
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
    /// Looks at the members of an open folder, whose path is `self.path`, in whichever order they come.
    fn folder(&mut self, folder: &Folder, nosuid: bool, depth: usize) {
        let outcome = folder.each(|name, kind| {
            self.files += 1;
            if self.files >= MAX_FILES {
                return;
            }
            match kind {
                // They give no powers, and their modes do not count.
                Some(Type::Link | Type::Special) => {}
                Some(Type::Directory) => self.descend(folder, name, nosuid, depth),
                Some(Type::File) | None => match folder.stat(name) {
                    // Gone since it was listed.
                    Err(Errno::NOENT) => {}
                    Err(error) => self.unread(Some(name), error),
                    Ok(meta) if meta.kind == Type::Directory => self.descend(folder, name, nosuid, depth),
                    Ok(meta) => self.file(folder, name, &meta, nosuid),
                },
            }
        });
        if let Err(error) = outcome {
            self.unread(None, error);
        }
    }

    fn descend(&mut self, folder: &Folder, name: &CStr, nosuid: bool, depth: usize) {
        let length = self.path.len();
        self.enter(name);
        match folder.dir(name) {
            Ok(inner) => match inner.meta() {
                Ok(meta) => self.inside(folder, name, &inner, &meta, nosuid, depth),
                Err(error) => self.unread(None, error),
            },
            // Gone since it was listed.
            Err(Errno::NOENT) => {}
            Err(error) => {
                if let Ok(meta) = folder.stat(name) {
                    self.writable(&meta);
                }
                self.unread(None, error);
            }
        }
        self.path.truncate(length);
    }

    /// Goes on below a folder whose path is `self.path`.
    fn inside(
        &mut self,
        folder: &Folder,
        name: &CStr,
        inner: &Folder,
        meta: &Meta,
        nosuid: bool,
        depth: usize,
    ) {
        self.writable(meta);
        let nosuid = match self.mounts.get(&self.path) {
            None => Some(nosuid),
            Some(mount) => self.mount(&mount.clone()),
        };
        let Some(nosuid) = nosuid.filter(|_| !LEFT_OUT.contains(&self.path.as_str())) else { return };
        let closed = Self::closes(folder, name, meta);
        // Where only root gets in, nothing below gives anything to anybody.
        if closed.is_some_and(|closed| closed.keeps_out_all_but(0)) {
            return;
        }
        if depth == 2 {
            self.cx.source.at(&self.path);
        }
        if depth >= MAX_DEPTH {
            return self.unknown(&Unread::odd(&self.path, "is nested too deep"));
        }
        self.closed.extend(closed);
        self.folder(inner, nosuid, depth + 1);
        if closed.is_some() {
            self.closed.pop();
        }
    }

    /// Notes a file or folder of the system, whose path is `self.path`, if everybody can reach and change it.
    fn writable(&mut self, meta: &Meta) {
        let sticky = meta.kind == Type::Directory && meta.mode & 0o1000 != 0;
        let open = meta.world_writable() && !sticky && self.closed.is_empty();
        if open && is_system(&self.path) && self.writable.len() < MAX_CANDIDATES {
            self.writable.push((self.path.clone(), *meta));
        }
    }

    /// Whether the kernel gives no powers on a mount; `None` if it is not looked into.
    fn mount(&mut self, mount: &Mount) -> Option<bool> {
        let kind = mount.kind.as_str();
        let nosuid = mount.is_nosuid();
        if PSEUDO.contains(&kind) {
            return None;
        }
        let system = is_system(&mount.at);
        if nosuid && !system {
            // Nothing there gives powers, and what everybody can change is not the system's. That may not hold
            // for what is mounted below.
            let front = format!("{}/", mount.at);
            let inner = self.mounts.range(front.clone()..).take_while(|(at, _)| at.starts_with(&front));
            let inner: Vec<Mount> = inner.map(|(_, mount)| mount.clone()).collect();
            for inner in inner.iter().filter(|inner| {
                !inner.is_nosuid() && !PSEUDO.contains(&inner.kind.as_str()) && !inner.is_of_container()
            }) {
                self.left_out(inner, true, false);
            }
            return None;
        }
        if kind.starts_with("fuse") || mounts::NETWORK.contains(&kind) {
            self.left_out(mount, !nosuid, system);
            return None;
        }
        Some(nosuid)
    }

    fn left_out(&mut self, mount: &Mount, powers: bool, system: bool) {
        let unread = Unread::odd(&mount.at, &format!("is a mount of {} that is not looked into", mount.kind));
        if powers {
            self.cx.unknown(&PRIVILEGED, &unread);
        }
        if system {
            self.cx.unknown(&WRITABLE, &unread);
        }
    }

    /// A folder that not everybody may enter.
    fn closes(folder: &Folder, name: &CStr, meta: &Meta) -> Option<Closed> {
        if meta.mode & 0o001 != 0 {
            return None;
        }
        let group = meta.mode & 0o010 != 0;
        // Where there is an access list, the rights of the group are the most that anybody in it has.
        let named = group && folder.named_rights(name).unwrap_or_default() & 0o1 != 0;
        Some(Closed { uid: meta.uid, gid: group.then_some(meta.gid), named })
    }

    fn file(&mut self, folder: &Folder, name: &CStr, meta: &Meta, nosuid: bool) {
        if meta.kind != Type::File {
            return;
        }
        if meta.world_writable() {
            let length = self.path.len();
            self.enter(name);
            self.writable(meta);
            self.path.truncate(length);
        }
        if meta.mode & 0o111 == 0 || nosuid {
            return;
        }
        let capabilities = match folder.capabilities(name) {
            Ok(value) => value.map(|value| Capabilities::parse(&value)).unwrap_or_default(),
            Err(Errno::NOENT) => return,
            Err(error) => {
                self.unread(Some(name), error);
                Capabilities::default()
            }
        };
        let mode = meta.mode & 0o4000 != 0 || meta.mode & 0o2010 == 0o2010;
        if (mode || capabilities.any())
            && self.is_used(folder, name, meta)
            && self.privileged.len() < MAX_CANDIDATES
        {
            let path = self.member(name);
            self.privileged.push(Privileged { path, meta: *meta, capabilities });
        }
    }

    /// Whether somebody can start it who does not have its powers anyway.
    fn is_used(&self, folder: &Folder, name: &CStr, meta: &Meta) -> bool {
        let starts = meta.mode & 0o001 != 0
            || meta.mode & 0o010 != 0
                && (meta.gid != 0 || folder.named_rights(name).unwrap_or_default() & 0o1 != 0)
            || meta.mode & 0o100 != 0 && meta.uid != 0;
        starts && !self.closed.iter().any(|closed| closed.keeps_out_all_but(meta.uid))
    }

    fn member(&self, name: &CStr) -> String {
        format!("{}/{}", self.path, text::of_bytes(name.to_bytes()))
    }

    fn enter(&mut self, name: &CStr) {
        self.path.push('/');
        self.path.push_str(&text::of_bytes(name.to_bytes()));
    }

    fn unread(&mut self, name: Option<&CStr>, error: Errno) {
        let path = name.map_or_else(|| self.path.clone(), |name| self.member(name));
        self.unknown(&Unread::of(&path, error));
    }

    fn unknown(&mut self, unread: &Unread) {
        for check in [&PRIVILEGED, &WRITABLE] {
            self.cx.unknown(check, unread);
        }
    }
}

fn is_system(path: &str) -> bool {
    SYSTEM.iter().any(|top| below(path, top)) && !SHARED.iter().any(|top| below(path, top))
}

/// Reports what everybody can change; what a system within the system has, once for the tree.
fn open(cx: &mut Cx<'_>, writable: Vec<(String, Meta)>) {
    let mut trees: BTreeMap<storage::Tree, u64> = BTreeMap::new();
    for (path, meta) in writable {
        if let Some(tree) = storage::tree(cx.source, &path) {
            *trees.entry(tree).or_default() += 1;
            continue;
        }
        let what = if meta.kind == Type::Directory { "folder" } else { "file" };
        let seen = format!("{path} {:o} {}", meta.mode, meta.uid);
        cx.find(&WRITABLE, path, seen).title(format!("Everybody can change a {what} of the system"));
    }
    for (tree, count) in trees {
        let title = format!("Everybody can change {count} files of {}", words(&tree));
        cx.find(&WRITABLE, tree.top, count.to_string()).title(title).severity(Severity::Low);
    }
}

fn words(tree: &storage::Tree) -> String {
    match tree.keeper {
        Some(keeper) => format!("what {keeper} keeps"),
        None => "a system within the system".to_owned(),
    }
}

/// Notes programs that give powers, and reports those that give everything or that others can change.
fn powers(cx: &mut Cx<'_>, privileged: Vec<Privileged>) {
    let mut trees: BTreeMap<storage::Tree, Vec<String>> = BTreeMap::new();
    for Privileged { path, meta, capabilities } in privileged {
        let seen = format!("{path} {:o} {} {} {}", meta.mode, meta.uid, meta.gid, capabilities.any());
        let anything = gives_all(path.rsplit('/').next().unwrap_or_default());
        let worst = if anything && (meta.mode & 0o4000 != 0 || capabilities.of_root()) {
            Some("A program with which anything can be done gives its owner's powers away")
        } else if meta.mode & 0o002 != 0 || meta.mode & 0o020 != 0 && meta.gid != 0 {
            Some("A program that gives powers away can be changed by others")
        } else if SHARED.iter().any(|top| below(&path, top)) {
            Some("A program that gives powers away lies where everybody can put one")
        } else {
            None
        };
        let tree = storage::tree(cx.source, &path);
        if let Some(tree) = tree.filter(|_| worst.is_none() || meta.uid != 0) {
            trees.entry(tree).or_default().push(seen);
            continue;
        }
        cx.observe(&PRIVILEGED, path.clone(), &seen);
        if let Some(title) = worst {
            cx.find(&PRIVILEGED, path, seen).title(title).severity(Severity::Critical);
        }
    }
    for (tree, mut seen) in trees {
        seen.sort_unstable();
        let title = format!("{} programs of {} give powers away", seen.len(), words(&tree));
        let severity = if tree.keeper.is_some() { Severity::Low } else { Severity::Medium };
        // What a keeper keeps changes every day; what nobody is known to keep is held against the baseline.
        let seen = seen.join("\n");
        if tree.keeper.is_none() {
            cx.observe(&PRIVILEGED, tree.top.clone(), &seen);
        }
        let known = cx.baseline.and_then(|baseline| baseline.seen.get(PRIVILEGED.id)?.get(&tree.top));
        let known = known == Some(&super::cx::evidence(PRIVILEGED.id, seen.as_bytes()));
        if !known {
            cx.find(&PRIVILEGED, tree.top, seen).title(title).severity(severity);
        }
    }
}

/// What is new since the baseline; without one, what no package brought.
fn drift(cx: &mut Cx<'_>) {
    for (path, change, digest) in cx.drift(&PRIVILEGED) {
        if change != Change::Gone {
            let owner = super::package_files::explain(cx, &path);
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
    let seen = cx.seen.get(PRIVILEGED.id).into_iter().flatten();
    let seen: Vec<(String, spec::Hash)> = seen.map(|(path, digest)| (path.clone(), *digest)).collect();
    let paths: Vec<String> = seen.iter().map(|(path, _)| path.clone()).collect();
    let owners = cx.packages.owners(cx.source, &paths);
    for (path, digest) in seen.into_iter().filter(|(path, _)| !owners.contains_key(path)) {
        add(cx, path, digest.0, "A program that no package brought gives powers away".to_owned(), None);
    }
}

/// Unless something worse is known of the same file.
fn add(cx: &mut Cx<'_>, path: String, seen: [u8; 32], title: String, owner: Option<String>) {
    if !cx.found.iter().any(|found| found.check.id == PRIVILEGED.id && found.subject == path) {
        cx.find(&PRIVILEGED, path, seen).title(title).explained(owner);
    }
}

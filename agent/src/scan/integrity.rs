//! The contents of watched files: against the packages they came from, and against the baseline.
//!
//! A full pass reads everything; between two of them a file is read again only when its inode, size or one
//! of its times changed. One read serves both digests.

use super::baseline::{Before, Files};
use super::check::Check;
use super::cx::{Change, Cx};
use super::package_files::{self, PACKAGE, Packaged, Suspect, Wrong};
use super::packages::{Digest, Entry};
use super::source::{Folder, Meta, Type};
use super::state::Cached;
use super::text;
use super::tree::{self, Leaf, Members};
use super::unread::{Optional as _, Unread};
use super::watch::below;
use rustix::io::Errno;
use spec::{Hash, Severity};
use std::ffi::{CStr, CString};
use std::io::Read as _;
use std::os::fd::AsFd as _;

/// A watched file that is not as in the baseline.
pub(super) static DRIFT: Check = Check {
    id: "file-integrity",
    severity: Severity::Medium,
    title: "A watched file is not as in the baseline",
    remediation: "Find out what changed the file. If the change is meant, make a new baseline once all are explained.",
};

/// Files whose contents decide who is root: a change that nothing explains is as grave as one of a program.
const DECISIVE: [&str; 9] = [
    "/etc/group",
    "/etc/ld.so.preload",
    "/etc/pam.d",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d",
    "/etc/sudoers",
    "/etc/sudoers.d",
];

/// Where programs, libraries and kernels lie.
const PROGRAMS: [&str; 9] = ["/bin", "/boot", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr", "/opt"];

const MAX_DEPTH: usize = 128;

/// Most bytes of holes that are read as zeros: a file with more is as good as unreadable, for it may be as long as a
/// disk and hold nothing.
const MAX_HOLE_BYTES: u64 = 256 * 1024 * 1024;

/// A file whose times are as young as this may change again without their showing it, in nanoseconds.
const SETTLED_NS: i128 = 2_000_000_000;

/// What is known of a path's past.
enum Past {
    /// There is no baseline, or it did not watch the path.
    Nobody,
    /// It was not there.
    Absent,
    /// It was so.
    Was(Leaf),
}

struct Walk<'c, 'a, 'w> {
    cx: &'c mut Cx<'a>,
    writer: Option<&'c mut super::baseline::Writer<'w>>,
    files: Option<Files>,
    /// What could not be read: nothing below is gone.
    blind: Vec<String>,
    /// Files that seem not to be what their packages brought.
    suspects: Vec<Suspect>,
    /// Which files of packages were met, a bit each.
    met: Vec<u64>,
}

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    walk(cx, None)
}

/// Walks the watched paths; the leaves also go to `writer`.
pub(super) fn walk(cx: &mut Cx<'_>, writer: Option<&mut super::baseline::Writer<'_>>) -> Result<(), Unread> {
    cx.source.dir("/etc")?;
    let packages = cx.packages;
    for trouble in packages.trouble.iter().chain(&packages.damaged) {
        cx.unknown(&PACKAGE, trouble);
    }
    let files = cx.baseline.map(super::baseline::Baseline::files).transpose()?;
    if files.is_none() {
        cx.unknown(&DRIFT, "there is no baseline to compare with");
    }
    let watched = cx.watched;
    let met = vec![0; cx.packages.len().div_ceil(64)];
    let mut walk = Walk { cx, writer, files, blind: Vec::new(), suspects: Vec::new(), met };
    let mut members = Members::default();
    for path in &watched.paths {
        match walk.top(path) {
            Ok(Some(hash)) => members.push(hash),
            Ok(None) => {}
            Err(unread) => walk.blind(path, &unread),
        }
    }
    walk.before(None);
    walk.cx.tree_root = Some(members.root());
    let Walk { cx, mut suspects, met, .. } = walk;
    package_files::chosen(cx, &mut suspects);
    package_files::report(cx, suspects);
    package_files::missing(cx, |place| met.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1));
    Ok(())
}

impl Walk<'_, '_, '_> {
    /// A watched path and what is below it; `None` if there is nothing.
    fn top(&mut self, path: &str) -> Result<Option<Hash>, Unread> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = if parent.is_empty() { "/" } else { parent };
        let Some(folder) = self.cx.source.dir(parent).optional()? else { return Ok(None) };
        let name = CString::new(text::to_bytes(name))
            .map_err(|_| Unread::odd(path, "has a name with a zero in it"))?;
        match folder.stat(&name) {
            Ok(meta) => Ok(self.visit(&folder, &name, path, &meta, 0)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Unread::of(path, error)),
        }
    }

    fn visit(&mut self, folder: &Folder, name: &CStr, path: &str, meta: &Meta, depth: usize) -> Option<Hash> {
        if self.cx.watched.is_left_out(path) {
            return None;
        }
        let mut leaf = Leaf::new(path.to_owned(), meta);
        match meta.kind {
            Type::Directory => {
                if let Some(entry) = self.listed(path) {
                    self.suspect(path, &entry, Wrong::Type("directory"), leaf.hash());
                }
                return Some(self.directory(folder, name, leaf, depth));
            }
            Type::File => self.file(folder, name, &mut leaf, meta),
            Type::Link => match folder.link(name) {
                Ok(target) => {
                    let content = Hash(*blake3::hash(&target).as_bytes());
                    leaf.content = Some(content);
                    match self.listed(path) {
                        Some(entry) if !entry.digest.is_link() => {
                            self.suspect(path, &entry, Wrong::Type("link"), content);
                        }
                        Some(entry) if entry.digest != Digest::link(&target) => {
                            self.suspect(path, &entry, Wrong::Target, content);
                        }
                        _ => {}
                    }
                }
                Err(error) => self.blind(path, &Unread::of(path, error)),
            },
            Type::Special => {
                if let Some(entry) = self.listed(path) {
                    self.suspect(path, &entry, Wrong::Type(meta.word), leaf.hash());
                }
            }
        }
        self.emit(&leaf);
        Some(leaf.hash())
    }

    fn directory(&mut self, folder: &Folder, name: &CStr, mut leaf: Leaf, depth: usize) -> Hash {
        let path = leaf.path.clone();
        if depth < 2 {
            self.cx.source.at(&path);
        }
        let opened = folder.dir(name).map_err(|e| Unread::of(&path, e));
        let listed = opened.and_then(|inner| {
            leaf.xattrs = tree::attributes_hash(&inner.attributes().map_err(|e| Unread::of(&path, e))?);
            let names = inner.names().map_err(|e| e.at(&path))?;
            Ok((inner, names))
        });
        self.emit(&leaf);
        match listed {
            _ if depth >= MAX_DEPTH => self.blind(&path, &Unread::odd(&path, "is nested too deep")),
            Err(unread) => self.blind(&path, &unread),
            Ok((inner, names)) => {
                let mut members = Members::default();
                for name in names {
                    let member = format!("{path}/{}", text::of_bytes(name.to_bytes()));
                    match inner.stat(&name) {
                        Ok(meta) => {
                            if let Some(hash) = self.visit(&inner, &name, &member, &meta, depth + 1) {
                                members.push(hash);
                            }
                        }
                        // Gone since it was listed.
                        Err(Errno::NOENT) => {}
                        Err(error) => self.blind(&member, &Unread::of(&member, error)),
                    }
                }
                leaf.content = Some(members.root());
            }
        }
        leaf.hash()
    }

    /// Contents and attributes of a regular file, from the cache where it can still be trusted.
    fn file(&mut self, folder: &Folder, name: &CStr, leaf: &mut Leaf, meta: &Meta) {
        let path = leaf.path.clone();
        let listed = self.listed(&path);
        if meta.size.saturating_sub(meta.allocated) > MAX_HOLE_BYTES {
            let hole = (meta.size - meta.allocated) >> 20;
            return self
                .blind(&path, &Unread::odd(&path, &format!("has holes of {hole} MiB, which are not read")));
        }
        let stamp = (meta.ino, meta.size, meta.mtime_ns, meta.ctime_ns);
        let cached = self.cx.state.cached(&path).filter(|cached| cached.stamp == stamp);
        let cached = cached.filter(|cached| cached.packaged.is_some() || listed.is_none());
        let known = match cached {
            Some(cached) => Ok(cached),
            None => self.read(folder, name, &path, meta, listed.map(|entry| entry.digest)),
        };
        let known = match known {
            Ok(known) => known,
            Err(Errno::NOENT) => return,
            Err(error) => return self.blind(&path, &Unread::of(&path, error)),
        };
        leaf.content = Some(known.content);
        leaf.xattrs = known.xattrs;
        let started = i128::from(self.cx.now.millis()) * 1_000_000;
        if meta.ctime_ns.max(meta.mtime_ns) + SETTLED_NS < started
            && let Err(error) = self.cx.state.keep(&known)
        {
            self.cx.unknown(&DRIFT, format!("the cache cannot be written: {error}"));
        }
        let Some(entry) = listed else { return };
        if known.packaged.as_deref() != Some(entry.digest.hex().as_str()) {
            let wrong = if entry.digest.is_link() { Wrong::Type("file") } else { Wrong::Content };
            self.suspect(&path, &entry, wrong, known.content);
        } else if let Some(listed) = entry.mode.map(u32::from)
            && package_files::gives_more(meta.mode, listed)
        {
            self.suspect(&path, &entry, Wrong::Mode(listed), leaf.hash());
        }
    }

    /// What a package has at a path, which is thereby met.
    fn listed(&mut self, path: &str) -> Option<Entry> {
        let place = self.cx.packages.place(path)?;
        if let Some(bits) = self.met.get_mut(place / 64) {
            *bits |= 1 << (place % 64);
        }
        self.cx.packages.entry_at(place)
    }

    /// Configuration is the administrator's to change.
    fn suspect(&mut self, path: &str, entry: &Entry, wrong: Wrong, seen: Hash) {
        if !below(path, "/etc") {
            let package = self.cx.packages.name(entry).unwrap_or_default();
            let (path, listed) = (path.to_owned(), entry.digest);
            self.suspects.push(Suspect { path, package, listed, wrong, seen, configured: false });
        }
    }

    fn read(
        &mut self,
        folder: &Folder,
        name: &CStr,
        path: &str,
        meta: &Meta,
        listed: Option<Digest>,
    ) -> Result<Cached, Errno> {
        let file = folder.file(name)?;
        let xattrs = tree::attributes_hash(&super::attributes::of(file.as_fd())?);
        let mut content = blake3::Hasher::new();
        let mut packaged = Packaged::new(listed);
        // A file that grows as fast as it is read would never end.
        let drained = self.cx.source.drain(file.take(meta.size), |bytes| {
            content.update(bytes);
            packaged.update(bytes);
        });
        drained.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(Cached {
            stamp: (meta.ino, meta.size, meta.mtime_ns, meta.ctime_ns),
            // By its name: where another crate has blake3 implement `Digest`, the trait's would be taken.
            content: Hash(*blake3::Hasher::finalize(&content).as_bytes()),
            packaged: packaged.finish(),
            xattrs,
            path: path.to_owned(),
        })
    }

    fn blind(&mut self, path: &str, unread: &Unread) {
        self.blind.push(path.to_owned());
        self.cx.unknown(&DRIFT, unread);
        if !below(path, "/etc") {
            self.cx.unknown(&PACKAGE, unread);
        }
    }

    /// Hands a leaf on, and compares it with the baseline's. A directory's own content is that of its
    /// members, which are compared one by one.
    fn emit(&mut self, leaf: &Leaf) {
        if let Some(writer) = &mut self.writer {
            writer.line(&leaf.json());
        }
        match self.before(Some(&leaf.path)) {
            Past::Nobody => {}
            // What cannot be read has been reported as that.
            Past::Was(old) if old == *leaf || leaf.content.is_none() && leaf.r#type == "file" => {}
            Past::Was(_) => self.differs(leaf, Change::Changed),
            Past::Absent => self.differs(leaf, Change::New),
        }
    }

    /// What the baseline has of `path`. What it has before that, and the walk did not meet, is reported.
    fn before(&mut self, path: Option<&str>) -> Past {
        let (Some(baseline), Some(mut files)) = (self.cx.baseline, self.files.take()) else {
            return Past::Nobody;
        };
        let past = loop {
            match files.upto(path) {
                Before::Same(leaf) => break Past::Was(leaf),
                Before::None => {
                    let mut watched = baseline.head.watched.iter();
                    let watched = watched.any(|top| path.is_some_and(|path| below(path, top)));
                    break if watched { Past::Absent } else { Past::Nobody };
                }
                Before::Gone(leaf) => {
                    let still = self.cx.watched.paths.iter().any(|top| below(&leaf.path, top));
                    let blind = self.blind.iter().any(|top| below(&leaf.path, top));
                    if still && !blind && !self.cx.watched.is_left_out(&leaf.path) {
                        self.differs(&leaf, Change::Gone);
                    }
                }
            }
        };
        self.files = Some(files);
        past
    }

    fn differs(&mut self, leaf: &Leaf, change: Change) {
        let severity = severity(leaf, change);
        let package = if change == Change::Gone { None } else { self.explanation(leaf) };
        let title = format!("A watched {} is {} since the baseline", leaf.r#type, change.word());
        let seen = leaf.hash().0;
        self.cx.find(&DRIFT, leaf.path.clone(), seen).title(title).severity(severity).explained(package);
    }

    /// The package that brought just this, or what a link leads to. Mode and owner are root's and nobody else's to
    /// write, or nothing is explained.
    fn explanation(&self, leaf: &Leaf) -> Option<String> {
        let link = leaf.r#type == "link";
        let sound = leaf.uid == 0 && (link || leaf.mode & 0o6022 == 0 && leaf.xattrs.is_none());
        sound.then(|| package_files::explain(self.cx, &leaf.path)).flatten()
    }
}

/// How grave a change is that nothing explains.
fn severity(leaf: &Leaf, change: Change) -> Severity {
    let among = |tops: &[&str]| tops.iter().any(|top| below(&leaf.path, top));
    match change {
        _ if leaf.r#type == "directory" => Severity::Low,
        Change::Changed if among(&PROGRAMS) => Severity::Critical,
        Change::New if among(&PROGRAMS) => Severity::High,
        Change::New | Change::Changed if among(&DECISIVE) => Severity::High,
        Change::New | Change::Changed | Change::Gone => Severity::Medium,
    }
}

//! Files that decide what runs: watched one by one, for checks that compare them with the baseline.

use super::check::Check;
use super::cx::{Change, Cx};
use super::source::{Meta, Type};
use super::text::fits;
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::borrow::Cow;

/// Where root lives: on every distribution.
const ROOT_HOME: &str = "/root";

/// How deep folders are looked into.
const MAX_DEPTH: usize = 4;

/// Where such files lie: a file, or a folder with what is in it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// A file or a folder.
    pub(super) path: Cow<'static, str>,
    /// Which names in a folder count.
    pub(super) names: &'static str,
    /// Whether each file may belong to the user whose name it has.
    pub(super) of_users: bool,
}

/// A place whose files are root's.
pub(super) const fn place(path: &'static str) -> Place {
    Place { path: Cow::Borrowed(path), names: "*", of_users: false }
}

/// A place whose files may each belong to the user whose name they have.
pub(super) const fn of_users(path: &'static str, names: &'static str) -> Place {
    Place { path: Cow::Borrowed(path), names, of_users: true }
}

/// Places in the home of root.
pub(super) fn at_home(files: &[&str]) -> impl Iterator<Item = Place> {
    files.iter().map(|file| Place { path: format!("{ROOT_HOME}/{file}").into(), ..place("") })
}

/// Observes every file of the places, and reports those that others than root can change. A place that does
/// not exist has no files.
pub(super) fn observe(cx: &mut Cx<'_>, check: &'static Check, places: impl IntoIterator<Item = Place>) {
    for place in places {
        let outcome = visit(cx, check, &place, &place.path, 0);
        cx.known(check, outcome);
    }
}

fn visit(
    cx: &mut Cx<'_>,
    check: &'static Check,
    place: &Place,
    path: &str,
    depth: usize,
) -> Result<(), Unread> {
    let Some(meta) = cx.source.lstat(path).optional()? else { return Ok(()) };
    match meta.kind {
        Type::Directory if depth < MAX_DEPTH => {
            writable(cx, check, place, path, &meta);
            for name in cx.source.list(path)? {
                // Editors and package managers leave files behind that nothing reads.
                let dead = name.ends_with('~') || name.contains(".dpkg-") || name == ".placeholder";
                if !dead && (fits(place.names, &name) || depth > 0) {
                    let outcome = visit(cx, check, place, &format!("{path}/{name}"), depth + 1);
                    cx.known(check, outcome);
                }
            }
        }
        Type::Directory => cx.unknown(check, format!("{path} is nested too deep")),
        Type::Link => {
            let target = super::text::of_bytes(&cx.source.link(path)?);
            cx.observe(check, path, format!("link {target}"));
            super::loose::link(cx, check, path);
            outside(cx, check, path)?;
        }
        Type::File => {
            writable(cx, check, place, path, &meta);
            let mut hasher = blake3::Hasher::new();
            cx.source.stream(path, |bytes| {
                hasher.update(bytes);
            })?;
            cx.observe(check, path, format!("{:o} {} {}", meta.mode, meta.uid, hasher.finalize()));
        }
        Type::Special => cx.unknown(check, format!("{path} is not a regular file")),
    }
    Ok(())
}

/// Observes the contents of what a link leads to, where nobody else watches it and no package brought it.
fn outside(cx: &mut Cx<'_>, check: &'static Check, path: &str) -> Result<(), Unread> {
    let Some(real) = cx.source.real(path) else { return Ok(()) };
    let watched = cx.watched.paths.iter().any(|top| super::watch::below(&real, top));
    if watched || cx.packages.owner(&real).is_some() || cx.source.lstat(&real)?.kind != Type::File {
        return Ok(());
    }
    let mut hasher = blake3::Hasher::new();
    cx.source.stream(&real, |bytes| {
        hasher.update(bytes);
    })?;
    cx.observe(check, format!("{path} target"), format!("{real} {}", hasher.finalize()));
    Ok(())
}

/// Reports a file or folder that others than root can change.
fn writable(cx: &mut Cx<'_>, check: &'static Check, place: &Place, path: &str, meta: &Meta) {
    // A folder of users' files belongs to a group whose members cannot change each other's.
    let shared = place.of_users && meta.mode & 0o002 == 0;
    let sticky = meta.kind == Type::Directory && meta.mode & 0o1000 != 0;
    if meta.only_root_writes() || shared || sticky {
        return;
    }
    let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
    let title = format!("Others than root can change {path}");
    cx.find(check, format!("{path} mode"), seen).title(title).severity(Severity::High);
}

/// Reports what differs from the baseline; what a package brought is explained.
pub(super) fn drift(cx: &mut Cx<'_>, check: &'static Check, what: &str) {
    for (path, change, digest) in cx.drift(check) {
        let owner = super::package_files::explain(cx, &path).filter(|_| change != Change::Gone);
        let found = cx.find(check, path, digest.0);
        found.title(format!("{what} is {} since the baseline", change.word()));
        if change == Change::Gone {
            found.severity(Severity::Low);
        }
        found.explained(owner);
    }
}

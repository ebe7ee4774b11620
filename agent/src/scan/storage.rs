//! Systems within the system: what container engines, image builders, snapshots and chroots keep. Their programs give
//! no powers that the machine's own would not, and there are hundreds, so they are spoken of once for the tree.
//!
//! A tree is told by what keeps it (its place, whoever's home it is in), or by what it is: a folder with a `usr` of its
//! own that has programs in it.

use super::source::{Source, Type};

/// Folders whose path ends so, and what keeps them.
const KEEPERS: [(&str, &str); 27] = [
    ("/.snapshots", "snapshots"),
    ("/containers/storage", "podman"),
    ("/docker/aufs", "docker"),
    ("/docker/btrfs", "docker"),
    ("/docker/containers", "docker"),
    ("/docker/devicemapper", "docker"),
    ("/docker/fuse-overlayfs", "docker"),
    ("/docker/overlay2", "docker"),
    ("/docker/rootfs", "docker"),
    ("/docker/vfs", "docker"),
    ("/docker/zfs", "docker"),
    ("/incus/containers", "incus"),
    ("/incus/storage-pools", "incus"),
    ("/lib/buildkit", "buildkit"),
    ("/lib/lxc", "lxc"),
    ("/lib/mock", "mock"),
    ("/lib/sbuild", "sbuild"),
    ("/lib/schroot", "schroot"),
    ("/lib/vz", "vz"),
    ("/lxd/containers", "lxd"),
    ("/lxd/storage-pools", "lxd"),
    ("/lib/snapd/snap", "snap"),
    ("/cache/mock", "mock"),
    ("/cache/pbuilder", "pbuilder"),
    ("/lib/flatpak", "flatpak"),
    ("/share/flatpak", "flatpak"),
    ("/lib/apptainer", "apptainer"),
];

/// Folders at the top of a file system.
const TOPS: [(&str, &str); 4] = [
    ("/ostree", "ostree"),
    ("/sysroot/ostree", "ostree"),
    ("/srv/chroot", "chroots"),
    ("/timeshift", "snapshots"),
];

/// What containerd's folders are called, wherever it keeps them.
const SNAPSHOTTER: &str = "io.containerd.snapshotter.v1.";

/// A system within the system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tree {
    /// Where it begins.
    pub(super) top: String,
    /// What keeps it; `None` if only its form tells what it is.
    pub(super) keeper: Option<&'static str>,
}

/// The outermost tree that a path lies in.
pub(super) fn tree(source: &Source, path: &str) -> Option<Tree> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    ends.map(|at| path.get(..at).unwrap_or_default()).find_map(|top| {
        let of = |keeper| Some(Tree { top: top.to_owned(), keeper });
        match keeper(top) {
            Some(keeper) => of(Some(keeper)),
            None if is_system(source, top) => of(None),
            None => None,
        }
    })
}

fn keeper(folder: &str) -> Option<&'static str> {
    let name = folder.rsplit('/').next().unwrap_or_default();
    let top = TOPS.iter().find(|(top, _)| *top == folder);
    let keeper = KEEPERS.iter().find(|(end, _)| folder.ends_with(end));
    let snapshotter = name.starts_with(SNAPSHOTTER).then_some("containerd");
    top.or(keeper).map(|(_, keeper)| *keeper).or(snapshotter)
}

/// Whether a folder has what a system has.
fn is_system(source: &Source, folder: &str) -> bool {
    let is_folder =
        |path: &str| source.lstat(&format!("{folder}{path}")).is_ok_and(|meta| meta.kind == Type::Directory);
    !folder.is_empty() && is_folder("/usr") && ["/usr/bin", "/usr/sbin"].iter().any(|path| is_folder(path))
}

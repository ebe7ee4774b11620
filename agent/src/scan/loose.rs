//! What root runs or reads and others can change: the file, what a link there leads to, or a folder on the way.
//!
//! These places are asked about this one thing; what is in them is watched by the themes they belong to.

use super::check::Check;
use super::cx::Cx;
use super::source::{Meta, Type};
use super::unread::{Optional as _, Unread};
use spec::Severity;

/// How deep folders are looked into, and most files of all places.
const MAX_DEPTH: usize = 3;
const MAX_FILES: usize = 50_000;

/// What runs by itself: search paths of systemd.unit(5), systemd.generator(7), udev(7), cron(8), anacron(8),
/// NetworkManager-dispatcher(8), interfaces(5), kernel hooks, tmpfiles.d(5), modprobe.d(5), sysctl.d(5), logrotate(8).
pub(super) const RUN: [&str; 58] = [
    "/etc/acpi",
    "/etc/binfmt.d",
    "/etc/cron.yearly",
    "/etc/dbus-1/system.d",
    "/etc/default",
    "/etc/dhcp",
    "/etc/dkms",
    "/etc/grub.d",
    "/etc/initramfs-tools",
    "/etc/kernel",
    "/etc/logrotate.conf",
    "/etc/logrotate.d",
    "/etc/modprobe.d",
    "/etc/modules",
    "/etc/modules-load.d",
    "/etc/network/if-down.d",
    "/etc/network/if-post-down.d",
    "/etc/network/if-pre-up.d",
    "/etc/network/if-up.d",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d",
    "/etc/networkd-dispatcher",
    "/etc/NetworkManager/dispatcher.d",
    "/etc/ppp/ip-down.d",
    "/etc/ppp/ip-up.d",
    "/etc/rc0.d",
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc6.d",
    "/etc/rcS.d",
    "/etc/sysctl.conf",
    "/etc/sysctl.d",
    "/etc/systemd/network",
    "/etc/systemd/system-environment-generators",
    "/etc/systemd/system-generators",
    "/etc/systemd/system.attached",
    "/etc/systemd/system.control",
    "/etc/systemd/user-environment-generators",
    "/etc/systemd/user-generators",
    "/etc/tmpfiles.d",
    "/etc/udev",
    "/run/systemd/generator",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
    "/run/systemd/system",
    "/run/systemd/system-generators",
    "/run/systemd/system.attached",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/tmpfiles.d",
    "/run/udev/rules.d",
    "/usr/lib/systemd/system",
    "/usr/lib/systemd/system-generators",
    "/usr/lib/systemd/system-shutdown",
    "/usr/lib/systemd/system-sleep",
    "/usr/lib/tmpfiles.d",
    "/usr/lib/udev/rules.d",
    "/usr/local/lib/systemd",
];

/// What decides about logins, or runs at one.
pub(super) const LOGIN: [&str; 12] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d",
    "/etc/ssh/ssh_config",
    "/etc/ssh/ssh_config.d",
    "/etc/sudo.conf",
    "/etc/update-motd.d",
    "/etc/userdb",
    concat!("/root", "/.bash_aliases"),
    concat!("/root", "/.ssh/rc"),
    concat!("/root", "/.zshenv"),
];

/// Whose keys sign packages.
pub(super) const SIGN: [&str; 7] = [
    "/etc/apt/apt.conf.d",
    "/etc/apt/keyrings",
    "/etc/apt/sources.list.d",
    "/etc/apt/trusted.gpg",
    "/etc/apt/trusted.gpg.d",
    "/etc/pacman.d/gnupg/pubring.gpg",
    "/usr/share/keyrings",
];

/// Looks at places for a check.
pub(super) fn visit_all(cx: &mut Cx<'_>, check: &'static Check, places: &[&str]) {
    let mut files = 0;
    for place in places {
        let outcome = visit(cx, check, place, 0, &mut files);
        cx.known(check, outcome);
    }
}

/// A place that does not exist has nothing that others could change.
fn visit(
    cx: &mut Cx<'_>,
    check: &'static Check,
    path: &str,
    depth: usize,
    files: &mut usize,
) -> Result<(), Unread> {
    let Some(meta) = cx.source.lstat(path).optional()? else { return Ok(()) };
    *files += 1;
    match meta.kind {
        Type::Link => link(cx, check, path),
        Type::File => changed(cx, check, path, &meta),
        Type::Directory => {
            changed(cx, check, path, &meta);
            if depth < MAX_DEPTH && *files < MAX_FILES {
                for name in cx.source.list(path)? {
                    let outcome = visit(cx, check, &format!("{path}/{name}"), depth + 1, files);
                    cx.known(check, outcome);
                }
            }
        }
        Type::Special => {}
    }
    Ok(())
}

fn changed(cx: &mut Cx<'_>, check: &'static Check, path: &str, meta: &Meta) {
    if !is_loose(meta) {
        return;
    }
    let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
    let title = format!("Others than root can change {path}");
    cx.find(check, format!("{path} mode"), seen).title(title).severity(Severity::High);
}

fn is_loose(meta: &Meta) -> bool {
    let sticky = meta.kind == Type::Directory && meta.mode & 0o1000 != 0;
    !(meta.only_root_writes() || sticky && meta.uid == 0)
}

/// Reports what a link leads to if others can change it, or replace it by way of a folder above.
pub(super) fn link(cx: &mut Cx<'_>, check: &'static Check, path: &str) {
    let Some(real) = cx.source.real(path) else { return };
    let Ok(meta) = cx.source.lstat(&real) else { return };
    // What is written to nowhere, or is no file, is not run.
    if !matches!(meta.kind, Type::File | Type::Directory) {
        return;
    }
    let above = real.match_indices('/').skip(1).map(|(at, _)| real.get(..at).unwrap_or_default().to_owned());
    let loose = std::iter::once(real.clone())
        .chain(above)
        .find(|path| cx.source.lstat(path).is_ok_and(|meta| is_loose(&meta)));
    if let Some(loose) = loose {
        let title = format!("Others than root can change what {path} leads to: {loose} is theirs");
        cx.find(check, format!("{path} target"), format!("{real} {loose}"))
            .title(title)
            .severity(Severity::High);
    }
}

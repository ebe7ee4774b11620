//! Processes: those that hide, and those of root that run what they should not.

use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::text::{self, field};
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::collections::BTreeSet;
use std::ffi::CString;

/// A process that the list of processes lacks.
pub(super) static HIDDEN: Check = Check {
    id: "hidden-process",
    severity: Severity::Critical,
    title: "A process is there and not in the list of processes",
    remediation: "Something in the kernel or in a library hides it. Take the machine off the network, keep its memory if \
                  you can, and examine it from other media.",
};

/// A root process whose program is gone, or lies where anybody can put one.
pub(super) static BINARY: Check = Check {
    id: "root-process-binary",
    severity: Severity::High,
    title: "A process of root runs a program that is no longer there",
    remediation: "If the program was upgraded, restart the service. Otherwise keep a copy of /proc/PID/exe, find out who \
                  started it (PPid in /proc/PID/status), and stop it.",
};

/// A root process into which a library was put.
pub(super) static PRELOAD: Check = Check {
    id: "root-process-preload",
    severity: Severity::High,
    title: "A process of root was started with a library put in front of all others",
    remediation: "Find the unit or script that sets LD_PRELOAD or LD_AUDIT for it. If nobody meant it to, treat the \
                  process as taken over.",
};

/// Folders where anybody can put a program.
const TEMPORARY: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/run/user", "/run/shm"];

/// Highest number of a process that Linux can give (`PID_MAX_LIMIT`).
const MAX_PID: u64 = 4_194_304;

/// Numbers that are tried beyond the last one given.
const AHEAD: u64 = 1024;

/// Where the linker looks first for a library that is named without a path.
const LIBRARIES: [&str; 7] = [
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/lib64",
    "/lib",
];

/// Most libraries of one process that are looked at.
const MAX_LIBRARIES: usize = 64;

/// The capability with which a process sees into all others.
const CAP_SYS_PTRACE: u32 = 19;

/// Most control groups that are asked for their members, and how deep they may be nested.
const MAX_GROUPS: usize = 20_000;
const MAX_DEPTH: usize = 24;

/// The numbers of the listed processes.
fn listed(cx: &Cx<'_>) -> Result<BTreeSet<u64>, Unread> {
    let pids: BTreeSet<u64> = cx.source.list("/proc")?.iter().filter_map(|name| name.parse().ok()).collect();
    if pids.is_empty() { Err(Unread::odd("/proc", "shows no processes")) } else { Ok(pids) }
}

/// Three ways to hear of a process that the list lacks: as somebody's parent, as a member of a control
/// group, and by its number. One that is new or has just ended is asked for twice.
pub(super) fn hidden(cx: &mut Cx<'_>) -> Result<(), Unread> {
    if let Some(option) = hidden_by_mount(cx) {
        return Err(Unread::odd(
            "/proc",
            &format!("is mounted so that others' processes do not show ({option})"),
        ));
    }
    let before = listed(cx)?;
    let mut heard = BTreeSet::new();
    for pid in &before {
        let status = cx.source.text(&format!("/proc/{pid}/status")).unwrap_or_default();
        heard.extend(field(&status, "PPid").and_then(|parent| parent.parse::<u64>().ok()));
    }
    heard.extend(members(cx));
    heard.extend(by_number(cx, &before)?);
    heard.remove(&0);
    let suspects: Vec<u64> = heard.difference(&before).copied().collect();
    if suspects.is_empty() {
        return Ok(());
    }
    let (after, members) = (listed(cx)?, members(cx));
    for pid in suspects.into_iter().filter(|pid| !after.contains(pid)) {
        let status = cx.source.text(&format!("/proc/{pid}/status")).ok();
        // A thread has a number and is not listed.
        let main =
            status.as_ref().is_some_and(|status| field(status, "Tgid") == Some(pid.to_string().as_str()));
        if main || members.contains(&pid) {
            let name = status.as_deref().and_then(|status| field(status, "Name")).unwrap_or("unknown");
            let (subject, seen) = (format!("process {pid}"), format!("{pid} {name}"));
            let title = format!("A process ({name}) is there and not in the list of processes");
            cx.find(&HIDDEN, subject, seen).title(title);
        }
    }
    Ok(())
}

/// The option of `/proc` that hides others' processes from whoever scans, if it does (proc(5), "Mount options"):
/// not from who may trace every process, nor from the group that it names.
fn hidden_by_mount(cx: &Cx<'_>) -> Option<String> {
    let mounts = cx.source.text("/proc/mounts").ok()?;
    let mount = mounts.lines().filter_map(super::mounts::parse).rfind(|mount| mount.at == "/proc")?;
    let option = |name: &str| mount.options.iter().find_map(|option| option.strip_prefix(name));
    let hides = option("hidepid=").filter(|value| !matches!(*value, "0" | "off" | "1" | "noaccess"))?;
    let own = cx.source.text("/proc/self/status").ok()?;
    let powers = field(&own, "CapEff").and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or_default();
    let group = option("gid=").filter(|group| *group != "0");
    let member = group.is_some_and(|group| {
        field(&own, "Groups").is_some_and(|groups| groups.split_whitespace().any(|member| member == group))
    });
    (powers >> CAP_SYS_PTRACE & 1 == 0 && !member).then(|| format!("hidepid={hides}"))
}

/// What is there under a number that the list lacks.
fn by_number(cx: &mut Cx<'_>, listed: &BTreeSet<u64>) -> Result<Vec<u64>, Unread> {
    let number = |path: &str, at: usize| -> Option<u64> {
        cx.source.text(path).ok()?.split_whitespace().nth(at)?.parse().ok()
    };
    let last = number("/proc/loadavg", 4).unwrap_or_default().max(listed.last().copied().unwrap_or_default());
    let limit = number("/proc/sys/kernel/pid_max", 0).unwrap_or(MAX_PID).min(last + AHEAD).min(MAX_PID);
    let proc = cx.source.dir("/proc")?;
    let there = |pid: &u64| CString::new(pid.to_string()).is_ok_and(|name| proc.stat(&name).is_ok());
    Ok((1..=limit).filter(|pid| !listed.contains(pid)).filter(there).collect())
}

/// Members of every control group, of both versions. Zero is a process of another namespace.
fn members(cx: &Cx<'_>) -> BTreeSet<u64> {
    let mut members = BTreeSet::new();
    let mut groups = vec![("/sys/fs/cgroup".to_owned(), 0)];
    let mut asked = 0;
    while let Some((group, depth)) = groups.pop() {
        asked += 1;
        if asked > MAX_GROUPS || depth > MAX_DEPTH {
            break;
        }
        let Ok(folder) = cx.source.dir(&group) else { continue };
        let pids = cx.source.text(&format!("{group}/cgroup.procs")).unwrap_or_default();
        members.extend(pids.lines().filter_map(|pid| pid.parse::<u64>().ok()));
        let outcome = folder.each(|name, kind| {
            let stat = || folder.stat(name).is_ok_and(|meta| meta.kind == Type::Directory);
            if kind.map_or_else(stat, |kind| kind == Type::Directory) {
                groups.push((format!("{group}/{}", text::of_bytes(name.to_bytes())), depth + 1));
            }
        });
        // Gone while it was listed.
        let _ = outcome;
    }
    members.remove(&0);
    members
}

/// A process that is gone by the time it is asked is no finding; one that may not be asked is unknown.
pub(super) fn root(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let mut denied = 0_u64;
    let host = Host::read(cx);
    for pid in listed(cx)? {
        let Ok(status) = cx.source.text(&format!("/proc/{pid}/status")) else { continue };
        let effective = field(&status, "Uid").and_then(|uids| uids.split_whitespace().nth(1));
        let Some(effective) = effective else {
            denied += 1;
            continue;
        };
        // Threads of the kernel have no program.
        if effective != "0" || field(&status, "VmSize").is_none() {
            continue;
        }
        match cx.source.link(&format!("/proc/{pid}/exe")).optional() {
            Ok(Some(exe)) => {
                let exe = text::of_bytes(&exe);
                let place = host.place(cx, pid, &exe);
                binary(cx, &exe, place);
                match cx.source.bytes(&format!("/proc/{pid}/environ")).optional() {
                    Ok(environ) => preload(cx, &exe, place, &environ.unwrap_or_default()),
                    Err(_) => denied += 1,
                }
            }
            Ok(None) => {}
            Err(_) => denied += 1,
        }
    }
    if denied > 0 {
        for check in [&BINARY, &PRELOAD] {
            cx.unknown(check, format!("{denied} processes could not be looked at"));
        }
    }
    Ok(())
}

fn binary(cx: &mut Cx<'_>, exe: &str, place: Place) {
    let (path, deleted) = exe.strip_suffix(" (deleted)").map_or((exe, false), |path| (path, true));
    let temporary = TEMPORARY.iter().any(|folder| super::watch::below(path, folder));
    if path.starts_with("/memfd:") {
        // Container runtimes run a copy of themselves that nobody can overwrite.
        let runtime = path.starts_with("/memfd:runc_cloned:") || path.starts_with("/memfd:crun");
        let severity = if runtime { Severity::Low } else { Severity::High };
        cx.find(&BINARY, path, exe)
            .title("A process of root runs a program that was never a file")
            .severity(severity);
    } else if place == Place::Container {
        // Its path is one of the container's; whose it is there nobody here can say.
        if temporary || deleted {
            let what = if temporary { "from a temporary folder" } else { "that is no longer there" };
            cx.find(&BINARY, format!("{path} in a container"), exe)
                .title(format!("A process of root in a container runs a program {what} of the container"))
                .severity(Severity::Low);
        }
    } else if temporary && place == Place::Apart {
        cx.find(&BINARY, path, exe)
            .title("A process of root runs a program from a temporary folder that only its service sees")
            .severity(Severity::High);
    } else if temporary {
        cx.find(&BINARY, path, exe)
            .title("A process of root runs a program from a folder that anybody can write to")
            .severity(Severity::Critical);
    } else if deleted {
        let owner = cx.packages.owner(path).filter(|_| cx.source.stat(path).is_ok());
        cx.find(&BINARY, path, exe).explained(owner);
    }
}

/// Libraries that packages brought and nobody changed are explained: allocators are switched on this way.
fn preload(cx: &mut Cx<'_>, exe: &str, place: Place, environ: &[u8]) {
    let variables = environ.split(|byte| *byte == 0);
    let set = variables.filter(|v| v.starts_with(b"LD_PRELOAD=") || v.starts_with(b"LD_AUDIT="));
    let set: Vec<&[u8]> = set.filter(|variable| !variable.ends_with(b"=")).collect();
    if set.is_empty() {
        return;
    }
    if place == Place::Container {
        cx.find(&PRELOAD, format!("{exe} in a container"), set.join(&0))
            .title(
                "A process of root in a container was started with a library of the container put in front",
            )
            .severity(Severity::Low);
        return;
    }
    let values = set.iter().filter_map(|variable| variable.split(|byte| *byte == b'=').nth(1));
    let libraries = values.flat_map(|value| value.split(|byte| matches!(byte, b' ' | b':' | b'\t' | b'\n')));
    let libraries = libraries.filter(|library| !library.is_empty()).map(text::of_bytes).take(MAX_LIBRARIES);
    let mut owners: Option<BTreeSet<String>> = libraries.map(|library| library_owner(cx, &library)).collect();
    let owner = owners.take().map(|owners| owners.into_iter().collect::<Vec<_>>().join(", "));
    cx.find(&PRELOAD, exe, set.join(&0)).explained(owner.filter(|owner| !owner.is_empty()));
}

/// The package of a library that is named by its path, or by its name alone where the linker looks first.
fn library_owner(cx: &Cx<'_>, library: &str) -> Option<String> {
    if library.contains('/') {
        return super::package_files::explain(cx, library);
    }
    let candidates = LIBRARIES.iter().map(|folder| format!("{folder}/{library}"));
    let found = candidates.into_iter().find(|path| cx.source.lstat(path).is_ok())?;
    super::package_files::explain(cx, &found)
}

/// Where the path of a program is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Among the machine's files.
    Host,
    /// Among the machine's files, in a folder that the process has for itself (`PrivateTmp=` and the like).
    Apart,
    /// In another system: a container's.
    Container,
}

/// How the first process sees the files: whoever sees other ones lives elsewhere.
struct Host {
    namespace: Option<Vec<u8>>,
    mounts: Vec<(String, String)>,
}

impl Host {
    fn read(cx: &Cx<'_>) -> Self {
        Self { namespace: cx.source.link("/proc/1/ns/mnt").ok(), mounts: seen_mounts(cx, "1") }
    }

    fn place(&self, cx: &Cx<'_>, pid: u64, path: &str) -> Place {
        let namespace = cx.source.link(&format!("/proc/{pid}/ns/mnt")).ok();
        if namespace.is_none() || self.namespace.is_none() || namespace == self.namespace {
            return Place::Host;
        }
        let mounts = seen_mounts(cx, &pid.to_string());
        let over = |mounts: &[(String, String)], path: &str| {
            let over = mounts.iter().filter(|(at, _)| at == "/" || super::watch::below(path, at));
            over.max_by_key(|(at, _)| at.len()).map(|(_, what)| what.clone())
        };
        if mounts.is_empty() {
            Place::Host
        } else if over(&mounts, "/") != over(&self.mounts, "/") {
            Place::Container
        } else if over(&mounts, path) != over(&self.mounts, path) {
            Place::Apart
        } else {
            Place::Host
        }
    }
}

/// Where a process sees what: mount points with their device and the folder of it, the last of each point.
fn seen_mounts(cx: &Cx<'_>, pid: &str) -> Vec<(String, String)> {
    let text = cx.source.text(&format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let mut mounts: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split(' ').skip(2);
        let (Some(device), Some(folder), Some(at)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let at = super::mounts::plain(at);
        mounts.retain(|(other, _)| *other != at);
        mounts.push((at, format!("{device} {folder}")));
    }
    mounts
}

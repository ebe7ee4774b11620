//! Modules of the kernel: what is loaded, what hides, and whether the kernel holds itself to be tainted.

use super::check::Check;
use super::cx::{Change, Cx};
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// Code in the kernel that was not there before, or that nobody signed.
pub(super) static MODULE: Check = Check {
    id: "kernel-module",
    severity: Severity::Medium,
    title: "A module of the kernel is new since the baseline",
    remediation: "Find out what loaded the module (modinfo NAME, the journal). One that no package brought may hide \
                  everything else: take the machine off the network and examine it from other media.",
};

/// Bits of `/proc/sys/kernel/tainted` that say where code came from.
const TAINTS: [(u32, &str, Severity); 6] = [
    (0, "a proprietary module was loaded", Severity::Low),
    (1, "a module was loaded by force", Severity::High),
    (3, "a module was unloaded by force", Severity::High),
    (12, "a module from outside the kernel's source was loaded", Severity::Low),
    (13, "an unsigned module was loaded", Severity::High),
    (15, "the kernel was patched while it ran", Severity::Low),
];

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let tainted = cx.source.text("/proc/sys/kernel/tainted")?;
    match tainted.trim().parse::<u64>() {
        Ok(bits) => {
            for (_, what, severity) in TAINTS.iter().filter(|(bit, ..)| bits >> bit & 1 == 1) {
                cx.find(&MODULE, format!("taint: {what}"), what)
                    .title(format!("The kernel is tainted: {what}"))
                    .severity(*severity);
            }
        }
        Err(_) => cx.unknown(&MODULE, "/proc/sys/kernel/tainted is not understood"),
    }
    // A kernel that cannot load modules has no list of them.
    let Some(text) = cx.source.text("/proc/modules").optional()? else { return Ok(()) };
    let listed: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in &listed {
        let version = cx.source.text(&format!("/sys/module/{name}/srcversion")).unwrap_or_default();
        cx.observe(&MODULE, *name, format!("{name} {}", version.trim()));
    }
    hiding(cx, &listed)?;
    drift(cx);
    Ok(())
}

/// Modules that `/sys` has and the list lacks. What is built in has no state.
fn hiding(cx: &mut Cx<'_>, listed: &BTreeSet<&str>) -> Result<(), Unread> {
    for name in cx.source.list("/sys/module").optional()?.unwrap_or_default() {
        let state = cx.source.text(&format!("/sys/module/{name}/initstate")).unwrap_or_default();
        if state.trim() != "live" || listed.contains(name.as_str()) {
            continue;
        }
        // It may have been loaded since.
        let again = cx.source.text("/proc/modules")?;
        if !again.lines().any(|line| line.split(' ').next() == Some(&name)) {
            cx.find(&MODULE, name.clone(), name)
                .title("A module of the kernel hides from the list of modules")
                .severity(Severity::Critical);
        }
    }
    Ok(())
}

fn drift(cx: &mut Cx<'_>) {
    let drift = cx.drift(&MODULE);
    let mut files = if drift.is_empty() { BTreeMap::new() } else { files(cx) };
    for (name, change, digest) in drift {
        // A module that is no longer needed goes by itself.
        if change == Change::Gone {
            continue;
        }
        let owner = files.remove(&name).and_then(|path| cx.packages.owner(&path));
        let title = format!("A module of the kernel is {} since the baseline", change.word());
        cx.find(&MODULE, name, digest.0).title(title).explained(owner);
    }
}

/// Where the modules of the running kernel lie, by name.
fn files(cx: &Cx<'_>) -> BTreeMap<String, String> {
    let release = cx.source.text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let folder = format!("/usr/lib/modules/{}", release.trim());
    let mut files = BTreeMap::new();
    let outcome = cx.source.each_line(&format!("{folder}/modules.dep"), |line| {
        let Some(path) = line.split(':').next() else { return };
        let name = path.rsplit('/').next().and_then(|file| file.split(".ko").next());
        files.insert(name.unwrap_or_default().replace('-', "_"), format!("{folder}/{path}"));
    });
    drop(outcome);
    files
}

//! Whether systemd's units run, from the kernel's control groups: no bus, no helper program.
//!
//! A running unit has a group below `system.slice` whose `cgroup.events` says `populated 1`. A unit that
//! does not run has none. If the slice itself cannot be read, nothing is known.

use crate::procfs::Root;

const SLICE: &str = "/sys/fs/cgroup/system.slice";

/// Whether `unit` has running processes; `None` if that cannot be told.
pub fn is_running(root: &Root, unit: &str) -> Option<bool> {
    let sound = !unit.is_empty()
        && !unit.starts_with('.')
        && unit.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@:\\".contains(&b));
    let groups = if sound { std::fs::read_dir(root.path(SLICE)).ok()? } else { return None };
    // A directory that can be listed and lacks the unit says that it does not run.
    let mut groups = groups.map_while(Result::ok);
    if !groups.any(|group| group.file_name().to_str() == Some(unit)) {
        return Some(false);
    }
    let events = root.text(&format!("{SLICE}/{unit}/cgroup.events"))?;
    match events.lines().find_map(|line| line.strip_prefix("populated "))? {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

/// Whether all of `units` run: `Some(false)` if one is known not to, `None` if nothing is listed or one
/// that matters cannot be told.
pub fn all_running(root: &Root, units: &[String]) -> Option<bool> {
    let states: Vec<Option<bool>> = units.iter().map(|unit| is_running(root, unit)).collect();
    if states.contains(&Some(false)) {
        return Some(false);
    }
    (!states.is_empty() && !states.contains(&None)).then_some(true)
}

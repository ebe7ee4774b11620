//! What runs by itself: cron, at, timers, units.

use super::check::Check;
use super::configured::{self, Place, place};
use super::cx::Cx;
use super::unread::Unread;
use spec::Severity;

/// A job or a unit that was not there, or was another.
pub(super) static DRIFT: Check = Check {
    id: "schedule-drift",
    severity: Severity::Medium,
    title: "A scheduled job or a unit is not as in the baseline",
    remediation: "Read the file and find out who changed it. Remove it if nobody did; otherwise make a new baseline.",
};

/// Where a machine keeps them. Units of packages are in `/usr/lib/systemd`, which `file-integrity` watches.
const PLACES: [Place; 17] = [
    place("/etc/anacrontab"),
    place("/etc/cron.d"),
    place("/etc/cron.daily"),
    place("/etc/cron.hourly"),
    place("/etc/cron.monthly"),
    place("/etc/cron.weekly"),
    place("/etc/crontab"),
    place("/etc/init.d"),
    place("/etc/rc.local"),
    place("/etc/systemd/system"),
    place("/etc/systemd/user"),
    place("/root/.config/systemd/user"),
    place("/usr/local/lib/systemd"),
    Place { path: "/var/spool/at", names: "a*", of_users: true },
    Place { path: "/var/spool/cron/atjobs", names: "a*", of_users: true },
    Place { path: "/var/spool/cron/crontabs", names: "*", of_users: true },
    Place { path: "/var/spool/cron/tabs", names: "*", of_users: true },
];

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    // The list of any machine has this folder in it; without it the files are not a system's.
    cx.source.dir("/etc")?;
    configured::observe(cx, &DRIFT, &PLACES);
    configured::drift(cx, &DRIFT, "A scheduled job or a unit");
    Ok(())
}

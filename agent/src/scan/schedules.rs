//! What runs by itself: cron, at, timers, units.

use super::check::Check;
use super::configured::{self, Place, of_users, place};
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
const PLACES: [Place; 16] = [
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
    place("/usr/local/lib/systemd"),
    of_users("/var/spool/at", "a*"),
    of_users("/var/spool/cron/atjobs", "a*"),
    of_users("/var/spool/cron/crontabs", "*"),
    of_users("/var/spool/cron/tabs", "*"),
];

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    // The list of any machine has this folder in it; without it the files are not a system's.
    cx.source.dir("/etc")?;
    let at_home = configured::at_home(&[".config/systemd/user"]);
    configured::observe(cx, &DRIFT, PLACES.into_iter().chain(at_home));
    super::loose::visit_all(cx, &DRIFT, &super::loose::RUN);
    configured::drift(cx, &DRIFT, "A scheduled job or a unit");
    Ok(())
}

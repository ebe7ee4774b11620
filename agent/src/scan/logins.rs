//! What happens when somebody logs in: PAM, profiles, the sources of names, the linker's paths.

use super::check::Check;
use super::configured::{self, Place, place};
use super::cx::Cx;
use super::pam;
use super::unread::Unread;
use spec::Severity;

/// A file that decides who comes in, or what runs when somebody does.
pub(super) static DRIFT: Check = Check {
    id: "login-drift",
    severity: Severity::High,
    title: "A file that decides about logins is not as in the baseline",
    remediation: "Compare the file with the package's (dpkg -V, or a copy from backup) and find out who changed it. If the \
                  change is meant, make a new baseline.",
};

const PLACES: [Place; 13] = [
    place("/etc/bash.bashrc"),
    place("/etc/environment"),
    place("/etc/ld.so.conf"),
    place("/etc/ld.so.conf.d"),
    place("/etc/login.defs"),
    place("/etc/nsswitch.conf"),
    place("/etc/pam.conf"),
    place("/etc/pam.d"),
    place("/etc/profile"),
    place("/etc/profile.d"),
    place("/etc/security"),
    place("/etc/shells"),
    place("/etc/zsh"),
];

/// What root's shells read.
const AT_HOME: [&str; 6] = [".bash_login", ".bash_profile", ".bashrc", ".profile", ".zprofile", ".zshrc"];

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    cx.source.dir("/etc")?;
    configured::observe(cx, &DRIFT, PLACES.into_iter().chain(configured::at_home(&AT_HOME)));
    pam::open_doors(cx, &DRIFT);
    super::loose::visit_all(cx, &DRIFT, &super::loose::LOGIN);
    configured::drift(cx, &DRIFT, "A file that decides about logins");
    Ok(())
}

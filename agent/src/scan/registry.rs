//! The list of all checks. It knows every theme, and no theme knows it.

use super::check::Check;
use super::cx::Cx;
use super::unread::Unread;
use super::{
    accounts, apt, certificates, containers, files, integrity, kernel, keys, listeners, logins, modules,
    mounts, package_files, packets, preload, processes, reboot, records, schedules, ssh, sudoers,
};

/// Some checks that share what they read. If `run` fails, none of them could be made.
pub(super) struct Step {
    pub(super) checks: &'static [&'static Check],
    pub(super) run: fn(&mut Cx<'_>) -> Result<(), Unread>,
}

/// All of them, in the order in which they are made: what changes fastest first, the long walks last.
pub(super) const STEPS: &[Step] = &[
    Step { checks: &[&processes::HIDDEN], run: processes::hidden },
    Step { checks: &[&processes::BINARY, &processes::PRELOAD], run: processes::root },
    Step { checks: &[&listeners::LISTENER], run: listeners::run },
    Step { checks: &[&packets::PACKETS], run: packets::run },
    Step { checks: &[&modules::MODULE], run: modules::run },
    Step { checks: &[&kernel::CORE], run: kernel::core_pattern },
    Step { checks: &[&kernel::HARDENING], run: kernel::hardening },
    Step { checks: &[&kernel::ACCESS], run: kernel::access_control },
    Step { checks: &[&mounts::OPTIONS], run: mounts::run },
    Step { checks: &[&reboot::REBOOT], run: reboot::run },
    Step { checks: &[&accounts::UID_ZERO], run: accounts::uid_zero },
    Step { checks: &[&accounts::EMPTY], run: accounts::empty_password },
    Step { checks: &[&accounts::WEAK], run: accounts::weak_hash },
    Step { checks: &[&accounts::CREDENTIALS], run: accounts::credential_files },
    Step { checks: &[&sudoers::SUDOERS], run: sudoers::run },
    Step { checks: &[&preload::PRELOAD], run: preload::run },
    Step { checks: &[&ssh::LOGIN, &ssh::WEAK], run: ssh::server },
    Step { checks: &[&ssh::HOST_KEYS], run: ssh::host_keys },
    Step { checks: &[&keys::KEYS], run: keys::run },
    Step { checks: &[&schedules::DRIFT], run: schedules::run },
    Step { checks: &[&logins::DRIFT], run: logins::run },
    Step { checks: &[&apt::SOURCES], run: apt::run },
    Step { checks: &[&records::RECORDS], run: records::run },
    Step { checks: &[&containers::SOCKET], run: containers::run },
    Step { checks: &[&certificates::EXPIRY], run: certificates::run },
    Step { checks: &[&files::PRIVILEGED, &files::WRITABLE], run: files::run },
    Step { checks: &[&package_files::PACKAGE, &integrity::DRIFT], run: integrity::run },
];

/// Every check, in the order in which they are made.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    STEPS.iter().flat_map(|step| step.checks.iter().copied())
}

//! Whether the machine runs what is installed.

use super::check::Check;
use super::cx::Cx;
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::cmp::Ordering;

/// Corrections that wait for a reboot.
pub(super) static REBOOT: Check = Check {
    id: "reboot-required",
    severity: Severity::Low,
    title: "The machine has to be rebooted for installed corrections to take effect",
    remediation: "Reboot at the next opportunity.",
};

const MODULES: &str = "/usr/lib/modules";

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let running = cx.source.text("/proc/sys/kernel/osrelease")?.trim().to_owned();
    if let Some(text) = cx.source.text("/run/reboot-required").optional()? {
        let packages = cx.source.text("/run/reboot-required.pkgs").optional()?.unwrap_or_default();
        cx.find(&REBOOT, "packages", text + &packages);
    }
    // A container, or a machine whose kernel comes from elsewhere, has no kernels installed.
    let installed = match cx.source.list(MODULES).optional()? {
        Some(installed) => installed,
        None => cx.source.list("/lib/modules").optional()?.unwrap_or_default(),
    };
    let newest = installed
        .iter()
        .filter(|release| flavour(release) == flavour(&running))
        .max_by(|a, b| compare(a, b))
        .filter(|newest| compare(newest, &running) == Ordering::Greater);
    if let Some(newest) = newest {
        let title = format!("The kernel {running} runs, though {newest} is installed");
        cx.find(&REBOOT, "kernel", format!("{running} {newest}")).title(title);
    } else if !installed.is_empty() && !installed.contains(&running) {
        let title = format!("The kernel {running} runs and is no longer installed");
        cx.find(&REBOOT, "kernel", running).title(title);
    }
    Ok(())
}

/// What kind of kernel a release is, without numbers: `6.1.0-18-cloud-amd64` is `cloud amd`.
fn flavour(release: &str) -> Vec<&str> {
    let words = release.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).collect()
}

/// Releases in their order: numbers by value, the rest by its letters.
fn compare(a: &str, b: &str) -> Ordering {
    parts(a).cmp(&parts(b))
}

fn parts(release: &str) -> Vec<(u64, &str)> {
    let pieces = release.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| (piece.parse().unwrap_or(0), piece.trim_start_matches(|c: char| c.is_ascii_digit())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        assert_eq!(compare("6.1.0-18-amd64", "6.1.0-9-amd64"), Ordering::Greater);
        assert_eq!(compare("6.12.4-arch1-1", "6.6.9-arch1-1"), Ordering::Greater);
        assert_eq!(compare("6.1.0-18-amd64", "6.1.0-18-amd64"), Ordering::Equal);
        assert_eq!(flavour("6.1.0-18-amd64"), flavour("6.1.0-9-amd64"));
        assert_ne!(flavour("6.1.0-18-amd64"), flavour("6.1.0-18-cloud-amd64"));
    }
}

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

/// What kind of kernel a release is: `6.1.0-18-cloud-amd64` is `cloud amd`. Which release of the distribution it
/// was built for, and that it is a candidate, does not tell kinds apart.
fn flavour(release: &str) -> Vec<&str> {
    let words = release.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let words = words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    words.filter(|word| !["bpo", "deb", "rc"].contains(word)).collect()
}

/// Releases in their order, as linux-version(1) has it: that of Debian's versions (deb-version(7)), a candidate
/// before what it is a candidate for.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.replace("-rc", "~rc"), b.replace("-rc", "~rc"));
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        // Up to the next digit each character by its weight, then a number by its value.
        let (text_a, text_b) = (until(&mut a, u8::is_ascii_digit), until(&mut b, u8::is_ascii_digit));
        for at in 0..text_a.len().max(text_b.len()) {
            let order = weight(text_a.get(at)).cmp(&weight(text_b.get(at)));
            if order != Ordering::Equal {
                return order;
            }
        }
        let (digits_a, digits_b) =
            (until(&mut a, |byte| !byte.is_ascii_digit()), until(&mut b, |byte| !byte.is_ascii_digit()));
        let (digits_a, digits_b) = (without_zeros(digits_a), without_zeros(digits_b));
        let order = digits_a.len().cmp(&digits_b.len()).then(digits_a.cmp(digits_b));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes what stands before the first byte that `ends` names off the front.
fn until<'b>(bytes: &mut &'b [u8], ends: impl Fn(&u8) -> bool) -> &'b [u8] {
    let (front, rest) = bytes.split_at(bytes.iter().position(ends).unwrap_or(bytes.len()));
    *bytes = rest;
    front
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    digits.get(digits.iter().take_while(|digit| **digit == b'0').count()..).unwrap_or_default()
}

/// A tilde comes before the end, letters before all else.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => 256 + i32::from(*other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        assert_eq!(compare("6.1.0-18-amd64", "6.1.0-9-amd64"), Ordering::Greater);
        assert_eq!(compare("6.12.4-arch1-1", "6.6.9-arch1-1"), Ordering::Greater);
        assert_eq!(compare("6.1.0-18-amd64", "6.1.0-18-amd64"), Ordering::Equal);
        assert_eq!(compare("6.10.0-amd64", "6.10-rc5-amd64"), Ordering::Greater);
        assert_eq!(compare("6.10.0-rc5-amd64", "6.10.0-amd64"), Ordering::Less);
        for newer in ["6.12.38+deb13-amd64", "6.5.0-0.deb12.4-amd64"] {
            assert_eq!(compare(newer, "6.1.0-31-amd64"), Ordering::Greater);
            assert_eq!(flavour(newer), flavour("6.1.0-31-amd64"));
        }
        assert_eq!(flavour("6.1.0-18-amd64"), flavour("6.1.0-9-amd64"));
        assert_ne!(flavour("6.1.0-18-amd64"), flavour("6.1.0-18-cloud-amd64"));
    }
}

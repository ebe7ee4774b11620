//! What `/proc` and its neighbours say, read as files below a root that a test can choose.
//!
//! Every function answers `None` for what cannot be read or understood; nothing is guessed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Longest file that is read, in bytes; the ones read here are a few KiB.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The root of a system's files, `/` on a real one.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

/// The three load averages, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Over one minute.
    pub one: u64,
    /// Over five minutes.
    pub five: u64,
    /// Over fifteen minutes.
    pub fifteen: u64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel can use.
    pub total: u64,
    /// What can be had without swapping.
    pub available: u64,
}

impl Root {
    /// The files below `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// An absolute path of the system, below this root.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.0.join(absolute.trim_start_matches('/'))
    }

    /// A file's text without the last line end.
    pub fn text(&self, absolute: &str) -> Option<String> {
        read(&self.path(absolute))
    }

    /// `/proc/loadavg`: `0.52 0.58 0.59 1/389 12345`.
    pub fn load(&self) -> Option<Load> {
        let text = self.text("/proc/loadavg")?;
        let mut fields = text.split(' ').map(milli);
        Some(Load { one: fields.next()??, five: fields.next()??, fifteen: fields.next()?? })
    }

    /// `/proc/meminfo`.
    pub fn memory(&self) -> Option<Memory> {
        let text = self.text("/proc/meminfo")?;
        Some(Memory { total: kib(&text, "MemTotal:")?, available: kib(&text, "MemAvailable:")? })
    }

    /// `/proc/meminfo`: what of the swap space is taken, in bytes.
    pub fn swap_used_bytes(&self) -> Option<u64> {
        let text = self.text("/proc/meminfo")?;
        kib(&text, "SwapTotal:")?.checked_sub(kib(&text, "SwapFree:")?)
    }

    /// `/proc/uptime`: whole seconds since boot.
    pub fn uptime_secs(&self) -> Option<u64> {
        self.text("/proc/uptime")?.split(['.', ' ']).next()?.parse().ok()
    }

    /// `/proc/pressure/<resource>`: share of the last ten seconds in which some task waited, in
    /// thousandths of a percent.
    pub fn pressure_milli(&self, resource: &str) -> Option<u64> {
        let text = self.text(&format!("/proc/pressure/{resource}"))?;
        let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
        milli(some.split(' ').find_map(|field| field.strip_prefix("avg10="))?)
    }

    /// The kernel's random id of this boot.
    pub fn boot_id(&self) -> Option<String> {
        self.text("/proc/sys/kernel/random/boot_id")
    }

    /// The running kernel's release.
    pub fn kernel_release(&self) -> Option<String> {
        self.text("/proc/sys/kernel/osrelease")
    }

    /// The host's name.
    pub fn hostname(&self) -> Option<String> {
        self.text("/proc/sys/kernel/hostname")
    }

    /// Resident memory of the process that asks, in bytes.
    pub fn own_rss_bytes(&self) -> Option<u64> {
        kib(&self.text("/proc/self/status")?, "VmRSS:")
    }

    /// The profile that `/etc/os-release` suggests: `debian` is `DebianVault`.
    pub fn os_profile(&self) -> Option<String> {
        let text = self.text("/etc/os-release").or_else(|| self.text("/usr/lib/os-release"))?;
        let id = text.lines().find_map(|line| line.strip_prefix("ID="))?.trim_matches(['"', '\'']);
        let mut letters = id.chars().filter(char::is_ascii_alphanumeric);
        let first = letters.next()?.to_ascii_uppercase();
        Some(format!("{first}{}Vault", letters.collect::<String>()))
    }
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES).read_to_string(&mut text).ok()?;
    text.truncate(text.trim_end_matches('\n').len());
    Some(text)
}

/// `12.34` in thousandths, without a detour through floating point.
fn milli(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(digits.parse().ok()?)
}

/// A line such as `MemTotal:  16303536 kB`, in bytes.
fn kib(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths() {
        for (text, expected) in [
            ("0.52", Some(520)),
            ("12.3456", Some(12_345)),
            ("7", Some(7000)),
            ("", None),
            ("-1.0", None),
            ("x.1", None),
            ("1.x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(milli(text), expected, "{text:?}");
        }
    }
}

//! Settings of the kernel: where it sends the memory of programs that crash, how hard it makes the work of
//! an exploit, and whether it keeps programs within bounds.

use super::check::Check;
use super::cx::Cx;
use super::unread::{Optional as _, Unread};
use spec::Severity;

/// A program that the kernel starts as root whenever another crashes.
pub(super) static CORE: Check = Check {
    id: "core-pattern",
    severity: Severity::High,
    title: "The kernel starts an unknown program whenever another one crashes",
    remediation: "Set kernel.core_pattern back to what the distribution has (systemd-coredump, apport, or a file name) and \
                  find out who changed it: the program runs as root.",
};

/// Switches that are off.
pub(super) static HARDENING: Check = Check {
    id: "kernel-hardening",
    severity: Severity::Low,
    title: "A protection of the kernel is off",
    remediation: "Set the value in a file of /etc/sysctl.d and load it with `sysctl --system`.",
};

/// No module keeps programs within bounds.
pub(super) static ACCESS: Check = Check {
    id: "mandatory-access",
    severity: Severity::Medium,
    title: "Neither AppArmor nor SELinux keeps programs within bounds",
    remediation: "Switch on what the distribution supports: AppArmor (apparmor=1 security=apparmor on the kernel's command \
                  line) or SELinux (SELINUX=enforcing in /etc/selinux/config).",
};

/// Programs that distributions set.
const HANDLERS: [&str; 7] = [
    "/lib/systemd/systemd-coredump",
    "/usr/lib/systemd/systemd-coredump",
    "/usr/lib/abrt-hook-ccpp",
    "/usr/libexec/abrt-hook-ccpp",
    "/usr/share/apport/apport",
    "/usr/lib/kdump/kdump",
    "/usr/libexec/systemd-coredump",
];

pub(super) fn core_pattern(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let pattern = cx.source.text("/proc/sys/kernel/core_pattern")?;
    let pattern = pattern.trim();
    if let Some(socket) = pattern.strip_prefix('@') {
        // Since Linux 6.16; what lies below `/run/systemd` only root can put there.
        if !super::watch::below(socket.trim_start_matches('@'), "/run/systemd") {
            cx.find(&CORE, pattern, pattern)
                .title("The kernel hands the memory of programs that crash to an unknown socket");
        }
        return Ok(());
    }
    let mut words = pattern.strip_prefix('|').unwrap_or_default().split_whitespace();
    let Some(program) = words.next() else { return Ok(()) };
    if !HANDLERS.contains(&program) {
        // What a shell or an interpreter does, its arguments say, and no package.
        let anything = super::powers::gives_all(program.rsplit('/').next().unwrap_or_default());
        let owner = super::package_files::explain(cx, program).filter(|_| !anything);
        cx.find(&CORE, program, pattern).explained(owner);
    }
    Ok(())
}

/// What is good enough for a setting.
#[derive(Debug, Clone, Copy)]
enum Want {
    Is(u64),
    Least(u64),
    Not(u64),
    OneOf(&'static [u64]),
}

impl Want {
    fn holds(self, value: u64) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::Least(least) => value >= least,
            Self::Not(bad) => value != bad,
            Self::OneOf(good) => good.contains(&value),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Is(value) => format!("{value}"),
            Self::Least(value) => format!("{value} or more"),
            Self::Not(value) => format!("anything but {value}"),
            Self::OneOf(values) => values.iter().map(u64::to_string).collect::<Vec<_>>().join(" or "),
        }
    }
}

/// Each with how grave it is when it is otherwise. One that the kernel does not have is not asked for.
const SETTINGS: [(&str, Want, Severity); 21] = [
    ("fs.protected_fifos", Want::Least(1), Severity::Low),
    ("fs.protected_hardlinks", Want::Is(1), Severity::Medium),
    ("fs.protected_regular", Want::Least(1), Severity::Low),
    ("fs.protected_symlinks", Want::Is(1), Severity::Medium),
    ("fs.suid_dumpable", Want::Not(1), Severity::Medium),
    ("kernel.dmesg_restrict", Want::Is(1), Severity::Low),
    ("kernel.kptr_restrict", Want::Least(1), Severity::Low),
    ("kernel.perf_event_paranoid", Want::Least(2), Severity::Low),
    ("kernel.randomize_va_space", Want::Is(2), Severity::Medium),
    ("kernel.sysrq", Want::OneOf(&[0, 16, 176, 438]), Severity::Low),
    ("kernel.unprivileged_bpf_disabled", Want::Least(1), Severity::Low),
    ("kernel.yama.ptrace_scope", Want::Least(1), Severity::Low),
    ("net.ipv4.conf.all.accept_redirects", Want::Is(0), Severity::Low),
    ("net.ipv4.conf.all.accept_source_route", Want::Is(0), Severity::Low),
    ("net.ipv4.conf.all.rp_filter", Want::OneOf(&[1, 2]), Severity::Low),
    ("net.ipv4.conf.all.send_redirects", Want::Is(0), Severity::Low),
    ("net.ipv4.icmp_echo_ignore_broadcasts", Want::Is(1), Severity::Low),
    ("net.ipv4.tcp_syncookies", Want::Least(1), Severity::Medium),
    ("net.ipv6.conf.all.accept_redirects", Want::Is(0), Severity::Low),
    ("net.ipv6.conf.all.accept_source_route", Want::Is(0), Severity::Low),
    ("vm.mmap_min_addr", Want::Least(4096), Severity::Medium),
];

pub(super) fn hardening(cx: &mut Cx<'_>) -> Result<(), Unread> {
    cx.source.dir("/proc/sys/kernel")?;
    for (name, want, severity) in SETTINGS {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        let text = cx.source.text(&path).optional();
        let Some(Some(text)) = cx.known(&HARDENING, text) else { continue };
        match text.trim().parse::<i64>() {
            Ok(value) if u64::try_from(value).is_ok_and(|value| want.holds(value)) => {}
            Ok(_) if name == REVERSE_PATH && every_interface_filters(cx) => {}
            Ok(value) => {
                let title = format!(
                    "A protection of the kernel is off: {name} is {value}, should be {}",
                    want.words()
                );
                cx.find(&HARDENING, name, format!("{name}={value}")).title(title).severity(severity);
            }
            Err(_) => cx.unknown(&HARDENING, format!("{path} is not understood")),
        }
    }
    Ok(())
}

/// Of this setting the kernel takes the larger of that for all and that of the interface (ip-sysctl, `rp_filter`).
const REVERSE_PATH: &str = "net.ipv4.conf.all.rp_filter";

fn every_interface_filters(cx: &Cx<'_>) -> bool {
    let folder = "/proc/sys/net/ipv4/conf";
    let names = cx.source.list(folder).unwrap_or_default();
    let mut interfaces =
        names.iter().filter(|name| !["all", "default", "lo"].contains(&name.as_str())).peekable();
    let filters = |name: &String| {
        let value = cx.source.text(&format!("{folder}/{name}/rp_filter")).unwrap_or_default();
        matches!(value.trim(), "1" | "2")
    };
    interfaces.peek().is_some() && interfaces.all(filters)
}

pub(super) fn access_control(cx: &mut Cx<'_>) -> Result<(), Unread> {
    cx.source.dir("/sys/module")?;
    let active = cx.source.text("/sys/kernel/security/lsm").optional()?.unwrap_or_default();
    if let Some(enforce) = cx.source.text("/sys/fs/selinux/enforce").optional()? {
        match enforce.trim() {
            "1" => return Ok(()),
            "0" => {
                cx.find(&ACCESS, "SELinux", "permissive")
                    .title("SELinux notes what it should stop, and stops nothing");
                return Ok(());
            }
            _ => return Err(Unread::odd("/sys/fs/selinux/enforce", "is not understood")),
        }
    }
    match cx.source.text("/sys/module/apparmor/parameters/enabled").optional()?.as_deref().map(str::trim) {
        Some("Y") => {}
        None | Some("N") if active.split(',').any(|module| ["smack", "tomoyo"].contains(&module.trim())) => {}
        None | Some("N") => drop(cx.find(&ACCESS, "kernel", active.trim())),
        Some(_) => cx.unknown(&ACCESS, "/sys/module/apparmor/parameters/enabled is not understood"),
    }
    Ok(())
}

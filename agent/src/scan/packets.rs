//! Who reads what passes by on the network.

use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::text;
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// A socket that sees all packets, or an interface that takes in those for others.
pub(super) static PACKETS: Check = Check {
    id: "packet-capture",
    severity: Severity::High,
    title: "A program reads packets from the network as they pass",
    remediation: "Stop it unless somebody is looking for a fault with it (tcpdump and the like). An interface leaves the \
                  mode with `ip link set dev NAME promisc off`.",
};

/// `IFF_PROMISC`.
const PROMISCUOUS: u32 = 0x100;

/// Programs that need such sockets for their work: clients of DHCP, link discovery, virtual machines.
const KNOWN: [&str; 12] = [
    "NetworkManager",
    "arping",
    "connmand",
    "dhclient",
    "dhcpcd",
    "dhcpd",
    "hostapd",
    "lldpd",
    "networkd-dispatcher",
    "systemd-networkd",
    "udhcpc",
    "wpa_supplicant",
];

/// A kernel without packet sockets has no list of them.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let names = cx.source.list("/sys/class/net")?;
    for name in names {
        let folder = format!("/sys/class/net/{name}");
        // Some files of this folder, such as bonding_masters, are no interfaces.
        if cx.source.lstat(&folder).is_ok_and(|meta| meta.kind == Type::File) {
            continue;
        }
        let flags = cx.source.text(&format!("{folder}/flags"));
        let Some(flags) = cx.known(&PACKETS, flags) else { continue };
        let Ok(bits) = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16) else {
            cx.unknown(&PACKETS, format!("{folder}/flags is not understood"));
            continue;
        };
        // A port of a bridge or a bond takes in everything because its master needs it.
        let enslaved =
            ["brport", "master"].iter().any(|link| cx.source.lstat(&format!("{folder}/{link}")).is_ok());
        if bits & PROMISCUOUS != 0 && !enslaved {
            cx.find(&PACKETS, format!("interface {name}"), flags.trim())
                .title("An interface takes in packets that are meant for others");
        }
    }
    sockets(cx)
}

/// Packet sockets by the program that holds each.
fn sockets(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let text = cx.source.text("/proc/net/packet").optional()?.unwrap_or_default();
    let mut inodes = BTreeSet::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        // sk RefCnt Type Proto Iface R Rmem User Inode
        match line.split_whitespace().nth(8).and_then(|inode| inode.parse::<u64>().ok()) {
            Some(inode) => {
                inodes.insert(inode);
            }
            None => {
                cx.unknown(&PACKETS, format!("line {} of /proc/net/packet is not understood", number + 1));
            }
        }
    }
    if inodes.is_empty() {
        return Ok(());
    }
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for (inode, program) in holders_of(cx, &inodes)? {
        inodes.remove(&inode);
        *holders.entry(program).or_default() += 1;
    }
    for _ in inodes {
        *holders.entry("an unknown program".to_owned()).or_default() += 1;
    }
    for (program, count) in holders {
        let known = program.rsplit('/').next().is_some_and(|name| KNOWN.contains(&name));
        let seen = format!("{program} {count}");
        let found = cx.find(&PACKETS, program, seen);
        if known {
            found.severity(Severity::Low);
        }
    }
    Ok(())
}

/// Which program holds which of these sockets, as far as its open files can be seen.
fn holders_of(cx: &Cx<'_>, inodes: &BTreeSet<u64>) -> Result<Vec<(u64, String)>, Unread> {
    let mut holders = Vec::new();
    for pid in cx.source.list("/proc")?.iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) {
        let Ok(folder) = cx.source.dir(&format!("/proc/{pid}/fd")) else { continue };
        for fd in folder.names().unwrap_or_default() {
            let link = folder.link(&fd).unwrap_or_default();
            let link = String::from_utf8_lossy(&link).into_owned();
            let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode.filter(|inode| inodes.contains(inode)) {
                let exe = cx.source.link(&format!("/proc/{pid}/exe")).unwrap_or_default();
                let exe = text::of_bytes(&exe);
                holders.push((inode, if exe.is_empty() { "an unknown program".to_owned() } else { exe }));
            }
        }
    }
    Ok(holders)
}

//! What listens for others.

use super::check::Check;
use super::cx::{Change, Cx};
use super::unread::Unread;
use spec::Severity;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A port that was not open when the baseline was made.
pub(super) static LISTENER: Check = Check {
    id: "listener",
    severity: Severity::Medium,
    title: "A port listens that the baseline does not have",
    remediation: "Find its program (ss -lptun). Stop it if it is not meant to be there; otherwise have it listen where it \
                  is needed only, and make a new baseline.",
};

/// State of a TCP socket that listens, and of a UDP socket without a peer.
const TCP_LISTEN: &str = "0A";
const UDP_UNCONNECTED: &str = "07";

/// Where ports for a moment begin unless the kernel says otherwise.
const EPHEMERAL_FROM: u16 = 32768;

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let range = cx.source.text("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let ephemeral =
        range.split_whitespace().next().and_then(|from| from.parse().ok()).unwrap_or(EPHEMERAL_FROM);
    // A kernel without IPv6 has no list for it; one without IPv4 is none that this was written for.
    for (file, needed) in [("tcp", true), ("tcp6", false), ("udp", true), ("udp6", false)] {
        let path = format!("/proc/net/{file}");
        let text = match cx.source.text(&path) {
            Err(unread) if unread.is_missing() && !needed => continue,
            read => read?,
        };
        for (number, line) in text.lines().enumerate().skip(1) {
            let Some((address, port, state)) = socket(line) else {
                cx.unknown(&LISTENER, format!("line {} of {path} is not understood", number + 1));
                continue;
            };
            let udp = file.starts_with("udp");
            let listens =
                if udp { state == UDP_UNCONNECTED && port < ephemeral } else { state == TCP_LISTEN };
            if listens {
                let protocol = if udp { "udp" } else { "tcp" };
                let subject = match address {
                    IpAddr::V4(address) => format!("{protocol} {address}:{port}"),
                    IpAddr::V6(address) => format!("{protocol} [{address}]:{port}"),
                };
                cx.observe(&LISTENER, subject.clone(), subject);
            }
        }
    }
    for (subject, change, digest) in cx.drift(&LISTENER) {
        // One that has stopped may be a service that is down; whether it should run is for heartbeats to say.
        if change == Change::New {
            let local = subject.contains(" 127.") || subject.contains(" [::1]");
            let found = cx.find(&LISTENER, subject, digest.0);
            if local {
                found.severity(Severity::Low);
            }
        }
    }
    Ok(())
}

/// Local address, port and state of a line such as `0: 0100007F:1F90 00000000:0000 0A …`.
fn socket(line: &str) -> Option<(IpAddr, u16, &str)> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    Some((parse(address)?, u16::from_str_radix(port, 16).ok()?, state))
}

/// An address as the kernel prints it: words of 32 bits, each in the byte order of the machine, which is
/// little-endian on every one that is supported.
fn parse(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::V4(Ipv4Addr::from(b))),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let v4 = socket("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000").unwrap();
        assert_eq!((v4.0.to_string().as_str(), v4.1, v4.2), ("127.0.0.1", 8080, "0A"));
        let v6 =
            socket("   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A")
                .unwrap();
        assert_eq!((v6.0.to_string().as_str(), v6.1), ("::1", 22));
        for bad in ["", "0: x:y z 0A", "0: 0100007F 0 0A", "0: 01:1F90 0 0A", "0: é00007F:1F90 0 0A"] {
            assert_eq!(socket(bad), None, "{bad}");
        }
    }
}

//! Whom and what a pattern is about: ssh_config(5), "PATTERNS", and sshd_config(5), "Match", `AllowUsers`.

use super::super::text::fits;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A connection, as the server sees it before anybody is let in.
#[derive(Debug, Clone)]
pub(in crate::scan) struct Connection {
    pub(super) user: String,
    /// The names of the user's groups.
    pub(super) groups: Vec<String>,
    pub(super) host: String,
    pub(super) address: String,
    pub(super) local_address: String,
    pub(super) local_port: u16,
}

/// Whether a list of patterns, some of them negated, is about a name: one that is negated is the last word.
pub(super) fn in_list(name: &str, list: &str) -> Option<bool> {
    let mut found = None;
    for pattern in list.split(',') {
        let (negated, pattern) =
            pattern.strip_prefix('!').map_or((false, pattern), |pattern| (true, pattern));
        if fits(pattern, name) {
            if negated {
                return Some(false);
            }
            found = Some(true);
        }
    }
    found
}

/// The same for names of hosts, in which case does not matter.
pub(super) fn host_in_list(host: &str, list: &str) -> Option<bool> {
    in_list(&host.to_ascii_lowercase(), &list.to_ascii_lowercase())
}

/// The same for addresses: networks as address and bits, or patterns.
pub(super) fn address_in_list(address: &str, list: &str) -> Option<bool> {
    let parsed = address.parse::<IpAddr>().ok()?;
    let mut found = None;
    for item in list.split(',') {
        let (negated, item) = item.strip_prefix('!').map_or((false, item), |item| (true, item));
        let matched = match network(item) {
            Some((base, bits)) => in_network(parsed, base, bits),
            None => fits(item, address),
        };
        if matched {
            if negated {
                return Some(false);
            }
            found = Some(true);
        }
    }
    found
}

/// An address with its number of bits; a single address has all of them.
pub(super) fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(all), |bits| bits.parse::<u32>().ok().filter(|bits| *bits <= all))?;
    Some((address, bits))
}

fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

fn in_network(address: IpAddr, base: IpAddr, bits: u32) -> bool {
    let ((a, all), (b, other)) = (number(address), number(base));
    let unused = all.saturating_sub(bits);
    all == other && a.checked_shr(unused).unwrap_or(0) == b.checked_shr(unused).unwrap_or(0)
}

/// The first address of a network and the first behind it: where what a list says can change.
pub(super) fn edges(base: IpAddr, bits: u32) -> Vec<String> {
    let (value, all) = number(base);
    let size = 1_u128.checked_shl(all.saturating_sub(bits)).unwrap_or(0);
    let first = value.checked_div(size).unwrap_or(0) * size;
    let text = |value: u128| match base {
        IpAddr::V4(_) => u32::try_from(value).ok().map(|value| Ipv4Addr::from(value).to_string()),
        IpAddr::V6(_) => Some(Ipv6Addr::from(value).to_string()),
    };
    let behind = first.checked_add(size).filter(|_| size > 0).and_then(text);
    text(first).into_iter().chain(behind).collect()
}

/// An address that a pattern of addresses fits; a name if there is none.
pub(super) fn address_instance(pattern: &str) -> String {
    let pattern = pattern.trim_start_matches('!').replace('?', "1");
    let filled =
        ["1", "1.1", "1.1.1", "203.0.113.1", "1:1", "2001:db8::1"].map(|part| pattern.replacen('*', part, 1));
    let filled = filled.map(|filled| filled.replace('*', "1"));
    let address = filled.iter().find(|filled| filled.parse::<IpAddr>().is_ok());
    address.cloned().unwrap_or_else(|| instance(&pattern))
}

/// A name that a pattern fits.
pub(super) fn instance(pattern: &str) -> String {
    pattern.trim_start_matches('!').replace(['*', '?'], "1")
}

/// Whether all criteria of a `Match` hold.
pub(super) fn holds(criteria: &[(String, String)], connection: &Connection) -> bool {
    criteria.iter().all(|(name, value)| {
        let held = match name.as_str() {
            "user" => in_list(&connection.user, value),
            "group" => groups_in_list(&connection.groups, value),
            "host" => host_in_list(&connection.host, value),
            "address" => address_in_list(&connection.address, value),
            "localaddress" => address_in_list(&connection.local_address, value),
            "localport" => Some(value.parse() == Ok(connection.local_port)),
            // No system that is scanned has routing domains.
            _ => None,
        };
        held == Some(true)
    })
}

fn groups_in_list(groups: &[String], list: &str) -> Option<bool> {
    let mut found = None;
    for group in groups {
        match in_list(group, list) {
            Some(false) => return Some(false),
            Some(true) => found = Some(true),
            None => {}
        }
    }
    found
}

/// Whether an entry of `AllowUsers` or `DenyUsers` is about a connection: a user, with or without a place.
pub(super) fn is_user(pattern: &str, connection: &Connection) -> bool {
    match pattern.split_once('@') {
        None => fits(pattern, &connection.user),
        Some((user, place)) => {
            let listed = [address_in_list(&connection.address, place), host_in_list(&connection.host, place)];
            fits(user, &connection.user) && !listed.contains(&Some(false)) && listed.contains(&Some(true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end_at_what_is_negated() {
        assert_eq!(in_list("root", "*,!root"), Some(false));
        assert_eq!(in_list("root", "!root,*"), Some(false));
        assert_eq!(in_list("ops", "*,!root"), Some(true));
        assert_eq!(in_list("root", "!ops"), None);
        assert_eq!(host_in_list("WEB.example.org", "*.Example.org"), Some(true));
    }

    #[test]
    fn networks_and_their_edges() {
        for (address, list, expected) in [
            ("10.1.2.3", "10.0.0.0/8", Some(true)),
            ("10.1.2.3", "10.0.0.0/8,!10.1.0.0/16", Some(false)),
            ("11.1.2.3", "10.0.0.0/8", None),
            ("10.1.2.3", "10.1.*", Some(true)),
            ("::1", "0.0.0.0/0", None),
            ("2001:db8::1", "2001:db8::/32", Some(true)),
            ("10.1.2.3", "0.0.0.0/0", Some(true)),
        ] {
            assert_eq!(address_in_list(address, list), expected, "{address} {list}");
        }
        assert_eq!(edges("10.0.0.0".parse().unwrap(), 8), ["10.0.0.0", "11.0.0.0"]);
        assert_eq!(edges("0.0.0.0".parse().unwrap(), 0), ["0.0.0.0"]);
        assert_eq!(edges("::".parse().unwrap(), 0), ["::"]);
        assert_eq!(edges("255.255.255.255".parse().unwrap(), 32), ["255.255.255.255"]);
    }
}

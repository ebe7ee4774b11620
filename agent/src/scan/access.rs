//! Who may reach and use a file beside what its mode says to everybody: access lists (acl(5)), and the folders above.

/// Named users or groups of an access list that have these rights in effect, in the form in which Linux keeps them
/// (`struct posix_acl_xattr_header`, little-endian: version 2, then tag, rights and id of each entry).
pub(super) fn named_rights(list: &[u8]) -> u16 {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    const MASK: u16 = 0x10;
    let word = |entry: &[u8], at: usize| {
        entry.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes)
    };
    let id = |entry: &[u8]| entry.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (mut named, mut mask) = (0, 0o7);
    for entry in list.get(4..).unwrap_or_default().chunks_exact(8) {
        let (Some(tag), Some(rights)) = (word(entry, 0), word(entry, 2)) else { continue };
        match tag {
            // What root is given it has anyway.
            USER | GROUP if id(entry) != Some(0) => named |= rights,
            MASK => mask = rights,
            _ => {}
        }
    }
    named & mask & 0o7
}

/// A folder on the way to a file that not everybody may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed {
    /// Its owner, who may.
    pub(super) uid: u32,
    /// Its group, if that may.
    pub(super) gid: Option<u32>,
    /// Whether its access list lets others in.
    pub(super) named: bool,
}

impl Closed {
    /// Whether nobody gets through who does not have the powers of root or of `owner` already.
    pub(super) fn keeps_out_all_but(&self, owner: u32) -> bool {
        (self.uid == 0 || self.uid == owner) && self.gid.is_none_or(|gid| gid == 0) && !self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let list = |entries: &[(u16, u16, u32)]| {
            let mut bytes = 2_u32.to_le_bytes().to_vec();
            for (tag, rights, id) in entries {
                bytes.extend_from_slice(&tag.to_le_bytes());
                bytes.extend_from_slice(&rights.to_le_bytes());
                bytes.extend_from_slice(&id.to_le_bytes());
            }
            bytes
        };
        let none = u32::MAX;
        assert_eq!(
            named_rights(&list(&[
                (1, 6, none),
                (2, 7, 1000),
                (4, 4, none),
                (0x10, 6, none),
                (0x20, 4, none)
            ])),
            6
        );
        assert_eq!(named_rights(&list(&[(1, 6, none), (8, 7, 33), (0x10, 4, none)])), 4);
        assert_eq!(named_rights(&list(&[(1, 6, none), (2, 7, 0), (0x10, 7, none)])), 0);
        assert_eq!((named_rights(&[]), named_rights(b"junk and more")), (0, 0));
    }
}

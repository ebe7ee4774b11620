//! pacman's database: for each installed package a folder with `desc` and a compressed list of its files.
//!
//! ```text
//! /set type=file uid=0 gid=0 mode=644
//! ./usr/bin/ls time=1695000000.0 mode=755 size=137744 sha256digest=…
//! ```

use super::packages::{Digest, Links, Packages};
use super::source::Source;
use super::unread::Unread;
use flate2::read::GzDecoder;
use std::io::Read as _;

const LOCAL: &str = "/var/lib/pacman/local";

/// Longest list of files, unpacked, in bytes.
const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;

/// Adds the files of every installed package.
pub(super) fn load(source: &Source, packages: &mut Packages) -> Result<(), Unread> {
    let links = Links::read(source);
    for folder in source.list(LOCAL)? {
        let path = format!("{LOCAL}/{folder}/mtree");
        // The folder has a file of its own that says which version the database is of.
        if folder == "ALPM_DB_VERSION" {
            continue;
        }
        let packed = source.bytes(&path)?;
        let mut list = Vec::new();
        let unpacked = GzDecoder::new(packed.as_slice()).take(MAX_LIST_BYTES).read_to_end(&mut list);
        unpacked.map_err(|_| Unread::odd(&path, "is damaged"))?;
        let package = packages.package(name(&folder));
        for line in String::from_utf8_lossy(&list).lines() {
            if let Some((path, digest)) = entry(line) {
                packages.add(package, &path, digest, &links);
            }
        }
    }
    Ok(())
}

/// `coreutils-9.4-3` is `coreutils 9.4-3`.
fn name(folder: &str) -> String {
    let mut parts = folder.rsplitn(3, '-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(release), Some(version), Some(name)) => format!("{name} {version}-{release}"),
        _ => folder.to_owned(),
    }
}

/// Path without the first slash, and digest, of a line about a regular file.
fn entry(line: &str) -> Option<(String, Digest)> {
    let mut words = line.split(' ');
    let path = words.next()?.strip_prefix("./")?;
    let digest = words.find_map(|word| word.strip_prefix("sha256digest="))?;
    Some((unescape(path), Digest::parse(digest)?))
}

/// Bytes that a list writes as a backslash and three octal digits.
fn unescape(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), path);
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        if let Some(byte) = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(b'\\');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    super::text::of_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let digest = "ab".repeat(32);
        let (path, found) =
            entry(&format!("./usr/bin/a\\040b time=1.0 mode=755 size=3 sha256digest={digest}")).unwrap();
        assert_eq!((path.as_str(), found.hex().as_str()), ("usr/bin/a b", &digest[..32]));
        for bad in ["", "#mtree", "/set type=file", "./usr type=dir", "./x sha256digest=zz"] {
            assert_eq!(entry(bad), None, "{bad}");
        }
        assert_eq!(name("gcc-libs-13.2.1-3"), "gcc-libs 13.2.1-3");
    }
}

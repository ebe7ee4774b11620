//! pacman's database: for each installed package a folder with `desc` and a compressed list of its files in the form
//! of mtree(5).
//!
//! ```text
//! /set type=file uid=0 gid=0 mode=644
//! ./usr/bin/ls time=1695000000.0 mode=755 size=137744 sha256digest=…
//! ./usr/bin/sh time=1695000000.0 mode=777 type=link link=bash
//! ```

use super::packages::{Digest, Key, Links, Packages, key};
use super::source::{Source, Type};
use super::unread::Unread;
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::io::Read as _;

const LOCAL: &str = "/var/lib/pacman/local";

/// Longest list of files, unpacked, in bytes.
const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;

/// What holds for the lines behind a `/set`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Preset {
    mode: Option<u16>,
    link: bool,
}

/// Adds the files of every installed package.
pub(super) fn load(source: &Source, packages: &mut Packages) -> Result<(), Unread> {
    let links = Links::read(source);
    for folder in folders(source)? {
        let package = packages.package(name(&folder));
        each(source, &folder, |path, digest, mode| packages.add(package, path, digest, mode, &links))?;
    }
    Ok(())
}

/// The paths of some entries: what is kept of a path does not tell it.
pub(super) fn paths(
    source: &Source,
    packages: &Packages,
    wanted: &BTreeSet<(Key, u32)>,
) -> Vec<(String, u32)> {
    let links = Links::read(source);
    let mut found = Vec::new();
    let claimants: BTreeSet<u32> = wanted.iter().map(|(_, package)| *package).collect();
    for folder in folders(source).unwrap_or_default() {
        let name = name(&folder);
        let mut numbers = claimants.iter().filter(|number| packages.named(**number) == Some(name.as_str()));
        let Some(package) = numbers.next() else { continue };
        let outcome = each(source, &folder, |path, _, _| {
            let path = links.resolve(path);
            if wanted.contains(&(key(&path), *package)) {
                found.push((path, *package));
            }
        });
        // What cannot be read now was read before, and is reported as changed.
        drop(outcome);
    }
    found
}

/// The folders of the packages. Beside them is a file that says which version the database is of.
fn folders(source: &Source) -> Result<Vec<String>, Unread> {
    let mut folders = source.list(LOCAL)?;
    let folder =
        |name: &String| source.lstat(&format!("{LOCAL}/{name}")).map(|meta| meta.kind == Type::Directory);
    folders.retain(|name| folder(name).unwrap_or(true));
    Ok(folders)
}

/// The regular files and links of a package.
fn each(
    source: &Source,
    folder: &str,
    mut each: impl FnMut(&str, Digest, Option<u16>),
) -> Result<(), Unread> {
    let path = format!("{LOCAL}/{folder}/mtree");
    let packed = source.bytes(&path)?;
    let mut list = Vec::new();
    let unpacked = GzDecoder::new(packed.as_slice()).take(MAX_LIST_BYTES).read_to_end(&mut list);
    unpacked.map_err(|_| Unread::odd(&path, "is damaged"))?;
    let mut preset = Preset::default();
    for line in lines(&String::from_utf8_lossy(&list)) {
        if let Some(words) = line.strip_prefix("/set ") {
            preset = keywords(words, preset).0;
        } else if let Some(words) = line.strip_prefix("/unset ") {
            unset(words, &mut preset);
        } else if let Some((path, digest, mode)) = entry(&line, preset) {
            each(&path, digest, mode);
        }
    }
    Ok(())
}

/// Lines with those that they go on with, which end in a backslash.
fn lines(list: &str) -> Vec<String> {
    let (mut lines, mut open) = (Vec::new(), String::new());
    for line in list.lines() {
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
        } else {
            open.push_str(line);
            lines.push(std::mem::take(&mut open));
        }
    }
    lines
}

/// `coreutils-9.4-3` is `coreutils 9.4-3`.
fn name(folder: &str) -> String {
    let mut parts = folder.rsplitn(3, '-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(release), Some(version), Some(name)) => format!("{name} {version}-{release}"),
        _ => folder.to_owned(),
    }
}

fn unset(words: &str, preset: &mut Preset) {
    for word in words.split_whitespace() {
        match word {
            "mode" => preset.mode = None,
            "type" => preset.link = false,
            "all" => *preset = Preset::default(),
            _ => {}
        }
    }
}

/// What keywords say over what is preset: mode and type, digest, and where a link points.
fn keywords(words: &str, preset: Preset) -> (Preset, Option<&str>, Option<&str>) {
    let (mut preset, mut digest, mut link) = (preset, None, None);
    for word in words.split_whitespace() {
        match word.split_once('=') {
            Some(("mode", mode)) => preset.mode = u16::from_str_radix(mode, 8).ok(),
            Some(("type", kind)) => preset.link = kind == "link",
            Some(("sha256digest" | "sha256", hex)) => digest = Some(hex),
            Some(("link", target)) => link = Some(target),
            _ => {}
        }
    }
    (preset, digest, link)
}

/// Path without the first slash, digest and mode, of a line about a regular file or a link.
fn entry(line: &str, preset: Preset) -> Option<(String, Digest, Option<u16>)> {
    let (path, words) = line.trim_start().split_once([' ', '\t'])?;
    let path = path.strip_prefix("./")?;
    let (said, digest, target) = keywords(words, preset);
    if said.link {
        return Some((unescape(path), Digest::link(&super::text::to_bytes(&unescape(target?))), None));
    }
    Some((unescape(path), Digest::parse(digest?)?, said.mode))
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
    fn entries() {
        let digest = "ab".repeat(32);
        let preset = keywords("type=file uid=0 mode=644", Preset::default()).0;
        let line = format!("./usr/bin/a\\040b time=1.0 mode=4755 size=3 sha256digest={digest}");
        let (path, found, mode) = entry(&line, preset).unwrap();
        assert_eq!((path.as_str(), found.hex().as_str(), mode), ("usr/bin/a b", &digest[..32], Some(0o4755)));
        let (_, found, mode) = entry("./usr/bin/sh mode=777 type=link link=ba\\040sh", preset).unwrap();
        assert_eq!((found, mode), (Digest::link(b"ba sh"), None));
        let line = format!("./x sha256digest={digest}");
        assert_eq!(entry(&line, preset).unwrap().2, Some(0o644));
        for bad in ["", "#mtree", "./usr type=dir", "./x sha256digest=zz", "./x type=link"] {
            assert_eq!(entry(bad, preset), None, "{bad}");
        }
        assert_eq!(name("gcc-libs-13.2.1-3"), "gcc-libs 13.2.1-3");
        assert_eq!(lines("a \\\nb\nc"), ["a b", "c"]);
    }
}

//! Bad input, of each format the same: what is kept of earlier ones (`corpus/`), files that are no text or very long,
//! links that lead round in circles, files that include themselves. A scan has an end, and says what it could not read.

use super::formats::{FORMATS, Format, Place};
use spec::payload::Scan;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Printable characters stand for themselves, `\xNN` for a byte.
fn bytes(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

#[test]
fn no_input_of_the_corpus_stops_a_parser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scan/corpus");
    for format in &FORMATS {
        let text = std::fs::read_to_string(folder.join(format!("{}.txt", format.name))).unwrap();
        assert!(text.lines().count() > 10, "{}: the corpus is gone", format.name);
        let root = tempfile::tempdir().unwrap();
        let place = Place::new(root.path(), format);
        text.lines().for_each(|line| drop(place.scan(&bytes(line))));
    }
}

fn is_told(format: &Format, scan: &Scan) -> bool {
    scan.unchecked.iter().any(|unchecked| {
        format.checks.contains(&unchecked.id.as_str())
            && !unchecked.reason.contains("baseline")
            && !unchecked.reason.contains("earlier scan")
    })
}

/// Each file of each format in turn is what `make` makes of its path; others are as they are without an input.
fn each_file(make: impl Fn(&Path), judge: impl Fn(&Format, &str, &Scan)) {
    for format in &FORMATS {
        for path in format.files {
            let root = tempfile::tempdir().unwrap();
            let place = Place::new(root.path(), format);
            drop(place.scan(b""));
            let at = root.path().join(path);
            std::fs::remove_file(&at).unwrap();
            make(&at);
            judge(format, path, &place.look());
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

#[test]
fn whatever_is_no_text_has_an_end() {
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(40_000).collect();
    each_file(|path| write(path, &bytes), |_, _, _| ());
    each_file(|path| write(path, &b"\xff\xfe\n\xc3\x28 = \xf0\x9f\n".repeat(99)), |_, _, _| ());
}

#[test]
fn very_long_files_and_lines_have_an_end() {
    each_file(|path| write(path, &vec![b'a'; 3 << 20]), |_, _, _| ());
    each_file(|path| write(path, &b"a a\n".repeat(200_000)), |_, _, _| ());
}

/// Files of which nothing need be told when they are links that lead nowhere: their readers pass over them, or only ask
/// them for more.
const PASSED_OVER: [&str; 16] = [
    // Each a file of one account or membership, which nss-systemd could not open.
    "accounts etc/userdb/eve.user",
    "accounts etc/userdb/eve:docker.membership",
    // Read only if it is there.
    "apt-conf etc/apt/apt.conf",
    // The server opens no such file, and takes no key of it.
    "authorized-keys root/.ssh/authorized_keys",
    // No package refers to them here.
    "dpkg var/lib/dpkg/info/a.list",
    "dpkg var/lib/dpkg/updates/0001",
    // Nothing includes it here.
    "pacman-conf etc/pacman.d/a.inc",
    // PAM takes `other` for a service that it cannot open; the rest are files of its modules.
    "pam etc/pam.d/door",
    "pam etc/pam.d/a",
    "pam usr/lib/pam.d/b",
    "pam etc/security/access.conf",
    "pam etc/listed",
    // Nothing includes it here, and of a folder sudo reads files alone.
    "sshd etc/ssh/sshd_config.d/a.conf",
    "sudoers etc/sudoers.d/a",
    // They say what the machine is called, which is not known then.
    "sudoers etc/hosts",
    "sudoers etc/hostname",
];

#[test]
fn links_that_lead_round_in_circles_are_told() {
    let untold = std::cell::RefCell::new(Vec::new());
    each_file(
        |path| symlink(path.file_name().unwrap(), path).unwrap(),
        |format, path, scan| {
            if !is_told(format, scan) {
                untold.borrow_mut().push(format!("{} {path}", format.name));
            }
        },
    );
    assert_eq!(untold.into_inner(), PASSED_OVER);
}

#[test]
fn files_that_include_themselves_have_an_end_and_are_told() {
    for (name, text) in [
        ("apt-conf", "#include \"/etc/apt/apt.conf\";\n"),
        ("pacman-conf", "[options]\nSigLevel = Required\nInclude = /etc/pacman.conf\n"),
        ("sshd", "Include /etc/ssh/sshd_config\n"),
        ("sudoers", "@include /etc/sudoers\n"),
    ] {
        let format = FORMATS.iter().find(|format| format.name == name).unwrap();
        let root = tempfile::tempdir().unwrap();
        let scan = Place::new(root.path(), format).scan(text.as_bytes());
        assert!(is_told(format, &scan), "{name}: {scan:#?}");
    }
}

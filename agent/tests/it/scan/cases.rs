//! The cases of the judges (`agent/tests/judges`) on a machine without the tools: what is right was said by them.

use super::healthy::assert_valid;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Write as _;
use testing::judges::case;
use testing::judges::place::Place;

/// Formats with their cases.
const CASES: [(&str, &str); 4] = [
    ("accounts", include_str!("../../judges/cases/accounts.txt")),
    ("pam", include_str!("../../judges/cases/pam.txt")),
    ("sshd", include_str!("../../judges/cases/sshd.txt")),
    ("sudoers", include_str!("../../judges/cases/sudoers.txt")),
];

#[test]
fn what_the_real_tools_say_is_what_the_scan_says() {
    let root = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (format, cases) in CASES {
        let cases = case::parse(cases);
        assert!(cases.len() > 20, "{format}: the cases are gone");
        for case in cases {
            let place = Place::at(root.path(), &case.files);
            if let Some(told) = case.disagreement(&place.scan()) {
                wrong.push(format!("{format}, {}: {told}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that a parser of these formats reads.
const READ: [&str; 13] = [
    "etc/group",
    "etc/hosts",
    "etc/nsswitch.conf",
    "etc/pam.d/door",
    "etc/passwd",
    "etc/security/access.conf",
    "etc/shadow",
    "etc/ssh/sshd_config",
    "etc/sudo.conf",
    "etc/sudoers",
    "etc/userdb/eve.user",
    "etc/userdb/eve:docker.membership",
    "root/.ssh/authorized_keys",
];

/// Pieces of all formats, so that more than the first byte is looked at.
const PIECES: [&str; 44] = [
    "root",
    "ops",
    "ALL",
    "=",
    "(",
    ")",
    ",",
    ":",
    "!",
    "NOPASSWD:",
    "Defaults",
    " authenticate",
    "User_Alias A=A",
    "Cmnd_Alias B=B,A",
    "@include /etc/sudoers",
    "@includedir /etc",
    "%h",
    "\\",
    "\\\n",
    "\n",
    "\"",
    "'",
    "#",
    " ",
    "\t",
    "\r",
    "^",
    "$",
    "[",
    "]",
    "*",
    "sha224:",
    "Match User ",
    "Include /etc/ssh/*",
    "Address 10.0.0.0/0,",
    "PermitRootLogin yes",
    "auth ",
    "include door",
    "sufficient pam_permit.so",
    "[success=99999999999 default=1]",
    "::0:0",
    "systemd",
    "{\"uid\":0}",
    "expiry-time=\"",
];

fn contents() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        vec(proptest::sample::select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![3 => pieces, 1 => vec(any::<u8>(), 0..400)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_files_hold_a_scan_ends_and_has_its_form(contents in vec(contents(), READ.len())) {
        let root = tempfile::tempdir().unwrap();
        let place = Place::at(root.path(), &Vec::new());
        for (path, bytes) in READ.iter().zip(contents) {
            let at = root.path().join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::File::create(at).unwrap().write_all(&bytes).unwrap();
        }
        assert_valid(&place.scan());
    }
}

#[test]
fn aliases_of_aliases_and_cases_of_match_have_an_end() {
    let root = tempfile::tempdir().unwrap();
    let aliases: Vec<String> = (0..40)
        .map(|n| format!("User_Alias A{n}=A{m},A{m},ops\nCmnd_Alias C{n}=C{m},C{m},/bin/x\n", m = n + 1))
        .collect();
    let sudoers = format!("{}A0 ALL=(ALL) NOPASSWD: C0\n", aliases.concat());
    let blocks: Vec<String> = (0..200)
        .map(|n| format!("Match Address 10.{n}.0.0/16,!10.{n}.1.0/24 User u{n} LocalAddress 10.9.{n}.0/24\n PasswordAuthentication yes\n"))
        .collect();
    let door = "auth include a\n".repeat(3000);
    let files =
        [("etc/sudoers", sudoers), ("etc/ssh/sshd_config", blocks.concat()), ("etc/pam.d/door", door)];
    let files = files.into_iter().map(|(path, text)| case::file(path, 0o440, text)).collect();
    let scan = Place::at(root.path(), &files).scan();
    assert_valid(&scan);
    let unknown = |check: &str| scan.unchecked.iter().any(|unchecked| unchecked.id.as_str() == check);
    assert!(unknown("sudoers") && unknown("sshd-login"), "{:?}", scan.unchecked);
}

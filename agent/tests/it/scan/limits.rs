//! What does not fit into a report, and what nobody would put into a file.

use super::Machine;
use super::healthy::assert_valid;
use proptest::prelude::*;
use vaultmesh_agent::scan::{MAX_CHANGED_FILES, MAX_FINDINGS_OF_CHECK};

#[test]
fn a_report_stays_within_its_limits_and_says_what_was_cut() {
    let machine = Machine::healthy();
    for i in 0..500 {
        for name in ["a", "b", "c"] {
            machine.put(&format!("etc/new/{i:03}{name}"), "");
        }
        machine.put_mode(&format!("usr/bin/{}{i:03}", "long-".repeat(40)), b"", 0o6777);
        machine.add("etc/passwd", &format!("root{i}:x:0:0::/root:/bin/sh\n"));
        machine.add("etc/shadow", &format!("user{i}::19000:0:99999:7:::\n"));
    }
    let scan = machine.scan();
    assert_valid(&scan);
    let of = |check: &str| scan.findings.iter().filter(|f| f.id.as_str() == check).collect::<Vec<_>>();
    assert_eq!(of("uid-zero").len(), MAX_FINDINGS_OF_CHECK);
    let reason =
        |check: &str| scan.unchecked.iter().find(|u| u.id.as_str() == check).map(|u| u.reason.as_str());
    assert_eq!(reason("uid-zero"), Some("404 more findings than a report has room for"));
    // The gravest stay: new programs and the files of accounts weigh more than the rest of /etc.
    let grave = of("file-integrity").into_iter().filter(|f| f.severity.as_str() == "high").count();
    assert_eq!((grave, of("file-integrity").len()), (502, MAX_CHANGED_FILES));
}

#[test]
fn every_check_at_its_limit_fits_into_one_event() {
    let others = vaultmesh_agent::scan::registry::checks().count() - 1;
    assert!(others * MAX_FINDINGS_OF_CHECK + MAX_CHANGED_FILES <= 4096);
}

#[test]
fn a_file_that_is_too_long_is_unknown() {
    let machine = Machine::healthy();
    machine.put("etc/passwd", &"x".repeat(5 * 1024 * 1024));
    let scan = machine.scan();
    let reason = scan.unchecked.iter().find(|u| u.id.as_str() == "uid-zero").map(|u| u.reason.as_str());
    assert_eq!(reason, Some("/etc/passwd is too long"));
}

#[test]
fn names_that_are_no_text_and_lines_of_control_characters_do_not_get_through() {
    use std::os::unix::ffi::OsStrExt as _;
    let machine = Machine::healthy();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\x1b[31m\n");
    std::fs::File::create(machine.path("etc").join(odd)).unwrap();
    machine.add("etc/passwd", "bad\x1b[31m:x:0:0::/:/bin/sh\n");
    let scan = machine.scan();
    assert_valid(&scan);
    assert!(
        scan.findings.iter().any(|finding| finding.subject == "/etc/\\xff\\x1b[31m\\x0a"),
        "{:#?}",
        scan.findings
    );
}

/// Every file that some check reads as text.
const READ: [&str; 38] = [
    "etc/apt/apt.conf",
    "etc/apt/apt.conf.d/01recommends",
    "etc/apt/sources.list",
    "etc/apt/sources.list.d/x.sources",
    "etc/group",
    "etc/ld.so.preload",
    "etc/nginx/tls.pem",
    "etc/pacman.conf",
    "etc/pacman.d/x",
    "etc/pam.d/common-auth",
    "etc/passwd",
    "etc/shadow",
    "etc/ssh/sshd_config",
    "etc/sudoers",
    "proc/100/environ",
    "proc/100/mountinfo",
    "proc/100/status",
    "proc/loadavg",
    "proc/modules",
    "proc/mounts",
    "proc/net/packet",
    "proc/net/tcp",
    "proc/net/udp6",
    "proc/sys/kernel/core_pattern",
    "proc/sys/kernel/osrelease",
    "proc/sys/kernel/tainted",
    "root/.ssh/authorized_keys",
    "sys/class/net/eth0/flags",
    "usr/lib/modules/6.1.0-18-amd64/modules.dep",
    "var/lib/dpkg/diversions",
    "var/lib/dpkg/info/base.list",
    "var/lib/dpkg/info/base.md5sums",
    "var/lib/dpkg/statoverride",
    "var/lib/dpkg/status",
    "var/lib/dpkg/updates/0001",
    "var/lib/pacman/local/x-1-1/mtree",
    "var/log/wtmp",
    "var/log/wtmp.db",
];

/// Bytes as they may stand in such files, and bytes as they may not.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let words = "[a-z0-9:=*?,()\\[\\]{}\"'!#@$%/\\\\. \t\r\n\u{0}\u{e9}\u{ffff}-]{0,400}"
        .prop_map(String::into_bytes);
    prop_oneof![words, prop::collection::vec(any::<u8>(), 0..400)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_contents_stop_a_scan(which in prop::collection::vec((0..READ.len(), contents()), 1..12)) {
        let machine = Machine::healthy();
        for (file, bytes) in &which {
            let packed = READ[*file].ends_with("mtree") && bytes.len() % 2 == 0;
            machine.put_mode(READ[*file], &if packed { gzip(bytes) } else { bytes.clone() }, 0o644);
        }
        assert_valid(&machine.scan());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}

/// Text of which parsers of configuration are made, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "deb",
        "[",
        "]",
        "=",
        "trusted=yes",
        " ",
        "\n",
        "\n\n",
        "\r",
        "\t",
        "http://x",
        "./",
        "main",
        "#",
        "Types:",
        "URIs:",
        "Suites:",
        ":",
        "\"",
        "%",
        "%4",
        "-----BEGIN CERTIFICATE-----",
        "-----END CERTIFICATE-----",
        "MIIB",
        "\u{0}",
        "\u{e9}",
        "{",
        "}",
        ";",
        "//",
        "/*",
        "*/",
        "::",
        "#include",
        "#clear",
    ]);
    let text = prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![text, prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn no_bytes_stop_a_parser(bytes in pieces()) {
        for name in ["/x.list", "/x.sources"] {
            vaultmesh_agent::scan::apt::sources::parse(name, &bytes);
        }
        vaultmesh_agent::scan::pem::certificates(&bytes);
        let machine = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(machine.path().join("etc/apt")).unwrap();
        for path in ["etc/apt/apt.conf", "etc/pacman.conf"] {
            std::io::Write::write_all(&mut std::fs::File::create(machine.path().join(path)).unwrap(), &bytes).unwrap();
        }
        let source = vaultmesh_agent::scan::source::Source::open(machine.path(), vaultmesh_agent::scan::Pace::new(None, None)).unwrap();
        vaultmesh_agent::scan::apt::conf::Configuration::load(&source);
        let _ = vaultmesh_agent::scan::pacman_conf::load(&source);
    }
}

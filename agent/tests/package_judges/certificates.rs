//! Certificates: `openssl verify` says whether a file leads to an authority at the time of the scan.

use super::{place, put, root, scan};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Certificates that files are made of: name, whose it is, whose key signs it, first and last second of it.
const KINDS: [(&str, &str, &str, &str, &str); 10] = [
    ("leaf", "leaf", "inner", GOOD.0, GOOD.1),
    ("leaf-ended", "leaf", "inner", ENDED.0, ENDED.1),
    ("leaf-soon", "leaf", "inner", "20200101000000Z", "20261210000000Z"),
    ("inner", "inner", "one", GOOD.0, GOOD.1),
    ("inner-ended", "inner", "one", ENDED.0, ENDED.1),
    ("one", "one", "one", GOOD.0, GOOD.1),
    ("one-ended", "one", "one", ENDED.0, ENDED.1),
    ("cross", "one", "two", GOOD.0, GOOD.1),
    ("cross-ended", "one", "two", ENDED.0, ENDED.1),
    ("two", "two", "two", GOOD.0, GOOD.1),
];
const GOOD: (&str, &str) = ("20200101000000Z", "20350101000000Z");
const ENDED: (&str, &str) = ("20150101000000Z", "20250101000000Z");

/// The time of the scans, in seconds since 1970.
const NOW: &str = "1795996800";

const FILE: &str = "etc/nginx/site.pem";
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

fn openssl(folder: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder).env("OPENSSL_CONF", folder.join("conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// Makes each certificate once.
fn made(folder: &Path) -> BTreeMap<&'static str, String> {
    let write = |name: &str, text: &str| {
        std::io::Write::write_all(&mut std::fs::File::create(folder.join(name)).unwrap(), text.as_bytes())
            .unwrap();
    };
    write("index", "");
    write("serial", "1000\n");
    write(
        "conf",
        "[ca]\ndefault_ca = it\n[it]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n\
         policy = any\nunique_subject = no\n[any]\ncommonName = supplied\n[req]\ndistinguished_name = name\n[name]\n\
         [authority]\nbasicConstraints = critical,CA:true\n[service]\nbasicConstraints = critical,CA:false\n",
    );
    for owner in ["leaf", "inner", "one", "two"] {
        let (key, request, subject) =
            (format!("{owner}.key"), format!("{owner}.csr"), format!("/CN={owner}"));
        let curve = "ec_paramgen_curve:P-256";
        assert!(openssl(folder, &["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", &key]));
        assert!(openssl(folder, &["req", "-new", "-key", &key, "-subj", &subject, "-out", &request]));
    }
    // Issuers first: `openssl ca` asks for their certificate.
    for (name, owner, issuer, begin, end) in KINDS.iter().rev() {
        let (request, out, key) = (format!("{owner}.csr"), format!("{name}.crt"), format!("{issuer}.key"));
        let issuers = format!("{issuer}.crt");
        let own: &[&str] = if owner == issuer { &["-selfsign"] } else { &["-cert", &issuers] };
        let extensions = if *owner == "leaf" { "service" } else { "authority" };
        let mut arguments =
            vec!["ca", "-config", "conf", "-batch", "-notext", "-preserveDN", "-keyfile", &key];
        arguments.extend(["-in", &request, "-out", &out, "-startdate", begin, "-enddate", end]);
        arguments.extend(["-extensions", extensions]);
        arguments.extend(own);
        // Those of one name and key stand for each other.
        assert!(openssl(folder, &arguments), "{name}");
    }
    KINDS.iter().map(|(name, ..)| (*name, read(&folder.join(format!("{name}.crt"))))).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The first of a file, those behind it, and the machine's authorities.
type Case = (&'static str, Vec<&'static str>, Vec<&'static str>);

fn case() -> impl Strategy<Value = Case> {
    let behind = vec!["inner", "inner-ended", "one", "one-ended", "cross", "cross-ended", "two"];
    let behind = subsequence(behind, 0..5).prop_shuffle();
    (
        select(vec!["leaf", "leaf", "leaf", "leaf-soon", "leaf-ended"]),
        behind,
        subsequence(vec!["one", "two"], 1..3),
    )
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn certificates() {
    let folder: PathBuf = root().join("certificates");
    std::fs::create_dir_all(&folder).unwrap();
    let made = made(&folder);
    let text = |names: &[&str]| names.iter().map(|name| made[name].as_str()).collect::<String>();
    super::judge("certificates", &case(), |(first, behind, authorities)| {
        place(&["etc/nginx", "etc/ssl"], &Vec::new());
        put(FILE, (text(&[first]) + &text(behind)).as_bytes());
        put(AUTHORITIES, text(authorities).as_bytes());
        let (file, authorities) = (root().join(FILE), root().join(AUTHORITIES));
        let (file, authorities) = (file.display().to_string(), authorities.display().to_string());
        let verified = |time: &[&str]| {
            let mut arguments = vec!["verify", "-no-CApath", "-CAfile", &authorities, "-untrusted", &file];
            arguments.extend(time);
            arguments.push(&file);
            openssl(&folder, &arguments)
        };
        let good = verified(&["-attime", NOW]);
        // What leads nowhere at any time has not failed for its time.
        if !good && !verified(&["-no_check_time"]) {
            return None;
        }
        let scan = scan(&[]);
        let found = scan.findings.iter().filter(|finding| finding.id.as_str() == "certificate-expiry");
        let grave = found.clone().any(|finding| finding.severity.as_str() == "high");
        if grave == good {
            let titles: Vec<&str> = found.map(|finding| finding.title.as_str()).collect();
            return Some(format!("openssl verifies it: {good}, the scan says {titles:?}"));
        }
        let soon = found.clone().any(|finding| finding.title.contains("A certificate ends at"));
        (soon != (*first == "leaf-soon")).then(|| format!("it ends soon: {}, the scan: {soon}", !soon))
    });
}

//! The words and exit codes of `ledger verify`, and what else handles a ledger's files: nothing is accused that could not
//! be read, and nothing dangerous is at hand.

use crate::support::{json, ledger, verify};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// A closed ledger with a seal, and an export of it.
fn make(dir: &Path) -> (PathBuf, PathBuf, String) {
    let (data, export) = (dir.join("data"), dir.join("export"));
    let made = json(&["init", "--data", text(&data)], 0);
    json(&["seal", "--data", text(&data)], 0);
    json(&["export", "--plain", "--out", text(&export), "--data", text(&data), "-o", "json"], 0);
    (data, export, made["ledger_id"].as_str().unwrap().to_owned())
}

fn verify_exit(args: &[&str]) -> (Option<i32>, String) {
    let output = ledger(&[&["verify"], args].concat());
    (output.status.code(), said(&output))
}

#[test]
fn what_could_not_be_read_is_not_accused() {
    let dir = tempfile::tempdir().unwrap();
    let (data, export, _) = make(dir.path());
    let segment = export.join("log/00000000000000000000.jsonl");
    let plain = std::fs::read(&segment).unwrap();
    let packed = dir.path().join("e.tgz");
    write(&packed, b"\x1f\x8b\x08\x00 whatever");
    let picture = dir.path().join("cat.jpg");
    write(&picture, b"\xff\xd8\xff\xe0 not of a ledger");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for (target, word) in
        [(&packed, "unpack"), (&picture, "no bundle"), (&empty, "no ledger"), (&segment, "segment")]
    {
        let (code, words) = verify_exit(&[text(target)]);
        assert_eq!(code, Some(3), "{words}");
        assert!(words.contains("could not read") && words.contains(word), "{words}");
        assert!(!words.contains("DOES NOT VERIFY"), "{words}");
    }
    // A checkpoint alone is sound and names no keys.
    let (code, words) = verify_exit(&[text(&export.join("ROOT.txt"))]);
    assert_eq!(code, Some(3), "{words}");
    assert!(words.starts_with("COULD NOT READ") && words.contains("names no keys"), "{words}");
    // A log that somebody packed file by file.
    write(&export.join("log/00000000000000000000.jsonl.gz"), b"\x1f\x8b");
    std::fs::remove_file(&segment).unwrap();
    let (code, words) = verify_exit(&[text(&export)]);
    assert_eq!(code, Some(3), "{words}");
    assert!(words.starts_with("COULD NOT READ") && words.contains("unpack"), "{words}");
    std::fs::remove_file(export.join("log/00000000000000000000.jsonl.gz")).unwrap();
    // Changed line ends are not taken for forgery.
    write(&segment, String::from_utf8(plain).unwrap().replace('\n', "\r\n").as_bytes());
    let (code, words) = verify_exit(&[text(&export)]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("line ends were changed"), "{words}");
    // A directory with checkpoints and without its log is one that fails.
    std::fs::remove_dir_all(data.join("log")).unwrap();
    assert_eq!(verify(&data, &[])["failures"][0]["code"], "no-log");
}

#[test]
fn a_verdict_says_of_what_and_since_when() {
    let dir = tempfile::tempdir().unwrap();
    let (data, export, id) = make(dir.path());
    let (code, words) = verify_exit(&[text(&export), "--trust", &id.to_uppercase()]);
    assert_eq!(code, Some(0), "{words}");
    for expected in ["VERIFIED  ", &id, "trust     pinned", "recorded  20", ": every entry", "ledger 0."] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let (code, words) = verify_exit(&[text(&data)]);
    assert!(code == Some(0) && words.contains("log in service"), "{words}");
    let (code, words) = verify_exit(&[text(&export), "--trust", &id[..63]]);
    assert!(code == Some(2) && words.contains("64 hex digits, these are 63"), "{words}");
    let (code, words) = verify_exit(&[text(&export), "--trust", &"0".repeat(64)]);
    assert!(code == Some(1) && words.contains("another ledger than the one you pinned"), "{words}");

    // Of a copy that nobody writes to a proof can be made, without any key.
    let bundle = dir.path().join("bundle.json");
    let proved = ledger(&["prove", "--seq", "1", "--out", text(&bundle), "--data", text(&export)]);
    assert!(proved.status.success(), "{}", said(&proved));
    let report = verify(&bundle, &["--trust", &id]);
    assert_eq!(
        (&report["proves"]["seq"], &report["proves"]["kind"]),
        (&1.into(), &"token".into()),
        "{report}"
    );
    let (code, words) = verify_exit(&[text(&bundle)]);
    assert!(code == Some(0) && words.contains("proves    entry 1: token by service:admin"), "{words}");
    let behind = ledger(&["prove", "--seq", "99", "--out", text(&bundle), "--data", text(&export)]);
    assert!(
        behind.status.code() == Some(1) && said(&behind).contains("nothing proves it yet"),
        "{}",
        said(&behind)
    );

    // An older copy may be a directory.
    json(&["tokens", "create", "--role", "viewer", "--data", text(&data)], 0);
    json(&["seal", "--data", text(&data)], 0);
    let report = verify(&data, &["--old", text(&export)]);
    let old = report["checks"].as_array().unwrap().iter().find(|check| check["code"] == "old").unwrap();
    assert_eq!((&report["verdict"], &old["status"]), (&"verified".into(), &"passed".into()), "{report}");
    assert_eq!(verify(&export, &["--old", text(&data)])["failures"][0]["code"], "not-extended");
}

#[test]
fn a_bundle_comes_through_standard_input_too() {
    use std::io::Write as _;
    let dir = tempfile::tempdir().unwrap();
    let (_, export, id) = make(dir.path());
    let bundle = dir.path().join("bundle.json");
    assert!(
        ledger(&["prove", "--seq", "1", "--out", text(&bundle), "--data", text(&export)]).status.success()
    );
    let mut child = crate::support::command(&["verify", "-", "--trust", &id, "--json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(&bundle).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["verdict"]), (Some(0), &"verified".into()), "{report}");
}

#[test]
fn findings_have_an_exit_code_of_their_own_until_they_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let (data, _, id) = make(dir.path());
    // A torn tail, which the next open cuts and says so.
    let segment = data.join("log/00000000000000000000.jsonl");
    let torn = [std::fs::read(&segment).unwrap(), b"{\"entry\":".to_vec()].concat();
    write(&segment, &torn);
    json(&["seal", "--data", text(&data)], 0);
    let (code, words) = verify_exit(&[text(&data)]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.starts_with("VERIFIED, with findings  "), "{words}");
    assert_eq!(verify_exit(&[text(&data), "--strict"]).0, Some(4));
    // The line that was shown is the line that accepts it.
    let line = words.lines().find_map(|line| line.strip_prefix("  recovery ")).unwrap();
    let accepted = dir.path().join("accepted");
    write(&accepted, format!("vaultmesh-accepted-v1 {id}\nrecovery {line}\n").as_bytes());
    let (code, words) = verify_exit(&[text(&data), "--strict", "--accept", text(&accepted)]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.starts_with("VERIFIED  ") && words.contains("0, and 1 that were accepted"), "{words}");
    write(&accepted, b"recovery 1");
    assert_eq!(verify_exit(&[text(&data), "--accept", text(&accepted)]).0, Some(2));
    let help = said(&ledger(&["--help"]));
    assert!(help.contains("Exit codes: 0 ok") && help.contains("4 verified"), "{help}");
}

#[test]
fn an_export_is_whole_and_its_owners() {
    let dir = tempfile::tempdir().unwrap();
    let (data, export, _) = make(dir.path());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&export), mode(&export.join("log"))), (0o700, 0o700));
    assert_eq!((mode(&export.join("ROOT.txt")), mode(&export.join("spec/log.md"))), (0o600, 0o600));
    assert_eq!(mode(&data), 0o700);
    // What is not the log's stays where it is, and what nobody has signed for yet is left out.
    let root = std::fs::read(data.join("ROOT.txt")).unwrap();
    json(&["tokens", "create", "--role", "viewer", "--data", text(&data)], 0);
    write(&data.join("ROOT.txt"), &root);
    write(&data.join("log/.DS_Store"), b"?");
    let again = dir.path().join("again");
    let said = json(&["export", "--out", text(&again), "--data", text(&data), "-o", "json"], 0);
    assert_eq!(said["left_out"], 1, "{said}");
    assert!(!again.join("log/.DS_Store").exists());
    let report = verify(&again, &["--strict"]);
    assert_eq!((&report["verdict"], &report["tail"]), (&"verified".into(), &0.into()), "{report}");
    let report = verify(&data, &[]);
    assert_eq!((&report["tail"], &report["notes"][0]["code"]), (&1.into(), &"stray-file".into()), "{report}");
    assert_eq!(verify(&data, &["--covered"])["failures"][0]["code"], "uncovered");
    let nowhere = dir.path().join("nowhere");
    let url =
        ledger(&["export", "--out", text(&nowhere), "--url", "http://127.0.0.1:9", "--data", text(&data)]);
    assert_eq!((url.status.code(), nowhere.exists()), (Some(2), false));
}

#[test]
fn the_demo_plays_in_what_a_demo_made() {
    let dir = tempfile::tempdir().unwrap();
    let (data, _, _) = make(dir.path());
    let before = std::fs::read(data.join("ROOT.txt")).unwrap();
    let refused = ledger(&["demo", "--duration", "1", "--listen", "127.0.0.1:0", "--data", text(&data)]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(!said(&refused).contains("rm -r"), "{}", said(&refused));
    let named = crate::support::command(&["demo", "--duration", "1", "--listen", "127.0.0.1:0"])
        .env("VAULTMESH_DATA", &data)
        .output()
        .unwrap();
    assert_eq!(named.status.code(), Some(2), "{}", said(&named));
    assert_eq!(std::fs::read(data.join("ROOT.txt")).unwrap(), before, "nothing was written");
    // In a directory that somebody made it plays, and tells nobody to delete it.
    let stage = dir.path().join("stage");
    std::fs::create_dir(&stage).unwrap();
    let played = ledger(&["demo", "--duration", "1", "--listen", "127.0.0.1:0", "--data", text(&stage)]);
    assert!(said(&played).contains("resume") && !said(&played).contains("rm -r"), "{}", said(&played));
    let own = dir.path().join("own");
    let played = ledger(&["demo", "--duration", "1", "--listen", "127.0.0.1:0", "--data", text(&own)]);
    assert!(said(&played).contains("rm -r"), "{}", said(&played));
}

#[test]
fn a_recovery_key_beside_the_others_and_open_doors_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut service =
        crate::support::command(&["serve", "--init", "--listen", "127.0.0.1:0", "--data", text(&data)])
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(service.stderr.take().unwrap()));
    let mut until_up = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        let up = line.starts_with("listening");
        until_up.push(line);
        if up {
            break;
        }
    }
    service.kill().unwrap();
    service.wait().unwrap();
    let words = until_up.join("\n");
    assert!(words.contains("recovery.key lies beside the keys"), "{words}");
    assert!(!words.contains("others may read"), "{words}");
}

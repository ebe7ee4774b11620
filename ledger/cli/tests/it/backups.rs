//! Backups: made beside a running service, cut off, damaged, restored, and gone on from; or not, where others have seen more.

use crate::support::{Service, command, json, ledger, verify};
use age::secrecy::ExposeSecret as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn refused(args: &[&str], code: i32) -> String {
    let output = ledger(args);
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {wrong}");
    wrong
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// The file with the object of a file of the data directory.
fn object(backup: &Path, name: &str) -> PathBuf {
    let manifest: Value = serde_json::from_slice(&read(&backup.join("backup.json"))).unwrap();
    let files = manifest["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["name"] == name).unwrap();
    backup.join("objects").join(file["object"].as_str().unwrap())
}

const SEGMENT: &str = "log/00000000000000000000.jsonl";

#[test]
fn a_service_is_backed_up_while_it_runs_and_goes_on_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, moved) =
        (dir.path().join("data"), dir.path().join("backup"), dir.path().join("moved"));
    let service = Service::start(&data);
    let id = service.ledger_id.to_hex();
    let first = json(&["backup", text(&backup), "--data", text(&data)], 0);
    assert!(first["stored"].as_u64() > Some(5) && first["kept"] == 0, "{first}");
    json(&["seal", "--data", text(&data)], 0);
    // The seal's checkpoint is written a moment after it is answered.
    let again = || json(&["backup", text(&backup), "--data", text(&data)], 0);
    let mut second = again();
    while second["size"].as_u64() <= first["size"].as_u64() {
        second = again();
    }
    assert!(
        second["stored"].as_u64() < first["stored"].as_u64() && second["kept"].as_u64() > Some(3),
        "{second}"
    );
    assert!(second["size"].as_u64() > first["size"].as_u64(), "{second}");
    let objects = backup.join("objects").read_dir().unwrap().count();
    assert_eq!(objects as u64, second["stored"].as_u64().unwrap() + second["kept"].as_u64().unwrap());

    // What nobody reads is what nobody knows to be damaged; whoever looks is told what to do.
    let flipped = object(&backup, SEGMENT);
    let mut bytes = read(&flipped);
    bytes[100] ^= 1;
    write(&flipped, &bytes);
    let told = refused(&["backup", text(&backup), "--check"], 1);
    assert!(told.contains(SEGMENT) && told.contains("--reread"), "{told}");
    let told = refused(&["restore", text(&backup), "--data", text(&moved), "--yes"], 1);
    assert!(told.contains(SEGMENT) && !moved.exists(), "{told}");
    json(&["backup", text(&backup), "--reread", "--data", text(&data)], 0);
    json(&["backup", text(&backup), "--check"], 0);

    assert_eq!(service.terminate(), Some(0));
    let last = json(&["backup", text(&backup), "--data", text(&data)], 0);
    let anchor = data.join("ROOT.txt");
    let restored = json(&["restore", text(&backup), "--data", text(&moved), "--anchor", text(&anchor)], 0);
    assert_eq!((&restored["size"], &restored["ledger"]), (&last["size"], &id.as_str().into()));
    assert!(!dir.path().join("moved.restoring").exists());
    let service = Service::start(&moved);
    assert_eq!(service.ledger_id.to_hex(), id, "it is the same ledger");
    assert_eq!(service.terminate(), Some(0));
    let report = verify(&moved, &["--trust", &id, "--old", text(&data)]);
    assert_eq!(report["verdict"], "verified", "{report}");
    assert!(report["size"].as_u64() > last["size"].as_u64(), "it has gone on");
}

#[test]
fn a_backup_that_is_cut_off_leaves_the_one_before_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    json(&["init", "--data", text(&data)], 0);
    let mut whole = 0;
    for round in 0..12 {
        json(&["seal", "--data", text(&data)], 0);
        let mut child = command(&["backup", text(&backup), "--data", text(&data)]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        if backup.join("backup.json").exists() {
            json(&["backup", text(&backup), "--check"], 0);
            whole += 1;
        }
    }
    let made = json(&["backup", text(&backup), "--data", text(&data)], 0);
    assert_eq!(
        json(&["backup", text(&backup), "--check"], 0)["size"],
        made["size"],
        "after {whole} whole ones"
    );
    assert!(!backup.join("progress.json").exists());
    let mut names: Vec<_> =
        backup.join("objects").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    names.retain(|name| name.to_string_lossy().len() != 64);
    assert!(names.is_empty(), "{names:?} is left over");

    // A restore that was cut off is begun again.
    let moved = dir.path().join("moved");
    let args = ["restore", text(&backup), "--data", text(&moved), "--yes"];
    for round in 0..6 {
        let mut child = command(&args).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 5));
        child.kill().unwrap();
        child.wait().unwrap();
        if moved.exists() {
            break;
        }
    }
    if !moved.exists() {
        json(&args, 0);
    }
    assert_eq!(verify(&moved, &[])["verdict"], "verified");
}

#[test]
fn a_ledger_does_not_go_on_behind_what_others_hold_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, moved) =
        (dir.path().join("data"), dir.path().join("backup"), dir.path().join("moved"));
    let made = json(&["init", "--data", text(&data), "--origin", "vault.example"], 0);
    let old = made["ledger_id"].as_str().unwrap();
    let saved = json(&["backup", text(&backup), "--data", text(&data)], 0);
    json(&["seal", "--data", text(&data)], 0);
    // What a node or a witness remembers of it.
    let note = String::from_utf8(read(&data.join("ROOT.txt"))).unwrap();
    let memory = dir.path().join("witness.json");
    write(&memory, serde_json::json!({"count": 3, "note": note}).to_string().as_bytes());
    std::fs::remove_dir_all(&data).unwrap();

    let known = ["restore", text(&backup), "--data", text(&moved), "--anchor", text(&memory)];
    let told = refused(&known, 1);
    assert!(told.contains("two histories") && told.contains("--successor"), "{told}");
    assert!(!moved.exists());
    let begun = json(&[&known[..], &["--successor", "the disk was lost"]].concat(), 0);
    assert_eq!(begun["predecessor"], old);
    let new = begun["successor"].as_str().unwrap();
    assert_ne!(new, old);
    let report = verify(&moved, &["--trust", new]);
    assert_eq!(report["verdict"], "verified", "{report}");
    let kept = verify(&moved.join("predecessor"), &["--trust", old]);
    assert_eq!((&kept["verdict"], &kept["size"]), (&"verified".into(), &saved["size"]), "{kept}");
    assert!(!moved.join("predecessor/keys").exists() && moved.join("recovery.key").exists());
    let first = json(&["logs", "view", "--data", text(&moved), "--kind", "genesis", "-o", "json"], 0);
    let names = &first["items"][0]["payload"]["predecessor"];
    assert_eq!((&names["ledger"], &names["reason"]), (&old.into(), &"the disk was lost".into()));
    assert!(names["size"].as_u64() > saved["size"].as_u64(), "it is the last that is known: {names}");

    // A checkpoint of another ledger says nothing of this one.
    let other = dir.path().join("other");
    json(&["init", "--data", text(&other)], 0);
    let (anchor, elsewhere) = (other.join("ROOT.txt"), dir.path().join("elsewhere"));
    let told = refused(&["restore", text(&backup), "--data", text(&elsewhere), "--anchor", text(&anchor)], 2);
    assert!(told.contains("the backup of vault.example/"), "{told}");
    let told = refused(&["backup", text(&backup), "--data", text(&other)], 1);
    assert!(told.contains("is a backup of ledger"), "{told}");
}

#[test]
fn an_encrypted_backup_opens_with_its_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, moved) =
        (dir.path().join("data"), dir.path().join("backup"), dir.path().join("moved"));
    json(&["init", "--data", text(&data)], 0);
    let (own, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let recipient = own.to_public().to_string();
    let made = ["backup", text(&backup), "--data", text(&data), "--encrypt-to", &recipient];
    json(&made, 0);
    let again = json(&made, 0);
    assert_eq!(again["stored"], 0, "what is the same is kept, whatever encryption makes of it: {again}");
    assert!(read(&object(&backup, "keys/service.key")).starts_with(b"age-encryption.org/v1"));
    let told = refused(&["backup", text(&backup), "--data", text(&data)], 1);
    assert!(told.contains("--encrypt-to"), "{told}");

    let restore = ["restore", text(&backup), "--data", text(&moved), "--yes"];
    assert!(refused(&restore, 1).contains("--identity"));
    let file = |name: &str, key: &age::x25519::Identity| {
        let path = dir.path().join(name);
        write(&path, format!("# made for a test\n{}\n", key.to_string().expose_secret()).as_bytes());
        path
    };
    let (wrong, right) = (file("wrong.txt", &other), file("right.txt", &own));
    assert!(refused(&[&restore[..], &["--identity", text(&wrong)]].concat(), 1).contains("No matching keys"));
    json(&[&restore[..], &["--identity", text(&right)]].concat(), 0);
    assert_eq!(read(&moved.join("keys/service.key")), read(&data.join("keys/service.key")));
    assert_eq!(verify(&moved, &[])["verdict"], "verified");
}

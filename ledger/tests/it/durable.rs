//! The system calls of an append, seen from outside.

use crate::support::{Place, check_whole, enrol, recorded, run};
use std::path::Path;
use std::process::Command;

/// Set in the process that is watched: where its ledger lies.
const WATCHED: &str = "LEDGER_TEST_WATCHED";

/// What the watched process does; nothing in any other.
#[test]
fn watched() {
    let Ok(dir) = std::env::var(WATCHED) else { return };
    let dir = Path::new(&dir);
    run(async {
        let place = Place::real(&dir.join("ledger"));
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        place.root_written(&ledger).await;
        std::fs::create_dir(dir.join("begin-append")).unwrap();
        recorded(&ledger, node.note("watched")).await;
        std::fs::create_dir(dir.join("acknowledged")).unwrap();
        place.root_written(&ledger).await;
        ledger.close(false);
        check_whole(&place);
    });
}

#[test]
fn an_append_is_written_and_synced_before_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let calls =
        "trace=openat,pwrite64,write,fdatasync,fsync,rename,renameat,renameat2,mkdir,mkdirat,ftruncate";
    let output = Command::new("strace")
        .args(["-f", "-y", "-e", calls, "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "durable::watched", "--nocapture", "--test-threads=1"])
        .env(WATCHED, dir.path())
        .output()
        .expect("strace, which `.ci/test` installs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));

    let text = std::fs::read_to_string(&trace).unwrap();
    // Calls that are interrupted by other threads are written in two halves; the first has the arguments.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("resumed>")).collect();
    let at = |mark: &str| lines.iter().position(|line| line.contains(mark)).unwrap();
    let (begin, acknowledged) = (at("begin-append"), at("acknowledged"));

    let segment: Vec<&str> = lines[begin..acknowledged]
        .iter()
        .filter(|line| line.contains(".jsonl"))
        .filter_map(|line| line.split_whitespace().nth(1)?.split('(').next())
        .collect();
    assert_eq!(segment, ["pwrite64", "fdatasync"], "{:#?}", &lines[begin..acknowledged]);

    // ROOT.txt follows: a new file, synced, put in the old one's place, and its folder synced, by a thread of its own.
    let calls = lines[begin..].iter().skip_while(|line| !line.contains("ROOT.txt.tmp"));
    let thread = calls.clone().next().unwrap().split_whitespace().next().unwrap();
    let root: Vec<&str> = calls
        .filter(|line| line.split_whitespace().next() == Some(thread))
        .filter(|line| line.contains("ROOT.txt") || line.contains("fsync("))
        .filter_map(|line| line.split_whitespace().nth(1)?.split('(').next())
        .collect();
    let rename = root.iter().position(|call| call.starts_with("rename")).unwrap();
    assert_eq!(root[..rename], ["openat", "pwrite64", "ftruncate", "fdatasync"], "{root:?}");
    assert_eq!(root[rename + 1], "fsync", "{root:?}");
}

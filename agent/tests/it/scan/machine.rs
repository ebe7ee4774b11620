//! The machine that runs the tests, as it is.

use spec::payload::Scan;
use std::process::Command;

#[test]
fn the_machine_itself_is_scanned() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh-agent"));
    // What is watched is much; a test of this machine need not read all of it.
    let watch = tempfile::NamedTempFile::new().unwrap();
    let left_out = ["/bin", "/boot", "/lib", "/sbin", "/usr"].map(|path| format!("-{path}\n")).concat();
    std::io::Write::write_all(&mut watch.as_file(), left_out.as_bytes()).unwrap();
    command
        .args(["scan", "-o", "json", "--no-baseline", "--max-bytes-per-sec", "0", "--watch"])
        .arg(watch.path());
    let output = command.env_clear().env("VAULTMESH_STATE_DIR", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let line = std::str::from_utf8(&output.stdout).unwrap().strip_suffix('\n').unwrap();
    spec::Kind::Scan.check_payload(1, line).unwrap();
    let scan: Scan = serde_json::from_str(line).unwrap();
    assert_eq!((scan.root.as_str(), scan.simulated, scan.baseline), ("/", false, None));
    assert!(scan.tree_root.is_some());
    for unchecked in &scan.unchecked {
        println!("unknown: {}: {}", unchecked.id, unchecked.reason);
    }
    for finding in &scan.findings {
        println!("{}: {} {}: {}", finding.severity.as_str(), finding.id, finding.subject, finding.title);
    }
}

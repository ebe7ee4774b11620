//! Where units lie: `systemd-analyze unit-paths` says it, and in none of these places may others write.

use super::{place, put, root, scan, tool};
use std::os::unix::fs::chown;

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn units() {
    let (content, text) = tool("systemd-analyze", &["unit-paths"]);
    assert!(content && text.lines().count() > 5, "{text}");
    place(&["usr", "run", "lib", "bin"], &vec![("usr/lib/x".to_owned(), String::new())]);
    std::os::unix::fs::symlink("usr/lib", root().join("lib")).unwrap();
    let mut missed = Vec::new();
    for folder in text.lines().filter(|line| line.starts_with('/')) {
        let path = format!("{}/x.service", folder.trim_start_matches('/'));
        put(&path, b"[Service]\n");
        chown(root().join(&path), Some(1000), Some(1000)).unwrap();
        let found = scan(&[]).findings.into_iter();
        let mut found =
            found.filter(|f| f.id.as_str() == "schedule-drift" && f.subject.contains("/x.service"));
        if found.next().is_none() {
            missed.push(folder);
        }
        std::fs::remove_file(root().join(&path)).unwrap();
    }
    assert!(missed.is_empty(), "{missed:?}");
}

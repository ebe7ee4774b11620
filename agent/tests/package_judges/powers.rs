//! Who can reach and use a file: `getcap` says which files have capabilities, `setpriv` with `test` who may write.

use super::{place, put, root, scan, tool};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

/// A file below folders: their modes, its own, and a capability or an access list that it is given.
type Case = (Vec<u32>, u32, Option<&'static str>);

fn case() -> impl Strategy<Value = Vec<Case>> {
    let folder = select(vec![0o755, 0o755, 0o755, 0o711, 0o750, 0o700, 0o1777, 0o777]);
    let file = select(vec![0o644, 0o666, 0o755, 0o777, 0o4755, 0o2755, 0o4750, 0o4711, 0o4700, 0o602]);
    let given = prop_oneof![4 => Just(None), 1 => select(vec!["cap_net_raw=ep", "cap_setuid=ep", "cap_net_raw=i"]).prop_map(Some)];
    prop::collection::vec((prop::collection::vec(folder, 1..3), file, given), 1..5)
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn powers() {
    judge(&case());
}

fn judge(strategy: &impl Strategy<Value = Vec<Case>>) {
    super::judge("powers", strategy, |cases| {
        place(&["opt", "usr", "bin", "lib", "run", "etc/cron.daily", "var"], &Vec::new());
        put("var/lib/dpkg/status", b"");
        put("var/lib/dpkg/info/format", b"1\n");
        let mut paths = Vec::new();
        for (number, (folders, mode, given)) in cases.iter().enumerate() {
            let path = format!("opt/{number}/{}f", "d/".repeat(folders.len()));
            put(&path, b"x");
            let set = |path: &str, mode| {
                std::fs::set_permissions(root().join(path), PermissionsExt::from_mode(mode)).unwrap();
            };
            if let Some(given) = given {
                tool("setcap", &[given, &root().join(&path).display().to_string()]);
            }
            set(&path, *mode);
            let mut folder = format!("opt/{number}");
            for mode in folders {
                folder.push_str("/d");
                set(&folder, *mode);
            }
            paths.push(path);
        }
        let scan = scan(&[]);
        let found = |check: &str| -> BTreeSet<String> {
            scan.findings.iter().filter(|f| f.id.as_str() == check).map(|f| f.subject.clone()).collect()
        };
        let as_nobody = |test: &str, path: &str| {
            let path = root().join(path).display().to_string();
            tool("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups", "test", test, &path]).0
        };
        for path in &paths {
            let whole = root().join(path).display().to_string();
            let subject = format!("/{path}");
            let writes = as_nobody("-w", path);
            if writes != found("world-writable").contains(&subject) {
                return Some(format!(
                    "{path}: others write: {writes}; the scan: {:?}",
                    found("world-writable")
                ));
            }
            let mode = std::fs::metadata(&whole).unwrap().permissions().mode();
            let (_, capabilities) = tool("getcap", &[&whole]);
            let gives = mode & 0o4000 != 0
                || mode & 0o2010 == 0o2010
                || capabilities.contains(['e', 'p'])
                    && capabilities.contains('=')
                    && !capabilities.contains("=i");
            let starts = gives && as_nobody("-x", path);
            if starts != found("privileged-file").contains(&subject) {
                return Some(format!(
                    "{path}: others start it with powers: {starts}; the scan: {:?}",
                    found("privileged-file")
                ));
            }
        }
        None
    });
}

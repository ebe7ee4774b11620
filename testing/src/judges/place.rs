//! The root that the tools and the scan look at: the smallest of a system, with the files of a case in it.

use super::case::{File, Files, file};
use spec::Timestamp;
use spec::payload::Scan;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use vaultmesh_agent::scan::watch::Watched;
use vaultmesh_agent::scan::{self, Options};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n\
                      www-data:x:33:33::/:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n\
                      sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\nops:x:1000:1000::/srv/ops:/bin/bash\n\
                      alice:x:1001:1001::/srv/alice:/bin/bash\ndev:x:1002:1002::/srv/dev:/bin/bash\n\
                      deploy:x:1003:1003::/srv/deploy:/bin/bash\nplain:x:1999:1999::/srv/plain:/bin/bash\n";

const GROUP: &str = "root:x:0:\ndaemon:x:1:\nadm:x:4:\nwheel:x:10:dev\nsudo:x:27:alice\nwww-data:x:33:\n\
                     shadow:x:42:\nsftp:x:150:deploy\ndocker:x:990:\nnogroup:x:65534:\nops:x:1000:\nalice:x:1001:\n\
                     dev:x:1002:\ndeploy:x:1003:\nplain:x:1999:\n";

const SHADOW: &str = "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nops:!:19000:0:99999:7:::\n\
                      alice:!:19000:0:99999:7:::\ndev:!:19000:0:99999:7:::\ndeploy:!:19000:0:99999:7:::\n\
                      plain:!:19000:0:99999:7:::\n";

/// What is there before a case.
fn base() -> Files {
    vec![
        file("etc/group", 0o644, GROUP),
        file("etc/hostname", 0o644, "vm\n"),
        file("etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 vm.example.org vm\n"),
        file(
            "etc/nsswitch.conf",
            0o644,
            "passwd: files systemd\ngroup: files systemd\nshadow: files\nhosts: files\n",
        ),
        file("etc/pam.d/other", 0o644, "auth required pam_deny.so\n"),
        file(
            "etc/pam.d/sudo",
            0o644,
            "auth required pam_deny.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
        ),
        file("etc/passwd", 0o644, PASSWD),
        file("etc/shadow", 0o640, SHADOW),
        file("etc/shells", 0o644, "/bin/sh\n/bin/bash\n"),
        file("etc/ssh/", 0o755, ""),
        file("etc/sudoers.d/", 0o750, ""),
        file("root/", 0o700, ""),
        file("run/sshd/", 0o755, ""),
        file("run/userdb/", 0o755, ""),
        file("tmp/", 0o1777, ""),
        file("usr/lib/pam.d/", 0o755, ""),
        file("usr/lib/userdb/", 0o755, ""),
        file("var/log/", 0o755, ""),
    ]
}

/// Folders that are emptied for each case: the tools see them at the same paths.
const EMPTIED: [&str; 5] = ["etc", "root", "run", "usr/lib/pam.d", "usr/lib/userdb"];

/// The root.
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// At a folder, with the files of a case and nothing of the one before.
    pub fn at(root: &Path, files: &Files) -> Self {
        let place = Self { root: root.to_owned() };
        place.clear();
        base().iter().chain(files).for_each(|file| place.put(file));
        place
    }

    /// The folders stay, since the tools have them mounted.
    fn clear(&self) {
        for folder in EMPTIED {
            let Ok(members) = fs::read_dir(self.root.join(folder)) else { continue };
            for member in members {
                let member = member.unwrap();
                if member.file_type().unwrap().is_dir() {
                    fs::remove_dir_all(member.path()).unwrap();
                } else {
                    fs::remove_file(member.path()).unwrap();
                }
            }
        }
    }

    fn put(&self, file: &File) {
        let (path, target) = match file.path.split_once(" -> ") {
            Some((path, target)) => (path, Some(target)),
            None => (file.path.as_str(), None),
        };
        let at = self.root.join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if let Some(target) = target {
            symlink(target, &at).unwrap();
            return;
        }
        if path.ends_with('/') {
            fs::create_dir_all(&at).unwrap();
        } else {
            fs::File::create(&at).unwrap().write_all(file.text.as_bytes()).unwrap();
        }
        fs::set_permissions(&at, fs::Permissions::from_mode(file.mode)).unwrap();
    }

    /// What the scan says, in this process.
    pub fn scan(&self) -> Scan {
        let options = Options {
            root: self.root.clone(),
            bytes_per_sec: None,
            watched: Watched { paths: Vec::new(), except: Vec::new() },
            ..Options::default()
        };
        scan::run(&options, now(), None, None).unwrap().scan
    }
}

/// When every scan in this process begins.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T00:00:00.000Z").unwrap()
}

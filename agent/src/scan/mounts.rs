//! How file systems are mounted that others can write to.

use super::check::Check;
use super::cx::Cx;
use super::unread::Unread;
use spec::Severity;

/// A place for everybody's files where programs gain privileges or devices work.
pub(super) static OPTIONS: Check = Check {
    id: "mount-options",
    severity: Severity::Low,
    title: "A file system that others write to is mounted without protection",
    remediation: "Add the missing options in /etc/fstab or the mount unit, then `mount -o remount`.",
};

/// Where everybody writes, and which options such a mount should have.
const WANTED: [(&str, &[&str]); 4] = [
    ("/dev/shm", &["nosuid", "nodev"]),
    ("/run/user", &["nosuid", "nodev"]),
    ("/tmp", &["nosuid", "nodev"]),
    ("/var/tmp", &["nosuid", "nodev"]),
];

/// Kinds of file systems that come over a network.
pub(super) const NETWORK: [&str; 8] = ["9p", "afs", "ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3"];

/// A line of `/proc/mounts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) options: Vec<String>,
}

impl Mount {
    /// Whether the kernel gives no powers there.
    pub(super) fn is_nosuid(&self) -> bool {
        self.options.iter().any(|option| option == "nosuid")
    }

    /// Whether a container engine put it there for a container.
    pub(super) fn is_of_container(&self) -> bool {
        let engine = ["/run/containerd/", "/run/containers/", "/run/docker/", "/run/crio/", "/run/netns/"];
        self.kind == "overlay" && self.at.starts_with("/run/")
            || engine.iter().any(|front| self.at.starts_with(front))
    }
}

/// A line such as `tmpfs /tmp tmpfs rw,nosuid 0 0`, blanks written as `\040`.
pub(super) fn parse(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ').skip(1);
    let (at, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
    let at = plain(at);
    let options = options.split(',').map(str::to_owned).collect();
    at.starts_with('/').then(|| Mount { at, kind: kind.to_owned(), options })
}

/// A path of `/proc/mounts` or `mountinfo`, its blanks, tabs, newlines and backslashes no longer written in octal.
pub(super) fn plain(at: &str) -> String {
    at.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// What shows at each point: the last mount there.
pub(super) fn showing(text: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in text.lines().filter_map(parse) {
        mounts.retain(|other| other.at != mount.at);
        mounts.push(mount);
    }
    mounts
}

/// `/tmp` and its like are asked about where they are mounts of their own; `world-writable` looks at the
/// folders themselves.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let text = cx.source.text("/proc/mounts")?;
    for (number, line) in text.lines().enumerate() {
        if parse(line).is_none() {
            cx.unknown(&OPTIONS, format!("line {} of /proc/mounts is not understood", number + 1));
        }
    }
    for mount in showing(&text) {
        // Each user has a file system of their own below `/run/user`.
        let user = mount.at.strip_prefix("/run/user/").is_some_and(|rest| !rest.contains('/'));
        let at = if user { "/run/user" } else { mount.at.as_str() };
        let wanted = WANTED.iter().find(|(wanted, _)| *wanted == at).map(|(_, options)| *options);
        let network = NETWORK.contains(&mount.kind.as_str()).then_some(["nosuid", "nodev"].as_slice());
        let missing: Vec<&str> = wanted
            .or(network)
            .unwrap_or_default()
            .iter()
            .copied()
            .filter(|option| !mount.options.iter().any(|given| given == option))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let title = format!("{} is mounted without {missing}", mount.at);
            cx.find(&OPTIONS, mount.at, missing).title(title);
        }
    }
    Ok(())
}

//! Docker's socket: whoever can write to it is root.

use super::accounts;
use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::unread::{Optional as _, Unread};
use spec::Severity;

/// Somebody who is root through Docker.
pub(super) static SOCKET: Check = Check {
    id: "docker-socket",
    severity: Severity::Medium,
    title: "An account is as good as root through the group docker",
    remediation: "Take accounts that need not be root out of the group (gpasswd -d NAME docker), or run Docker without \
                  root. The socket belongs to root and the group docker with mode 0660.",
};

/// Without the socket and without the group there is no Docker to speak of.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let directory = accounts::everybody(cx, &SOCKET)?;
    let docker = directory.group("docker");
    let path = "/run/docker.sock";
    if let Some(meta) = cx.source.stat(path).optional()? {
        let seen = format!("{path} {} {:o} {} {}", meta.word, meta.mode, meta.uid, meta.gid);
        let expected = meta.gid == 0 || docker.is_some_and(|group| group.gid == meta.gid);
        if meta.kind != Type::Special {
            cx.unknown(&SOCKET, format!("{path} is not a socket"));
        } else if meta.world_writable() {
            cx.find(&SOCKET, path, seen)
                .title("Everybody is as good as root through Docker's socket")
                .severity(Severity::Critical);
        } else if meta.uid != 0 || !expected && meta.mode & 0o020 != 0 {
            cx.find(&SOCKET, path, seen)
                .title("Docker's socket belongs to others than root and docker")
                .severity(Severity::High);
        }
    }
    let Some(docker) = docker else { return Ok(()) };
    // Who has the number of the group, by whatever name.
    let members = directory.members(docker.gid);
    for member in members.into_iter().filter(|member| member != "root") {
        let seen = member.clone();
        cx.find(&SOCKET, format!("member {member}"), seen);
    }
    Ok(())
}

//! Whether the clock of this machine is kept by somebody: what the kernel was told, as systemd hands it on. The kernel's
//! own word (`adjtimex`) takes a call that no safe crate makes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Where systemd-timesyncd says that it has synchronized the clock since this machine was started.
const TIMESYNC: &str = "/run/systemd/timesync";

/// What hands on the kernel's word, whoever synchronizes the clock.
const TIMEDATECTL: &str = "/usr/bin/timedatectl";

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether somebody has synchronized the clock of this machine; `None` where nobody says.
pub async fn is_synchronized() -> Option<bool> {
    asked(Path::new(TIMESYNC), Path::new(TIMEDATECTL)).await
}

async fn asked(timesync: &Path, timedatectl: &Path) -> Option<bool> {
    if timesync.join("synchronized").exists() {
        return Some(true);
    }
    match kernel(timedatectl).await.as_deref().map(str::trim) {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => timesync.is_dir().then_some(false),
    }
}

async fn kernel(timedatectl: &Path) -> Option<String> {
    let mut command = Command::new(timedatectl);
    command.args(["show", "--property=NTPSynchronized", "--value"]).stdin(Stdio::null());
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What an operator is told at a start, if nobody keeps the clock.
pub fn warning(is_synchronized: Option<bool>) -> Option<String> {
    (is_synchronized == Some(false)).then(|| {
        "nobody has synchronized the clock of this machine since it was started, and the ledger records its time for \
         ever: `timedatectl set-ntp true`, or another service for the time"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn the_kernel_is_asked_and_nobodys_word_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (timesync, nothing) = (dir.path().join("timesync"), dir.path().join("nothing"));
        let says = |word: &str| {
            let program = dir.path().join(if word.is_empty() { "silent" } else { word });
            let script = std::fs::File::create(&program);
            std::io::Write::write_all(&mut script.unwrap(), format!("#!/bin/sh\necho {word}\n").as_bytes())
                .unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
            program
        };
        assert_eq!(asked(&timesync, &nothing).await, None);
        for (word, expected) in [("yes", Some(true)), ("no", Some(false)), ("", None)] {
            assert_eq!(asked(&timesync, &says(word)).await, expected, "{word}");
        }
        std::fs::create_dir(&timesync).unwrap();
        assert_eq!(asked(&timesync, &nothing).await, Some(false));
        assert_eq!(asked(&timesync, &says("yes")).await, Some(true), "another service keeps the clock");
        std::fs::File::create(timesync.join("synchronized")).unwrap();
        assert_eq!(asked(&timesync, &says("no")).await, Some(true));
        assert!(warning(Some(false)).is_some() && warning(Some(true)).is_none() && warning(None).is_none());
    }
}

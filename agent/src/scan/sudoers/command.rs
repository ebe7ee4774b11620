//! Whether a command is one that a rule names: sudoers(5), "Wildcards" and "Regular expressions".

use super::super::glob::{self, Flags};
use regex_lite::Regex;

/// Longest regular expression that is tried, in bytes.
const MAX_REGEX_BYTES: usize = 1024;

/// A command that somebody might run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe<'p> {
    pub(super) path: &'p str,
    /// Its arguments; `None` if it has none.
    pub(super) args: Option<&'p str>,
}

/// A program that no rule names: who may run it may run everything.
pub(super) const EVERYTHING: Probe<'static> = Probe { path: "/srv/zq7f/zq7f", args: Some("zq7f 7") };

/// Programs that start a shell or whatever else one names.
const STARTERS: [&str; 34] = [
    "ash",
    "awk",
    "bash",
    "busybox",
    "chroot",
    "csh",
    "dash",
    "env",
    "fish",
    "gawk",
    "ksh",
    "lua",
    "mawk",
    "nice",
    "node",
    "nohup",
    "nsenter",
    "perl",
    "php",
    "python",
    "python3",
    "ruby",
    "script",
    "setpriv",
    "setsid",
    "sh",
    "su",
    "sudo",
    "systemd-run",
    "tcsh",
    "timeout",
    "unshare",
    "xargs",
    "zsh",
];

/// Folders of programs; `/bin` is `/usr/bin` on most machines.
const FOLDERS: [&str; 6] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Commands with which whoever may run one as root has all.
pub(super) fn starters() -> impl Iterator<Item = (String, Option<&'static str>)> {
    FOLDERS.into_iter().flat_map(|folder| {
        STARTERS.into_iter().flat_map(move |name| {
            // Those that start a shell by themselves need no argument.
            let alone = name.ends_with("sh") || matches!(name, "su");
            let bare = alone.then_some(None);
            bare.into_iter().chain([Some("zq7f 7")]).map(move |args| (format!("{folder}/{name}"), args))
        })
    })
}

/// Whether a rule's command is the probe. An error if nobody can say.
pub(super) fn fits(path: &str, args: Option<&str>, probe: &Probe<'_>) -> Result<bool, ()> {
    Ok(path_fits(path, probe.path)? && args_fit(args, probe.args)?)
}

fn path_fits(path: &str, probe: &str) -> Result<bool, ()> {
    if path == "sudoedit" {
        return Ok(false);
    }
    if path.starts_with('^') {
        return regex(path, probe);
    }
    if let Some(folder) = path.strip_suffix('/') {
        let own = probe.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !glob::is_pattern(folder) {
            return Ok(plain(folder) == plain(own));
        }
        return Ok(glob_fits(folder, own));
    }
    Ok(if glob::is_pattern(path) { glob_fits(path, probe) } else { plain(path) == plain(probe) })
}

fn glob_fits(pattern: &str, path: &str) -> bool {
    // The pattern stands for the files that there are, by either of their names.
    let flags = Flags { pathname: true, period: true, casefold: false };
    let other = if path.starts_with("/usr/") { plain(path).to_owned() } else { format!("/usr{path}") };
    glob::fits(pattern, path, flags) || is_merged(&other) && glob::fits(pattern, &other, flags)
}

fn is_merged(path: &str) -> bool {
    ["/bin/", "/sbin/"].iter().any(|folder| plain(path).starts_with(folder))
}

/// A path by its older name: `/usr/bin` is `/bin`.
fn plain(path: &str) -> &str {
    path.strip_prefix("/usr")
        .filter(|rest| rest.starts_with("/bin") || rest.starts_with("/sbin"))
        .unwrap_or(path)
}

fn args_fit(args: Option<&str>, probe: Option<&str>) -> Result<bool, ()> {
    match (args, probe) {
        (None, _) => Ok(true),
        (Some("\"\""), probe) => Ok(probe.is_none()),
        (Some(pattern), probe) if pattern.starts_with('^') => regex(pattern, probe.unwrap_or("")),
        (Some(pattern), probe) => Ok(glob::fits(pattern, probe.unwrap_or(""), Flags::default())),
    }
}

fn regex(pattern: &str, text: &str) -> Result<bool, ()> {
    if pattern.len() > MAX_REGEX_BYTES {
        return Err(());
    }
    Regex::new(pattern).map(|regex| regex.is_match(text)).map_err(|_| ())
}

/// Whether a name of a host, or a pattern of names, is this machine's.
pub(super) fn host_fits(name: &str, host: &str) -> bool {
    let flags = Flags { casefold: true, ..Flags::default() };
    if glob::is_pattern(name) { glob::fits(name, host, flags) } else { name.eq_ignore_ascii_case(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_under_their_names() {
        let bash = Probe { path: "/usr/bin/bash", args: Some("-c x") };
        let bare = Probe { args: None, ..bash };
        for (path, args, probe, expected) in [
            ("/bin/bash", None, bash, Ok(true)),
            ("/bin/bash", Some("\"\""), bash, Ok(false)),
            ("/bin/bash", Some("\"\""), bare, Ok(true)),
            ("/bin/bash", Some("/srv/x.sh"), bash, Ok(false)),
            ("/bin/bash", Some("*"), bash, Ok(true)),
            ("/usr/bin/", None, bash, Ok(true)),
            ("/bin/*", None, bash, Ok(true)),
            ("/*/bash", None, bash, Ok(true)),
            ("/*", None, bash, Ok(false)),
            ("^/.*$", None, bash, Ok(true)),
            ("^/usr/bin/(a|b)$", None, bash, Ok(false)),
            ("^/($", None, bash, Err(())),
            ("sudoedit", None, bash, Ok(false)),
        ] {
            assert_eq!(fits(path, args, &probe), expected, "{path} {args:?}");
        }
        assert!(starters().all(|(path, _)| !path.contains("zq7f")));
    }
}

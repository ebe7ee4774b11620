//! Which files' contents are watched.
//!
//! `watch` in the state directory, or the file a command line names, adds to the list that is built in: a
//! path a line is watched as well, with everything below it; one behind a `-` is left out.

use super::tree;
use std::io;
use std::path::{Path, PathBuf};

/// Watched unless told otherwise: what a system starts from, and what decides who may do what. Libraries
/// beside those of PAM and systemd are left out for their size; `/usr/lib` in the list of an operator
/// brings them in.
const BUILT_IN: [&str; 29] = [
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    concat!("/root", "/.bash_aliases"),
    concat!("/root", "/.ssh/rc"),
    concat!("/root", "/.zshenv"),
    "/sbin",
    "/usr/bin",
    "/usr/lib/aarch64-linux-gnu/security",
    "/usr/lib/apt",
    "/usr/lib/modules",
    "/usr/lib/openssh",
    "/usr/lib/security",
    "/usr/lib/systemd",
    "/usr/lib/tmpfiles.d",
    "/usr/lib/udev",
    "/usr/lib/userdb",
    "/usr/lib/x86_64-linux-gnu/security",
    "/usr/libexec",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/local/sbin",
    "/usr/sbin",
    "/usr/share/dbus-1/system-services",
    "/usr/share/polkit-1",
];

/// Most paths of an operator's list.
const MAX_PATHS: usize = 1024;

/// The watched paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Each with everything below it, in the order in which a scan meets them; none lies below another.
    pub paths: Vec<String>,
    /// Left out, with everything below.
    pub except: Vec<String>,
}

impl Default for Watched {
    fn default() -> Self {
        Self::with("").unwrap_or(Self { paths: Vec::new(), except: Vec::new() })
    }
}

/// The reason why a list of watched files is not used.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A line of it is none.
    #[error("line {number}: {line} is not an absolute path, or one too many")]
    Line {
        /// Which, from 1.
        number: usize,
        /// What it says.
        line: String,
    },
    /// The same of a list that is a file.
    #[error("{}, {why}", file.display())]
    In {
        /// The file.
        file: PathBuf,
        /// What is wrong in it.
        #[source]
        why: Box<Self>,
    },
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Watched {
    /// The paths that are built in and those of an operator's list.
    ///
    /// # Errors
    /// The first line that is no path.
    pub fn with(list: &str) -> Result<Self, WatchError> {
        let mut paths: Vec<String> = BUILT_IN.iter().map(|path| (*path).to_owned()).collect();
        let mut except = Vec::new();
        for (number, line) in super::text::lines(list) {
            let (into, path) = match line.strip_prefix('-') {
                Some(path) => (&mut except, path.trim()),
                None => (&mut paths, line),
            };
            let sound = path.starts_with('/') && !path.split('/').any(|part| part == "..");
            if !sound || into.len() > MAX_PATHS {
                return Err(WatchError::Line { number, line: line.to_owned() });
            }
            into.push(path.trim_end_matches('/').to_owned());
        }
        paths.sort_by(|a, b| tree::order(a, b));
        paths.dedup_by(|path, before| below(path, before));
        Ok(Self { paths, except })
    }

    /// The list in a file; the one that is built in if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no path.
    pub fn read(file: &Path) -> Result<Self, WatchError> {
        let named = || file.to_owned();
        match std::fs::read_to_string(file) {
            Ok(list) => Self::with(&list).map_err(|why| WatchError::In { file: named(), why: Box::new(why) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(WatchError::Read { file: named(), source }),
        }
    }

    /// Whether a path is left out.
    pub fn is_left_out(&self, path: &str) -> bool {
        self.except.iter().any(|except| below(path, except))
    }
}

/// Whether `path` is `top` or lies below it.
pub(super) fn below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || top.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_adds_and_leaves_out() {
        let watched = Watched::with("# libraries too\n/usr/lib\n/opt/app/\n- /etc/mtab\n").unwrap();
        assert!(watched.paths.contains(&"/usr/lib".to_owned()));
        assert!(watched.paths.contains(&"/opt/app".to_owned()));
        assert!(!watched.paths.iter().any(|path| path.starts_with("/usr/lib/")), "{:?}", watched.paths);
        assert!(watched.is_left_out("/etc/mtab") && !watched.is_left_out("/etc/mtab2"));
        assert_eq!(
            Watched::with("etc").unwrap_err().to_string(),
            "line 1: etc is not an absolute path, or one too many"
        );
        assert!(Watched::with("/a/../b").is_err());
    }
}

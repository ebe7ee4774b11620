//! Services that somebody has signed in to, in a file for its owner alone.
//!
//! `$XDG_CONFIG_HOME/vaultmesh/contexts.json`, else `~/.config/vaultmesh/contexts.json`. A context names a service, the
//! token to show it and the id of its ledger as it was at the first login: what answers under the address with another id
//! later is another ledger.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use spec::Hash;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Longest name of a context, in characters.
const MAX_NAME_CHARS: usize = 64;

/// Largest file that is read: some thousands of contexts.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A service that somebody has signed in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Context {
    /// The ledger's id.
    pub(crate) ledger: Hash,
    /// The token.
    pub(crate) token: String,
    /// Where it is.
    pub(crate) url: String,
}

/// What stands in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// By name.
    contexts: BTreeMap<String, Context>,
    /// The one that commands go to which name neither a directory nor a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
}

/// All contexts.
#[derive(Debug)]
pub(crate) struct Contexts {
    path: PathBuf,
    known: Known,
}

impl Contexts {
    /// Those of whoever runs this; none if there is no file, or no home to have one in.
    pub(crate) fn of_user() -> Result<Option<Self>, Failure> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        config.map(|config| Self::open(&config.join("vaultmesh/contexts.json"))).transpose()
    }

    fn open(path: &Path) -> Result<Self, Failure> {
        let named = |e: &dyn std::fmt::Display| Failure::io(format!("{}: {e}", path.display()));
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), known: Known::default() });
            }
            Err(e) => return Err(named(&e)),
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            let path = path.display();
            return Err(Failure::refused(format!(
                "{path} has tokens in it and others may read or write it; `chmod 600 {path}`, and end the tokens with \
                 `ledger tokens revoke` if somebody did"
            )));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(named(&"larger than any file of contexts"));
        }
        let text = std::fs::read(path).map_err(|e| named(&e))?;
        let known =
            serde_json::from_slice(&text).map_err(|e| named(&format_args!("no file of contexts: {e}")))?;
        Ok(Self { path: path.to_owned(), known })
    }

    /// One by its name, or the current one.
    pub(crate) fn pick(&self, name: Option<&str>) -> Result<Option<&Context>, Failure> {
        let Some(name) = name.or(self.known.current.as_deref()) else { return Ok(None) };
        self.get(name).map(Some).ok_or_else(|| self.unknown(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Context> {
        self.known.contexts.get(name)
    }

    /// By name, and whether it is the current one.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Context, bool)> {
        let is_current = |name: &str| self.known.current.as_deref() == Some(name);
        self.known.contexts.iter().map(move |(name, context)| (name.as_str(), context, is_current(name)))
    }

    /// Sets one and makes it the current one.
    pub(crate) fn set(&mut self, name: &str, context: Context) -> Result<(), Failure> {
        let is_name = !name.is_empty()
            && name.chars().count() <= MAX_NAME_CHARS
            && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
        if !is_name {
            return Err(Failure::usage(format!(
                "{name} is no name of a context: at most {MAX_NAME_CHARS} letters, digits and .-_:"
            )));
        }
        self.known.contexts.insert(name.to_owned(), context);
        self.known.current = Some(name.to_owned());
        self.save()
    }

    pub(crate) fn make_current(&mut self, name: &str) -> Result<(), Failure> {
        if self.get(name).is_none() {
            return Err(self.unknown(name));
        }
        self.known.current = Some(name.to_owned());
        self.save()
    }

    /// Forgets one, the current one if none is named; its name.
    pub(crate) fn forget(&mut self, name: Option<&str>) -> Result<String, Failure> {
        let name = name.or(self.known.current.as_deref()).map(str::to_owned);
        let name = name.ok_or_else(|| Failure::usage("you are signed in nowhere"))?;
        if self.known.contexts.remove(&name).is_none() {
            return Err(self.unknown(&name));
        }
        self.known.current.take_if(|current| *current == name);
        self.save()?;
        Ok(name)
    }

    fn unknown(&self, name: &str) -> Failure {
        let known: Vec<&str> = self.known.contexts.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
        Failure::usage(format!("no context {name}: {known}; `ledger login URL` makes one"))
    }

    /// Writes the file anew beside the old one and puts it in its place, so that none is ever half there.
    fn save(&self) -> Result<(), Failure> {
        let named = |e: std::io::Error| Failure::io(format!("{}: {e}", self.path.display()));
        let folder = self.path.parent().unwrap_or(Path::new("."));
        disk::create_dir(folder).map_err(named)?;
        let text = serde_json::to_string_pretty(&self.known).map_err(Failure::io)?;
        disk::replace_secret(&self.path, &text).map_err(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(url: &str) -> Context {
        Context { ledger: Hash([7; 32]), token: "vmt1.secret".to_owned(), url: url.to_owned() }
    }

    #[test]
    fn what_was_set_is_there_again_and_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("vaultmesh/contexts.json");
        let mut contexts = Contexts::open(&path).unwrap();
        assert!(contexts.pick(None).unwrap().is_none());
        contexts.set("lab", context("http://lab")).unwrap();
        contexts.set("prod:8088", context("https://prod:8088")).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let mut contexts = Contexts::open(&path).unwrap();
        assert_eq!(contexts.pick(None).unwrap(), Some(&context("https://prod:8088")));
        contexts.make_current("lab").unwrap();
        assert_eq!(contexts.pick(None).unwrap(), Some(&context("http://lab")));
        assert_eq!(contexts.pick(Some("prod:8088")).unwrap(), Some(&context("https://prod:8088")));
        assert_eq!(contexts.forget(None).unwrap(), "lab");
        let contexts = Contexts::open(&path).unwrap();
        assert!(contexts.pick(None).unwrap().is_none(), "none is current");
        assert_eq!(contexts.all().map(|(name, ..)| name).collect::<Vec<_>>(), ["prod:8088"]);
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    fn what_is_no_context_is_told() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("contexts.json");
        let mut contexts = Contexts::open(&path).unwrap();
        for name in ["", "a b", "../x", &"x".repeat(65)] {
            assert!(contexts.set(name, context("http://lab")).is_err(), "{name}");
        }
        assert!(contexts.make_current("lab").unwrap_err().to_string().contains("there is none"));
        contexts.set("lab", context("http://lab")).unwrap();
        assert!(contexts.pick(Some("prod")).unwrap_err().to_string().contains("no context prod: lab;"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Contexts::open(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "{").unwrap();
        assert!(Contexts::open(&path).unwrap_err().to_string().contains("no file of contexts"));
    }
}

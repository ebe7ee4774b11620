//! pacman.conf(5), as far as it says whether packages must be signed: sections, `Include` with patterns, and
//! `SigLevel` with its kin (section "Package and database signature checking").
//!
//! It follows pacman's own reader (`ini.c`, `conf.c`): values of one option add up in the order in which they are met,
//! a repository's go over those of `[options]`, and without any of them a signature is optional.

use super::source::Source;
use super::text::{self, fits};
use super::unread::{Optional as _, Unread};

const FILE: &str = "/etc/pacman.conf";

/// How deep files may include each other; pacman stops at the same depth.
const MAX_INCLUDES: usize = 10;

/// Most files that are read.
const MAX_FILES: usize = 1024;

/// Settings by which pacman takes things without asking.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Sections, or names of options, with how they are lax: `never`, `optional` or `trust all`.
    pub lax: Vec<(String, &'static str)>,
    /// Addresses of the main file.
    pub servers: Vec<String>,
    /// What pacman refuses, or what could not be read.
    pub refused: Vec<String>,
}

/// One kind of signature check; what is not said is left to the kind above.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    asked: Option<bool>,
    optional: Option<bool>,
    trusts_all: Option<bool>,
}

impl Level {
    /// What pacman starts from.
    const DEFAULT: Self = Self { asked: Some(true), optional: Some(true), trusts_all: Some(false) };

    /// Takes up the words of one line; false if one of them is none.
    fn take(&mut self, value: &str) -> bool {
        let mut next = *self;
        for word in value.split(' ').filter(|word| !word.is_empty()) {
            let (word, of_packages) = match (word.strip_prefix("Package"), word.strip_prefix("Database")) {
                (Some(word), _) => (word, true),
                (None, Some(word)) => (word, false),
                (None, None) => (word, true),
            };
            let mut changed = next;
            match word {
                "Never" => changed.asked = Some(false),
                "Optional" => (changed.asked, changed.optional) = (Some(true), Some(true)),
                "Required" => (changed.asked, changed.optional) = (Some(true), Some(false)),
                "TrustedOnly" => changed.trusts_all = Some(false),
                "TrustAll" => changed.trusts_all = Some(true),
                _ => return false,
            }
            if of_packages {
                next = changed;
            }
        }
        *self = next;
        true
    }

    fn is_set(self) -> bool {
        self.asked.is_some() || self.optional.is_some() || self.trusts_all.is_some()
    }

    fn over(self, base: Self) -> Self {
        Self {
            asked: self.asked.or(base.asked),
            optional: self.optional.or(base.optional),
            trusts_all: self.trusts_all.or(base.trusts_all),
        }
    }

    /// In which way it lets packages through that nobody vouches for.
    fn lax(self) -> Option<&'static str> {
        match self {
            Self { asked: Some(false), .. } => Some("never"),
            Self { trusts_all: Some(true), .. } => Some("trust all"),
            Self { optional: Some(true), .. } => Some("optional"),
            _ => None,
        }
    }
}

/// What pacman reads no further after.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}: there are too many files")]
    Files(String),
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error("{path}, line {line}: pacman refuses it: {why}")]
    Line { path: String, line: usize, why: &'static str },
}

#[derive(Debug, Default)]
struct Reader {
    settings: Settings,
    section: Option<String>,
    default: Level,
    local: Level,
    remote: Level,
    repositories: Vec<(String, Level)>,
    files: usize,
}

/// What the machine's file says; `None` if there is none.
pub fn load(source: &Source) -> Result<Option<Settings>, Unread> {
    if source.lstat(FILE).optional()?.is_none() {
        return Ok(None);
    }
    let mut reader = Reader::default();
    if let Err(reason) = reader.file(source, FILE, 0) {
        reader.settings.refused.push(reason.to_string());
    }
    let base = reader.default.over(Level::DEFAULT);
    let mut lax = Vec::new();
    let mut note = |name: &str, level: Level| lax.extend(level.lax().map(|why| (name.to_owned(), why)));
    note("options", base);
    for (name, level) in reader.repositories.iter().filter(|(_, level)| level.is_set()) {
        note(name, level.over(base));
    }
    // Of one's own files it is usual to take them unsigned; of those from elsewhere it is not.
    if reader.local.asked == Some(false) || reader.local.trusts_all == Some(true) {
        note("LocalFileSigLevel", reader.local.over(base));
    }
    if reader.remote.is_set() {
        note("RemoteFileSigLevel", reader.remote.over(base));
    }
    reader.settings.lax = lax;
    Ok(Some(reader.settings))
}

impl Reader {
    fn file(&mut self, source: &Source, path: &str, depth: usize) -> Result<(), Refusal> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(Refusal::Files(path.to_owned()));
        }
        let text = source.text(path)?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let refused = |why: &'static str| Refusal::Line { path: path.to_owned(), line: number + 1, why };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                self.section = Some(name.to_owned());
                if name != "options" {
                    self.repositories.push((name.to_owned(), Level::default()));
                }
                continue;
            }
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim())),
                None => (line, None),
            };
            if key == "Include" {
                let pattern = value.ok_or_else(|| refused("Include without a value"))?;
                if depth >= MAX_INCLUDES {
                    return Err(refused("files include each other too deep"));
                }
                for path in glob(source, pattern) {
                    self.file(source, &path, depth + 1)?;
                }
                continue;
            }
            let Some(section) = self.section.clone() else {
                return Err(refused("an option before the first section"));
            };
            if key == "Server" && path == FILE {
                self.settings.servers.extend(value.map(str::to_owned));
            }
            let level = match key {
                "SigLevel" if section == "options" => &mut self.default,
                "LocalFileSigLevel" if section == "options" => &mut self.local,
                "RemoteFileSigLevel" if section == "options" => &mut self.remote,
                "SigLevel" => match self.repositories.last_mut() {
                    Some((_, level)) => level,
                    None => continue,
                },
                _ => continue,
            };
            if !value.is_some_and(|value| level.take(value)) {
                return Err(refused("a word that is none"));
            }
        }
        Ok(())
    }
}

/// The files that a pattern stands for, sorted; the pattern itself if there are none, as `glob(3)` with
/// `GLOB_NOCHECK` gives it.
fn glob(source: &Source, pattern: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for path in &paths {
            if !part.contains(['*', '?']) {
                next.push(format!("{path}/{part}"));
                continue;
            }
            let folder = if path.is_empty() { "/" } else { path };
            let names = source.list(folder).unwrap_or_default();
            let fitting = names.iter().filter(|name| fits(part, name) && !name.starts_with('.'));
            next.extend(fitting.take(MAX_FILES).map(|name| format!("{path}/{name}")));
        }
        next.truncate(MAX_FILES);
        paths = next;
    }
    if pattern.contains(['*', '?']) {
        paths.retain(|path| source.lstat(path).is_ok());
    }
    if paths.is_empty() { vec![text::of_bytes(pattern.as_bytes())] } else { paths }
}

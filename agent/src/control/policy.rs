//! What this node lets itself be told: a file that only the node's own administrator writes. The ledger's service
//! can ask for less than it allows, never for more.
//!
//! ```toml
//! [allow.scan]
//! [allow.service-status]
//! units = ["nginx.service"]
//! [allow.tail-journal]
//! units = ["nginx.service"]
//! lines = 200
//! [allow.run]
//! templates = ["disk-usage"]
//! min_approvals = 1
//!
//! # In place of [allow] on nodes of this operating system profile.
//! [profile.ArchVault.allow.scan]
//!
//! [template.disk-usage]
//! program = "/usr/bin/df"
//! arguments = ["-h", "{path}"]
//! [template.disk-usage.parameters]
//! path = ["/", "/var"]
//! ```

use super::order::Refusal;
use super::trusted::{self, Untrusted};
use serde::Deserialize;
use spec::payload::{Narrowing, PolicyDocument};
use spec::{Hash, Name};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the policy is unless told otherwise.
pub const DEFAULT_POLICY: &str = "/etc/vaultmesh/policy.toml";

/// The command by which policies are applied.
pub(crate) const APPLY_POLICY: &str = "apply-policy";

/// The command that gives a node a new key.
const ROTATE_KEY: &str = "rotate-key";

/// Lines of a journal that may be asked for if the policy does not say.
const DEFAULT_LINES: u64 = 100;

/// How long a template's program may run if the policy does not say, in seconds.
const DEFAULT_TIMEOUT_SECS: u64 = 60;

/// How long any program may run at most, in seconds.
const MAX_TIMEOUT_SECS: u64 = 3600;

/// Largest policy that is read.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// What may be asked of one command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    #[serde(default)]
    units: Vec<String>,
    lines: Option<u64>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    templates: Vec<String>,
    /// How many other people must have approved it, whatever the command itself asks for.
    #[serde(default)]
    min_approvals: u64,
}

impl Grant {
    fn narrowed_by(&self, narrowing: &Narrowing) -> Self {
        let both = |own: &[String], listed: Option<&Vec<String>>| -> Vec<String> {
            own.iter().filter(|text| listed.is_none_or(|listed| listed.contains(text))).cloned().collect()
        };
        let lines = self.lines.unwrap_or(DEFAULT_LINES);
        Self {
            units: both(&self.units, narrowing.units.as_ref()),
            lines: Some(narrowing.lines.map_or(lines, |most| most.min(lines))),
            paths: both(&self.paths, narrowing.paths.as_ref()),
            templates: both(&self.templates, narrowing.templates.as_ref()),
            min_approvals: self.min_approvals,
        }
    }
}

type Grants = BTreeMap<String, Grant>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    #[serde(default)]
    allow: Grants,
}

/// A program with arguments of which a few may be chosen, each from a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    program: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    parameters: BTreeMap<String, Vec<String>>,
    timeout_secs: Option<u64>,
}

/// The policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    allow: Grants,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
    #[serde(default)]
    template: BTreeMap<String, Template>,
}

/// The reason why a file is no policy that holds.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct PolicyFileError {
    path: PathBuf,
    source: PolicyError,
}

/// The reason why a policy does not hold: nothing of it does then.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is too large.
    #[error("larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// Others can have written it.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// It is no TOML of the form of a policy.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// It names a command that this agent does not know.
    #[error("allow.{0}: none of {known}", known = KNOWN.join(", "))]
    UnknownCommand(String),
    /// It allows a template that it lacks.
    #[error("allow.{command}: there is no template.{template}")]
    NoTemplate {
        /// The command.
        command: String,
        /// The template.
        template: String,
    },
    /// A template cannot be run.
    #[error("template.{name}: {source}")]
    Template {
        /// The template.
        name: String,
        /// Why not.
        source: TemplateError,
    },
}

/// The reason why a template cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Its program is looked for nowhere.
    #[error("program must be an absolute path")]
    Program,
    /// Others can have written its program.
    #[error("{program}: {why}")]
    Untrusted {
        /// The program.
        program: String,
        /// Why it is not taken at its word.
        why: Untrusted,
    },
    /// Its time is out of range.
    #[error("timeout_secs must be 1 to {MAX_TIMEOUT_SECS}")]
    Timeout,
    /// It has no such parameter.
    #[error("arguments name {{{0}}}, which is none of its parameters")]
    Parameter(String),
}

/// The work that a command is on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A sovereign scan.
    Scan,
    /// The policy with this hash narrows what is allowed from now on; with zeros, none does.
    ApplyPolicy(Hash),
    /// A new key in place of the node's.
    RotateKey,
    /// Digests of files, without their contents.
    CollectEvidence(Vec<String>),
    /// A program, without a shell.
    Run {
        /// Its absolute path.
        program: String,
        /// Its arguments, each passed on as it is.
        arguments: Vec<String>,
        /// How long it may run.
        timeout: Duration,
    },
}

/// The commands that this agent knows.
pub const KNOWN: [&str; 8] = [
    APPLY_POLICY,
    "collect-evidence",
    ROTATE_KEY,
    "run",
    "scan",
    "service-restart",
    "service-status",
    "tail-journal",
];

impl Default for Policy {
    /// A node without a policy lets itself be looked at and narrowed, gives itself a new key, and nothing else.
    fn default() -> Self {
        let allow =
            ["scan", APPLY_POLICY, ROTATE_KEY].map(|command| (command.to_owned(), Grant::default())).into();
        Self { allow, profile: BTreeMap::new(), template: BTreeMap::new() }
    }
}

impl Policy {
    /// A policy that allows nothing.
    pub fn nothing() -> Self {
        Self { allow: Grants::new(), profile: BTreeMap::new(), template: BTreeMap::new() }
    }

    /// What a node of an operating system profile lets itself be told, in words.
    pub fn summary(&self, profile: Option<&str>) -> String {
        let names: Vec<&str> = self.grants(profile).keys().map(String::as_str).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    /// How many other people must have approved a command before a node of an operating system profile carries it out.
    pub fn min_approvals(&self, profile: Option<&str>, command: &Name) -> u64 {
        self.grants(profile).get(command.as_str()).map_or(0, |grant| grant.min_approvals)
    }

    fn grants(&self, profile: Option<&str>) -> &Grants {
        let of_profile = profile.and_then(|profile| self.profile.get(profile));
        of_profile.map_or(&self.allow, |profile| &profile.allow)
    }

    /// The same with no more in it than a document allows; what the document names beyond that adds nothing.
    #[must_use]
    pub fn narrowed_by(&self, document: &PolicyDocument) -> Self {
        let narrowing = |name: &str| document.allow.iter().find(|(known, _)| known.as_str() == name);
        let narrowed = |grants: &Grants| -> Grants {
            let grants = grants.iter().filter_map(|(name, grant)| {
                let (_, narrowing) = narrowing(name)?;
                Some((name.clone(), grant.narrowed_by(narrowing)))
            });
            grants.collect()
        };
        let of_profile = |profile: &Profile| Profile { allow: narrowed(&profile.allow) };
        Self {
            allow: narrowed(&self.allow),
            profile: self.profile.iter().map(|(name, profile)| (name.clone(), of_profile(profile))).collect(),
            template: self.template.clone(),
        }
    }

    /// Reads a policy; the default if there is no such file.
    pub fn load(path: &Path) -> Result<Self, PolicyFileError> {
        Self::read(path).map_err(|source| PolicyFileError { path: path.to_owned(), source })
    }

    fn read(path: &Path) -> Result<Self, PolicyError> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
            Ok(metadata) if metadata.len() > MAX_FILE_BYTES => return Err(PolicyError::TooLarge),
            Ok(metadata) => trusted::check(&metadata)?,
        }
        let policy = Self::parse(&std::fs::read_to_string(path)?)?;
        policy.check_programs()?;
        Ok(policy)
    }

    /// Whoever can write a program that a template runs has the node, as whoever can write the policy has. One that is
    /// not there fails when it is run.
    fn check_programs(&self) -> Result<(), PolicyError> {
        for (name, template) in &self.template {
            let Ok(metadata) = std::fs::metadata(&template.program) else { continue };
            trusted::check(&metadata).map_err(|why| {
                let source = TemplateError::Untrusted { program: template.program.clone(), why };
                PolicyError::Template { name: name.clone(), source }
            })?;
        }
        Ok(())
    }

    /// Reads a policy from its text.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)?;
        let grants = policy.profile.values().map(|profile| &profile.allow).chain([&policy.allow]);
        for (command, grant) in grants.flatten() {
            if !KNOWN.contains(&command.as_str()) {
                return Err(PolicyError::UnknownCommand(command.clone()));
            }
            if let Some(missing) = grant.templates.iter().find(|name| !policy.template.contains_key(*name)) {
                return Err(PolicyError::NoTemplate { command: command.clone(), template: missing.clone() });
            }
        }
        for (name, template) in &policy.template {
            template.check().map_err(|source| PolicyError::Template { name: name.clone(), source })?;
        }
        Ok(policy)
    }

    /// What a command comes to on a node of an operating system profile, if it is allowed.
    pub fn task(
        &self,
        profile: Option<&str>,
        command: &Name,
        parameters: &BTreeMap<Name, String>,
    ) -> Result<Task, Refusal> {
        let command = command.as_str();
        if !KNOWN.contains(&command) {
            return Err(Refusal::Unknown);
        }
        let grant = self.grants(profile).get(command).ok_or(Refusal::NotListed)?;
        let asked = Asked(parameters);
        match command {
            "scan" => asked.only(&[]).map(|()| Task::Scan),
            ROTATE_KEY => asked.only(&[]).map(|()| Task::RotateKey),
            APPLY_POLICY => {
                asked.only(&["policy"])?;
                let policy = asked.get("policy").and_then(|policy| Hash::from_hex(policy).ok());
                policy.map(Task::ApplyPolicy).ok_or(Refusal::BadParameters)
            }
            "service-status" => {
                asked.only(&["unit"])?;
                let unit = asked.listed("unit", &grant.units)?;
                let properties = "--property=Id,LoadState,ActiveState,SubState,MainPID,ExecMainStatus,ActiveEnterTimestamp";
                Ok(program("/usr/bin/systemctl", &["show", properties, "--", unit]))
            }
            "service-restart" => {
                asked.only(&["unit"])?;
                let unit = asked.listed("unit", &grant.units)?;
                Ok(program("/usr/bin/systemctl", &["restart", "--", unit]))
            }
            "tail-journal" => {
                asked.only(&["unit", "lines"])?;
                let unit = asked.listed("unit", &grant.units)?;
                let most = grant.lines.unwrap_or(DEFAULT_LINES);
                let lines = match asked.get("lines") {
                    None => most,
                    Some(text) => text.parse().map_err(|_| Refusal::BadParameters)?,
                };
                if lines > most {
                    return Err(Refusal::Widened);
                }
                let (lines, unit) = (format!("--lines={lines}"), format!("--unit={unit}"));
                Ok(program("/usr/bin/journalctl", &["--no-pager", "--output=short-iso", &lines, &unit]))
            }
            "collect-evidence" => {
                asked.only(&["paths"])?;
                let paths = asked.get("paths").ok_or(Refusal::BadParameters)?;
                let paths: Vec<String> = paths.split('\n').map(str::to_owned).collect();
                if paths.iter().all(|path| grant.paths.contains(path)) {
                    Ok(Task::CollectEvidence(paths))
                } else {
                    Err(Refusal::Widened)
                }
            }
            _ => {
                let name = asked.listed("template", &grant.templates)?;
                self.template.get(name).ok_or(Refusal::NotListed)?.task(&asked)
            }
        }
    }
}

fn program(program: &str, arguments: &[&str]) -> Task {
    Task::Run {
        program: program.to_owned(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        timeout: Duration::from_secs(DEFAULT_TIMEOUT_SECS),
    }
}

impl Template {
    fn check(&self) -> Result<(), TemplateError> {
        if !self.program.starts_with('/') {
            return Err(TemplateError::Program);
        }
        if self.timeout_secs.is_some_and(|secs| !(1..=MAX_TIMEOUT_SECS).contains(&secs)) {
            return Err(TemplateError::Timeout);
        }
        let unknown = self.arguments.iter().filter_map(|argument| placeholder(argument));
        match unknown.into_iter().find(|name| !self.parameters.contains_key(*name)) {
            Some(name) => Err(TemplateError::Parameter(name.to_owned())),
            None => Ok(()),
        }
    }

    fn task(&self, asked: &Asked<'_>) -> Result<Task, Refusal> {
        let known: Vec<&str> = self.parameters.keys().map(String::as_str).chain(["template"]).collect();
        asked.only(&known)?;
        let argument = |argument: &String| match placeholder(argument) {
            None => Ok(argument.clone()),
            Some(name) => {
                let values = self.parameters.get(name).map(Vec::as_slice).unwrap_or_default();
                asked.listed(name, values).map(str::to_owned)
            }
        };
        Ok(Task::Run {
            program: self.program.clone(),
            arguments: self.arguments.iter().map(argument).collect::<Result<_, _>>()?,
            timeout: Duration::from_secs(self.timeout_secs.unwrap_or(DEFAULT_TIMEOUT_SECS)),
        })
    }
}

/// The parameter that a whole argument stands for: `{name}`.
fn placeholder(argument: &str) -> Option<&str> {
    argument.strip_prefix('{')?.strip_suffix('}')
}

/// The parameters of a command.
struct Asked<'a>(&'a BTreeMap<Name, String>);

impl<'a> Asked<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses parameters that the command does not have.
    fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        if self.0.keys().all(|name| known.contains(&name.as_str())) {
            Ok(())
        } else {
            Err(Refusal::BadParameters)
        }
    }

    /// A parameter whose value must be one of a list.
    fn listed(&self, name: &str, values: &[String]) -> Result<&'a str, Refusal> {
        let value = self.get(name).ok_or(Refusal::BadParameters)?;
        if values.iter().any(|listed| listed == value) { Ok(value) } else { Err(Refusal::Widened) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [allow.scan]
        [allow.service-status]
        units = ["nginx.service"]
        [allow.tail-journal]
        units = ["nginx.service"]
        lines = 20
        [allow.collect-evidence]
        paths = ["/var/log/auth.log"]
        [allow.run]
        templates = ["usage"]
        [profile.ArchVault.allow.scan]
        [template.usage]
        program = "/usr/bin/df"
        arguments = ["-h", "{path}"]
        timeout_secs = 5
        [template.usage.parameters]
        path = ["/", "/var; rm -rf /"]
    "#;

    fn task(profile: &str, command: &str, parameters: &[(&str, &str)]) -> Result<Task, Refusal> {
        let parameters = parameters.iter().map(|(name, value)| (name.parse().unwrap(), (*value).to_owned()));
        Policy::parse(POLICY).unwrap().task(Some(profile), &command.parse().unwrap(), &parameters.collect())
    }

    #[test]
    fn what_is_listed_is_done_as_it_is_listed() {
        let Ok(Task::Run { program, arguments, timeout }) =
            task("DebianVault", "run", &[("template", "usage"), ("path", "/var; rm -rf /")])
        else {
            panic!("it is listed")
        };
        assert_eq!((program.as_str(), timeout.as_secs()), ("/usr/bin/df", 5));
        assert_eq!(arguments, ["-h", "/var; rm -rf /"], "one argument, whatever is in it");
        assert_eq!(task("DebianVault", "scan", &[]), Ok(Task::Scan));
        let journal = task("DebianVault", "tail-journal", &[("unit", "nginx.service"), ("lines", "20")]);
        assert!(matches!(journal, Ok(Task::Run { .. })));
    }

    #[test]
    fn what_is_not_listed_is_refused_for_its_own_reason() {
        let unit = |unit| [("unit", unit)];
        assert_eq!(task("DebianVault", "reboot", &[]), Err(Refusal::Unknown));
        assert_eq!(task("DebianVault", "service-restart", &unit("nginx.service")), Err(Refusal::NotListed));
        assert_eq!(task("ArchVault", "service-status", &unit("nginx.service")), Err(Refusal::NotListed));
        assert_eq!(task("DebianVault", "service-status", &unit("sshd.service")), Err(Refusal::Widened));
        assert_eq!(task("DebianVault", "service-status", &[]), Err(Refusal::BadParameters));
        assert_eq!(task("DebianVault", "scan", &unit("nginx.service")), Err(Refusal::BadParameters));
        let journal =
            |lines| task("DebianVault", "tail-journal", &[("unit", "nginx.service"), ("lines", lines)]);
        assert_eq!(journal("21"), Err(Refusal::Widened));
        assert_eq!(journal("-1"), Err(Refusal::BadParameters));
        assert_eq!(
            task("DebianVault", "collect-evidence", &[("paths", "/etc/shadow")]),
            Err(Refusal::Widened)
        );
        assert_eq!(
            task("DebianVault", "run", &[("template", "usage"), ("path", "/etc")]),
            Err(Refusal::Widened)
        );
        assert_eq!(task("DebianVault", "run", &[("template", "other")]), Err(Refusal::Widened));
    }

    #[test]
    fn without_a_policy_only_a_scan_a_narrowing_and_a_new_key_are_allowed() {
        let none = BTreeMap::new();
        let task = |command: &str| Policy::default().task(None, &command.parse().unwrap(), &none);
        assert_eq!(task("scan"), Ok(Task::Scan));
        assert_eq!(task(ROTATE_KEY), Ok(Task::RotateKey));
        assert_eq!(task(APPLY_POLICY), Err(Refusal::BadParameters), "it only narrows");
        let others = KNOWN.iter().filter(|command| !["scan", APPLY_POLICY, ROTATE_KEY].contains(*command));
        for command in others {
            assert_eq!(task(command), Err(Refusal::NotListed), "{command}");
        }
    }

    #[test]
    fn a_policy_that_is_not_understood_is_none() {
        for (text, word) in [
            ("[allow.reboot]", "allow.reboot"),
            ("[allow.scan]\nevery = 3", "every"),
            ("[allow.scan]\nmin_approvals = -1", "min_approvals"),
            ("[allow.run]\ntemplates = [\"x\"]", "template.x"),
            ("[template.x]\nprogram = \"df\"", "absolute"),
            ("[template.x]\nprogram = \"/df\"\narguments = [\"{y}\"]", "{y}"),
            ("[template.x]\nprogram = \"/df\"\ntimeout_secs = 0", "timeout_secs"),
            ("allow = 3", "allow"),
        ] {
            let error = Policy::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_program_that_others_may_write_is_none_of_the_policys() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (program, policy) = (dir.path().join("program"), dir.path().join("policy.toml"));
        let text = format!("[template.x]\nprogram = \"{}\"", program.display());
        let file = |path: &Path, mode, text: &str| {
            std::fs::File::create(path)
                .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
                .unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file(&policy, 0o600, &text);
        assert!(Policy::load(&policy).is_ok(), "what is not there fails when it is run");
        for (mode, fine) in [(0o755, true), (0o700, true), (0o775, false), (0o757, false)] {
            file(&program, mode, "#!/bin/sh\n");
            let loaded = Policy::load(&policy);
            assert_eq!(loaded.is_ok(), fine, "{mode:o}");
            if let Err(error) = loaded {
                assert!(
                    error.to_string().contains("template.x") && error.to_string().contains("go-w"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_command_has_the_approvals_that_the_node_itself_asks_for() {
        let text = "[allow.scan]\nmin_approvals = 2\n[profile.ArchVault.allow.scan]\n";
        let policy = Policy::parse(text).unwrap();
        let of = |profile, command: &str| policy.min_approvals(profile, &command.parse().unwrap());
        assert_eq!(
            (of(None, "scan"), of(Some("DebianVault"), "scan"), of(Some("ArchVault"), "scan")),
            (2, 2, 0)
        );
        assert_eq!(of(None, "run"), 0);
    }
}

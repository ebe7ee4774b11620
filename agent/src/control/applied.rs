//! The policy that the node was told to apply: it narrows what the node's own policy allows, and never widens it.
//!
//! ```text
//! a command → allowed by the node's own policy → allowed by it as the applied one narrows it → carried out
//! ```
//!
//! `apply-policy` is the node's own policy's alone to allow: no policy that was applied can keep the next away.

use super::order::Refusal;
use super::policy::{APPLY_POLICY, Policy, Task};
use crate::damage::Damage;
use crate::disk::Disk;
use crate::durable;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_POLICY_BYTES;
use spec::payload::{PolicyDocument, PolicyMode};
use spec::{Hash, Name, canonical};
use std::collections::BTreeMap;
use std::io;

/// The file.
pub(crate) const APPLIED_FILE: &str = "applied-policy.json";

const FORMAT: &str = "vaultmesh-applied-policy-v1";

/// Room for the largest policy and what stands around it.
const MAX_FILE_BYTES: usize = MAX_POLICY_BYTES + 1024;

/// The policy that the node was told to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Applied {
    /// Nothing: its own policy holds as it is.
    #[default]
    Nothing,
    /// A policy.
    Policy {
        /// Its hash.
        hash: Hash,
        /// What it says.
        document: PolicyDocument,
    },
    /// Something that cannot be read any more: nothing is allowed until another is applied.
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppliedFile {
    document: PolicyDocument,
    format: String,
    hash: Hash,
}

/// The work of a command that is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// What is done.
    pub task: Task,
    /// Whether the applied policy, which only observes, does not allow it.
    pub observed: bool,
}

impl Applied {
    /// A policy that has this hash.
    ///
    /// # Errors
    /// It has another, or is none.
    pub fn read(json: &str, hash: Hash) -> Result<Self, Damage> {
        let document = PolicyDocument::parse(json)?;
        let (_, own) = document.bytes_and_hash()?;
        if own == hash { Ok(Self::Policy { hash, document }) } else { Err(Damage::Hash(own)) }
    }

    /// Reads what was stored. What cannot be read allows nothing, and keeps nobody from reporting.
    pub fn load(disk: &impl Disk) -> Self {
        match Self::stored(disk) {
            Ok(applied) => applied,
            Err(why) => Self::Damaged(format!("{APPLIED_FILE} is damaged: {why}")),
        }
    }

    fn stored(disk: &impl Disk) -> Result<Self, Damage> {
        let bytes = durable::read(disk, APPLIED_FILE, MAX_FILE_BYTES)?;
        let Some(bytes) = bytes else { return Ok(Self::Nothing) };
        let file: AppliedFile = serde_json::from_slice(&bytes)?;
        if file.format != FORMAT {
            return Err(Damage::Format(FORMAT));
        }
        Self::read(&serde_json::to_string(&file.document)?, file.hash)
    }

    /// Stores it; on return it is what a restart finds.
    pub fn store(&self, disk: &impl Disk) -> io::Result<()> {
        match self {
            Self::Nothing => {
                disk.remove(APPLIED_FILE)?;
                disk.sync_dir()
            }
            Self::Policy { hash, document } => {
                let file = AppliedFile { document: document.clone(), format: FORMAT.to_owned(), hash: *hash };
                let mut bytes = canonical::to_vec(&file).map_err(io::Error::other)?;
                bytes.push(b'\n');
                durable::replace(disk, APPLIED_FILE, &bytes)
            }
            Self::Damaged(why) => Err(io::Error::other(why.clone())),
        }
    }

    /// The hash of the policy that the node follows.
    pub fn hash(&self) -> Option<Hash> {
        match self {
            Self::Policy { hash, .. } => Some(*hash),
            Self::Nothing | Self::Damaged(_) => None,
        }
    }

    /// What a command comes to, if both the node's own policy and this one allow it.
    ///
    /// # Errors
    /// Why it does not: the node's own reason first.
    pub fn decide(
        &self,
        own: &Policy,
        profile: Option<&str>,
        command: &Name,
        parameters: &BTreeMap<Name, String>,
    ) -> Result<Allowed, Refusal> {
        let task = own.task(profile, command, parameters)?;
        if command.as_str() == APPLY_POLICY {
            return Ok(Allowed { task, observed: false });
        }
        match self {
            Self::Nothing => Ok(Allowed { task, observed: false }),
            Self::Damaged(_) => Err(Refusal::Narrowed),
            Self::Policy { document, .. } => {
                let narrowed = own.narrowed_by(document).task(profile, command, parameters);
                match (document.mode, narrowed) {
                    (PolicyMode::Enforce, narrowed) => {
                        narrowed.map(|task| Allowed { task, observed: false }).map_err(|_| Refusal::Narrowed)
                    }
                    (PolicyMode::Observe, narrowed) => Ok(Allowed { task, observed: narrowed.is_err() }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use serde_json::{Value, json};
    use std::fmt::Write as _;

    const UNITS: [&str; 3] = ["a.service", "b.service", "c.service"];
    const PATHS: [&str; 3] = ["/a", "/b", "/c"];
    const TEMPLATES: [&str; 2] = ["s", "t"];
    const COMMANDS: [&str; 7] = [
        "apply-policy",
        "collect-evidence",
        "run",
        "scan",
        "service-restart",
        "service-status",
        "tail-journal",
    ];

    /// What a policy says of one command, before it has a form.
    #[derive(Debug, Clone)]
    struct Says {
        command: &'static str,
        lines: Option<u64>,
        paths: Vec<&'static str>,
        templates: Vec<&'static str>,
        units: Vec<&'static str>,
    }

    fn says() -> impl Strategy<Value = Vec<Says>> {
        let some = |all: &'static [&'static str]| subsequence(all.to_vec(), 0..=all.len());
        let one = move |command| {
            let rest = (prop::option::of(0..200u64), some(&PATHS), some(&TEMPLATES), some(&UNITS));
            rest.prop_map(move |(lines, paths, templates, units)| Says {
                command,
                lines,
                paths,
                templates,
                units,
            })
        };
        subsequence(COMMANDS.to_vec(), 0..=COMMANDS.len())
            .prop_flat_map(move |commands| commands.into_iter().map(one).collect::<Vec<_>>())
    }

    fn own(says: &[Says]) -> Policy {
        let mut text = String::new();
        for Says { command, lines, paths, templates, units } in says {
            writeln!(
                text,
                "[allow.{command}]\npaths = {paths:?}\ntemplates = {templates:?}\nunits = {units:?}"
            )
            .unwrap();
            if let Some(lines) = lines {
                writeln!(text, "lines = {lines}").unwrap();
            }
        }
        for template in TEMPLATES {
            writeln!(text, "[template.{template}]\nprogram = \"/bin/{template}\"").unwrap();
        }
        Policy::parse(&text).unwrap()
    }

    fn with_another(list: &[&'static str]) -> Vec<&'static str> {
        [list, &["zzz"]].concat()
    }

    /// A policy that names units, paths and templates that no node has as well, or leaves them to the node.
    fn applied(says: &[Says], mode: &str, listed: bool) -> Applied {
        let mut allow = json!({});
        for Says { command, lines, paths, templates, units } in says {
            let mut narrowing = json!({});
            if listed {
                narrowing = json!({"paths": with_another(paths), "templates": with_another(templates), "units": with_another(units)});
                if let Some(lines) = lines {
                    narrowing["lines"] = json!(lines);
                }
            }
            allow[*command] = narrowing;
        }
        allow["reboot"] = json!({});
        let document = json!({"allow": allow, "format": "vaultmesh-policy-v1", "mode": mode}).to_string();
        let hash = PolicyDocument::parse(&document).unwrap().bytes_and_hash().unwrap().1;
        Applied::read(&document, hash).unwrap()
    }

    fn asked() -> impl Strategy<Value = (&'static str, BTreeMap<Name, String>)> {
        let values = [
            ("unit", select(vec!["a.service", "b.service", "c.service", "zzz"]).boxed()),
            ("lines", select(vec!["0", "5", "50", "150", "x"]).boxed()),
            ("paths", select(vec!["/a", "/b\n/c", "zzz", "/a\nzzz"]).boxed()),
            ("template", select(vec!["s", "t", "zzz"]).boxed()),
            ("policy", Just("00").boxed()),
        ];
        let commands = [&COMMANDS[..], &["reboot"]].concat();
        let needed = |command: &str| match command {
            "tail-journal" => vec!["unit", "lines"],
            "service-status" | "service-restart" => vec!["unit"],
            "collect-evidence" => vec!["paths"],
            "run" => vec!["template"],
            _ => vec![],
        };
        let values: Vec<_> =
            values.into_iter().map(|(name, value)| value.prop_map(move |v| (name, v))).collect();
        (select(commands), values, any::<bool>()).prop_map(move |(command, values, journal)| {
            let wanted =
                |(name, _): &(&str, &str)| needed(command).contains(name) && (*name != "lines" || journal);
            let parameters = values.into_iter().filter(wanted);
            let parameter = |(name, value): (&str, &str)| (name.parse().unwrap(), value.to_owned());
            (command, parameters.map(parameter).collect())
        })
    }

    /// Whether a document allows what its own words say, by another way than that of the code.
    fn lists(document: &PolicyDocument, command: &str, parameters: &BTreeMap<Name, String>) -> bool {
        let document: Value = serde_json::to_value(document).unwrap();
        let Some(narrowing) = document["allow"].get(command) else { return false };
        let has = |list: &str, value: &str| match narrowing.get(list) {
            None => true,
            Some(list) => list.as_array().unwrap().contains(&json!(value)),
        };
        parameters.iter().all(|(name, value)| match name.as_str() {
            "unit" => has("units", value),
            "template" => has("templates", value),
            "paths" => value.split('\n').all(|path| has("paths", path)),
            "lines" => narrowing
                .get("lines")
                .is_none_or(|most| value.parse::<u64>().unwrap() <= most.as_u64().unwrap()),
            _ => true,
        })
    }

    fn lines_of(task: &Task) -> Option<u64> {
        let Task::Run { arguments, .. } = task else { return None };
        arguments.iter().find_map(|argument| argument.strip_prefix("--lines=")?.parse().ok())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a policy says: what is carried out under it is carried out without it, and listed in it.
        #[test]
        fn an_applied_policy_narrows_and_never_widens(
            node in says(), told in says(), listed in any::<bool>(), (command, parameters) in asked(),
        ) {
            let (own, command): (_, Name) = (own(&node), command.parse().unwrap());
            let alone = own.task(None, &command, &parameters);
            let applied = applied(&told, "enforce", listed);
            let Applied::Policy { document, .. } = &applied else { panic!("it was read") };
            let narrowed = own.narrowed_by(document).task(None, &command, &parameters);
            prop_assert!(narrowed.is_err() || alone.is_ok(), "{narrowed:?} in place of {alone:?}");
            let decided = applied.decide(&own, None, &command, &parameters);
            match alone {
                Err(refusal) => prop_assert_eq!(decided, Err(refusal), "the node's own reason"),
                Ok(task) if command.as_str() == APPLY_POLICY => {
                    prop_assert_eq!(decided, Ok(Allowed { task, observed: false }));
                }
                Ok(task) => {
                    let may = lists(document, command.as_str(), &parameters);
                    prop_assert_eq!(decided.is_ok(), may, "{:?}", decided);
                    if let Ok(decided) = decided {
                        prop_assert!(lines_of(&decided.task) <= lines_of(&task));
                        let most = document.allow[&command].lines;
                        prop_assert!(lines_of(&decided.task).is_none_or(|n| most.is_none_or(|most| n <= most)));
                    } else {
                        prop_assert_eq!(decided, Err(Refusal::Narrowed));
                    }
                }
            }
        }

        /// A policy that only observes refuses nothing, and says what it would have refused.
        #[test]
        fn what_is_observed_is_carried_out(
            node in says(), told in says(), (command, parameters) in asked(),
        ) {
            let (own, command): (_, Name) = (own(&node), command.parse().unwrap());
            let alone = own.task(None, &command, &parameters);
            let enforced = applied(&told, "enforce", true).decide(&own, None, &command, &parameters);
            let observed = applied(&told, "observe", true).decide(&own, None, &command, &parameters);
            let expected = alone.map(|task| Allowed { task, observed: enforced.is_err() });
            prop_assert_eq!(observed, expected);
        }
    }

    #[test]
    fn a_document_is_read_under_its_own_hash_alone() {
        let text = r#"{"format":"vaultmesh-policy-v1", "mode":"enforce", "allow":{}}"#;
        let hash = PolicyDocument::parse(text).unwrap().bytes_and_hash().unwrap().1;
        assert_eq!(Applied::read(text, hash).unwrap().hash(), Some(hash));
        assert!(Applied::read(text, Hash::ZERO).unwrap_err().to_string().contains(&hash.to_hex()));
        for other in ["", "{}", "[]", &text.replace("v1", "v2"), &text.replace("{}", r#"{"scan":null}"#)] {
            assert!(Applied::read(other, hash).is_err(), "{other}");
        }
    }
}

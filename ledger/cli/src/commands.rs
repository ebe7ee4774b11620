//! One file for each command: its arguments, its help, how its answer looks, and what it does.

pub(crate) mod agent;
pub(crate) mod attention;
pub(crate) mod backup;
pub(crate) mod bisect;
pub(crate) mod checkpoint;
pub(crate) mod clock;
pub(crate) mod contexts;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod enroll;
pub(crate) mod export;
pub(crate) mod findings;
pub(crate) mod import;
pub(crate) mod incidents;
pub(crate) mod init;
pub(crate) mod invoice;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod members;
pub(crate) mod nodes;
pub(crate) mod orders;
pub(crate) mod orgs;
pub(crate) mod policies;
pub(crate) mod prices;
pub(crate) mod prove;
pub(crate) mod reference;
pub(crate) mod reindex;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod rollouts;
pub(crate) mod schedules;
pub(crate) mod seal;
pub(crate) mod segment;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod usage;
pub(crate) mod verify;
pub(crate) mod webhooks;
pub(crate) mod witness;

use crate::api::nearest;
use crate::failure::Failure;
use spec::{Hash, Name};
use std::collections::BTreeMap;
use vaultmesh_agent::control::policy::KNOWN;

/// Longest time for which enrolment tokens and commands are good: 30 days, as the service has it.
const MAX_TTL_SECS: u64 = 30 * 86_400;

/// Seconds for which a token or a command is good.
fn ttl(text: &str) -> Result<u64, String> {
    let secs = crate::times::secs_or_number(text)?;
    if (1..=MAX_TTL_SECS).contains(&secs) { Ok(secs) } else { Err("expected 1s to 30d".to_owned()) }
}

/// 64 hex digits.
fn hash(text: &str) -> Result<Hash, String> {
    Hash::from_hex(text).map_err(|e| e.to_string())
}

/// A parameter of a command to a node: `name=value`.
fn parameter(text: &str) -> Result<(Name, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.parse().map_err(|e| format!("{e}"))?, value.to_owned()))
}

/// The parameters of a command as the service takes them; of one that is given twice, the last.
fn parameters(given: &[(Name, String)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

/// What a command to nodes may be called: one that nodes of this version know, unless it is said to be another.
fn known(command: &Name, unknown: bool) -> Result<String, Failure> {
    if unknown || KNOWN.contains(&command.as_str()) {
        return Ok(command.to_string());
    }
    let near = nearest(command.as_str(), KNOWN.into_iter());
    let near = near
        .map_or_else(|| format!("they know {}", KNOWN.join(", ")), |near| format!("the nearest is {near}"));
    Err(Failure::usage(format!("nodes know no command {command}; {near}; --unknown gives it to newer ones")))
}

//! Names for what has a long id: its id, a beginning of it that nothing else has, or what people call it.

use super::Query;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::safe;
use spec::{Hash, Name, PublicKey, Uuid};
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::str::FromStr;

/// Candidates that are listed when a name fits several things.
const MAX_LISTED: usize = 8;

/// How much alike two names are that are taken for each other, from 0 to 1.
const ALIKE: f64 = 0.8;

/// What somebody calls a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ref(String);

impl FromStr for Ref {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A thing that may be meant: its id, and what people call it.
struct Candidate<T> {
    id: T,
    name: String,
}

impl Ref {
    /// The one that is meant, of those there are; `kind` and `see` are for people: what it is, and what lists them.
    fn pick<T: ToString>(&self, candidates: Vec<Candidate<T>>, kind: &str, see: &str) -> Result<T, Failure> {
        let wanted = self.0.to_lowercase();
        // Whoever is called so comes before those whose id happens to begin so.
        let is_name = |c: &Candidate<T>| !c.name.is_empty() && c.name == self.0;
        let named = candidates.iter().any(is_name);
        let fits = |c: &Candidate<T>| if named { is_name(c) } else { c.id.to_string().starts_with(&wanted) };
        let others =
            candidates.iter().map(|candidate| candidate.name.as_str()).filter(|name| !name.is_empty());
        let near = nearest(&self.0, others).map(str::to_owned);
        let mut found: Vec<Candidate<T>> =
            candidates.into_iter().filter(|c| !wanted.is_empty() && fits(c)).collect();
        match found.len() {
            1 => found.pop().map(|one| one.id).ok_or_else(|| Failure::io("nothing is left of one")),
            0 => {
                let near = near.map_or_else(String::new, |near| format!("; the nearest is {}", safe(&near)));
                Err(Failure::refused(format!("there is no {kind} {}{near}; see `{see}`", safe(&self.0))))
            }
            count => {
                let some: Vec<String> = found.iter().take(MAX_LISTED).map(describe).collect();
                let more = if count > MAX_LISTED { ", …" } else { "" };
                Err(Failure::refused(format!(
                    "{} is the beginning or the name of {count} {kind}s: {}{more}; say more of the id",
                    safe(&self.0),
                    some.join(", ")
                )))
            }
        }
    }
}

/// The name that is the most like a text, if one is like it at all: whoever types one letter wrong is told.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|name| (strsim::jaro_winkler(name, wanted), name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (score >= ALIKE).then_some(name)
}

fn describe<T: ToString>(candidate: &Candidate<T>) -> String {
    let id = candidate.id.to_string();
    if candidate.name.is_empty() { id } else { format!("{id} ({})", safe(&candidate.name)) }
}

fn uuid(reference: &Ref) -> Option<Uuid> {
    reference.0.parse().ok()
}

fn hash(reference: &Ref) -> Option<Hash> {
    Hash::from_hex(&reference.0).ok()
}

impl Client {
    /// The node that is meant: by its id, the beginning of it, or its name.
    pub(crate) async fn node_of(&self, reference: &Ref) -> Result<Uuid, Failure> {
        if let Some(id) = uuid(reference) {
            return Ok(id);
        }
        let nodes = self.names().await?.into_pairs().map(|(id, name)| Candidate { id, name });
        reference.pick(nodes.collect(), "node", "ledger nodes list")
    }

    /// The same where naming one is up to the caller.
    pub(crate) async fn maybe_node_of(&self, reference: Option<&Ref>) -> Result<Option<Uuid>, Failure> {
        match reference {
            Some(reference) => self.node_of(reference).await.map(Some),
            None => Ok(None),
        }
    }

    /// The incident that is meant, by its id or the beginning of it.
    pub(crate) async fn incident_of(&self, reference: &Ref) -> Result<Hash, Failure> {
        if let Some(id) = hash(reference) {
            return Ok(id);
        }
        let all = self.incidents(Query::default().with("state", Some("all"))).await?.rows()?;
        let all = all.into_iter().map(|row| Candidate { id: row.incident.id, name: String::new() });
        reference.pick(all.collect(), "incident", "ledger incidents list --state all")
    }

    /// The silence that is meant, by its id or the beginning of it, and its organisation.
    pub(crate) async fn silence_of(&self, reference: &Ref) -> Result<(Hash, Name), Failure> {
        let rows = self.silences(Query::default()).await?.rows()?;
        let all = rows.iter().map(|row| Candidate { id: row.silence.id, name: String::new() });
        let id = reference.pick(all.collect(), "silence that holds:", "ledger incidents silences")?;
        let org = rows.into_iter().find(|row| row.silence.id == id).map(|row| row.org.into_owned());
        org.map(|org| (id, org)).ok_or_else(|| Failure::io("a silence without an organisation"))
    }

    /// The acceptance that is meant, by its id or the beginning of it, and its organisation.
    pub(crate) async fn acceptance_of(&self, reference: &Ref) -> Result<(Hash, Name), Failure> {
        let rows = self.acceptances(Query::default()).await?.rows()?;
        let all = rows.iter().map(|row| Candidate { id: row.acceptance.id, name: String::new() });
        let id = reference.pick(all.collect(), "acceptance that holds:", "ledger findings accepted")?;
        let org = rows.into_iter().find(|row| row.acceptance.id == id).map(|row| row.org.into_owned());
        org.map(|org| (id, org)).ok_or_else(|| Failure::io("an acceptance without an organisation"))
    }

    /// The command that is meant, by its event hash or the beginning of it.
    pub(crate) async fn command_of(&self, reference: &Ref) -> Result<Hash, Failure> {
        if let Some(id) = hash(reference) {
            return Ok(id);
        }
        let all = self.commands(Query::default()).await?.rows()?;
        let all = all.into_iter().map(|row| Candidate { id: row.given.hash, name: String::new() });
        reference.pick(all.collect(), "command", "ledger commands list")
    }

    /// The assignment of a policy that is meant, by its id or the beginning of it.
    pub(crate) async fn assignment_of(&self, reference: &Ref) -> Result<Hash, Failure> {
        if let Some(id) = hash(reference) {
            return Ok(id);
        }
        let all = self.policies(Query::default()).await?.rows()?;
        let all =
            all.into_iter().map(|row| Candidate { id: row.assigned.assignment.id, name: String::new() });
        reference.pick(all.collect(), "assignment", "ledger policies list")
    }

    /// The policy that is meant, by its hash or the beginning of it.
    pub(crate) async fn policy_hash_of(&self, reference: &Ref) -> Result<Hash, Failure> {
        if let Some(id) = hash(reference) {
            return Ok(id);
        }
        let all = self.policies(Query::default()).await?.rows()?;
        let mut hashes: Vec<Hash> = all.iter().map(|row| row.assigned.assignment.policy).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let all = hashes.into_iter().map(|id| Candidate { id, name: String::new() });
        reference.pick(all.collect(), "policy", "ledger policies list")
    }

    /// The roll-out that is meant: by its id, the beginning of it, or its name.
    pub(crate) async fn rollout_of(&self, reference: &Ref) -> Result<Uuid, Failure> {
        if let Some(id) = uuid(reference) {
            return Ok(id);
        }
        let all = self.rollouts(Query::default()).await?.rows()?;
        let all = all.into_iter().map(|row| Candidate { id: row.plan.id, name: row.plan.name.clone() });
        reference.pick(all.collect(), "roll-out", "ledger rollouts list")
    }

    /// The schedule that is meant: by its id, the beginning of it, or its name.
    pub(crate) async fn schedule_of(&self, reference: &Ref) -> Result<Uuid, Failure> {
        if let Some(id) = uuid(reference) {
            return Ok(id);
        }
        let all = self.schedules(Query::default()).await?.rows()?;
        let all = all
            .into_iter()
            .map(|row| Candidate { id: row.standing.plan.id, name: row.standing.plan.name.clone() });
        reference.pick(all.collect(), "schedule", "ledger schedules list")
    }

    /// The schedule of an organisation that has this very name, if one has.
    pub(crate) async fn schedule_named(&self, org: &Name, name: &str) -> Result<Option<Uuid>, Failure> {
        let all = self.schedules(Query::default().with("org", Some(org))).await?.rows()?;
        let named = all.into_iter().filter(|row| row.standing.plan.name == name);
        let named: Vec<_> = named
            .map(|row| Candidate { id: row.standing.plan.id, name: row.standing.plan.name.clone() })
            .collect();
        if named.is_empty() {
            return Ok(None);
        }
        Ref(name.to_owned()).pick(named, "schedule", "ledger schedules list").map(Some)
    }

    /// The webhook of an organisation that is meant: by its id, the beginning of it, or its address.
    pub(crate) async fn webhook_of(&self, org: &Name, reference: &Ref) -> Result<Uuid, Failure> {
        if let Some(id) = uuid(reference) {
            return Ok(id);
        }
        let all = self.webhooks(org, Query::default()).await?.rows()?;
        let all =
            all.into_iter().map(|row| Candidate { id: row.standing.id, name: row.standing.url.clone() });
        reference.pick(all.collect(), "webhook", "ledger webhooks list")
    }

    /// The API token that is meant: by its id, the beginning of it, or its label.
    pub(crate) async fn token_of(&self, reference: &Ref) -> Result<Uuid, Failure> {
        if let Some(id) = uuid(reference) {
            return Ok(id);
        }
        let all = self.tokens().await?.rows()?;
        let all = all.into_iter().map(|row| Candidate { id: row.id, name: row.label });
        reference.pick(all.collect(), "token", "ledger tokens list")
    }

    /// The key that is meant, by itself or its beginning.
    pub(crate) async fn key_of(&self, reference: &Ref) -> Result<PublicKey, Failure> {
        if let Ok(key) = reference.0.parse() {
            return Ok(key);
        }
        let all = self.keys().await?.rows()?;
        let all = all.into_iter().map(|row| Candidate { id: row.key, name: String::new() });
        reference.pick(all.collect(), "key", "ledger keys show")
    }

    /// The enrolment token of an organisation that is meant, by its id or the beginning of it.
    pub(crate) async fn enrolment_of(&self, org: &Name, reference: &Ref) -> Result<Hash, Failure> {
        if let Some(id) = hash(reference) {
            return Ok(id);
        }
        let all = self.enrolments(org).await?.rows()?;
        let all = all.into_iter().map(|row| Candidate { id: row.token_id, name: String::new() });
        reference.pick(all.collect(), "enrolment token", "ledger enroll list")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(text: &str) -> Result<String, String> {
        let candidates = [
            ("a1b2", "web-1"),
            ("a1c3", "web-2"),
            ("b7d4", ""),
            ("c0ff", "a1"),
            ("dd00", "twin"),
            ("ee00", "twin"),
        ];
        let candidates = candidates.map(|(id, name)| Candidate { id: id.to_owned(), name: name.to_owned() });
        Ref(text.to_owned())
            .pick(candidates.into(), "node", "ledger nodes list")
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn one_is_meant_or_the_candidates_are_told() {
        assert_eq!(pick("a1b").as_deref(), Ok("a1b2"));
        assert_eq!(pick("B").as_deref(), Ok("b7d4"));
        assert_eq!(pick("web-2").as_deref(), Ok("a1c3"));
        assert_eq!(pick("a1").as_deref(), Ok("c0ff"), "a name comes before the beginning of an id");
        assert_eq!(
            pick("a").unwrap_err(),
            "a is the beginning or the name of 2 nodes: a1b2 (web-1), a1c3 (web-2); say more of the id"
        );
        assert_eq!(
            pick("twin").unwrap_err(),
            "twin is the beginning or the name of 2 nodes: dd00 (twin), ee00 (twin); say more of the id"
        );
        for nobody in ["", "f"] {
            assert_eq!(
                pick(nobody).unwrap_err(),
                format!("there is no node {nobody}; see `ledger nodes list`")
            );
        }
        assert_eq!(
            pick("wbe-1").unwrap_err(),
            "there is no node wbe-1; the nearest is web-1; see `ledger nodes list`"
        );
    }
}

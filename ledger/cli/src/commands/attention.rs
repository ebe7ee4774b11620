//! `ledger attention`: who needs a look, why, and what other rules would have said.

use super::findings::{self, GROUPS};
use super::nodes::{self, NODES, Past, REASONS};
use crate::api::{Ref, look, with_reads};
use crate::failure::Failure;
use crate::folding::Files;
use crate::options::Global;
use crate::output::{Cell, Look, Table, answer, column, word};
use crate::times::Ago;
use clap::Subcommand;
use projections::rehearsal::{About, Difference, Rehearsal};
use serde_json::json;
use serving::answers::{FindingGroup, NodeRow};
use spec::payload::{Band, Ruleset};
use spec::{Kind, Name, Timestamp};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Attention {
    /// List the nodes that are not well, the worst first, and under them what scans found, the same of many nodes once.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        #[command(flatten)]
        past: Past,
    },
    /// Show what a node's score is made of.
    Explain {
        /// Its id, the beginning of it, or its host name.
        #[arg(value_name = "NODE")]
        id: Ref,
        #[command(flatten)]
        past: Past,
    },
    /// Show which pages other rules would have sent, dropped or moved.
    Rehearse {
        /// A file with a ruleset in JSON.
        #[arg(required_unless_present = "before")]
        rules: Option<PathBuf>,
        /// What the rules of attention themselves changed since this version of them: 3 is the one before.
        #[arg(long, value_name = "VERSION", conflicts_with = "rules")]
        before: Option<u64>,
        /// Pages from an RFC 3339 time or a duration back (90s, 15m, 2h, 7d) on.
        #[arg(long, value_name = "TIME|SPAN")]
        since: Option<Ago>,
    },
}

/// The nodes that are not well.
pub(crate) const UNWELL: Table<NodeRow<'static>> = Table { nothing: "all nodes are well", ..NODES };

/// What becomes of one page.
pub(crate) struct Page {
    what: &'static str,
    at: String,
    about: About,
}

/// Pages that other rules would have sent otherwise.
pub(crate) const PAGES: Table<Page> = Table {
    columns: &[
        column("page", |page| Cell::from(page.what)),
        column("at", |page| Cell::from(&page.at)),
        column("org", |page| Cell::from(&page.about.org)),
        column("node", |page| Cell::node(page.about.node_id)),
        column("reason", |page| Cell::of(&format_args!("{} {}", page.about.reason, page.about.subject))),
    ],
    nothing: "every page would be sent as it was",
};

pub(crate) fn run(global: &Global, command: &Attention) -> Result<ExitCode, Failure> {
    match command {
        Attention::List { org, past } => with_reads(global, async |client| {
            let query = past.query().with("org", org.as_ref());
            let mut unwell = nodes::all(client, query.clone()).await?;
            unwell.retain(|node| node.standing.band != Band::Ok || node.standing.score > 0);
            // Machines have a list of their own of what was found.
            let found =
                if global.for_people() { findings::counting(client, query).await? } else { Vec::new() };
            let said = unwell.said();
            answer(global, &said, || Ok(listed(&unwell.rows()?, &found, &look(global, &said))))
        }),
        Attention::Explain { id, past } => with_reads(global, async |client| {
            let node = client.node_of(id).await?;
            client.node(node, past.query()).await?.show(global, |answer, look| explained(&answer.node, look))
        }),
        Attention::Rehearse { rules, before, since } => rehearse(global, rules.as_deref(), *before, *since),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The nodes, and under them what scans found on any of them.
pub(crate) fn listed(nodes: &[NodeRow<'static>], found: &[FindingGroup<'static>], look: &Look) -> String {
    let nodes = UNWELL.text(nodes, look);
    if found.is_empty() { nodes } else { format!("{nodes}\n{}", GROUPS.text(found, look)) }
}

/// One node's score, term by term.
pub(crate) fn explained(node: &NodeRow<'_>, look: &Look) -> String {
    let standing = &node.standing;
    let reasons: Vec<_> = standing.reasons.iter().cloned().enumerate().collect();
    let (band, silence) = (word(&standing.band), word(&standing.silence));
    format!("{band}  score {}  {silence}\n{}", standing.score, REASONS.text(&reasons, look))
}

/// Which pages other rules would have sent, dropped or moved.
fn rehearse(
    global: &Global,
    rules: Option<&Path>,
    before: Option<u64>,
    since: Option<Ago>,
) -> Result<(), Failure> {
    let since = since.map_or(Timestamp::from_millis(0), |Ago(time)| time);
    let mut rehearsal = match (rules, before) {
        (Some(rules), _) => Rehearsal::new(&ruleset(rules)?, since),
        (None, before) => {
            let before = before.unwrap_or_default();
            let known = Rehearsal::of_versions(before, since);
            known
                .ok_or_else(|| Failure::usage(format!("nobody has the rules of version {before} any more")))?
        }
    };
    Files::open(global)?.each(&mut |record| {
        rehearsal.apply(record);
        Ok(ControlFlow::Continue(()))
    })?;
    let difference = rehearsal.difference();
    let look = Look::here(global);
    answer(global, &json!(difference), || Ok(rehearsed(&difference, &look)))
}

/// The rules in a file.
fn ruleset(rules: &Path) -> Result<Ruleset, Failure> {
    let named = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", rules.display()));
    let text = std::fs::read_to_string(rules).map_err(|e| named(&e))?;
    let ruleset: Ruleset = serde_json::from_str(&text).map_err(|e| named(&e))?;
    let canonical = spec::canonical::to_vec(&ruleset).map_err(|e| named(&e))?;
    Kind::Ruleset
        .check_payload(Kind::Ruleset.info().version, &String::from_utf8_lossy(&canonical))
        .map_err(|e| named(&e))?;
    let unknown: Vec<&str> = ruleset
        .reasons
        .iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| projections::attention::Reason::from_word(name).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(named(&format!("no reason is called {}", unknown.join(", "))));
    }
    Ok(ruleset)
}

/// The difference that other rules make, and under it each page they change.
pub(crate) fn rehearsed(difference: &Difference, look: &Look) -> String {
    let mut pages = Vec::new();
    for (what, changed) in [("dropped", &difference.dropped), ("added", &difference.added)] {
        let changed = changed.iter();
        pages.extend(changed.map(|one| Page { what, at: one.at.to_string(), about: one.about.clone() }));
    }
    let moved = difference.moved.iter();
    pages.extend(moved.map(|one| {
        let at = format!("{} → {}", one.from, one.to);
        Page { what: "moved", at, about: one.about.clone() }
    }));
    format!(
        "{} pages would be {}: {} kept, {} moved, {} dropped, {} added\n{}",
        difference.before,
        difference.after,
        difference.kept,
        difference.moved.len(),
        difference.dropped.len(),
        difference.added.len(),
        PAGES.text(&pages, look)
    )
}

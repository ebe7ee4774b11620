//! `ledger attention`: who needs a look, why, and what other rules would have said.

use crate::cli::{Attention, Global};
use crate::commands::{logs, nodes};
use crate::failure::Failure;
use crate::folding::Files;
use crate::output::{say, say_answer, table, text};
use projections::rehearsal::Rehearsal;
use serde_json::{Value, json};
use spec::payload::Ruleset;
use spec::{Kind, Timestamp, Uuid};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Attention) -> Result<ExitCode, Failure> {
    match command {
        Attention::List { org } => list(global, org.as_ref())?,
        Attention::Explain { id } => explain(global, *id)?,
        Attention::Rehearse { rules, since } => rehearse(global, rules, since.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The nodes that are not well.
fn list(global: &Global, org: Option<&spec::Name>) -> Result<(), Failure> {
    let mut answer = nodes::all(global, &[("org", org.map(ToString::to_string))])?;
    if let Some(items) = answer.get_mut("items").and_then(Value::as_array_mut) {
        items.retain(|node| {
            node.get("band").and_then(Value::as_str) != Some("OK")
                || node.get("score").and_then(Value::as_u64) > Some(0)
        });
    }
    nodes::say_list(global, &answer)
}

/// One node's score, term by term.
fn explain(global: &Global, id: Uuid) -> Result<(), Failure> {
    let answer = nodes::one(global, id)?;
    if !global.for_people() {
        return say_answer(global.output, &answer);
    }
    let node = answer.get("node").cloned().unwrap_or_default();
    let reasons = node.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = reasons
        .iter()
        .enumerate()
        .map(|(k, reason)| {
            let weight = reason.get("weight").and_then(Value::as_u64).unwrap_or_default();
            // The first counts whole, each further one half as much as the one before; seven count.
            let adds = if k < 7 { weight >> k } else { 0 };
            vec![
                text(reason, "/reason"),
                text(reason, "/subject"),
                text(reason, "/phase"),
                text(reason, "/since"),
                weight.to_string(),
                adds.to_string(),
            ]
        })
        .collect();
    let head =
        format!("{}  score {}  {}\n", text(&node, "/band"), text(&node, "/score"), text(&node, "/silence"));
    say(&head)?;
    if rows.is_empty() {
        return say("nothing counts against it\n");
    }
    say(&table(&["reason", "subject", "phase", "since", "weight", "adds"], &rows))
}

/// Which pages other rules would have sent, dropped or moved.
fn rehearse(global: &Global, rules: &Path, since: Option<&str>) -> Result<(), Failure> {
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
    let since = since.map(logs::since_time).transpose()?.unwrap_or(Timestamp::from_millis(0));
    let mut rehearsal = Rehearsal::new(&ruleset, since);
    Files::open(global)?.each(&mut |record| {
        rehearsal.apply(record);
        Ok(ControlFlow::Continue(()))
    })?;
    let difference = rehearsal.difference();
    if !global.for_people() {
        return say_answer(global.output, &json!(difference));
    }
    let who = |about: &projections::rehearsal::About| {
        let node = about.node_id.map_or_else(String::new, |node| node.to_string());
        vec![about.org.to_string(), node, format!("{} {}", about.reason, about.subject)]
    };
    let mut rows = Vec::new();
    for (word, pages) in [("dropped", &difference.dropped), ("added", &difference.added)] {
        rows.extend(
            pages.iter().map(|page| [vec![word.to_owned(), page.at.to_string()], who(&page.about)].concat()),
        );
    }
    let moved = |moved: &projections::rehearsal::Moved| {
        [vec!["moved".to_owned(), format!("{} → {}", moved.from, moved.to)], who(&moved.about)].concat()
    };
    rows.extend(difference.moved.iter().map(moved));
    say(&format!(
        "{} pages would be {}: {} kept, {} moved, {} dropped, {} added\n",
        difference.before,
        difference.after,
        difference.kept,
        difference.moved.len(),
        difference.dropped.len(),
        difference.added.len()
    ))?;
    if rows.is_empty() { Ok(()) } else { say(&table(&["page", "at", "org", "node_id", "reason"], &rows)) }
}

//! The page's policies: whom each is for, and which nodes do not follow it.

use super::state;
use maud::{Markup, html};
use projections::Projections;
use projections::assignments::To;
use projections::policies::Assigned;
use spec::payload::PolicyMode;
use spec::{Hash, Name, Uuid};
use std::collections::BTreeMap;
use web::Principal;

/// Nodes that are named of those that do not follow a policy.
const MAX_NAMED: usize = 5;

/// Assignments that are shown; the API has them all.
const MAX_ROWS: usize = 50;

/// What an assignment leads to.
#[derive(Default)]
struct Outcome<'a> {
    follow: usize,
    /// The others, by host name.
    drift: Vec<(Uuid, &'a str)>,
}

/// The section, if any policy is assigned: the newest assignment first.
pub(super) fn section(folds: &Projections, viewer: &Principal) -> Markup {
    let policies = folds.policies();
    let seen = policies.orgs().filter(|org| viewer.bound_to().is_none_or(|own| own == *org));
    let rows: Vec<(&Name, Assigned<'_>, Outcome<'_>)> = seen
        .flat_map(|org| {
            let mut outcomes = outcomes(folds, org);
            let all: Vec<Assigned<'_>> = policies.of(org).collect();
            all.into_iter().rev().map(move |assigned| {
                let outcome = outcomes.remove(&assigned.assignment.id).unwrap_or_default();
                (org, assigned, outcome)
            })
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            table {
                thead {
                    tr {
                        @for name in ["Policy", "For", "Followed by", "Not followed by"] { th scope="col" { (name) } }
                    }
                }
                tbody { @for (org, assigned, outcome) in rows.iter().take(MAX_ROWS) { (row(org, assigned, outcome)) } }
            }
            @if rows.len() > MAX_ROWS {
                p.empty { (rows.len() - MAX_ROWS) " more assignments; " code { "/api/policies" } " has them all." }
            }
        }
    }
}

/// What each assignment of an organisation leads to, of the nodes for which it holds.
fn outcomes<'a>(folds: &'a Projections, org: &Name) -> BTreeMap<Hash, Outcome<'a>> {
    let mut outcomes: BTreeMap<Hash, Outcome<'a>> = BTreeMap::new();
    let valid = folds.fleet().nodes(org).filter(|(_, node)| node.key.is_some_and(|key| key.ended.is_none()));
    for (id, node) in valid {
        let Some(assignment) = folds.policies().desired(org, id) else { continue };
        let said = node.heartbeat.as_deref();
        let outcome = outcomes.entry(assignment.id).or_default();
        if said.and_then(|said| said.policy_hash) == Some(assignment.policy) {
            outcome.follow += 1;
        } else {
            outcome.drift.push((id, said.map_or("not heard of yet", |said| said.hostname.as_str())));
        }
    }
    outcomes
}

fn row(org: &Name, assigned: &Assigned<'_>, outcome: &Outcome<'_>) -> Markup {
    let assignment = assigned.assignment;
    let mode = match assigned.given.document.mode {
        PolicyMode::Enforce => "enforced",
        PolicyMode::Observe => "observed",
    };
    html! {
        tr data-assignment=(assignment.id) {
            th scope="row" {
                code title=(assignment.policy) { (assignment.policy.to_hex().get(..12).unwrap_or_default()) "…" }
                small { (org) " · " (mode) }
            }
            td {
                @match &assignment.to {
                    To::Node(node) => code { (node) },
                    To::Selector(selected) if selected.text().is_empty() => "every node",
                    To::Selector(selected) => code { (selected.text()) },
                }
            }
            td { (outcome.follow) " of " (outcome.follow + outcome.drift.len()) }
            td {
                @if outcome.drift.is_empty() { (state("ok", "none")) }
                @for (id, host) in outcome.drift.iter().take(MAX_NAMED) {
                    span.reason.attn title=(id) { (host) " · " (id.to_string().get(..8).unwrap_or_default()) }
                }
                @if outcome.drift.len() > MAX_NAMED { "and " (outcome.drift.len() - MAX_NAMED) " more" }
            }
        }
    }
}

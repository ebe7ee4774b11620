//! The page's roll-outs: how far each has come, wave by wave.

use super::{ago, ahead, state};
use maud::{Markup, html};
use projections::Projections;
use projections::commands;
use projections::rollouts::{Rollout, RolloutState};
use spec::{Name, Timestamp};
use std::cmp::Reverse;
use web::Principal;

/// Roll-outs that are over and still shown, the newest; the API has more.
const MAX_OVER: usize = 5;

/// The section, if there are any: those that go on first, then the newest.
pub(super) fn section(folds: &Projections, viewer: &Principal, now: Timestamp) -> Markup {
    let all = folds.rollouts().iter().filter(|(org, _)| viewer.bound_to().is_none_or(|own| own == *org));
    let mut all: Vec<(&Name, &Rollout)> = all.collect();
    all.sort_by_key(|(_, rollout)| (rollout.end.is_some(), Reverse(rollout.seq)));
    let going = all.iter().filter(|(_, rollout)| rollout.end.is_none()).count();
    all.truncate(going + MAX_OVER);
    html! {
        @if !all.is_empty() {
            table {
                thead {
                    tr { @for name in ["Roll-out", "State", "Waves", "Nodes", "Began"] { th scope="col" { (name) } } }
                }
                tbody { @for (org, rollout) in all { (row(folds, org, rollout, now)) } }
            }
        }
    }
}

fn row(folds: &Projections, org: &Name, rollout: &Rollout, now: Timestamp) -> Markup {
    let plan = &rollout.plan;
    let of_waves = rollout.nodes.as_ref().map(|nodes| plan.totals(nodes.len() as u64).len());
    html! {
        tr data-rollout=(plan.id) {
            th scope="row" {
                (plan.name)
                small { (org) " · " (plan.command) @if !plan.selector.is_empty() { " · " (plan.selector) } }
            }
            td { (standing(rollout, now)) }
            td {
                @for (n, _) in (0..).zip(&rollout.waves) { (wave(folds, rollout, n, of_waves, now)) }
                @if rollout.waves.is_empty() {
                    "none of " (of_waves.map_or_else(|| plan.waves.len().to_string(), |of| of.to_string()))
                }
            }
            td { (rollout.nodes.as_ref().map_or_else(|| "not chosen yet".to_owned(), |nodes| nodes.len().to_string())) }
            td { (ago(now, rollout.started_at)) " ago" small { (rollout.started_by) } }
        }
    }
}

/// Its state in words, and what it waits for.
fn standing(rollout: &Rollout, now: Timestamp) -> Markup {
    let (class, word) = match rollout.state() {
        RolloutState::Waiting => ("attn", "waiting for approval"),
        RolloutState::Running => ("", "running"),
        RolloutState::Paused => ("attn", "paused"),
        RolloutState::Aborted => ("", "aborted"),
        RolloutState::Halted => ("crit", "halted"),
        RolloutState::Finished => ("ok", "finished"),
        RolloutState::Expired => ("attn", "expired"),
    };
    let needed = rollout.plan.approvals.unwrap_or_default();
    html! {
        (state(class, word))
        @if needed > 0 {
            small {
                (rollout.approvals.len()) " of " (needed) " approvals"
                @if let Some(until) = rollout.waits_until() { ", " (ahead(now, until)) " left" }
            }
        }
        @if let Some(end) = rollout.end { small { (ago(now, end.at)) " ago" } }
    }
}

/// A wave: how many of its nodes are done, failed and refused.
fn wave(folds: &Projections, rollout: &Rollout, n: u64, of: Option<usize>, now: Timestamp) -> Markup {
    let tally = rollout.tally(n, now);
    let all = tally.succeeded + tally.failed + tally.open;
    let given = rollout.commands(n).filter_map(|command| folds.commands().command(&command));
    let refused =
        given.filter(|(_, given)| given.state(now) == commands::CommandState::Refused).count() as u64;
    let failed = tally.failed.saturating_sub(refused);
    html! {
        div.wave {
            meter min="0" max=(all.max(1)) value=(tally.succeeded) {}
            span {
                (n + 1) @if let Some(of) = of { "/" (of) } ": "
                (tally.succeeded) " done"
                @if failed > 0 { ", " b.crit { (failed) " failed" } }
                @if refused > 0 { ", " b.attn { (refused) " refused" } }
                " of " (all)
            }
        }
    }
}

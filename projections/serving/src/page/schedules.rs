//! The page's schedules: when each is due next, and what became of it last.

use super::{ago, ahead, state};
use maud::{Markup, html};
use projections::Projections;
use projections::schedules::{Run, ScheduleStanding};
use spec::payload::{RunOutcome, RunReason, When};
use spec::time::TimeUnit;
use spec::{Name, Timestamp};
use web::Principal;

/// Schedules that are shown; the API has them all.
const MAX_ROWS: usize = 50;

/// The section, if there are any: what is due first, first.
pub(super) fn section(folds: &Projections, viewer: &Principal, now: Timestamp) -> Markup {
    let all = folds.schedules().iter().filter(|(org, _)| viewer.bound_to().is_none_or(|own| own == *org));
    let mut all: Vec<(&Name, &ScheduleStanding)> = all.collect();
    all.sort_by_key(|(org, standing)| (standing.next.is_none(), standing.next, *org, standing.plan.id));
    html! {
        @if !all.is_empty() {
            table {
                thead {
                    tr { @for name in ["Schedule", "When", "Next", "Last", "So far"] { th scope="col" { (name) } } }
                }
                tbody { @for (org, standing) in all.iter().take(MAX_ROWS) { (row(org, standing, now)) } }
            }
            @if all.len() > MAX_ROWS {
                p.empty { (all.len() - MAX_ROWS) " more schedules; " code { "/api/schedules" } " has them all." }
            }
        }
    }
}

fn row(org: &Name, standing: &ScheduleStanding, now: Timestamp) -> Markup {
    let plan = &standing.plan;
    html! {
        tr data-schedule=(plan.id) {
            th scope="row" {
                (plan.name)
                small { (org) " · " (plan.command) @if !plan.selector.is_empty() { " · " (plan.selector) } }
            }
            td { (when(&plan.when)) @if !plan.windows.is_empty() { small { "within its windows" } } }
            td {
                @match standing.next {
                    Some(next) if next > now => time datetime=(next) title=(next) { "in " (ahead(now, next)) },
                    Some(next) => time datetime=(next) title=(next) { "due" small { "waits for a window" } },
                    None => "never again",
                }
            }
            td { @match standing.runs.front() { Some(run) => (last(run, now)), None => "not yet" } }
            td {
                (standing.counts.started) " started"
                @if standing.counts.missed > 0 { ", " b.attn { (standing.counts.missed) " missed" } }
                @if standing.counts.skipped > 0 { ", " (standing.counts.skipped) " skipped" }
            }
        }
    }
}

fn when(when: &When) -> Markup {
    html! {
        @match (&when.cron, when.every_secs) {
            (Some(cron), _) => code { (cron) },
            (None, Some(secs)) => { "every " (span(secs)) },
            (None, None) => "",
        }
    }
}

/// A number of seconds in the largest unit that divides it.
fn span(secs: u64) -> String {
    match TimeUnit::whole(secs) {
        (number, TimeUnit::Minute) => format!("{number} min"),
        (number, unit) => format!("{number} {}", unit.letter()),
    }
}

fn last(run: &Run, now: Timestamp) -> Markup {
    let why = run.reason.map(|reason| match reason {
        RunReason::Late => "the service was away",
        RunReason::NoNodes => "no node is selected",
        RunReason::TooManyNodes => "too many nodes are selected",
        RunReason::Window => "outside of its windows",
    });
    html! {
        @match run.outcome {
            RunOutcome::Started => (state("ok", "started")),
            RunOutcome::Missed => (state("attn", "missed")),
            RunOutcome::Skipped => (state("attn", "skipped")),
        }
        small {
            (ago(now, run.at)) " ago"
            @if let Some(why) = why { ": " (why) } @else { ", " (run.ordered) " of " (run.nodes) " nodes told" }
        }
    }
}

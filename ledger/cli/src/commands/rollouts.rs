//! `ledger rollouts`: a command to many nodes, in waves.

use super::nodes::Past;
use super::{parameter, parameters};
use crate::api::{Ref, Reply, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Look, Table, ask, clock, column, safe, short, wide};
use crate::times::secs;
use clap::{Args, Subcommand};
use projections::rollouts::RolloutState;
use service::wire::{RolloutChanged, RolloutRequest};
use serving::answers::{RolloutRow, WaveRow};
use spec::Name;
use spec::payload::Share;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Rollouts {
    /// List roll-outs and how far they have come.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        #[command(flatten)]
        past: Past,
    },
    /// Show one roll-out, wave by wave.
    Show {
        /// Its id, the beginning of it, or its name.
        #[arg(value_name = "ROLLOUT")]
        id: Ref,
        #[command(flatten)]
        past: Past,
    },
    /// Give a selection of nodes a command, in waves.
    Start(Box<StartRollout>),
    /// Agree to one that somebody else started.
    Approve {
        #[command(flatten)]
        which: WhichRollout,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Tell nobody more until it goes on.
    Pause(WhichRollout),
    /// Let it go on.
    Resume(WhichRollout),
    /// End it; commands that were given stay given.
    Abort {
        #[command(flatten)]
        which: WhichRollout,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WhichRollout {
    /// Its id, the beginning of it, or its name.
    #[arg(value_name = "ROLLOUT")]
    id: Ref,
    /// The organisation.
    #[arg(long, default_value = "default")]
    org: Name,
}

#[derive(Debug, Args)]
pub(crate) struct StartRollout {
    /// What people call it.
    name: String,
    /// scan, service-status, service-restart, tail-journal, collect-evidence, run or rotate-key.
    command: Name,
    /// Give it although nodes of this version know no such command.
    #[arg(long)]
    unknown: bool,
    /// A parameter, such as unit=nginx.service.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(Name, String)>,
    /// Which nodes, by their labels, such as "env=prod,zone in (a,b)"; every node, if absent.
    #[arg(long, default_value = "")]
    select: String,
    /// Only nodes of this operating system profile.
    #[arg(long)]
    os_profile: Option<String>,
    /// How many have been told after each wave, such as 1,10%,100%; the last is 100%.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = share, required = true)]
    waves: Vec<Share>,
    /// How many of a wave may fail, such as 2 or 5%; with more it stops.
    #[arg(long, value_name = "SIZE", value_parser = share, default_value = "0")]
    may_fail: Share,
    /// How long is waited after each wave: 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = secs)]
    pause: u64,
    /// For how long a command may be begun.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = secs)]
    ttl: u64,
    /// How many other people must approve it before its first wave.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=5))]
    approvals: u64,
    /// For how long it waits for approval; a day, if absent.
    #[arg(long, value_name = "SPAN", value_parser = secs, requires = "approvals")]
    approve_within: Option<u64>,
    /// The organisation.
    #[arg(long, default_value = "default")]
    org: Name,
}

/// `5` or `5%`.
fn share(text: &str) -> Result<Share, String> {
    let expected = |_| "expected a number, or a percentage such as 10%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => Ok(Share { count: None, percent: Some(percent.parse().map_err(expected)?) }),
        None => Ok(Share { count: Some(text.parse().map_err(expected)?), percent: None }),
    }
}

/// The roll-outs there are.
pub(crate) const ROLLOUTS: Table<RolloutRow<'static>> = Table {
    columns: &[
        column("rollout", |row| Cell::from(row.plan.id)),
        column("org", |row| Cell::from(&*row.org)),
        column("name", |row| Cell::from(&row.plan.name)),
        column("what", |row| Cell::from(&row.plan.command)),
        column("state", |row| state(row)),
        column("waves", |row| match row.of_waves {
            Some(of) => Cell::Text(format!("{}/{of}", row.waves.len())),
            None => Cell::Nothing,
        }),
        column("nodes", |row| Cell::from(row.nodes)),
        column("started", |row| Cell::from(row.started_at)),
        wide("by", |row| Cell::from(&*row.started_by)),
        column("selector", |row| Cell::from(&row.plan.selector)),
    ],
    nothing: "no roll-outs; `ledger rollouts start` starts one",
};

/// One roll-out.
pub(crate) const ROLLOUT: Card<RolloutRow<'static>> = Card(&[
    column("rollout", |row| Cell::from(row.plan.id)),
    column("org", |row| Cell::from(&*row.org)),
    column("name", |row| Cell::from(&row.plan.name)),
    column("what", |row| Cell::from(&row.plan.command)),
    column("with", |row| {
        Cell::list(row.plan.parameters.iter().map(|(name, value)| format!("{name}={value}")))
    }),
    column("state", |row| state(row)),
    column("selector", |row| Cell::from(&row.plan.selector)),
    column("profile", |row| Cell::from(row.plan.os_profile.as_ref())),
    column("nodes", |row| Cell::from(row.nodes)),
    column("waves", |row| Cell::from(row.of_waves)),
    column("started by", |row| Cell::from(&*row.started_by)),
    column("started", |row| Cell::from(row.started_at)),
    column("approvals", |row| match (&row.approvals, row.plan.approvals) {
        (Some(given), Some(needed)) => Cell::Text(format!("{}/{needed}", given.len())),
        _ => Cell::Nothing,
    }),
    column("approved by", |row| {
        Cell::list(row.approvals.iter().flat_map(|all| all.iter()).map(|word| &word.author))
    }),
    column("ended", |row| Cell::from(row.end.map(|end| end.at))),
]);

/// Its waves.
pub(crate) const WAVES: Table<(usize, WaveRow)> = Table {
    columns: &[
        column("wave", |(n, _)| Cell::from(*n)),
        column("begun", |(_, wave)| Cell::from(wave.at)),
        column("nodes", |(_, wave)| Cell::from(wave.nodes)),
        column("succeeded", |(_, wave)| Cell::from(wave.tally.succeeded)),
        column("failed", |(_, wave)| Cell::from(wave.tally.failed)),
        column("open", |(_, wave)| Cell::from(wave.tally.open)),
    ],
    nothing: "no wave has begun",
};

/// How far it has come; of one that waits for approval, until when.
fn state(row: &RolloutRow<'_>) -> Cell {
    match (row.state, row.plan.approve_by) {
        (RolloutState::Waiting, Some(until)) => Cell::Text(format!("waiting for approval until {until}")),
        (state, _) => Cell::word(&state),
    }
}

/// One roll-out, and under it its waves.
pub(crate) fn shown(row: &RolloutRow<'static>, look: &Look) -> String {
    let waves: Vec<(usize, WaveRow)> = row.waves.iter().cloned().enumerate().collect();
    format!("{}\n{}", ROLLOUT.text(row, look), WAVES.text(&waves, look))
}

pub(crate) fn run(global: &Global, command: &Rollouts) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| answer(global, client, command).await)?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(global: &Global, client: &Client, command: &Rollouts) -> Result<(), Failure> {
    let done = |reply: Reply<RolloutChanged>, what: &str| {
        reply.show(global, |changed, _| format!("{what} roll-out {}\n", short(&changed.id)))
    };
    match command {
        Rollouts::List { org, past } => {
            client.rollouts(past.query().with("org", org.as_ref())).await?.show(global, &ROLLOUTS)
        }
        Rollouts::Show { id, past } => {
            let id = client.rollout_of(id).await?;
            client.rollout(id, past.query()).await?.show(global, |answer, look| shown(&answer.rollout, look))
        }
        Rollouts::Start(start) => {
            super::known(&start.command, start.unknown)?;
            let started = client.start_rollout(&start.request()).await?;
            started.show(global, |changed, look| started_line(&start.name, changed, look))
        }
        Rollouts::Approve { which, text } => {
            let id = client.rollout_of(&which.id).await?;
            done(client.approve_rollout(id, &which.org, text.clone()).await?, "approved")
        }
        Rollouts::Pause(which) => {
            let id = client.rollout_of(&which.id).await?;
            done(client.pause_rollout(id, &which.org).await?, "paused")
        }
        Rollouts::Resume(which) => {
            let id = client.rollout_of(&which.id).await?;
            done(client.resume_rollout(id, &which.org).await?, "resumed")
        }
        Rollouts::Abort { which, sure } => {
            let id = client.rollout_of(&which.id).await?;
            ask(*sure, &format!("End roll-out {id} for good?"))?;
            done(client.abort_rollout(id, &which.org).await?, "ended")
        }
    }
}

/// A roll-out that was started, and what it waits for.
pub(crate) fn started_line(name: &str, changed: &RolloutChanged, look: &Look) -> String {
    let waits = match changed.approve_by {
        Some(until) => format!("; it waits for approval until {}", clock(until, look.now)),
        None => String::new(),
    };
    format!("started roll-out {} ({}){waits}\n", short(&changed.id), safe(name))
}

impl StartRollout {
    fn request(&self) -> RolloutRequest {
        RolloutRequest {
            name: self.name.clone(),
            command: self.command.to_string(),
            waves: self.waves.clone(),
            may_fail: Some(self.may_fail),
            org: Some(self.org.to_string()),
            parameters: parameters(&self.parameters),
            selector: self.select.clone(),
            os_profile: self.os_profile.clone(),
            ttl_secs: Some(self.ttl),
            pause_secs: self.pause,
            approvals: self.approvals,
            approval_secs: self.approve_within,
        }
    }
}

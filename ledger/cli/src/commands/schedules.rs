//! `ledger schedules`: what is done again and again, when it is due, and what became of it.

use super::nodes::Past;
use super::{parameter, parameters};
use crate::api::{Ref, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, Table, answer, column, safe, short, tell, wide};
use crate::times::{Ahead, secs};
use clap::{Args, Subcommand};
use projections::schedules::Run;
use serde::de::IntoDeserializer as _;
use serde_json::json;
use service::wire::{ScheduleRequest, WhenRequest};
use serving::answers::ScheduleRow;
use spec::cron::Cron;
use spec::payload::{CatchUp, Outside};
use spec::time::TimeUnit;
use spec::window::{ClockTime, Weekday, Window};
use spec::{Name, Uuid};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Schedules {
    /// List schedules and when each is due next.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        #[command(flatten)]
        past: Past,
    },
    /// Show one schedule and what became of it lately.
    Show {
        /// Its id, the beginning of it, or its name.
        #[arg(value_name = "SCHEDULE")]
        id: Ref,
        #[command(flatten)]
        past: Past,
    },
    /// Make a schedule, or change the one of the organisation that has this name already.
    Set(Box<SetSchedule>),
    /// End a schedule; commands that were given stay given.
    Remove {
        /// Its id, the beginning of it, or its name.
        #[arg(value_name = "SCHEDULE")]
        id: Ref,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("when").required(true))]
pub(crate) struct SetSchedule {
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
    /// Every so long: 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "SPAN", group = "when", value_parser = secs)]
    every: Option<u64>,
    /// At times of cron in UTC, such as "30 2 * * mon-fri".
    #[arg(long, value_name = "FIELDS", group = "when")]
    cron: Option<Cron>,
    /// The first time of --every: a time of RFC 3339, or so long from now; after one interval, if absent.
    #[arg(long, value_name = "TIME|SPAN", requires = "every")]
    start: Option<Ahead>,
    /// Which nodes, by their labels, such as "env=prod,zone in (a,b)"; every node, if absent.
    #[arg(long, default_value = "")]
    select: String,
    /// Only nodes of this operating system profile.
    #[arg(long)]
    os_profile: Option<String>,
    /// For how long a command may be begun.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = secs)]
    ttl: u64,
    /// Over how long the nodes' beginnings are spread.
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = secs)]
    jitter: u64,
    /// A maintenance window in UTC, outside of which nothing is begun: "sat,sun 22:00 4h".
    #[arg(long = "window", value_name = "WINDOW", value_parser = window)]
    windows: Vec<Window>,
    /// Of what is due outside of the windows: skip it, or wait for the next.
    #[arg(long, value_parser = outside, requires = "windows")]
    outside: Option<Outside>,
    /// Of what fell due while the service was away: skip all, or do the last of it once.
    #[arg(long, value_parser = catch_up, default_value = "skip")]
    catch_up: CatchUp,
    /// The id of the schedule to change, whatever its name is; without, the one of this name, or a new one.
    #[arg(long)]
    id: Option<Uuid>,
    /// The organisation.
    #[arg(long, default_value = "default")]
    org: Name,
}

fn outside(text: &str) -> Result<Outside, String> {
    one_of(text, "skip or wait")
}

fn catch_up(text: &str) -> Result<CatchUp, String> {
    one_of(text, "skip or once")
}

/// A word of a type as JSON has it.
fn one_of<T: serde::de::DeserializeOwned>(text: &str, words: &str) -> Result<T, String> {
    let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        text.into_deserializer();
    T::deserialize(deserializer).map_err(|_| format!("expected {words}"))
}

/// `days hh:mm span`.
fn window(text: &str) -> Result<Window, String> {
    let expected = || "expected days, a beginning and a length, such as \"mon,fri 22:00 4h\"".to_owned();
    let mut parts = text.split_whitespace();
    let (Some(days), Some(start), Some(length), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(expected());
    };
    let day = |day: &str| one_of::<Weekday>(day, "").map_err(|_| expected());
    let mut days = days.split(',').map(day).collect::<Result<Vec<_>, _>>()?;
    days.sort();
    days.dedup();
    let start: ClockTime = start.parse().map_err(|e| format!("{e}"))?;
    Ok(Window { days, minutes: secs(length)? / 60, start })
}

/// The schedules there are.
pub(crate) const SCHEDULES: Table<ScheduleRow<'static>> = Table {
    columns: &[
        column("schedule", |row| Cell::from(row.standing.plan.id)),
        column("org", |row| Cell::from(&*row.org)),
        column("name", |row| Cell::from(&row.standing.plan.name)),
        column("what", |row| Cell::from(&row.standing.plan.command)),
        column("when", |row| when(row)),
        column("next", |row| Cell::from(row.standing.next)),
        column("started", |row| Cell::from(row.standing.counts.started)),
        column("missed", |row| Cell::from(row.standing.counts.missed)),
        column("skipped", |row| Cell::from(row.standing.counts.skipped)),
        wide("set by", |row| Cell::from(&row.standing.set_by)),
        column("nodes", |row| Cell::from(&row.standing.plan.selector)),
    ],
    nothing: "no schedules; `ledger schedules set` makes one",
};

/// One schedule.
pub(crate) const SCHEDULE: Card<ScheduleRow<'static>> = Card(&[
    column("schedule", |row| Cell::from(row.standing.plan.id)),
    column("org", |row| Cell::from(&*row.org)),
    column("name", |row| Cell::from(&row.standing.plan.name)),
    column("what", |row| Cell::from(&row.standing.plan.command)),
    column("with", |row| {
        Cell::list(row.standing.plan.parameters.iter().map(|(name, value)| format!("{name}={value}")))
    }),
    column("when", |row| when(row)),
    column("nodes", |row| Cell::from(&row.standing.plan.selector)),
    column("profile", |row| Cell::from(row.standing.plan.os_profile.as_ref())),
    column("next", |row| Cell::from(row.standing.next)),
    column("set by", |row| Cell::from(&row.standing.set_by)),
    column("set", |row| Cell::from(row.standing.set_at)),
]);

/// What became of a schedule lately.
pub(crate) const RUNS: Table<Run> = Table {
    columns: &[
        column("due", |run| Cell::from(run.due)),
        column("outcome", |run| Cell::word(&run.outcome)),
        column("why", |run| run.reason.as_ref().map_or(Cell::Nothing, Cell::word)),
        column("times", |run| Cell::from(run.count)),
        column("ordered", |run| Cell::from(run.ordered)),
        column("nodes", |run| Cell::from(run.nodes)),
    ],
    nothing: "nothing was due yet",
};

/// When it is due, in a few words.
fn when(row: &ScheduleRow<'_>) -> Cell {
    match (&row.standing.plan.when.cron, row.standing.plan.when.every_secs) {
        (Some(cron), _) => Cell::of(&cron),
        (None, Some(secs)) => Cell::Text(format!("every {}", span(secs))),
        (None, None) => Cell::Nothing,
    }
}

/// A number of seconds in its greatest whole unit.
fn span(secs: u64) -> String {
    let (number, unit) = TimeUnit::whole(secs);
    format!("{number}{}", unit.letter())
}

/// One schedule, and under it what became of it lately.
pub(crate) fn shown(row: &ScheduleRow<'static>, look: &Look) -> String {
    let runs: Vec<Run> = row.standing.runs.iter().cloned().collect();
    format!("{}\n{}", SCHEDULE.text(row, look), RUNS.text(&runs, look))
}

pub(crate) fn run(global: &Global, command: &Schedules) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| act(global, client, command).await)?;
    Ok(ExitCode::SUCCESS)
}

async fn act(global: &Global, client: &Client, command: &Schedules) -> Result<(), Failure> {
    match command {
        Schedules::List { org, past } => {
            client.schedules(past.query().with("org", org.as_ref())).await?.show(global, &SCHEDULES)
        }
        Schedules::Show { id, past } => {
            let id = client.schedule_of(id).await?;
            client
                .schedule(id, past.query())
                .await?
                .show(global, |answer, look| shown(&answer.schedule, look))
        }
        Schedules::Set(set) => {
            let named =
                if set.id.is_some() { set.id } else { client.schedule_named(&set.org, &set.name).await? };
            let id = match named {
                Some(id) => id,
                None => Uuid::v4(ledger::keyring::random().map_err(Failure::io)?),
            };
            super::known(&set.command, set.unknown)?;
            let done = client.set_schedule(id, &set.request()).await?;
            let what = if named.is_some() { "changed" } else { "made" };
            if let Some(warning) = &done.read()?.warning {
                tell(&format!("warning: {warning}"));
            }
            done.show(global, |_, _| format!("{what} schedule {} ({})\n", short(&id), safe(&set.name)))
        }
        Schedules::Remove { id, org } => {
            let id = client.schedule_of(id).await?;
            client.remove_schedule(id, org).await?;
            answer(global, &json!({"removed": id}), || Ok(format!("removed schedule {}\n", short(&id))))
        }
    }
}

impl SetSchedule {
    fn request(&self) -> ScheduleRequest {
        ScheduleRequest {
            name: self.name.clone(),
            command: self.command.to_string(),
            when: WhenRequest {
                cron: self.cron.as_ref().map(ToString::to_string),
                every_secs: self.every,
                start: self.start.map(|Ahead(time)| time.to_string()),
            },
            org: Some(self.org.to_string()),
            parameters: parameters(&self.parameters),
            selector: self.select.clone(),
            os_profile: self.os_profile.clone(),
            ttl_secs: Some(self.ttl),
            jitter_secs: self.jitter,
            windows: self.windows.clone(),
            outside: self.outside,
            catch_up: Some(self.catch_up),
        }
    }
}

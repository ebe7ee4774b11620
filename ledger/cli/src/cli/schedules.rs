//! `ledger schedules`.

use super::commands::parameter;
use clap::{Args, Subcommand};
use spec::cron::Cron;
use spec::window::{ClockTime, Weekday, Window};
use spec::{Name, Uuid};

#[derive(Debug, Subcommand)]
pub(crate) enum Schedules {
    /// List schedules and when each is due next.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
    },
    /// Show one schedule and what became of it lately.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Make a schedule, or change the one with --id.
    Set(Box<SetSchedule>),
    /// End a schedule; commands that were given stay given.
    Remove {
        /// Its id.
        id: Uuid,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("when").required(true))]
pub(crate) struct SetSchedule {
    /// What people call it.
    pub(crate) name: String,
    /// scan, service-status, service-restart, tail-journal, collect-evidence, run or rotate-key.
    pub(crate) command: Name,
    /// A parameter, such as unit=nginx.service.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(Name, String)>,
    /// Every so long: 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "SPAN", group = "when", value_parser = secs)]
    pub(crate) every: Option<u64>,
    /// At times of cron in UTC, such as "30 2 * * mon-fri".
    #[arg(long, value_name = "FIELDS", group = "when")]
    pub(crate) cron: Option<Cron>,
    /// The first time of --every: a time of RFC 3339; after one interval, if absent.
    #[arg(long, value_name = "TIME", requires = "every")]
    pub(crate) start: Option<String>,
    /// Which nodes, by their labels, such as "env=prod,zone in (a,b)"; every node, if absent.
    #[arg(long, default_value = "")]
    pub(crate) select: String,
    /// Only nodes of this operating system profile.
    #[arg(long)]
    pub(crate) os_profile: Option<String>,
    /// For how long a command may be begun.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = secs)]
    pub(crate) ttl: u64,
    /// Over how long the nodes' beginnings are spread.
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = secs)]
    pub(crate) jitter: u64,
    /// A maintenance window in UTC, outside of which nothing is begun: "sat,sun 22:00 4h".
    #[arg(long = "window", value_name = "WINDOW", value_parser = window)]
    pub(crate) windows: Vec<Window>,
    /// Of what is due outside of the windows: skip it, or wait for the next.
    #[arg(long, value_parser = ["skip", "wait"], requires = "windows")]
    pub(crate) outside: Option<String>,
    /// Of what fell due while the service was away: skip all, or do the last of it once.
    #[arg(long, value_parser = ["skip", "once"], default_value = "skip")]
    pub(crate) catch_up: String,
    /// The id of the schedule to change; a new one, if absent.
    #[arg(long)]
    pub(crate) id: Option<Uuid>,
    /// The organisation.
    #[arg(long, default_value = "default")]
    pub(crate) org: Name,
}

/// Seconds of a span: a number and one of s, m, h, d.
pub(super) fn secs(text: &str) -> Result<u64, String> {
    let expected = || "expected a number and a unit, such as 90s, 15m, 2h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    number.checked_mul(unit).ok_or_else(expected)
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
    let day = |day: &str| serde_json::from_value::<Weekday>(serde_json::json!(day)).map_err(|_| expected());
    let mut days = days.split(',').map(day).collect::<Result<Vec<_>, _>>()?;
    days.sort();
    days.dedup();
    let start: ClockTime = start.parse().map_err(|e| format!("{e}"))?;
    Ok(Window { days, minutes: secs(length)? / 60, start })
}

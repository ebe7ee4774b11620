//! `ledger rollouts`.

use super::commands::parameter;
use super::schedules::secs;
use clap::{Args, Subcommand};
use spec::payload::Share;
use spec::{Name, Uuid};

#[derive(Debug, Subcommand)]
pub(crate) enum Rollouts {
    /// List roll-outs and how far they have come.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
    },
    /// Show one roll-out, wave by wave.
    Show {
        /// Its id.
        id: Uuid,
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
    Abort(WhichRollout),
}

#[derive(Debug, Args)]
pub(crate) struct WhichRollout {
    /// Its id.
    pub(crate) id: Uuid,
    /// The organisation.
    #[arg(long, default_value = "default")]
    pub(crate) org: Name,
}

#[derive(Debug, Args)]
pub(crate) struct StartRollout {
    /// What people call it.
    pub(crate) name: String,
    /// scan, service-status, service-restart, tail-journal, collect-evidence, run or rotate-key.
    pub(crate) command: Name,
    /// A parameter, such as unit=nginx.service.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(Name, String)>,
    /// Which nodes, by their labels, such as "env=prod,zone in (a,b)"; every node, if absent.
    #[arg(long, default_value = "")]
    pub(crate) select: String,
    /// Only nodes of this operating system profile.
    #[arg(long)]
    pub(crate) os_profile: Option<String>,
    /// How many have been told after each wave, such as 1,10%,100%; the last is 100%.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = share, required = true)]
    pub(crate) waves: Vec<Share>,
    /// How many of a wave may fail, such as 2 or 5%; with more it stops.
    #[arg(long, value_name = "SIZE", value_parser = share, default_value = "0")]
    pub(crate) may_fail: Share,
    /// How long is waited after each wave: 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = secs)]
    pub(crate) pause: u64,
    /// For how long a command may be begun.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = secs)]
    pub(crate) ttl: u64,
    /// How many other people must approve it before its first wave.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=5))]
    pub(crate) approvals: u64,
    /// For how long it waits for approval; a day, if absent.
    #[arg(long, value_name = "SPAN", value_parser = secs, requires = "approvals")]
    pub(crate) approve_within: Option<u64>,
    /// The organisation.
    #[arg(long, default_value = "default")]
    pub(crate) org: Name,
}

/// `5` or `5%`.
fn share(text: &str) -> Result<Share, String> {
    let expected = |_| "expected a number, or a percentage such as 10%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => Ok(Share { count: None, percent: Some(percent.parse().map_err(expected)?) }),
        None => Ok(Share { count: Some(text.parse().map_err(expected)?), percent: None }),
    }
}

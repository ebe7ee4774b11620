//! `ledger commands`.

use super::hash;
use clap::Subcommand;
use spec::{Hash, Name, Uuid};

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    /// Give a node a command; the node decides by its own policy whether it carries it out.
    Issue {
        /// The node's id.
        node: Uuid,
        /// scan, service-status, service-restart, tail-journal, collect-evidence, run, apply-policy or rotate-key.
        command: Name,
        /// A parameter, such as unit=nginx.service.
        #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
        parameters: Vec<(Name, String)>,
        /// Seconds for which it may be begun.
        #[arg(long, value_name = "SECS")]
        ttl: Option<u64>,
        /// From when on it may be begun: a time of RFC 3339.
        #[arg(long, value_name = "TIME")]
        not_before: Option<String>,
        /// How many other people must approve it first.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=5))]
        approvals: u64,
        /// Why.
        #[arg(long)]
        text: Option<String>,
        /// Wait until it is over and show what became of it; exit 1 unless it succeeded.
        #[arg(long)]
        wait: bool,
    },
    /// Agree to a command that somebody else gave.
    Approve {
        /// Its event hash.
        #[arg(value_parser = hash)]
        command: Hash,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Take a command back that its node has not begun.
    Cancel {
        /// Its event hash.
        #[arg(value_parser = hash)]
        command: Hash,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// List commands, the newest first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        /// To this node.
        #[arg(long)]
        node: Option<Uuid>,
        /// Only those in this state: issued, approved, running, succeeded, failed, refused, cancelled, expired.
        #[arg(long)]
        state: Option<String>,
    },
    /// Show one command with its approvals and its receipt.
    Show {
        /// Its event hash.
        #[arg(value_parser = hash)]
        command: Hash,
    },
}

/// `name=value`.
pub(super) fn parameter(text: &str) -> Result<(Name, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.parse().map_err(|e| format!("{e}"))?, value.to_owned()))
}

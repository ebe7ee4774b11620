//! `ledger commands`: given, approved, taken back, and what became of them.

use super::nodes::Past;
use super::{parameter, parameters};
use crate::api::{Query, Ref, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, Table, column, safe_lines, short, wide};
use crate::times::Ahead;
use clap::{Args, Subcommand};
use projections::commands::{CommandState, Word};
use service::wire::CommandRequest;
use serving::answers::CommandRow;
use spec::{Hash, Name};
use std::process::ExitCode;
use std::time::Duration;

/// How often it is looked whether a command is over.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    /// Give a node a command; the node decides by its own policy whether it carries it out.
    Issue(Box<Issue>),
    /// Agree to a command that somebody else gave.
    Approve {
        /// Its event hash, or the beginning of it.
        command: Ref,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Take a command back that its node has not begun.
    Cancel {
        /// Its event hash, or the beginning of it.
        command: Ref,
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
        node: Option<Ref>,
        /// Only those in this state: issued, approved, running, succeeded, failed, refused, cancelled, expired.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        past: Past,
    },
    /// Show one command with its approvals and its receipt.
    Show {
        /// Its event hash, or the beginning of it.
        command: Ref,
        #[command(flatten)]
        past: Past,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The node's name, its id, or the beginning of it.
    node: Ref,
    /// scan, service-status, service-restart, tail-journal, collect-evidence, run, apply-policy or rotate-key.
    command: Name,
    /// A parameter, such as unit=nginx.service.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(Name, String)>,
    /// For how long it may be begun: 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "SPAN", value_parser = super::ttl)]
    ttl: Option<u64>,
    /// Give it although nodes of this version know no such command.
    #[arg(long)]
    unknown: bool,
    /// From when on it may be begun: a time of RFC 3339, or so long from now.
    #[arg(long, value_name = "TIME|SPAN")]
    not_before: Option<Ahead>,
    /// How many other people must approve it first.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=5))]
    approvals: u64,
    /// Why.
    #[arg(long)]
    text: Option<String>,
    /// Wait until it is over and show what became of it; exit 1 unless it succeeded.
    #[arg(long)]
    wait: bool,
}

/// What nodes were told.
pub(crate) const COMMANDS: Table<CommandRow<'static>> = Table {
    columns: &[
        column("command", |row| Cell::from(row.given.hash)),
        column("state", |row| Cell::word(&row.state)),
        column("node", |row| Cell::node(row.node_id)),
        wide("org", |row| Cell::from(&*row.org)),
        column("what", |row| Cell::from(&row.given.order.command)),
        wide("with", |row| with(row)),
        column("issued", |row| Cell::from(row.given.issued_at)),
        column("by", |row| Cell::from(&row.given.issuer)),
        column("refused", |row| {
            Cell::from(row.given.ended.as_ref().and_then(|ended| ended.receipt.code.as_ref()))
        }),
    ],
    nothing: "no commands; `ledger commands issue` gives one",
};

/// One command.
pub(crate) const COMMAND: Card<CommandRow<'static>> = Card(&[
    column("command", |row| Cell::from(row.given.hash)),
    column("what", |row| Cell::from(&row.given.order.command)),
    column("with", |row| with(row)),
    column("why", |row| Cell::from(row.given.order.text.as_ref())),
    column("state", |row| Cell::word(&row.state)),
    column("node", |row| Cell::node(row.node_id)),
    column("org", |row| Cell::from(&*row.org)),
    column("tenant", |row| Cell::from(row.given.tenant.as_ref())),
    column("issued", |row| Cell::from(row.given.issued_at)),
    column("by", |row| Cell::from(&row.given.issuer)),
    column("not before", |row| Cell::from(row.given.order.not_before)),
    column("expires", |row| Cell::from(row.given.order.expires_at)),
    column("approvals", |row| match row.given.order.approvals {
        0 => Cell::Nothing,
        needed => Cell::Text(format!("{}/{needed}", row.given.approvals.len())),
    }),
    column("approved by", |row| Cell::list(row.given.approvals.iter().map(|word: &Word| &word.author))),
    column("cancelled by", |row| Cell::from(row.given.cancelled.as_ref().map(|word| &word.author))),
    column("begun", |row| Cell::from(row.given.begun.map(|ran| ran.recorded_at))),
    column("ended", |row| Cell::from(row.given.ended.as_ref().map(|ended| ended.recorded_at))),
    column("refused", |row| {
        Cell::from(row.given.ended.as_ref().and_then(|ended| ended.receipt.code.as_ref()))
    }),
    column("exit code", |row| Cell::from(row.given.ended.as_ref().and_then(|ended| ended.receipt.exit))),
    column("took", |row| {
        let took = row.given.ended.as_ref().and_then(|ended| ended.receipt.duration_ms);
        Cell::from(took.map(|ms| format!("{ms} ms")))
    }),
]);

fn with(row: &CommandRow<'_>) -> Cell {
    Cell::list(row.given.order.parameters.iter().map(|(name, value)| format!("{name}={value}")))
}

/// One command, and under it what it wrote.
pub(crate) fn shown(row: &CommandRow<'static>, look: &Look) -> String {
    let card = COMMAND.text(row, look);
    let ended = row.given.ended.as_ref();
    match ended.and_then(|ended| Some((ended, ended.receipt.output.as_deref()?))) {
        None | Some((_, "")) => card,
        Some((ended, output)) => {
            let cut = if ended.output_cut { "… (the entry of the receipt has it all)\n" } else { "" };
            format!("{card}\n{}\n{cut}", safe_lines(output.trim_end_matches('\n')))
        }
    }
}

pub(crate) fn run(global: &Global, command: &Commands) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| answer(global, client, command).await)
}

async fn answer(global: &Global, client: &Client, command: &Commands) -> Result<ExitCode, Failure> {
    match command {
        Commands::Issue(issue) => {
            let node = client.node_of(&issue.node).await?;
            let request = CommandRequest {
                node_id: node.to_string(),
                command: super::known(&issue.command, issue.unknown)?,
                parameters: parameters(&issue.parameters),
                not_before: issue.not_before.map(|Ahead(time)| time.to_string()),
                ttl_secs: issue.ttl,
                approvals: issue.approvals,
                text: issue.text.clone(),
            };
            let issued = client.issue_command(&request).await?;
            if issue.wait {
                return until_over(global, client, issued.read()?.command).await;
            }
            issued.named(global, client).await.show(global, |said, look| {
                format!("told {} to {}: command {}\n", look.node(node), issue.command, short(&said.command))
            })?;
        }
        Commands::Approve { command, text } => {
            let command = client.command_of(command).await?;
            let approved = client.approve_command(&command, text.clone()).await?;
            approved.show(global, |_, _| format!("approved command {}\n", short(&command)))?;
        }
        Commands::Cancel { command, text } => {
            let command = client.command_of(command).await?;
            let cancelled = client.cancel_command(&command, text.clone()).await?;
            cancelled.show(global, |_, _| format!("took command {} back\n", short(&command)))?;
        }
        Commands::List { org, node, state, past } => {
            let node = client.maybe_node_of(node.as_ref()).await?;
            let query = past.query().with("org", org.as_ref()).with("state", state.as_ref());
            let listed = client.commands(query.with("node_id", node)).await?;
            listed.named(global, client).await.show(global, &COMMANDS)?;
        }
        Commands::Show { command, past } => {
            let command = client.command_of(command).await?;
            let answer = client.command(&command, past.query()).await?.named(global, client).await;
            answer.show(global, |answer, look| shown(&answer.command, look))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a command when it is over.
async fn until_over(global: &Global, client: &Client, hash: Hash) -> Result<ExitCode, Failure> {
    loop {
        let answer = client.command(&hash, Query::default()).await?;
        let state = answer.read()?.command.state;
        if state.is_settled() {
            let answer = answer.named(global, client).await;
            answer.show(global, |answer, look| shown(&answer.command, look))?;
            return Ok(ExitCode::from(u8::from(state != CommandState::Succeeded)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

//! The command line: a list of the commands, each of which has its arguments and its help in its own file. Help, man
//! pages and completions all come from these definitions.

use crate::commands::{
    agent, attention, backup, bisect, clock, contexts, demo, enroll, export, findings, import, incidents,
    init, invoice, keys, logs, members, nodes, orders, orgs, policies, prices, prove, reference, replay,
    restore, rollouts, schedules, segment, serve, tokens, usage, verify, webhooks, witness,
};
use crate::options::Global;
use clap::{Parser, Subcommand};
use std::ffi::OsString;

/// A ledger of signed events that anyone can verify: run it, read it, prove it.
#[derive(Debug, Parser)]
#[command(name = "ledger", version, max_term_width = 100)]
#[command(
    after_help = "Answers are for people: a table for a list, a card for one thing, a line for something done. With -o \
                  json, jsonl or yaml they are what the service said. Ids may be cut to a beginning that nothing else \
                  has.\n\n`ledger help start`, `operators`, `auditors`, `agents`, `ci` and `security` are chapters of the handbook.\n\nBegin with `ledger demo`; then `ledger serve --init`, `ledger enroll token`, `ledger nodes list` \
                  and `ledger verify`.\n\nExit codes: 0 ok, 1 does not verify or was refused, 2 usage, 3 could not read or write, \
                  4 verified with findings that nobody has accepted (verify --strict)."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new ledger: keys, entry 0, an owner token.
    Init(init::Init),
    /// Run the ledger and its HTTP service.
    Serve(serve::Serve),
    /// Start everything on this machine with a few real agents, and show what it can do.
    Demo(demo::Demo),
    /// Check a data directory, an export, a bundle, a proof chain or a running service.
    Verify(verify::Verify),
    /// Write a bundle that proves one entry to anyone who knows the ledger id.
    Prove(prove::Prove),
    /// Copy everything an auditor needs.
    Export(export::Export),
    /// Copy the data directory, while the service runs, to go on from if it is lost.
    Backup(backup::Backup),
    /// Make a data directory from a backup, to go on with or to begin a successor of.
    Restore(restore::Restore),
    /// Append events from JSON lines; repeating an import adds nothing.
    Import(import::Import),
    /// Sign in to a service, so that commands go there.
    Login(contexts::Login),
    /// Forget a service that you have signed in to.
    Logout(contexts::Logout),
    /// The services that you have signed in to.
    #[command(subcommand)]
    Contexts(contexts::Command),
    /// How the service, its ledger and the fleet are, on one page.
    Status,
    /// Look for what is wrong here or with the service, and say what to do.
    Doctor,
    /// Append a seal now.
    Seal,
    /// Show the newest checkpoint.
    Checkpoint,
    /// The ledger's clock, where it was ahead.
    #[command(subcommand)]
    Clock(clock::Clock),
    /// Let nodes join.
    #[command(subcommand)]
    Enroll(enroll::Enroll),
    /// API tokens with roles.
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Organisations: make, rename, suspend, and let in again.
    #[command(subcommand)]
    Orgs(orgs::Orgs),
    /// Who has which role in an organisation.
    #[command(subcommand)]
    Members(members::Members),
    /// What tenants used, by month.
    Usage(usage::Usage),
    /// What usage costs.
    #[command(subcommand)]
    Prices(prices::Prices),
    /// What months cost: drafts, invoices, corrections, and what proves them.
    #[command(subcommand)]
    Invoice(invoice::Invoices),
    /// The fleet: how each node stands, and why.
    #[command(subcommand)]
    Nodes(nodes::Nodes),
    /// Who needs a look, why, and what other rules would have said.
    #[command(subcommand)]
    Attention(attention::Attention),
    /// What the nodes' latest scans found, the gravest first, and what of it is accepted.
    Findings(findings::Findings),
    /// What somebody has to look after: see it, answer it, silence it.
    #[command(subcommand)]
    Incidents(incidents::Incidents),
    /// Give nodes commands, approve them, and see what became of them.
    #[command(subcommand)]
    Commands(orders::Commands),
    /// What nodes may be told at most: assign it, apply it, see who follows it.
    #[command(subcommand)]
    Policies(policies::Policies),
    /// A command to many nodes, in waves.
    #[command(subcommand)]
    Rollouts(rollouts::Rollouts),
    /// What nodes are told to do again and again.
    #[command(subcommand)]
    Schedules(schedules::Schedules),
    /// Who is told elsewhere of what happens.
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// Who cosigns the ledger's checkpoints, and cosigning from outside.
    #[command(subcommand)]
    Witness(witness::Witness),
    /// Find the entry at which a predicate over a fold turned.
    Bisect(bisect::Bisect),
    /// The keys of the ledger and its nodes.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Show events, as `logs view`.
    Events(logs::Filter),
    /// Read entries, on files or over HTTP.
    #[command(subcommand)]
    Logs(logs::Logs),
    /// Fold the entries again and show a fold as it was at any point.
    Replay(replay::Replay),
    /// Closed segments of the log as Parquet files, and back.
    #[command(subcommand)]
    Segment(segment::Segment),
    /// Build the index anew from the log.
    Reindex,
    /// The node agent, as `vaultmesh-agent`.
    #[command(disable_help_flag = true)]
    Agent(agent::Agent),
    /// Write shell completions to standard output.
    Completions(reference::Completions),
    /// Write the OpenAPI document of the HTTP service to standard output.
    Openapi,
    /// Write the man page to standard output, or all of them to a directory.
    Man(reference::Man),
}

/// The arguments as they are parsed: behind `nodes label`, `-old` is a label to take off and no flag.
pub(crate) fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut given: Vec<OsString> = given.collect();
    let is_label = given.windows(2).any(|pair| pair == ["nodes", "label"]);
    for argument in given.iter_mut().filter(|_| is_label) {
        let label = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let label = label.filter(|label| label.len() > 1 && !label.starts_with('-') && !label.contains('='));
        if let Some(label) = label {
            *argument = format!("{label}-").into();
        }
    }
    given
}

impl Command {
    /// Whether it goes to the service that somebody has signed in to, unless it is told otherwise.
    pub(crate) fn goes_to_a_service(&self) -> bool {
        !matches!(
            self,
            Self::Init(_)
                | Self::Serve(_)
                | Self::Demo(_)
                | Self::Export(_)
                | Self::Clock(_)
                | Self::Backup(_)
                | Self::Restore(_)
                | Self::Reindex
                | Self::Segment(_)
                | Self::Login(_)
                | Self::Logout(_)
                | Self::Contexts(_)
                | Self::Agent(_)
                | Self::Completions(_)
                | Self::Openapi
                | Self::Man(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn a_dash_before_a_label_is_no_flag() {
        let parsed = |line: &str| {
            let parsed = arguments(line.split(' ').map(Into::into));
            parsed.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            parsed("ledger nodes label web-1 env=prod -old -o json --data x"),
            "ledger nodes label web-1 env=prod old- -o json --data x"
        );
        assert_eq!(parsed("ledger nodes list -ojson"), "ledger nodes list -ojson");
    }
}

//! `ledger findings`: what the nodes' latest scans found that is open, and what of it people accepted.

use super::nodes::Past;
use crate::api::{Query, Ref, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Table, clock, column, safe, short, wide};
use crate::times::Ahead;
use clap::{Args, Subcommand};
use service::wire::AcceptanceRequest;
use serving::answers::{AcceptanceRow, FindingGroup, FindingRow};
use spec::{Name, Severity};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Findings {
    #[command(subcommand)]
    answer: Option<Answer>,
    #[command(flatten)]
    list: List,
}

/// What is listed.
#[derive(Debug, Args)]
struct List {
    /// Of this organisation.
    #[arg(long)]
    org: Option<Name>,
    /// Of this node: its id, the beginning of it, or its host name.
    #[arg(long, conflicts_with = "grouped")]
    node: Option<Ref>,
    /// Only of this severity: low, medium, high or critical.
    #[arg(long)]
    severity: Option<Severity>,
    /// In the id, the title or the subject.
    #[arg(long, short)]
    query: Option<String>,
    /// The same finding on many nodes as one line.
    #[arg(long)]
    grouped: bool,
    #[command(flatten)]
    past: Past,
}

/// What people make of it.
#[derive(Debug, Subcommand)]
enum Answer {
    /// Take what a check finds as it is, for a reason and until a date: it is shown as accepted and counts for nothing.
    Accept {
        /// The check, such as mount-options.
        check: Name,
        /// What the finding is about, such as /tmp; everything the check finds, if absent.
        subject: Option<String>,
        /// Until an RFC 3339 time, or for so long (2h, 7d, 90d).
        #[arg(long, value_name = "TIME|SPAN")]
        until: Ahead,
        /// Why.
        #[arg(long)]
        why: String,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// On this node alone.
        #[arg(long, conflicts_with = "selector")]
        node: Option<Ref>,
        /// On the nodes with such labels, such as 'env=lab,!canary'; on every node, if neither is given.
        #[arg(long)]
        selector: Option<String>,
        /// Only while it is no graver than low, medium, high or critical.
        #[arg(long)]
        severity: Option<Severity>,
    },
    /// List what is accepted, the newest first.
    Accepted {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        /// Also what is accepted no longer.
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        past: Past,
    },
    /// Accept something no longer.
    Withdraw {
        /// The acceptance's id, or the beginning of it.
        acceptance: Ref,
    },
}

/// The same finding on many nodes.
pub(crate) const GROUPS: Table<FindingGroup<'static>> = Table {
    columns: &[
        column("severity", |row| Cell::word(&row.severity)),
        column("nodes", |row| Cell::from(row.nodes)),
        column("accepted", |row| Cell::from(row.accepted)),
        column("org", |row| Cell::from(&*row.org)),
        column("check", |row| Cell::from(&*row.id)),
        column("about", |row| Cell::of(&row.subject)),
        column("finding", |row| Cell::of(&row.title)),
        wide("on", |row| Cell::list(&row.node_ids)),
    ],
    nothing: "no open findings; nodes are scanned daily, and by `ledger commands issue NODE scan`",
};

/// What was found.
pub(crate) const FINDINGS: Table<FindingRow<'static>> = Table {
    columns: &[
        column("severity", |row| Cell::from(row.finding.severity.as_str())),
        column("node", |row| Cell::node(row.node_id)),
        wide("org", |row| Cell::from(&*row.org)),
        wide("scan", |row| Cell::from(row.seq)),
        column("found", |row| Cell::from(row.recorded_at)),
        column("finding", |row| Cell::from(&row.finding.id)),
        column("subject", |row| Cell::from(&row.finding.subject)),
        wide("simulated", |row| Cell::yes(row.simulated)),
        wide("explained", |row| Cell::from(row.finding.explained.as_ref())),
        wide("accepted until", |row| Cell::from(row.accepted.as_ref().map(|accepted| accepted.until))),
        wide("to do", |row| Cell::from(&row.finding.remediation)),
        column("title", |row| Cell::from(&row.finding.title)),
    ],
    nothing: "no open findings; nodes are scanned daily, and by `ledger commands issue NODE scan`",
};

/// What is accepted.
pub(crate) const ACCEPTED: Table<AcceptanceRow<'static>> = Table {
    columns: &[
        column("acceptance", |row| Cell::from(row.acceptance.id)),
        column("org", |row| Cell::from(&*row.org)),
        column("check", |row| Cell::from(&row.acceptance.check)),
        column("about", |row| Cell::from(row.acceptance.subject.as_ref())),
        column("on", |row| scope(row)),
        column("up to", |row| row.acceptance.severity.as_ref().map_or(Cell::Nothing, Cell::word)),
        column("until", |row| Cell::from(row.acceptance.until)),
        column("by", |row| Cell::from(&row.acceptance.author)),
        column("why", |row| Cell::from(&row.acceptance.text)),
        wide("withdrawn by", |row| Cell::from(row.acceptance.withdrawn_by.as_ref())),
    ],
    nothing: "nothing is accepted; `ledger findings accept` does so",
};

/// Where it is accepted.
fn scope(row: &AcceptanceRow<'_>) -> Cell {
    match (row.acceptance.node, &row.acceptance.selector) {
        (Some(node), _) => Cell::node(node),
        (None, Some(selected)) if !selected.text().is_empty() => Cell::Text(selected.text().to_owned()),
        (None, _) => Cell::from("(all)"),
    }
}

pub(crate) fn run(global: &Global, args: &Findings) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| match &args.answer {
        None => list(global, client, &args.list).await,
        Some(given) => act(global, client, given).await,
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn list(global: &Global, client: &Client, args: &List) -> Result<(), Failure> {
    let node = client.maybe_node_of(args.node.as_ref()).await?;
    let query = args.past.query().with("org", args.org.as_ref()).with("q", args.query.as_ref());
    let query = query.with("severity", args.severity.map(Severity::as_str)).with("node_id", node);
    if args.grouped {
        client.finding_groups(query).await?.show(global, &GROUPS)
    } else {
        client.findings(query).await?.named(global, client).await.show(global, &FINDINGS)
    }
}

async fn act(global: &Global, client: &Client, given: &Answer) -> Result<(), Failure> {
    match given {
        Answer::Accept { check, subject, until: Ahead(until), why, org, node, selector, severity } => {
            let node = client.maybe_node_of(node.as_ref()).await?;
            let request = AcceptanceRequest {
                check: check.to_string(),
                expires_at: until.to_string(),
                node: node.map(|node| node.to_string()),
                selector: selector.clone(),
                severity: severity.map(|severity| severity.as_str().to_owned()),
                subject: subject.clone(),
                text: why.clone(),
            };
            let what = [check.as_str(), subject.as_deref().unwrap_or_default()].join(" ");
            client.accept_finding(org, &request).await?.show(global, |made, look| {
                let (what, until) = (safe(what.trim_end()), clock(*until, look.now));
                format!("accepted {what} until {until}: {}\n", short(&made.acceptance))
            })
        }
        Answer::Accepted { org, ended, past } => {
            let asked = past.query().with("org", org.as_ref()).with("ended", ended.then_some(true));
            client.acceptances(asked).await?.named(global, client).await.show(global, &ACCEPTED)
        }
        Answer::Withdraw { acceptance } => {
            let (acceptance, org) = client.acceptance_of(acceptance).await?;
            client.withdraw_acceptance(&org, &acceptance).await?;
            let said = serde_json::json!({"withdrawn": acceptance});
            crate::output::answer(global, &said, || {
                Ok(format!("withdrew acceptance {}\n", short(&acceptance)))
            })
        }
    }
}

/// What is found on the nodes of an organisation that people have not accepted, for the list of who needs a look.
pub(crate) async fn counting(client: &Client, query: Query) -> Result<Vec<FindingGroup<'static>>, Failure> {
    let mut groups = client.finding_groups(query).await?.rows()?;
    groups.retain(|group| group.nodes > 0);
    Ok(groups)
}

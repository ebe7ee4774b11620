//! `ledger findings`: what the nodes' latest scans found.

use super::nodes::Past;
use crate::api::{Ref, with_reads};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Table, column, wide};
use clap::Args;
use serving::answers::FindingRow;
use spec::{Name, Severity};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Findings {
    /// Of this organisation.
    #[arg(long)]
    org: Option<Name>,
    /// Of this node: its id, the beginning of it, or its host name.
    #[arg(long)]
    node: Option<Ref>,
    /// Only of this severity: low, medium, high or critical.
    #[arg(long)]
    severity: Option<Severity>,
    /// In the id, the title or the subject.
    #[arg(long, short)]
    query: Option<String>,
    #[command(flatten)]
    past: Past,
}

/// What was found.
pub(crate) const FINDINGS: Table<FindingRow<'static>> = Table {
    columns: &[
        column("severity", |row| Cell::from(row.finding.severity.as_str())),
        column("node", |row| Cell::from(row.node_id)),
        wide("org", |row| Cell::from(&*row.org)),
        wide("scan", |row| Cell::from(row.seq)),
        column("found", |row| Cell::from(row.recorded_at)),
        column("finding", |row| Cell::from(&row.finding.id)),
        column("subject", |row| Cell::from(&row.finding.subject)),
        wide("simulated", |row| Cell::yes(row.simulated)),
        wide("explained", |row| Cell::from(row.finding.explained.as_ref())),
        wide("to do", |row| Cell::from(&row.finding.remediation)),
        column("title", |row| Cell::from(&row.finding.title)),
    ],
    nothing: "no open findings; nodes are scanned daily, and by `ledger commands issue NODE scan`",
};

pub(crate) fn run(global: &Global, args: &Findings) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| {
        let node = client.maybe_node_of(args.node.as_ref()).await?;
        let query = args.past.query().with("org", args.org.as_ref()).with("node_id", node);
        let query =
            query.with("severity", args.severity.map(Severity::as_str)).with("q", args.query.as_ref());
        client.findings(query).await?.show(global, &FINDINGS)
    })?;
    Ok(ExitCode::SUCCESS)
}

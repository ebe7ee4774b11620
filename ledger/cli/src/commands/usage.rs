//! `ledger usage`: what tenants used, by month.

use crate::api::{Query, with_reads};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Table, column};
use clap::Args;
use serving::answers::UsageRow;
use spec::Name;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// The organisation.
    #[arg(long, default_value = "default")]
    org: Name,
    /// Of this tenant.
    #[arg(long)]
    tenant: Option<Name>,
    /// In this month, such as 2026-11.
    #[arg(long)]
    month: Option<String>,
}

/// What was used.
pub(crate) const USED: Table<UsageRow<'static>> = Table {
    columns: &[
        column("month", |row| Cell::of(&row.month)),
        column("tenant", |row| Cell::from(row.line.tenant.as_ref())),
        column("product", |row| Cell::from(&row.line.product)),
        column("metric", |row| Cell::of(&row.line.metric.as_str())),
        column("quantity", |row| Cell::from(row.total.quantity)),
        column("entries", |row| Cell::from(row.total.events)),
    ],
    nothing: "nobody has reported usage",
};

pub(crate) fn run(global: &Global, args: &Usage) -> Result<ExitCode, Failure> {
    let query = Query::default().with("tenant", args.tenant.as_ref()).with("month", args.month.as_ref());
    with_reads(global, async |client| client.usage(&args.org, query).await?.show(global, &USED))?;
    Ok(ExitCode::SUCCESS)
}

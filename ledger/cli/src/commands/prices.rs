//! `ledger prices`: what usage costs from now on.

use crate::api::{Query, with_reads};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Cell, Table, ask, column, short, wide};
use clap::Subcommand;
use service::wire::PriceBookRequest;
use serving::answers::PriceBookRow;
use spec::Name;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Prices {
    /// List price books, the newest first.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// For this tenant alone.
        #[arg(long)]
        tenant: Option<Name>,
    },
    /// Put a price book in force, from a file of JSON: base_cents, currency, plan and rates.
    Set {
        /// The file.
        file: PathBuf,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The tenant that it is for; every one without a book of its own, if absent.
        #[arg(long)]
        tenant: Option<Name>,
        #[command(flatten)]
        sure: Sure,
    },
}

/// The price books of an organisation.
pub(crate) const BOOKS: Table<PriceBookRow<'static>> = Table {
    columns: &[
        column("prices", |row| Cell::from(row.id)),
        column("tenant", |row| Cell::from(row.tenant.as_deref())),
        column("plan", |row| Cell::of(&row.book.plan.as_str())),
        column("base", |row| super::invoice::money(row.book.base_cents.into(), &row.book.currency)),
        column("rates", |row| Cell::of(&row.book.rates.len())),
        column("since", |row| Cell::from(row.at)),
        wide("entry", |row| Cell::from(row.seq)),
    ],
    nothing: "no prices; `ledger prices set FILE` sets them",
};

pub(crate) fn run(global: &Global, command: &Prices) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| match command {
        Prices::List { org, tenant } => {
            let query = Query::default().with("tenant", tenant.as_ref());
            client.price_books(org, query).await?.show(global, &BOOKS)
        }
        Prices::Set { file, org, tenant, sure } => {
            let mut request = read(file)?;
            if let Some(tenant) = tenant {
                request.tenant = Some(tenant.to_string());
            }
            ask(*sure, &format!("Have {org} pay by these prices from now on?"))?;
            let set = client.set_prices(org, &request).await?;
            set.show(global, |set, _| {
                format!("prices {} are in force (entry {})\n", short(&set.price_book), set.seq)
            })
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<PriceBookRequest, Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| Failure::io(named(&e)))?;
    serde_json::from_str(&text).map_err(|e| Failure::usage(named(&e)))
}

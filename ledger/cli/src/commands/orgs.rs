//! `ledger orgs`: the organisations of the ledger.

use crate::api::with_client;
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Cell, Look, Table, ask, column};
use clap::Subcommand;
use service::wire::{OrgRow, OrganisationRequest, RenameRequest, SuspendRequest};
use spec::Name;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Orgs {
    /// List organisations.
    List,
    /// Make an organisation.
    Create {
        /// By this everything names it.
        org: Name,
        /// What people call it.
        #[arg(long)]
        name: String,
    },
    /// Call an organisation otherwise.
    Rename {
        /// The organisation.
        org: Name,
        /// What people call it from now on.
        #[arg(long)]
        name: String,
    },
    /// Keep an organisation's people and tokens out; its nodes go on.
    Suspend {
        /// The organisation.
        org: Name,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Let its people and tokens in again.
    Resume {
        /// The organisation.
        org: Name,
    },
}

/// The organisations there are.
pub(crate) const ORGS: Table<OrgRow> = Table {
    columns: &[
        column("org", |row| Cell::from(&row.org)),
        column("name", |row| Cell::from(&row.name)),
        column("members", |row| Cell::from(row.members)),
        column("suspended", |row| Cell::yes(row.suspended)),
    ],
    nothing: "nobody has made an organisation; `ledger orgs create ORG --name NAME` makes one",
};

/// How an organisation stands.
pub(crate) fn line(row: &OrgRow, _: &Look) -> String {
    let standing = if row.suspended { "is suspended" } else { "is open" };
    format!("organisation {} ({}) {standing}\n", row.org, crate::output::safe(&row.name))
}

pub(crate) fn run(global: &Global, command: &Orgs) -> Result<ExitCode, Failure> {
    with_client(global, async |client| {
        let changed = match command {
            Orgs::List => return client.orgs().await?.show(global, &ORGS),
            Orgs::Create { org, name } => {
                let request = OrganisationRequest { org: org.to_string(), name: name.clone() };
                client.create_org(&request).await?
            }
            Orgs::Rename { org, name } => {
                client.rename_org(org, &RenameRequest { name: name.clone() }).await?
            }
            Orgs::Suspend { org, reason, sure } => {
                ask(*sure, &format!("Keep the people and tokens of {org} out?"))?;
                client.suspend_org(org, &SuspendRequest { reason: reason.clone() }).await?
            }
            Orgs::Resume { org } => client.resume_org(org).await?,
        };
        changed.show(global, line)
    })?;
    Ok(ExitCode::SUCCESS)
}

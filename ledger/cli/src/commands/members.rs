//! `ledger members`: who has which role in an organisation, and who is invited.

use crate::api::with_client;
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Table, answer, ask, column};
use crate::times::secs_or_number;
use clap::Subcommand;
use serde_json::json;
use service::wire::{GrantRequest, InvitationCreated, InvitationRequest, InvitationRow, MemberRow};
use spec::payload::Role;
use spec::{Name, Uuid};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Members {
    /// List the roles that people have.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// Give a person a role.
    Grant {
        /// The person, as `ledger members list` and the console show them.
        user: Uuid,
        /// org_owner, org_admin, node_admin, viewer, support or auditor.
        #[arg(long)]
        role: Role,
        /// For how long: 15m, 2h, 7d; until it is ended, if absent.
        #[arg(long, value_name = "SPAN", value_parser = secs_or_number)]
        ttl: Option<u64>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// End a role that a person was given.
    End {
        /// The person.
        user: Uuid,
        /// The role.
        #[arg(long)]
        role: Role,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        #[command(flatten)]
        sure: Sure,
    },
    /// Invite somebody to a role; the answer is the only one that shows the invitation.
    Invite {
        /// The role.
        #[arg(long)]
        role: Role,
        /// For how long: 15m, 2h, 7d.
        #[arg(long, value_name = "SPAN", value_parser = secs_or_number)]
        ttl: Option<u64>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// List invitations that nobody has taken up.
    Invitations {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// Take an invitation back.
    Uninvite {
        /// The invitation's id.
        id: Uuid,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
}

/// The roles that people have.
pub(crate) const MEMBERS: Table<MemberRow> = Table {
    columns: &[
        column("user", |row| Cell::from(row.user)),
        column("role", |row| Cell::word(&row.role)),
        column("by rule", |row| Cell::from(row.rule)),
        column("ends", |row| Cell::from(row.expires_at)),
    ],
    nothing: "nobody has a role here; `ledger members invite --role viewer` invites somebody",
};

/// The invitations that are open.
pub(crate) const INVITATIONS: Table<InvitationRow> = Table {
    columns: &[
        column("id", |row| Cell::from(row.id)),
        column("role", |row| Cell::word(&row.role)),
        column("ends", |row| Cell::from(row.expires_at)),
    ],
    nothing: "no open invitations",
};

/// What a new invitation is.
pub(crate) const INVITED: Card<InvitationCreated> = Card(&[
    column("invitation", |made| Cell::from(&made.invitation)),
    column("id", |made| Cell::from(made.id)),
    column("good until", |made| Cell::from(made.expires_at)),
]);

/// A role that was given.
pub(crate) fn granted_line(row: &MemberRow) -> String {
    format!("{} is {} now\n", row.user, row.role.as_str())
}

pub(crate) fn run(global: &Global, command: &Members) -> Result<ExitCode, Failure> {
    with_client(global, async |client| match command {
        Members::List { org } => client.members(org).await?.show(global, &MEMBERS),
        Members::Grant { user, role, ttl, reason, org } => {
            let (user, role) = (user.to_string(), role.as_str().to_owned());
            let request = GrantRequest { user, role, ttl_secs: *ttl, reason: reason.clone() };
            client.grant(org, &request).await?.show(global, |row, _| granted_line(row))
        }
        Members::End { user, role, org, sure } => {
            ask(*sure, &format!("End the role {} of {user} in {org}?", role.as_str()))?;
            client.end_role(org, *user, *role).await?;
            let said = json!({"ended": role, "user": user});
            answer(global, &said, || Ok(format!("{user} is {} no longer\n", role.as_str())))
        }
        Members::Invite { role, ttl, org } => {
            let request = InvitationRequest { role: role.as_str().to_owned(), ttl_secs: *ttl };
            client.invite(org, &request).await?.show(global, |made, look| INVITED.text(made, look))
        }
        Members::Invitations { org } => client.invitations(org).await?.show(global, &INVITATIONS),
        Members::Uninvite { id, org } => {
            client.uninvite(org, *id).await?;
            answer(global, &json!({"removed": id}), || Ok(format!("took invitation {id} back\n")))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

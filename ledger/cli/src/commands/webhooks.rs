//! `ledger webhooks`: who is told elsewhere of what happens.

use super::nodes::Past;
use crate::api::{Ref, with_reads};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Table, answer, ask, column, short};
use clap::Subcommand;
use serde_json::json;
use service::wire::{WebhookCreated, WebhookRequest};
use serving::answers::WebhookRow;
use spec::Name;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Make a webhook; the answer is the only one that shows its secret.
    Create {
        /// Where messages go; the log keeps it, so no password in it.
        #[arg(value_name = "URL")]
        address: String,
        /// What it is told: incident.opened, incident.acked, incident.reopened, incident.resolved, attention.band;
        /// without, that incidents begin and end.
        #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
        types: Vec<Name>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// List webhooks and how they fare.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        #[command(flatten)]
        past: Past,
    },
    /// Tell a webhook nothing more.
    Remove {
        /// Its id, the beginning of it, or its address.
        #[arg(value_name = "WEBHOOK")]
        id: Ref,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        #[command(flatten)]
        sure: Sure,
    },
}

/// What a new webhook is.
pub(crate) const CREATED: Card<WebhookCreated> = Card(&[
    column("webhook", |made| Cell::from(made.id)),
    column("org", |made| Cell::from(&made.org)),
    column("url", |made| Cell::from(&made.url)),
    column("types", |made| Cell::list(&made.types)),
    column("secret", |made| Cell::from(&made.secret)),
]);

/// The webhooks of an organisation.
pub(crate) const WEBHOOKS: Table<WebhookRow<'static>> = Table {
    columns: &[
        column("webhook", |row| Cell::from(row.standing.id)),
        column("url", |row| Cell::from(&row.standing.url)),
        column("types", |row| Cell::list(&row.standing.types)),
        column("delivered", |row| Cell::from(row.standing.delivered)),
        column("given up", |row| Cell::from(row.standing.given_up)),
        column("owed", |row| Cell::from(row.owed)),
        column("next", |row| Cell::from(row.next_at)),
        column("gone", |row| Cell::from(row.standing.gone.as_ref().map(|by| by.at))),
    ],
    nothing: "no webhooks; `ledger webhooks create URL` makes one",
};

pub(crate) fn run(global: &Global, command: &Webhooks) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| match command {
        Webhooks::Create { address, types, org } => {
            let types = types.iter().map(ToString::to_string).collect::<Vec<_>>();
            let types = if types.is_empty() { None } else { Some(types) };
            let request = WebhookRequest { url: address.clone(), types };
            let made = client.create_webhook(org, &request).await?;
            made.show(global, |made, look| CREATED.text(made, look))
        }
        Webhooks::List { org, past } => client.webhooks(org, past.query()).await?.show(global, &WEBHOOKS),
        Webhooks::Remove { id, org, sure } => {
            let id = client.webhook_of(org, id).await?;
            ask(*sure, &format!("Remove webhook {id} and its secret for good?"))?;
            client.remove_webhook(org, id).await?;
            answer(global, &json!({"removed": id}), || Ok(format!("removed webhook {}\n", short(&id))))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

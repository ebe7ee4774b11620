//! `ledger tokens`: what people and programs are let in with.

use crate::api::{Ref, with_client};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Table, answer, ask, column, short};
use crate::times::secs_or_number;
use clap::Subcommand;
use serde_json::json;
use service::wire::{TokenCreated, TokenRequest, TokenRow};
use spec::Name;
use spec::payload::Role;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Make an API token.
    Create {
        /// Organisation it is good for; `ledger` for all.
        #[arg(long, default_value = "default")]
        org: Name,
        /// org_owner, org_admin, node_admin, viewer, support or auditor.
        #[arg(long)]
        role: Role,
        /// What it is for.
        #[arg(long, default_value = "")]
        label: String,
        /// How long it is good for: 90s, 15m, 2h, 7d; until revoked, if absent.
        #[arg(long, value_name = "SPAN", value_parser = secs_or_number)]
        ttl: Option<u64>,
    },
    /// List API tokens.
    List,
    /// End a token.
    Revoke {
        /// The token's id, the beginning of it, or its label.
        #[arg(value_name = "TOKEN")]
        id: Ref,
        #[command(flatten)]
        sure: Sure,
    },
}

/// What a new token is.
pub(crate) const CREATED: Card<TokenCreated> = Card(&[
    column("token", |made| Cell::from(&made.token)),
    column("id", |made| Cell::from(made.id)),
    column("good until", |made| Cell::from(made.expires_at)),
]);

/// The tokens there are.
pub(crate) const TOKENS: Table<TokenRow> = Table {
    columns: &[
        column("id", |token| Cell::from(token.id)),
        column("org", |token| Cell::from(&token.org)),
        column("role", |token| Cell::word(&token.role)),
        column("label", |token| Cell::from(&token.label)),
        column("ends", |token| Cell::from(token.expires_at)),
        column("revoked", |token| Cell::yes(token.revoked)),
    ],
    nothing: "no API tokens; `ledger tokens create --role viewer` makes one",
};

pub(crate) fn run(global: &Global, command: &Tokens) -> Result<ExitCode, Failure> {
    with_client(global, async |client| match command {
        Tokens::Create { org, role, label, ttl } => {
            let role = role.as_str().to_owned();
            let request = TokenRequest { org: org.to_string(), role, label: label.clone(), ttl_secs: *ttl };
            let made = client.create_token(&request).await?;
            made.show(global, |made, look| CREATED.text(made, look))
        }
        Tokens::List => client.tokens().await?.show(global, &TOKENS),
        Tokens::Revoke { id, sure } => {
            let id = client.token_of(id).await?;
            ask(*sure, &format!("End token {id} for good?"))?;
            client.revoke_token(id).await?;
            answer(global, &json!({"revoked": id}), || Ok(format!("ended token {}\n", short(&id))))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

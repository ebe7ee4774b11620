//! `ledger enroll`: what nodes join with.

use crate::api::{Query, Ref, with_client};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Table, answer, ask, column, safe_lines, short};
use clap::Subcommand;
use serde_json::json;
use service::wire::{EnrolmentCreated, EnrolmentRequest, EnrolmentRow};
use spec::{Name, Uuid};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Enroll {
    /// Make an enrolment token.
    Token {
        /// Organisation the nodes join.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tenant within it.
        #[arg(long)]
        tenant: Option<Name>,
        /// What the keys are for that it introduces: nodes, or devices of people.
        #[arg(long = "use", value_name = "USE", default_value = "node", value_parser = ["node", "device"])]
        key_use: String,
        /// The one node that it introduces, by its id; any, if absent.
        #[arg(long, value_name = "UUID")]
        node: Option<Uuid>,
        /// How long the token is good for: 90s, 15m, 2h, 7d.
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = super::ttl)]
        ttl: u64,
        /// How many nodes may use it.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        uses: u64,
    },
    /// Write a file to set a node up with, to standard output.
    Template {
        /// What it is for.
        #[arg(long, default_value = "env", value_parser = ["env", "systemd", "cloud-init", "container", "utld"])]
        kind: String,
        /// Organisation the node joins.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tenant within it.
        #[arg(long)]
        tenant: Option<Name>,
        /// The node's operating system profile, such as ArchVault.
        #[arg(long)]
        os_profile: Option<Name>,
        /// The address of the service as nodes reach it; the one asked, if absent.
        #[arg(long, value_name = "URL")]
        address: Option<String>,
        /// Where utld reports usage to.
        #[arg(long, value_name = "URL")]
        usage_url: Option<String>,
    },
    /// List enrolment tokens of an organisation.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// End a token before its time.
    Revoke {
        /// The token's id, or the beginning of it.
        #[arg(value_name = "TOKEN")]
        token_id: Ref,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        #[command(flatten)]
        sure: Sure,
    },
}

/// What a new token is.
pub(crate) const CREATED: Card<EnrolmentCreated> = Card(&[
    column("token", |made| Cell::from(&made.token)),
    column("id", |made| Cell::from(made.token_id)),
    column("good until", |made| Cell::from(made.expires_at)),
]);

/// The tokens of an organisation.
pub(crate) const TOKENS: Table<EnrolmentRow> = Table {
    columns: &[
        column("id", |token| Cell::from(token.token_id)),
        column("tenant", |token| Cell::from(token.tenant.as_ref())),
        column("for", |token| Cell::from(token.key_use.as_str())),
        column("uses left", |token| Cell::from(token.uses_left)),
        column("ends", |token| Cell::from(token.expires_at)),
        column("revoked", |token| Cell::yes(token.revoked)),
    ],
    nothing: "no enrolment tokens; `ledger enroll token` makes one",
};

pub(crate) fn run(global: &Global, command: &Enroll) -> Result<ExitCode, Failure> {
    with_client(global, async |client| match command {
        Enroll::Token { org, tenant, key_use, node, ttl, uses } => {
            let tenant = tenant.as_ref().map(ToString::to_string);
            let request = EnrolmentRequest {
                key_use: Some(key_use.clone()),
                node_id: node.map(|node| node.to_string()),
                tenant,
                ttl_secs: Some(*ttl),
                uses: Some(*uses),
            };
            let made = client.create_enrolment(org, &request).await?;
            made.show(global, |made, look| CREATED.text(made, look))
        }
        Enroll::Template { kind, org, tenant, os_profile, address, usage_url } => {
            let query = Query::default()
                .with("kind", Some(kind))
                .with("tenant", tenant.as_ref())
                .with("os_profile", os_profile.as_ref())
                .with("url", address.as_ref())
                .with("usage_url", usage_url.as_ref());
            let template = client.config_template(org, query).await?;
            template.show(global, |template, _| safe_lines(&template.text))
        }
        Enroll::List { org } => client.enrolments(org).await?.show(global, &TOKENS),
        Enroll::Revoke { token_id, org, sure } => {
            let id = client.enrolment_of(org, token_id).await?;
            ask(*sure, &format!("End enrolment token {} for good?", short(&id)))?;
            client.revoke_enrolment(org, &id).await?;
            answer(global, &json!({"revoked": id}), || Ok(format!("ended enrolment token {}\n", short(&id))))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

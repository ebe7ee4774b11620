//! `ledger webhooks`.

use crate::cli::{Global, Webhooks};
use crate::client::{Client, block_on};
use crate::commands::tokens::items_table;
use crate::failure::Failure;
use crate::output::{say, say_answer};
use axum::http::Method;
use serde_json::json;
use spec::Name;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Webhooks) -> Result<ExitCode, Failure> {
    let path = |org: &Name| format!("/api/orgs/{org}/webhooks");
    let answer = block_on(async {
        let client = Client::connect_to_read(global).await?;
        let answer = match command {
            Webhooks::Create { address, types, org } => {
                let body = if types.is_empty() {
                    json!({"url": address})
                } else {
                    json!({"types": types, "url": address})
                };
                client.json(Method::POST, &path(org), Some(&body)).await
            }
            Webhooks::List { org } => client.json(Method::GET, &path(org), None).await,
            Webhooks::Remove { id, org } => {
                let answer = client.send(Method::DELETE, &format!("{}/{id}", path(org)), None).await?;
                answer.good().map(|_| json!({"removed": id}))
            }
        };
        client.close().await;
        answer
    })?;
    if matches!(command, Webhooks::List { .. }) && global.for_people() {
        say(&items_table(&answer, &["id", "url", "types", "delivered", "given_up", "owed", "next_at"]))?;
    } else {
        say_answer(global.output, &answer)?;
    }
    Ok(ExitCode::SUCCESS)
}

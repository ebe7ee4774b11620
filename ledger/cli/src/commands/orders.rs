//! `ledger commands`: given, approved, taken back, and what became of them.

use crate::cli::{Commands, Global, Output};
use crate::client::{Client, block_on};
use crate::failure::Failure;
use crate::output::{items, say, say_answer, table, text};
use axum::http::Method;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// How often it is looked whether a command is over.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn run(global: &Global, command: &Commands) -> Result<ExitCode, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let done = answer(global, &client, command).await;
        client.close().await;
        done
    })
}

async fn answer(global: &Global, client: &Client, command: &Commands) -> Result<ExitCode, Failure> {
    let remark =
        |text: &Option<String>| text.as_ref().map_or_else(|| json!({}), |text| json!({"text": text}));
    let answer = match command {
        Commands::Issue { wait, .. } => {
            let issued = client.json(Method::POST, "/api/commands", Some(&order(command))).await?;
            if *wait {
                return until_over(global, client, &text(&issued, "/command")).await;
            }
            issued
        }
        Commands::Approve { command, text } => {
            let path = format!("/api/commands/{command}/approve");
            client.json(Method::POST, &path, Some(&remark(text))).await?
        }
        Commands::Cancel { command, text } => {
            let path = format!("/api/commands/{command}/cancel");
            client.json(Method::POST, &path, Some(&remark(text))).await?
        }
        Commands::List { org, node, state } => {
            let org = org.as_ref().map(ToString::to_string);
            let node = node.as_ref().map(ToString::to_string);
            let filters = [("org", org), ("node_id", node), ("state", state.clone())];
            let answer = client.all("/api/commands", &filters).await?;
            if matches!(global.output, None | Some(Output::Table | Output::Wide)) {
                return say(&listing(&answer)).map(|()| ExitCode::SUCCESS);
            }
            answer
        }
        Commands::Show { command } => {
            client.json(Method::GET, &format!("/api/commands/{command}"), None).await?
        }
    };
    say_answer(global.output, &answer)?;
    Ok(ExitCode::SUCCESS)
}

/// The body that gives a command.
fn order(command: &Commands) -> Value {
    let Commands::Issue { node, command, parameters, ttl, not_before, approvals, text, .. } = command else {
        return Value::Null;
    };
    let parameters: Map<String, Value> =
        parameters.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    let mut body =
        json!({"approvals": approvals, "command": command, "node_id": node, "parameters": parameters});
    let more = [("ttl_secs", json!(ttl)), ("not_before", json!(not_before)), ("text", json!(text))];
    if let Some(members) = body.as_object_mut() {
        members.extend(more.into_iter().filter(|(_, v)| !v.is_null()).map(|(name, v)| (name.to_owned(), v)));
    }
    body
}

/// Shows a command when it is over.
async fn until_over(global: &Global, client: &Client, hash: &str) -> Result<ExitCode, Failure> {
    loop {
        let answer = client.json(Method::GET, &format!("/api/commands/{hash}"), None).await?;
        match text(&answer, "/command/state").as_str() {
            "issued" | "approved" | "running" => tokio::time::sleep(LOOK).await,
            state => {
                say_answer(global.output, &answer)?;
                return Ok(ExitCode::from(u8::from(state != "succeeded")));
            }
        }
    }
}

fn listing(answer: &Value) -> String {
    let row = |command: &Value| {
        vec![
            text(command, "/hash"),
            text(command, "/state"),
            text(command, "/order/node"),
            text(command, "/order/command"),
            text(command, "/issued_at"),
            text(command, "/issuer"),
            text(command, "/ended/receipt/code"),
        ]
    };
    let rows: Vec<Vec<String>> = items(answer).iter().map(row).collect();
    table(&["command", "state", "node", "what", "issued", "by", "refused"], &rows)
}

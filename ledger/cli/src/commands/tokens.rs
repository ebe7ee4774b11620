//! `ledger tokens`.

use crate::cli::{Global, Tokens};
use crate::client::with_client;
use crate::failure::Failure;
use crate::output::{say, say_answer, table};
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Tokens) -> Result<ExitCode, Failure> {
    let answer = with_client(global, async |client| match command {
        Tokens::Create { org, role, label, ttl } => {
            let mut body = json!({"org": org, "role": role, "label": label});
            if let (Some(ttl), Some(object)) = (ttl, body.as_object_mut()) {
                object.insert("ttl_secs".to_owned(), json!(ttl));
            }
            client.json(Method::POST, "/api/tokens", Some(&body)).await
        }
        Tokens::List => client.json(Method::GET, "/api/tokens", None).await,
        Tokens::Revoke { id } => {
            client.send(Method::DELETE, &format!("/api/tokens/{id}"), None).await?.good()?;
            Ok(json!({"revoked": id}))
        }
    })?;
    if matches!(command, Tokens::List) && global.for_people() {
        say(&items_table(&answer, &["id", "org", "role", "label", "expires_at", "revoked"]))?;
    } else {
        say_answer(global.output, &answer)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A list answer as a table of the named fields.
pub(crate) fn items_table(answer: &Value, fields: &[&str]) -> String {
    let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let cell = |item: &Value, field: &&str| match item.get(*field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| fields.iter().map(|f| cell(item, f)).collect()).collect();
    table(fields, &rows)
}

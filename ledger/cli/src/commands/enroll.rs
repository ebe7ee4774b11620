//! `ledger enroll`.

use crate::cli::{Enroll, Global};
use crate::client::with_client;
use crate::failure::Failure;
use crate::output::say_answer;
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Enroll) -> Result<ExitCode, Failure> {
    let answer = with_client(global, async |client| match command {
        Enroll::Token { org, tenant, ttl, uses } => {
            let mut body = json!({"ttl_secs": ttl, "uses": uses});
            if let (Some(tenant), Some(object)) = (tenant, body.as_object_mut()) {
                object.insert("tenant".to_owned(), Value::String(tenant.to_string()));
            }
            client.json(Method::POST, &format!("/api/orgs/{org}/nodes/enrollment-tokens"), Some(&body)).await
        }
        Enroll::List { org } => {
            client.json(Method::GET, &format!("/api/orgs/{org}/nodes/enrollment-tokens"), None).await
        }
        Enroll::Revoke { token_id, org } => {
            let path = format!("/api/orgs/{org}/nodes/enrollment-tokens/{token_id}");
            client.send(Method::DELETE, &path, None).await?.good()?;
            Ok(json!({"revoked": token_id}))
        }
    })?;
    say_answer(global.output, &answer)?;
    Ok(ExitCode::SUCCESS)
}

//! `ledger policies`.

use crate::cli::{Global, Policies};
use crate::client::{Client, block_on};
use crate::commands::tokens::items_table;
use crate::failure::Failure;
use crate::output::{items, say, say_answer, text};
use axum::http::Method;
use serde_json::{Value, json};
use spec::{Hash, Name};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Policies) -> Result<ExitCode, Failure> {
    let answer = block_on(async {
        let client = Client::connect_to_read(global).await?;
        let answer = answer(&client, command).await;
        client.close().await;
        answer
    })?;
    if matches!(command, Policies::List { .. }) && global.for_people() {
        say(&items_table(&answer, &["id", "org", "policy", "node", "selector", "author", "recorded_at"]))?;
    } else {
        say_answer(global.output, &answer)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn answer(client: &Client, command: &Policies) -> Result<Value, Failure> {
    let path = |org: &Name| format!("/api/orgs/{org}/policies");
    match command {
        Policies::List { org } => {
            let org = org.as_ref().map(ToString::to_string);
            client.all("/api/policies", &[("org", org)]).await
        }
        Policies::Show { which } => {
            let node = which.node.map(|node| format!("/api/nodes/{node}/policy"));
            let policy = which.policy.map(|policy| format!("/api/policies/{policy}"));
            client.json(Method::GET, &node.or(policy).unwrap_or_default(), None).await
        }
        Policies::Assign { file, node, selector, org, apply } => {
            let mut body = json!({"document": read(file)?});
            match (node, selector) {
                (Some(node), _) => set(&mut body, "node", json!(node)),
                (None, selector) => set(&mut body, "selector", json!(selector)),
            }
            let mut answer = client.json(Method::POST, &path(org), Some(&body)).await?;
            if *apply {
                let nodes = match node {
                    Some(node) => vec![node.to_string()],
                    None => selected(client, org, selector.as_deref().unwrap_or_default()).await?,
                };
                let assignment = text(&answer, "/assignment");
                let commands = apply_to(client, &nodes, Some(&assignment)).await?;
                set(&mut answer, "commands", commands);
            }
            Ok(answer)
        }
        Policies::Withdraw { assignment, org, apply } => {
            let nodes = if *apply { of_assignment(client, org, assignment).await? } else { Vec::new() };
            client.send(Method::DELETE, &format!("{}/{assignment}", path(org)), None).await?.good()?;
            let mut answer = json!({"withdrawn": assignment});
            if *apply {
                set(&mut answer, "commands", apply_to(client, &nodes, None).await?);
            }
            Ok(answer)
        }
    }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read_to_string(file).map_err(|e| Failure::io(named(&e)))?;
    serde_json::from_str(&bytes).map_err(|e| Failure::usage(named(&e)))
}

fn set(object: &mut Value, member: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(member.to_owned(), value);
    }
}

/// The nodes of an organisation that a selector selects now.
async fn selected(client: &Client, org: &Name, selector: &str) -> Result<Vec<String>, Failure> {
    let filters = [("org", Some(org.to_string())), ("labels", Some(selector.to_owned()))];
    let nodes = client.all("/api/nodes", &filters).await?;
    Ok(items(&nodes).iter().map(|node| text(node, "/node_id")).collect())
}

/// The nodes for which an assignment holds now.
async fn of_assignment(client: &Client, org: &Name, assignment: &Hash) -> Result<Vec<String>, Failure> {
    let mut nodes = selected(client, org, "").await?;
    let mut own = Vec::new();
    for node in nodes.drain(..) {
        let policy = client.json(Method::GET, &format!("/api/nodes/{node}/policy"), None).await?;
        if text(&policy, "/policy/assignment/id") == assignment.to_hex() {
            own.push(node);
        }
    }
    Ok(own)
}

/// Tells each node to apply the policy it is to follow, or none; those that another assignment than `only` is about
/// are left alone. A node that cannot be told does not keep the others from it.
async fn apply_to(client: &Client, nodes: &[String], only: Option<&str>) -> Result<Value, Failure> {
    let mut commands = Vec::new();
    for node in nodes {
        let policy = client.json(Method::GET, &format!("/api/nodes/{node}/policy"), None).await?;
        if only.is_some_and(|only| text(&policy, "/policy/assignment/id") != only) {
            continue;
        }
        let desired = policy.pointer("/policy/desired").and_then(Value::as_str).map(str::to_owned);
        let desired = desired.unwrap_or_else(|| Hash::ZERO.to_hex());
        let order = json!({
            "command": "apply-policy", "node_id": node, "parameters": {"policy": desired},
        });
        let told = match client.json(Method::POST, "/api/commands", Some(&order)).await {
            Ok(told) => json!({"command": text(&told, "/command"), "node_id": node}),
            Err(failure) => json!({"failed": failure.to_string(), "node_id": node}),
        };
        commands.push(told);
    }
    Ok(Value::Array(commands))
}

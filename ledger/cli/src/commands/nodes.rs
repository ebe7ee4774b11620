//! `ledger nodes`.

use crate::cli::{Global, Nodes, Output};
use crate::client::{Client, block_on};
use crate::failure::Failure;
use crate::output::{items, say, say_answer, table, text};
use axum::http::Method;
use serde_json::{Value, json};
use spec::{Hash, Uuid};
use std::cmp::Reverse;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Nodes) -> Result<ExitCode, Failure> {
    match command {
        Nodes::List { org, band, query } => {
            let org = org.as_ref().map(ToString::to_string);
            let band = band.as_ref().map(|band| band.to_uppercase());
            say_list(global, &all(global, &[("org", org), ("band", band), ("q", query.clone())])?)?;
        }
        Nodes::Show { id } => {
            say_answer(global.output, &one(global, *id)?)?;
        }
        Nodes::AcceptBaseline { id, baseline } => {
            let receipt = block_on(async {
                let client = Client::connect_to_read(global).await?;
                let answer = accept(&client, *id, *baseline).await;
                client.close().await;
                answer
            })?;
            say_answer(global.output, &receipt)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Accepts the baseline that a node's latest scan names.
async fn accept(client: &Client, id: Uuid, expected: Option<Hash>) -> Result<Value, Failure> {
    let node = client.json(Method::GET, &format!("/api/nodes/{id}"), None).await?;
    let scans = client.json(Method::GET, &format!("/api/nodes/{id}/scans"), None).await?;
    let scan = scans.pointer("/latest/scan").filter(|scan| scan.is_object());
    let scan = scan.ok_or_else(|| Failure::refused("the node has not been scanned yet"))?;
    let baseline = text(scan, "/baseline");
    if baseline.is_empty() {
        return Err(Failure::refused("the node's latest scan was compared with no baseline"));
    }
    if expected.is_some_and(|expected| expected.to_hex() != baseline) {
        return Err(Failure::refused(format!("the node's latest scan was compared with {baseline}")));
    }
    let mut payload = json!({"baseline": baseline, "node": id});
    if let (Some(root), Some(members)) = (scan.get("tree_root"), payload.as_object_mut()) {
        members.insert("tree_root".to_owned(), root.clone());
    }
    let org = text(&node, "/node/org");
    let draft = json!({"kind": "baseline", "node_id": id, "org": org, "payload": payload});
    client.json(Method::POST, "/api/events", Some(&draft)).await
}

/// One node.
pub(crate) fn one(global: &Global, id: Uuid) -> Result<Value, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let answer = client.json(Method::GET, &format!("/api/nodes/{id}"), None).await;
        client.close().await;
        answer
    })
}

/// All nodes that fit the filters, those that need attention first.
pub(crate) fn all(global: &Global, filters: &[(&str, Option<String>)]) -> Result<Value, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let answer = client.all("/api/nodes", filters).await;
        client.close().await;
        let mut answer = answer?;
        if let Some(nodes) = answer.get_mut("items").and_then(Value::as_array_mut) {
            nodes.sort_by_key(|node| Reverse((rank(node), node.get("score").and_then(Value::as_u64))));
        }
        Ok(answer)
    })
}

/// How badly a node needs a look.
fn rank(node: &Value) -> u8 {
    match node.get("band").and_then(Value::as_str) {
        Some("CRIT") => 2,
        Some("ATTN") => 1,
        _ => 0,
    }
}

/// Writes a list of nodes in the form asked for.
pub(crate) fn say_list(global: &Global, answer: &Value) -> Result<(), Failure> {
    match global.output {
        None | Some(Output::Table) => say(&listing(answer, false)),
        Some(Output::Wide) => say(&listing(answer, true)),
        form => say_answer(form, answer),
    }
}

fn listing(answer: &Value, wide: bool) -> String {
    let why = |node: &Value| {
        let reasons = node.get("reasons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let words = reasons.iter().map(|reason| {
            let words = [text(reason, "/reason"), text(reason, "/subject")];
            words.join(" ").trim_end().to_owned()
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let row = |node: &Value| {
        let mut row: Vec<String> =
            ["/node_id", "/heartbeat/hostname", "/org", "/band", "/score", "/silence", "/heard/recorded_at"]
                .map(|pointer| text(node, pointer))
                .to_vec();
        let more =
            ["/tenant", "/heartbeat/os_profile", "/heartbeat/agent_version", "/heartbeat/kernel_version"];
        row.extend(more.iter().filter(|_| wide).map(|pointer| text(node, pointer)));
        row.push(why(node));
        row
    };
    let rows: Vec<Vec<String>> = items(answer).iter().map(row).collect();
    let mut head = vec!["node_id", "host", "org", "band", "score", "silence", "heard"];
    head.extend(["tenant", "profile", "agent", "kernel"].iter().filter(|_| wide));
    head.push("why");
    table(&head, &rows)
}

//! `ledger rollouts`: a command to many nodes, in waves.

use crate::cli::{Global, Rollouts, StartRollout, WhichRollout};
use crate::client::{Client, block_on};
use crate::failure::Failure;
use crate::output::{items, say, say_answer, table, text};
use axum::http::Method;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// An answer as a table.
type ForPeople = fn(&Value) -> String;

pub(crate) fn run(global: &Global, command: &Rollouts) -> Result<ExitCode, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let done = answer(global, &client, command).await;
        client.close().await;
        done
    })
}

async fn answer(global: &Global, client: &Client, command: &Rollouts) -> Result<ExitCode, Failure> {
    let (answer, people): (Value, Option<ForPeople>) = match command {
        Rollouts::List { org } => {
            let filters = [("org", org.as_ref().map(ToString::to_string))];
            (client.all("/api/rollouts", &filters).await?, Some(listing))
        }
        Rollouts::Show { id } => {
            (client.json(Method::GET, &format!("/api/rollouts/{id}"), None).await?, Some(waves))
        }
        Rollouts::Start(start) => {
            (client.json(Method::POST, "/api/rollouts", Some(&body(start))).await?, None)
        }
        Rollouts::Approve { which, text } => {
            let body = with_remark(json!({"org": which.org}), text.as_deref());
            (client.json(Method::POST, &path(which, "approve"), Some(&body)).await?, None)
        }
        Rollouts::Pause(which) => (change(client, which, "pause").await?, None),
        Rollouts::Resume(which) => (change(client, which, "resume").await?, None),
        Rollouts::Abort(which) => (change(client, which, "abort").await?, None),
    };
    match people.filter(|_| global.for_people()) {
        Some(people) => say(&people(&answer))?,
        None => say_answer(global.output, &answer)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn change(client: &Client, which: &WhichRollout, action: &str) -> Result<Value, Failure> {
    client.json(Method::POST, &path(which, action), Some(&json!({"org": which.org}))).await
}

fn path(which: &WhichRollout, action: &str) -> String {
    format!("/api/rollouts/{}/{action}", which.id)
}

fn with_remark(mut body: Value, text: Option<&str>) -> Value {
    if let (Some(text), Some(members)) = (text, body.as_object_mut()) {
        members.insert("text".to_owned(), json!(text));
    }
    body
}

/// The body that starts a roll-out.
fn body(start: &StartRollout) -> Value {
    let parameters: Map<String, Value> =
        start.parameters.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    let mut body = json!({
        "approval_secs": start.approve_within, "approvals": start.approvals, "command": start.command, "may_fail": start.may_fail, "name": start.name, "org": start.org,
        "os_profile": start.os_profile, "parameters": parameters, "pause_secs": start.pause,
        "selector": start.select, "ttl_secs": start.ttl, "waves": start.waves,
    });
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    body
}

fn listing(answer: &Value) -> String {
    let row = |rollout: &Value| {
        let begun = rollout.get("waves").and_then(Value::as_array).map_or(0, Vec::len);
        vec![
            text(rollout, "/plan/id"),
            text(rollout, "/org"),
            text(rollout, "/plan/name"),
            text(rollout, "/plan/command"),
            state(rollout),
            format!("{begun}/{}", text(rollout, "/of_waves")),
            text(rollout, "/nodes"),
            text(rollout, "/started_at"),
            text(rollout, "/plan/selector"),
        ]
    };
    let rows: Vec<Vec<String>> = items(answer).iter().map(row).collect();
    table(&["id", "org", "name", "what", "state", "waves", "nodes", "started", "selector"], &rows)
}

/// How far it has come; of one that waits for approval, until when.
fn state(rollout: &Value) -> String {
    match text(rollout, "/state").as_str() {
        "waiting" => format!("waiting for approval until {}", text(rollout, "/plan/approve_by")),
        state => state.to_owned(),
    }
}

/// One roll-out, and under it its waves.
fn waves(answer: &Value) -> String {
    let rollout = answer.get("rollout").unwrap_or(answer);
    let facts = [
        ("id", text(rollout, "/plan/id")),
        ("org", text(rollout, "/org")),
        ("name", text(rollout, "/plan/name")),
        ("what", text(rollout, "/plan/command")),
        ("state", state(rollout)),
        ("nodes", text(rollout, "/nodes")),
        ("waves", text(rollout, "/of_waves")),
        ("started by", text(rollout, "/started_by")),
    ];
    let approvals = rollout.get("approvals").and_then(Value::as_array);
    let approvals = approvals.map(|all| {
        let by: Vec<String> = all.iter().map(|word| text(word, "/author")).collect();
        let needed = text(rollout, "/plan/approvals");
        [("approvals", format!("{}/{needed}", all.len())), ("approved by", by.join(", "))]
    });
    let facts = facts.into_iter().chain(approvals.into_iter().flatten());
    let facts: Vec<_> = facts.map(|(name, value)| vec![name.to_owned(), value]).collect();
    let row = |(n, wave): (usize, &Value)| {
        let mut row = vec![n.to_string()];
        row.extend(["/at", "/nodes", "/succeeded", "/failed", "/open"].map(|pointer| text(wave, pointer)));
        row
    };
    let all = rollout.get("waves").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = all.iter().enumerate().map(row).collect();
    let waves = table(&["wave", "begun", "nodes", "succeeded", "failed", "open"], &rows);
    format!("{}\n{waves}", table(&["field", "value"], &facts))
}

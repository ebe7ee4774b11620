//! `ledger schedules`: what is done again and again, when it is due, and what became of it.

use crate::cli::{Global, Schedules, SetSchedule};
use crate::client::{Client, block_on};
use crate::failure::Failure;
use crate::output::{items, say, say_answer, table, tell, text};
use axum::http::Method;
use serde_json::{Map, Value, json};
use spec::Uuid;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Schedules) -> Result<ExitCode, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let done = answer(global, &client, command).await;
        client.close().await;
        done
    })
}

async fn answer(global: &Global, client: &Client, command: &Schedules) -> Result<ExitCode, Failure> {
    let answer = match command {
        Schedules::List { org } => {
            let answer =
                client.all("/api/schedules", &[("org", org.as_ref().map(ToString::to_string))]).await?;
            if global.for_people() {
                say(&listing(&answer))?;
                return Ok(ExitCode::SUCCESS);
            }
            answer
        }
        Schedules::Show { id } => {
            let answer = client.json(Method::GET, &format!("/api/schedules/{id}"), None).await?;
            if global.for_people() {
                say(&runs(&answer))?;
                return Ok(ExitCode::SUCCESS);
            }
            answer
        }
        Schedules::Set(set) => {
            let id = match set.id {
                Some(id) => id,
                None => Uuid::v4(ledger::keyring::random().map_err(Failure::io)?),
            };
            let answer = client.json(Method::PUT, &format!("/api/schedules/{id}"), Some(&body(set))).await?;
            if let Some(warning) = answer.get("warning").and_then(Value::as_str) {
                tell(&format!("warning: {warning}"));
            }
            answer
        }
        Schedules::Remove { id, org } => {
            let path = format!("/api/schedules/{id}?org={org}");
            client.send(Method::DELETE, &path, None).await?.good().map(|_| json!({"removed": id}))?
        }
    };
    say_answer(global.output, &answer)?;
    Ok(ExitCode::SUCCESS)
}

/// The body that sets a schedule.
fn body(set: &SetSchedule) -> Value {
    let parameters: Map<String, Value> =
        set.parameters.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    let mut body = json!({
        "catch_up": set.catch_up, "command": set.command, "jitter_secs": set.jitter, "name": set.name,
        "org": set.org, "outside": set.outside, "os_profile": set.os_profile, "parameters": parameters,
        "selector": set.select, "ttl_secs": set.ttl, "windows": set.windows,
        "when": {"cron": set.cron, "every_secs": set.every, "start": set.start},
    });
    // What is absent is left out.
    for pointer in ["", "/when"] {
        if let Some(members) = body.pointer_mut(pointer).and_then(Value::as_object_mut) {
            members.retain(|_, value| !value.is_null());
        }
    }
    body
}

/// When it is due, in a few words.
fn when(schedule: &Value) -> String {
    let every = text(schedule, "/plan/when/every_secs");
    if every.is_empty() { text(schedule, "/plan/when/cron") } else { format!("every {every} s") }
}

fn listing(answer: &Value) -> String {
    let row = |schedule: &Value| {
        vec![
            text(schedule, "/plan/id"),
            text(schedule, "/org"),
            text(schedule, "/plan/name"),
            text(schedule, "/plan/command"),
            when(schedule),
            text(schedule, "/next"),
            text(schedule, "/counts/started"),
            text(schedule, "/counts/missed"),
            text(schedule, "/counts/skipped"),
            text(schedule, "/plan/selector"),
        ]
    };
    let rows: Vec<Vec<String>> = items(answer).iter().map(row).collect();
    let head = ["id", "org", "name", "what", "when", "next", "started", "missed", "skipped", "nodes"];
    table(&head, &rows)
}

/// One schedule, and under it what became of it lately.
fn runs(answer: &Value) -> String {
    let schedule = answer.get("schedule").unwrap_or(answer);
    let facts = [
        ("id", text(schedule, "/plan/id")),
        ("org", text(schedule, "/org")),
        ("name", text(schedule, "/plan/name")),
        ("what", text(schedule, "/plan/command")),
        ("when", when(schedule)),
        ("nodes", text(schedule, "/plan/selector")),
        ("next", text(schedule, "/next")),
        ("set by", text(schedule, "/set_by")),
    ];
    let facts: Vec<_> = facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    let row = |run: &Value| {
        vec![
            text(run, "/due"),
            text(run, "/outcome"),
            text(run, "/reason"),
            text(run, "/count"),
            text(run, "/ordered"),
            text(run, "/nodes"),
        ]
    };
    let all = schedule.get("runs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let runs = table(&["due", "outcome", "why", "times", "ordered", "nodes"], &rows);
    format!("{}\n{runs}", table(&["field", "value"], &facts))
}

//! `ledger incidents`: what somebody has to look after, and what is said of it.

use crate::cli::{Global, Incidents, Output};
use crate::client::{Client, block_on};
use crate::commands::logs;
use crate::failure::Failure;
use crate::output::{items, say, say_answer, table, text};
use axum::http::Method;
use serde_json::{Map, Value, json};
use spec::Hash;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Incidents) -> Result<ExitCode, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let done = answer(global, &client, command).await;
        client.close().await;
        done
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(global: &Global, client: &Client, command: &Incidents) -> Result<(), Failure> {
    let reply = |text: &Option<String>| json!({"text": text});
    match command {
        Incidents::List { org, state, node } => {
            let org = org.as_ref().map(ToString::to_string);
            let node = node.as_ref().map(ToString::to_string);
            let filters = [("org", org), ("state", state.clone()), ("node_id", node)];
            let answer = client.all("/api/incidents", &filters).await?;
            match global.output {
                None | Some(Output::Table | Output::Wide) => say(&listing(&answer)),
                form => say_answer(form, &answer),
            }
        }
        Incidents::Show { id } => {
            let answer = client.json(Method::GET, &format!("/api/incidents/{id}"), None).await?;
            say_answer(global.output, &answer)
        }
        Incidents::Open { title, text, org, node, severity } => {
            let draft = json!({"kind": "incident", "node_id": node, "org": org,
                "payload": without_nulls(json!({"text": text, "title": title})), "severity": severity});
            send(global, client, draft).await
        }
        Incidents::Ack { id, until, text } => {
            let until = until.as_deref().map(logs::until_time).transpose()?;
            on(global, client, *id, "ack", json!({"expires_at": until, "text": text})).await
        }
        Incidents::Resolve { id, text } => on(global, client, *id, "resolve", reply(text)).await,
        Incidents::Reopen { id, text } => on(global, client, *id, "reopen", reply(text)).await,
        Incidents::Note { id, text } => on(global, client, *id, "note", json!({"text": text})).await,
        Incidents::Assign { id, to } => on(global, client, *id, "assign", json!({"assignee": to})).await,
        Incidents::Tag { id, tags } => on(global, client, *id, "tag", json!({"tags": tags})).await,
        Incidents::Silence { until, why, org, node, reason, subject, tenant } => {
            let payload = json!({"action": "create", "expires_at": logs::until_time(until)?, "node": node,
                "reason": reason, "subject": subject, "tenant": tenant, "text": why});
            let draft = json!({"kind": "silence", "org": org, "payload": without_nulls(payload)});
            send(global, client, draft).await
        }
        Incidents::Silences { org } => {
            let filters = [("org", org.as_ref().map(ToString::to_string))];
            say_answer(global.output, &client.all("/api/silences", &filters).await?)
        }
        Incidents::Unsilence { id } => {
            let all = client.all("/api/silences", &[]).await?;
            let wanted = id.to_string();
            let found = items(&all).iter().find(|silence| text(silence, "/id") == wanted);
            let Some(silence) = found else {
                return Err(Failure::refused(format!(
                    "no silence {id} holds; see `ledger incidents silences`"
                )));
            };
            let payload = json!({"action": "end", "silence": id});
            send(global, client, json!({"kind": "silence", "org": text(silence, "/org"), "payload": payload}))
                .await
        }
    }
}

/// Says something of an incident, in its organisation.
async fn on(global: &Global, client: &Client, id: Hash, kind: &str, payload: Value) -> Result<(), Failure> {
    let incident = client.json(Method::GET, &format!("/api/incidents/{id}"), None).await?;
    let mut payload = without_nulls(payload);
    if let Some(payload) = payload.as_object_mut() {
        payload.insert("target".to_owned(), json!(id));
    }
    send(global, client, json!({"kind": kind, "org": text(&incident, "/incident/org"), "payload": payload}))
        .await
}

async fn send(global: &Global, client: &Client, draft: Value) -> Result<(), Failure> {
    let receipt = client.json(Method::POST, "/api/events", Some(&without_nulls(draft))).await?;
    say_answer(global.output, &receipt)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn listing(answer: &Value) -> String {
    let row = |incident: &Value| {
        let state = text(incident, "/state");
        let silenced = if incident.get("silence").is_some() { " (silenced)" } else { "" };
        let about = [text(incident, "/node_id"), text(incident, "/site")].concat();
        vec![
            text(incident, "/id"),
            text(incident, "/band"),
            format!("{state}{silenced}"),
            text(incident, "/org"),
            about,
            text(incident, "/title"),
            text(incident, "/opened/at"),
            text(incident, "/assignee"),
        ]
    };
    let rows: Vec<Vec<String>> = items(answer).iter().map(row).collect();
    table(&["id", "band", "state", "org", "about", "title", "opened", "assignee"], &rows)
}

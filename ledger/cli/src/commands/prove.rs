//! `ledger prove`.

use crate::cli::{Global, Prove};
use crate::client::{Client, with_client};
use crate::failure::Failure;
use crate::output::tell;
use axum::http::Method;
use serde_json::Value;
use spec::Uuid;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, args: &Prove) -> Result<ExitCode, Failure> {
    let bundle = with_client(global, async |client| {
        let seq = match (args.which.seq, args.which.id) {
            (Some(seq), _) => seq,
            (None, Some(id)) => find(client, id).await?,
            (None, None) => return Err(Failure::usage("name an entry with --seq or --id")),
        };
        client.send(Method::GET, &format!("/api/ledger/bundle/{seq}"), None).await?.good()
    })?;
    write_new(&args.out, &bundle)?;
    tell(&format!(
        "wrote {} ({} bytes); check it with `ledger verify {}`",
        args.out.display(),
        bundle.len(),
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The seq of the event with an id, by reading the newest entries first.
async fn find(client: &Client, id: Uuid) -> Result<u64, Failure> {
    let wanted = id.to_string();
    let mut cursor = String::new();
    loop {
        let page = client.json(Method::GET, &format!("/api/events?limit=500{cursor}"), None).await?;
        let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let hit =
            items.iter().find(|item| item.pointer("/event/id").and_then(Value::as_str) == Some(&wanted));
        if let Some(seq) = hit.and_then(|item| item.get("seq")).and_then(Value::as_u64) {
            return Ok(seq);
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Err(Failure::refused(format!("no event has the id {id}"))),
        }
    }
}

/// Writes a file that a reader never sees half of.
#[expect(clippy::disallowed_methods, reason = "a copy for somebody else; the ledger does not rest on it")]
pub(crate) fn write_new(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(path, bytes).map_err(|e| Failure::io(format!("{}: {e}", path.display())))
}

//! `ledger checkpoint`: the newest one, from the service if it runs, else from `ROOT.txt`.

use crate::client::{Client, block_on};
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{answer, safe_lines};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let bytes = if let Some(url) = &global.url {
        block_on(async { Client::http(url, global.token.clone())?.checkpoint().await })?
    } else {
        let path = DataDir::new(global.data()).path().join("ROOT.txt");
        std::fs::read(&path).map_err(|e| Failure::io(format!("{}: {e}", path.display())))?
    };
    let note = proofs::note::Note::parse(&bytes).map_err(Failure::refused)?;
    let checkpoint = proofs::Checkpoint::parse(&note.text).map_err(Failure::refused)?;
    let said = json!({
        "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root,
        "keys": checkpoint.keys, "lanes": checkpoint.lanes, "sha256": checkpoint.sha256,
        "signatures": note.signatures.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        "note": note.to_string(),
    });
    answer(global, &said, || Ok(safe_lines(&String::from_utf8_lossy(&bytes))))?;
    Ok(ExitCode::SUCCESS)
}

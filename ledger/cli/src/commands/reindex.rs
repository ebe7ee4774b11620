//! `ledger reindex`.

use crate::client::block_on;
use crate::data::{DataDir, Manner, close};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{answer, tell};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let dir = DataDir::new(global.data());
    let lock = dir.lock()?;
    for folder in ["index", "ids"] {
        match std::fs::remove_dir_all(dir.path().join(folder)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::io(format!("{folder}: {e}")));
            }
            _ => {}
        }
    }
    drop(lock);
    tell("reading the whole log");
    let size = block_on(async {
        let (ledger, report) = dir.open(Manner::default()).await?;
        close(ledger, false).await;
        Ok(report.size)
    })?;
    answer(global, &json!({"entries": size}), || {
        Ok(format!("the index is built anew from {size} entries\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

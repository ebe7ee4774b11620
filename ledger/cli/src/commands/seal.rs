//! `ledger seal`.

use crate::api::with_client;
use crate::failure::Failure;
use crate::options::Global;
use std::process::ExitCode;

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let sealed = with_client(global, async |client| client.seal().await)?;
    sealed.show(global, |sealed, _| match sealed.seq {
        Some(seq) => format!("sealed: entry {seq}\n"),
        None => "nothing to seal: nothing was said since the last one\n".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

//! `ledger seal`.

use crate::cli::Global;
use crate::client::with_client;
use crate::failure::Failure;
use crate::output::say_answer;
use axum::http::Method;
use std::process::ExitCode;

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let answer =
        with_client(global, async |client| client.json(Method::POST, "/api/ledger/seal", None).await)?;
    say_answer(global.output, &answer)?;
    Ok(ExitCode::SUCCESS)
}

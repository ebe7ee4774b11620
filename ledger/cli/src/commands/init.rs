//! `ledger init`.

use crate::client::block_on;
use crate::data::{DataDir, Made};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, answer, column, tell};
use clap::Args;
use spec::Name;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// First part of the ledger's origin.
    #[arg(long, default_value = "vaultmesh.local")]
    pub(crate) origin: Name,
}

/// What was made.
pub(crate) const MADE: Card<Made> = Card(&[
    column("origin", |made| Cell::from(&made.origin)),
    column("ledger id", |made| Cell::from(made.ledger_id)),
    column("log key", |made| Cell::from(&made.log_vkey)),
    column("owner token", |made| Cell::of(&made.owner_token_file.display())),
    column("recovery key", |made| Cell::of(&made.recovery_key_file.display())),
]);

pub(crate) fn run(global: &Global, args: &Init) -> Result<ExitCode, Failure> {
    let dir = DataDir::new(global.data());
    let made = block_on(async { Ok(dir.init(&args.origin).await?) })?;
    let said = serde_json::to_value(&made).map_err(Failure::io)?;
    answer(global, &said, || Ok(MADE.text(&made, &Look::here(global))))?;
    tell(&format!(
        "Take {} off this machine: whoever has it can replace the ledger's keys.",
        dir.recovery_key_file().display()
    ));
    Ok(ExitCode::SUCCESS)
}

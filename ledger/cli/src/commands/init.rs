//! `ledger init`.

use crate::cli::{Global, Init};
use crate::client::block_on;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::output::{say_answer, tell};
use std::process::ExitCode;

pub(crate) fn run(global: &Global, args: &Init) -> Result<ExitCode, Failure> {
    let dir = DataDir::new(&global.data);
    let made = block_on(dir.init(&args.origin))?;
    say_answer(global.output, &serde_json::to_value(&made).map_err(Failure::io)?)?;
    tell(&format!(
        "Take {} off this machine: whoever has it can replace the ledger's keys.",
        dir.recovery_key_file().display()
    ));
    Ok(ExitCode::SUCCESS)
}

//! `ledger clock`.

use crate::client::block_on;
use crate::data::{DataDir, DataError, Manner, close};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{answer, ask, tell};
use clap::Subcommand;
use ledger::clock::ClockError;
use ledger::keyring;
use ledger::open::OpenError;
use ledger::set_back::SetBack;
use serde_json::json;
use spec::Timestamp;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Go back to the time of this machine where entries were recorded at times that are still to come; the log records
    /// it, and keeps them. The service must be stopped, the recovery key present.
    SetBack {
        /// File of the recovery key; of several keys that are needed, one each.
        #[arg(long, value_name = "FILE", required = true)]
        recovery_key: Vec<PathBuf>,
        #[command(flatten)]
        sure: Sure,
    },
}

pub(crate) fn run(global: &Global, command: &Clock) -> Result<ExitCode, Failure> {
    let Clock::SetBack { recovery_key, sure } = command;
    set_back(global, recovery_key, *sure)?;
    Ok(ExitCode::SUCCESS)
}

fn set_back(global: &Global, files: &[PathBuf], sure: Sure) -> Result<(), Failure> {
    let keys: Vec<_> =
        files.iter().map(|file| keyring::load_key(file).map_err(Failure::io)).collect::<Result<_, _>>()?;
    let dir = DataDir::new(global.data());
    let (now, last) = block_on(ahead(&dir))?;
    let question = format!(
        "The clock of this machine says {now}, and the last entry was recorded at {last}. Is the clock of this machine \
         right, and is the ledger to go on by it?"
    );
    ask(sure, &question)?;
    let SetBack { seq, said } = block_on(async {
        let manner = Manner { set_back: Some(keys), ..Manner::default() };
        let (ledger, report) = dir.open(manner).await?;
        close(ledger, true).await;
        report.set_back.ok_or_else(|| Failure::io("the clock was not set back"))
    })?;
    let shown = json!({"seq": seq, "since": said.since, "last": said.last, "time": said.time});
    answer(global, &shown, || {
        let denied = if said.since + 1 == seq {
            format!("entry {} says a later time", said.since)
        } else {
            format!("entries {} to {} say later times", said.since, seq - 1)
        };
        Ok(format!("the ledger goes by {} since entry {seq}; {denied}, up to {}\n", said.time, said.last))
    })?;
    tell(
        "Put the recovery key away again. What ended in the time that was not right, such as silences and accepted \
         findings, is made anew by people; a roll-out that was under way is best aborted.",
    );
    Ok(())
}

/// The clock and the time of the last entry, which the clock lies before.
async fn ahead(dir: &DataDir) -> Result<(Timestamp, Timestamp), Failure> {
    match dir.open(Manner::default()).await {
        Err(DataError::Open(OpenError::Clock(ClockError::Behind { now, last }))) => Ok((now, last)),
        Err(other) => Err(other.into()),
        Ok((ledger, _)) => {
            let last = ledger.head().borrow().recorded_at;
            close(ledger, false).await;
            Err(Failure::usage(format!(
                "the last entry was recorded at {last}, and the ledger starts by the clock of this machine: there is \
                 nothing to set back"
            )))
        }
    }
}

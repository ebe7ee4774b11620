//! `ledger completions` and `ledger man`, from the definitions of the command line; `ledger openapi`, from the routes.

use super::prove::write_new;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::say;
use clap::CommandFactory as _;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ledger", &mut out);
    say(&String::from_utf8_lossy(&out))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn openapi() -> Result<ExitCode, Failure> {
    say(&crate::openapi::text())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(out: Option<&Path>) -> Result<ExitCode, Failure> {
    let render = |command: clap::Command| {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(Failure::io).map(|()| page)
    };
    let mut command = Cli::command();
    let Some(dir) = out else {
        say(&String::from_utf8_lossy(&render(command)?))?;
        return Ok(ExitCode::SUCCESS);
    };
    command.build();
    write_new(&dir.join("ledger.1"), &render(command.clone())?)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        // `build` has given each its whole name, as in `ledger-verify`.
        let name = sub.get_display_name().unwrap_or(sub.get_name()).to_owned();
        write_new(&dir.join(format!("{name}.1")), &render(sub.clone())?)?;
    }
    Ok(ExitCode::SUCCESS)
}

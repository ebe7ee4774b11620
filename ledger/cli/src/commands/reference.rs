//! `ledger completions` and `ledger man`, from the definitions of the command line; `ledger openapi`, from the routes.

use super::prove::write_new;
use crate::failure::Failure;
use crate::output::say;
use clap::{Args, Command};
use std::path::PathBuf;
use std::process::ExitCode;

const HANDBOOK: &str = include_str!("../../../../HANDBOOK.md");

/// A chapter of the handbook: `ledger help operators`.
pub(crate) fn chapter(topic: &str) -> Option<&'static str> {
    let mut chapters = HANDBOOK.split("\n## ").skip(1);
    chapters.find_map(|chapter| {
        chapter.split_once('\n').filter(|(title, _)| *title == topic).map(|(_, text)| text.trim())
    })
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory for one page a command.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

pub(crate) fn completions(mut cli: Command, args: &Completions) -> Result<ExitCode, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "ledger", &mut out);
    say(&String::from_utf8_lossy(&out))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn openapi() -> Result<ExitCode, Failure> {
    say(&service::document_text())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(mut cli: Command, args: &Man) -> Result<ExitCode, Failure> {
    let render = |command: Command| {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(Failure::io).map(|()| page)
    };
    let Some(dir) = &args.out else {
        say(&String::from_utf8_lossy(&render(cli)?))?;
        return Ok(ExitCode::SUCCESS);
    };
    cli.build();
    write_new(&dir.join("ledger.1"), &render(cli.clone())?)?;
    for sub in cli.get_subcommands().filter(|sub| sub.get_name() != "help") {
        // `build` has given each its whole name, as in `ledger-verify`.
        let name = sub.get_display_name().unwrap_or(sub.get_name()).to_owned();
        write_new(&dir.join(format!("{name}.1")), &render(sub.clone())?)?;
    }
    Ok(ExitCode::SUCCESS)
}

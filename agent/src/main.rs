//! The executable `vaultmesh-agent`.

mod cli;
mod commands;

use clap::Parser as _;
use cli::{Cli, Command};
use commands::Failure;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use tracing::Level;
use vaultmesh_agent::config::Environment;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a mistake.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let done = Environment::read(|name| std::env::var(name).ok())
        .map_err(|error| Failure::usage(&error))
        .and_then(|environment| {
            let level = cli.log.or(environment.log).unwrap_or(Level::INFO);
            tracing_subscriber::fmt()
                .with_max_level(level)
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false)
                .init();
            match cli.command {
                Command::Enroll(args) => commands::enroll::run(args, &environment),
                Command::Run(args) => commands::run::run(&args, &environment),
                Command::Status(args) => commands::status::run(&args, &environment),
                Command::Completions { shell } => commands::reference::completions(shell),
                Command::Man => commands::reference::man(),
            }
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

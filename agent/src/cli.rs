//! The command line at work.

use crate::args::{Cli, Command, ConfigCommand};
use crate::commands::{self, Failure};
use crate::config::{Environment, LogFormat};
use clap::Parser as _;
use std::ffi::OsString;
use std::process::ExitCode;
use tracing::Level;

/// Runs the command line `arguments`, program name first, and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a mistake.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let environment =
        Environment::read(|name| std::env::var(name).ok()).map_err(|error| Failure::usage(&error))?;
    start_log(cli.log.or(environment.log).unwrap_or(Level::INFO), environment.log_format);
    match cli.command {
        Command::Enroll(args) => commands::enroll::run(args, &environment),
        Command::Run(args) => commands::run::run(&args, &environment),
        Command::Scan(args) => commands::scan::run(&args, &environment),
        Command::Config { command: ConfigCommand::Check(args) } => commands::check::run(&args, &environment),
        Command::Goodbye(args) => commands::goodbye::run(&args, &environment),
        Command::RotateKey(args) => commands::rotate::run(&args, &environment),
        Command::Simulate(args) => commands::simulate::run(&args, &environment),
        Command::Status(args) => commands::status::run(&args, &environment),
        Command::Completions { shell } => commands::reference::completions(shell),
        Command::Man => commands::reference::man(),
    }
}

/// Messages go to standard error, in lines for people or one JSON object each, with the spans that they stand in.
fn start_log(level: Level, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    let started = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    // Another executable that runs this command line may have started the log already.
    drop(started);
}

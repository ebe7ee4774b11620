//! The executable `ledger`.

mod api;
mod backup;
mod cli;
mod client;
mod commands;
mod contexts;
mod failure;
mod folding;
mod options;
mod output;
mod predicate;
mod remote;
mod safe;
#[cfg(test)]
mod shown;
mod times;

use clap::{CommandFactory as _, Parser as _};
use cli::{Cli, Command};
use service::data;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).map(|word| word.into_string().unwrap_or_default());
    let chapter = (words.next().as_deref() == Some("help")).then(|| words.next()).flatten();
    if let Some(text) = chapter.and_then(|topic| commands::reference::chapter(&topic)) {
        return output::say(&format!("{text}\n"))
            .map_or_else(failure::Failure::report, |()| ExitCode::SUCCESS);
    }
    let cli = match Cli::try_parse_from(cli::arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return failure::mistyped(&error),
    };
    output::start_log(cli.global.log, cli.global.log_format);
    match run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<ExitCode, failure::Failure> {
    let global = if cli.command.goes_to_a_service() { cli.global.settled()? } else { cli.global };
    // What is written here is the operator's own; manual pages alone are for everybody.
    if !matches!(cli.command, Command::Man { .. } | Command::Completions { .. }) {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    }
    match cli.command {
        Command::Init(args) => commands::init::run(&global, &args),
        Command::Serve(args) => commands::serve::run(&global, &args),
        Command::Demo(args) => commands::demo::run(&global, &args),
        Command::Verify(args) => commands::verify::run(&global, &args),
        Command::Prove(args) => commands::prove::run(&global, &args),
        Command::Export(args) => commands::export::run(&global, &args),
        Command::Backup(args) => commands::backup::run(&global, &args),
        Command::Restore(args) => commands::restore::run(&global, &args),
        Command::Import(args) => commands::import::run(&global, &args),
        Command::Login(args) => commands::contexts::login(&global, &args),
        Command::Logout(args) => commands::contexts::logout(&global, &args),
        Command::Contexts(command) => commands::contexts::run(&global, &command),
        Command::Status => commands::status::run(&global),
        Command::Doctor => commands::doctor::run(&global),
        Command::Seal => commands::seal::run(&global),
        Command::Checkpoint => commands::checkpoint::run(&global),
        Command::Clock(command) => commands::clock::run(&global, &command),
        Command::Enroll(command) => commands::enroll::run(&global, &command),
        Command::Tokens(command) => commands::tokens::run(&global, &command),
        Command::Nodes(command) => commands::nodes::run(&global, &command),
        Command::Attention(command) => commands::attention::run(&global, &command),
        Command::Findings(args) => commands::findings::run(&global, &args),
        Command::Incidents(command) => commands::incidents::run(&global, &command),
        Command::Commands(command) => commands::orders::run(&global, &command),
        Command::Policies(command) => commands::policies::run(&global, &command),
        Command::Rollouts(command) => commands::rollouts::run(&global, &command),
        Command::Schedules(command) => commands::schedules::run(&global, &command),
        Command::Invoice(command) => commands::invoice::run(&global, &command),
        Command::Prices(command) => commands::prices::run(&global, &command),
        Command::Usage(args) => commands::usage::run(&global, &args),
        Command::Orgs(command) => commands::orgs::run(&global, &command),
        Command::Members(command) => commands::members::run(&global, &command),
        Command::Webhooks(command) => commands::webhooks::run(&global, &command),
        Command::Witness(command) => commands::witness::run(&global, &command),
        Command::Bisect(args) => commands::bisect::run(&global, &args),
        Command::Keys(command) => commands::keys::run(&global, &command),
        Command::Events(filter) => commands::logs::run(&global, &commands::logs::Logs::View(filter)),
        Command::Logs(command) => commands::logs::run(&global, &command),
        Command::Replay(args) => commands::replay::run(&global, &args),
        Command::Segment(command) => commands::segment::run(&global, &command),
        Command::Reindex => commands::reindex::run(&global),
        Command::Agent(args) => Ok(commands::agent::run(args)),
        Command::Completions(args) => commands::reference::completions(Cli::command(), &args),
        Command::Openapi => commands::reference::openapi(),
        Command::Man(args) => commands::reference::man(Cli::command(), &args),
    }
}

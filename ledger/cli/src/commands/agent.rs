//! `ledger agent`: the node agent from this executable, so that one file runs a whole demo.

use super::demo::LEASH;
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// Arguments for the agent.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

pub(crate) fn run(args: Agent) -> ExitCode {
    if std::env::var_os(LEASH).is_some() {
        std::thread::spawn(|| {
            // Whatever ends the other side closes the pipe; then this agent has nobody left to run for.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::exit(0);
        });
    }
    vaultmesh_agent::cli::main(std::iter::once(OsString::from("vaultmesh-agent")).chain(args.arguments))
}

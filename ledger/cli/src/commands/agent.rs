//! `ledger agent`: the node agent from this executable, so that one file runs a whole demo.

use super::demo::LEASH;
use std::ffi::OsString;
use std::process::ExitCode;

pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    if std::env::var_os(LEASH).is_some() {
        std::thread::spawn(|| {
            // Whatever ends the other side closes the pipe; then this agent has nobody left to run for.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::exit(0);
        });
    }
    vaultmesh_agent::cli::main(std::iter::once(OsString::from("vaultmesh-agent")).chain(arguments))
}

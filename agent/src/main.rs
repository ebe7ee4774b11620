//! The executable `vaultmesh-agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    vaultmesh_agent::cli::main(std::env::args_os())
}

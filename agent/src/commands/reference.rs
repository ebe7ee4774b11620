//! `vaultmesh-agent completions` and `man`, from the definitions of the command line.

use super::{Failure, answer};
use crate::args::Cli;
use clap::CommandFactory as _;

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vaultmesh-agent", &mut out);
    answer(&String::from_utf8_lossy(&out))
}

pub(crate) fn man() -> Result<(), Failure> {
    let mut out = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut out).map_err(|e| Failure::io(&e))?;
    answer(&String::from_utf8_lossy(&out))
}

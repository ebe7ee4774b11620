//! `vaultmesh-agent rotate-key`: a new key in place of the node's, while the agent does not run.

use super::{Failure, Opened, answer, open_session, run};
use crate::cli::RotateKey;
use crate::clock::Clock as _;
use crate::config::Environment;

pub(crate) fn run(args: &RotateKey, environment: &Environment) -> Result<(), Failure> {
    let Opened { mut session, clock, client, runtime, .. } = open_session(&args.state, environment)?;
    // What the old key has signed goes first.
    run::settled(runtime.block_on(session.drain(&clock, &client))?, session.pending())?;
    let Some(key) = session.rotate(clock.now(), None)? else {
        return Err(Failure::refused(
            &"a rotation, or a report of dropped events, is not finished; let the agent run first",
        ));
    };
    run::settled(runtime.block_on(session.drain(&clock, &client))?, session.pending())?;
    if session.speaks_with() != key {
        return Err(Failure::refused(&"the ledger did not take the new key; the old one goes on"));
    }
    answer(&format!("{key}\n"))
}

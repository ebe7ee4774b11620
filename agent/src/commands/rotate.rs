//! `vaultmesh-agent rotate-key`: a new key in place of the node's, while the agent does not run.

use super::{Failure, Opened, answer, open_session, run};
use crate::cli::RotateKey;
use crate::clock::Clock as _;
use crate::config::Environment;

pub(crate) fn run(args: &RotateKey, environment: &Environment) -> Result<(), Failure> {
    let Opened { mut session, clock, client, runtime, .. } = open_session(&args.state, environment)?;
    let before = session.speaks_with();
    // What the old key has signed goes first, and a rotation that was begun is the one that is asked for.
    run::settled(runtime.block_on(session.drain(&clock, &client))?, session.pending())?;
    if session.speaks_with() == before {
        let Some(_) = session.rotate(clock.now(), None)? else {
            let text = "a rotation, or a report of dropped events, is not finished; let the agent run first";
            return Err(Failure::refused(&text));
        };
        let delivered = runtime.block_on(session.drain(&clock, &client))?;
        if !session.is_going_over() && session.speaks_with() == before {
            return Err(Failure::refused(&"the ledger did not take the new key; the old one goes on"));
        }
        run::settled(delivered, session.pending())?;
    }
    answer(&format!("{}\n", session.speaks_with()))
}

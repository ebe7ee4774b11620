//! `vaultmesh-agent rotate-key`: a new key in place of the node's, while the agent does not run.

use super::{Errand, Failure, answer, run};
use crate::args::RotateKey;
use crate::clock::Clock as _;
use crate::config::Environment;

pub(crate) fn run(args: &RotateKey, environment: &Environment) -> Result<(), Failure> {
    let mut errand = Errand::begin(&args.state, environment)?;
    let before = errand.session.speaks_with();
    // What the old key has signed goes first, and a rotation that was begun is the one that is asked for.
    run::settled(errand.drain()?, errand.session.pending())?;
    if errand.session.speaks_with() == before {
        let Some(_) = errand.session.rotate(errand.place.clock.now(), None)? else {
            let text = "a rotation, or a report of dropped events, is not finished; let the agent run first";
            return Err(Failure::refused(&text));
        };
        let delivered = errand.drain()?;
        if errand.session.is_going_over() {
            let text =
                "the ledger has not answered yet; run this again, or let the agent run, and it goes on";
            return Err(Failure::io(&text));
        }
        if errand.session.speaks_with() == before {
            return Err(Failure::refused(&"the ledger did not take the new key; the old one goes on"));
        }
        run::settled(delivered, errand.session.pending())?;
    }
    answer(&format!("{}\n", errand.session.speaks_with()))
}

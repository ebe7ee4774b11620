//! `vaultmesh-agent goodbye`: the node says that it leaves, signed like everything else.

use super::{Failure, Opened, open_session, run};
use crate::chain::Enqueued;
use crate::cli;
use crate::clock::Clock as _;
use crate::config::Environment;
use spec::payload::Goodbye;
use spec::{Kind, Timestamp};

pub(crate) fn run(args: &cli::Goodbye, environment: &Environment) -> Result<(), Failure> {
    let Opened { mut session, clock, client, runtime, .. } = open_session(&args.state, environment)?;
    let now = clock.now();
    let back_at = |secs: u64| Timestamp::from_millis(now.wall.millis().saturating_add(secs * 1000));
    let goodbye = Goodbye { reason: args.reason.clone(), until: args.back_in.map(back_at) };
    if session.enqueue(now, Kind::Goodbye, &goodbye)? == Enqueued::Dropped {
        return Err(Failure::io(&"the spool is full; let the agent run first"));
    }
    run::settled(runtime.block_on(session.drain(&clock, &client))?, session.pending())
}

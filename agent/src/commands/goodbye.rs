//! `vaultmesh-agent goodbye`: the node says that it leaves, signed like everything else.

use super::{Errand, Failure, run};
use crate::args;
use crate::chain::outbox::Enqueued;
use crate::clock::Clock as _;
use crate::config::Environment;
use spec::payload::Goodbye;
use spec::{Kind, Timestamp};

pub(crate) fn run(args: &args::Goodbye, environment: &Environment) -> Result<(), Failure> {
    let mut errand = Errand::begin(&args.state, environment)?;
    let now = errand.place.clock.now();
    let back_at = |secs: u64| Timestamp::from_millis(now.wall.millis().saturating_add(secs * 1000));
    let goodbye = Goodbye { reason: args.reason.clone(), until: args.back_in.map(back_at) };
    if errand.session.enqueue(now, Kind::Goodbye, &goodbye)? == Enqueued::Dropped {
        return Err(Failure::io(&"the spool is full; let the agent run first"));
    }
    run::settled(errand.drain()?, errand.session.pending())
}

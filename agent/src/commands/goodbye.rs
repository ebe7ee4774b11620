//! `vaultmesh-agent goodbye`: the node says that it leaves, signed like everything else.

use super::{Failure, runtime, state_dir};
use crate::chain::Enqueued;
use crate::cli;
use crate::client::HttpClient;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Environment;
use crate::disk::FileDisk;
use crate::enrol::Enrolment;
use crate::entropy::SystemEntropy;
use crate::identity::check_permissions;
use crate::lock::StateLock;
use crate::procfs::Root;
use crate::session::{OpenError, Options, Session};
use spec::payload::Goodbye;
use spec::{Kind, Timestamp};

pub(crate) fn run(args: &cli::Goodbye, environment: &Environment) -> Result<(), Failure> {
    let dir = state_dir(&args.state, environment);
    if !dir.is_dir() {
        return Err(Failure::io(&format!("{}: no such directory; enrol this node first", dir.display())));
    }
    check_permissions(&dir)?;
    let _lock = StateLock::take(&dir)?;
    let disk = FileDisk::new(&dir);
    let (enrolment, _) = Enrolment::load(&disk)?.ok_or(OpenError::NotEnrolled)?;
    let client = HttpClient::new(environment.url.as_ref().unwrap_or(&enrolment.url))?;
    let clock = SystemClock::start();
    let now = clock.now();
    let sampler = environment.sampler(Root::new("/"));
    let mut session = Session::open(disk, SystemEntropy, sampler, now, Options::default())?;
    let back_at = |secs: u64| Timestamp::from_millis(now.wall.millis().saturating_add(secs * 1000));
    let goodbye = Goodbye { reason: args.reason.clone(), until: args.back_in.map(back_at) };
    if session.enqueue(now, Kind::Goodbye, &goodbye)? == Enqueued::Dropped {
        return Err(Failure::io(&"the spool is full; let the agent run first"));
    }
    super::run::settled(runtime()?.block_on(session.drain(&clock, &client))?, session.pending())
}

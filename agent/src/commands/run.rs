//! `vaultmesh-agent run`: heartbeats until told to stop.

use super::{Failure, Place, cosigning, runtime};
use crate::args::Run;
use crate::chain::delivery::{Delivery, Why};
use crate::client::HttpClient;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Environment;
use crate::control::commander::Commander;
use crate::control::policy::{DEFAULT_POLICY, Policy};
use crate::disk::FileDisk;
use crate::entropy::SystemEntropy;
use crate::heartbeat::SystemSampler;
use crate::procfs::Root;
use crate::scan;
use crate::scan_schedule::{DEFAULT_SCAN_SECS, ScanSchedule};
use crate::session::{Options, Session, Stop};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long the agent may take to end by itself after a signal. Whatever it is doing is safe to cut off.
const GRACE: Duration = Duration::from_millis(800);

pub(crate) fn run(args: &Run, environment: &Environment) -> Result<(), Failure> {
    let Place { dir, disk, enrolment, client, clock, _lock } = Place::take(&args.state, environment)?;
    if environment.node_id.is_some_and(|node_id| node_id != enrolment.node_id) {
        let text = format!("VAULTMESH_NODE_ID is not this node, which is {}", enrolment.node_id);
        return Err(Failure::usage(&text));
    }
    let mut sampler = environment.sampler(Root::new("/"));
    sampler.os_profile = args.os_profile.clone().or(sampler.os_profile);
    let options =
        Options { interval_secs: args.interval.or(environment.heartbeat_secs), ..Options::default() };
    let runtime = runtime()?;
    let stopped = stop_signal(&runtime)?;
    let profile = sampler.os_profile.clone().or_else(|| sampler.root.os_profile());
    let policy = policy(&policy_file(args.policy.as_ref(), environment));
    let opened = Session::open(disk.clone(), SystemEntropy, sampler, clock.now(), options);
    let mut session = match opened {
        Ok(session) => session,
        Err(error) => {
            // A contradiction that could not be told when it was found.
            runtime.block_on(cosigning::tell_of_contradiction(&disk, &clock, &client));
            return Err(error.into());
        }
    };
    // Whoever runs once is gone before a command or a scan could be over.
    if !args.once {
        if let Err(error) = session.obey(clock.now(), Commander::new(policy, profile)) {
            tracing::error!(%error, "no command is carried out until the file is repaired or removed");
        }
        let scan = scan::Options { state_dir: Some(dir), ..scan::Options::default() };
        let every = args.scan_every.or(environment.scan_secs).unwrap_or(DEFAULT_SCAN_SECS);
        session.scan_by(ScanSchedule::new(scan, every, clock.now()));
    }
    let witness = if args.once {
        None
    } else {
        cosigning::identity(&mut session, &disk, clock.now(), enrolment.node_id)
    };
    tracing::info!(node_id = %enrolment.node_id, ledger = %enrolment.ledger, "agent started");
    runtime.block_on(async {
        let done = tokio::select! {
            done = work(session, &clock, &client, args.once) => done,
            caught = cosigning::cosign(witness, &disk, &clock, &client) => {
                Err(Stop::Contradiction(caught.how).into())
            }
            _ = stopped => {
                tracing::info!("agent stopped");
                return Ok(());
            }
        };
        cosigning::tell_of_contradiction(&disk, &clock, &client).await;
        done
    })
}

/// Where the policy is.
pub(super) fn policy_file(flag: Option<&PathBuf>, environment: &Environment) -> PathBuf {
    flag.or(environment.policy.as_ref()).cloned().unwrap_or_else(|| DEFAULT_POLICY.into())
}

/// The policy; one that cannot be read allows nothing, and the node goes on reporting.
fn policy(file: &Path) -> Policy {
    Policy::load(file).unwrap_or_else(|error| {
        tracing::error!(%error, "the policy does not hold; every command is refused");
        Policy::nothing()
    })
}

async fn work(
    mut session: Session<FileDisk, SystemEntropy, SystemSampler>,
    clock: &SystemClock,
    client: &HttpClient,
    once: bool,
) -> Result<(), Failure> {
    if !once {
        return Err(session.run(clock, client).await.into());
    }
    let delivery = session.once(clock, client).await??;
    settled(delivery, session.pending())
}

/// Whether everything was delivered.
pub(super) fn settled(delivery: Delivery, pending: usize) -> Result<(), Failure> {
    match delivery {
        Delivery::Settled(_) => Ok(()),
        Delivery::Later(why) => {
            let text = format!("{pending} events wait for their receipts");
            Err(match why {
                Why::Refused | Why::Unproven => Failure::refused(&text),
                Why::Unavailable | Why::Disk => Failure::io(&text),
            })
        }
    }
}

/// Resolves on SIGTERM or SIGINT. A thread of its own waits for them, and ends the process should the
/// agent be busy with a long write: no file depends on being closed.
fn stop_signal(runtime: &tokio::runtime::Runtime) -> Result<tokio::sync::oneshot::Receiver<()>, Failure> {
    let _guard = runtime.enter();
    let (tell, told) = tokio::sync::oneshot::channel();
    let waiting =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| Failure::io(&e))?;
    let (mut terminate, mut interrupt) = {
        let _guard = waiting.enter();
        let listen = |kind| signal(kind).map_err(|e| Failure::io(&e));
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?)
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            waiting.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
            let _ = tell.send(());
            std::thread::sleep(GRACE);
            std::process::exit(0);
        })
        .map_err(|e| Failure::io(&e))?;
    Ok(told)
}

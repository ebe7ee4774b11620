//! The node as a witness: beside its heartbeats it cosigns, once the ledger has named its key; and it tells of what it
//! caught the ledger at.

use crate::client::HttpClient;
use crate::clock::{Clock as _, Now, SystemClock};
use crate::disk::{Disk as _, FileDisk};
use crate::entropy::SystemEntropy;
use crate::heartbeat::SystemSampler;
use crate::identity::enrol::Enrolment;
use crate::report;
use crate::session::Session;
use crate::trust::memory::EQUIVOCATION_FILE;
use crate::trust::witness::{Caught, Round, Witness, WitnessError, WitnessIdentity};
use spec::{Author, Name, Uuid};
use std::time::Duration;

/// How often it is looked whether the ledger has named this node.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Word of a contradiction is given up after so many attempts; the file stays, and the next start tries again.
const ATTEMPTS: u32 = 3;

/// The node's witness key, introduced to the ledger. One that cannot be used costs the node nothing but its voice.
pub(super) fn identity(
    session: &mut Session<FileDisk, SystemEntropy, SystemSampler>,
    disk: &FileDisk,
    now: Now,
    node: Uuid,
) -> Option<WitnessIdentity> {
    let made = name_of(node).and_then(|name| {
        let identity = WitnessIdentity::load_or_make(disk, &name, &mut SystemEntropy)?;
        session
            .introduce(now, &identity)
            .map_err(|e| WitnessError::Io(std::io::Error::other(e.to_string())))?;
        Ok(identity)
    });
    made.inspect_err(|error| tracing::error!(%error, "this node does not cosign")).ok()
}

/// A node cosigns as `node:<uuid>`.
fn name_of(node: Uuid) -> Result<Name, WitnessError> {
    Author::Node(node).to_string().parse().map_err(|_| WitnessError::Damaged)
}

/// Cosigns from when the ledger names this node on, until the ledger is caught.
pub(super) async fn cosign(
    identity: Option<WitnessIdentity>,
    disk: &FileDisk,
    clock: &SystemClock,
    client: &HttpClient,
) -> Caught {
    let Some(identity) = identity else { return std::future::pending().await };
    loop {
        // The session keeps the authority there as far as it has come.
        let known =
            Enrolment::load(disk).inspect_err(|error| tracing::error!(%error, "this node does not cosign"));
        if let Ok(Some((_, authority))) = known {
            match Witness::open(disk, identity.clone(), authority) {
                Ok(mut witness) if witness.is_named() => {
                    tracing::info!("the ledger names this node as a witness");
                    return witness.run(client, clock, tell).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "this node does not cosign"),
            }
        }
        clock.sleep_until(clock.now().steady + LOOK_EVERY).await;
    }
}

/// Says what a round came to.
fn tell(round: &Round) {
    match round {
        Round::Signed { size, cosigned, quorum } => tracing::debug!(size, cosigned, quorum, "cosigned"),
        Round::Watched(size) => {
            tracing::debug!(size, "followed; the ledger does not name this node any more");
        }
        Round::Nothing => {}
        Round::Later(why) => tracing::warn!(why, "nothing cosigned"),
    }
}

/// Tells the service of a contradiction, if one was written down.
pub(super) async fn tell_of_contradiction(disk: &FileDisk, clock: &SystemClock, client: &HttpClient) {
    if !matches!(disk.len(EQUIVOCATION_FILE), Ok(Some(_))) {
        return;
    }
    for attempt in 1..=ATTEMPTS {
        match report::contradiction(disk, client, clock.now().wall).await {
            Ok(()) => return tracing::info!("the service was told of the contradiction"),
            Err(why) => tracing::warn!(%why, attempt, "the service could not be told of the contradiction"),
        }
        if attempt < ATTEMPTS {
            clock.sleep_until(clock.now().steady + Duration::from_secs(1)).await;
        }
    }
}

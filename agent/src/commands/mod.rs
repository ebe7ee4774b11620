//! One file for each command; what they share about failing and about the state directory.

pub(crate) mod check;
mod cosigning;
pub(crate) mod enroll;
pub(crate) mod goodbye;
pub(crate) mod reference;
pub(crate) mod rotate;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod simulate;
pub(crate) mod status;

use crate::args::StateDir;
use crate::chain::delivery::Delivery;
use crate::client::{ClientError, HttpClient};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{DEFAULT_STATE_DIR, Environment};
use crate::disk::FileDisk;
use crate::entropy::SystemEntropy;
use crate::heartbeat::SystemSampler;
use crate::identity::enrol::{Enrolment, EnrolmentError};
use crate::identity::key::IdentityError;
use crate::identity::node::NodeError;
use crate::identity::permissions::check_permissions;
use crate::identity::rotation::RotationError;
use crate::lock::{LockError, StateLock};
use crate::procfs::Root;
use crate::session::{OpenError, Options, Session, SessionError, Stop};
use crate::status::StatusError;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Refused, or verification failed.
    pub(crate) fn refused(text: &impl Display) -> Self {
        Self { code: 1, text: text.to_string() }
    }

    /// Called in a way that makes no sense.
    pub(crate) fn usage(text: &impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// Could not read or write.
    pub(crate) fn io(text: &impl Display) -> Self {
        Self { code: 3, text: text.to_string() }
    }

    /// Says why on standard error and gives the exit code.
    #[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("vaultmesh-agent: {}", self.text);
        ExitCode::from(self.code)
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Exposed { .. } | IdentityError::Foreign { .. } => Self::refused(&error),
            IdentityError::Io(_) | IdentityError::Damaged(_) => Self::io(&error),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Taken(_) => Self::refused(&error),
            LockError::Io { .. } => Self::io(&error),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Url { .. } => Self::usage(&error),
            ClientError::Setup(_) => Self::io(&error),
        }
    }
}

impl From<EnrolmentError> for Failure {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Io(_) | EnrolmentError::Damaged(_) => Self::io(&error),
            _ => Self::refused(&error),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Contradiction | OpenError::Mismatch | OpenError::Rotation(RotationError::Foreign) => {
                Self::refused(&error)
            }
            OpenError::Identity(error) => error.into(),
            OpenError::Enrolment(error) => error.into(),
            OpenError::NotEnrolled(_) | OpenError::Rotation(_) | OpenError::Session(_) => Self::io(&error),
        }
    }
}

impl From<StatusError> for Failure {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Node(error) => OpenError::from(error).into(),
            StatusError::Io(error) => Self::io(&error),
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::io(&error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::refused(&stop)
    }
}

/// The state directory: the flag, else the environment, else the usual place.
fn state_dir(flag: &StateDir, environment: &Environment) -> PathBuf {
    let chosen = flag.state_dir.as_ref().or(environment.state_dir.as_ref());
    chosen.cloned().unwrap_or_else(|| DEFAULT_STATE_DIR.into())
}

/// The state directory of an enrolled node, taken for this process alone, and the way to its service.
struct Place {
    dir: PathBuf,
    disk: FileDisk,
    enrolment: Enrolment,
    client: HttpClient,
    clock: SystemClock,
    _lock: StateLock,
}

impl Place {
    fn take(state: &StateDir, environment: &Environment) -> Result<Self, Failure> {
        let dir = state_dir(state, environment);
        if !dir.is_dir() {
            return Err(Failure::io(&format!("{}: no such directory; enrol this node first", dir.display())));
        }
        check_permissions(&dir)?;
        let lock = StateLock::take(&dir)?;
        let disk = FileDisk::new(&dir);
        let (enrolment, _) = Enrolment::load(&disk)?.ok_or(OpenError::from(NodeError::NotEnrolled))?;
        let client = HttpClient::new(environment.url.as_ref().unwrap_or(&enrolment.url))?;
        Ok(Self { dir, disk, enrolment, client, clock: SystemClock::start(), _lock: lock })
    }
}

/// A session for one errand, while the agent does not run.
struct Errand {
    session: Session<FileDisk, SystemEntropy, SystemSampler>,
    place: Place,
    runtime: tokio::runtime::Runtime,
}

impl Errand {
    fn begin(state: &StateDir, environment: &Environment) -> Result<Self, Failure> {
        let place = Place::take(state, environment)?;
        let (disk, now) = (place.disk.clone(), place.clock.now());
        let sampler = environment.sampler(Root::new("/"));
        let session = Session::open(disk, SystemEntropy, sampler, now, Options::default())?;
        Ok(Self { session, place, runtime: runtime()? })
    }

    /// Delivers all that waits.
    fn drain(&mut self) -> Result<Delivery, Failure> {
        let Self { session, place, runtime } = self;
        Ok(runtime.block_on(session.drain(&place.clock, &place.client))?)
    }
}

/// Writes an answer to standard output; a reader that has gone away is no error.
fn answer(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::io(&error)),
        _ => Ok(()),
    }
}

/// A runtime on this thread alone: the agent does one thing at a time.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| Failure::io(&e))
}

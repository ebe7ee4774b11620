//! The sovereign scan: what is wrong with a machine, told from its files alone.
//!
//! Nothing is started, nothing is asked over a network, nothing is changed. A check reads files through
//! [`source::Source`], which never leaves the root it was given and keeps to a rate. What cannot be read is
//! reported as such; it is never healthy. `spec/scan.md` has the table of the checks and the formats.
//!
//! ```text
//! run ── source   files below a root, resolved as after chroot, counted and slowed down
//!     ├─ registry the table of checks; a file for each theme
//!     ├─ cx       what a check is given and where its findings go
//!     ├─ packages which package a file is of           ├─ baseline  what a person said is right
//!     ├─ tree     leaves and the root over them        ├─ state     what one scan leaves for the next
//!     └─ report   the payload of the event, within its limits
//! ```

mod access;
mod accounts;
pub mod apt;
mod attributes;
pub mod baseline;
mod certificates;
pub mod check;
mod configured;
mod containers;
mod cx;
mod dpkg;
mod files;
mod glob;
mod integrity;
mod kernel;
mod keys;
mod listeners;
mod logins;
mod loose;
mod modules;
mod mounts;
mod pace;
mod package_files;
mod packages;
mod packets;
mod pacman;
pub mod pacman_conf;
mod pam;
pub mod pem;
mod powers;
mod preload;
mod processes;
mod reboot;
mod records;
pub mod registry;
mod report;
mod schedules;
pub mod source;
mod ssh;
mod sshd;
mod state;
mod storage;
mod sudoers;
pub mod text;
pub mod tree;
mod unread;
pub mod watch;

pub use attributes::Attribute;
pub use baseline::Seen;
pub use cx::evidence;
pub use pace::{Pace, Progress, Tell, Timer};
pub use report::{MAX_CHANGED_FILES, MAX_FINDINGS_OF_CHECK};
pub use unread::Unread;

use baseline::{Baseline, BaselineError, Head, Write, Writer};
use cx::Cx;
use packages::Packages;
use source::Source;
use spec::payload::Scan;
use spec::{Hash, Timestamp};
use state::State;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use watch::Watched;

/// Bytes per second that a scan reads unless told otherwise.
pub const DEFAULT_BYTES_PER_SEC: u64 = 20 * 1024 * 1024;

/// The file in the state directory that a scan compares with.
pub const BASELINE_FILE: &str = "scan-baseline";

/// The file in the state directory that adds to the watched paths.
pub const WATCH_FILE: &str = "watch";

/// A choice of what to look through, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory to look through; `/` is the machine itself.
    pub root: PathBuf,
    /// Where what one scan leaves for the next is kept; nothing is kept if absent.
    pub state_dir: Option<PathBuf>,
    /// The baseline to compare with, if there is one.
    pub baseline: Option<PathBuf>,
    /// Paths whose contents are watched.
    pub watched: Watched,
    /// Bytes per second to read at most; without a limit if absent.
    pub bytes_per_sec: Option<u64>,
    /// Whether to read every watched file again, however recent the last full pass is.
    pub full: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: "/".into(),
            state_dir: None,
            baseline: None,
            watched: Watched::default(),
            bytes_per_sec: Some(DEFAULT_BYTES_PER_SEC),
            full: false,
        }
    }
}

/// The outcome of a scan.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The payload of its event.
    pub scan: Scan,
    /// Bytes read.
    pub bytes: u64,
    /// Whether every watched file was read, rather than those that seem to have changed.
    pub full: bool,
    /// Id of the baseline that was written, if one was asked for.
    pub written: Option<Hash>,
}

/// The reason why there is no scan at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The directory cannot be opened.
    #[error("{path}: {source}")]
    Root {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The baseline cannot be used.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// The new baseline cannot be written.
    #[error("the baseline cannot be written: {0}")]
    Write(io::Error),
    /// There is no thread to scan on, or it ended before the scan did.
    #[error("the scan broke off: {0}")]
    Broken(String),
}

/// Scans below a root at the time `now`, telling `tell` how far it is. A new baseline goes to `write`, a line
/// at a time, if there is one.
///
/// Takes as long as the rate makes it; meant for a thread of its own, whose priority [`yield_to_others`] lowers.
pub fn run(
    options: &Options,
    now: Timestamp,
    tell: Option<Tell>,
    write: Option<Write<'_>>,
) -> Result<Outcome, ScanError> {
    steps(options, now, tell, write, |_| true)
}

/// What some checks say of a root, by their ids, of which nothing was known before. For tests that ask the same many
/// times: a report without the others says nothing of a machine.
///
/// # Errors
/// Those of [`run`].
pub fn only(root: &Path, now: Timestamp, checks: &[&str]) -> Result<Scan, ScanError> {
    let options = Options {
        root: root.to_owned(),
        bytes_per_sec: None,
        watched: Watched { paths: vec!["/usr/bin".to_owned()], except: Vec::new() },
        ..Options::default()
    };
    let among = |step: &registry::Step| step.checks.iter().any(|check| checks.contains(&check.id));
    Ok(steps(&options, now, None, None, among)?.scan)
}

fn steps(
    options: &Options,
    now: Timestamp,
    tell: Option<Tell>,
    write: Option<Write<'_>>,
    among: impl Fn(&registry::Step) -> bool,
) -> Result<Outcome, ScanError> {
    let begun = Instant::now();
    let shown = options.root.display().to_string();
    let source = Source::open(&options.root, Pace::new(options.bytes_per_sec, tell))
        .map_err(|source| ScanError::Root { path: shown.clone(), source })?;
    let baseline = options.baseline.as_deref().map(Baseline::load).transpose()?;
    let packages = Packages::load(&source, &options.watched);
    let mut state = open_state(options, now);
    let head = Head {
        format: baseline::FORMAT.to_owned(),
        root: shown.clone(),
        started_at: now,
        watched: options.watched.paths.clone(),
    };
    let mut writer = write.map(|write| Writer::begin(write, &head));
    let mut cx = Cx {
        source: &source,
        now,
        baseline: baseline.as_ref(),
        packages: &packages,
        state: &mut state,
        watched: &options.watched,
        found: Vec::new(),
        unknown: BTreeMap::new(),
        seen: BTreeMap::new(),
        tree_root: None,
    };
    for step in registry::STEPS.iter().filter(|step| among(step)) {
        take(&mut cx, step, &mut writer);
    }
    let Cx { found, unknown, seen, tree_root, .. } = cx;
    let full = state.is_full();
    if let Err(error) = state.store() {
        tracing::warn!(%error, "what this scan leaves for the next could not be kept");
    }
    let written = writer.map(|writer| writer.finish(&seen, tree_root.unwrap_or_default())).transpose();
    let frame = report::Frame {
        baseline: baseline.as_ref().map(|baseline| baseline.id),
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        root: shown,
        started_at: now,
        tree_root,
    };
    let scan = report::assemble(&frame, found, unknown);
    Ok(Outcome { scan, bytes: source.bytes_read(), full, written: written.map_err(ScanError::Write)? })
}

fn take(cx: &mut Cx<'_>, step: &registry::Step, writer: &mut Option<Writer<'_>>) {
    if let Some(first) = step.checks.first() {
        cx.source.at(first.id);
    }
    let walks = step.checks.iter().any(|check| check.id == integrity::DRIFT.id);
    let outcome = if walks { integrity::walk(cx, writer.as_mut()) } else { (step.run)(cx) };
    if let Err(unread) = outcome {
        for check in step.checks {
            cx.unknown(check, &unread);
        }
    }
}

/// What the last scan left. A directory that cannot be used means that everything is read.
fn open_state(options: &Options, now: Timestamp) -> State {
    let opened = options.state_dir.as_ref().map(|dir| State::open(dir, now, options.full));
    match opened {
        Some(Ok(state)) => state,
        Some(Err(error)) => {
            tracing::warn!(%error, "what the last scan left cannot be used; everything is read");
            State::default()
        }
        None => State::default(),
    }
}

/// Puts the thread that calls it behind all others: nice 19, which with the kernel's usual schedulers is also
/// the lowest class for reads that go by priority.
pub fn yield_to_others() {
    // A thread that may not be slowed down works at its usual speed.
    let _ = rustix::process::setpriority_process(None, 19);
}

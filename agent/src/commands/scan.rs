//! `vaultmesh-agent scan`: look through a machine, or a directory that holds one, and say what was found.

use super::{Failure, answer};
use crate::args::{Scan as Args, ScanOutput};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{DEFAULT_STATE_DIR, Environment};
use crate::disk::FileDisk;
use crate::durable::Replacement;
use crate::scan::watch::Watched;
use crate::scan::{self, BASELINE_FILE, Options, Outcome, Progress, ScanError, Tell, WATCH_FILE};
use spec::payload::{Finding, Scan};
use spec::{Severity, canonical};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// After which time a scan says how far it is, and how often.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &Args, environment: &Environment) -> Result<(), Failure> {
    let options = options(args, environment)?;
    let now = SystemClock::start().now().wall;
    let tell = (std::io::stderr().is_terminal()).then(progress);
    scan::yield_to_others();
    let outcome = match &args.write_baseline {
        None => scan::run(&options, now, tell, None)?,
        Some(path) => write_baseline(&options, now, tell, path)?,
    };
    if std::io::stderr().is_terminal() {
        clear();
    }
    tracing::debug!(bytes = outcome.bytes, full = outcome.full, "scanned");
    match args.output {
        ScanOutput::Json => {
            let json = canonical::to_vec(&outcome.scan).map_err(|e| Failure::io(&e))?;
            answer(&format!("{}\n", String::from_utf8_lossy(&json)))?;
        }
        ScanOutput::Table => answer(&table(&outcome))?,
    }
    let worst = outcome.scan.findings.iter().map(|finding| finding.severity).max();
    match args.fail_on.map(Severity::from) {
        Some(limit) if worst.is_some_and(|worst| worst >= limit) => {
            Err(Failure::refused(&format!("there are findings of severity {} or above", limit.as_str())))
        }
        _ => Ok(()),
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self::io(&error)
    }
}

/// The state directory is used if it was named, or if it is the usual one of the machine that is scanned.
fn options(args: &Args, environment: &Environment) -> Result<Options, Failure> {
    let named = args.state.state_dir.clone();
    let usual = || environment.state_dir.clone().unwrap_or_else(|| DEFAULT_STATE_DIR.into());
    let state_dir = match named {
        Some(dir) if !dir.is_dir() => {
            return Err(Failure::io(&format!("{}: no such directory", dir.display())));
        }
        Some(dir) => Some(dir),
        None => Some(usual()).filter(|dir| args.root == Path::new("/") && dir.is_dir()),
    };
    let kept = state_dir.as_ref().map(|dir| dir.join(BASELINE_FILE)).filter(|file| file.exists());
    let baseline = args.baseline.clone().or(kept).filter(|_| !args.no_baseline);
    let watch_file = args.watch.clone().or_else(|| state_dir.as_ref().map(|dir| dir.join(WATCH_FILE)));
    if let Some(file) = args.watch.as_ref().filter(|file| !file.exists()) {
        return Err(Failure::io(&format!("{}: no such file", file.display())));
    }
    let watched = watch_file
        .map(|file| Watched::read(&file))
        .transpose()
        .map_err(|e| Failure::usage(&e.to_string()))?;
    Ok(Options {
        root: args.root.clone(),
        state_dir,
        baseline,
        watched: watched.unwrap_or_default(),
        bytes_per_sec: Some(args.max_bytes_per_sec).filter(|rate| *rate > 0),
        full: args.full,
    })
}

/// Writes the new baseline beside its place and moves it there when it is whole.
fn write_baseline(
    options: &Options,
    now: spec::Timestamp,
    tell: Option<Tell>,
    path: &Path,
) -> Result<Outcome, Failure> {
    let (folder, name) =
        (path.parent().unwrap_or(Path::new("")), path.file_name().and_then(|name| name.to_str()));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let name = name.ok_or_else(|| Failure::usage(&format!("{}: not a file's name", path.display())))?;
    let disk = FileDisk::new(folder);
    let failed = |e: std::io::Error| Failure::io(&format!("{}: {e}", path.display()));
    let mut file = Replacement::begin(&disk, name).map_err(failed)?;
    let outcome = scan::run(options, now, tell, Some(&mut |line| file.push(&disk, line)))?;
    file.commit(&disk).map_err(failed)?;
    if let Some(id) = outcome.written {
        tracing::info!(%id, path = %path.display(), "baseline written");
    }
    Ok(outcome)
}

/// One line on standard error that says where the scan is, once it has taken a while.
#[expect(clippy::print_stderr, reason = "progress for whoever waits at a terminal")]
fn progress() -> Tell {
    let begun = Instant::now();
    let mut said = begun;
    Box::new(move |progress: Progress<'_>| {
        let now = Instant::now();
        if now - begun >= PROGRESS_AFTER && now - said >= PROGRESS_EVERY {
            said = now;
            let at: String = progress.at.chars().take(60).collect();
            eprint!("\r\x1b[Kscanning {at} ({} MiB read)", progress.bytes >> 20);
            // Nothing depends on whether it is seen.
            drop(std::io::stderr().flush());
        }
    })
}

#[expect(clippy::print_stderr, reason = "takes the line of progress away")]
fn clear() {
    eprint!("\r\x1b[K");
}

/// What people read: counts, findings with the gravest first, and what could not be checked.
fn table(outcome: &Outcome) -> String {
    let Scan { counts, findings, unchecked, .. } = &outcome.scan;
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(
        out,
        "{} critical, {} high, {} medium, {} low, {} unknown; {} ms, {} MiB read{}",
        counts.critical,
        counts.high,
        counts.medium,
        counts.low,
        counts.unknown,
        outcome.scan.duration_ms,
        outcome.bytes >> 20,
        if outcome.scan.baseline.is_some() { "" } else { "; no baseline" },
    );
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut advice = "";
    for finding in sorted {
        let explained = finding.explained.as_ref().map(|package| format!(" (explained by {package})"));
        let _ = writeln!(
            out,
            "\n{:<8}  {}  {}",
            finding.severity.as_str(),
            finding.id,
            printable(&finding.subject)
        );
        let _ = writeln!(out, "          {}{}", printable(&finding.title), explained.unwrap_or_default());
        if finding.remediation != advice {
            let _ = writeln!(out, "          {}", finding.remediation);
            advice = &finding.remediation;
        }
    }
    for unchecked in unchecked {
        let _ = writeln!(out, "\nunknown   {}\n          {}", unchecked.id, printable(&unchecked.reason));
    }
    if let Some(root) = outcome.scan.tree_root {
        let _ = writeln!(out, "\ntree root {root}");
    }
    out
}

/// Without characters that a terminal would obey: names of files come from whoever made them.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

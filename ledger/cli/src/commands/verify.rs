//! `ledger verify`.

mod paper;
mod words;

use super::prove::write_new;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Look, Table, advance, answer, bytes_bar, column, say_json, tell};
use crate::remote::Remote;
use clap::Args;
use ledger::durable::RealDisk;
use ledger::verify::{
    Accepted, Check, CheckStatus, DiskSource, Options, Report, Source, Trust, Verdict, verify_bundle,
    verify_equivocation, verify_log, verify_note, verify_proofchain,
};
use projections::former::Refolding;
use proofs::proofchain::Row;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Largest file that is read as one that travels alone: a proof chain of many witnesses' changes is far below.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What in a directory says that it is a ledger's.
const LEDGER_FILES: [&str; 4] = ["log", "ROOT.txt", "PROOFCHAIN.json", "COSIGNED.txt"];

/// What stands in the `format` of files that travel alone.
const FORMATS: [&str; 3] = [proofs::proofchain::FORMAT, proofs::equivocation::FORMAT, proofs::bundle::FORMAT];

/// Verified, with findings that nobody has accepted, where `--strict` asks for it.
const FOUND: u8 = 4;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Data directory, export, bundle, PROOFCHAIN.json, equivocation file, http(s) address, or `-` for standard input.
    /// Several are checked one after another. Without one, what the command would go to: the service that you have
    /// signed in to, with the ledger id that it had at your first login, or the data directory.
    targets: Vec<String>,
    /// An older PROOFCHAIN.json or ROOT.txt, or a directory with them, that the target must extend.
    #[arg(long)]
    old: Option<PathBuf>,
    /// Ledger id, or a file with one or with a trust policy.
    #[arg(long)]
    trust: Option<String>,
    /// End with exit code 4 if there are findings that nobody has accepted.
    #[arg(long)]
    strict: bool,
    /// A file of findings that were looked at: `vaultmesh-accepted-v1 LEDGER_ID`, then `CODE SEQ REMARK` a line.
    #[arg(long, value_name = "FILE")]
    accept: Option<PathBuf>,
    /// Fail if entries stand behind the newest checkpoint, in a directory in service too.
    #[arg(long)]
    covered: bool,
    /// Write a report for people too: HTML or Markdown, by the ending of the file's name.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The same as -o json.
    #[arg(long)]
    json: bool,
}

/// What was checked.
pub(crate) const CHECKS: Table<Check> = Table {
    columns: &[
        column("check", |check| Cell::from(&check.code)),
        column("count", |check| Cell::from(check.count)),
        column("status", |check| match check.status {
            CheckStatus::Passed => Cell::from("ok"),
            CheckStatus::Failed => Cell::from("FAILED"),
            CheckStatus::NotChecked => Cell::from("not checked"),
        }),
    ],
    nothing: "nothing was checked",
};

pub(crate) fn run(global: &Global, args: &Verify) -> Result<ExitCode, Failure> {
    let form = args.report.as_deref().map(paper::Form::of).transpose()?;
    let (targets, trusted) = targets(global, args);
    let mut reports = Vec::new();
    for target in targets {
        let started = Instant::now();
        let mut options = Options {
            trust: args
                .trust
                .as_deref()
                .map(trust)
                .transpose()?
                .or_else(|| trusted.clone())
                .unwrap_or_default(),
            old: args.old.as_deref().map(older).transpose()?.unwrap_or_default(),
            covered: args.covered,
            accepted: args.accept.as_deref().map(accepted).transpose()?,
        };
        let mut report = verify_target(global, &target, &mut options)?;
        report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        reports.push((target, report));
    }
    if let (Some(path), Some(form)) = (&args.report, form) {
        write_new(path, paper::report(&reports, form, Look::here(global).now).as_bytes())?;
    }
    say_reports(global, args, &reports)?;
    Ok(reports
        .iter()
        .map(|(_, report)| code(report, args.strict))
        .max_by_key(|code| gravity(*code))
        .map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// What is checked, and the ledger that a context names, if it is what is checked.
fn targets(global: &Global, args: &Verify) -> (Vec<String>, Option<Trust>) {
    if !args.targets.is_empty() {
        return (args.targets.clone(), None);
    }
    let trusted = global.ledger.and_then(|id| Trust::parse(&id.to_hex()).ok());
    (vec![global.url.clone().unwrap_or_else(|| global.data().display().to_string())], trusted)
}

fn verify_target(global: &Global, target: &str, options: &mut Options) -> Result<Report, Failure> {
    if target.starts_with("http://") || target.starts_with("https://") {
        // A token is for the service that it was given for.
        let token =
            global.token.clone().filter(|_| global.ledger.is_none() || global.url.as_deref() == Some(target));
        return verify_service(&Remote::connect(target, token)?, options);
    }
    if target == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        return verify_bytes(&bytes, Path::new("standard input"), &|_| None, options);
    }
    verify_path(Path::new(target), options)
}

fn say_reports(global: &Global, args: &Verify, reports: &[(String, Report)]) -> Result<(), Failure> {
    let mut said = Vec::new();
    for (_, report) in reports {
        said.push(serde_json::to_value(report).map_err(Failure::io)?);
    }
    let said = match (said.pop(), said.is_empty()) {
        (Some(one), true) => one,
        (last, _) => json!({"items": said.into_iter().chain(last).collect::<Vec<_>>()}),
    };
    if args.json {
        return say_json(&said);
    }
    let look = Look::here(global);
    answer(global, &said, || {
        let texts = reports.iter().map(|(target, report)| words::describe(report, target, &look));
        Ok(texts.collect::<Vec<_>>().join("\n"))
    })
}

/// The exit code of a verdict.
fn code(report: &Report, strict: bool) -> u8 {
    match report.verdict {
        Verdict::Verified if strict && report.open_finding_count > 0 => FOUND,
        Verdict::Verified => 0,
        Verdict::Failed => 1,
        Verdict::Unreadable => 3,
    }
}

/// Of several verdicts the gravest gives the exit code: a ledger that does not verify, then one that could not be read.
fn gravity(code: u8) -> u8 {
    match code {
        0 => 0,
        FOUND => 1,
        1 => 3,
        _ => 2,
    }
}

/// A ledger id, or a file with one or with a policy. Hex digits are an id, whole or not, unless a file has that name.
pub(super) fn trust(text: &str) -> Result<Trust, Failure> {
    let parsed = if Trust::is_id_like(text) && !Path::new(text).exists() {
        Trust::parse(text)
    } else {
        Trust::parse(&String::from_utf8_lossy(&read(Path::new(text))?))
    };
    parsed.map_err(|e| Failure::usage(format!("--trust: {e}")))
}

fn accepted(path: &Path) -> Result<Accepted, Failure> {
    Accepted::parse(&String::from_utf8_lossy(&read(path)?))
        .map_err(|e| Failure::usage(format!("--accept {}: {e}", path.display())))
}

/// The checkpoints and proof chains of an older copy: of one file, or of a directory.
fn older(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let mut found = Vec::new();
    for name in ["PROOFCHAIN.json", "ROOT.txt", "COSIGNED.txt"].map(|name| path.join(name)) {
        if name.is_file() {
            found.push(read(&name)?);
        }
    }
    if found.is_empty() {
        let path = path.display();
        return Err(Failure::usage(format!(
            "--old {path}: neither ROOT.txt nor PROOFCHAIN.json is in there"
        )));
    }
    // Rows that have moved to parts, each by its checkpoint.
    for part in path.join("proofchain").read_dir().into_iter().flatten() {
        let bytes = read(&part?.path())?;
        let rows = bytes.split_inclusive(|b| *b == b'\n').filter_map(Row::parse);
        found.extend(rows.map(|row| row.checkpoint.into_bytes()));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| unread(path, e))
}

fn unread(path: &Path, problem: impl std::fmt::Display) -> Failure {
    Failure::io(format!("could not read {}: {problem}", path.display()))
}

fn verify_path(path: &Path, options: &mut Options) -> Result<Report, Failure> {
    let metadata = path.metadata().map_err(|e| unread(path, e))?;
    if !metadata.is_dir() {
        let bytes = read(path)?;
        let beside = path.parent().map(Path::to_owned).unwrap_or_default();
        return verify_bytes(&bytes, path, &|name| std::fs::read(beside.join(name)).ok(), options);
    }
    let mut is_ledger = false;
    for name in LEDGER_FILES {
        is_ledger |= path.join(name).try_exists().map_err(|e| unread(path, e))?;
    }
    if !is_ledger {
        return Err(unread(path, "it is no ledger: there is neither a folder log nor a ROOT.txt in it"));
    }
    // A directory that is served has the writer's lock in it, and may be ahead of its newest checkpoint. A copy made
    // for an auditor has none, and is whole.
    options.covered |= !path.join("lock").exists();
    Ok(with_bar(&DiskSource(&RealDisk::existing(path)), options))
}

fn with_bar(source: &dyn Source, options: &Options) -> Report {
    let total = source.segments().map_or(0, |all| all.iter().map(|(_, len)| len).sum());
    let bar = bytes_bar(total, "verifying");
    let report =
        verify_log(source, options, Some(&mut Refolding::default()), &mut |bytes| advance(&bar, bytes));
    bar.finish_and_clear();
    report
}

/// A single file: what it is stands in its `format`, or it is a signed note. One that is damaged there is taken for what
/// it says elsewhere that it is, and one that says nothing of the kind is none of a ledger's.
fn verify_bytes(
    bytes: &[u8],
    path: &Path,
    beside: &dyn Fn(&str) -> Option<Vec<u8>>,
    options: &Options,
) -> Result<Report, Failure> {
    if is_packed(bytes) {
        return Err(unread(path, "it is packed; unpack it first"));
    }
    let says = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    let format = serde_json::from_slice::<Value>(bytes)
        .ok()
        .and_then(|value| value.get("format").and_then(Value::as_str).map(str::to_owned));
    // By the format, else by what else such a file says.
    let is = |name: &str, member: &str| match format.as_deref() {
        Some(known) if FORMATS.contains(&known) => known == name,
        _ => says(name) || says(member),
    };
    Ok(if is(proofs::proofchain::FORMAT, "\"seals\":[") {
        // It extends another; what checkpoints say of entries is for the log.
        let old = options.old.iter().filter(|old| old.starts_with(b"{")).cloned().collect();
        let (trust, accepted) = (options.trust.clone(), options.accepted.clone());
        verify_proofchain(bytes, beside, &Options { trust, old, covered: options.covered, accepted })
    } else if is(proofs::equivocation::FORMAT, "\"leaf_a\":") {
        verify_equivocation(bytes, options)
    } else if is(proofs::bundle::FORMAT, "\"introduction\":") {
        verify_bundle(bytes, options)
    } else if says("\n\u{2014} ") {
        verify_note(bytes, options)
    } else if bytes.starts_with(b"{\"entry\":") {
        return Err(unread(path, "it is a segment of a log: verify the directory that it belongs to"));
    } else {
        return Err(unread(
            path,
            "it is no bundle, proof chain, equivocation file or checkpoint of a ledger",
        ));
    })
}

/// Whether the bytes begin as those of gzip, zip, zstd, xz or bzip2 do, or are those of tar.
fn is_packed(bytes: &[u8]) -> bool {
    const MAGIC: [&[u8]; 5] = [b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh"];
    MAGIC.iter().any(|magic| bytes.starts_with(magic)) || bytes.get(257..262) == Some(b"ustar")
}

/// All of a service's log, or, for whoever may not read entries, its proof chain alone.
fn verify_service(remote: &Remote, options: &Options) -> Result<Report, Failure> {
    if remote.segments.is_some() {
        return Ok(with_bar(remote, options));
    }
    let chain = remote.documents.get("PROOFCHAIN.json").ok_or_else(|| {
        Failure::refused("the service has no seal yet and entries need a token; give one with --token")
    })?;
    tell("Without a token only the public proof chain is checked; --token checks every entry.");
    Ok(verify_proofchain(chain, &|name| remote.documents.get(name).cloned(), options))
}

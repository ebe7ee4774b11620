//! `ledger verify`.

use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Look, Table, advance, answer, bytes_bar, column, safe, say_json, tell, word};
use crate::remote::Remote;
use clap::Args;
use ledger::durable::RealDisk;
use ledger::verify::{
    Check, CheckStatus, DiskSource, Options, Report, Source, Trust, Verdict, verify_bundle,
    verify_equivocation, verify_log, verify_note, verify_proofchain,
};
use projections::Projections;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Data directory, export, bundle, PROOFCHAIN.json, equivocation file, or http(s) address.
    target: String,
    /// An older PROOFCHAIN.json or ROOT.txt that the target must extend.
    #[arg(long)]
    old: Option<PathBuf>,
    /// Ledger id, or a file with one or with a trust policy.
    #[arg(long)]
    trust: Option<String>,
    /// Count findings about authors as failures.
    #[arg(long)]
    strict: bool,
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
    let started = Instant::now();
    let options = Options {
        trust: args.trust.as_deref().map(trust).transpose()?.unwrap_or_default(),
        old: args.old.as_deref().map(read).transpose()?,
        strict: args.strict,
    };
    let mut report = if args.target.starts_with("http://") || args.target.starts_with("https://") {
        verify_service(&Remote::connect(&args.target, global.token.clone())?, &options)?
    } else {
        verify_path(Path::new(&args.target), &options)?
    };
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let said = serde_json::to_value(&report).map_err(Failure::io)?;
    if args.json {
        say_json(&said)?;
    } else {
        let look = Look::here(global);
        answer(global, &said, || Ok(describe(&report, &args.target, &look)))?;
    }
    // What could not be read proves nothing either way.
    let unreadable = report.failures.iter().any(|fault| fault.code == "unreadable");
    Ok(match (report.verdict, unreadable) {
        (Verdict::Verified, _) => ExitCode::SUCCESS,
        (Verdict::Failed, true) => ExitCode::from(3),
        (Verdict::Failed, false) => ExitCode::from(1),
    })
}

fn trust(text: &str) -> Result<Trust, Failure> {
    let parsed = if text.len() == 64 {
        Trust::parse(text)
    } else {
        Trust::parse(&String::from_utf8_lossy(&read(Path::new(text))?))
    };
    parsed.map_err(|e| Failure::usage(format!("--trust: {e}")))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::io(format!("{}: {e}", path.display())))
}

fn verify_path(path: &Path, options: &Options) -> Result<Report, Failure> {
    if path.is_dir() {
        if !path.join("log").is_dir() && path.join("PROOFCHAIN.json").is_file() {
            return verify_file(&path.join("PROOFCHAIN.json"), options);
        }
        if !path.join("log").is_dir() {
            return Err(Failure::io(format!(
                "{} holds no ledger: there is no log folder in it",
                path.display()
            )));
        }
        let disk = RealDisk::existing(path);
        return Ok(with_bar(&DiskSource(&disk), options));
    }
    verify_file(path, options)
}

fn with_bar(source: &dyn Source, options: &Options) -> Report {
    let total = source.segments().map_or(0, |all| all.iter().map(|(_, len)| len).sum());
    let bar = bytes_bar(total, "verifying");
    let report =
        verify_log(source, options, Some(&mut Projections::default()), &mut |bytes| advance(&bar, bytes));
    bar.finish_and_clear();
    report
}

/// A single file: what it is stands in its `format`, or it is a signed note.
fn verify_file(path: &Path, options: &Options) -> Result<Report, Failure> {
    let bytes = read(path)?;
    let format = serde_json::from_slice::<Value>(&bytes)
        .ok()
        .and_then(|value| value.get("format").and_then(Value::as_str).map(str::to_owned));
    Ok(match format.as_deref() {
        Some(proofs::bundle::FORMAT) => verify_bundle(&bytes, options),
        Some(proofs::equivocation::FORMAT) => verify_equivocation(&bytes, options),
        Some(proofs::proofchain::FORMAT) => {
            let beside = path.parent().map(Path::to_owned).unwrap_or_default();
            let part = |name: &str| std::fs::read(beside.join(name)).ok();
            verify_proofchain(&bytes, &part, options)
        }
        // Damaged in its first bytes, or something else altogether: judged by its name.
        _ if path.extension().is_some_and(|e| e == "json")
            && path.file_stem().is_some_and(|s| s == "PROOFCHAIN") =>
        {
            verify_proofchain(&bytes, &|_| None, options)
        }
        _ if path.extension().is_some_and(|e| e == "txt") => verify_note(&bytes, options),
        _ => verify_bundle(&bytes, options),
    })
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

/// The report for people: the verdict first, then what it rests on, then what is wrong.
pub(crate) fn describe(report: &Report, target: &str, look: &Look) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let verdict = match report.verdict {
        Verdict::Verified => "VERIFIED",
        Verdict::Failed => "DOES NOT VERIFY",
    };
    let _ = writeln!(out, "{verdict}  {}\n", safe(target));
    let rows = [
        ("kind", word(&report.kind)),
        ("trust", word(&report.trust)),
        ("origin", report.origin.clone()),
        ("size", format!("{} entries, {} seals", report.size, report.seals)),
        ("root", report.root.to_hex()),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "{name:<8}{}", safe(value));
    }
    if report.uncommitted_bytes > 0 {
        let _ = writeln!(
            out,
            "tail    {} bytes not committed: a write under way, or cut at the next open",
            report.uncommitted_bytes
        );
    }
    let _ = write!(out, "\n{}", CHECKS.text(&report.checks, look));
    for failure in &report.failures {
        let _ = writeln!(out, "\nFAILURE {}", safe(&failure.to_string()));
    }
    if report.failure_count > report.failures.len() as u64 {
        let _ = writeln!(out, "… and {} more", report.failure_count - report.failures.len() as u64);
    }
    if report.finding_count > 0 {
        let _ = writeln!(out, "\n{} findings about authors:", report.finding_count);
        for finding in report.findings.iter().take(10) {
            let _ = writeln!(out, "  {} at seq {}: {}", finding.code, finding.seq, safe(&finding.detail));
        }
    }
    if matches!(report.trust, ledger::verify::TrustStatus::Unpinned) {
        let _ = writeln!(
            out,
            "\nNothing was pinned: a history that was signed anew as a whole would verify as well.\nGive the ledger id you know with --trust."
        );
    }
    let _ = writeln!(out, "\n{} ms", report.elapsed_ms);
    out
}

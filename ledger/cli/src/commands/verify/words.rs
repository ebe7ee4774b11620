//! The report in words: the verdict first, then what it rests on, then what is wrong.

use super::CHECKS;
use crate::output::{Look, safe, word};
use ledger::verify::{Check, CheckStatus, Proves, Report, TargetKind, TrustStatus, Verdict};
use std::fmt::Write as _;

/// How many findings and notes are shown; the rest is counted.
const SHOWN: usize = 20;

pub(super) fn describe(report: &Report, target: &str, look: &Look) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}\n", verdict(report), safe(target));
    for (name, value) in facts(report) {
        let _ = writeln!(out, "{name:<10}{}", safe(&value));
    }
    let _ = write!(out, "\n{}", CHECKS.text(&checks(report), look));
    write_failures(&mut out, report);
    write_findings(&mut out, report);
    if report.note_count > 0 {
        let _ = writeln!(out, "\nBeside that:");
        for note in report.notes.iter().take(SHOWN) {
            let file = note.file.as_ref().map_or_else(String::new, |file| format!(" {}:", safe(file)));
            let _ = writeln!(out, "  {}{file} {}", note.code, safe(&note.detail));
        }
        write_rest(&mut out, report.note_count);
    }
    if report.trust == TrustStatus::Unpinned && report.verdict == Verdict::Verified {
        let _ = writeln!(
            out,
            "\nNothing was pinned: a history that was signed anew as a whole would verify as well.\nGive the ledger id you know with --trust."
        );
    }
    let _ = writeln!(out, "\nledger {}, {} ms", report.version, report.elapsed_ms);
    out
}

/// The verdict in words.
pub(super) fn verdict(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Verified if report.open_finding_count > 0 => "VERIFIED, with findings",
        Verdict::Verified => "VERIFIED",
        Verdict::Failed => "DOES NOT VERIFY",
        Verdict::Unreadable => "COULD NOT READ",
    }
}

/// The checks; of what could not be read nothing has failed.
fn checks(report: &Report) -> Vec<Check> {
    let mut checks = report.checks.clone();
    if report.verdict == Verdict::Unreadable {
        for check in checks.iter_mut().filter(|check| check.status == CheckStatus::Failed) {
            check.status = CheckStatus::NotChecked;
        }
    }
    checks
}

/// What the verdict is about and rests on, a line each.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = vec![("kind", kind(report).to_owned())];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("ledger", report.ledger.map(spec::Hash::to_hex));
    add("origin", Some(report.origin.clone()).filter(|origin| !origin.is_empty()));
    add("trust", Some(word(&report.trust)));
    add("proves", report.proves.as_ref().map(proves));
    if report.size == 0 {
        return facts;
    }
    let read = if report.damage.is_some() { "entries hold up to the first damage" } else { "entries" };
    add("size", Some(format!("{} {read}, {} seals", report.size, report.seals)));
    let times = report.first_recorded_at.zip(report.last_recorded_at);
    add("recorded", times.map(|(first, last)| format!("{first} to {last}")));
    add("covered", covered(report));
    add(
        "witnessed",
        report.witnessed.as_ref().map(|witnessed| {
            let by: Vec<&str> = witnessed.by.iter().map(|by| by.name.as_str()).collect();
            let behind = match report.witnessed_tail.unwrap_or_default() {
                0 => String::new(),
                tail => format!("; the {tail} entries behind are the ledger's word alone"),
            };
            format!("size {} by {}{behind}", witnessed.size, by.join(", "))
        }),
    );
    add("root", Some(report.root.to_hex()));
    let uncommitted = report.uncommitted_bytes;
    let tail = format!("{uncommitted} bytes not committed: a write under way, or cut at the next open");
    add("tail", (uncommitted > 0).then_some(tail));
    facts
}

fn kind(report: &Report) -> &'static str {
    match (report.kind, report.in_service) {
        (TargetKind::Log, true) => "log in service",
        (TargetKind::Log, false) => "log",
        (TargetKind::Bundle, _) => "bundle",
        (TargetKind::Proofchain, _) => "proof chain alone",
        (TargetKind::Checkpoint, _) => "checkpoint alone",
        (TargetKind::Equivocation, _) => "equivocation file",
    }
}

/// How far the ledger has signed.
pub(super) fn covered(report: &Report) -> Option<String> {
    if report.verdict == Verdict::Unreadable {
        return None;
    }
    if report.damage.is_some() {
        return Some(format!("the ledger is known to have signed size {}", report.signed_size));
    }
    let at = report.checkpoint_at.map_or_else(String::new, |at| format!(", signed {at}"));
    let behind = match report.tail {
        0 => ": every entry".to_owned(),
        tail => {
            format!("; the {tail} entries behind stand under no checkpoint yet: nobody has signed for them")
        }
    };
    Some(format!("size {}{at}{behind}", report.covered_size))
}

fn proves(proves: &Proves) -> String {
    let node = proves.node_id.map_or_else(String::new, |node| format!(" about node {node}"));
    let payload = if proves.payload { "" } else { "; its payload is not at hand" };
    format!(
        "entry {}: {} by {}{node} in {}, said {}, recorded {}{payload}",
        proves.seq, proves.kind, proves.author, proves.org, proves.ts, proves.recorded_at
    )
}

fn write_failures(out: &mut String, report: &Report) {
    let label = if report.verdict == Verdict::Unreadable { "UNREAD" } else { "FAILURE" };
    for failure in &report.failures {
        let _ = writeln!(out, "\n{label} {}", safe(&failure.to_string()));
    }
    if report.failure_count > report.failures.len() as u64 {
        let _ = writeln!(out, "… and {} more", report.failure_count - report.failures.len() as u64);
    }
    let others = report.failures.iter().any(|failure| failure.code != "ledger-id");
    if report.failure_count > 0 && !others {
        let _ =
            writeln!(out, "\nNothing else is wrong with it: it is another ledger than the one you pinned.");
    }
    let Some(damage) = &report.damage else { return };
    let _ = match damage.places {
        0 => writeln!(out, "\nThe log lies as its commit lines say, up to size {}.", damage.last_commit_size),
        places => {
            let shown = damage.listed.iter().take(SHOWN);
            let listed: Vec<String> =
                shown.map(|place| format!("{} byte {}", place.file, place.byte)).collect();
            writeln!(
                out,
                "\nDamaged groups by the hashes of their commit lines: {places}, at {}. The last commit line that holds names size {}.",
                listed.join(", "),
                damage.last_commit_size
            )
        }
    };
}

fn write_findings(out: &mut String, report: &Report) {
    if report.finding_count == 0 {
        return;
    }
    let accepted = report.finding_count - report.open_finding_count;
    let counted = match accepted {
        0 => String::new(),
        accepted => format!(", and {accepted} that were accepted"),
    };
    let _ =
        writeln!(out, "\nFindings, which leave the verdict alone: {}{counted}", report.open_finding_count);
    // A line as it stands here is one of a file for --accept.
    let open = usize::try_from(report.open_finding_count).unwrap_or(usize::MAX);
    for finding in report.findings.iter().take(open.min(SHOWN)) {
        let _ = writeln!(out, "  {} {}  {}", finding.code, finding.seq, safe(&finding.detail));
    }
    write_rest(out, report.open_finding_count);
}

fn write_rest(out: &mut String, count: u64) {
    if count > SHOWN as u64 {
        let _ = writeln!(out, "  … and {} more; -o json lists up to 100", count - SHOWN as u64);
    }
}

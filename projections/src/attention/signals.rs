//! What a heartbeat and a scan say about reasons.

use super::posture::Findings;
use super::reason::{Reason, Signal, Subject};
use spec::Severity;
use spec::payload::{Heartbeat, Reading, Scan};
use std::collections::BTreeMap;

/// A reason, what it is about, and what is said of it.
pub(super) type Said = (Reason, Subject, Signal);

/// What a heartbeat says of each reason it can speak of. `dropped` is how many events the node's spool had
/// dropped when it was last heard.
pub(super) fn of_heartbeat(heartbeat: &Heartbeat, offset: Option<i64>, dropped: &mut u64) -> [Said; 7] {
    let service = |reading: &Reading<bool>| match reading {
        Reading::Known(true) => Signal::Good,
        Reading::Known(false) => Signal::Bad,
        Reading::Unknown => Signal::Unknown,
    };
    let between = |value: Option<u64>, bad: fn(u64) -> bool, good: fn(u64) -> bool| match value {
        Some(value) if bad(value) => Signal::Bad,
        Some(value) if good(value) => Signal::Good,
        _ => Signal::Unknown,
    };
    let used = used_permille(heartbeat.disk_total_bytes.as_ref(), heartbeat.disk_available_bytes.as_ref());
    let off = offset.map(i64::unsigned_abs);
    let spool = heartbeat.spool_dropped.map(|now| {
        let more = now > *dropped;
        *dropped = now;
        if more { Signal::Bad } else { Signal::Good }
    });
    [
        (Reason::ServiceDown, Subject::of("services"), service(&heartbeat.services_ok)),
        (Reason::ServiceDown, Subject::of("cloudflare"), service(&heartbeat.cloudflare_ok)),
        (Reason::SpoolDropped, Subject::NODE, spool.unwrap_or(Signal::Unknown)),
        (Reason::DiskCritical, Subject::NODE, between(used, |v| v >= 950, |v| v <= 920)),
        (Reason::DiskLow, Subject::NODE, between(used, |v| v >= 900, |v| v <= 870)),
        (Reason::ClockFarOff, Subject::NODE, between(off, |v| v > 60_000, |v| v <= 60_000)),
        (Reason::ClockOff, Subject::NODE, between(off, |v| v > 5000, |v| v <= 5000)),
    ]
}

fn used_permille(total: Option<&Reading<u64>>, available: Option<&Reading<u64>>) -> Option<u64> {
    crate::share::used(total?.known()?, available?.known()?, 1000)
}

/// What a scan says: what it found is so, what it looked for and did not find is over, and what it could not
/// check stays as it was. What a package explains is low at most. `known` are the findings that are at work.
pub(super) fn of_scan(
    scan: &Scan,
    findings: Findings,
    known: impl Iterator<Item = (Reason, Subject)>,
) -> Vec<Said> {
    let subject = |id: &str, subject: &str| Subject::from(format!("{id} {subject}").trim_end().to_owned());
    let mut said: BTreeMap<(Reason, Subject), Signal> = BTreeMap::new();
    for (reason, subject) in known {
        let check = subject.as_str().split(' ').next().unwrap_or_default();
        let unchecked = scan.unchecked.iter().any(|unchecked| unchecked.id.as_str() == check);
        said.insert((reason, subject), if unchecked { Signal::Unknown } else { Signal::Good });
    }
    for finding in &scan.findings {
        let is_explained = findings == Findings::AsPosture && finding.explained.is_some();
        let reason = match finding.severity {
            _ if is_explained => Reason::FindingLow,
            Severity::Critical => Reason::FindingCritical,
            Severity::High => Reason::FindingHigh,
            Severity::Medium => Reason::FindingMedium,
            Severity::Low | Severity::Info => Reason::FindingLow,
        };
        said.insert((reason, subject(finding.id.as_str(), &finding.subject)), Signal::Bad);
    }
    said.into_iter().map(|((reason, subject), signal)| (reason, subject, signal)).collect()
}

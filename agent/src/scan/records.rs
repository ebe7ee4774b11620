//! The records of logins and of the journal: whether somebody made them shorter.

use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::text::fits;
use super::unread::{Optional as _, Unread};
use spec::Severity;

/// Records that lost what they had.
pub(super) static RECORDS: Check = Check {
    id: "login-records",
    severity: Severity::High,
    title: "The records of logins or of the journal lost something",
    remediation: "Ask whoever looks after the machine. If nobody shortened it, somebody hides a visit: compare with records \
                  that were sent elsewhere.",
};

/// Files of `struct utmp`.
const LOGINS: [&str; 2] = ["wtmp", "btmp"];
const LOG: &str = "/var/log";
const JOURNAL: &str = "/var/log/journal";

/// Lengths that a record of logins has, by architecture.
const RECORD_BYTES: [usize; 2] = [384, 400];

/// Journals grow and shrink in steps of this size when they are put away.
const JOURNAL_STEP_BYTES: u64 = 8 * 1024 * 1024;

/// What was there at the last scan is compared with what is there now; without an earlier scan that part is
/// unknown. A machine that keeps no such records has nothing to lose.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let names = cx.source.list(LOG)?;
    for name in LOGINS {
        let path = format!("{LOG}/{name}");
        let Some(meta) = cx.source.stat(&path).optional()? else { continue };
        if meta.kind != Type::File {
            return Err(Unread::odd(&path, "is not a regular file"));
        }
        cx.state.records.insert(path.clone(), (meta.ino, meta.size));
        blanked(cx, &path, meta.size)?;
    }
    for machine in cx.source.list(JOURNAL).optional()?.unwrap_or_default() {
        let folder = format!("{JOURNAL}/{machine}");
        for name in
            cx.source.list(&folder)?.iter().filter(|name| fits("*.journal", name) && !name.contains('@'))
        {
            let path = format!("{folder}/{name}");
            let meta = cx.source.stat(&path);
            if let Some(meta) = cx.known(&RECORDS, meta) {
                cx.state.records.insert(path, (meta.ino, meta.size));
            }
        }
    }
    compare(cx, &names);
    Ok(())
}

/// A record that is all zeros was wiped: nothing else leaves one.
fn blanked(cx: &mut Cx<'_>, path: &str, size: u64) -> Result<(), Unread> {
    let length = RECORD_BYTES.into_iter().find(|length| size.is_multiple_of(*length as u64));
    let Some(length) = length else {
        cx.find(&RECORDS, format!("{path} length"), size.to_string())
            .title("The records of logins end within a record: they were cut")
            .severity(Severity::Medium);
        return Ok(());
    };
    let (mut wiped, mut rest) = (0_u64, Vec::new());
    cx.source.stream(path, |bytes| {
        rest.extend_from_slice(bytes);
        let whole = rest.len() - rest.len() % length;
        let records = rest.get(..whole).unwrap_or_default().chunks_exact(length);
        wiped += records.filter(|record| record.iter().all(|byte| *byte == 0)).count() as u64;
        rest.drain(..whole);
    })?;
    if wiped > 0 {
        cx.find(&RECORDS, format!("{path} wiped"), wiped.to_string())
            .title("Records of logins were overwritten with zeros");
    }
    Ok(())
}

fn compare(cx: &mut Cx<'_>, names: &[String]) {
    let Some(before) = cx.state.before.clone() else {
        cx.unknown(&RECORDS, "there is no earlier scan to compare with");
        return;
    };
    for (path, (inode, size)) in before {
        let name = path.rsplit('/').next().unwrap_or_default();
        let journal = path.starts_with(JOURNAL);
        let slack = if journal { JOURNAL_STEP_BYTES } else { 0 };
        // When such a file is put away, it keeps its number and gets another name beside the new one.
        let kept = |prefix: &str| names.iter().any(|other| other != name && other.starts_with(prefix));
        let why = match cx.state.records.get(&path) {
            Some((now, length)) if *now == inode && *length + slack < size => {
                "is shorter than at the last scan"
            }
            Some((now, _)) if *now != inode && !journal && !kept(name) => {
                "was replaced, and the old one is gone"
            }
            None if !journal && !kept(name) => "is gone",
            None if journal && cx.source.list(JOURNAL).is_err() => "is gone",
            _ => continue,
        };
        let seen = format!("{path} {inode} {size}");
        cx.find(&RECORDS, path.clone(), seen).title(format!("{path} {why}"));
    }
}

//! The records of logins and of the journal: whether somebody made them shorter.

use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::text::fits;
use super::unread::{Optional as _, Unread};
use spec::Severity;
use std::collections::BTreeMap;

/// Records that lost what they had.
pub(super) static RECORDS: Check = Check {
    id: "login-records",
    severity: Severity::High,
    title: "The records of logins or of the journal lost something",
    remediation: "Ask whoever looks after the machine. If nobody shortened it, somebody hides a visit: compare with records \
                  that were sent elsewhere.",
};

/// Files of `struct utmp` (utmp(5)).
const LOGINS: [&str; 2] = ["wtmp", "btmp"];

/// Databases that take their place: wtmpdb(8), lastlog2(8). Debian keeps the first beside the other records.
const DATABASES: [&str; 3] = ["/var/log/wtmp.db", "/var/lib/wtmpdb/wtmp.db", "/var/lib/lastlog/lastlog2.db"];

const LOG: &str = "/var/log";
const JOURNAL: &str = "/var/log/journal";

/// Endings of copies that are packed, and so say nothing of how long they are.
const PACKED: [&str; 5] = ["Z", "bz2", "lz4", "xz", "zst"];

/// Lengths that a record of logins has, by architecture.
const RECORD_BYTES: [usize; 2] = [384, 400];

/// Most files beside one that are looked at.
const MAX_COPIES: usize = 64;

/// Journals grow and shrink in steps of this size when they are put away.
const JOURNAL_STEP_BYTES: u64 = 8 * 1024 * 1024;

/// What was there at the last scan is compared with what is there now; without an earlier scan that part is
/// unknown. A machine that keeps no such records has nothing to lose.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    cx.source.list(LOG)?;
    for name in LOGINS {
        let path = format!("{LOG}/{name}");
        if let Some(size) = note(cx, &path)? {
            blanked(cx, &path, size)?;
        }
    }
    for path in DATABASES {
        note(cx, path)?;
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
    compare(cx);
    Ok(())
}

/// Keeps the length of a file and of those that it was put away to, for the next scan.
fn note(cx: &mut Cx<'_>, path: &str) -> Result<Option<u64>, Unread> {
    let meta = cx.source.stat(path).optional()?;
    for copy in copies(cx, path) {
        if let Ok(meta) = cx.source.stat(&copy) {
            cx.state.records.insert(copy, (meta.ino, meta.size));
        }
    }
    let Some(meta) = meta else { return Ok(None) };
    if meta.kind != Type::File {
        return Err(Unread::odd(path, "is not a regular file"));
    }
    cx.state.records.insert(path.to_owned(), (meta.ino, meta.size));
    Ok(Some(meta.size))
}

/// Files beside one whose names begin as its own does: what it was put away to.
fn copies(cx: &Cx<'_>, path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let front = name.split('.').next().unwrap_or(name);
    let names = cx.source.list(folder).unwrap_or_default();
    let beside = names.into_iter().filter(|other| other != name && other.starts_with(front));
    let beside = beside.map(|other| format!("{folder}/{other}"));
    beside.filter(|other| !is_current(other)).take(MAX_COPIES).collect()
}

/// Whether a path is one that records are written to, and not put away to.
fn is_current(path: &str) -> bool {
    let login = path.strip_prefix("/var/log/").is_some_and(|name| LOGINS.contains(&name));
    login || DATABASES.contains(&path) || path.starts_with(JOURNAL)
}

/// Records that are all zeros: somebody wiped them, or a machine that lost its power never wrote them. After that it
/// has at least written that it started.
fn blanked(cx: &mut Cx<'_>, path: &str, size: u64) -> Result<(), Unread> {
    let length = RECORD_BYTES.into_iter().find(|length| size.is_multiple_of(*length as u64));
    let Some(length) = length else {
        cx.find(&RECORDS, format!("{path} length"), size.to_string())
            .title("The records of logins end within a record: they were cut, or one is being written")
            .severity(Severity::Medium);
        return Ok(());
    };
    let (mut wiped, mut last, mut rest) = (0_u64, false, Vec::new());
    cx.source.stream(path, |bytes| {
        rest.extend_from_slice(bytes);
        let whole = rest.len() - rest.len() % length;
        for record in rest.get(..whole).unwrap_or_default().chunks_exact(length) {
            last = record.iter().all(|byte| *byte == 0);
            wiped += u64::from(last);
        }
        rest.drain(..whole);
    })?;
    if wiped > 0 {
        let severity = if last { Severity::High } else { Severity::Medium };
        cx.find(&RECORDS, format!("{path} wiped"), wiped.to_string())
            .title("Records of logins are all zeros: somebody wiped them, or a loss of power left them so")
            .severity(severity);
    }
    Ok(())
}

fn compare(cx: &mut Cx<'_>) {
    let Some(before) = cx.state.before.clone() else {
        cx.unknown(&RECORDS, "there is no earlier scan to compare with");
        return;
    };
    for (path, (inode, size)) in before.iter().filter(|(path, _)| is_current(path)) {
        let journal = path.starts_with(JOURNAL);
        let slack = if journal { JOURNAL_STEP_BYTES } else { 0 };
        // When such a file is put away, it keeps its number and gets another name beside the new one, or what it
        // held is copied to a file beside it.
        let copies = if journal { Vec::new() } else { copies(cx, path) };
        let why = match cx.state.records.get(path) {
            Some((now, length)) if now == inode && length + slack < *size => {
                match copied(cx, &copies, &before, *size) {
                    Some(true) => continue,
                    Some(false) => "is shorter than at the last scan",
                    None => {
                        cx.unknown(
                            &RECORDS,
                            format!("{path} is shorter, and what it held may be in a packed file"),
                        );
                        continue;
                    }
                }
            }
            Some((now, _)) if now != inode && !journal && copies.is_empty() => {
                "was replaced, and the old one is gone"
            }
            None if !journal && copies.is_empty() => "is gone",
            None if journal && cx.source.list(JOURNAL).is_err() => "is gone",
            _ => continue,
        };
        let seen = format!("{path} {inode} {size}");
        cx.find(&RECORDS, path.clone(), seen).title(format!("{path} {why}"));
    }
}

/// Whether a file that was not there at the last scan holds as much as was there; `None` if that cannot be told.
fn copied(cx: &Cx<'_>, copies: &[String], before: &BTreeMap<String, (u64, u64)>, size: u64) -> Option<bool> {
    let mut packed = false;
    for copy in copies {
        let Ok(meta) = cx.source.stat(copy) else { continue };
        if before.values().any(|(inode, _)| *inode == meta.ino) {
            continue;
        }
        let ending = copy.rsplit_once('.').map_or("", |(_, ending)| ending);
        let length = if ending == "gz" { unpacked_length(cx, copy) } else { Some(meta.size) };
        if length.is_some_and(|length| length >= size) {
            return Some(true);
        }
        packed |= PACKED.contains(&ending);
    }
    (!packed).then_some(false)
}

/// How long a file of gzip(1) is once it is unpacked: its last four bytes (RFC 1952, section 2.3.1).
fn unpacked_length(cx: &Cx<'_>, path: &str) -> Option<u64> {
    let mut last = Vec::new();
    cx.source
        .stream(path, |bytes| {
            last.extend_from_slice(bytes);
            last.drain(..last.len().saturating_sub(4));
        })
        .ok()?;
    last.try_into().ok().map(|bytes| u64::from(u32::from_le_bytes(bytes)))
}

//! `ledger verify`: a target's files against each other, a pinned ledger id, and older copies.
//!
//! Works on bytes behind [`Source`]: a directory, an export, or what was fetched from a service. Needs no
//! network, no running service and no trust in whoever wrote the files.

mod accepted;
mod bundle;
mod files;
mod names;
mod report;
mod side;
mod survey;
mod trust;

pub use accepted::{Accepted, AcceptedError};
pub use bundle::verify_bundle;
pub use files::{verify_equivocation, verify_note, verify_proofchain};
pub use report::{
    Check, CheckStatus, CosignedBy, Note, Proves, Report, TargetKind, TrustStatus, Verdict, Witnessed,
};
pub use spec::Refold;
pub use survey::{Damage, Place};
pub use trust::{AuthorityFormError, AuthorityKeys, Inadmissible, RecordFormError, Trust, TrustError};

use crate::audit::{SegmentBytes, audit};
use crate::durable::Disk;
use crate::fault::Fault;
use crate::storage::{PackedFile, packed_first, packed_name, segment_first, segment_name};
use names::Names;
use pack::{Packed, UnpackError};
use side::SideFiles;
use std::collections::BTreeSet;

/// A place from which a ledger's files are read.
pub trait Source {
    /// First seq and length of each segment, in order, or what is wrong with their names.
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault>;
    /// A segment's bytes.
    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault>;
    /// A document's bytes, or `None` if there is none.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// Names of what lies in a folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault>;
    /// A document's bytes as they are now: of a ledger at work, newer than what was read before.
    fn fresh(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.document(name)
    }
    /// Whether everything that lies beside the log can be had; a service hands out no cut tails.
    fn is_whole(&self) -> bool {
        true
    }
}

/// A directory as a source.
#[derive(Debug)]
pub struct DiskSource<'a>(pub &'a dyn Disk);

impl Source for DiskSource<'_> {
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault> {
        let none = |detail| Fault::new("no-log", detail).in_file("log");
        let names = match self.0.list("log") {
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(none("it is no folder"));
            }
            other => other.map_err(|e| unreadable("log", &e))?,
        };
        if names.is_empty() && self.0.len("log").is_err() {
            return Err(none("the folder is missing"));
        }
        // What has another name is no segment; `Names` says so.
        let firsts = names.iter().filter_map(|name| segment_first(name).or_else(|| packed_first(name)));
        firsts
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|first| Ok((first, self.plain_len(first)?.unwrap_or_else(|| self.packed_len(first)))))
            .collect()
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault> {
        let name = segment_name(first);
        match self.0.read(&name) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            other => return other.map_err(|e| unreadable(&name, &e)),
        }
        let plain = PackedFile::new(self.0, first).plain();
        plain.map_err(|error| unpacked(&error).in_file(packed_name(first)))
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        match self.0.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable(name, &e)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.0.list(folder).map_err(|e| unreadable(folder, &e))
    }
}

impl DiskSource<'_> {
    /// A segment's bytes from an offset on.
    pub fn segment_from(&self, first: u64, offset: u64) -> Result<Vec<u8>, Fault> {
        let name = segment_name(first);
        if let Some(len) = self.plain_len(first)? {
            let rest = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
            return self.0.read_at(&name, offset, rest).map_err(|e| unreadable(&name, &e));
        }
        let mut bytes = self.segment(first)?;
        bytes.drain(..usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len()));
        Ok(bytes)
    }

    /// Length of a segment's lines where they lie.
    fn plain_len(&self, first: u64) -> Result<Option<u64>, Fault> {
        let name = segment_name(first);
        match self.0.len(&name) {
            Ok(len) => Ok(Some(len)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable(&name, &e)),
        }
    }

    /// Length of a packed segment's lines. What is wrong with the file is said where it is read.
    fn packed_len(&self, first: u64) -> u64 {
        Packed::open(PackedFile::new(self.0, first)).map_or(0, |packed| packed.about().bytes)
    }
}

/// What is wrong with a packed segment.
fn unpacked(error: &UnpackError) -> Fault {
    match error {
        UnpackError::Io(error) => Fault::new("unreadable", error.to_string()),
        other => {
            let fault = Fault::new("packed", other.to_string());
            other.byte().into_iter().fold(fault, Fault::at_byte)
        }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Fault {
    Fault::new("unreadable", error.to_string()).in_file(name)
}

/// Knowledge that a verification compares with.
#[derive(Debug, Default)]
pub struct Options {
    /// What the caller trusts from elsewhere.
    pub trust: Trust,
    /// Older copies of `PROOFCHAIN.json`, `ROOT.txt` or `COSIGNED.txt` that this ledger must extend.
    pub old: Vec<Vec<u8>>,
    /// Whether every entry must stand under a checkpoint at hand, as in an export. A directory in service may be
    /// ahead of its newest one; what stands behind it is reported.
    pub covered: bool,
    /// Findings that somebody has looked at.
    pub accepted: Option<Accepted>,
}

/// Verifies a whole log with its side files. `folds`, if given, are compared with what seals say of them;
/// `progress` is told of bytes read.
pub fn verify_log(
    source: &dyn Source,
    options: &Options,
    folds: Option<&mut dyn Refold>,
    progress: &mut dyn FnMut(u64),
) -> Report {
    let mut report = Report::new(TargetKind::Log);
    report.in_service = !options.covered;
    // Side files first: a running service only ever makes the log longer than they say.
    let side = SideFiles::read(source, options);
    let segments = match source.segments() {
        Ok(segments) => segments,
        Err(fault) => return report.failed(fault, options),
    };
    match source.list("log").and_then(|names| Names::of(&names)) {
        Ok(names) => names.note_strays(&mut report),
        Err(fault) => return report.failed(fault, options),
    }
    let last = segments.len().saturating_sub(1);
    let bytes = segments.iter().enumerate().map(|(i, (first, _))| {
        let bytes = source.segment(*first)?;
        Ok((SegmentBytes { first: *first, name: segment_name(*first), bytes }, i == last))
    });
    let sizes = side.sizes();
    let mut result = audit(&sizes, bytes, folds, progress);
    let firsts: Vec<u64> = segments.iter().map(|(first, _)| *first).collect();
    result.settle(&firsts, &mut |first| source.segment(first));
    let unread = result.failures.iter().any(|fault| fault.code == "unreadable");
    if !unread {
        // Behind what could not be read nothing can be judged, the side files neither.
        side.check(&result, source, options, &mut report);
    }
    if result.stopped && !unread {
        report.damage = Some(survey::survey(source, &segments, &mut result.failures));
    }
    report.take_audit(result);
    report.finish(options)
}

//! Behind the first damage: an audit ends there, for everything rests on what stands before. What can still be said is
//! which groups hold by themselves, by the hashes of their commit lines.

use super::Source;
use crate::audit::MAX_LISTED;
use crate::fault::Fault;
use crate::segment::{Next, later_commit, next_group};
use crate::storage::segment_name;
use serde::Serialize;
use spec::Commit;

/// The commit lines of a damaged log, and what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Groups that do not hold by themselves, and segments that do not go on where the one before ended. None, where
    /// what is wrong is not how the log lies but what it says.
    pub places: u64,
    /// Where they are, at most 100.
    pub listed: Vec<Place>,
    /// The size that the last commit line which holds names.
    pub last_commit_size: u64,
}

/// A damaged place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The segment.
    pub file: String,
    /// Where the damaged group begins, from 0.
    pub byte: u64,
}

/// Looks at every group of the log. Where line ends were changed, the failures say so: then nothing else is wrong.
pub(super) fn survey(source: &dyn Source, segments: &[(u64, u64)], failures: &mut [Fault]) -> Damage {
    let mut damage = Damage::default();
    let last = segments.last().map(|(first, _)| *first);
    for (first, _) in segments {
        let Ok(bytes) = source.segment(*first) else { continue };
        let name = segment_name(*first);
        if bytes.windows(2).any(|pair| pair == b"\r\n") {
            for fault in failures.iter_mut().filter(|fault| fault.file.as_ref() == Some(&name)) {
                fault.detail = format!("{CHANGED_LINE_ENDS}: {}", fault.detail);
            }
        }
        if *first != damage.last_commit_size {
            damage.at(&name, 0, 1);
        }
        damage.segment(&name, &bytes, Some(*first) == last);
    }
    damage
}

/// What git and editors of another system do to files; canonical JSON and notes hold no carriage return.
pub(super) const CHANGED_LINE_ENDS: &str =
    "line ends were changed from LF to CR LF, as git with core.autocrlf or an editor does";

impl Damage {
    fn at(&mut self, file: &str, byte: usize, groups: u64) {
        self.places += groups;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(Place { file: file.to_owned(), byte: byte as u64 });
        }
    }

    fn segment(&mut self, name: &str, bytes: &[u8], is_last: bool) {
        let mut at = 0;
        loop {
            match next_group(bytes, at, 0) {
                Next::End => return,
                Next::Group(group) => {
                    self.last_commit_size = group.commit.size;
                    at = usize::try_from(group.end).unwrap_or(usize::MAX);
                }
                Next::Invalid(fault) => {
                    let Some(next) = next_that_holds(bytes, at) else {
                        // A torn end of the newest segment is a write under way.
                        if !is_last || fault.code != "torn-tail" {
                            self.at(name, at, commit_lines(bytes.get(at..).unwrap_or_default()).max(1));
                        }
                        return;
                    };
                    self.at(name, at, commit_lines(bytes.get(at..next).unwrap_or_default()).max(1));
                    at = next;
                }
            }
        }
    }
}

/// Where the next group begins whose commit line holds.
fn next_that_holds(bytes: &[u8], at: usize) -> Option<usize> {
    let line = usize::try_from(later_commit(bytes, at)?).ok()?;
    let rest = bytes.get(line..)?;
    let end = memchr::memchr(b'\n', rest)?;
    let commit = Commit::parse(std::str::from_utf8(rest.get(..end)?).ok()?).ok()?;
    line.checked_sub(usize::try_from(commit.bytes).ok()?).filter(|start| *start > at)
}

fn commit_lines(bytes: &[u8]) -> u64 {
    bytes.split(|b| *b == b'\n').filter(|line| Commit::looks_like(line)).count() as u64
}

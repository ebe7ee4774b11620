//! What lies in `log/`: the log's own files are known by their names, and whatever else lies there is somebody else's.

use super::report::{Note, Report};
use crate::fault::Fault;
use crate::storage::{packed_first, segment_first, segment_name};

/// What packers append to a name. A segment that is packed cannot be read, and is not missing.
const PACKED: [&str; 7] = [".gz", ".zst", ".xz", ".bz2", ".zip", ".br", ".lz4"];

/// The names in `log/` that are not the log's own.
#[derive(Debug, Default)]
pub(super) struct Names {
    strays: Vec<String>,
}

impl Names {
    /// Sorts the names. A segment that is there only packed is a fault: it has to be unpacked first.
    pub(super) fn of(names: &[String]) -> Result<Self, Fault> {
        let mut strays = Vec::new();
        for name in names.iter().filter(|name| !is_own(name)) {
            if let Some(first) = packed_segment(name)
                && !names.iter().any(|other| segment_first(other) == Some(first))
            {
                let detail = format!("it is packed; unpack it to {} first", segment_name(first));
                return Err(Fault::new("unreadable", detail).in_file(format!("log/{name}")));
            }
            strays.push(name.clone());
        }
        Ok(Self { strays })
    }

    /// Says of each file that is not the log's that it was passed over.
    pub(super) fn note_strays(self, report: &mut Report) {
        for name in self.strays {
            let detail = "it is not the log's and was passed over".to_owned();
            report.note(Note { code: "stray-file", file: Some(format!("log/{name}")), detail });
        }
    }
}

/// Segments, packed or not, kept bytes of cut tails, and what a crash left of writing them.
fn is_own(name: &str) -> bool {
    let whole = name.strip_suffix(".tmp").unwrap_or(name);
    segment_first(whole).is_some() || packed_first(whole).is_some() || whole.starts_with("cut-")
}

fn packed_segment(name: &str) -> Option<u64> {
    PACKED.iter().find_map(|ending| segment_first(name.strip_suffix(ending)?))
}

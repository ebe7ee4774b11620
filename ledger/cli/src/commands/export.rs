//! `ledger export`: everything an auditor needs, copied beside a running service.

use super::prove::write_new;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{advance, answer, bytes_bar, safe};
use clap::Args;
use ledger::durable::Disk;
use ledger::segment::{Next, next_group};
use ledger::storage::{segment_first, segment_name};
use ledger::verify::{DiskSource, Source as _};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Directory to write; must not exist or be empty.
    #[arg(long)]
    out: PathBuf,
}

/// The specification travels with every export, so that it can be checked in a hundred years.
const SPECIFICATION: [(&str, &str); 7] = [
    ("spec/README.md", include_str!("../../../../spec/README.md")),
    ("spec/event.md", include_str!("../../../../spec/event.md")),
    ("spec/log.md", include_str!("../../../../spec/log.md")),
    ("spec/proof.md", include_str!("../../../../spec/proof.md")),
    ("spec/projections.md", include_str!("../../../../spec/projections.md")),
    ("spec/verify-codes.md", include_str!("../../../../spec/verify-codes.md")),
    ("spec/api.md", include_str!("../../../../spec/api.md")),
];

pub(crate) fn run(global: &Global, args: &Export) -> Result<ExitCode, Failure> {
    let entries = copy(&DataDir::new(&global.data), &args.out)?;
    answer(global, &json!({"out": args.out, "bytes": entries}), || {
        let out = args.out.display().to_string();
        let out = safe(&out);
        Ok(format!("exported {entries} bytes of log to {out}; check it with `ledger verify {out}`\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Copies a data directory's log and proofs to `out` and returns the bytes of log.
pub(crate) fn copy(dir: &DataDir, out: &Path) -> Result<u64, Failure> {
    if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty", out.display())));
    }
    if !dir.has_ledger() {
        return Err(Failure::usage(format!("no ledger in {}", dir.path().display())));
    }
    let disk = dir.disk();
    let source = DiskSource(&disk);
    let read = |name: &str| source.document(name).map_err(Failure::io);
    // Watermarks first: the log only ever grows past them.
    let mut documents = vec![
        ("ROOT.txt".to_owned(), read("ROOT.txt")?),
        ("COSIGNED.txt".to_owned(), read("COSIGNED.txt")?),
        ("PROOFCHAIN.json".to_owned(), read("PROOFCHAIN.json")?),
    ];
    for folder in ["proofchain", "log"] {
        for name in disk.list(folder)? {
            let temporary = Path::new(&name).extension().is_some_and(|e| e == "tmp");
            if !temporary && segment_first(&name).is_none() {
                let path = format!("{folder}/{name}");
                let bytes = read(&path)?;
                documents.push((path, bytes));
            }
        }
    }
    let segments = source.segments().map_err(Failure::io)?;
    let bar = bytes_bar(segments.iter().map(|(_, len)| len).sum(), "exporting");
    let mut total = 0;
    for (first, _) in &segments {
        let bytes = disk.read(&segment_name(*first))?;
        let committed = bytes.get(..committed_length(&bytes)).unwrap_or_default();
        write_new(&out.join(segment_name(*first)), committed)?;
        total += committed.len() as u64;
        advance(&bar, committed.len() as u64);
    }
    bar.finish_and_clear();
    for (name, bytes) in documents {
        if let Some(bytes) = bytes {
            write_new(&out.join(name), &bytes)?;
        }
    }
    for (name, text) in SPECIFICATION {
        write_new(&out.join(name), text.as_bytes())?;
    }
    Ok(total)
}

/// Length up to the last whole group: a group being written is left out.
///
/// A damaged segment is copied as it is: an export shows what there is.
fn committed_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match next_group(bytes, at, 0) {
            Next::Group(group) => at = usize::try_from(group.end).unwrap_or(usize::MAX),
            Next::Invalid(fault) if fault.code == "torn-tail" => return at,
            Next::End | Next::Invalid(_) => return bytes.len(),
        }
    }
}

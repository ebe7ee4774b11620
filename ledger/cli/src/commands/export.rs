//! `ledger export`: everything an auditor needs, copied beside a running service.

use super::prove::write_new;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{advance, answer, bytes_bar, safe, tell};
use clap::Args;
use ledger::durable::Disk;
use ledger::segment::{Next, next_group};
use ledger::storage::{packed_name, segment_name};
use ledger::verify::{DiskSource, Source as _};
use proofs::note::Note;
use proofs::proofchain::ProofChain;
use proofs::tree::Frontier;
use proofs::{Blake3, Checkpoint};
use serde_json::json;
use spec::Record;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Directory to write; must not exist or be empty.
    #[arg(long)]
    out: PathBuf,
    /// Write the log as lines of JSON, and not as Parquet files.
    #[arg(long)]
    plain: bool,
}

/// The specification travels with every export, so that it can be checked in a hundred years.
const SPECIFICATION: [(&str, &str); 8] = [
    ("spec/README.md", include_str!("../../../../spec/README.md")),
    ("spec/event.md", include_str!("../../../../spec/event.md")),
    ("spec/log.md", include_str!("../../../../spec/log.md")),
    ("spec/pack.md", include_str!("../../../../spec/pack.md")),
    ("spec/proof.md", include_str!("../../../../spec/proof.md")),
    ("spec/projections.md", include_str!("../../../../spec/projections.md")),
    ("spec/verify-codes.md", include_str!("../../../../spec/verify-codes.md")),
    ("spec/api.md", include_str!("../../../../spec/api.md")),
];

pub(crate) fn run(global: &Global, args: &Export) -> Result<ExitCode, Failure> {
    if let Some(url) = &global.url {
        return Err(Failure::usage(format!(
            "an export is a copy of a data directory, and is made where that lies: {url} (--url or \
             VAULTMESH_CC_URL) was given, which this command does not read"
        )));
    }
    let Copied { bytes, left_out } = copy(&DataDir::new(global.data()), &args.out, args.plain)?;
    if left_out > 0 {
        tell(&format!(
            "left out {left_out} entries behind the newest checkpoint, for which nobody has signed yet"
        ));
    }
    answer(global, &json!({"out": args.out, "bytes": bytes, "left_out": left_out}), || {
        let out = args.out.display().to_string();
        let out = safe(&out);
        Ok(format!("exported {bytes} bytes of log to {out}; check it with `ledger verify {out}`\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What an export holds.
pub(crate) struct Copied {
    /// Bytes of log.
    pub(crate) bytes: u64,
    /// Entries behind the newest checkpoint, which are not in it.
    pub(crate) left_out: u64,
}

/// Copies a data directory's log and proofs to `out`; the log packed, unless it is to be `plain`.
pub(crate) fn copy(dir: &DataDir, out: &Path, plain: bool) -> Result<Copied, Failure> {
    if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty", out.display())));
    }
    if !dir.has_ledger() {
        return Err(Failure::usage(format!("no ledger in {}", dir.path().display())));
    }
    let disk = dir.disk();
    let source = DiskSource(&disk);
    let read = |name: &str| source.document(name).map_err(Failure::io);
    // Watermarks first: the log only ever grows past them. Of these the cosigned one, which is never the newer.
    let mut documents = Vec::new();
    for name in ["COSIGNED.txt", "ROOT.txt", "PROOFCHAIN.json"] {
        documents.push((name.to_owned(), read(name)?));
    }
    let covered = documents.iter().filter_map(|(_, bytes)| signed_size(bytes.as_deref()?)).max();
    let parts = disk.list("proofchain")?.into_iter().filter(|name| is_of(name, ".jsonl"));
    let cuts = disk.list("log")?.into_iter().filter(|name| name.starts_with("cut-") && !is_of(name, ".tmp"));
    let parts = parts.map(|name| format!("proofchain/{name}"));
    for path in parts.chain(cuts.map(|name| format!("log/{name}"))).collect::<Vec<_>>() {
        let bytes = read(&path)?;
        documents.push((path, bytes));
    }
    let segments = source.segments().map_err(Failure::io)?;
    let bar = bytes_bar(segments.iter().map(|(_, len)| len).sum(), "exporting");
    let mut copied = Copied { bytes: 0, left_out: 0 };
    let mut tree = Some(Frontier::default());
    for (first, _) in &segments {
        let bytes = source.segment(*first).map_err(Failure::io)?;
        let (length, left_out) = covered_length(&bytes, *first, covered.unwrap_or(u64::MAX));
        copied.left_out += left_out;
        let lines = bytes.get(..length).unwrap_or_default();
        if length > 0 || left_out == 0 {
            let (name, written) = if plain { None } else { packed(*first, lines, &mut tree) }
                .unwrap_or_else(|| (segment_name(*first), Cow::Borrowed(lines)));
            write_new(&out.join(name), &written)?;
            copied.bytes += written.len() as u64;
        }
        advance(&bar, bytes.len() as u64);
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
    Ok(copied)
}

/// A segment as a Parquet file, with its name; `None` for one that is damaged, which is copied as it is. `tree` is that
/// of the entries before, and then of those of the segment as well, while all of them can be read.
fn packed(
    first: u64,
    lines: &[u8],
    tree: &mut Option<Frontier<Blake3>>,
) -> Option<(String, Cow<'static, [u8]>)> {
    let packed = pack::pack(first, lines, tree.as_ref()).ok();
    let mut at = 0;
    while let Next::Group(group) = next_group(lines, at, 0) {
        for (_, line) in group.lines() {
            let record = std::str::from_utf8(line).ok().and_then(|line| Record::parse(line).ok());
            *tree = tree.take().zip(record).map(|(mut tree, record)| {
                tree.push(record.leaf);
                tree
            });
        }
        at = usize::try_from(group.end).unwrap_or(usize::MAX);
    }
    packed.map(|bytes| (packed_name(first), Cow::Owned(bytes)))
}

pub(super) fn is_of(name: &str, ending: &str) -> bool {
    name.ends_with(ending)
}

/// The size of a checkpoint, or of the last row of a proof chain. Whether it holds is for whoever verifies.
fn signed_size(bytes: &[u8]) -> Option<u64> {
    if let Ok(chain) = ProofChain::parse(bytes) {
        return chain.seals.last().map(|row| row.seq + 1);
    }
    let note = Note::parse(bytes).ok()?;
    Checkpoint::parse(&note.text).ok().map(|checkpoint| checkpoint.size)
}

/// Length up to the last whole group that a checkpoint covers, and how many entries stand behind it: a group being
/// written is left out, and so is what nobody has signed for yet.
///
/// A damaged segment is copied as it is: an export shows what there is.
pub(super) fn covered_length(bytes: &[u8], first: u64, covered: u64) -> (usize, u64) {
    let (mut at, mut length, mut size) = (0, 0, first);
    let left_out = |size: u64| size.saturating_sub(covered.max(first));
    loop {
        match next_group(bytes, at, 0) {
            Next::Group(group) => {
                at = usize::try_from(group.end).unwrap_or(usize::MAX);
                size = group.commit.size;
                if size <= covered {
                    length = at;
                }
            }
            Next::Invalid(fault) if fault.code != "torn-tail" => return (bytes.len(), 0),
            Next::End | Next::Invalid(_) => return (length, left_out(size)),
        }
    }
}

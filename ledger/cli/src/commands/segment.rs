//! `ledger segment`: closed segments as Parquet files, and back.

use crate::client::block_on;
use crate::data::{DataDir, Manner, close};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{answer, tell};
use clap::{Args, Subcommand};
use ledger::durable::{Disk as _, RealDisk};
use ledger::storage::{FsStorage, Storage as _, packed_first};
use ledger::verify::{DiskSource, Source as _};
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Largest file that is read as a packed segment.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Segment {
    /// Write closed segments as Parquet files, as a running service does by itself.
    Pack,
    /// Put the lines of packed segments back.
    Unpack,
    /// Write the lines of a segment to standard output.
    Cat(Cat),
}

#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// Seq of the segment's first entry in the data directory, or a file.
    segment: String,
}

pub(crate) fn run(global: &Global, command: &Segment) -> Result<ExitCode, Failure> {
    if let Some(url) = &global.url {
        return Err(Failure::usage(format!(
            "segments are files of a data directory: {url} (--url or VAULTMESH_CC_URL) was given, which this \
             command does not read"
        )));
    }
    let dir = DataDir::new(global.data());
    match command {
        Segment::Pack => pack(global, &dir),
        Segment::Unpack => unpack(global, &dir),
        Segment::Cat(args) => cat(&dir, &args.segment),
    }
}

fn pack(global: &Global, dir: &DataDir) -> Result<ExitCode, Failure> {
    let (count, plain, packed) = block_on(async {
        let (ledger, _) = dir.open(Manner::default()).await?;
        let (mut count, mut plain, mut packed) = (0_u64, 0, 0);
        let outcome = loop {
            match ledger.pack_next().await {
                Ok(Some((first, shrunk))) => {
                    tell(&format!("segment {first}: {} bytes, packed {}", shrunk.plain, shrunk.packed));
                    (count, plain, packed) = (count + 1, plain + shrunk.plain, packed + shrunk.packed);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(Failure::refused(error.to_string())),
            }
        };
        close(ledger, false).await;
        outcome.map(|()| (count, plain, packed))
    })?;
    answer(global, &json!({"segments": count, "plain_bytes": plain, "packed_bytes": packed}), || {
        Ok(format!("packed {count} segments: {plain} bytes are {packed}\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn unpack(global: &Global, dir: &DataDir) -> Result<ExitCode, Failure> {
    if !dir.has_ledger() {
        return Err(Failure::usage(format!("no ledger in {}", dir.path().display())));
    }
    let lock = dir.lock()?;
    let disk: Arc<RealDisk> = Arc::new(dir.disk());
    let firsts: Vec<u64> = disk.list("log")?.iter().filter_map(|name| packed_first(name)).collect();
    let storage = FsStorage::read_only(disk);
    for first in &firsts {
        block_on(async { storage.unpack(*first).await.map_err(|e| Failure::refused(e.to_string())) })?;
    }
    drop(lock);
    let count = firsts.len();
    answer(global, &json!({"segments": count}), || Ok(format!("unpacked {count} segments\n")))?;
    Ok(ExitCode::SUCCESS)
}

fn cat(dir: &DataDir, segment: &str) -> Result<ExitCode, Failure> {
    let bytes = match segment.parse::<u64>() {
        Ok(first) => DiskSource(&dir.disk()).segment(first).map_err(Failure::io)?,
        Err(_) => lines_of(Path::new(segment))?,
    };
    match std::io::stdout().lock().write_all(&bytes) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => Ok(other.map(|()| ExitCode::SUCCESS)?),
    }
}

/// The lines of a file, packed or not.
fn lines_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |problem: &dyn std::fmt::Display| Failure::io(format!("{}: {problem}", path.display()));
    let size = path.metadata().map_err(|e| unread(&e))?.len();
    if size > MAX_FILE_BYTES {
        return Err(unread(&format!("{size} bytes are more than a segment has")));
    }
    let bytes = std::fs::read(path).map_err(|e| unread(&e))?;
    if !bytes.starts_with(b"PAR1") {
        return Ok(bytes);
    }
    let plain = pack::Packed::open(bytes).and_then(|packed| packed.unpack());
    plain.map_err(|error| Failure::refused(format!("{}: {error}", path.display())))
}

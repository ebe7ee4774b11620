//! `ledger prove`.

use crate::api::{Query, read, with_client};
use crate::client::Client;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::folding::Files;
use crate::options::Global;
use crate::output::{answer, safe};
use clap::Args;
use ledger::bundle::BundleError;
use serde::Deserialize;
use serde_json::json;
use serving::answers::EntryRow;
use spec::Uuid;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "which")]
pub(crate) struct ProveWhich {
    /// The entry's number.
    #[arg(long)]
    seq: Option<u64>,
    /// The event's id.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    which: ProveWhich,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(global: &Global, args: &Prove) -> Result<ExitCode, Failure> {
    let socket = DataDir::new(global.data()).admin_socket();
    let served = global.url.is_some() || std::os::unix::net::UnixStream::connect(&socket).is_ok();
    let (seq, bundle) = if served { ask(global, args)? } else { from_files(global, args)? };
    write_new(&args.out, &bundle)?;
    answer(global, &json!({"seq": seq, "out": args.out, "bytes": bundle.len()}), || {
        let out = args.out.display().to_string();
        let out = safe(&out);
        let size = bundle.len();
        Ok(format!("proved entry {seq} in {out} ({size} bytes); check it with `ledger verify {out}`\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the service.
fn ask(global: &Global, args: &Prove) -> Result<(u64, Vec<u8>), Failure> {
    with_client(global, async |client| {
        let seq = match (args.which.seq, args.which.id) {
            (Some(seq), _) => seq,
            (None, Some(id)) => find(client, id).await?,
            (None, None) => return Err(neither()),
        };
        Ok((seq, client.bundle(seq).await?))
    })
}

/// Makes the bundle from what lies in the directory: also of a copy that nobody can write to, without any key.
fn from_files(global: &Global, args: &Prove) -> Result<(u64, Vec<u8>), Failure> {
    let files = Files::open(global)?;
    let seq = match (args.which.seq, args.which.id) {
        (Some(seq), _) => seq,
        (None, Some(id)) => {
            let mut found = None;
            files.each(&mut |record| {
                if record.entry.header.id == id {
                    found = Some(record.entry.position.seq);
                    return Ok(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            found.ok_or_else(|| Failure::refused(format!("no event has the id {id}")))?
        }
        (None, None) => return Err(neither()),
    };
    match files.with(|source| ledger::bundle::from_log(source, seq)) {
        Ok(bundle) => Ok((seq, bundle.to_canonical())),
        Err(BundleError::File(fault)) if fault.code == "unreadable" => Err(Failure::io(fault)),
        Err(error) => Err(Failure::refused(error)),
    }
}

fn neither() -> Failure {
    Failure::usage("name an entry with --seq or --id")
}

/// The seq of the event with an id, by reading the newest entries first.
async fn find(client: &Client, wanted: Uuid) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Event {
        id: Uuid,
    }
    let mut found = None;
    client
        .entries(Query::default().with("limit", Some(500)), &mut |item| {
            let row: EntryRow<'_> = read(&item)?;
            let Event { id } = serde_json::from_str(row.event.get()).map_err(Failure::io)?;
            found = (id == wanted).then_some(row.seq);
            Ok(found.is_none())
        })
        .await?;
    found.ok_or_else(|| Failure::refused(format!("no event has the id {wanted}")))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let named = |e: std::io::Error| Failure::io(format!("{}: {e}", path.display()));
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(named)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(named)?;
    file.write_all(bytes).map_err(named)
}

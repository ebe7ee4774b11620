//! `ledger prove`.

use crate::api::{Query, read, with_client};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{answer, safe};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use serving::answers::EntryRow;
use spec::Uuid;
use std::path::PathBuf;
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
    let (seq, bundle) = with_client(global, async |client| {
        let seq = match (args.which.seq, args.which.id) {
            (Some(seq), _) => seq,
            (None, Some(id)) => find(client, id).await?,
            (None, None) => return Err(Failure::usage("name an entry with --seq or --id")),
        };
        Ok((seq, client.bundle(seq).await?))
    })?;
    write_new(&args.out, &bundle)?;
    answer(global, &json!({"seq": seq, "out": args.out, "bytes": bundle.len()}), || {
        let out = args.out.display().to_string();
        let out = safe(&out);
        let size = bundle.len();
        Ok(format!("proved entry {seq} in {out} ({size} bytes); check it with `ledger verify {out}`\n"))
    })?;
    Ok(ExitCode::SUCCESS)
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

/// Writes a file that a reader never sees half of.
#[expect(clippy::disallowed_methods, reason = "a copy for somebody else; the ledger does not rest on it")]
pub(crate) fn write_new(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(path, bytes).map_err(|e| Failure::io(format!("{}: {e}", path.display())))
}

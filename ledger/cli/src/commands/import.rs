//! `ledger import`.

use crate::api::with_client;
use crate::failure::{Failure, plain};
use crate::options::Global;
use crate::output::{advance, answer, bytes_bar, tell};
use clap::Args;
use serde_json::json;
use service::wire::BatchAnswer;
use spec::Name;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files of JSON lines `{"kind","org","ts","payload",…}`; `-` for standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Name the events' author gets: `import:<name>`. The file's name, if absent.
    #[arg(long)]
    source: Option<Name>,
}

/// Lines sent at once: small enough for one request, large enough to be quick.
const BATCH_LINES: usize = 1000;

/// Bytes sent at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn run(global: &Global, args: &Import) -> Result<ExitCode, Failure> {
    let mut counts = Counts::default();
    with_client(global, async |client| {
        for file in &args.files {
            let source = match &args.source {
                Some(name) => name.clone(),
                None => name_of(file)?,
            };
            let size = std::fs::metadata(file).map_or(0, |m| m.len());
            let bar = bytes_bar(size, "importing");
            let mut reader = open(file)?;
            let mut first_line = 1;
            loop {
                let (batch, lines) = next_batch(&mut *reader, file)?;
                if lines == 0 {
                    break;
                }
                let sent = batch.len() as u64;
                counts.add(&client.import(&source, batch).await?.read()?, file, first_line);
                first_line += lines;
                advance(&bar, sent);
            }
            bar.finish_and_clear();
        }
        Ok(())
    })?;
    let Counts { new, duplicates, refused } = counts;
    let said = json!({"imported": new, "duplicates": duplicates, "refused": refused});
    answer(global, &said, || Ok(format!("imported {new}, there before {duplicates}, refused {refused}\n")))?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[derive(Default)]
struct Counts {
    new: u64,
    duplicates: u64,
    refused: u64,
}

impl Counts {
    fn add(&mut self, answer: &BatchAnswer, file: &Path, first_line: u64) {
        for result in &answer.results {
            match result.status {
                201 => self.new += 1,
                200 => self.duplicates += 1,
                _ => {
                    self.refused += 1;
                    let problem = result.problem.clone().unwrap_or_default();
                    let line = first_line + result.index;
                    let why = plain(&problem.detail);
                    tell(&format!("{}:{line}: {}: {why}", file.display(), problem.code));
                }
            }
        }
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let opened = std::fs::File::open(file).map_err(|e| Failure::io(format!("{}: {e}", file.display())))?;
    Ok(Box::new(BufReader::new(opened)))
}

fn next_batch(reader: &mut dyn BufRead, file: &Path) -> Result<(Vec<u8>, u64), Failure> {
    let mut batch = Vec::new();
    let mut lines = 0;
    while lines < BATCH_LINES as u64 && batch.len() < BATCH_BYTES {
        let before = batch.len();
        let read = reader
            .read_until(b'\n', &mut batch)
            .map_err(|e| Failure::io(format!("{}: {e}", file.display())))?;
        if read == 0 {
            break;
        }
        if batch.get(before..).is_some_and(|line| line.trim_ascii().is_empty()) {
            batch.truncate(before);
            continue;
        }
        lines += 1;
    }
    Ok((batch, lines))
}

/// `import:<name>` from a file's name, with what a name may not hold replaced.
fn name_of(file: &Path) -> Result<Name, Failure> {
    let stem = file.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let text: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
        .collect();
    let text = if text == "-" { "stdin".to_owned() } else { text };
    text.parse().map_err(|_| Failure::usage(format!("{}: give a name with --source", file.display())))
}

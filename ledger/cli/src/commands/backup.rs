//! `ledger backup`: a copy of the data directory to go on from, made while the service runs.

use super::export::{covered_length, is_of};
use crate::backup::{Manifest, Sealing, Store, Stored};
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{advance, answer, bytes_bar, safe, tell};
use clap::Args;
use ledger::durable::{Disk as _, RealDisk};
use ledger::storage::{packed_name, segment_name};
use ledger::verify::{DiskSource, Source as _};
use proofs::Checkpoint;
use proofs::note::Note;
use proofs::proofchain::ProofChain;
use serde_json::json;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "What is there already is kept: only segments that are new, the one that is being written, and what \
                  has changed are stored. One that was interrupted goes on where it was. Without --encrypt-to the keys \
                  of the ledger lie in the backup as they lie in the data directory.\n\nExamples:\n  ledger backup \
                  /mnt/backup\n  ledger backup /mnt/backup --encrypt-to age1…\n  ledger backup /mnt/backup --check"
)]
pub(crate) struct Backup {
    /// Where it lies: a directory of its own.
    dir: PathBuf,
    /// Encrypt it for this recipient of age (`age1…`), whose key is not on this machine; may be repeated.
    #[arg(long, value_name = "RECIPIENT")]
    encrypt_to: Vec<String>,
    /// Read what is kept as well, and store again what is not what it was.
    #[arg(long)]
    reread: bool,
    /// Make none: read all that is stored, and say whether it is what it was.
    #[arg(long, conflicts_with_all = ["encrypt_to", "reread"])]
    check: bool,
}

/// What stands beside the log: secrets first, which a restored service cannot do without.
const FOLDERS: [&str; 3] = ["keys", "sign-in", "proofchain"];
const SIGNED: [&str; 3] = ["COSIGNED.txt", "ROOT.txt", "PROOFCHAIN.json"];

pub(crate) fn run(global: &Global, args: &Backup) -> Result<ExitCode, Failure> {
    if args.check {
        return check(global, &args.dir);
    }
    if let Some(url) = &global.url {
        return Err(Failure::usage(format!(
            "a backup is made where the data directory lies, and {url} is an address; run it on that machine with --data"
        )));
    }
    let (manifest, made) = make(&DataDir::new(global.data()), args, &Sealing::of(&args.encrypt_to)?)?;
    if args.encrypt_to.is_empty() {
        tell(
            "The ledger's private keys are in this backup, and it is not encrypted: keep it as you keep them.",
        );
    }
    let said = json!({
        "backup": args.dir, "ledger": manifest.ledger, "size": manifest.size, "root": manifest.root,
        "stored": made.stored, "kept": made.kept, "bytes": made.bytes,
    });
    answer(global, &said, || {
        let dir = args.dir.display().to_string();
        Ok(format!(
            "backed up {} entries to {}: {} files stored, {} kept, {} bytes written\n",
            manifest.size,
            safe(&dir),
            made.stored,
            made.kept,
            made.bytes
        ))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What was done.
#[derive(Debug, Default)]
struct Made {
    stored: u64,
    kept: u64,
    bytes: u64,
}

/// A backup that is being made.
struct Making<'a> {
    source: RealDisk,
    store: Store,
    sealing: &'a Sealing,
    /// Whether what is kept is read.
    reread: bool,
    known: Vec<Manifest>,
    manifest: Manifest,
    made: Made,
}

fn make(dir: &DataDir, args: &Backup, sealing: &Sealing) -> Result<(Manifest, Made), Failure> {
    let to = &args.dir;
    if !dir.has_ledger() {
        return Err(Failure::usage(format!("no ledger in {}; name it with --data", dir.path().display())));
    }
    let source = dir.disk();
    // What is signed first: the log only ever grows past it. Of these the cosigned one, which is never the newer.
    let mut signed = Vec::new();
    for name in SIGNED {
        match source.read(name) {
            Ok(bytes) => signed.push((name, bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::io(format!("{name}: {error}"))),
        }
    }
    let checkpoint = newest_checkpoint(&signed)?;
    let ledger = ledger_of(&checkpoint)?;
    let store = Store::make(to)?;
    let known = store.known()?;
    for other in &known {
        if other.ledger != ledger {
            return Err(Failure::refused(format!(
                "{} is a backup of ledger {}, and this is {ledger}; name another directory",
                to.display(),
                other.ledger
            )));
        }
        if other.recipients != sealing.recipients() {
            let whom =
                if other.recipients.is_empty() { "nobody".to_owned() } else { other.recipients.join(", ") };
            return Err(Failure::refused(format!(
                "the backup in {} is encrypted for {whom}; say the same with --encrypt-to, or name another directory",
                to.display()
            )));
        }
    }
    let mut manifest =
        Manifest::new(ledger, &checkpoint.origin, crate::times::now(), sealing.recipients().to_vec());
    (manifest.size, manifest.root) = (checkpoint.size, checkpoint.root);
    let reread = args.reread;
    let mut making = Making { source, store, sealing, reread, known, manifest, made: Made::default() };
    making.documents()?;
    for (name, bytes) in &signed {
        making.add(name, bytes, false)?;
    }
    making.segments(checkpoint.size)?;
    making.keys_are_the_same()?;
    making.store.finish(&making.manifest)?;
    Ok((making.manifest, making.made))
}

impl Making<'_> {
    fn documents(&mut self) -> Result<(), Failure> {
        let mut names: Vec<String> = Vec::new();
        for folder in FOLDERS {
            let files = self.source.list(folder)?.into_iter().filter(|name| !is_of(name, ".tmp"));
            names.extend(files.map(|name| format!("{folder}/{name}")));
        }
        let cuts = self.source.list("log")?;
        let cuts = cuts.into_iter().filter(|name| name.starts_with("cut-") && !is_of(name, ".tmp"));
        names.extend(cuts.map(|name| format!("log/{name}")));
        names.push("owner.token".to_owned());
        for name in names {
            match self.source.read(&name) {
                Ok(bytes) => self.add(&name, &bytes, false)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::io(format!("{name}: {error}"))),
            }
        }
        Ok(())
    }

    /// The log up to the last group that the checkpoint covers.
    fn segments(&mut self, covered: u64) -> Result<(), Failure> {
        let segments = DiskSource(&self.source).segments().map_err(Failure::io)?;
        let bar = bytes_bar(segments.iter().map(|(_, bytes)| bytes).sum(), "backing up");
        for (k, (first, len)) in segments.iter().enumerate() {
            if *first < covered || *first == 0 {
                self.segment(*first, covered, k + 1 == segments.len())?;
            }
            advance(&bar, *len);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn segment(&mut self, first: u64, covered: u64, newest: bool) -> Result<(), Failure> {
        let (plain, packed) = (segment_name(first), packed_name(first));
        let name = if self.source.len(&plain).is_ok() { &plain } else { &packed };
        let known = self.known.iter().filter_map(|known| known.file(name));
        if let Some(same) = known.clone().find(|file| file.closed && self.holds(file)) {
            self.manifest.files.push(same.clone());
            self.made.kept += 1;
            return Ok(());
        }
        let unread = |error: std::io::Error| Failure::io(format!("{name}: {error}"));
        // The service may have packed it since: then its lines are gone, and the packed file is there.
        if !newest && *name == packed {
            let bytes = self.source.read(&packed).map_err(unread)?;
            self.add(&packed, &bytes, true)?;
        } else {
            let bytes = DiskSource(&self.source).segment(first).map_err(Failure::io)?;
            let (length, left_out) = covered_length(&bytes, first, covered);
            self.add(&plain, bytes.get(..length).unwrap_or_default(), !newest && left_out == 0)?;
        }
        self.store.progress(&self.manifest)
    }

    fn add(&mut self, name: &str, bytes: &[u8], closed: bool) -> Result<(), Failure> {
        let hash = *blake3::hash(bytes).as_bytes();
        let known = self.known.iter().filter_map(|known| known.file(name));
        let same = |file: &&Stored| file.hash.0 == hash && self.holds(file);
        if let Some(same) = known.clone().find(same) {
            let same = Stored { closed, ..same.clone() };
            self.manifest.files.push(same);
            self.made.kept += 1;
            return Ok(());
        }
        let stored = self.store.put(name, bytes, closed, self.sealing)?;
        self.made.stored += 1;
        self.made.bytes += stored.object_bytes;
        self.manifest.files.push(stored);
        Ok(())
    }

    fn holds(&self, file: &Stored) -> bool {
        if self.reread { self.store.check(file).is_ok() } else { self.store.holds(file) }
    }

    /// A key that was replaced meanwhile is not the one that the log names, or the other way round.
    fn keys_are_the_same(&self) -> Result<(), Failure> {
        for file in self.manifest.files.iter().filter(|file| file.name.starts_with("keys/")) {
            let now = self.source.read(&file.name).map(|bytes| *blake3::hash(&bytes).as_bytes());
            if now.ok() != Some(file.hash.0) {
                return Err(Failure::refused(format!(
                    "{} was replaced while the backup was made; run it again",
                    file.name
                )));
            }
        }
        Ok(())
    }
}

/// The newest checkpoint of those that were read: a seal's is in the proof chain before `ROOT.txt` is replaced.
fn newest_checkpoint(signed: &[(&str, Vec<u8>)]) -> Result<Checkpoint, Failure> {
    let read = |note: &[u8]| Checkpoint::parse(&Note::parse(note).ok()?.text).ok();
    let newest = signed.iter().filter_map(|(_, bytes)| match ProofChain::parse(bytes) {
        Ok(chain) => read(chain.seals.last()?.checkpoint.as_bytes()),
        Err(_) => read(bytes),
    });
    let newest = newest.max_by_key(|checkpoint| checkpoint.size);
    newest.ok_or_else(|| {
        Failure::refused("there is no checkpoint that can be read; `ledger verify` says what is wrong")
    })
}

/// The ledger's id, which is the middle of its origin.
fn ledger_of(checkpoint: &Checkpoint) -> Result<spec::Hash, Failure> {
    let id = checkpoint.origin.split('/').nth(1).and_then(|id| spec::Hash::from_hex(id).ok());
    id.ok_or_else(|| Failure::refused(format!("ROOT.txt: {} names no ledger", checkpoint.origin)))
}

/// Reads everything that is stored.
fn check(global: &Global, dir: &Path) -> Result<ExitCode, Failure> {
    let (store, manifest) = Store::of(dir)?;
    let bar = bytes_bar(manifest.files.iter().map(|file| file.object_bytes).sum(), "checking");
    let mut damaged = Vec::new();
    for file in &manifest.files {
        if let Err(failure) = store.check(file) {
            damaged.push(failure.to_string());
        }
        advance(&bar, file.object_bytes);
    }
    bar.finish_and_clear();
    if !damaged.is_empty() {
        let again = format!("`ledger backup {} --reread` stores it again", dir.display());
        return Err(Failure::refused(format!("{}\n{again}", damaged.join("\n"))));
    }
    let said = json!({
        "backup": dir, "ledger": manifest.ledger, "size": manifest.size, "made_at": manifest.made_at,
        "files": manifest.files.len(),
    });
    answer(global, &said, || {
        Ok(format!(
            "all {} files are whole: {} entries, of {}\n",
            manifest.files.len(),
            manifest.size,
            manifest.made_at
        ))
    })?;
    Ok(ExitCode::SUCCESS)
}

//! `ledger restore`: a data directory from a backup, to go on with or to begin a successor of.

use crate::backup::{Manifest, Opening, Store};
use crate::client::block_on;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{advance, answer, ask, bytes_bar, safe, tell};
use clap::Args;
use ledger::durable::{Disk as _, RealDisk, parent, replace};
use ledger::keyring::load_key;
use ledger::verify::{DiskSource, Options, Report, Trust, Verdict, verify_log};
use projections::former::Refolding;
use proofs::Checkpoint;
use proofs::note::Note;
use serde_json::{Value, json};
use spec::Name;
use spec::payload::Predecessor;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "A ledger must not go on from less than others have seen of it: its nodes and witnesses would hold two \
                  histories. So a ledger with witnesses needs what they signed last (--anchor: a witness's \
                  `witness.json`, a node's `checkpoint.json`, a copy of ROOT.txt or COSIGNED.txt from another machine), \
                  and is not restored behind it. What is lost then is lost: --successor begins a ledger that names the \
                  old one as its predecessor, and keeps what is left of that in `predecessor/`.\n\nExamples:\n  ledger \
                  restore /mnt/backup --data /var/lib/vaultmesh/ledger --anchor witness.json\n  ledger restore \
                  /mnt/backup --data /var/lib/vaultmesh/ledger --successor 'the disk was lost'"
)]
pub(crate) struct Restore {
    /// Where the backup lies.
    backup: PathBuf,
    /// The key of age that opens it.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// A checkpoint that others hold: the log must reach it and agree with it; may be repeated.
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// Begin a new ledger in place of the old one, for this reason.
    #[arg(long, value_name = "REASON")]
    successor: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// A checkpoint from elsewhere.
struct Anchor {
    name: String,
    note: String,
    checkpoint: Checkpoint,
}

pub(crate) fn run(global: &Global, args: &Restore) -> Result<ExitCode, Failure> {
    let to = global.data();
    let (store, manifest) = Store::of(&args.backup)?;
    let opening = Opening::of(args.identity.as_deref())?;
    let anchors = args.anchor.iter().map(|path| anchor(path, &manifest)).collect::<Result<Vec<_>, _>>()?;
    if to.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!(
            "{} is not empty; name a new directory with --data",
            to.display()
        )));
    }
    let beside = Beside::begin(to)?;
    beside.fill(&store, &manifest, &opening)?;
    let report = verified(beside.path(), &manifest, &anchors)?;
    let said = if let Some(reason) = &args.successor {
        succeed(&beside, &manifest, &report, &anchors, reason)?
    } else {
        may_go_on(&beside, args, &report, &anchors)?;
        json!({"data": to, "ledger": manifest.ledger, "size": report.size, "root": report.root})
    };
    beside.take_place(to)?;
    answer(global, &said, || Ok(words(to, &manifest, &report, &said)))?;
    Ok(ExitCode::SUCCESS)
}

fn words(to: &Path, manifest: &Manifest, report: &Report, said: &Value) -> String {
    let to = to.display().to_string();
    let to = safe(&to);
    match said.get("successor").and_then(Value::as_str) {
        Some(id) => format!(
            "began ledger {id} in {to}; it names {} of {} entries, which lies in {to}/predecessor, as its predecessor. \
             Nodes are enrolled anew: `ledger serve --data {to}`\n",
            manifest.ledger, report.size
        ),
        None => format!(
            "restored {} entries to {to}: VERIFIED; `ledger serve --data {to}` goes on\n",
            report.size
        ),
    }
}

/// A checkpoint of the ledger in a file: a note, or what agents and witnesses remember.
fn anchor(path: &Path, manifest: &Manifest) -> Result<Anchor, Failure> {
    let name = path.display().to_string();
    let refused = |why: &dyn std::fmt::Display| Failure::usage(format!("--anchor {name}: {why}"));
    let text = std::fs::read_to_string(path).map_err(|e| Failure::io(format!("--anchor {name}: {e}")))?;
    let memory = serde_json::from_str::<Value>(&text).ok();
    let note =
        memory.as_ref().and_then(|memory| memory.get("note")?.as_str()).map_or(text.as_str(), |note| note);
    let parsed = Note::parse(note.as_bytes()).map_err(|_| refused(&"there is no checkpoint in it"))?;
    let checkpoint = Checkpoint::parse(&parsed.text).map_err(|e| refused(&e))?;
    if checkpoint.origin != manifest.origin {
        return Err(refused(&format_args!(
            "it is of {}, and the backup of {}",
            checkpoint.origin, manifest.origin
        )));
    }
    Ok(Anchor { name, note: note.to_owned(), checkpoint })
}

/// A directory beside the one that is to be, so that whoever looks there finds all of it or nothing.
struct Beside {
    disk: RealDisk,
    path: PathBuf,
}

/// What says that the directory is ours to clear.
const MARK: &str = "RESTORING";

impl Beside {
    fn begin(to: &Path) -> Result<Self, Failure> {
        let mut name = to.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        name.push(".restoring");
        let path = to.with_file_name(name);
        let failed = |error: std::io::Error| Failure::io(format!("{}: {error}", path.display()));
        if path.exists() {
            // One that was cut off right after it began has nothing in it yet, or half of the mark.
            let mut others = path.read_dir().map_err(failed)?.flatten().map(|entry| entry.file_name());
            if !path.join(MARK).is_file() && others.any(|name| name != "RESTORING.tmp") {
                return Err(Failure::usage(format!("{} is in the way", path.display())));
            }
            std::fs::remove_dir_all(&path).map_err(failed)?;
        }
        let disk = RealDisk::new(&path).map_err(failed)?;
        replace(&disk, MARK, b"").map_err(failed)?;
        Ok(Self { disk, path })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn fill(&self, store: &Store, manifest: &Manifest, opening: &Opening) -> Result<(), Failure> {
        let folders: BTreeSet<&str> = manifest.files.iter().map(|file| parent(&file.name)).collect();
        for folder in folders.into_iter().filter(|folder| !folder.is_empty()) {
            self.disk.create_dir(folder)?;
        }
        let bar = bytes_bar(manifest.files.iter().map(|file| file.bytes).sum(), "restoring");
        for file in &manifest.files {
            let bytes = store.get(file, !manifest.recipients.is_empty(), opening)?;
            replace(&self.disk, &file.name, &bytes)?;
            advance(&bar, file.bytes);
        }
        bar.finish_and_clear();
        Ok(self.disk.sync_dir("")?)
    }

    /// Puts it where it is to be.
    fn take_place(self, to: &Path) -> Result<(), Failure> {
        self.disk.remove(MARK)?;
        self.disk.sync_dir("")?;
        // An empty directory may be there; systemd makes one.
        if to.exists() {
            std::fs::remove_dir(to)?;
        }
        let above = RealDisk::existing(self.path.parent().unwrap_or(Path::new(".")));
        let name = |path: &Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        above.rename(&name(&self.path), &name(to))?;
        Ok(above.sync_dir("")?)
    }
}

/// Audits what was restored, with what others hold of it as far as it reaches.
fn verified(path: &Path, manifest: &Manifest, anchors: &[Anchor]) -> Result<Report, Failure> {
    let disk = RealDisk::existing(path);
    let within = anchors.iter().filter(|anchor| anchor.checkpoint.size <= manifest.size);
    let options = Options {
        trust: Trust { ledger: Some(manifest.ledger), ..Trust::default() },
        old: within.map(|anchor| anchor.note.clone().into_bytes()).collect(),
        ..Options::default()
    };
    let report = verify_log(&DiskSource(&disk), &options, Some(&mut Refolding::default()), &mut |_| {});
    if report.verdict == Verdict::Verified {
        return Ok(report);
    }
    let why = report.failures.first().map(ToString::to_string).unwrap_or_default();
    Err(Failure::refused(format!("what the backup holds does not verify: {why}; nothing was restored")))
}

/// Whether nobody holds more of the ledger than there is.
fn may_go_on(beside: &Beside, args: &Restore, report: &Report, anchors: &[Anchor]) -> Result<(), Failure> {
    let size = report.size;
    if let Some(ahead) = anchors.iter().filter(|a| a.checkpoint.size > size).max_by_key(|a| a.checkpoint.size)
    {
        return Err(Failure::refused(format!(
            "the backup ends at size {size}, and {} was signed at size {}: a ledger that went on from here would have two \
             histories, and its nodes and witnesses would say so. Restore a backup that reaches it, or begin a successor \
             with --successor REASON",
            ahead.name, ahead.checkpoint.size
        )));
    }
    let has_witnesses = report.witnessed.is_some() || beside.path.join("COSIGNED.txt").is_file();
    if has_witnesses && anchors.is_empty() {
        return Err(Failure::refused(format!(
            "this ledger has witnesses, who may have signed more than the {size} entries of the backup; give what they \
             signed last with --anchor FILE (a witness's witness.json, a node's checkpoint.json, or COSIGNED.txt as an \
             auditor has it), or begin a successor with --successor REASON"
        )));
    }
    if anchors.is_empty() {
        tell(&format!(
            "Nothing says that the ledger did not go on behind the {size} entries of the backup. If it did, and a node has \
             seen it, that node stops; --anchor FILE rules that out."
        ));
        ask(args.sure, "Go on from here?")?;
    }
    Ok(())
}

/// Begins a ledger that names the old one, which is kept below it.
fn succeed(
    beside: &Beside,
    manifest: &Manifest,
    report: &Report,
    anchors: &[Anchor],
    reason: &str,
) -> Result<Value, Failure> {
    let predecessor = last_known(beside, manifest, report, anchors, reason)?;
    let name: Name =
        manifest.origin.split('/').next().unwrap_or_default().parse().map_err(Failure::refused)?;
    // Its secrets are no use to anybody: nothing is signed with them any more.
    for secret in ["keys", "sign-in"] {
        let path = beside.path.join(secret);
        if path.exists() {
            std::fs::remove_dir_all(path)?;
        }
    }
    match std::fs::remove_file(beside.path.join("owner.token")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    beside.disk.create_dir("predecessor")?;
    for name in beside.disk.list("")?.into_iter().filter(|name| name != "predecessor" && name != MARK) {
        beside.disk.rename(&name, &format!("predecessor/{name}"))?;
    }
    beside.disk.sync_dir("predecessor")?;
    let made =
        block_on(async { Ok(DataDir::new(beside.path()).init_after(&name, Some(predecessor)).await?) })?;
    tell(
        "The new ledger's recovery.key belongs on another machine: whoever has it can replace the ledger's keys.",
    );
    Ok(
        json!({"successor": made.ledger_id, "predecessor": manifest.ledger, "size": report.size, "origin": made.origin}),
    )
}

/// The last that is known of the old ledger: the newest checkpoint that its key signed.
fn last_known(
    beside: &Beside,
    manifest: &Manifest,
    report: &Report,
    anchors: &[Anchor],
    reason: &str,
) -> Result<Predecessor, Failure> {
    let of = |note: &str, checkpoint: &Checkpoint| Predecessor {
        checkpoint: note.to_owned(),
        ledger: manifest.ledger,
        reason: reason.to_owned(),
        root: checkpoint.root,
        size: checkpoint.size,
    };
    let ahead = anchors.iter().filter(|anchor| anchor.checkpoint.size > report.size);
    if let Some(newest) = ahead.max_by_key(|anchor| anchor.checkpoint.size) {
        let key = load_key(&beside.path.join("keys/checkpoint.key"))?.public();
        let signed_by =
            |note: &Note| note.signatures.iter().find(|line| line.name == manifest.origin).cloned();
        let note = Note::parse(newest.note.as_bytes()).map_err(Failure::refused)?;
        let own = Note { text: note.text.clone(), signatures: signed_by(&note).into_iter().collect() };
        Checkpoint::open(own.to_string().as_bytes(), &[key], &[]).map_err(|error| {
            Failure::refused(format!("--anchor {}: the ledger's key did not sign it: {error}", newest.name))
        })?;
        return Ok(of(&newest.note, &newest.checkpoint));
    }
    let bytes = beside.disk.read("ROOT.txt")?;
    let text = String::from_utf8(bytes).map_err(Failure::refused)?;
    let note = Note::parse(text.as_bytes()).map_err(Failure::refused)?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(Failure::refused)?;
    Ok(of(&text, &checkpoint))
}

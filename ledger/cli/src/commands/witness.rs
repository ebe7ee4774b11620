//! `ledger witness`: who witnesses, and witnessing from outside.

use crate::api::{Ref, with_client, with_reads};
use crate::client::{Client, block_on};
use crate::commands::serve::stop_signal;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Look, Table, answer, column, document, say, tell, wide};
use clap::{Args as ClapArgs, Subcommand};
use ledger::keyring;
use serde_json::json;
use service::wire::{WitnessRow, WitnessesAnswer};
use spec::payload::{
    KeySignature, Witness as SetWitness, WitnessKey, WitnessSet, WitnessSetChange, witness_set_bytes,
};
use spec::{Hash, Kind, Name};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vaultmesh_agent::client::HttpClient;
use vaultmesh_agent::clock::{Clock as _, SystemClock};
use vaultmesh_agent::disk::FileDisk;
use vaultmesh_agent::entropy::SystemEntropy;
use vaultmesh_agent::lock::{StateLock, create_private_dir};
use vaultmesh_agent::report;
use vaultmesh_agent::trust::memory::EQUIVOCATION_FILE;
use vaultmesh_agent::trust::witness::{Caught, Round, Witness as AtWork, WitnessIdentity};

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Follow a ledger from outside: cosign its checkpoints, and keep the proof if it contradicts itself.
    Run {
        /// Where the key and the memory of this witness are.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The ledger's id, known from elsewhere.
        #[arg(long, value_parser = super::hash)]
        ledger: Hash,
        /// Look once and end.
        #[arg(long)]
        once: bool,
    },
    /// Make a witness's key, or show the one that is there: what the operator adds with `witness add --outside`.
    Key {
        /// Where the key and the memory of this witness are.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The name it signs under, such as auditor.example.org.
        #[arg(long)]
        name: Name,
        /// The ledger's id, known from elsewhere.
        #[arg(long, value_parser = super::hash)]
        ledger: Hash,
    },
    /// Add witnesses to the set: nodes, or what `witness key` said elsewhere.
    Add {
        /// Nodes that have sent a heartbeat since they can cosign.
        nodes: Vec<Ref>,
        /// A file with what `witness key` said, of a witness outside your control; - reads standard input.
        #[arg(long, value_name = "FILE")]
        outside: Vec<PathBuf>,
        /// The same of one within your control.
        #[arg(long, value_name = "FILE")]
        inside: Vec<PathBuf>,
        #[command(flatten)]
        change: Change,
    },
    /// Take witnesses out of the set.
    Remove {
        /// Their names.
        #[arg(required = true)]
        names: Vec<Name>,
        #[command(flatten)]
        change: Change,
    },
    /// List the set and how far each witness has come.
    List,
    /// Write the trust policy for `ledger verify --trust`.
    Policy,
    /// Sign a change of the set with a witness's key, beside those who signed it before.
    Sign {
        /// The change, as `witness add -o json` or `witness remove -o json` wrote it.
        change: PathBuf,
        /// Where the key of this witness is.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The ledger's id, known from elsewhere.
        #[arg(long, value_parser = super::hash)]
        ledger: Hash,
    },
    /// Send a change of the set that is signed.
    Submit {
        /// The change.
        change: PathBuf,
    },
}

/// How a set is changed.
#[derive(Debug, ClapArgs)]
pub(crate) struct Change {
    /// How many must cosign; more than two thirds, which is also what is taken if this is left out.
    #[arg(long)]
    quorum: Option<u64>,
    /// A recovery key. Without one nothing changes: with -o json the change is written out, for the quorum of the present
    /// set to sign.
    #[arg(long, value_name = "FILE")]
    recovery_key: Vec<PathBuf>,
}

/// The witnesses, and how far each has come.
pub(crate) const WITNESSES: Table<WitnessRow> = Table {
    columns: &[
        column("name", |row| Cell::from(&row.name)),
        column("where", |row| place(row.outside)),
        column("signed", |row| Cell::from(row.signed_size)),
        column("at", |row| Cell::from(row.signed_at)),
        column("key", |row| Cell::from(row.key)),
        wide("verifier key", |row| Cell::from(&row.vkey)),
    ],
    nothing: "the ledger names no witnesses yet; see `ledger witness add --help`",
};

/// The witnesses that a change names.
pub(crate) const NAMED: Table<SetWitness> = Table {
    columns: &[
        column("name", |witness| Cell::from(&witness.name)),
        column("where", |witness| place(witness.outside)),
        column("key", |witness| Cell::of(&witness.key)),
    ],
    nothing: "nobody",
};

fn place(outside: bool) -> Cell {
    Cell::from(if outside { "outside" } else { "inside" })
}

pub(crate) fn run(global: &Global, command: &Witness) -> Result<ExitCode, Failure> {
    match command {
        Witness::Run { state, ledger, once } => return witness(global, state, ledger, *once),
        Witness::Key { state, name, ledger } => key(global, state, name, ledger),
        Witness::Add { nodes, outside, inside, change } => add(global, nodes, outside, inside, change),
        Witness::Remove { names, change } => remove(global, names, change),
        Witness::List => list(global),
        Witness::Policy => policy(global),
        Witness::Sign { change, state, ledger } => sign(global, change, state, ledger),
        Witness::Submit { change } => submit(global, &read_change(change)?),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the key that is named, or shows it.
fn key(global: &Global, state: &Path, name: &Name, ledger: &Hash) -> Result<(), Failure> {
    create_private_dir(state).map_err(|e| Failure::io(format!("{}: {e}", state.display())))?;
    let disk = FileDisk::new(state);
    let identity = WitnessIdentity::load_or_make(&disk, name, &mut SystemEntropy).map_err(Failure::io)?;
    if identity.name != *name {
        return Err(Failure::usage(format!("the key there signs as {}", identity.name)));
    }
    document(global, &json!(identity.introduction(ledger)))
}

fn add(
    global: &Global,
    nodes: &[Ref],
    outside: &[PathBuf],
    inside: &[PathBuf],
    change: &Change,
) -> Result<(), Failure> {
    let mut new = Vec::new();
    for (files, is_outside) in [(outside, true), (inside, false)] {
        for file in files {
            let WitnessKey { key, name, pop } = read_introduction(file)?;
            new.push(SetWitness { key, name, outside: is_outside, pop });
        }
    }
    let standing = with_reads(global, async |client| {
        for node in nodes {
            let node = client.node_of(node).await?;
            let said = client.newest(&Kind::WitnessKey, node).await?.and_then(|entry| entry.payload);
            let said = said.ok_or_else(|| {
                Failure::refused(format!("node {node} has not said with which key it would cosign"))
            })?;
            let WitnessKey { key, name, pop } = serde_json::from_str(said.get()).map_err(Failure::io)?;
            new.push(SetWitness { key, name, outside: false, pop });
        }
        standing(client).await
    })?;
    if new.is_empty() {
        return Err(Failure::usage("name a node, or a file with --outside or --inside"));
    }
    let mut witnesses = standing.witnesses.clone();
    if let Some(twice) = new.iter().find(|new| witnesses.iter().any(|old| old.name == new.name)) {
        return Err(Failure::refused(format!("{} is a witness already; remove it first", twice.name)));
    }
    witnesses.extend(new);
    propose(global, &standing, witnesses, change)
}

fn remove(global: &Global, names: &[Name], change: &Change) -> Result<(), Failure> {
    let standing = with_client(global, async |client| standing(client).await)?;
    let mut witnesses = standing.witnesses.clone();
    if let Some(unknown) = names.iter().find(|name| witnesses.iter().all(|old| old.name != **name)) {
        return Err(Failure::refused(format!("{unknown} is not a witness")));
    }
    witnesses.retain(|witness| !names.contains(&witness.name));
    propose(global, &standing, witnesses, change)
}

/// What a change starts from.
struct Basis {
    ledger: Hash,
    prev_change: Hash,
    witnesses: Vec<SetWitness>,
}

async fn standing(client: &Client) -> Result<Basis, Failure> {
    let ledger = client.ledger().await?.read()?.ledger;
    let WitnessesAnswer { prev_change, witnesses, .. } = client.witnesses().await?.read()?;
    let witness =
        |row: WitnessRow| SetWitness { key: row.key, name: row.name, outside: row.outside, pop: row.pop };
    Ok(Basis { ledger, prev_change, witnesses: witnesses.into_iter().map(witness).collect() })
}

/// Signs the change with the recovery keys and sends it; without them it is written out.
fn propose(
    global: &Global,
    standing: &Basis,
    mut witnesses: Vec<SetWitness>,
    how: &Change,
) -> Result<(), Failure> {
    witnesses.sort_by(|a, b| a.name.cmp(&b.name));
    if witnesses.iter().all(|witness| !witness.outside) {
        return Err(Failure::refused(
            "one witness at least must be outside your control: let somebody else run `ledger witness key` and \
             `ledger witness run`, and add what the first says with --outside",
        ));
    }
    let quorum = how.quorum.unwrap_or_else(|| WitnessSet::least_quorum(witnesses.len()));
    let set = WitnessSet { quorum, witnesses };
    let message = witness_set_bytes(&set, &standing.ledger, &standing.prev_change);
    let mut signatures = Vec::new();
    for file in &how.recovery_key {
        let key = keyring::load_key(file).map_err(Failure::io)?;
        signatures.push(KeySignature { key: key.public(), sig: key.sign(&message) });
    }
    signatures.sort_by_key(|signature| signature.key);
    let change = WitnessSetChange { prev_change: standing.prev_change, set, signatures };
    if change.signatures.is_empty() {
        answer(global, &json!(change), || {
            Ok(witnesses_of(&change.set, "The set would be:", &Look::here(global)))
        })?;
        tell(
            "Nothing was changed yet. Write the change to a file with -o json, let the present witnesses sign it with \
             `ledger witness sign`, then send it with `ledger witness submit`; or give --recovery-key.",
        );
        return Ok(());
    }
    submit(global, &change)?;
    tell("Put the recovery key away again.");
    Ok(())
}

fn submit(global: &Global, change: &WitnessSetChange) -> Result<(), Failure> {
    let done = with_client(global, async |client| client.change_witnesses(change).await)?;
    done.show(global, |recorded, look| {
        let what = format!("Since entry {} the ledger names these witnesses:", recorded.seq);
        witnesses_of(&change.set, &what, look)
    })
}

/// A set under a line that says what it is.
pub(crate) fn witnesses_of(set: &WitnessSet, what: &str, look: &Look) -> String {
    let of = set.witnesses.len();
    format!("{what}\n{}quorum {} of {of}\n", NAMED.text(&set.witnesses, look), set.quorum)
}

/// Adds a witness's signature to a change and writes it out.
fn sign(global: &Global, change: &Path, state: &Path, ledger: &Hash) -> Result<(), Failure> {
    let mut change = read_change(change)?;
    let identity = WitnessIdentity::load(&FileDisk::new(state)).map_err(Failure::io)?;
    let identity =
        identity.ok_or_else(|| Failure::io(format!("there is no witness key in {}", state.display())))?;
    let message = witness_set_bytes(&change.set, ledger, &change.prev_change);
    let key = identity.key.public();
    change.signatures.retain(|signature| signature.key != key);
    change.signatures.push(KeySignature { key, sig: identity.key.sign(&message) });
    change.signatures.sort_by_key(|signature| signature.key);
    document(global, &json!(change))
}

fn list(global: &Global) -> Result<(), Failure> {
    with_client(global, async |client| client.witnesses().await)?.show(global, listed)
}

/// The witnesses, and under them how far they have come together.
pub(crate) fn listed(said: &WitnessesAnswer, look: &Look) -> String {
    let cosigned = said.cosigned.map_or_else(|| "none".to_owned(), |size| size.to_string());
    format!(
        "{}quorum {} · {} entries, cosigned up to {cosigned}\n",
        WITNESSES.text(&said.witnesses, look),
        said.quorum,
        said.size,
    )
}

/// What an auditor pins: the ledger id, the witnesses, and how many of them must have signed.
fn policy(global: &Global) -> Result<(), Failure> {
    let (about, said) = with_client(global, async |client| {
        Ok((client.ledger().await?.read()?, client.witnesses().await?.read()?))
    })?;
    let vkeys: Vec<&String> = said.witnesses.iter().map(|witness| &witness.vkey).collect();
    let policy = json!({
        "format": "vaultmesh-trust-v1", "ledger": about.ledger, "quorum": said.quorum, "witnesses": vkeys,
    });
    document(global, &policy)
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let named = |e: std::io::Error| Failure::io(format!("{}: {e}", file.display()));
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(named)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(named)
}

fn read_introduction(file: &Path) -> Result<WitnessKey, Failure> {
    serde_json::from_str(&read_text(file)?)
        .map_err(|e| Failure::usage(format!("{}: not what `ledger witness key` says: {e}", file.display())))
}

fn read_change(file: &Path) -> Result<WitnessSetChange, Failure> {
    serde_json::from_str(&read_text(file)?)
        .map_err(|e| Failure::usage(format!("{}: not a change of the witness set: {e}", file.display())))
}

/// Witnesses until it is told to stop, or the ledger is caught.
fn witness(global: &Global, state: &Path, ledger: &Hash, once: bool) -> Result<ExitCode, Failure> {
    let url = global.url.as_deref().ok_or_else(|| Failure::usage("name the service with --url"))?;
    let _lock = StateLock::take(state).map_err(Failure::io)?;
    let disk = FileDisk::new(state);
    let caught_before = std::fs::exists(state.join(EQUIVOCATION_FILE)).map_err(Failure::io)?;
    if caught_before {
        return Err(Failure::refused(format!(
            "the ledger was caught before; the proof is in {}",
            state.join(EQUIVOCATION_FILE).display()
        )));
    }
    let identity = WitnessIdentity::load(&disk).map_err(Failure::io)?.ok_or_else(|| {
        Failure::usage(format!("there is no witness key in {}; run `ledger witness key`", state.display()))
    })?;
    let client = HttpClient::new(url).map_err(Failure::usage)?;
    let clock = SystemClock::start();
    block_on(async {
        let authority = AtWork::<FileDisk>::authority_of(ledger, &client).await.map_err(Failure::io)?;
        let mut at_work = AtWork::open(disk.clone(), identity, authority).map_err(Failure::io)?;
        if once {
            return match at_work.round(&client, 0, || clock.now().wall).await {
                Ok(Round::Later(why)) => Err(Failure::io(why)),
                Ok(round) => say_round(global, &round).map(|()| ExitCode::SUCCESS),
                Err(caught) => Err(accuse(&disk, &client, &clock, &caught).await),
            };
        }
        let stop = stop_signal()?;
        let tell_of = |round: &Round| drop(say_round(global, round));
        tokio::select! {
            caught = at_work.run(&client, &clock, tell_of) => Err(accuse(&disk, &client, &clock, &caught).await),
            () = stop => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Tells the service what it was caught at, and the caller where the proof is.
async fn accuse(disk: &FileDisk, client: &HttpClient, clock: &SystemClock, caught: &Caught) -> Failure {
    let told = match report::contradiction(disk, client, clock.now().wall).await {
        Ok(()) => "the service was told".to_owned(),
        Err(why) => format!("the service could not be told: {why}"),
    };
    Failure::refused(format!("{caught}; the proof is in {EQUIVOCATION_FILE} of the state directory; {told}"))
}

fn say_round(global: &Global, round: &Round) -> Result<(), Failure> {
    let (facts, words) = match round {
        Round::Signed { size, cosigned, quorum } => (
            json!({"cosigned": cosigned, "quorum": quorum, "signed": size}),
            format!("signed {size}: {cosigned} of {quorum}\n"),
        ),
        Round::Watched(size) => (
            json!({"watched": size}),
            format!("followed up to {size}; the ledger does not name this witness\n"),
        ),
        Round::Nothing => return Ok(()),
        Round::Later(why) => {
            tell(why);
            return Ok(());
        }
    };
    if global.for_people() { say(&words) } else { document(global, &facts) }
}

//! `ledger witness`: who witnesses, and witnessing from outside.

use super::tokens::items_table;
use crate::cli::{Change, Global, Witness as Args};
use crate::client::{block_on, with_client};
use crate::commands::serve::stop_signal;
use crate::failure::Failure;
use crate::output::{items, say, say_answer, table, tell, text};
use axum::http::Method;
use ledger::keyring;
use serde_json::{Value, json};
use spec::payload::{KeySignature, Witness, WitnessKey, WitnessSet, WitnessSetChange, witness_set_bytes};
use spec::{Hash, Name, Uuid};
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use vaultmesh_agent::client::HttpClient;
use vaultmesh_agent::clock::{Clock as _, SystemClock};
use vaultmesh_agent::disk::FileDisk;
use vaultmesh_agent::entropy::SystemEntropy;
use vaultmesh_agent::lock::{StateLock, create_private_dir};
use vaultmesh_agent::memory::EQUIVOCATION_FILE;
use vaultmesh_agent::report;
use vaultmesh_agent::witness::{Caught, Round, Witness as AtWork, WitnessIdentity};

const ROUTE: &str = "/api/ledger/witnesses";

pub(crate) fn run(global: &Global, command: &Args) -> Result<ExitCode, Failure> {
    match command {
        Args::Run { state, ledger, once } => return witness(global, state, ledger, *once),
        Args::Key { state, name, ledger } => key(global, state, name, ledger),
        Args::Add { nodes, outside, inside, change } => add(global, nodes, outside, inside, change),
        Args::Remove { names, change } => remove(global, names, change),
        Args::List => list(global),
        Args::Policy => policy(global),
        Args::Sign { change, state, ledger } => sign(change, state, ledger),
        Args::Submit { change } => submit(global, &read_change(change)?),
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
    say_answer(global.output, &json!(identity.introduction(ledger)))
}

fn add(
    global: &Global,
    nodes: &[Uuid],
    outside: &[std::path::PathBuf],
    inside: &[std::path::PathBuf],
    change: &Change,
) -> Result<(), Failure> {
    let mut new = Vec::new();
    for (files, is_outside) in [(outside, true), (inside, false)] {
        for file in files {
            let WitnessKey { key, name, pop } = read_introduction(file)?;
            new.push(Witness { key, name, outside: is_outside, pop });
        }
    }
    let standing = with_client(global, async |client| {
        for node in nodes {
            let path = format!("/api/events?kind=witness-key&node_id={node}&order=desc&limit=1");
            let answer = client.json(Method::GET, &path, None).await?;
            let said = items(&answer).first().and_then(|item| item.get("payload").cloned());
            let said = said.ok_or_else(|| {
                Failure::refused(format!("node {node} has not said with which key it would cosign"))
            })?;
            let WitnessKey { key, name, pop } = serde_json::from_value(said).map_err(Failure::io)?;
            new.push(Witness { key, name, outside: false, pop });
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
struct Standing {
    ledger: Hash,
    prev_change: Hash,
    witnesses: Vec<Witness>,
}

async fn standing(client: &crate::client::Client) -> Result<Standing, Failure> {
    let about = client.json(Method::GET, "/api/ledger", None).await?;
    let answer = client.json(Method::GET, ROUTE, None).await?;
    let witness = |item: &Value| {
        let part = |name: &str| item.get(name).cloned().unwrap_or_default();
        let only = json!({
            "key": part("key"), "name": part("name"), "outside": part("outside"), "pop": part("pop"),
        });
        serde_json::from_value(only).map_err(Failure::io)
    };
    Ok(Standing {
        ledger: hash(&about, "/ledger")?,
        prev_change: hash(&answer, "/prev_change")?,
        witnesses: answer
            .get("witnesses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(witness)
            .collect::<Result<_, _>>()?,
    })
}

fn hash(answer: &Value, pointer: &str) -> Result<Hash, Failure> {
    Hash::from_hex(&text(answer, pointer)).map_err(Failure::io)
}

/// Signs the change with the recovery keys and sends it; without them it is written out.
fn propose(
    global: &Global,
    standing: &Standing,
    mut witnesses: Vec<Witness>,
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
        if global.for_people() {
            say(&witnesses_of(&change.set, "The set would be:"))?;
        } else {
            say(&format!("{}\n", serde_json::to_string(&change).map_err(Failure::io)?))?;
        }
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
    let body = serde_json::to_value(change).map_err(Failure::io)?;
    let answer = with_client(global, async |client| client.json(Method::POST, ROUTE, Some(&body)).await)?;
    if !global.for_people() {
        return say_answer(global.output, &answer);
    }
    let from = text(&answer, "/seq");
    say(&witnesses_of(&change.set, &format!("Since entry {from} the ledger names these witnesses:")))
}

/// A set under a line that says what it is.
fn witnesses_of(set: &WitnessSet, what: &str) -> String {
    let row = |witness: &Witness| {
        let whose = if witness.outside { "outside" } else { "inside" };
        vec![witness.name.to_string(), whose.to_owned(), witness.key.to_string()]
    };
    let rows: Vec<Vec<String>> = set.witnesses.iter().map(row).collect();
    let of = set.witnesses.len();
    format!("{what}\n{}quorum {} of {of}\n", table(&["name", "where", "key"], &rows), set.quorum)
}

/// Adds a witness's signature to a change and writes it out.
fn sign(change: &Path, state: &Path, ledger: &Hash) -> Result<(), Failure> {
    let mut change = read_change(change)?;
    let identity = WitnessIdentity::load(&FileDisk::new(state)).map_err(Failure::io)?;
    let identity =
        identity.ok_or_else(|| Failure::io(format!("there is no witness key in {}", state.display())))?;
    let message = witness_set_bytes(&change.set, ledger, &change.prev_change);
    let key = identity.key.public();
    change.signatures.retain(|signature| signature.key != key);
    change.signatures.push(KeySignature { key, sig: identity.key.sign(&message) });
    change.signatures.sort_by_key(|signature| signature.key);
    say(&format!("{}\n", serde_json::to_string(&change).map_err(Failure::io)?))
}

fn list(global: &Global) -> Result<(), Failure> {
    let answer = with_client(global, async |client| client.json(Method::GET, ROUTE, None).await)?;
    if !global.for_people() {
        return say_answer(global.output, &answer);
    }
    let mut told = json!({"items": answer.get("witnesses")});
    let number = |name: &str| answer.get(name).and_then(Value::as_u64);
    if items(&told).is_empty() {
        tell("The ledger names no witnesses yet; see `ledger witness add --help`.");
    } else {
        say(&items_table(&told.take(), &["name", "outside", "signed_size", "signed_at", "vkey"]))?;
    }
    say(&format!(
        "quorum {} · {} entries, cosigned up to {}\n",
        number("quorum").unwrap_or_default(),
        number("size").unwrap_or_default(),
        number("cosigned").map_or_else(|| "none".to_owned(), |size| size.to_string()),
    ))
}

/// What an auditor pins: the ledger id, the witnesses, and how many of them must have signed.
fn policy(global: &Global) -> Result<(), Failure> {
    let (about, answer) = with_client(global, async |client| {
        let about = client.json(Method::GET, "/api/ledger", None).await?;
        Ok((about, client.json(Method::GET, ROUTE, None).await?))
    })?;
    let witnesses = answer.get("witnesses").and_then(Value::as_array).cloned().unwrap_or_default();
    let vkeys: Vec<Value> = witnesses.iter().filter_map(|witness| witness.get("vkey").cloned()).collect();
    let policy = json!({
        "format": "vaultmesh-trust-v1", "ledger": about.get("ledger"), "quorum": answer.get("quorum"),
        "witnesses": vkeys,
    });
    say_answer(Some(global.output.unwrap_or(crate::cli::Output::Json)), &policy)
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
    if global.for_people() { say(&words) } else { say_answer(global.output, &facts) }
}

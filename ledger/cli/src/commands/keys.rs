//! `ledger keys`.

use crate::api::{Ref, with_client};
use crate::client::block_on;
use crate::data::{DataDir, Manner, close};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Look, Table, answer, ask, column, short, tell, wide};
use clap::Subcommand;
use ledger::keyring;
use serde::Serialize;
use serde_json::json;
use service::wire::{EnrolmentRequest, KeyRow, KeyStatusRequest, RegisterRequest};
use spec::payload::{
    Authority, AuthorityChange, KeySignature, authority_bytes, node_possession_bytes, possession_bytes,
    token_hash,
};
use spec::{Author, Hash, KeyUse, Kind, Name, PublicKey, Uuid};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List keys.
    Show,
    /// Make a key for a person's device and introduce it.
    Introduce {
        /// Organisation it belongs to.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The person; a new id, if absent.
        #[arg(long)]
        user: Option<Uuid>,
        /// File for the private key; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Replace one of the ledger's own keys. The service must be stopped, the recovery key present.
    Rotate {
        /// checkpoint, checkpoint-sha256, service or command.
        #[arg(long = "use")]
        key_use: String,
        /// File of the recovery key.
        #[arg(long)]
        recovery_key: PathBuf,
    },
    /// End a node's key.
    Revoke {
        /// The public key, or the beginning of it.
        key: Ref,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// It was stolen: doubt what it signed from this entry on.
        #[arg(long, value_name = "SEQ")]
        compromised_from: Option<u64>,
        #[command(flatten)]
        sure: Sure,
    },
}

/// The keys there are.
pub(crate) const KEYS: Table<KeyRow> = Table {
    columns: &[
        column("key", |row| Cell::from(row.key)),
        column("use", |row| Cell::word(&row.key_use)),
        column("status", |row| Cell::from(&*row.status)),
        column("author", |row| Cell::from(row.author.as_ref())),
        column("org", |row| Cell::from(&row.org)),
        wide("tenant", |row| Cell::from(row.tenant.as_ref())),
        column("introduced", |row| Cell::from(row.introduced)),
        column("until", |row| Cell::from(row.until)),
        wide("suspect from", |row| Cell::from(row.suspect_from)),
        wide("successor", |row| Cell::from(row.successor)),
        wide("events", |row| Cell::from(row.chain.next)),
    ],
    nothing: "no keys that you may see",
};

/// A key of a person's device that was introduced.
#[derive(Debug, Serialize)]
pub(crate) struct Introduced {
    pub(crate) author: Author,
    pub(crate) key: PublicKey,
    pub(crate) org: Name,
    pub(crate) ledger: Hash,
}

/// It, for people.
pub(crate) const INTRODUCED: Card<Introduced> = Card(&[
    column("author", |made| Cell::from(&made.author)),
    column("key", |made| Cell::from(made.key)),
    column("org", |made| Cell::from(&made.org)),
    column("ledger id", |made| Cell::from(made.ledger)),
]);

pub(crate) fn run(global: &Global, command: &Keys) -> Result<ExitCode, Failure> {
    match command {
        Keys::Show => with_client(global, async |client| client.keys().await)?.show(global, &KEYS),
        Keys::Introduce { org, user, out } => introduce(global, org, *user, out),
        Keys::Revoke { key, reason, compromised_from, sure } => {
            revoke(global, key, reason.as_deref(), *compromised_from, *sure)
        }
        Keys::Rotate { key_use, recovery_key } => rotate(global, key_use, recovery_key),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a device key and introduces it with a token of its own.
fn introduce(global: &Global, org: &Name, user: Option<Uuid>, out: &Path) -> Result<(), Failure> {
    let key = keyring::generate()?;
    let user = match user {
        Some(user) => user,
        None => Uuid::v4(keyring::random()?),
    };
    let author = Author::User(user);
    // The file first: a key that is introduced and lost is of no use to anyone.
    keyring::store_key(out, &key).map_err(|e| Failure::io(format!("{}: {e}", out.display())))?;
    let (org, ledger) = with_client(global, async |client| {
        let request = EnrolmentRequest {
            key_use: Some(KeyUse::Device.as_str().to_owned()),
            ttl_secs: Some(60),
            uses: Some(1),
            ..EnrolmentRequest::default()
        };
        let token = client.create_enrolment(org, &request).await?.read()?.token;
        let parts = token.strip_prefix("vm1.").and_then(|rest| rest.split_once('.'));
        let (ledger, secret) = parts.ok_or_else(|| Failure::io("the answer holds no token"))?;
        let hash = |text: &str| Hash::from_hex(text).map_err(Failure::io);
        let statement =
            node_possession_bytes(&author, &key.public(), &hash(ledger)?, &token_hash(&hash(secret)?.0));
        let request = RegisterRequest {
            author: author.to_string(),
            key: key.public().to_string(),
            pop: key.sign(&statement).to_string(),
            token: token.clone(),
            key_use: Some(KeyUse::Device.as_str().to_owned()),
            hostname: None,
            labels: None,
            name: None,
        };
        let registered = client.register(&request).await?.read()?;
        Ok((registered.org.into_owned(), registered.ledger))
    })?;
    let made = Introduced { author, key: key.public(), org, ledger };
    let look = Look::here(global);
    answer(global, &json!(made), || Ok(INTRODUCED.text(&made, &look)))
}

fn revoke(
    global: &Global,
    key: &Ref,
    reason: Option<&str>,
    from: Option<u64>,
    sure: Sure,
) -> Result<(), Failure> {
    let request = KeyStatusRequest {
        status: if from.is_some() { "compromised" } else { "revoked" }.to_owned(),
        reason: reason.map(str::to_owned),
        suspect_from: from,
    };
    let ended = with_client(global, async |client| {
        let key = client.key_of(key).await?;
        ask(sure, &format!("End key {key} for good?"))?;
        client.govern_key(&key, &request).await
    })?;
    ended.show(global, |row, _| revoked_line(row))?;
    let row = ended.read()?;
    // A successor named by whoever had the key is as bad as the key.
    if let (Some(successor), Some(from), Some(until)) = (row.successor, row.suspect_from, row.until)
        && from <= until
    {
        tracing::warn!(
            "the key {successor} took its place at entry {until}, which is in doubt, and stays valid; \
             `ledger keys revoke {successor}` ends it"
        );
    }
    Ok(())
}

/// A key that was ended, and from where on.
pub(crate) fn revoked_line(row: &KeyRow) -> String {
    let until = row.until.map_or_else(String::new, |seq| format!(" at entry {seq}"));
    let doubt = row
        .suspect_from
        .map_or_else(String::new, |seq| format!("; what it signed is in doubt from entry {seq} on"));
    format!("ended key {}{until}{doubt}\n", short(&row.key))
}

/// Replaces one of the ledger's own keys under the recovery key.
fn rotate(global: &Global, key_use: &str, recovery_key: &Path) -> Result<(), Failure> {
    let key_use = [KeyUse::Checkpoint, KeyUse::CheckpointSha256, KeyUse::Service, KeyUse::Command]
        .into_iter()
        .find(|k| k.as_str() == key_use)
        .ok_or_else(|| Failure::usage("--use is checkpoint, checkpoint-sha256, service or command"))?;
    if global.url.is_some() {
        return Err(Failure::usage("keys are rotated on the machine that holds them; leave --url out"));
    }
    let dir = DataDir::new(global.data());
    let recovery = keyring::load_key(recovery_key).map_err(Failure::io)?;
    let new = keyring::generate()?;
    let seq = block_on(async {
        let (ledger, _) = dir.open(Manner::default()).await?;
        let old = ledger.current_key(key_use);
        let prev_change = ledger.directory(|d| d.last_change);
        let statement = json!({"key": new.public(), "ledger": ledger.id(), "use": key_use});
        let change =
            AuthorityChange { new: new.public(), old, pop: new.sign(&possession_bytes(&statement)), key_use };
        let sig = recovery.sign(&authority_bytes(&change, &ledger.id(), &prev_change));
        let payload =
            Authority { change, prev_change, signatures: vec![KeySignature { key: recovery.public(), sig }] };
        // The new key's file first: a crash after the entry must find it.
        let keys = dir.path().join("keys");
        let next = keys.join(format!("{}.key.next", key_use.as_str()));
        // A file left by a rotation that was refused.
        let _ = std::fs::remove_file(&next);
        keyring::store_key(&next, &new)?;
        let result = ledger
            .append_statement(Kind::Authority, serde_json::to_value(&payload).map_err(Failure::io)?)
            .await;
        close(ledger, false).await;
        let seq = result.map_err(Failure::refused)?;
        keyring::adopt(&keys, key_use)?;
        Ok(seq)
    })?;
    let said = json!({"use": key_use, "key": new.public(), "seq": seq});
    answer(global, &said, || {
        Ok(format!("the {} key is {} since entry {seq}\n", key_use.as_str(), new.public()))
    })?;
    tell("Put the recovery key away again.");
    Ok(())
}

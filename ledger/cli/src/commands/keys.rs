//! `ledger keys`.

use super::tokens::items_table;
use crate::cli::{Global, Keys};
use crate::client::{block_on, with_client};
use crate::data::{DataDir, Manner, close};
use crate::failure::Failure;
use crate::output::{say, say_answer, tell};
use axum::http::Method;
use ledger::keyring;
use serde_json::{Value, json};
use spec::payload::{
    Authority, AuthorityChange, KeySignature, authority_bytes, node_possession_bytes, possession_bytes,
    token_hash,
};
use spec::{Author, Hash, KeyUse, Kind, Name, PublicKey, Uuid};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, command: &Keys) -> Result<ExitCode, Failure> {
    match command {
        Keys::Show => show(global),
        Keys::Introduce { org, user, out } => introduce(global, org, *user, out),
        Keys::Revoke { key, reason, compromised_from } => {
            revoke(global, *key, reason.as_deref(), *compromised_from)
        }
        Keys::Rotate { key_use, recovery_key } => rotate(global, key_use, recovery_key),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn show(global: &Global) -> Result<(), Failure> {
    let answer = with_client(global, async |client| client.json(Method::GET, "/api/keys", None).await)?;
    if global.for_people() {
        say(&items_table(&answer, &["key", "use", "status", "author", "org", "introduced", "until"]))
    } else {
        say_answer(global.output, &answer)
    }
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
    let answer = with_client(global, async |client| {
        let path = format!("/api/orgs/{org}/nodes/enrollment-tokens");
        let token = client.json(Method::POST, &path, Some(&json!({"uses": 1, "ttl_secs": 60}))).await?;
        let token = token.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        let parts = token.strip_prefix("vm1.").and_then(|rest| rest.split_once('.'));
        let (ledger, secret) = parts.ok_or_else(|| Failure::io("the answer holds no token"))?;
        let hash = |text: &str| Hash::from_hex(text).map_err(Failure::io);
        let statement =
            node_possession_bytes(&author, &key.public(), &hash(ledger)?, &token_hash(&hash(secret)?.0));
        let body = json!({
            "author": author, "key": key.public(), "pop": key.sign(&statement), "token": token, "use": KeyUse::Device,
        });
        client.json(Method::POST, "/api/nodes/register", Some(&body)).await
    })?;
    say_answer(
        global.output,
        &json!({"author": author, "key": key.public(), "org": answer.get("org"), "ledger": answer.get("ledger")}),
    )
}

fn revoke(global: &Global, key: PublicKey, reason: Option<&str>, from: Option<u64>) -> Result<(), Failure> {
    let mut body = json!({"status": if from.is_some() { "compromised" } else { "revoked" }});
    if let Some(object) = body.as_object_mut() {
        object.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
        object.extend(from.map(|from| ("suspect_from".to_owned(), json!(from))));
    }
    let path = format!("/api/keys/{key}/governance");
    let ended = with_client(global, async |client| client.json(Method::PATCH, &path, Some(&body)).await)?;
    say_answer(global.output, &ended)?;
    // A successor named by whoever had the key is as bad as the key.
    let number = |field: &str| ended.get(field).and_then(Value::as_u64);
    if let (Some(successor), Some(from), Some(until)) =
        (ended.get("successor").and_then(Value::as_str), number("suspect_from"), number("until"))
        && from <= until
    {
        tracing::warn!(
            "the key {successor} took its place at entry {until}, which is in doubt, and stays valid; \
             `ledger keys revoke {successor}` ends it"
        );
    }
    Ok(())
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
    let dir = DataDir::new(&global.data);
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
    say_answer(global.output, &json!({"use": key_use, "key": new.public(), "seq": seq}))?;
    tell("Put the recovery key away again.");
    Ok(())
}

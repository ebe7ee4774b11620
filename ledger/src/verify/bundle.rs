//! Verifying a proof bundle: one entry, from a pinned ledger id alone.

use super::files::pin;
use super::report::{Backing, Proves};
use super::trust::{AuthorityKeys, RecordFormError, read_record};
use super::{Options, Report, TargetKind};
use crate::audit::Finding;
use crate::fault::Fault;
use crate::replay::Replayed;
use crate::state::key_path;
use proofs::bundle::Bundle;
use proofs::checkpoint::Verified;
use proofs::tree::{ProofError, verify_inclusion};
use proofs::{Blake3, Checkpoint, map, signature};
use spec::canonical::WriteError;
use spec::payload::{Genesis, KeyIntroduction, KeyRotation, rotation_possession_bytes};
use spec::{Hash, KeyUse, Kind, canonical};

/// Verifies a bundle.
pub fn verify_bundle(bytes: &[u8], options: &Options) -> Report {
    let mut report = Report::new(TargetKind::Bundle);
    if let Err(fault) = check(bytes, options, &mut report) {
        report.fail(fault);
    }
    report.finish(options)
}

/// What a bundle does not prove.
#[derive(Debug, thiserror::Error)]
enum Unproved {
    #[error("inclusion: {0}")]
    Inclusion(#[from] ProofError),
    #[error(transparent)]
    Record(#[from] RecordFormError),
    #[error(transparent)]
    Canonical(#[from] WriteError),
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    #[error("the key record is not in the checkpoint's key map")]
    NotInMap,
    #[error("the key record names no introduction")]
    NoIntroduction,
    #[error("the key was not valid at the entry's position")]
    NotValid,
    #[error("the introduction is not the one the key record names")]
    OtherIntroduction,
    #[error("the introduction does not name the signing key")]
    NotNamed,
    #[error("the rotation is another author's")]
    OtherAuthor,
    #[error("the rotation is not signed by both keys")]
    HalfSigned,
}

fn check(bytes: &[u8], options: &Options, report: &mut Report) -> Result<(), Fault> {
    let bundle = Bundle::parse(bytes).map_err(|why| Fault::new("bundle", why.to_string()))?;
    let authority = AuthorityKeys::from_records(&bundle.authority);
    let authority = authority.map_err(|why| Fault::new("bundle", why.to_string()))?;
    if bundle.ledger != authority.ledger {
        return Err(Fault::new("bundle", "its ledger id is not that of its authority"));
    }
    pin(&authority, options, report)?;
    let verified = open_checkpoint(&bundle, &authority, options)?;
    let checkpoint = &verified.checkpoint;
    let (_, quorum) = authority.witnesses_at(checkpoint.size);
    report.witnessed(&[Backing::of(&verified, options, quorum)], options);
    report.origin.clone_from(&checkpoint.origin);
    report.size = checkpoint.size;
    report.root = checkpoint.root;
    report.covers(&verified);
    report.count_tails(checkpoint.size);
    report.count("checkpoints", 1);

    let entry = read_record(&record_of(&bundle)).map_err(|why| Fault::new("bundle", why.to_string()))?;
    let seq = entry.record.entry.position.seq;
    let at = |why: Unproved| Fault::new("bundle", why.to_string()).at_seq(seq);
    included(&entry, &bundle.inclusion, checkpoint).map_err(at)?;
    report.chain_head = entry.record.leaf;
    let header = &entry.record.entry.header;
    if header.ledger != authority.ledger && seq != 0 {
        return Err(Fault::new("bundle", "the event is signed for another ledger").at_seq(seq));
    }
    if !signature::verify(&header.key, &header.signing_bytes(), &entry.record.entry.sig) {
        return Err(Fault::new("signature", "the event's signature does not verify").at_seq(seq));
    }
    report.count("signatures", 1);

    let suspect = check_key(&bundle, &entry, checkpoint).map_err(at)?;
    check_introduction(&bundle, &entry, checkpoint).map_err(at)?;
    if let Some(from) = suspect {
        let detail = format!(
            "its key is said to be compromised from entry {from} on: whoever stole it may have signed this"
        );
        report.find(Finding { code: "suspect-key", seq, detail });
    }
    report.proves = Some(Proves {
        seq,
        kind: header.kind.clone(),
        author: header.author.clone(),
        org: header.org.clone(),
        node_id: header.subject_node(),
        ts: header.ts,
        recorded_at: entry.record.entry.position.recorded_at,
        payload: bundle.payload.is_some(),
    });
    report.count("bundle", 1);
    Ok(())
}

fn open_checkpoint(bundle: &Bundle, authority: &AuthorityKeys, options: &Options) -> Result<Verified, Fault> {
    let fault = |detail: String| Fault::new("checkpoint", detail);
    let note = proofs::note::Note::parse(bundle.checkpoint.as_bytes()).map_err(|e| fault(e.to_string()))?;
    let said = Checkpoint::parse(&note.text).map_err(|e| fault(e.to_string()))?;
    if said.origin != authority.origin {
        return Err(fault("the checkpoint is of another ledger".to_owned()));
    }
    let keys: Vec<_> = authority.key_at(KeyUse::Checkpoint, said.size).into_iter().collect();
    let (own, _) = authority.witnesses_at(said.size);
    Checkpoint::open(bundle.checkpoint.as_bytes(), &keys, &options.trust.known_with(own))
        .map_err(|e| fault(e.to_string()))
}

/// The bundle's entry, payload and salt as a record.
fn record_of(bundle: &Bundle) -> serde_json::Value {
    let mut record = serde_json::json!({"entry": bundle.entry});
    if let Some(object) = record.as_object_mut() {
        if let Some(payload) = &bundle.payload {
            object.insert("payload".to_owned(), payload.clone());
        }
        if let Some(salt) = &bundle.salt {
            object.insert("salt".to_owned(), salt.to_hex().into());
        }
    }
    record
}

fn included(item: &Replayed, path: &[Hash], checkpoint: &Checkpoint) -> Result<(), Unproved> {
    let seq = item.record.entry.position.seq;
    Ok(verify_inclusion::<Blake3>(&item.record.leaf, seq, checkpoint.size, path, &checkpoint.root)?)
}

/// The signing key was valid when it signed, as of the checkpoint. Gives the entry from which on it is in doubt, if this
/// one is.
fn check_key(bundle: &Bundle, entry: &Replayed, checkpoint: &Checkpoint) -> Result<Option<u64>, Unproved> {
    let key = entry.record.entry.header.key;
    let path = key_path(&key);
    let value = canonical::to_vec(&bundle.key.record)?;
    if !map::verify_presence(&checkpoint.keys, &path, &value, &bundle.key.path) {
        return Err(Unproved::NotInMap);
    }
    let seq = entry.record.entry.position.seq;
    let number = |field: &str| bundle.key.record.get(field).and_then(serde_json::Value::as_u64);
    let introduced = number("introduced").ok_or(Unproved::NoIntroduction)?;
    let since = introduced < seq || (introduced == 0 && seq == 0);
    // The entry that replaces a key is the last one the old key signs.
    let kind = &entry.record.entry.header.kind;
    let closes_itself = |until| until == seq && matches!(kind, Kind::Authority | Kind::KeyRotation);
    if !since || number("until").is_some_and(|until| seq >= until && !closes_itself(until)) {
        return Err(Unproved::NotValid);
    }
    Ok(number("suspect_from").filter(|from| seq >= *from))
}

/// The record that introduced the key says so, and is where the key record puts it.
fn check_introduction(bundle: &Bundle, entry: &Replayed, checkpoint: &Checkpoint) -> Result<(), Unproved> {
    let introduction = read_record(&bundle.introduction.record)?;
    included(&introduction, &bundle.introduction.inclusion, checkpoint)?;
    let key = entry.record.entry.header.key;
    let at = introduction.record.entry.position.seq;
    if bundle.key.record.get("introduced").and_then(serde_json::Value::as_u64) != Some(at) {
        return Err(Unproved::OtherIntroduction);
    }
    let json = introduction.record.payload.as_ref().map_or("", |p| &p.json);
    let names_key = match introduction.record.entry.header.kind {
        Kind::Key => serde_json::from_str::<KeyIntroduction>(json).is_ok_and(|p| p.key == key),
        Kind::KeyRotation => return check_rotation(&introduction, bundle, entry),
        Kind::Genesis => serde_json::from_str::<Genesis>(json)
            .is_ok_and(|p| p.listed_keys().iter().any(|(listed, _)| *listed == key)),
        Kind::Authority => {
            serde_json::from_str::<spec::payload::Authority>(json).is_ok_and(|p| p.change.new == key)
        }
        _ => false,
    };
    if names_key { Ok(()) } else { Err(Unproved::NotNamed) }
}

/// The key before has signed the rotation, the key after it its possession, and both are the author's.
fn check_rotation(introduction: &Replayed, bundle: &Bundle, entry: &Replayed) -> Result<(), Unproved> {
    let json = introduction.record.payload.as_ref().map_or("", |p| &p.json);
    let says: KeyRotation = serde_json::from_str(json)?;
    let (header, signer) = (&introduction.record.entry.header, &entry.record.entry.header);
    if says.key != signer.key {
        return Err(Unproved::NotNamed);
    }
    let author = bundle.key.record.get("author").and_then(serde_json::Value::as_str);
    if author != Some(header.author.to_string().as_str()) || header.author != signer.author {
        return Err(Unproved::OtherAuthor);
    }
    let statement = rotation_possession_bytes(&header.author, &says.key, &bundle.ledger, &says.replaces);
    let holds = says.replaces == header.key
        && signature::verify(&header.key, &header.signing_bytes(), &introduction.record.entry.sig)
        && signature::verify(&says.key, &statement, &says.pop);
    if holds { Ok(()) } else { Err(Unproved::HalfSigned) }
}
